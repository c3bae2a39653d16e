//! The objects of a cluster: what stands, and what would come of an apply.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, Status};
use kube::{Api, Client};
use serde_json::Value;

use crate::error::HelmError;
use crate::manifest::Object;

/// Field manager of Helm 4: whoever runs `helm` by hand after us owns the same fields.
pub(crate) const HELM: &str = "helm";

/// Part of what the API server says of a namespace that is not there.
const NO_NAMESPACE: &str = "namespaces \"";

/// Kinds that are made anew where they cannot be changed.
const REMADE: [&str; 2] = ["StatefulSet", "Deployment"];

/// How older API servers say that fields of a StatefulSet can only be set when it is made: of the spec as a whole.
const FIXED_SPEC: &str = "updates to statefulset spec for fields other than";
/// How newer ones say it: of each field, with its whole value.
const FIXED_FIELD: &str = "field is immutable";

/// The objects of a cluster, by the kinds it serves.
pub(crate) struct Live<'a> {
    client: &'a Client,
    namespace: &'a str,
    /// Kinds of each group and version that was asked for.
    kinds: BTreeMap<String, Vec<APIResource>>,
}

/// What came of trying an apply.
pub(crate) enum Tried {
    /// It would be this.
    Accepted(Value),
    /// Others own fields that would change.
    Conflicts(Vec<Owned>),
    /// The namespace is not there yet.
    NoNamespace,
    /// A workload's fields that can only be set when it is made would change.
    Immutable(String),
}

/// A field that somebody else owns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owned {
    /// Who, as a field manager, such as `kubectl-edit`.
    pub manager: String,
    /// Such as `.spec.replicas`.
    pub field: String,
}

impl<'a> Live<'a> {
    /// Asks the cluster which kinds it serves of the groups that these objects name.
    pub(crate) async fn of(
        client: &'a Client,
        namespace: &'a str,
        objects: impl Iterator<Item = &Object>,
    ) -> Result<Self, HelmError> {
        let mut kinds = BTreeMap::new();
        for object in objects {
            let version = object.api_version.as_str();
            if kinds.contains_key(version) {
                continue;
            }
            let served = match version.contains('/') {
                true => client.list_api_group_resources(version).await,
                false => client.list_core_api_resources(version).await,
            };
            let served = match served {
                Ok(list) => list.resources,
                Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
                Err(err) => return Err(refused(object, err)),
            };
            kinds.insert(version.to_owned(), served);
        }
        Ok(Self { client, namespace, kinds })
    }

    pub(crate) fn client(&self) -> &Client {
        self.client
    }

    /// Whether the cluster serves the kind of an object.
    pub(crate) fn serves(&self, object: &Object) -> bool {
        self.kind(object).is_some()
    }

    /// What stands under the name of an object.
    pub(crate) async fn read(&self, object: &Object) -> Result<Option<Value>, HelmError> {
        let found = self.api(object)?.get_opt(&object.name).await.map_err(|err| refused(object, err))?;
        Ok(found.map(|found| serde_json::to_value(found).expect("what came as JSON has a JSON form")))
    }

    /// Applies nothing: the server does all it would do, admission included, but for keeping the outcome.
    pub(crate) async fn try_apply(&self, object: &Object, wanted: &Value) -> Result<Tried, HelmError> {
        match self.request(object, wanted, &PatchParams::apply(HELM).dry_run()).await {
            Ok(object) => Ok(Tried::Accepted(object)),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                let owned = owned_by_others(&status);
                if owned.is_empty() { self.take(object, wanted).await } else { Ok(Tried::Conflicts(owned)) }
            }
            Err(err) => tried(object, err),
        }
    }

    /// The same, as if the fields of others were ours.
    pub(crate) async fn take(&self, object: &Object, wanted: &Value) -> Result<Tried, HelmError> {
        match self.request(object, wanted, &PatchParams::apply(HELM).dry_run().force()).await {
            Ok(object) => Ok(Tried::Accepted(object)),
            Err(err) => tried(object, err),
        }
    }

    /// What would come if the object were not there: tried under a name that nothing has.
    pub(crate) async fn as_new(&self, object: &Object, wanted: &Value) -> Result<Value, HelmError> {
        let tried = Object { name: format!("{}-anew", object.name), ..object.clone() };
        let mut wanted = wanted.clone();
        wanted["metadata"]["name"] = tried.name.as_str().into();
        let mut made = self
            .request(&tried, &wanted, &PatchParams::apply(HELM).dry_run())
            .await
            .map_err(|err| refused(object, err))?;
        made["metadata"]["name"] = object.name.as_str().into();
        Ok(made)
    }

    /// Applies it, as if the fields of others were ours.
    pub(crate) async fn apply(&self, object: &Object, wanted: &Value) -> Result<(), HelmError> {
        let applied = self.request(object, wanted, &PatchParams::apply(HELM).force()).await;
        applied.map(drop).map_err(|err| refused(object, err))
    }

    async fn request(&self, object: &Object, wanted: &Value, params: &PatchParams) -> Result<Value, kube::Error> {
        let Ok(api) = self.api(object) else { return Ok(wanted.clone()) };
        let answer: DynamicObject = api.patch(&object.name, params, &Patch::Apply(wanted)).await?;
        Ok(serde_json::to_value(answer).expect("what came as JSON has a JSON form"))
    }

    fn kind(&self, object: &Object) -> Option<&APIResource> {
        let served = self.kinds.get(&object.api_version)?;
        served.iter().find(|one| one.kind == object.kind && !one.name.contains('/'))
    }

    fn api(&self, object: &Object) -> Result<Api<DynamicObject>, HelmError> {
        let kind = self
            .kind(object)
            .ok_or_else(|| HelmError::NoKind { object: object.to_string(), api_version: object.api_version.clone() })?;
        let (group, version) = object.api_version.split_once('/').unwrap_or(("", object.api_version.as_str()));
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            plural: kind.name.clone(),
        };
        Ok(if kind.namespaced {
            let namespace = object.namespace.as_deref().unwrap_or(self.namespace);
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        })
    }
}

fn tried(object: &Object, err: kube::Error) -> Result<Tried, HelmError> {
    if let kube::Error::Api(status) = &err {
        if status.code == 404 && status.message.contains(NO_NAMESPACE) {
            return Ok(Tried::NoNamespace);
        }
        if REMADE.contains(&object.kind.as_str())
            && let Some(why) = fixed(object, status)
        {
            return Ok(Tried::Immutable(why));
        }
    }
    Err(refused(object, err))
}

/// Says which fields can only be set when an object is made. What else is wrong may come of what others have set, and is told
/// when the object is tried as a new one.
fn fixed(object: &Object, status: &Status) -> Option<String> {
    let causes: Vec<_> = status.details.iter().flat_map(|details| &details.causes).collect();
    if causes.iter().any(|cause| cause.message.contains(FIXED_SPEC)) {
        return Some(status.message.clone());
    }
    let fixed = causes.iter().filter(|cause| cause.message.contains(FIXED_FIELD));
    let fields: BTreeSet<String> = fixed.map(|cause| format!("`{}`", cause.field)).collect();
    let list = fields.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    (!fields.is_empty()).then(|| format!("{object}: {list} can only be set when it is made"))
}

/// The fields of others than Helm, each once. What an older Helm set by merging is taken over by a newer one.
fn owned_by_others(status: &Status) -> Vec<Owned> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let owned = causes.filter(|cause| cause.reason == "FieldManagerConflict").map(|cause| Owned {
        // The API server says `conflict with "NAME" using v1`.
        manager: cause.message.split('"').nth(1).unwrap_or(&cause.message).to_owned(),
        field: cause.field.clone(),
    });
    let mut owned: Vec<_> = owned.filter(|owned| owned.manager != HELM).collect();
    owned.sort();
    owned.dedup();
    owned
}

/// Tells what a refusal means for one object.
pub(crate) fn refused(object: &Object, err: kube::Error) -> HelmError {
    let status = match err {
        kube::Error::Api(status) => status,
        err => return HelmError::storage(format!("look at {object}"), err),
    };
    // Below its first line it may show the object.
    let said = status.message.lines().next().unwrap_or_default();
    let detail =
        if said.contains(&format!("\"{}\"", object.name)) { said.to_owned() } else { format!("{object}: {said}") };
    match status.code {
        401 => HelmError::CredentialRefused,
        403 if said.contains("exceeded quota") => HelmError::Quota { detail },
        400..=499 if is_policy(said) => HelmError::Denied { detail },
        403 if said.contains("is forbidden: User") => HelmError::Forbidden { detail },
        500 if said.contains("failed calling webhook") => HelmError::WebhookDown { detail },
        400..=499 => HelmError::Refused { detail },
        // A field of the wrong type, which the API server takes for a failure of its own.
        500 if said.contains("failed to create typed patch object") => HelmError::Refused { detail },
        _ => HelmError::storage(format!("look at {object}"), kube::Error::Api(status)),
    }
}

/// Whether a refusal is that of a policy, which others keep.
fn is_policy(said: &str) -> bool {
    ["denied the request", "ValidatingAdmissionPolicy", "violates PodSecurity"].iter().any(|sign| said.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(causes: &[(&str, &str)]) -> Option<String> {
        let causes: Vec<_> = causes.iter().map(|(field, said)| json!({"field": field, "message": said})).collect();
        let status = json!({"message": "all of it", "details": {"causes": causes}});
        let object =
            Object { api_version: "apps/v1".into(), kind: "StatefulSet".into(), namespace: None, name: "db".into() };
        fixed(&object, &serde_json::from_value(status).expect("a refusal"))
    }

    #[test]
    fn fixed_fields_are_told_from_wrong_ones_in_the_words_of_any_kubernetes() {
        let of_the_spec = "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden";
        let of_a_field = "Invalid value: \"Parallel\": field is immutable";
        assert_eq!(told(&[("spec", of_the_spec)]).as_deref(), Some("all of it"));
        assert_eq!(
            told(&[("spec.selector", of_a_field), ("spec.podManagementPolicy", of_a_field)]).as_deref(),
            Some("StatefulSet db: `spec.podManagementPolicy`, `spec.selector` can only be set when it is made")
        );
        // A field of others that is left over makes no sense beside ours, and goes where the object is made anew.
        let left_over = ("spec.updateStrategy.rollingUpdate", "Invalid value: only allowed for updateStrategy");
        assert_eq!(told(&[left_over, ("spec", of_the_spec)]).as_deref(), Some("all of it"));
        assert_eq!(
            told(&[left_over, ("spec.selector", of_a_field)]).as_deref(),
            Some("StatefulSet db: `spec.selector` can only be set when it is made")
        );
        assert_eq!(told(&[("spec.replicas", "Invalid value: -1: must be more")]), None);
        assert_eq!(told(&[]), None);
    }
}
