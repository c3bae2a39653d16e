//! A live copy of some objects, kept by watching.

use std::collections::BTreeMap;
use std::fmt::Debug;

use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::cluster::Cluster;
use crate::error::KubeError;

/// A live copy of the objects of one kind that a selector names.
pub(crate) struct Mirror<K> {
    events: BoxStream<'static, Result<Event<K>, watcher::Error>>,
    objects: BTreeMap<String, K>,
    /// Objects of a list that is not complete yet.
    coming: BTreeMap<String, K>,
    action: String,
    endpoint: String,
}

impl<K> Mirror<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    /// `action` names it in errors, such as `watch pods of dss`.
    pub(crate) fn new(cluster: &Cluster, api: Api<K>, config: watcher::Config, action: &str) -> Self {
        Self {
            events: watch(api, config).default_backoff().boxed(),
            objects: BTreeMap::new(),
            coming: BTreeMap::new(),
            action: action.to_owned(),
            endpoint: cluster.endpoint().to_owned(),
        }
    }

    /// Waits until the copy has changed. The first time, until it is complete. May be cancelled: nothing is lost.
    ///
    /// # Errors
    ///
    /// What trying again does not cure: a refused credential, a missing permission, an unknown kind. Others are tried again,
    /// with growing pauses, for as long as the caller waits.
    pub(crate) async fn changed(&mut self) -> Result<(), KubeError> {
        loop {
            match self.events.try_next().await {
                Ok(Some(Event::Apply(object))) => {
                    self.objects.insert(object.name_any(), object);
                    return Ok(());
                }
                Ok(Some(Event::Delete(object))) => {
                    self.objects.remove(&object.name_any());
                    return Ok(());
                }
                Ok(Some(Event::Init)) => self.coming.clear(),
                Ok(Some(Event::InitApply(object))) => {
                    self.coming.insert(object.name_any(), object);
                }
                Ok(Some(Event::InitDone)) => {
                    self.objects = std::mem::take(&mut self.coming);
                    return Ok(());
                }
                Ok(None) => return Err(self.failed("the watch ended")),
                Err(err) => self.bear(err)?,
            }
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&K> {
        self.objects.get(name)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &K> {
        self.objects.values()
    }

    fn bear(&self, err: watcher::Error) -> Result<(), KubeError> {
        let action = self.action.clone();
        let err = match err {
            watcher::Error::InitialListFailed(err)
            | watcher::Error::WatchStartFailed(err)
            | watcher::Error::WatchFailed(err) => KubeError::of(&self.endpoint, action, err),
            watcher::Error::WatchError(status) => KubeError::of_status(&self.endpoint, action, &status),
            watcher::Error::NoResourceVersion => return Err(self.failed("the kind cannot be watched")),
        };
        match err {
            KubeError::CredentialRefused { .. } | KubeError::Forbidden { .. } | KubeError::Untrusted { .. } => Err(err),
            // Also 404 and 410: a kind that was just defined, a version that is too old. The watch lists anew.
            err => {
                tracing::debug!(action = %self.action, error = %err, "watch interrupted");
                Ok(())
            }
        }
    }

    fn failed(&self, reason: &str) -> KubeError {
        KubeError::Unavailable { action: self.action.clone(), reason: reason.to_owned() }
    }
}
