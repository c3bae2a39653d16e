//! What one command opens once, however often it is asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hangar_config::{AwsChain, PluginName};
use hangar_kube::{Access, Cluster};
use hangar_plan::grant::Kind;
use hangar_plan::infrastructure::Infrastructure;
use hangar_runtime::Plugin;

use crate::aws::{Endpoint, Keyring};
use crate::infrastructure::Provider;
use crate::loopback::Renewable;

/// What one command opens once.
#[derive(Default)]
pub(crate) struct Kept {
    opened: Mutex<Opened>,
    /// Keys of AWS, for as long as they are good.
    pub(crate) keyring: Arc<Keyring>,
}

#[derive(Default)]
struct Opened {
    plugins: BTreeMap<(Kind, PluginName), Plugin>,
    provider: Option<Provider>,
    connection: Option<Connection>,
    endpoints: BTreeMap<AwsChain, Arc<Endpoint>>,
    renewables: BTreeMap<String, Arc<Renewable>>,
}

struct Connection {
    to: Infrastructure,
    access: Access,
    cluster: Cluster,
}

impl Kept {
    pub(crate) fn plugin(&self, key: &(Kind, PluginName)) -> Option<Plugin> {
        self.with(|opened| opened.plugins.get(key).cloned())
    }

    pub(crate) fn set_plugin(&self, key: (Kind, PluginName), plugin: Plugin) {
        self.with(|opened| opened.plugins.insert(key, plugin));
    }

    pub(crate) fn provider(&self) -> Option<Provider> {
        self.with(|opened| opened.provider.clone())
    }

    pub(crate) fn set_provider(&self, provider: Provider) {
        self.with(|opened| opened.provider = Some(provider));
    }

    /// The connection to what stands.
    pub(crate) fn connection(&self, to: &Infrastructure) -> Option<(Access, Cluster)> {
        self.with(|opened| {
            let kept = opened.connection.as_ref();
            kept.filter(|kept| kept.to == *to).map(|kept| (kept.access.clone(), kept.cluster.clone()))
        })
    }

    pub(crate) fn set_connection(&self, to: &Infrastructure, access: Access, cluster: Cluster) {
        let connection = Connection { to: to.clone(), access, cluster };
        self.with(|opened| opened.connection = Some(connection));
    }

    /// Where terraform gets the keys of a chain.
    pub(crate) fn endpoint(&self, from: &AwsChain) -> Option<Arc<Endpoint>> {
        self.with(|opened| opened.endpoints.get(from).cloned())
    }

    pub(crate) fn set_endpoint(&self, from: AwsChain, endpoint: Arc<Endpoint>) {
        self.with(|opened| opened.endpoints.insert(from, endpoint));
    }

    /// Where terraform gets what it signs in with by a slot.
    pub(crate) fn renewable(&self, slot: &str) -> Option<Arc<Renewable>> {
        self.with(|opened| opened.renewables.get(slot).cloned())
    }

    pub(crate) fn set_renewable(&self, slot: &str, renewable: Arc<Renewable>) {
        self.with(|opened| opened.renewables.insert(slot.to_owned(), renewable));
    }

    fn with<T>(&self, ask: impl FnOnce(&mut Opened) -> T) -> T {
        ask(&mut self.opened.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
