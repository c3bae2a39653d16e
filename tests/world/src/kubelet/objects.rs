use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::network_view::follow;

/// Secrets and ConfigMaps of the cluster: asked for when a container starts, followed for what is mounted.
pub(super) struct Objects {
    client: Client,
    secrets: Store<Secret>,
    config_maps: Store<ConfigMap>,
    changes: watch::Receiver<u64>,
}

/// The entries of a Secret or ConfigMap.
pub(super) type Entries = BTreeMap<String, Vec<u8>>;

/// What a Secret or ConfigMap holds in one state.
pub(super) struct Found {
    pub(super) entries: Entries,
    /// Grows with each change, across all objects.
    pub(super) version: u64,
}

/// Which state of an object will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// What the API says now: for what is about to start.
    Now,
    /// What was last seen changing: for what is mounted already.
    LastSeen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectKind {
    Secret,
    ConfigMap,
}

impl ObjectKind {
    /// As error texts of the kubelet name it when the object is missing.
    pub(super) fn lower(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::ConfigMap => "configmap",
        }
    }

    /// As error texts of the kubelet name it when a key is missing.
    pub(super) fn upper(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

impl Objects {
    pub(super) fn follow(client: &Client, tasks: &mut JoinSet<()>) -> Self {
        let (sender, changes) = watch::channel(0);
        let sender = Arc::new(sender);
        Self {
            client: client.clone(),
            secrets: follow(Api::all(client.clone()), sender.clone(), tasks),
            config_maps: follow(Api::all(client.clone()), sender, tasks),
            changes,
        }
    }

    /// Changes its value whenever any Secret or ConfigMap does.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// What an object holds, or nothing if there is none.
    pub(super) async fn find(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
        age: Age,
    ) -> Result<Option<Found>, kube::Error> {
        Ok(match kind {
            ObjectKind::Secret => self.secret(namespace, name, age).await?.map(in_secret),
            ObjectKind::ConfigMap => self.config_map(namespace, name, age).await?.map(in_config_map),
        })
    }

    async fn secret(&self, namespace: &str, name: &str, age: Age) -> Result<Option<Secret>, kube::Error> {
        let seen = || self.secrets.get(&ObjectRef::new(name).within(namespace)).map(|seen| (*seen).clone());
        match age {
            Age::Now => Api::namespaced(self.client.clone(), namespace).get_opt(name).await,
            Age::LastSeen => Ok(seen()),
        }
    }

    async fn config_map(&self, namespace: &str, name: &str, age: Age) -> Result<Option<ConfigMap>, kube::Error> {
        let seen = || self.config_maps.get(&ObjectRef::new(name).within(namespace)).map(|seen| (*seen).clone());
        match age {
            Age::Now => Api::namespaced(self.client.clone(), namespace).get_opt(name).await,
            Age::LastSeen => Ok(seen()),
        }
    }
}

fn in_secret(secret: Secret) -> Found {
    let version = version(&secret.metadata);
    let entries = secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect();
    Found { entries, version }
}

fn in_config_map(map: ConfigMap) -> Found {
    let version = version(&map.metadata);
    let text = map.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.into_bytes()));
    let binary = map.binary_data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0));
    Found { entries: text.chain(binary).collect(), version }
}

fn version(metadata: &ObjectMeta) -> u64 {
    metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}
