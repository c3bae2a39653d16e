//! Events in an operator's words.

use std::time::Duration;

use super::event::{Action, Event, Resource};

impl Event {
    /// What it says, in a line for an operator, without the value of anything; none where that is not worth a line.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        Some(match self {
            Self::Init { message } => message.lines().find(|line| !line.trim().is_empty())?.trim().to_owned(),
            Self::Refreshing(resource) => format!("reading `{}`", resource.address),
            Self::Started(resource) => format!("{} `{}`", verbs(resource).doing, resource.address),
            Self::Running(resource) => match resource.elapsed_s {
                Some(seconds) => {
                    format!("still {} `{}`, {}", verbs(resource).doing, resource.address, since(whole(seconds)))
                }
                None => format!("still {} `{}`", verbs(resource).doing, resource.address),
            },
            Self::Completed(resource) => {
                let after = resource.elapsed_s.filter(|seconds| *seconds >= 1.0);
                let after = after.map(|seconds| format!(" in {}", since(whole(seconds)))).unwrap_or_default();
                format!("{} `{}`{after}", verbs(resource).done, resource.address)
            }
            Self::Errored(resource) => format!("failed {} `{}`", verbs(resource).doing, resource.address),
            Self::Dumped => "the state could be written nowhere, and is taken from what was printed".to_owned(),
            _ => return None,
        })
    }
}

struct Verbs {
    doing: &'static str,
    done: &'static str,
}

fn verbs(resource: &Resource) -> Verbs {
    let (doing, done) = match resource.action {
        Some(Action::Create) => ("creating", "created"),
        Some(Action::Read) => ("reading", "read"),
        Some(Action::Update) => ("changing", "changed"),
        Some(Action::Replace) => ("replacing", "replaced"),
        Some(Action::Delete) => ("removing", "removed"),
        Some(Action::Import) => ("importing", "imported"),
        _ => ("at work on", "done with"),
    };
    Verbs { doing, done }
}

fn whole(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default().as_secs()
}

/// A time in seconds as people say it: `42s`, `2m10s`, `1h02m`.
pub(crate) fn since(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(action: Action, elapsed_s: f64) -> Resource {
        Resource { address: "a.b".to_owned(), action: Some(action), id: None, elapsed_s: Some(elapsed_s) }
    }

    #[test]
    fn what_goes_on_is_said_with_its_age() {
        let said = |event: Event| event.in_words().unwrap_or_default();
        assert_eq!(said(Event::Running(resource(Action::Create, 130.4))), "still creating `a.b`, 2m10s");
        assert_eq!(said(Event::Completed(resource(Action::Delete, 3725.0))), "removed `a.b` in 1h02m");
        assert_eq!(said(Event::Completed(resource(Action::Update, 0.2))), "changed `a.b`");
        assert_eq!(said(Event::Errored(resource(Action::Replace, 9.0))), "failed replacing `a.b`");
        assert_eq!(Event::Raw { text: "x".to_owned() }.in_words(), None);
    }
}
