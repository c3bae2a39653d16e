//! One test for each form that is refused, in both syntaxes where both have it.

mod strategy;
mod terraform;

use super::{Refusal, Rule};

/// The rules by which something is refused, in the order they were found.
fn rules(result: Result<(), Vec<Refusal>>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = result.err().unwrap_or_default().into_iter().map(|refusal| refusal.rule).collect();
    rules.dedup();
    rules
}
