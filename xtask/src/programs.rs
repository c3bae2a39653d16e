//! The programs: the host, its agent, and those of the offline world.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::{checkout::Checkout, tools::Toolbox};

/// Packages whose binaries are built. All in one cargo invocation, so that each dependency is compiled once.
const PACKAGES: [&str; 6] =
    ["hangar-cli", "hangar-agent", "test-world", "world-cockroach", "world-dss", "world-yugabyte"];

/// How programs are built. The dev profile optimises what has to be fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

impl Profile {
    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds all programs and returns the folder that holds them.
pub(crate) fn build(checkout: &Checkout, profile: Profile) -> Result<PathBuf> {
    let mut cargo = checkout.cargo().args(["build", "--bins"]);
    for package in PACKAGES {
        cargo = cargo.args(["--package", package]);
    }
    if profile == Profile::Release {
        cargo = cargo.arg("--release");
    }
    cargo.run().context("cannot build the programs")?;
    Ok(folder(checkout, profile))
}

/// Builds the host alone and returns the folder that holds it.
pub(crate) fn build_host(checkout: &Checkout) -> Result<PathBuf> {
    let cargo = checkout.cargo().args(["build", "--package", PACKAGES[0], "--bins"]);
    cargo.run().context("cannot build the host")?;
    Ok(folder(checkout, Profile::Dev))
}

/// Builds everything that `cargo test` with these arguments will, and the programs, and returns the folder of those.
///
/// The programs are built together with the tests, so that no dependency is compiled twice with other features.
pub(crate) fn build_for_tests(checkout: &Checkout, arguments: &[String], toolbox: &Toolbox) -> Result<PathBuf> {
    let cargo = checkout.cargo().args(["build", "--all-targets"]).args(arguments).envs(toolbox.variables());
    cargo.run().context("cannot build the workspace")?;
    Ok(folder(checkout, Profile::Dev))
}

/// Where cargo puts programs.
pub(crate) fn folder(checkout: &Checkout, profile: Profile) -> PathBuf {
    checkout.target.join(profile.folder())
}
