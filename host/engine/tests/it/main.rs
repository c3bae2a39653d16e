//! Runs of whole plans over a world of files.
#![expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]

mod attempts;
mod cancel;
mod children;
mod context;
mod crash;
mod failure;
mod fake;
mod journal;
mod leftover;
mod limits;
mod parallel;
mod points;
mod random;
mod record;
mod resume;
mod steps;
