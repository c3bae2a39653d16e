//! What CI does.

use anyhow::{Context as _, Result};

use crate::{checkout::Checkout, suite, tools::Versions};

/// Formatting, lints, then all tests, the table of rooms among them. Stops at the first that fails.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    checkout.cargo().args(["fmt", "--all", "--check"]).run().context("run `cargo fmt --all`")?;
    let lints = checkout.cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--locked",
        "--",
        "--deny",
        "warnings",
    ]);
    lints.run()?;
    suite::run(checkout, None, Versions::default())
}
