//! Namespaces.

use std::collections::BTreeMap;
use std::time::Duration;

use hangar_durable::failpoint;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::runtime::watcher;

use crate::cluster::Cluster;
use crate::deadline::{Seen, within};
use crate::error::KubeError;
use crate::mirror::Mirror;
use crate::{FIELD_MANAGER, MANAGED_BY};

/// Whether a namespace is there and pods can be made in it.
///
/// # Errors
///
/// As for every request.
pub async fn is_ready(cluster: &Cluster, name: &str) -> Result<bool, KubeError> {
    let accounts: Api<ServiceAccount> = cluster.api(name);
    let found =
        cluster.call(|| format!("read service account `default` of `{name}`"), accounts.get_opt("default")).await?;
    Ok(found.is_some())
}

/// Whether a namespace is there and bears this label with this value.
///
/// # Errors
///
/// As for every request.
pub async fn bears(cluster: &Cluster, name: &str, label: &str, value: &str) -> Result<bool, KubeError> {
    let api: Api<Namespace> = Api::all(cluster.client().clone());
    let found = cluster.call(|| format!("read namespace `{name}`"), api.get_opt(name)).await?;
    let labels = found.and_then(|namespace| namespace.metadata.labels).unwrap_or_default();
    Ok(labels.get(label).is_some_and(|found| found == value))
}

/// Makes a namespace, or labels one that is there, and waits until pods can be made in it.
///
/// A namespace is of use only once the controller manager has made its service account.
///
/// # Errors
///
/// [`KubeError::Forbidden`]; [`KubeError::Deadline`] if the service account does not come.
pub async fn ensure(
    cluster: &Cluster,
    name: &str,
    labels: &BTreeMap<String, String>,
    deadline: Duration,
) -> Result<(), KubeError> {
    let mut labels = labels.clone();
    labels.insert("app.kubernetes.io/managed-by".to_owned(), MANAGED_BY.to_owned());
    let metadata = ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() };
    let wanted = Namespace { metadata, ..Namespace::default() };
    let api: Api<Namespace> = Api::all(cluster.client().clone());
    let params = PatchParams::apply(FIELD_MANAGER);
    failpoint::hit("kube.namespace.before");
    cluster.call(|| format!("apply namespace `{name}`"), api.patch(name, &params, &Patch::Apply(&wanted))).await?;
    failpoint::hit("kube.namespace.after");
    service_account(cluster, name, deadline).await
}

async fn service_account(cluster: &Cluster, namespace: &str, deadline: Duration) -> Result<(), KubeError> {
    let only_default = watcher::Config::default().fields("metadata.name=default");
    let action = format!("watch service accounts of `{namespace}`");
    let mut accounts: Mirror<ServiceAccount> = Mirror::new(cluster, cluster.api(namespace), only_default, &action);
    let seen = Seen::default();
    seen.set("the namespace without its service account `default`");
    within(&format!("namespace `{namespace}`"), deadline, &seen, async {
        loop {
            accounts.changed().await?;
            if accounts.get("default").is_some() {
                return Ok(());
            }
        }
    })
    .await
}

/// Deletes a namespace with all that is in it, and waits until it is gone. One that is not there is gone.
///
/// # Errors
///
/// [`KubeError::Deadline`], with what still holds it.
pub async fn delete(cluster: &Cluster, name: &str, deadline: Duration) -> Result<(), KubeError> {
    let api: Api<Namespace> = Api::all(cluster.client().clone());
    let deleted =
        cluster.call(|| format!("delete namespace `{name}`"), api.delete(name, &DeleteParams::default())).await;
    match deleted {
        Err(KubeError::NotFound { .. }) => return Ok(()),
        // It is being deleted already: the namespace controller answers so while it works.
        Ok(_) | Err(KubeError::Conflict { .. }) => {}
        Err(err) => return Err(err),
    }
    let only_this = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut namespaces: Mirror<Namespace> = Mirror::new(cluster, api, only_this, &format!("watch namespace `{name}`"));
    let seen = Seen::default();
    within(&format!("end of namespace `{name}`"), deadline, &seen, async {
        loop {
            namespaces.changed().await?;
            match namespaces.get(name) {
                None => return Ok(()),
                Some(left) => seen.set(what_holds(left)),
            };
        }
    })
    .await
}

fn what_holds(namespace: &Namespace) -> String {
    let conditions = namespace.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let messages: Vec<&str> = conditions
        .iter()
        .filter(|condition| condition.status == "True")
        .filter_map(|condition| condition.message.as_deref())
        .collect();
    if messages.is_empty() { "it is being deleted".to_owned() } else { messages.join("; ") }
}
