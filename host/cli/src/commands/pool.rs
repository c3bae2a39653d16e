//! `pool …` and `status`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use hangar_config::Environment;
use hangar_operations::{Failure, History, Identity, KeyChange, Outcome, PoolStatus};
use hangar_plan::diagnostic::Severity;
use serde_json::json;

use crate::args::Global;
use crate::commands::session::{Consent, open};
use crate::commands::up::consent;
use crate::output::Output;
use crate::picture;

/// Commands of a pool.
#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    Create(CreateArgs),
    /// Ask to join a pool
    ///
    /// Publishes our record: public data and nothing else. Prints our fingerprint; read it, or its words, to the member who
    /// invites us.
    Request(RecoveryArgs),
    Invite(InviteArgs),
    Accept(AcceptArgs),
    Reject(RejectArgs),
    Join(JoinArgs),
    Leave(LeaveArgs),
    Evict(EvictArgs),
    /// Issue new leaves and let every node load them
    RotateCerts(ChangeArgs),
    /// Go over to a new certificate authority, together with the other members
    ///
    /// Each of them accepts it; the old one leaves the bundles once every node shows a leaf of the new one. No node is refused
    /// meanwhile. Ctrl-C is safe.
    RotateCa(ChangeArgs),
    RotateKey(RotateKeyArgs),
    /// Check everything that can be checked from here
    ///
    /// The pool as `status` shows it, the history of all records, and when certificates end. Exits with 4 where something is
    /// wrong.
    Verify,
    /// Write every record that was ever held here into one file
    Export(FileArgs),
    /// Take in records that came by another way than the carrier
    Import(FileArgs),
    History(HistoryArgs),
    /// Draw the pool as we see it
    ///
    /// Every own node is asked for the cluster's identity, liveness and ranges; every other member's node for whether it
    /// takes a certificate of ours.
    Status,
}

/// Found a pool
///
/// The only command that ever initialises a database, once in the pool's life. Everybody else joins.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    recovery: RecoveryArgs,
}

/// Where a recovery key goes.
#[derive(Debug, Args)]
pub(crate) struct RecoveryArgs {
    /// Make a recovery key and write it to this new file; keep it offline: it replaces a lost or stolen key
    #[arg(long, value_name = "FILE")]
    recovery: Option<PathBuf>,
}

/// Invite a joiner, and stay until it is in
///
/// Votes for the joiner, deploys its authority once all have voted, and proves that its nodes accept us. Ctrl-C is safe:
/// the same command, or `hangar up`, goes on.
#[derive(Debug, Args)]
pub(crate) struct InviteArgs {
    /// Fingerprint of the joiner's key, compared by voice
    #[arg(long, value_name = "FINGERPRINT")]
    to: String,
}

/// Accept a proposed change, and stay until it is closed
#[derive(Debug, Args)]
pub(crate) struct AcceptArgs {
    /// Member whom the change is about
    member: String,
    /// Vouch for this new key of the member, which has lost its own; compared by voice
    #[arg(long, value_name = "FINGERPRINT")]
    key: Option<String>,
}

/// Say no to a proposed change
///
/// Its proposer then takes it back. Of a change of our own: takes it back. Of a join that is open, whose time is over and whose
/// joiner was not seen: gives it up, together with the others, and takes the joiner's authority out again.
#[derive(Debug, Args)]
pub(crate) struct RejectArgs {
    /// Member whom the change is about
    member: String,
}

/// Leave the pool
///
/// Once all have accepted: stops the API, takes our nodes out of the cluster in one go (refused where what remains could not
/// hold every range), and publishes that we are gone. The others then drop our authority. `hangar down` takes the rest down.
#[derive(Debug, Args)]
pub(crate) struct LeaveArgs {
    /// Agree that the pool will survive no loss of an organisation any more
    #[arg(long)]
    lose_tolerance: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Put out a member that is dead
///
/// Looks whether its nodes are dead, asks it by a proposal that it would answer if it lived, waits for the pool's own period and
/// the votes of more than half, then takes its nodes out of the cluster and its authority out of the bundles. Ctrl-C is safe.
#[derive(Debug, Args)]
pub(crate) struct EvictArgs {
    /// The dead member
    member: String,
    /// Decide alone, in a pool of two: if the other one is only out of reach, the pool has split
    #[arg(long)]
    alone: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Consent to a change.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl ChangeArgs {
    pub(crate) fn consent(&self) -> Consent {
        consent(self.yes, self.dry_run)
    }
}

/// Replace our organisation key
///
/// One record is signed by the former and the new key. A key that is lost, or that somebody else has signed with, is replaced
/// with the recovery key; without one the others vouch for the new one.
#[derive(Debug, Args)]
pub(crate) struct RotateKeyArgs {
    /// Recovery key, as `pool create` or `pool request` wrote it
    #[arg(long, value_name = "FILE", conflicts_with = "vouched")]
    recovery: Option<PathBuf>,
    /// Sign with the new key alone: most of the others run `hangar pool accept US --key FINGERPRINT`
    #[arg(long)]
    vouched: bool,
}

/// A file of records.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The file
    file: PathBuf,
}

/// Tell what every record changed
///
/// Signatures and the chain of each member are verified, with nothing but the records. Exits with 4 where they are not in order.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// A file that `pool export` wrote, instead of what is kept here
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Join an existing pool
///
/// Waits until every member has deployed our authority and accepts us, then starts our nodes. Never initialises a database.
#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// Fingerprint of the inviting member's key, compared by voice
    #[arg(long, value_name = "FINGERPRINT")]
    from: String,
}

pub(crate) async fn run(
    global: &Global,
    command: PoolCommand,
    output: Output,
    environment: Arc<Environment>,
) -> Result<(), Failure> {
    let given = match &command {
        PoolCommand::Create(args) => consent(args.yes, false),
        PoolCommand::Leave(LeaveArgs { change, .. })
        | PoolCommand::Evict(EvictArgs { change, .. })
        | PoolCommand::RotateCerts(change)
        | PoolCommand::RotateCa(change) => change.consent(),
        _ => Consent::Given,
    };
    let (session, lines) = open(global, given, output, environment)?;
    let done = match &command {
        PoolCommand::Create(args) => {
            let recovery = args.recovery.recovery.as_deref();
            session.pool_create(recovery).await.map(|(_, identity)| founded(&identity, output))
        }
        PoolCommand::Request(args) => {
            session.pool_request(args.recovery.as_deref()).await.map(|identity| asked(&identity, output))
        }
        PoolCommand::Invite(args) => session
            .pool_invite(&args.to)
            .await
            .map(|_| say(output, "invite", "The change is closed: the joiner is in.")),
        PoolCommand::Accept(AcceptArgs { member, key: Some(key) }) => {
            let text = "Vouched for. Once most of the others have too, its new key is in force.";
            session.pool_vouch(member, key).await.map(|done| outcome(output, "accept", done, text))
        }
        PoolCommand::Accept(args) => {
            session.pool_accept(&args.member).await.map(|done| outcome(output, "accept", done, "The change is closed."))
        }
        PoolCommand::Join(args) => {
            session.pool_join(&args.from).await.map(|_| say(output, "join", "We are in the pool."))
        }
        PoolCommand::Reject(args) => {
            session.pool_reject(&args.member).await.map(|done| outcome(output, "reject", done, "Rejected."))
        }
        PoolCommand::Leave(args) => {
            let text = "We are out of the pool. `hangar down` takes the instance down.";
            session.pool_leave(args.lose_tolerance).await.map(|done| outcome(output, "leave", done, text))
        }
        PoolCommand::Evict(args) => {
            let text = format!("`{}` is out of the pool.", args.member);
            session.pool_evict(&args.member, args.alone).await.map(|done| outcome(output, "evict", done, &text))
        }
        PoolCommand::RotateCerts(_) => {
            let text = "Every node shows its new certificate.";
            session.pool_rotate_certs().await.map(|done| outcome(output, "rotate-certs", done, text))
        }
        PoolCommand::RotateCa(_) => {
            let text = "The new authority is in use, and the old one is out of every bundle.";
            session.pool_rotate_ca().await.map(|done| outcome(output, "rotate-ca", done, text))
        }
        PoolCommand::RotateKey(args) => {
            let how = match &args.recovery {
                Some(file) => KeyChange::Recovery(file),
                None if args.vouched => KeyChange::Vouched,
                None => KeyChange::Former,
            };
            session.pool_rotate_key(how).await.map(|identity| {
                let text = format!("Our organisation key is another one.\n{}", card(&identity));
                output.answer("identity", &text, &identity);
            })
        }
        PoolCommand::Verify => {
            let status = session.pool_verify().await;
            lines.finish();
            status.and_then(|status| verified(&status, output))
        }
        PoolCommand::Export(args) => session.pool_export(&args.file).await.map(|n_records| {
            let text = format!("Wrote {n_records} records to `{}`.", args.file.display());
            output.answer("export", &text, &json!({"file": args.file, "records": n_records}));
        }),
        PoolCommand::Import(args) => session.pool_import(&args.file).await.map(|found| {
            for finding in &found {
                output.note(&format!("{}: {}", finding.subject, finding.message));
            }
            let text = format!("Took in what `{}` holds; {} findings.", args.file.display(), found.len());
            output.answer("import", &text, &found);
        }),
        PoolCommand::History(args) => {
            session.pool_history(args.file.as_deref()).await.and_then(|history| told(&history, output))
        }
        // A picture is drawn where no line is live any more.
        PoolCommand::Status => {
            let status = session.pool_status().await;
            lines.finish();
            status.map(|status| drawn(&status, output))
        }
    };
    lines.finish();
    done
}

fn verified(status: &PoolStatus, output: Output) -> Result<(), Failure> {
    drawn(status, output);
    let n_wrong = status.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if n_wrong == 0 {
        return Ok(());
    }
    let first = status.findings.iter().find(|finding| finding.severity == Severity::Error);
    let failure = Failure::person(format!("{n_wrong} things are wrong with the pool"));
    Err(match first.and_then(|finding| finding.cure.as_ref().map(|cure| (finding.whose.as_deref(), cure))) {
        Some((Some(whose), cure)) => failure.hint_is(format!("{whose}: {cure}")),
        Some((None, cure)) => failure.hint_is(cure.clone()),
        None => failure,
    })
}

fn told(history: &History, output: Output) -> Result<(), Failure> {
    for event in history.events.iter().filter(|event| !event.what.is_empty()) {
        let text = format!("{} {}#{}: {}", moment(event.at_ms), event.member, event.sequence, event.what.join("; "));
        output.answer("event", &text, event);
    }
    for finding in &history.findings {
        let whose = finding.member.as_ref().map(ToString::to_string).unwrap_or_default();
        output.note(&format!("{whose}: {}", finding.problem));
    }
    let n_wrong = history.findings.iter().filter(|finding| !finding.problem.is_remark()).count();
    if n_wrong > 0 {
        return Err(Failure::person(format!("{n_wrong} records of the history are not in order"))
            .hint_is("compare with the history of another member: `hangar pool export`"));
    }
    Ok(())
}

/// Milliseconds since 1970, as a date and a time.
fn moment(at_ms: u64) -> String {
    let seconds = i64::try_from(at_ms / 1000).unwrap_or_default();
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_else(|| at_ms.to_string())
}

/// How a change ended.
pub(crate) fn outcome(output: Output, kind: &str, done: Outcome, text: &str) {
    match done {
        Outcome::Done => say(output, kind, text),
        Outcome::Unchanged => say(output, kind, "It was so already."),
        Outcome::Declined => say(output, kind, "Nothing was changed."),
    }
}

/// Draws the pool.
pub(crate) async fn status(global: &Global, output: Output, environment: Arc<Environment>) -> Result<(), Failure> {
    let (session, lines) = open(global, Consent::Given, output, environment)?;
    let status = session.pool_status().await;
    lines.finish();
    status.map(|status| drawn(&status, output))
}

fn drawn(status: &PoolStatus, output: Output) {
    output.answer("pool-status", &picture::draw(status, output.colour), status);
}

fn founded(identity: &Identity, output: Output) {
    let text = format!(
        "Pool `{}` is founded.\n{}\nJoiners compare it by voice: `hangar pool join --from {}`.",
        identity.pool,
        card(identity),
        identity.fingerprint
    );
    output.answer("identity", &text, identity);
}

fn asked(identity: &Identity, output: Output) {
    let text = format!(
        "Asked to join pool `{}`.\n{}\nA member compares it by voice: `hangar pool invite --to {}`.",
        identity.pool,
        card(identity),
        identity.fingerprint
    );
    output.answer("identity", &text, identity);
}

fn card(identity: &Identity) -> String {
    format!(
        "  member       {}\n  fingerprint  {}\n  words        {}",
        identity.member,
        identity.fingerprint,
        identity.words.join(" ")
    )
}

fn say(output: Output, kind: &str, text: &str) {
    output.answer(kind, text, &json!({"text": text}));
}
