//! `restart`.

use std::sync::Arc;

use clap::Args;
use hangar_config::Environment;
use hangar_operations::{Failure, Outcome};
use serde_json::json;

use crate::args::Global;
use crate::commands::session::open;
use crate::commands::up::consent;
use crate::output::Output;

/// Let the database nodes take up what was changed for them
///
/// A changed image, setting or join list never restarts a node by itself, nor does taking an instance over. This restarts the
/// nodes that have not taken it up yet: one at a time, the highest number first, and each only while all others are ready, the
/// pool is well and no other member restarts its own; our record says so meanwhile. Stopped in the middle, the same command goes on.
#[derive(Debug, Args)]
pub(crate) struct RestartArgs {
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// Show what would be restarted and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

pub(crate) async fn run(
    global: &Global,
    args: RestartArgs,
    output: Output,
    environment: Arc<Environment>,
) -> Result<(), Failure> {
    let (session, lines) = open(global, consent(args.yes, args.dry_run), output, environment)?;
    let outcome = session.restart().await;
    lines.finish();
    let words = match outcome? {
        Outcome::Unchanged => "Every database node runs what was set for it: nothing was restarted.",
        Outcome::Done => "Every database node runs what was set for it.",
        Outcome::Declined => "Nothing was changed.",
    };
    let name = session.site.workspace.instance.name.to_string();
    output.answer("restart", words, &json!({"instance": name, "text": words}));
    Ok(())
}
