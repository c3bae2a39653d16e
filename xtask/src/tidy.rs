//! What no compiler checks: which room uses which, words, sizes.

mod arrows;
mod rooms;
mod text;

use anyhow::{Result, bail};

use crate::checkout::Checkout;

/// What is not as it should be.
#[derive(Debug)]
struct Findings {
    /// Each must be mended.
    problems: Vec<String>,
    /// Each should be looked at.
    warnings: Vec<String>,
}

/// Says everything that is found, and fails if anything has to be mended.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    let Findings { problems, warnings } = find(checkout)?;
    for warning in &warnings {
        eprintln!("warning: {warning}");
    }
    for problem in &problems {
        eprintln!("error: {problem}");
    }
    if !problems.is_empty() {
        bail!("{} found", problems.len());
    }
    Ok(())
}

fn find(checkout: &Checkout) -> Result<Findings> {
    let problems = rooms::Table::of_workspace().check(&arrows::of_workspace(checkout)?);
    let mut findings = Findings { problems, warnings: Vec::new() };
    text::check(checkout, &mut findings)?;
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use crate::{checkout::Checkout, environment::Environment};

    #[test]
    fn the_workspace_is_tidy() {
        let checkout = Checkout::find(Environment::of_process()).expect("xtask lies in the workspace");
        let found = super::find(&checkout).expect("the workspace can be read");
        assert!(found.problems.is_empty(), "{}", found.problems.join("\n"));
    }
}
