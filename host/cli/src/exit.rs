//! From an error to an exit code and to words.
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done |
//! | 1 | the input was refused |
//! | 2 | usage |
//! | 3 | the outside failed; a retry may help |
//! | 4 | a person must decide |
//! | 70 | our bug |

use hangar_operations::{Cause, Failure};

/// A command that did not end well, as far as the caller's shell is told.
pub(crate) fn code(failure: &Failure) -> u8 {
    match failure.cause() {
        Cause::Refused => 1,
        Cause::Outside | Cause::Interrupted => 3,
        Cause::Person => 4,
        Cause::Bug => 70,
    }
}
