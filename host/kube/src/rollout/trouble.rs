//! What Kubernetes complains of in one namespace, and claims that have no volume.

use std::fmt::Debug;

use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::runtime::watcher::Config;
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::cluster::Cluster;
use crate::mirror::Mirror;

/// What Kubernetes complains of, and claims. It only explains, so an identity that may not see it goes without.
pub(super) struct Trouble {
    warnings: Watched<Event>,
    of_claims: Watched<Event>,
    claims: Watched<PersistentVolumeClaim>,
}

impl Trouble {
    pub(super) fn new(cluster: &Cluster, namespace: &str) -> Self {
        let events = |fields: &str| Config::default().fields(fields);
        Self {
            warnings: Watched::new(cluster, namespace, events("type=Warning"), "warnings"),
            // Some of what hinders a claim is told as ordinary.
            of_claims: Watched::new(
                cluster,
                namespace,
                events("involvedObject.kind=PersistentVolumeClaim"),
                "events of claims",
            ),
            claims: Watched::new(cluster, namespace, Config::default(), "claims"),
        }
    }

    pub(super) async fn complete(&mut self) {
        tokio::join!(self.warnings.complete(), self.of_claims.complete(), self.claims.complete());
    }

    pub(super) async fn changed(&mut self) {
        tokio::select! {
            () = self.warnings.changed() => {}
            () = self.of_claims.changed() => {}
            () = self.claims.changed() => {}
        }
    }

    /// The newest complaint about an object; about the newest ReplicaSet of a Deployment of that name.
    pub(super) fn of(&self, kind: &str, name: &str) -> Option<String> {
        let is_about = |event: &&Event| {
            let about = &event.involved_object;
            let named = about.name.as_deref().unwrap_or_default();
            let is_named = match kind {
                "ReplicaSet" => named.rsplit_once('-').is_some_and(|(owner, _)| owner == name),
                _ => named == name,
            };
            about.kind.as_deref() == Some(kind) && is_named
        };
        newest(self.warnings.values().filter(is_about))
    }

    /// What the claims of a pod wait for, as the end of a sentence.
    pub(super) fn of_claims(&self, pod: &Pod) -> String {
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let names = volumes.filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.as_str()));
        let waits = names.filter_map(|name| Some(format!(", volume claim `{name}`: {}", self.of_claim(name)?)));
        waits.collect()
    }

    fn of_claim(&self, name: &str) -> Option<String> {
        let claim = self.claims.values().find(|claim| claim.name_any() == name)?;
        let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
        if phase == Some("Bound") {
            return None;
        }
        let is_about = |event: &&Event| event.involved_object.name.as_deref() == Some(name);
        let said = newest(self.of_claims.values().filter(is_about));
        let class = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.clone());
        Some(match (class, said) {
            (Some(class), Some(said)) if said.contains("storageclass") && said.contains("not found") => {
                format!("no storage class `{class}`")
            }
            (None, _) => "it has no class, and the cluster has no default storage class".to_owned(),
            (Some(_), Some(said)) => said,
            (Some(class), None) => format!("no volume of class `{class}` yet"),
        })
    }
}

/// The words of the newest event.
fn newest<'a>(events: impl Iterator<Item = &'a Event>) -> Option<String> {
    let at = |event: &&Event| -> Option<Timestamp> {
        let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
        let last = event.last_timestamp.as_ref().map(|time| time.0);
        series.or(last).or_else(|| event.event_time.as_ref().map(|time| time.0))
    };
    let message = events.max_by_key(at)?.message.clone()?;
    Some(message.lines().next().unwrap_or_default().trim().to_owned())
}

/// Objects that are watched if that is allowed.
struct Watched<K>(Option<Mirror<K>>);

impl<K> Watched<K>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
    K::DynamicType: Default + Eq + std::hash::Hash + Clone,
{
    fn new(cluster: &Cluster, namespace: &str, config: Config, what: &str) -> Self {
        Self(Some(Mirror::new(cluster, cluster.api(namespace), config, &format!("watch {what} of `{namespace}`"))))
    }

    /// Returns once the first list is complete, or it is known that there will be none.
    async fn complete(&mut self) {
        self.look().await;
    }

    async fn changed(&mut self) {
        if self.0.is_none() {
            std::future::pending::<()>().await;
        }
        self.look().await;
    }

    async fn look(&mut self) {
        let Some(mirror) = &mut self.0 else { return };
        if let Err(err) = mirror.changed().await {
            tracing::debug!(error = %err, "reasons will lack some words");
            self.0 = None;
        }
    }

    fn values(&self) -> impl Iterator<Item = &K> {
        self.0.iter().flat_map(Mirror::values)
    }
}
