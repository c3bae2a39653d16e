//! The stand-in for terraform's providers of clouds that no machine here can reach.

use std::path::PathBuf;

use anyhow::Result;

use crate::tools::{go::OwnModule, search::Search};

/// The one built from these sources. There is no other of its kind.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    OwnModule::plain("provider-standin", search.root.join("tests/world/providers")).install(search)
}
