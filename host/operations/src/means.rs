//! What a command works by.

use std::sync::Arc;

use hangar_engine::{Engine, Journal};
use hangar_runtime::Runtime;

use crate::failure::Failure;
use crate::session::Session;
use crate::vault::Vault;

/// What a command works by, opened once: the workspace's journal, what runs the plugins, and the organisation's secrets.
pub(crate) struct Means {
    pub(crate) journal: Journal,
    pub(crate) runtime: Runtime,
    pub(crate) vault: Arc<Vault>,
}

impl Session {
    /// Takes the workspace's lock, which the engine holds until it is dropped, and opens what a command works by.
    pub(crate) async fn begin(&self, command: &str) -> Result<(Engine, Means), Failure> {
        let engine = self.take_lock(command).await?;
        let runtime = self.site.runtime(self.program.clone())?;
        let means = self.means(engine.journal().clone(), runtime).await?;
        Ok((engine, means))
    }

    /// Opens the secrets, beside what is open already.
    pub(crate) async fn means(&self, journal: Journal, runtime: Runtime) -> Result<Means, Failure> {
        let vault = self.vault(&runtime).await?;
        Ok(Means { journal, runtime, vault })
    }
}
