//! Runs of whole plans over a world of files.
#![expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]

mod cancel;
mod context;
mod crash;
mod fake;
mod journal;
mod leftover;
mod points;
mod random;
mod resume;
mod steps;
