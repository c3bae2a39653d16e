//! A copy of the state that keeps up with an apply.
//!
//! Both tools empty their state file before they write it anew, which they do after every resource: one that is killed in between
//! leaves nothing of what it knew. The copy from before the apply would then be all that is left, and whatever was made since be known
//! by ids alone, by which not every type can be taken back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::TerraformError;
use crate::stack::Stack;
use crate::state::{State, beside};
use crate::stream::Event;

/// From the word that a resource is done to its place in the state.
const SETTLES: Duration = Duration::from_millis(200);
/// Where the state is just being written.
const AGAIN: Duration = Duration::from_millis(50);
/// A large state takes its time.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps up with the state of one apply, where that is a file.
#[derive(Debug)]
pub(crate) struct RunningCopy {
    state: Option<PathBuf>,
    due: Option<Instant>,
    last: Option<Instant>,
}

impl RunningCopy {
    pub(crate) fn of(stack: &Stack) -> Self {
        Self { state: stack.backend().file().map(Path::to_owned), due: None, last: None }
    }

    /// None to keep, for what changes no state.
    pub(crate) fn none() -> Self {
        Self { state: None, due: None, last: None }
    }

    pub(crate) fn take(&mut self, events: &[Event], now: Instant) {
        let has_changed = events.iter().any(|event| matches!(event, Event::Completed(_)));
        if self.state.is_some() && self.due.is_none() && has_changed {
            let free = self.last.map_or(now, |last| last + EVERY);
            self.due = Some(free.max(now + SETTLES));
        }
    }

    /// When the state is to be copied next; never while nothing has changed.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Copies the state if that is due. That it cannot be copied is no failure of the apply: what was copied before stays.
    pub(crate) fn keep_up(&mut self, now: Instant) {
        let Some(state) = self.state.as_deref().filter(|_| self.due.is_some_and(|due| due <= now)) else { return };
        self.due = None;
        match copy(state) {
            Ok(true) => self.last = Some(now),
            Ok(false) => self.due = Some(now + AGAIN),
            Err(err) => {
                tracing::debug!(state = %state.display(), %err, "the state could not be copied");
                self.last = Some(now);
            }
        }
    }
}

/// Where the copy is.
pub(crate) fn path(state: &Path) -> PathBuf {
    beside(state, ".hangar-running")
}

/// Removes the copy. Whoever removes something beside it for good removes it for good, too.
pub(crate) fn forget(state: &Path) -> Result<(), TerraformError> {
    hangar_durable::remove_unsynced(&path(state))?;
    Ok(())
}

/// Copies what is whole; false if it is not just now. Not synced: it is for a kill, and the copy from before the apply for a power cut.
fn copy(state: &Path) -> Result<bool, TerraformError> {
    let bytes = match fs::read(state) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(err) => return Err(TerraformError::read(state, err)),
    };
    if !matches!(State::parse(&bytes), Some(Ok(_))) {
        return Ok(false);
    }
    hangar_durable::write_unsynced(&path(state), &bytes)?;
    Ok(true)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]
mod tests {
    use super::*;
    use crate::stream::Resource;

    const WHOLE: &str = r#"{"version":4,"lineage":"l","serial":1,"resources":[]}"#;

    fn done() -> Vec<Event> {
        vec![Event::Completed(Resource { address: "a.b".into(), action: None, id: None, elapsed_s: None })]
    }

    fn at(state: &Path) -> RunningCopy {
        RunningCopy { state: Some(state.to_owned()), due: None, last: None }
    }

    #[test]
    fn it_is_made_a_moment_after_a_resource_is_done_and_then_once_a_second_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("terraform.tfstate");
        fs::write(&state, WHOLE).unwrap();
        let (mut kept, start) = (at(&state), Instant::now());
        kept.take(&[Event::Raw { text: "x".into() }], start);
        assert_eq!(kept.due(), None);
        kept.take(&done(), start);
        kept.keep_up(start);
        assert!(!path(&state).exists(), "the tool may not have written it down yet");
        kept.keep_up(start + SETTLES);
        assert_eq!(fs::read_to_string(path(&state)).unwrap(), WHOLE);
        kept.take(&done(), start + SETTLES);
        assert_eq!(kept.due(), Some(start + SETTLES + EVERY));
    }

    #[test]
    fn a_state_that_is_just_being_written_replaces_no_copy_that_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("terraform.tfstate");
        let (mut kept, start) = (at(&state), Instant::now());
        fs::write(&state, WHOLE).unwrap();
        kept.take(&done(), start);
        kept.keep_up(start + SETTLES);
        for torn in ["", "{\"version\": 4, "] {
            fs::write(&state, torn).unwrap();
            kept.take(&done(), start + EVERY);
            let due = kept.due().unwrap();
            kept.keep_up(due);
            assert_eq!(fs::read_to_string(path(&state)).unwrap(), WHOLE);
            assert_eq!(kept.due(), Some(due + AGAIN), "it is looked at again");
        }
    }
}
