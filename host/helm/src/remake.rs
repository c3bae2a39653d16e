//! Making workloads anew that cannot be changed in place.
//!
//! Some fields of a StatefulSet can only be set when it is made. One that others made with other selectors or claim
//! templates is adopted by taking the StatefulSet alone away, pods and claims left behind, and labelling the pods so that
//! the new one finds them; the labels come first, so that a run which is killed in between finds nothing amiss. No pod is stopped by that, and no volume changes hands.
//! A Deployment has nothing to lose: it goes with its pods. A set of ours is made anew so where its volumes grow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use hangar_durable::failpoint;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PropagationPolicy};
use kube::{Api, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::deploy::Deploy;
use crate::enlarge::Enlargement;
use crate::error::HelmError;
use crate::live::{Live, refused};
use crate::manifest::{Manifest, Object};
use crate::ownership;
use crate::preview::{Effect, Preview};
use crate::releases::Releases;

impl Releases {
    /// Does to the cluster what Helm cannot: takes away the StatefulSets that are made anew, and nothing that is theirs;
    /// then the Deployments.
    ///
    /// All sets are looked at before the first is touched. May be called again after a kill.
    pub(crate) async fn make_way(
        &self,
        wanted: &Deploy<'_>,
        manifest: &Manifest,
        preview: &Preview,
    ) -> Result<(), HelmError> {
        let is_remade = |effect: &Effect| matches!(effect, Effect::Remake(_) | Effect::Enlarge);
        let remade = preview.changes.iter().filter(|change| is_remade(&change.effect));
        let (remade, gone): (Vec<_>, Vec<_>) = remade.partition(|change| change.object.kind == "StatefulSet");
        let mut sets = Vec::new();
        for change in remade {
            let new: StatefulSet = serde_json::from_value(manifest.value(&change.object)?)
                .map_err(|err| HelmError::Template { detail: format!("{}: {err}", change.object) })?;
            let old = self.sets(wanted).get(&change.object.name).await.map_err(|err| refused(&change.object, err))?;
            keeps_volumes(&change.object, &old, &new)?;
            sets.push((change, old, new));
        }
        for (change, old, new) in sets {
            let object = &change.object;
            if change.effect == Effect::Enlarge {
                self.enlarge(wanted, object, &old, &new).await?;
            }
            self.orphan(wanted, object, &old, &new).await?;
        }
        for change in gone {
            self.remove(wanted, &change.object).await?;
        }
        if self.helm.has_server_side_apply() { Ok(()) } else { self.settle_adopted(wanted, manifest, preview).await }
    }

    /// Applies what is adopted, on the server. A Helm that merges would leave what the chart does not name, such as a label in
    /// the selector of a Service, which would then find none of the new pods.
    async fn settle_adopted(
        &self,
        wanted: &Deploy<'_>,
        manifest: &Manifest,
        preview: &Preview,
    ) -> Result<(), HelmError> {
        let adopted = preview.changes.iter().filter(|change| matches!(change.effect, Effect::Adopt(_)));
        let objects: Vec<&Object> = adopted.map(|change| &change.object).collect();
        let live = Live::of(&self.client, wanted.namespace, objects.iter().copied()).await?;
        for object in objects {
            let mut value = manifest.value(object)?;
            ownership::mark(&mut value, wanted.release, wanted.namespace);
            live.apply(object, &value).await?;
        }
        Ok(())
    }

    /// Lets the claims that are there ask for what the new set's templates say.
    async fn enlarge(
        &self,
        wanted: &Deploy<'_>,
        object: &Object,
        old: &StatefulSet,
        new: &StatefulSet,
    ) -> Result<(), HelmError> {
        let sizes = |set: &StatefulSet| serde_json::to_value(set).expect("what came as JSON has a JSON form");
        let (old, mut new) = (sizes(old), sizes(new));
        // What the chart leaves out is as it was: that nothing else differs was tried before.
        let mut merged = old.clone();
        let claims = new["spec"]["volumeClaimTemplates"].as_array_mut().into_iter().flatten();
        for (merged, new) in merged["spec"]["volumeClaimTemplates"].as_array_mut().into_iter().flatten().zip(claims) {
            merged["spec"]["resources"]["requests"] = new["spec"]["resources"]["requests"].take();
        }
        if let Some(larger) = Enlargement::of(&old, &merged) {
            tracing::info!(set = %object.name, "its claims ask for more");
            larger.carry_out(&self.client, wanted.namespace).await?;
        }
        failpoint::hit("helm.remake.enlarged");
        Ok(())
    }

    async fn remove(&self, wanted: &Deploy<'_>, object: &Object) -> Result<(), HelmError> {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), wanted.namespace);
        tracing::warn!(deployment = %object.name, "made anew");
        deployments.delete(&object.name, &DeleteParams::background()).await.map_err(|err| refused(object, err))?;
        self.wait_until_gone(wanted, object, &deployments).await?;
        failpoint::hit("helm.remake.removed");
        Ok(())
    }

    /// Labels the pods for the new set, then takes the old one away from above them. One whose pods have lost the labels it
    /// looks for can make no others: their names are taken.
    async fn orphan(
        &self,
        wanted: &Deploy<'_>,
        object: &Object,
        old: &StatefulSet,
        new: &StatefulSet,
    ) -> Result<(), HelmError> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), wanted.namespace);
        let labels = selector(new);
        let of_old = selector(old).iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
        let found = pods.list(&ListParams::default().labels(&of_old)).await.map_err(|err| refused(object, err))?;
        tracing::warn!(set = %object.name, n_pods = found.items.len(), "made anew around its pods");
        for pod in &found.items {
            let patch: Value = json!({"metadata": {"labels": labels}});
            let name = pod.name_any();
            pods.patch(&name, &PatchParams::default(), &Patch::Merge(patch))
                .await
                .map_err(|err| refused(object, err))?;
        }
        failpoint::hit("helm.remake.labelled");
        let orphaned = DeleteParams { propagation_policy: Some(PropagationPolicy::Orphan), ..DeleteParams::default() };
        self.sets(wanted).delete(&object.name, &orphaned).await.map_err(|err| refused(object, err))?;
        self.wait_until_gone(wanted, object, &self.sets(wanted)).await?;
        failpoint::hit("helm.remake.orphaned");
        Ok(())
    }

    /// The garbage collector lets the pods of a set go first, which takes a moment.
    async fn wait_until_gone<K>(&self, wanted: &Deploy<'_>, object: &Object, api: &Api<K>) -> Result<(), HelmError>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        let gone = async {
            while api.get_opt(&object.name).await.map_err(|err| refused(object, err))?.is_some() {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            Ok(())
        };
        let detail = format!("{object} is being taken away");
        let late = |_| HelmError::Deadline { after: wanted.deadline, detail };
        tokio::time::timeout(wanted.deadline, gone).await.map_err(late)?
    }

    fn sets(&self, wanted: &Deploy<'_>) -> Api<StatefulSet> {
        Api::namespaced(self.client.clone(), wanted.namespace)
    }
}

/// Refuses a new set that would not find the volumes of the old one (a claim is named by its template, its set and a number),
/// or would let pods go: what is on their volumes has to be moved first.
fn keeps_volumes(object: &Object, old: &StatefulSet, new: &StatefulSet) -> Result<(), HelmError> {
    let replicas = |set: &StatefulSet| set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    if replicas(new) < replicas(old) {
        let reason = format!("it has {} pods, the chart wants {}", replicas(old), replicas(new));
        return Err(HelmError::VolumesLost { object: object.to_string(), reason });
    }
    let (before, after) = (claims(old), claims(new));
    if before == after {
        return Ok(());
    }
    let list = |names: &BTreeSet<String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let reason = format!("its claims are named {}, the chart's {}", list(&before), list(&after));
    Err(HelmError::VolumesLost { object: object.to_string(), reason })
}

fn claims(set: &StatefulSet) -> BTreeSet<String> {
    let templates = set.spec.iter().flat_map(|spec| spec.volume_claim_templates.iter().flatten());
    templates.filter_map(|claim| claim.metadata.name.clone()).collect()
}

fn selector(set: &StatefulSet) -> BTreeMap<String, String> {
    set.spec.as_ref().and_then(|spec| spec.selector.match_labels.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(claim: &str) -> StatefulSet {
        serde_json::from_value(json!({
            "metadata": {"name": "db"},
            "spec": {"serviceName": "db", "selector": {}, "template": {},
                "volumeClaimTemplates": [{"metadata": {"name": claim}}]},
        }))
        .expect("a set")
    }

    #[test]
    fn a_set_that_would_lose_its_volumes_is_not_made_anew() {
        let object =
            Object { api_version: "apps/v1".into(), kind: "StatefulSet".into(), namespace: None, name: "db".into() };
        assert!(keeps_volumes(&object, &set("datadir"), &set("datadir")).is_ok());
        let mut three = set("datadir");
        three.spec.as_mut().expect("a spec").replicas = Some(3);
        let err = keeps_volumes(&object, &three, &set("datadir")).map_err(|err| err.to_string());
        let fewer = "StatefulSet db cannot be adopted with its volumes: it has 3 pods, the chart wants 1";
        assert_eq!(err, Err(fewer.to_owned()));
        let err = keeps_volumes(&object, &set("datadir"), &set("data")).map_err(|err| err.to_string());
        let wanted =
            "StatefulSet db cannot be adopted with its volumes: its claims are named `datadir`, the chart's `data`";
        assert_eq!(err, Err(wanted.to_owned()));
    }
}
