//! What a pooling strategy says of its database, so that nobody else has to know one.

use registry_reference::Reference;
use serde::{Deserialize, Serialize};

/// A strategy's database, as long as nobody says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Database {
    /// Image that instances run unless their workspace names another, with tag or digest.
    pub image: Reference,
    /// Port by which the members of a pool know a node.
    pub port: u16,
    /// Name of the tier of a locality that tells members apart, unless the block says another as `locality_key`.
    pub tier: String,
}

impl Database {
    /// Whether the image says which version it is.
    pub(super) fn is_exact(&self) -> bool {
        self.image.tag.is_some() || self.image.digest.is_some()
    }
}
