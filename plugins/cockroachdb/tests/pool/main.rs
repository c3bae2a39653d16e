//! The strategy against a pool on paper.

mod founding;
mod joining;
mod random;
mod refusals;
mod sim;
mod site;
