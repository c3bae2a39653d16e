//! ORAS, a registry client that is not ours.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::tools::{go::Published, search::Search, version};

const ORAS: Published = Published {
    name: "oras",
    module: "oras.land/oras",
    version: "1.3.6",
    sum: "h1:Lhsfr2tQLjsu/+CJZp6vYatwKT+62fbIUTlp4lUrfOA=",
    package: "cmd/oras",
};

/// That version from the cache or PATH, else built from its module.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    if let Some(path) = search.cache.find(&ORAS.recipe()) {
        return Ok(path);
    }
    let wanted = format!("={}", ORAS.version).parse().context("a version range")?;
    let found = search.on_path("oras", |program| version::check(program, &["version"], &wanted));
    found.or_else(|_| ORAS.install(search))
}
