//! What commands on a workspace have in common.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use hangar_config::Environment;
use hangar_operations::{Cause, Failure, Session, Site};
use hangar_plan::plan::Plan;

use crate::args::Global;
use crate::output::Output;
use crate::progress::Lines;

/// Whether the operator has said yes beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// `--yes`, or a command that changes nothing.
    Given,
    /// Show the plan and ask.
    Asked,
    /// Show the plan and change nothing.
    DryRun,
}

/// Opens the workspace and ties it to this terminal.
pub(crate) fn open(
    global: &Global,
    consent: Consent,
    output: Output,
    environment: Arc<Environment>,
) -> Result<(Session, Arc<Lines>), Failure> {
    let asks = !global.no_input && !environment.ci && std::io::stdin().is_terminal();
    let site = Site::open(&global.workspace, environment)?;
    let program =
        std::env::current_exe().map_err(|err| Failure::of(Cause::Bug, "cannot find this very program", err))?;
    let lines = Arc::new(Lines::new(output.json));
    stop_on_signals(&site, Arc::clone(&lines));
    let waiting = {
        let lines = Arc::clone(&lines);
        let json = output.json;
        Arc::new(move |text: &str| if json { output.note(text) } else { lines.live(text) })
    };
    let approve = {
        let lines = Arc::clone(&lines);
        Box::new(move |plan: &Plan| {
            lines.pause(|| {
                output.answer("plan", &plan.to_string(), plan);
                ask(consent, asks)
            })
        })
    };
    let progress = Arc::clone(&lines) as Arc<dyn hangar_engine::Progress>;
    let session = Session { site, program, progress, waiting, approve, adopt: false, allow_replace: Vec::new() };
    Ok((session, lines))
}

fn ask(consent: Consent, asks: bool) -> Result<bool, Failure> {
    match consent {
        Consent::Given => return Ok(true),
        Consent::DryRun => return Ok(false),
        Consent::Asked if !asks => {
            return Err(Failure::refused("nobody is there to approve the plan").hint_is("look at it, then pass --yes"));
        }
        Consent::Asked => {}
    }
    let failed = |err| Failure::of(Cause::Outside, "cannot ask for approval", err);
    let mut stderr = std::io::stderr();
    write!(stderr, "Do this? Only `yes` goes on: ").and_then(|()| stderr.flush()).map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(failed)?;
    Ok(answer.trim() == "yes")
}

/// The first Ctrl-C stops between steps, the second at once.
fn stop_on_signals(site: &Site, lines: Arc<Lines>) {
    let cancel = site.cancel.clone();
    tokio::spawn(async move {
        let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
            return;
        };
        loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            let level = cancel.press();
            lines.say(match level {
                hangar_engine::Level::Aborting => "stopping at once; the same command goes on later",
                _ => "stopping after what is under way; once more stops at once",
            });
        }
    });
}
