//! What a command of a pool says once it is over. Nothing is printed while a line is live.

use std::path::PathBuf;

use hangar_operations::{Failure, History, Identity, Outcome, PoolStatus};
use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::decision::Finding;
use serde_json::json;

use crate::output::Output;
use crate::picture;

/// What a command of a pool says once it is over.
pub(crate) enum Answer {
    /// A pool was founded.
    Founded(Identity),
    /// Somebody asks to join.
    Asked(Identity),
    /// An organisation key was replaced.
    Rekeyed(Identity),
    /// A change and how it ended, with the words for one that was made.
    Changed { kind: &'static str, outcome: Outcome, text: String },
    /// The pool as it is.
    Drawn(PoolStatus),
    /// The same, as a verdict.
    Verified(PoolStatus),
    /// Records were written to a file.
    Exported { file: PathBuf, n_records: usize },
    /// Records of a file were taken in, and what was found in them.
    Imported { file: PathBuf, found: Vec<Finding> },
    /// What all records say.
    Told(History),
}

impl Answer {
    /// Says it.
    pub(crate) fn tell(self, output: Output) -> Result<(), Failure> {
        match self {
            Self::Founded(identity) => {
                let next = format!("Joiners compare it by voice: `hangar pool join --from {}`.", identity.fingerprint);
                let text = format!("Pool `{}` is founded.\n{}\n{next}", identity.pool, card(&identity));
                output.answer("identity", &text, &identity);
            }
            Self::Asked(identity) => {
                let next =
                    format!("A member compares it by voice: `hangar pool invite --to {}`.", identity.fingerprint);
                let text = format!("Asked to join pool `{}`.\n{}\n{next}", identity.pool, card(&identity));
                output.answer("identity", &text, &identity);
            }
            Self::Rekeyed(identity) => {
                let text = format!("Our organisation key is another one.\n{}", card(&identity));
                output.answer("identity", &text, &identity);
            }
            Self::Changed { kind, outcome, text } => changed(output, kind, outcome, &text),
            Self::Drawn(status) => drawn(&status, output),
            Self::Verified(status) => {
                drawn(&status, output);
                return verdict(&status);
            }
            Self::Exported { file, n_records } => {
                let text = format!("Wrote {n_records} records to `{}`.", file.display());
                output.answer("export", &text, &json!({"file": file, "records": n_records}));
            }
            Self::Imported { file, found } => {
                for finding in &found {
                    output.note(&format!("{}: {}", finding.subject, finding.message));
                }
                let text = format!("Took in what `{}` holds; {} findings.", file.display(), found.len());
                output.answer("import", &text, &found);
                let n_wrong = found.iter().filter(|finding| finding.severity != Severity::Note).count();
                if n_wrong > 0 {
                    return Err(Failure::person(format!("{n_wrong} things in `{}` are not in order", file.display()))
                        .hint_is("what was in order was taken in; talk to who sent the file"));
                }
            }
            Self::Told(history) => return told(&history, output),
        }
        Ok(())
    }
}

/// How a change ended.
pub(crate) fn changed(output: Output, kind: &str, outcome: Outcome, text: &str) {
    let text = match outcome {
        Outcome::Done => text,
        Outcome::Unchanged => "It was so already.",
        Outcome::Declined => "Nothing was changed.",
    };
    output.answer(kind, text, &json!({"text": text, "outcome": outcome}));
}

fn drawn(status: &PoolStatus, output: Output) {
    output.answer("pool-status", &picture::draw(status, output.colour), status);
}

fn verdict(status: &PoolStatus) -> Result<(), Failure> {
    let wrong: Vec<&Finding> = status.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    let Some(first) = wrong.first() else { return Ok(()) };
    Err(Failure::person(format!("{} things are wrong with the pool", wrong.len())).hint_of(first))
}

fn told(history: &History, output: Output) -> Result<(), Failure> {
    for event in history.events.iter().filter(|event| !event.what.is_empty()) {
        let text = format!("{} {}#{}: {}", moment(event.at_ms), event.member, event.sequence, event.what.join("; "));
        output.answer("event", &text, event);
    }
    for finding in &history.findings {
        let whose = finding.member.as_ref().map(ToString::to_string).unwrap_or_default();
        let place = if whose.is_empty() { &finding.source } else { &whose };
        output.note(&format!("{place}: {}", finding.problem));
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

fn card(identity: &Identity) -> String {
    format!(
        "  member       {}\n  fingerprint  {}\n  words        {}",
        identity.member,
        identity.fingerprint,
        identity.words.join(" ")
    )
}
