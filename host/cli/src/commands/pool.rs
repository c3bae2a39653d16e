//! `pool …` and `status`.

use std::sync::Arc;

use clap::{Args, Subcommand};
use hangar_config::Environment;
use hangar_operations::{Failure, Identity};
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
    Request,
    Invite(InviteArgs),
    Accept(AcceptArgs),
    Join(JoinArgs),
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
        _ => Consent::Given,
    };
    if matches!(command, PoolCommand::Status) {
        return status(global, output, environment).await;
    }
    let (session, lines) = open(global, given, output, environment)?;
    let done = match &command {
        PoolCommand::Create(_) => session.pool_create().await.map(|(_, identity)| founded(&identity, output)),
        PoolCommand::Request => session.pool_request().await.map(|identity| asked(&identity, output)),
        PoolCommand::Invite(args) => session
            .pool_invite(&args.to)
            .await
            .map(|_| say(output, "invite", "The change is closed: the joiner is in.")),
        PoolCommand::Accept(args) => {
            session.pool_accept(&args.member).await.map(|_| say(output, "accept", "The change is closed."))
        }
        PoolCommand::Join(args) => {
            session.pool_join(&args.from).await.map(|_| say(output, "join", "We are in the pool."))
        }
        PoolCommand::Status => Ok(()),
    };
    lines.finish();
    done
}

/// Draws the pool.
pub(crate) async fn status(global: &Global, output: Output, environment: Arc<Environment>) -> Result<(), Failure> {
    let (session, lines) = open(global, Consent::Given, output, environment)?;
    let status = session.pool_status().await;
    lines.finish();
    let status = status?;
    output.answer("pool-status", &picture::draw(&status, output.colour), &status);
    Ok(())
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
