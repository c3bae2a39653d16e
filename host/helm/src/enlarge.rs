//! Larger volumes for a StatefulSet that has some.
//!
//! A set's claim templates can only be set when it is made, and they are for claims to come: those that are there grow one
//! by one, the set is made anew around its pods. Whether a volume can grow is its storage class's to say, and the API
//! server is asked first. Volumes never shrink.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::error::HelmError;
use crate::live::refused;
use crate::manifest::Object;

/// Fields of a set's spec that can only be set when it is made, beside its claim templates.
const FIXED: [&str; 3] = ["selector", "serviceName", "podManagementPolicy"];

/// The claims of a set that are to become larger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Enlargement {
    /// Name and new size of each claim, if it is there.
    claims: Vec<(String, String)>,
}

impl Enlargement {
    /// What a set asks for whose volumes grow, none of them less than before; none if anything else differs that is fixed.
    pub(crate) fn of(before: &Value, after: &Value) -> Option<Self> {
        if FIXED.iter().any(|field| before["spec"][field] != after["spec"][field]) {
            return None;
        }
        let (old, new) = (templates(before), templates(after));
        let is_same = old.len() == new.len() && old.iter().zip(&new).all(|(old, new)| sizeless(old) == sizeless(new));
        let sizes = old.iter().zip(&new).map(|(old, new)| Some((bytes(size(old))?, bytes(size(new))?)));
        let sizes = sizes.collect::<Option<Vec<_>>>()?;
        let grows = sizes.iter().all(|(old, new)| new >= old) && sizes.iter().any(|(old, new)| new > old);
        let replicas = before["spec"]["replicas"].as_u64().unwrap_or(1);
        let set = before["metadata"]["name"].as_str()?;
        let named = new.iter().flat_map(|claim| {
            let template = claim["metadata"]["name"].as_str().unwrap_or_default();
            (0..replicas).map(move |number| (format!("{template}-{set}-{number}"), size(claim).to_owned()))
        });
        (is_same && grows).then(|| Self { claims: named.collect() })
    }

    /// Asks the API server whether each claim may grow.
    ///
    /// # Errors
    ///
    /// [`HelmError::Refused`], with the claim, where its storage class says no.
    pub(crate) async fn try_out(&self, client: &Client, namespace: &str) -> Result<(), HelmError> {
        self.ask(client, namespace, &PatchParams::default().dry_run()).await
    }

    /// Asks for the new sizes. May be called again: a claim that has grown stays as it is.
    ///
    /// # Errors
    ///
    /// As for [`Self::try_out`].
    pub(crate) async fn carry_out(&self, client: &Client, namespace: &str) -> Result<(), HelmError> {
        self.ask(client, namespace, &PatchParams::default()).await
    }

    async fn ask(&self, client: &Client, namespace: &str, params: &PatchParams) -> Result<(), HelmError> {
        let api: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
        for (name, size) in &self.claims {
            let object = Object {
                api_version: "v1".to_owned(),
                kind: "PersistentVolumeClaim".to_owned(),
                namespace: None,
                name: name.clone(),
            };
            let wanted = json!({"spec": {"resources": {"requests": {"storage": size}}}});
            let Some(live) = api.get_opt(name).await.map_err(|err| refused(&object, err))? else { continue };
            let asked = live.spec.and_then(|spec| spec.resources?.requests?.remove("storage")).map(|size| size.0);
            if asked.as_deref().and_then(bytes) < bytes(size) {
                api.patch(name, params, &Patch::Merge(wanted)).await.map_err(|err| refused(&object, err))?;
            }
        }
        Ok(())
    }
}

fn templates(set: &Value) -> Vec<Value> {
    set["spec"]["volumeClaimTemplates"].as_array().cloned().unwrap_or_default()
}

fn size(claim: &Value) -> &str {
    claim["spec"]["resources"]["requests"]["storage"].as_str().unwrap_or_default()
}

/// What must stay the same for a claim to be the same.
fn sizeless(claim: &Value) -> Value {
    let mut claim = claim.clone();
    claim["spec"]["resources"]["requests"]["storage"] = Value::Null;
    claim["status"] = Value::Null;
    json!([claim["metadata"]["name"], claim["spec"]])
}

/// A quantity of bytes as the Kubernetes API spells it.
fn bytes(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 12] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let (number, factor) =
        UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor))).unwrap_or((text, 1.0));
    number.parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(size: &str) -> Value {
        json!({"metadata": {"name": "db"}, "spec": {"replicas": 2, "serviceName": "db", "volumeClaimTemplates": [
            {"metadata": {"name": "datadir"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
             "status": {"phase": "Pending"}}]}})
    }

    #[test]
    fn sizes_are_compared_whatever_their_unit() {
        assert_eq!(bytes("1Gi"), bytes("1024Mi"));
        assert!(bytes("1G") < bytes("1Gi") && bytes("1.5Ti") > bytes("1500Gi") && bytes("1e3") == bytes("1k"));
        assert_eq!(bytes("much"), None);
    }

    #[test]
    fn only_volumes_that_grow_and_nothing_else_are_an_enlargement() {
        let claims = [("datadir-db-0", "2Gi"), ("datadir-db-1", "2Gi")];
        let claims = claims.map(|(name, size)| (name.to_owned(), size.to_owned())).to_vec();
        assert_eq!(Enlargement::of(&set("1Gi"), &set("2Gi")), Some(Enlargement { claims }));
        assert_eq!(Enlargement::of(&set("2Gi"), &set("1Gi")), None, "volumes never shrink");
        assert_eq!(Enlargement::of(&set("2Gi"), &set("2048Mi")), None);
        let mut other = set("2Gi");
        other["spec"]["serviceName"] = json!("other");
        assert_eq!(Enlargement::of(&set("1Gi"), &other), None);
        let mut class = set("2Gi");
        class["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = json!("fast");
        assert_eq!(Enlargement::of(&set("1Gi"), &class), None);
    }
}
