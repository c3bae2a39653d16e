//! Certificates that the pods of a StatefulSet find in their Secrets.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{KeyToPath, PodSpec, Volume};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::error::KubeError;
use crate::secrets;

/// Certificates that pods find in their Secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounted {
    /// Files of certificates, in the order of the volumes.
    pub files: Vec<MountedFile>,
    /// Secrets that are needed and not there.
    pub missing: Vec<String>,
}

/// A file of certificates as pods see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountedFile {
    /// The Secret it comes from.
    pub secret: String,
    /// Its name in the Secret.
    pub key: String,
    /// Its name in the volume.
    pub path: String,
    /// Its certificates.
    pub pem: String,
}

/// A Secret that a volume shows, with the files it shows of it; none for all.
type Shown<'a> = (String, Option<&'a Vec<KeyToPath>>, bool);

/// What the pods of a StatefulSet that stands find; none if there is no such set.
///
/// # Errors
///
/// As for every request.
pub async fn by_set(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<Mounted>, KubeError> {
    let api = cluster.api::<StatefulSet>(namespace);
    let found = cluster.call(|| format!("read stateful set `{namespace}/{name}`"), api.get_opt(name)).await?;
    let Some(set) = found else { return Ok(None) };
    Ok(Some(by_pods(cluster, namespace, set.spec.and_then(|spec| spec.template.spec).as_ref()).await?))
}

/// What the pods of a StatefulSet would find that somebody wants to make.
///
/// # Errors
///
/// [`KubeError::Refused`] for what is no StatefulSet; else as for every request.
pub async fn by_wanted(cluster: &Cluster, namespace: &str, set: &Value) -> Result<Mounted, KubeError> {
    let read = serde_json::from_value::<StatefulSet>(set.clone());
    let set = read.map_err(|err| KubeError::Refused {
        action: "read a stateful set of the chart".to_owned(),
        reason: err.to_string(),
    })?;
    by_pods(cluster, namespace, set.spec.and_then(|spec| spec.template.spec).as_ref()).await
}

async fn by_pods(cluster: &Cluster, namespace: &str, pods: Option<&PodSpec>) -> Result<Mounted, KubeError> {
    let mut mounted = Mounted::default();
    let volumes = pods.iter().flat_map(|spec| spec.volumes.iter().flatten());
    for (secret, items, is_optional) in volumes.flat_map(shown) {
        let Some(files) = secrets::read(cluster, namespace, &secret).await? else {
            if !is_optional {
                mounted.missing.push(secret);
            }
            continue;
        };
        for (key, pem) in files.certificates() {
            let named: BTreeMap<&str, &str> =
                items.iter().flat_map(|items| items.iter()).map(|item| (&*item.key, &*item.path)).collect();
            let path = if items.is_some() { named.get(key.as_str()).copied() } else { Some(key.as_str()) };
            let Some(path) = path.map(ToOwned::to_owned) else { continue };
            mounted.files.push(MountedFile { secret: secret.clone(), key, path, pem });
        }
    }
    Ok(mounted)
}

fn shown(volume: &Volume) -> Vec<Shown<'_>> {
    let whole = volume
        .secret
        .iter()
        .filter_map(|source| Some((source.secret_name.clone()?, source.items.as_ref(), source.optional == Some(true))));
    let projected = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    let parts = projected.filter_map(|source| source.secret.as_ref());
    whole.chain(parts.map(|part| (part.name.clone(), part.items.as_ref(), part.optional == Some(true)))).collect()
}
