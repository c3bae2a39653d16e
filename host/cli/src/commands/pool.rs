//! `pool …` and `status`.

use std::error::Error;
use std::sync::Arc;

use hangar_config::Environment;
use hangar_operations::{Carry, Cause, Failure, KeyChange, Outcome, PoolChange, Session, Tally};
use serde_json::json;

use crate::args::Global;
use crate::commands::session::{Consent, open};
use crate::commands::up::consent;
use crate::output::Output;
use crate::progress::Lines;

mod answer;
mod args;

use answer::Answer;
pub(crate) use answer::changed;
use args::{AcceptArgs, CarryArgs, EvictArgs, LeaveArgs};
pub(crate) use args::{ChangeArgs, PoolCommand};

pub(crate) async fn run(
    global: &Global,
    command: PoolCommand,
    output: Output,
    environment: Arc<Environment>,
) -> Result<(), Failure> {
    if let PoolCommand::Carry(args) = command {
        return carry(args, output).await;
    }
    let given = match &command {
        PoolCommand::Create(args) => consent(args.yes, false),
        PoolCommand::Leave(LeaveArgs { change, .. })
        | PoolCommand::Evict(EvictArgs { change, .. })
        | PoolCommand::RotateCerts(change)
        | PoolCommand::RotateCa(change) => change.consent(),
        _ => Consent::Given,
    };
    let (session, lines) = open(global, given, output, environment)?;
    let answer = ask(&session, command, output, &lines).await;
    lines.finish();
    answer?.tell(output)
}

/// Does it, and says nothing yet.
async fn ask(session: &Session, command: PoolCommand, output: Output, lines: &Lines) -> Result<Answer, Failure> {
    if let Some((kind, change)) = preview(&command) {
        let outcome = session.pool_preview(change).await?;
        return Ok(Answer::Changed { kind, outcome, text: String::new() });
    }
    let done = |kind, text: &str| Answer::Changed { kind, outcome: Outcome::Done, text: text.to_owned() };
    let ended = |kind, outcome: Outcome, text: &str| Answer::Changed { kind, outcome, text: text.to_owned() };
    Ok(match command {
        PoolCommand::Create(args) => {
            let recovery = args.recovery.recovery.as_deref();
            let adoption = args.adopt.adoption();
            match session.pool_create(recovery, args.silence, adoption.as_ref()).await? {
                Some(identity) => Answer::Founded(identity),
                None => ended("create", Outcome::Declined, ""),
            }
        }
        PoolCommand::Request(args) => {
            let (recovery, adoption) = (args.recovery.recovery.as_deref(), args.adopt.adoption());
            Answer::Asked(session.pool_request(recovery, adoption.as_ref()).await?)
        }
        PoolCommand::Invite(args) => {
            session.pool_invite(&args.to).await?;
            done("invite", "The change is closed: the joiner is in.")
        }
        PoolCommand::Accept(AcceptArgs { member, key: Some(key) }) => {
            let text = "Vouched for. Once most of the others have too, its new key is in force.";
            ended("accept", session.pool_vouch(&member, &key).await?, text)
        }
        PoolCommand::Accept(args) => ended("accept", session.pool_accept(&args.member).await?, "The change is closed."),
        PoolCommand::Join(args) => {
            session.pool_join(&args.from).await?;
            done("join", "We are in the pool.")
        }
        PoolCommand::Reject(args) => ended("reject", session.pool_reject(&args.member).await?, "Rejected."),
        PoolCommand::Leave(args) => {
            let text = "We are out of the pool. `hangar down` takes the instance down.";
            ended("leave", session.pool_leave(args.lose_tolerance).await?, text)
        }
        PoolCommand::Evict(args) => {
            let text = format!("`{}` is out of the pool.", args.member);
            ended("evict", session.pool_evict(&args.member, args.alone).await?, &text)
        }
        PoolCommand::RotateCerts(_) => {
            ended("rotate-certs", session.pool_rotate_certs().await?, "Every node shows its new certificate.")
        }
        PoolCommand::RotateCa(_) => {
            let text = "The new authority is in use, and the old one is out of every bundle.";
            ended("rotate-ca", session.pool_rotate_ca().await?, text)
        }
        PoolCommand::RotateKey(args) => {
            let how = match &args.recovery {
                Some(file) => KeyChange::Recovery(file),
                None if args.vouched => KeyChange::Vouched,
                None => KeyChange::Former,
            };
            Answer::Rekeyed(session.pool_rotate_key(how).await?)
        }
        PoolCommand::Verify => Answer::Verified(session.pool_verify().await?),
        PoolCommand::Export(args) => {
            let n_records = session.pool_export(&args.file).await?;
            Answer::Exported { file: args.file, n_records }
        }
        PoolCommand::Import(args) => {
            let found = session.pool_import(&args.file).await?;
            Answer::Imported { file: args.file, found }
        }
        PoolCommand::History(args) => Answer::Told(session.pool_history(args.file.as_deref()).await?),
        PoolCommand::Carry(_) => unreachable!("it needs no session, and was done before there is one"),
        PoolCommand::Status(args) if args.wait => {
            let tell = |tally: &Tally| {
                output.object("pool-tally", tally);
                if !output.json {
                    lines.say(&tally.to_string());
                }
            };
            Answer::Drawn(session.pool_wait(args.timeout, &tell).await?)
        }
        PoolCommand::Status(_) => Answer::Drawn(session.pool_status().await?),
    })
}

/// What is only to be shown, with the kind of its answer.
fn preview(command: &PoolCommand) -> Option<(&'static str, PoolChange<'_>)> {
    match command {
        PoolCommand::Leave(LeaveArgs { change, lose_tolerance }) if change.dry_run => {
            Some(("leave", PoolChange::Leave { lose_tolerance: *lose_tolerance }))
        }
        PoolCommand::Evict(EvictArgs { change, member, alone }) if change.dry_run => {
            Some(("evict", PoolChange::Evict { member, alone: *alone }))
        }
        PoolCommand::RotateCerts(change) if change.dry_run => Some(("rotate-certs", PoolChange::RotateCerts)),
        PoolCommand::RotateCa(change) if change.dry_run => Some(("rotate-ca", PoolChange::RotateCa)),
        _ => None,
    }
}

async fn carry(args: CarryArgs, output: Output) -> Result<(), Failure> {
    let carry = Carry::read(&args.folder, args.listen, &args.certificate, &args.key, args.token_file.as_deref())?;
    let failed = |err| Failure::of(Cause::Refused, "the records cannot be served", err);
    let serving = carry.listen().await.map_err(|err| failed(Box::<dyn Error + Send + Sync>::from(err)))?;
    let address = serving.address().map_err(|err| failed(err.into()))?;
    let text = format!("Serving `{}` at https://{address}/ until Ctrl-C.", args.folder.display());
    output.answer("carry", &text, &json!({"folder": args.folder, "address": address}));
    tokio::select! {
        () = serving.run() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}

/// Draws the pool.
pub(crate) async fn status(global: &Global, output: Output, environment: Arc<Environment>) -> Result<(), Failure> {
    let (session, lines) = open(global, Consent::Given, output, environment)?;
    let status = session.pool_status().await;
    lines.finish();
    Answer::Drawn(status?).tell(output)
}
