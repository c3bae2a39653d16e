//! Helm 4.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::{
    digest::Fields,
    tools::{
        cache::Recipe,
        download::{self, Release},
        go::Published,
        search::Search,
        version,
    },
};

const HELM: Published = Published {
    name: "helm",
    module: "helm.sh/helm/v4",
    version: "4.3.0",
    sum: "h1:wLRTNXzy96ro7waurWMsymlUPaCQOj5nokpJZJNen/w=",
    package: "cmd/helm",
};

/// The newest of the third line, which many still have. Asked for by name only.
const HELM_3: Published = Published {
    name: "helm",
    module: "helm.sh/helm/v3",
    version: "3.22.0",
    sum: "h1:n1if5iQgHYsujPAcO5oonH/KiSNUmqmUF0iGVjSF3AU=",
    package: "cmd/helm",
};

/// Helm 3, built from its module.
pub(crate) fn find_3(search: &Search<'_>) -> Result<PathBuf> {
    HELM_3.install(search)
}

/// Helm 4 on PATH, else what Helm's project released, else built from its module.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    let wanted = ">=4.0.0, <5.0.0".parse().context("a version range")?;
    let accepts = |program: &std::path::Path| version::check(program, &["version", "--short"], &wanted);
    if let Ok(path) = search.on_path("helm", accepts) {
        return Ok(path);
    }
    let platform = download::platform();
    let archive = format!("helm-v{}-{platform}.tar.gz", HELM.version);
    let release = Release {
        base: "https://get.helm.sh".into(),
        sums: format!("{archive}.sha256sum"),
        archive,
        member: format!("{platform}/helm"),
        program: "helm",
    };
    let released = Recipe::new("helm", HELM.version, Fields::default().with("release").with(&platform), "helm");
    if let Some(path) = search.cache.find(&HELM.recipe()) {
        return Ok(path);
    }
    download::install(search, &released, &release).or_else(|unreachable| {
        HELM.install(search).with_context(|| format!("helm 4 is not on PATH and not to be had ({unreachable:#})"))
    })
}

#[cfg(test)]
mod tests {
    use super::find;
    use crate::tools::search::fake::Machine;

    #[test]
    fn helm_4_on_path_is_taken() {
        let machine = Machine::new();
        let path = machine.add_program("helm", "v4.1.2+g1234567");
        assert_eq!(find(&machine.search()).expect("it is there"), path);
    }

    #[test]
    fn helm_3_on_path_is_passed_over_and_without_go_the_cure_is_named() {
        let machine = Machine::new();
        machine.add_program("helm", "v3.19.0+g1234567");
        let error = format!("{:#}", find(&machine.search()).expect_err("neither curl nor go is on PATH"));
        assert!(error.contains("install Go 1.26 or newer"), "{error}");
    }
}
