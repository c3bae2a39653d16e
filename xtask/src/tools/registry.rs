//! The OCI registry server.

use std::path::PathBuf;

use anyhow::Result;

use crate::tools::{go::Published, search::Search};

const REGISTRY: Published = Published {
    name: "registry",
    module: "github.com/distribution/distribution/v3",
    version: "3.1.2",
    sum: "h1:/Bv2YIqqSR00HiO49FT93hovy6r9IlrzwUDsJjCN5qg=",
    package: "cmd/registry",
};

/// Built from its module: the name on PATH says too little to trust it.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    REGISTRY.install(search)
}
