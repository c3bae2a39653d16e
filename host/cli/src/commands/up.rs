//! `plan`, `up`, `down`.

use std::sync::Arc;

use clap::Args;
use hangar_config::Environment;
use hangar_operations::{Failure, Outcome};
use serde_json::json;

use crate::args::Global;
use crate::commands::session::{Consent, open};
use crate::output::Output;

/// Bring the instance to what the workspace says
///
/// Shows the plan, asks, and does exactly it: infrastructure, keys, namespace, and for a member of a pool whatever it owes
/// the others. Run again, it goes on where it was stopped, or changes nothing.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// Show the plan and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Take over what others made of the services
    ///
    /// Objects made by hand or by another tool, a release of another journal, and fields that others own become part of our
    /// release. The plan names each of them. No volume is replaced; where one would be, it is refused.
    #[arg(long)]
    adopt: bool,
    /// Let this resource be replaced or removed, though it holds data or partners know it; may be given again
    #[arg(long, value_name = "ADDRESS")]
    allow_replace: Vec<String>,
}

/// Take the instance down
///
/// Uninstalls the release, then destroys what terraform made. Refused while other organisations are in its pool, and while its
/// infrastructure is protected against deletion.
#[derive(Debug, Args)]
pub(crate) struct DownArgs {
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// Show the plan and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

pub(crate) async fn plan(global: &Global, output: Output, environment: Arc<Environment>) -> Result<(), Failure> {
    let (session, lines) = open(global, Consent::DryRun, output, environment)?;
    let plan = session.plan().await;
    lines.finish();
    let plan = plan?;
    output.answer("plan", &plan.to_string(), &plan);
    Ok(())
}

pub(crate) async fn run(
    global: &Global,
    args: UpArgs,
    output: Output,
    environment: Arc<Environment>,
) -> Result<(), Failure> {
    let (mut session, lines) = open(global, consent(args.yes, args.dry_run), output, environment)?;
    session.adopt = args.adopt;
    session.allow_replace = args.allow_replace;
    let outcome = session.up().await;
    lines.finish();
    let name = session.site.workspace.instance.name.to_string();
    let words = match outcome? {
        Outcome::Unchanged => format!("Instance `{name}` is as it should be: nothing was done."),
        Outcome::Done => {
            format!("Instance `{name}` stands. Next: `hangar pool create`, or `hangar pool request` to join one.")
        }
        Outcome::Declined => "Nothing was changed.".to_owned(),
    };
    output.answer("up", &words, &json!({"instance": name, "text": words}));
    Ok(())
}

pub(crate) async fn down(
    global: &Global,
    args: DownArgs,
    output: Output,
    environment: Arc<Environment>,
) -> Result<(), Failure> {
    let (session, lines) = open(global, consent(args.yes, args.dry_run), output, environment)?;
    let outcome = session.down().await;
    lines.finish();
    let name = session.site.workspace.instance.name.to_string();
    let words = match outcome? {
        Outcome::Unchanged => format!("Nothing of instance `{name}` stood."),
        Outcome::Done => format!(
            "Instance `{name}` is gone: no release, no volume, no resource is left. Its keys stay in the secret store."
        ),
        Outcome::Declined => "Nothing was changed.".to_owned(),
    };
    output.answer("down", &words, &json!({"instance": name, "text": words}));
    Ok(())
}

pub(crate) fn consent(yes: bool, dry_run: bool) -> Consent {
    match (yes, dry_run) {
        (_, true) => Consent::DryRun,
        (true, false) => Consent::Given,
        (false, false) => Consent::Asked,
    }
}
