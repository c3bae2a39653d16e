//! Who holds the state lock.

use std::fmt;
use std::time::Duration;

use hangar_durable::ProcessId;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::stream::{Diagnostic, since};

/// How long after its start a tool takes the lock at most. It is the first thing it does once its backend answers.
const TAKEN_WITHIN: Duration = Duration::from_secs(120);

/// What both tools call the failure; `the_lock_of_a_living_run_is_explained` fails when a new one says it otherwise.
const SUMMARY: &str = "Error acquiring the state lock";

/// Who holds a state lock, as far as the tool tells. It tells it only in the text of a diagnostic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateLock {
    /// Its id, which `force-unlock` asks for.
    pub id: String,
    /// User and machine, such as `ana@build-3`.
    pub who: String,
    /// What that run does, such as `apply`.
    pub operation: String,
    /// Since when, in UTC, as the tool writes it.
    pub created: String,
    /// How long it was held when it was seen, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<u64>,
}

impl StateLock {
    /// Reads the lock out of a diagnostic; none if it is about something else.
    #[must_use]
    pub fn in_diagnostic(diagnostic: &Diagnostic) -> Option<Self> {
        if diagnostic.summary != SUMMARY {
            return None;
        }
        let mut lock = Self::default();
        for line in diagnostic.detail.lines() {
            let Some((name, value)) = line.trim().split_once(':') else { continue };
            let value = value.trim();
            match name {
                "ID" => lock.id = value.to_owned(),
                "Who" => lock.who = value.to_owned(),
                // `OperationTypeApply`
                "Operation" => lock.operation = value.trim_start_matches("OperationType").to_lowercase(),
                "Created" => lock.created = value.split('.').next().unwrap_or(value).to_owned(),
                _ => {}
            }
        }
        // The backend `http` tells who asked in place of who holds it, and the holder's id in words beside it.
        let holder = diagnostic
            .detail
            .lines()
            .find_map(|line| line.split_once("already locked: ID=")?.1.split_whitespace().next());
        if let Some(holder) = holder.filter(|holder| *holder != lock.id) {
            return Some(Self { id: holder.to_owned(), ..Self::default() });
        }
        let taken = lock.taken();
        lock.age_s = taken.and_then(|taken| u64::try_from(Timestamp::now().duration_since(taken).as_secs()).ok());
        Some(lock)
    }

    /// When it was taken, to the second.
    fn taken(&self) -> Option<Timestamp> {
        let civil: DateTime = self.created.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    }

    /// Whether it was surely taken by a process of ours that is dead: by this user on this machine, just after that process
    /// was started, and while nobody else could have had it.
    ///
    /// `started_ms` is when our record says that the process was started. Whoever asks knows that the process did not end
    /// by itself: a tool that did has given its lock back. The tools say nothing of their process in a lock, so this is the
    /// strongest proof there is; where the clock has jumped there is none.
    #[must_use]
    pub fn is_of_dead(&self, process: &ProcessId, started_ms: u64) -> bool {
        let Some(taken) = self.taken() else { return false };
        let started = i64::try_from(started_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let Some(started) = started else { return false };
        // It was put on record a moment after it was started, and the lock has no parts of seconds.
        let since_start = taken.as_second() - started.as_second();
        let was_just_started = (-2..=TAKEN_WITHIN.as_secs().cast_signed()).contains(&since_start);
        !process.is_alive() && was_just_started && here().is_some_and(|here| here == self.who)
    }
}

/// User and machine, as the tools write them into a lock.
fn here() -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).ok()??;
    let host = nix::unistd::gethostname().ok()?;
    Some(format!("{}@{}", user.name, host.to_str()?))
}

impl fmt::Display for StateLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.who.is_empty() {
            return f.write_str("another run");
        }
        write!(f, "{} ({}, since {} UTC", self.who, self.operation, self.created)?;
        match self.age_s {
            Some(age) => write!(f, ", {} ago)", since(age)),
            None => f.write_str(")"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Severity;

    fn diagnostic(summary: &str, detail: &str) -> Diagnostic {
        let (summary, detail) = (summary.to_owned(), detail.to_owned());
        Diagnostic { severity: Severity::Error, summary, detail, address: None, range: None }
    }

    #[test]
    fn the_owner_is_read_out_of_the_text() {
        let detail = "Error message: resource temporarily unavailable\nLock Info:\n  ID:        a7cf5879\n  \
                      Path:      ../terraform.tfstate\n  Operation: OperationTypeApply\n  Who:       ana@build-3\n  \
                      Version:   1.11.4\n  Created:   2026-11-27 23:25:33.202491996 +0000 UTC\n  Info:      \n\n\nTerraform acquires a lock";
        let lock = StateLock::in_diagnostic(&diagnostic(SUMMARY, detail)).expect("a lock");
        assert_eq!(lock.id, "a7cf5879");
        let lock = StateLock { age_s: Some(7500), ..lock };
        assert_eq!(lock.to_string(), "ana@build-3 (apply, since 2026-11-27 23:25:33 UTC, 2h05m ago)");
    }

    /// A process that is surely dead: of another boot.
    fn dead() -> ProcessId {
        ProcessId { boot_id: "another".to_owned(), ..ProcessId::current().expect("this process") }
    }

    #[test]
    fn who_asked_is_not_taken_for_who_holds_it() {
        let detail = "Error message: HTTP remote state already locked: ID=a7cf5879\nLock Info:\n  ID:        0000\n  \
                      Who:       ana@build-3\n  Created:   2026-11-27 23:25:33.202491996 +0000 UTC\n";
        let lock = StateLock::in_diagnostic(&diagnostic(SUMMARY, detail)).expect("a lock");
        assert_eq!((lock.id.as_str(), lock.to_string().as_str()), ("a7cf5879", "another run"));
    }

    #[test]
    fn only_a_lock_of_our_dead_is_ours() {
        let taken: Timestamp = "2026-11-27T23:25:33Z".parse().expect("a time");
        let started_ms = u64::try_from(taken.as_millisecond()).expect("after 1970");
        let lock = |who: String| StateLock { who, created: "2026-11-27 23:25:33".to_owned(), ..StateLock::default() };
        let ours = lock(here().expect("a name"));
        assert!(ours.is_of_dead(&dead(), started_ms));
        assert!(ours.is_of_dead(&dead(), started_ms - 60_000));
        assert!(!ours.is_of_dead(&dead(), started_ms + 60_000), "it was taken before ours was started");
        assert!(!ours.is_of_dead(&dead(), started_ms - 600_000), "it was taken long after");
        assert!(!ours.is_of_dead(&ProcessId::current().expect("this process"), started_ms), "we live");
        assert!(!lock("ana@build-3".to_owned()).is_of_dead(&dead(), started_ms));
    }

    #[test]
    fn a_lock_that_tells_nothing_is_still_a_lock() {
        let lock = StateLock::in_diagnostic(&diagnostic(SUMMARY, "no info")).expect("a lock");
        assert_eq!(lock.to_string(), "another run");
        assert_eq!(StateLock::in_diagnostic(&diagnostic("Saved plan is stale", "")), None);
    }
}
