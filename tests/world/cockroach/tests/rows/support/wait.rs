//! Waiting for a state, with a deadline and the last thing seen.

use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// Looks again and again until `look` gives a value.
///
/// # Panics
///
/// After a minute, with what was seen last.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() > deadline => panic!("waited in vain for {what}; last seen: {seen}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Makes sure that `look` stays true for a while.
///
/// # Panics
///
/// As soon as it does not.
#[track_caller]
pub(crate) fn stays(what: &str, span: Duration, mut look: impl FnMut() -> bool) {
    let end = Instant::now() + span;
    while Instant::now() < end {
        assert!(look(), "it did not stay so: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
