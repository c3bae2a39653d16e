//! Making a StatefulSet anew around the pods and volumes that it has.
//!
//! Some fields of a StatefulSet can only be set when it is made. One that others made with other selectors or claim
//! templates is adopted by taking the StatefulSet alone away, pods and claims left behind, and labelling the pods so that
//! the new one finds them; the labels come first, so that a run which is killed in between finds nothing amiss. No pod is stopped by that, and no volume changes hands.

use std::collections::{BTreeMap, BTreeSet};

use hangar_durable::failpoint;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PropagationPolicy};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::deploy::Deploy;
use crate::error::HelmError;
use crate::live::refused;
use crate::manifest::{Manifest, Object};
use crate::preview::{Effect, Preview};
use crate::releases::Releases;

impl Releases {
    /// Does to the cluster what Helm cannot: takes away the StatefulSets that are made anew, and nothing that is theirs.
    ///
    /// All of them are looked at before the first is touched. May be called again after a kill.
    pub(crate) async fn make_way(
        &self,
        wanted: &Deploy<'_>,
        manifest: &Manifest,
        preview: &Preview,
    ) -> Result<(), HelmError> {
        let remade = preview.changes.iter().filter(|change| matches!(change.effect, Effect::Remake(_)));
        let mut sets = Vec::new();
        for change in remade {
            let new: StatefulSet = serde_json::from_value(manifest.value(&change.object)?)
                .map_err(|err| HelmError::Template { detail: format!("{}: {err}", change.object) })?;
            let old = self.sets(wanted).get(&change.object.name).await.map_err(|err| refused(&change.object, err))?;
            keeps_volumes(&change.object, &old, &new)?;
            sets.push((&change.object, old, new));
        }
        for (object, old, new) in sets {
            self.orphan(wanted, object, &old, &new).await?;
        }
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
        self.wait_until_gone(wanted, object).await?;
        failpoint::hit("helm.remake.orphaned");
        Ok(())
    }

    /// The garbage collector lets the pods go first, which takes a moment.
    async fn wait_until_gone(&self, wanted: &Deploy<'_>, object: &Object) -> Result<(), HelmError> {
        let gone = async {
            while self.sets(wanted).get_opt(&object.name).await.map_err(|err| refused(object, err))?.is_some() {
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

/// Refuses a new set that would not find the volumes of the old one: a claim is named by its template, its set and a number.
fn keeps_volumes(object: &Object, old: &StatefulSet, new: &StatefulSet) -> Result<(), HelmError> {
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
        let err = keeps_volumes(&object, &set("datadir"), &set("data")).map_err(|err| err.to_string());
        let wanted =
            "StatefulSet db cannot be adopted with its volumes: its claims are named `datadir`, the chart's `data`";
        assert_eq!(err, Err(wanted.to_owned()));
    }
}
