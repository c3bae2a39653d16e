//! Plugins, as the rooms that use them see them.

use async_trait::async_trait;
use hangar_plan::secret::{Secret, StoreError};
use hangar_plan::strategy::certificate::CertificatePolicy;
use hangar_plan::strategy::decision::{Decision, Phase};
use hangar_plan::strategy::intent::Intent;
use hangar_plan::strategy::member::Roster;
use hangar_plan::strategy::observation::Facts;
use hangar_plan::strategy::probe::Probe;
use hangar_pool::{Strategy, StrategyFailure};
use hangar_runtime::{Fault, PluginError};
use serde_json::Value;

use crate::vault::{Store, StoreFailure};

/// A pooling strategy in a plugin, with its own block.
pub(crate) struct PluginStrategy {
    pub(crate) strategy: hangar_runtime::Strategy,
    pub(crate) config: Value,
}

#[async_trait]
impl Strategy for PluginStrategy {
    async fn certificates(&self, intent: &Intent) -> Result<CertificatePolicy, StrategyFailure> {
        Ok(self.strategy.certificates(&self.config, intent).await?)
    }

    async fn outline(&self, intent: &Intent, roster: &Roster) -> Result<Vec<Phase>, StrategyFailure> {
        Ok(self.strategy.outline(&self.config, intent, roster).await?)
    }

    async fn decide(&self, intent: &Intent, roster: &Roster, facts: &Facts) -> Result<Decision, StrategyFailure> {
        Ok(self.strategy.decide(&self.config, intent, roster, facts).await?)
    }

    async fn status_probes(&self, intent: &Intent, roster: &Roster) -> Result<Vec<Probe>, StrategyFailure> {
        Ok(self.strategy.status_probes(&self.config, intent, roster).await?)
    }
}

/// A secret store in a plugin, with its own block.
pub(crate) struct PluginStore {
    pub(crate) store: hangar_runtime::SecretStore,
    pub(crate) config: Value,
}

#[async_trait]
impl Store for PluginStore {
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreFailure> {
        match self.store.get(&self.config, name, None).await {
            Ok(secret) => Ok(Some(secret)),
            Err(err) => match refused(err) {
                StoreFailure::Refused(StoreError::NotFound) => Ok(None),
                other => Err(other),
            },
        }
    }

    async fn put(&self, name: &str, value: &[u8], expected: Option<&str>) -> Result<String, StoreFailure> {
        self.store.put(&self.config, name, value, expected).await.map_err(refused)
    }
}

fn refused(err: PluginError) -> StoreFailure {
    match *err.fault {
        Fault::Store(said) => StoreFailure::Refused(said),
        fault => StoreFailure::Plugin(Box::new(PluginError { fault: Box::new(fault), ..err })),
    }
}
