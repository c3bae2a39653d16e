//! The stand-in for terraform's providers of clouds that no machine here can reach.

use std::path::PathBuf;

use anyhow::Result;

use crate::tools::{go::OwnModule, search::Search};

/// The one built from these sources. There is no other of its kind.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    let folder = search.root.join("tests/world/providers");
    let module = OwnModule {
        name: "provider-standin",
        version: "0.1.0",
        folder,
        modules: None,
        package: ".",
        ldflags: String::new(),
        duration: "up to a minute",
    };
    search.cache.program(&module.recipe(search)?, |folder| module.build(search, folder))
}
