//! `doctor`.

use std::sync::Arc;

use hangar_config::Environment;
use hangar_operations::{Cause, Diagnosis, Failure, Health};

use crate::args::Global;
use crate::commands::session::{Consent, open};
use crate::output::Output;

pub(crate) async fn run(global: &Global, output: Output, environment: Arc<Environment>) -> Result<(), Failure> {
    let (session, lines) = open(global, Consent::DryRun, output, environment)?;
    let found = session.doctor().await;
    lines.finish();
    for diagnosis in &found {
        output.answer("diagnosis", &text(diagnosis), diagnosis);
    }
    let bad: Vec<_> = found.iter().filter(|diagnosis| diagnosis.health == Health::Bad).collect();
    if bad.is_empty() {
        return Ok(());
    }
    // What the operator typed comes before what others do.
    let causes = [Cause::Bug, Cause::Interrupted, Cause::Refused, Cause::Person, Cause::Outside];
    let worst = causes.into_iter().find(|cause| bad.iter().any(|diagnosis| diagnosis.cause == Some(*cause)));
    let subjects: Vec<_> = bad.iter().map(|diagnosis| diagnosis.subject.as_str()).collect();
    Err(Failure::new(worst.unwrap_or(Cause::Outside), format!("not all is as it should be: {}", subjects.join(", ")))
        .hint_is("each finding above has its cure"))
}

fn text(diagnosis: &Diagnosis) -> String {
    let health = match diagnosis.health {
        Health::Good => "good   ",
        Health::Warning => "warning",
        Health::Bad => "bad    ",
    };
    let mut text = format!("{health} {}: {}", diagnosis.subject, diagnosis.message);
    if let Some(cure) = diagnosis.cure.as_ref().filter(|_| diagnosis.health != Health::Good) {
        text.push_str(&format!("\n        cure: {cure}"));
    }
    text
}
