//! All tests.

use std::io;

use anyhow::{Context as _, Result, bail};

use crate::{
    checkout::Checkout,
    libtest::Counts,
    setup,
    tools::{Toolbox, Versions},
};

/// Features of tests that need tools that not every machine has.
const REAL: [(&str, &[&str]); 2] =
    [("real-aws", &["HANGAR_AWS_PROVIDER_MIRROR", "HANGAR_MOTO_SERVER"]), ("real-tofu", &["HANGAR_TOFU"])];

/// Does all set-up, runs all tests whose name contains `filter`, and ends with their count on a line of its own.
///
/// # Errors
///
/// If a test fails or does not build, and if no test ran at all.
pub(crate) fn run(checkout: &Checkout, filter: Option<&str>, versions: Versions) -> Result<()> {
    let (ready, arguments) = setup::for_tests(checkout, versions, |toolbox| arguments(checkout, toolbox))?;
    let cargo = checkout.cargo().args(["test", "--no-fail-fast"]).args(arguments).args(filter).envs(ready.variables());
    let (counts, success) = cargo.stream(|output| Ok(Counts::tee(output, &mut io::stdout().lock())?))?;
    println!("{counts}");
    verdict(counts, success).context("not all is well")
}

/// What both the build and the run of the tests are called with: all packages, and every `real-*` feature whose tools
/// are there. One that is on must pass.
fn arguments(checkout: &Checkout, toolbox: &Toolbox) -> Result<Vec<String>> {
    let metadata = checkout.metadata(false)?;
    let packages = metadata.workspace_packages();
    let all = packages.iter().flat_map(|package| package.features.keys().map(move |feature| (package, feature)));
    let real = all.filter(|(_, feature)| feature.starts_with("real-") && can_run(feature, toolbox));
    let real: Vec<_> = real.map(|(package, feature)| format!("{}/{feature}", package.name)).collect();
    Ok(vec!["--workspace".into(), format!("--features={}", real.join(","))])
}

/// Only what a machine outside CI may lack can keep a feature off; whoever lacks it was warned.
fn can_run(feature: &str, toolbox: &Toolbox) -> bool {
    let needed = REAL.iter().find(|(name, _)| *name == feature).map_or(&[][..], |(_, tools)| tools);
    needed.iter().all(|tool| toolbox.has(tool))
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
    use super::{can_run, verdict};
    use crate::{libtest::Counts, tools::Toolbox};

    #[test]
    fn a_feature_is_on_unless_a_tool_it_needs_is_missing() {
        let mut toolbox = Toolbox::default();
        assert!(can_run("real-helm", &toolbox));
        toolbox.add("HANGAR_MOTO_SERVER", "/opt/moto_server".into());
        assert!(!can_run("real-aws", &toolbox));
        toolbox.add("HANGAR_AWS_PROVIDER_MIRROR", "/opt/mirror".into());
        assert!(can_run("real-aws", &toolbox));
    }

    #[test]
    fn all_is_well_only_if_something_ran_and_nothing_failed() {
        let counts = |n_passed, n_failed| Counts { n_passed, n_failed, n_skipped: 1 };
        verdict(counts(2, 0), true).expect("two passed");
        verdict(counts(2, 0), false).expect_err("a binary crashed");
        verdict(counts(2, 1), true).expect_err("one failed");
        verdict(counts(0, 0), true).expect_err("nothing ran");
    }
}
