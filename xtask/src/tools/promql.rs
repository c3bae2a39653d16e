//! The engine of Prometheus, without the rest of it.

use std::path::PathBuf;

use anyhow::Result;

use crate::tools::{go::OwnModule, search::Search};

/// The one built from these sources. There is no other of its kind.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    let folder = search.root.join("tests/chart/promql");
    let module = OwnModule {
        name: "promql-eval",
        version: "0.1.0",
        folder,
        modules: None,
        package: ".",
        ldflags: String::new(),
        duration: "up to a minute",
    };
    search.cache.program(&module.recipe(search)?, |folder| module.build(search, folder))
}
