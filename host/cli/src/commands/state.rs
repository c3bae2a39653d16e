//! `drift` and `unlock`.

use std::sync::Arc;

use hangar_config::Environment;
use hangar_operations::{Allowance, Drift, Failure, Unlocked};

use crate::args::Global;
use crate::commands::session::{Consent, open};
use crate::output::Output;

pub(crate) async fn drift(global: &Global, output: Output, environment: Arc<Environment>) -> Result<(), Failure> {
    let (session, lines) = open(global, Consent::DryRun, output, environment)?;
    let drift = session.drift().await;
    lines.finish();
    let drift = drift?;
    output.answer("drift", &text(&drift), &drift);
    match drift.unanswered().count() {
        0 => Ok(()),
        n => Err(Failure::person(format!("{n} changes were made outside, and nobody answers for them")).hint_is(
            "`hangar up` takes them back; or allow one in hangar.hcl: \
             `drift \"ADDRESS\" { owner = \"…\", until = \"2026-12-31\", reason = \"…\" }`",
        )),
    }
}

pub(crate) async fn unlock(global: &Global, output: Output, environment: Arc<Environment>) -> Result<(), Failure> {
    let (session, lines) = open(global, Consent::Given, output, environment)?;
    let unlocked = session.unlock().await;
    lines.finish();
    let unlocked = unlocked?;
    let text = match &unlocked {
        Unlocked::Free => "Nobody holds the lock of the state.".to_owned(),
        Unlocked::Broken(lock) => format!("Broke the lock of {lock}: a killed run of this workspace had left it."),
    };
    output.answer("unlock", &text, &unlocked);
    Ok(())
}

fn text(drift: &Drift) -> String {
    let mut lines = Vec::new();
    for change in &drift.changes {
        let by = match &change.allowed {
            Some(allowed) => format!("  allowed until {} ({}: {})", allowed.until, allowed.owner, allowed.reason),
            None => String::new(),
        };
        lines.push(format!("  {} {}{by}", change.action, change.address));
    }
    if lines.is_empty() {
        lines.push("Nothing was changed outside.".to_owned());
    } else {
        lines.insert(0, "Changed outside:".to_owned());
    }
    let idle = |one: &Allowance| format!("  drift \"{}\" of {}, until {}", one.address, one.owner, one.until);
    if !drift.idle.is_empty() {
        lines.push("Allowances that are over, or that nothing needs:".to_owned());
        lines.extend(drift.idle.iter().map(idle));
    }
    lines.join("\n")
}
