//! What others run in a namespace, beside a release.

use std::collections::BTreeSet;
use std::fmt;

use kube::Api;
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use serde_json::Value;

use crate::deploy::Deploy;
use crate::error::HelmError;
use crate::live::refused;
use crate::manifest::{Manifest, Object};
use crate::ownership::Owner;
use crate::preview::{Effect, Preview};
use crate::release::ReleaseName;
use crate::releases::Releases;

/// What does work of its own, by version, kind and plural. Sets come first: they alone have data.
const KINDS: [(&str, &str, &str); 6] = [
    ("apps/v1", "StatefulSet", "statefulsets"),
    ("apps/v1", "Deployment", "deployments"),
    ("batch/v1", "CronJob", "cronjobs"),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("v1", "Service", "services"),
    ("networking.k8s.io/v1", "Ingress", "ingresses"),
];

/// An object of others that is no part of the release and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The object.
    pub object: Object,
    /// Who made it, in words.
    pub by: String,
    /// What it would become if the release came.
    pub twin: Option<Twin>,
}

/// A set with volumes that runs the program of one that would come, with empty ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// The program, as its image names it.
    pub program: String,
    /// The set that would come.
    pub of: Object,
}

/// An object that stands.
struct Standing {
    object: Object,
    /// Who made it, if it is no part of the release.
    by: Option<String>,
    value: Value,
}

impl Releases {
    /// Sets of a namespace that run the program of this image on volumes of their own and are no part of the release, with
    /// their makers: one text each.
    ///
    /// # Errors
    ///
    /// [`HelmError::Forbidden`], [`HelmError::Storage`].
    pub async fn running_beside(
        &self,
        namespace: &str,
        release: &ReleaseName,
        image: &str,
    ) -> Result<Vec<String>, HelmError> {
        let found = self.standing_of(namespace, release, &KINDS[..1]).await?;
        let runs =
            found.into_iter().filter(|one| has_volumes(&one.value) && programs(&one.value).contains(program(image)));
        Ok(runs.filter_map(|one| Some(format!("{}, made by {}", one.object, one.by?))).collect())
    }

    /// What of others stays beside the release, if it takes anything over; else only sets that it would double.
    pub(crate) async fn neighbours(
        &self,
        wanted: &Deploy<'_>,
        manifest: &Manifest,
        preview: &Preview,
    ) -> Result<Vec<Neighbour>, HelmError> {
        let coming = coming(manifest, preview)?;
        let takes_over = !preview.is_empty() && (wanted.adopt || preview.takes_over());
        if coming.is_empty() && !takes_over {
            return Ok(Vec::new());
        }
        let kinds = if takes_over { &KINDS[..] } else { &KINDS[..1] };
        let found = self.standing_of(wanted.namespace, wanted.release, kinds).await?;
        let is_rendered =
            |object: &Object| manifest.objects().any(|one| (&one.kind, &one.name) == (&object.kind, &object.name));
        let beside =
            found.into_iter().filter(|one| !is_rendered(&one.object)).filter_map(|Standing { object, by, value }| {
                let twin = has_volumes(&value).then(|| twin(&value, &coming)).flatten();
                // What the release itself made and the chart no longer has is told by the preview, unless it is doubled.
                let is_shown = twin.is_some() || (takes_over && by.is_some());
                is_shown.then(|| Neighbour { object, by: by.unwrap_or_else(|| "an earlier revision".to_owned()), twin })
            });
        Ok(beside.collect())
    }

    /// Objects of a namespace that no controller made.
    async fn standing_of(
        &self,
        namespace: &str,
        release: &ReleaseName,
        kinds: &[(&str, &str, &str)],
    ) -> Result<Vec<Standing>, HelmError> {
        let mut found = Vec::new();
        for (api_version, kind, plural) in kinds {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            let resource = ApiResource {
                group: group.to_owned(),
                version: version.to_owned(),
                api_version: (*api_version).to_owned(),
                kind: (*kind).to_owned(),
                plural: (*plural).to_owned(),
            };
            let of = |name: &str| Object {
                api_version: (*api_version).to_owned(),
                kind: (*kind).to_owned(),
                namespace: None,
                name: name.to_owned(),
            };
            let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
            let listed = api.list(&ListParams::default()).await.map_err(|err| refused(&of("of others"), err))?;
            for object in listed.items {
                let value = serde_json::to_value(&object).expect("what came as JSON has a JSON form");
                let is_address = *kind != "Service" || value["spec"]["type"] == "LoadBalancer";
                let is_made_by_a_controller = value["metadata"]["ownerReferences"].is_array();
                if is_address && !is_made_by_a_controller {
                    let by = Owner::of(&value, release, namespace).map(|owner| owner.to_string());
                    found.push(Standing { object: of(&object.metadata.name.unwrap_or_default()), by, value });
                }
            }
        }
        Ok(found)
    }
}

/// Sets with volumes that the release would make, with their programs.
fn coming(manifest: &Manifest, preview: &Preview) -> Result<Vec<(Object, BTreeSet<String>)>, HelmError> {
    let made = preview.changes.iter().filter(|change| change.effect == Effect::Create);
    let sets = made.map(|change| &change.object).filter(|object| object.kind == "StatefulSet");
    let values = sets.map(|object| Ok((object.clone(), manifest.value(object)?)));
    let values: Vec<_> = values.collect::<Result<_, HelmError>>()?;
    let with_volumes = values.into_iter().filter(|(_, value)| has_volumes(value));
    Ok(with_volumes.map(|(object, value)| (object, programs(&value))).collect())
}

fn twin(stands: &Value, coming: &[(Object, BTreeSet<String>)]) -> Option<Twin> {
    let runs = programs(stands);
    coming.iter().find_map(|(object, programs)| {
        let program = programs.intersection(&runs).next()?.clone();
        Some(Twin { program, of: object.clone() })
    })
}

fn has_volumes(set: &Value) -> bool {
    set["spec"]["volumeClaimTemplates"].as_array().is_some_and(|claims| !claims.is_empty())
}

/// The last part of each image's name, which stays the same in any registry.
fn programs(set: &Value) -> BTreeSet<String> {
    let containers = set["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten();
    let images = containers.filter_map(|container| container["image"].as_str());
    images.map(|image| program(image).to_owned()).collect()
}

fn program(image: &str) -> &str {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split(['@', ':']).next().unwrap_or(last)
}

impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, by, twin } = self;
        match twin {
            Some(Twin { program, of }) => {
                write!(
                    f,
                    "! {object}, made by {by}, runs `{program}` on volumes of its own: {of} would be another one, empty, beside it"
                )
            }
            None => write!(f, "= {object}, made by {by}, stays"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_program_has_one_name_in_every_registry() {
        let digest = "0".repeat(64);
        for image in ["cockroach", "docker.io/cockroachdb/cockroach:v24.1.3", "registry:5000/mirror/cockroach"] {
            assert_eq!(program(image), "cockroach", "{image}");
            assert_eq!(program(&format!("{image}@sha256:{digest}")), "cockroach", "{image}");
        }
    }

    #[test]
    fn a_set_is_the_twin_of_one_that_runs_its_program() {
        let set = |image: &str| json!({"spec": {"template": {"spec": {"containers": [{"image": image}]}}}});
        let object = Object {
            api_version: "apps/v1".into(),
            kind: "StatefulSet".into(),
            namespace: None,
            name: "dss-db".into(),
        };
        let coming = [(object.clone(), programs(&set("docker.io/example/db:2")))];
        let found = twin(&set("mirror.example/db:1"), &coming);
        assert_eq!(found, Some(Twin { program: "db".into(), of: object }));
        assert_eq!(twin(&set("mirror.example/other:1"), &coming), None);
    }
}
