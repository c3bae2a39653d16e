//! The engine of Prometheus, without the rest of it.

use std::path::PathBuf;

use anyhow::Result;

use crate::tools::{go::OwnModule, search::Search};

/// The one built from these sources. There is no other of its kind.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    OwnModule::plain("promql-eval", search.root.join("tests/chart/promql")).install(search)
}
