//! The strategy against a pool on paper.

mod founding;
mod joining;
mod site;
