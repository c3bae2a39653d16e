//! The database of an instance: as its strategy means it, unless the workspace says otherwise.

use hangar_plan::grant::Kind;
use hangar_runtime::Runtime;
use registry_reference::Reference;
use serde_json::Value;

use crate::failure::Failure;
use crate::site::Site;

/// How a strategy's block names the tier of localities that tells members apart.
const TIER_KEY: &str = "locality_key";

/// What the host has to know of a database, and no more.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// Image that the instance runs.
    pub(crate) image: Reference,
    /// Port by which members know a node.
    pub(crate) port: u16,
    /// The tier of this organisation's locality: what its nodes run with, and what the others compare theirs with.
    pub(crate) tier: String,
}

impl Site {
    /// The database of the workspace's pool; none without a pool.
    pub(crate) async fn database(&self, runtime: &Runtime) -> Result<Option<Database>, Failure> {
        let Some((pool, _)) = &self.workspace.pool else { return Ok(None) };
        let block = &pool.block;
        let plugin = self.load_plugin(runtime, Kind::PoolingStrategy, block).await?;
        let Some(said) = &plugin.manifest().database else {
            return Err(Failure::refused(format!("plugin `{}` is no pooling strategy", block.plugin)));
        };
        Ok(Some(Database {
            image: self.workspace.instance.database_image.clone().unwrap_or_else(|| said.image.clone()),
            port: said.port,
            tier: block.config.get(TIER_KEY).and_then(Value::as_str).unwrap_or(&said.tier).to_owned(),
        }))
    }
}
