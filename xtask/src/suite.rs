//! All tests.

use std::io;

use anyhow::{Context as _, Result, bail};

use crate::{checkout::Checkout, libtest::Counts, setup};

/// Does all set-up, runs all tests whose name contains `filter`, and ends with their count on a line of its own.
///
/// # Errors
///
/// If a test fails or does not build, and if no test ran at all.
pub(crate) fn run(checkout: &Checkout, filter: Option<&str>) -> Result<()> {
    let ready = setup::for_tests(checkout)?;
    let cargo = checkout.cargo().args(["test", "--workspace", "--no-fail-fast"]).args(filter).envs(ready.variables());
    let (counts, success) = cargo.stream(|output| Ok(Counts::tee(output, &mut io::stdout().lock())?))?;
    println!("{counts}");
    verdict(counts, success).context("not all is well")
}

fn verdict(counts: Counts, success: bool) -> Result<()> {
    if counts.n_failed > 0 {
        bail!("{} tests failed", counts.n_failed);
    }
    if !success {
        bail!("`cargo test` failed");
    }
    if counts.n_passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::verdict;
    use crate::libtest::Counts;

    #[test]
    fn all_is_well_only_if_something_ran_and_nothing_failed() {
        let counts = |n_passed, n_failed| Counts { n_passed, n_failed, n_skipped: 1 };
        verdict(counts(2, 0), true).expect("two passed");
        verdict(counts(2, 0), false).expect_err("a binary crashed");
        verdict(counts(2, 1), true).expect_err("one failed");
        verdict(counts(0, 0), true).expect_err("nothing ran");
    }
}
