//! Terraform or OpenTofu.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{
    digest::Fields,
    tools::{
        cache::Recipe,
        download::{self, Release},
        go::OwnModule,
        search::Search,
        version,
    },
};

/// The version in `tests/world/tofu/go.mod`.
const TOFU: &str = "1.12.6";

/// `terraform` or `tofu` from PATH, else OpenTofu's release, else OpenTofu built from a module of ours.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    let wanted = ">=1.9.0, <2.0.0".parse().context("a version range")?;
    let accepts = |program: &Path| version::check(program, &["version"], &wanted);
    for name in ["terraform", "tofu"] {
        if let Ok(path) = search.on_path(name, accepts) {
            return Ok(path);
        }
    }
    install(search)
}

/// `tofu` from PATH or as it was installed once: the other of the two tools, for the tests that hold the driver to both. It takes
/// minutes to build, so it is installed for this in CI alone.
pub(crate) fn find_tofu(search: &Search<'_>) -> Result<PathBuf> {
    let wanted = ">=1.10.0, <2.0.0".parse().context("a version range")?;
    let accepts = |program: &Path| version::check(program, &["version"], &wanted);
    if let Ok(path) = search.on_path("tofu", accepts) {
        return Ok(path);
    }
    if !search.environment.is_ci() {
        let module = module(search);
        let recipes = [Ok(released(&platform())), module.recipe(search)];
        let cached = recipes.into_iter().flatten().find_map(|recipe| search.cache.find(&recipe));
        return cached.context("it is not at hand; `CI=1 cargo xtask tools` installs it");
    }
    install(search)
}

/// OpenTofu's release, else built.
fn install(search: &Search<'_>) -> Result<PathBuf> {
    let platform = platform();
    let release = Release {
        base: format!("https://github.com/opentofu/opentofu/releases/download/v{TOFU}"),
        archive: format!("tofu_{TOFU}_{platform}.tar.gz"),
        sums: format!("tofu_{TOFU}_SHA256SUMS"),
        member: "tofu".into(),
        program: "tofu",
    };
    let module = module(search);
    let built = module.recipe(search);
    if let Some(path) = built.as_ref().ok().and_then(|built| search.cache.find(built)) {
        return Ok(path);
    }
    download::install(search, &released(&platform), &release).or_else(|unreachable| {
        let built = built.and_then(|built| search.cache.program(&built, |folder| module.build(search, folder)));
        built.with_context(|| format!("neither terraform nor tofu is to be had ({unreachable:#})"))
    })
}

fn platform() -> String {
    download::platform().replace('-', "_")
}

fn released(platform: &str) -> Recipe<'static> {
    Recipe::new("tofu", TOFU, Fields::default().with("release").with(platform), "tofu")
}

/// OpenTofu replaces a module by its own fork, which the Go command accepts from a main module only.
fn module(search: &Search<'_>) -> OwnModule<'static> {
    OwnModule {
        name: "tofu",
        version: TOFU,
        folder: search.root.join("tests/world/tofu"),
        modules: None,
        package: "github.com/opentofu/opentofu/cmd/tofu",
        ldflags: "-X github.com/opentofu/opentofu/version.dev=no".into(),
        duration: "some minutes",
    }
}

#[cfg(test)]
mod tests {
    use super::{find, find_tofu};
    use crate::tools::search::fake::Machine;

    #[test]
    fn terraform_goes_before_tofu() {
        let machine = Machine::new();
        let tofu = machine.add_program("tofu", "OpenTofu v1.10.0");
        assert_eq!(find(&machine.search()).expect("tofu is there"), tofu);
        let terraform = machine.add_program("terraform", "Terraform v1.11.4");
        assert_eq!(find(&machine.search()).expect("both are there"), terraform);
    }

    #[test]
    fn tofu_is_found_beside_terraform() {
        let machine = Machine::new();
        machine.add_program("terraform", "Terraform v1.11.4");
        let tofu = machine.add_program("tofu", "OpenTofu v1.10.0");
        assert_eq!(find_tofu(&machine.search()).expect("it is there"), tofu);
    }

    #[test]
    fn an_old_terraform_is_passed_over() {
        let machine = Machine::new();
        machine.add_program("terraform", "Terraform v1.5.7");
        let tofu = machine.add_program("tofu", "OpenTofu v1.10.0");
        assert_eq!(find(&machine.search()).expect("tofu is there"), tofu);
    }
}
