//! Programs that every distribution carries.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::tools::search::Search;

pub(crate) fn psql(search: &Search<'_>) -> Result<PathBuf> {
    find(search, "psql", "postgresql-client")
}

pub(crate) fn openssl(search: &Search<'_>) -> Result<PathBuf> {
    find(search, "openssl", "openssl")
}

fn find(search: &Search<'_>, program: &str, package: &str) -> Result<PathBuf> {
    let found = search.environment.program(program);
    found.with_context(|| format!("no `{program}` on PATH; install it, on Debian `apt-get install {package}`"))
}
