//! The strategy against a universe on paper.

mod founding;
mod joining;
mod random;
mod refusals;
mod rotating;
mod universe;
