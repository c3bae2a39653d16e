//! The strategy against a pool on paper.

mod adopting;
mod founding;
mod joining;
mod matrix;
mod moving;
mod plans;
mod random;
mod refusals;
mod sim;
mod site;
mod states;
mod upgrading;
