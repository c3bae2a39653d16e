//! The strategy against a pool on paper.

mod adopting;
mod founding;
mod joining;
mod losses;
mod matrix;
mod moving;
mod plans;
mod random;
mod refusals;
mod rotating;
mod sim;
mod site;
mod states;
mod stuck;
mod turns;
mod upgrading;
