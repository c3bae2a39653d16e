//! Secrets: read, and swapped by compare-and-swap.

mod ownership;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hangar_durable::failpoint;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::cluster::Cluster;
use crate::error::KubeError;
use crate::{FIELD_MANAGER, MANAGED_BY, pem};

/// Prefix of annotations that tell which certificates a file holds: SHA-256 of each, separated by commas.
const FINGERPRINT: &str = "fingerprint.hangar.dev/";

/// Longest file name that fits behind an annotation's prefix.
const ANNOTATION_LIMIT: usize = 63;

/// How often a swap is tried again on what somebody else has written meanwhile.
const TRIES: usize = 5;

/// The files of a Secret, by name. Values are never printed, and wiped when dropped.
#[derive(Clone, Default)]
pub struct Files(pub BTreeMap<String, SecretSlice<u8>>);

impl Files {
    /// One more file.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        self.0.insert(name.into(), SecretSlice::from(content.into()));
        self
    }

    /// Content of one file.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(|content| content.expose_secret())
    }

    /// The files that hold certificates and no private key, as text.
    #[must_use]
    pub fn certificates(&self) -> BTreeMap<String, String> {
        let is_public = |file: &&[u8]| !pem::has_private_key(file) && !pem::fingerprints(file).is_empty();
        let text = |file: &[u8]| String::from_utf8_lossy(file).into_owned();
        self.names().filter_map(|name| Some((name.to_owned(), self.get(name).filter(is_public).map(text)?))).collect()
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a swap did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// Everything was there already.
    Unchanged,
    /// The Secret was written.
    Written,
}

/// Reads the files of a Secret; none if it is not there.
///
/// # Errors
///
/// As for every request.
pub async fn read(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<Files>, KubeError> {
    let found = get(cluster, namespace, name).await?;
    Ok(found.map(|secret| files(secret.data.unwrap_or_default())))
}

/// Puts files into a Secret by compare-and-swap, and makes it if it is not there. Files not named stay as they are.
///
/// The Secret is read, merged and applied on the condition that it is still the one that was read; if somebody was faster,
/// again from the start. At no moment is one of its files missing. A new Secret is first made empty, since server-side apply
/// has no condition for "not there yet" and would undo what another host has just applied. Annotations tell the fingerprints of the certificates.
///
/// # Errors
///
/// [`KubeError::FieldConflict`] if another field manager set one of these files to something else: nothing is forced.
/// [`KubeError::Immutable`] if the Secret can never change. [`KubeError::Conflict`] after five lost races.
pub async fn put(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    labels: &BTreeMap<String, String>,
    wanted: &Files,
) -> Result<Swap, KubeError> {
    let mut labels = labels.clone();
    labels.insert("app.kubernetes.io/managed-by".to_owned(), MANAGED_BY.to_owned());
    let mut lost = None;
    for _ in 0..TRIES {
        let live = match get(cluster, namespace, name).await? {
            Some(live) => live,
            None => match create_empty(cluster, namespace, name).await {
                Err(err @ KubeError::Conflict { .. }) => {
                    lost = Some(err);
                    continue;
                }
                made => made?,
            },
        };
        if live.immutable == Some(true) {
            return Err(KubeError::Immutable { object: object(namespace, name) });
        }
        let swapped = merged(&live, namespace, name, &labels, wanted);
        if holds_all(&live, &swapped) {
            return Ok(Swap::Unchanged);
        }
        failpoint::hit("kube.secret.before");
        match apply(cluster, &swapped).await {
            Ok(_) => {
                failpoint::hit("kube.secret.after");
                return Ok(Swap::Written);
            }
            // Deleted since it was read: the condition names a version that nothing has.
            Err(err @ (KubeError::Conflict { .. } | KubeError::NotFound { .. })) => lost = Some(err),
            Err(err) => return Err(err),
        }
    }
    Err(lost.expect("a race was lost each time"))
}

/// Makes a Secret that goes when its owner goes. One that is there already is that of an earlier try, and stays.
pub(crate) async fn create_owned(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    files: &Files,
    owner: OwnerReference,
) -> Result<(), KubeError> {
    let labels = [("app.kubernetes.io/managed-by".to_owned(), MANAGED_BY.to_owned())];
    let mut secret = shell(namespace, name, &labels.into());
    secret.metadata.owner_references = Some(vec![owner]);
    secret.data = Some(
        files.0.iter().map(|(file, content)| (file.clone(), ByteString(content.expose_secret().to_vec()))).collect(),
    );
    secret.immutable = Some(true);
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let api = cluster.api::<Secret>(namespace);
    match cluster.call(|| format!("make {}", object(namespace, name)), api.create(&params, &secret)).await {
        Ok(_) | Err(KubeError::Conflict { .. }) => Ok(()),
        Err(err) => Err(err),
    }
}

/// Deletes a Secret, on the condition that it is ours. One that is not there is deleted.
///
/// # Errors
///
/// [`KubeError::Conflict`] if it was changed meanwhile, or if others made it.
pub async fn delete(cluster: &Cluster, namespace: &str, name: &str) -> Result<(), KubeError> {
    let Some(live) = get(cluster, namespace, name).await? else { return Ok(()) };
    let action = || format!("delete {}", object(namespace, name));
    if live.labels().get("app.kubernetes.io/managed-by").map(String::as_str) != Some(MANAGED_BY) {
        return Err(KubeError::Conflict { action: action(), reason: "it was not made by this host".to_owned() });
    }
    let unchanged = Preconditions { uid: live.uid(), resource_version: live.resource_version() };
    let api = cluster.api::<Secret>(namespace);
    match cluster.call(action, api.delete(name, &DeleteParams::default().preconditions(unchanged))).await {
        Ok(_) | Err(KubeError::NotFound { .. }) => Ok(()),
        Err(err) => Err(err),
    }
}

async fn get(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<Secret>, KubeError> {
    cluster.call(|| format!("read {}", object(namespace, name)), cluster.api::<Secret>(namespace).get_opt(name)).await
}

async fn apply(cluster: &Cluster, secret: &Secret) -> Result<Secret, KubeError> {
    let (namespace, name) = (secret.namespace().unwrap_or_default(), secret.name_any());
    let api = cluster.api::<Secret>(&namespace);
    let action = || format!("apply {}", object(&namespace, &name));
    cluster.call(action, api.patch(&name, &PatchParams::apply(FIELD_MANAGER), &Patch::Apply(secret))).await
}

/// Nothing is in it that a later apply would change: what a create and an apply of one manager set apart clashes.
async fn create_empty(cluster: &Cluster, namespace: &str, name: &str) -> Result<Secret, KubeError> {
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let api = cluster.api::<Secret>(namespace);
    let empty = shell(namespace, name, &BTreeMap::new());
    cluster.call(|| format!("make {}", object(namespace, name)), api.create(&params, &empty)).await
}

fn shell(namespace: &str, name: &str, labels: &BTreeMap<String, String>) -> Secret {
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels.clone()),
        ..ObjectMeta::default()
    };
    Secret { metadata, type_: Some("Opaque".to_owned()), ..Secret::default() }
}

/// What is applied: the files that are ours already, with the wanted ones over them. Apply drops what it does not name.
fn merged(live: &Secret, namespace: &str, name: &str, labels: &BTreeMap<String, String>, wanted: &Files) -> Secret {
    let ours: BTreeSet<String> = ownership::files_of(&live.metadata, FIELD_MANAGER);
    let kept = live.data.iter().flatten().filter(|(file, _)| ours.contains(*file));
    let mut data: BTreeMap<String, ByteString> = kept.map(|(file, content)| (file.clone(), content.clone())).collect();
    data.extend(
        wanted.names().map(|file| (file.to_owned(), ByteString(wanted.get(file).unwrap_or_default().to_vec()))),
    );
    let mut swapped = shell(namespace, name, labels);
    swapped.metadata.resource_version = live.resource_version();
    swapped.metadata.annotations = Some(annotations(&data));
    swapped.data = Some(data);
    swapped
}

fn annotations(data: &BTreeMap<String, ByteString>) -> BTreeMap<String, String> {
    let told = data.iter().filter(|(file, _)| file.len() <= ANNOTATION_LIMIT).map(|(file, content)| {
        // A file with a key beside certificates tells nothing: what is public about it is in the other files.
        let prints = if pem::has_private_key(&content.0) { Vec::new() } else { pem::fingerprints(&content.0) };
        (format!("{FINGERPRINT}{file}"), prints.join(","))
    });
    told.filter(|(_, prints)| !prints.is_empty()).collect()
}

fn holds_all(live: &Secret, wanted: &Secret) -> bool {
    let is_in = |all: &BTreeMap<String, String>, part: Option<&BTreeMap<String, String>>| {
        part.into_iter().flatten().all(|(key, value)| all.get(key) == Some(value))
    };
    let live_data = live.data.as_ref();
    is_in(live.labels(), wanted.metadata.labels.as_ref())
        && is_in(live.annotations(), wanted.metadata.annotations.as_ref())
        && wanted
            .data
            .iter()
            .flatten()
            .all(|(file, content)| live_data.and_then(|data| data.get(file)) == Some(content))
}

fn files(data: BTreeMap<String, ByteString>) -> Files {
    Files(data.into_iter().map(|(name, content)| (name, SecretSlice::from(content.0))).collect())
}

fn object(namespace: &str, name: &str) -> String {
    format!("secret `{namespace}/{name}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pem::tests::self_signed;

    #[test]
    fn keys_are_neither_shown_nor_fingerprinted() -> anyhow::Result<()> {
        let (certificate, key) = self_signed("node.example")?;
        let files = Files::default().with("node.crt", certificate.clone()).with("node.key", key.clone());
        assert_eq!(format!("{files:?}"), r#"{"node.crt", "node.key"}"#);
        assert_eq!(files.certificates().into_keys().collect::<Vec<_>>(), ["node.crt"]);
        let live = shell("dss", "x", &BTreeMap::new());
        let told = merged(&live, "dss", "x", &BTreeMap::new(), &files.with("both.pem", format!("{certificate}{key}")));
        let names: Vec<_> = told.annotations().keys().map(String::as_str).collect();
        assert_eq!(names, ["fingerprint.hangar.dev/node.crt"]);
        Ok(())
    }
}
