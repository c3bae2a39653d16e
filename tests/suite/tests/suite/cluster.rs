//! What an organisation's Kubernetes API shows.

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, Service};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;
use test_world::{Cloud, OrganisationFile};

/// What a node says when it founds a cluster, and when it enters one.
const FOUNDED: &str = "initialized new cluster";
const JOINED: &str = "joined pre-existing cluster";
/// The namespace of an instance whose workspace names none.
pub(crate) const NAMESPACE: &str = "dss";

/// How the database nodes of one organisation came to their cluster, by their logs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Origins {
    pub(crate) n_nodes: usize,
    pub(crate) n_founded: usize,
    pub(crate) n_joined: usize,
}

/// Reads the logs of the database nodes.
pub(crate) async fn origins(organisation: &OrganisationFile) -> Result<Origins> {
    origins_in(organisation, NAMESPACE).await
}

/// Reads the logs of the database nodes of one namespace.
pub(crate) async fn origins_in(organisation: &OrganisationFile, namespace: &str) -> Result<Origins> {
    let mut origins = Origins::default();
    for log in logs_in(organisation, namespace, "cockroachdb").await? {
        origins.n_nodes += 1;
        // It says so three times; the line of its log proper is the one that does not begin with `status:`.
        let n_said =
            |what: &str| log.lines().filter(|line| line.ends_with(what) && !line.starts_with("status:")).count();
        origins.n_founded += n_said(FOUNDED);
        origins.n_joined += n_said(JOINED);
    }
    Ok(origins)
}

/// The logs of every container of this name.
pub(crate) async fn logs(organisation: &OrganisationFile, container: &str) -> Result<Vec<String>> {
    logs_in(organisation, NAMESPACE, container).await
}

async fn logs_in(organisation: &OrganisationFile, namespace: &str, container: &str) -> Result<Vec<String>> {
    let pods: Api<Pod> = Api::namespaced(client(organisation).await?, namespace);
    let mut logs = Vec::new();
    for pod in pods.list(&ListParams::default()).await? {
        let name = pod.metadata.name.unwrap_or_default();
        let containers = pod.spec.map(|spec| spec.containers).unwrap_or_default();
        let Some(found) = containers.into_iter().find(|found| found.name == container) else { continue };
        let wanted = kube::api::LogParams { container: Some(found.name), ..Default::default() };
        logs.push(pods.logs(&name, &wanted).await?);
    }
    Ok(logs)
}

/// Whether the instance's namespace is there.
pub(crate) async fn has_namespace(organisation: &OrganisationFile) -> Result<bool> {
    is_there(organisation, NAMESPACE).await
}

/// Whether a namespace is there.
pub(crate) async fn is_there(organisation: &OrganisationFile, namespace: &str) -> Result<bool> {
    let namespaces: Api<Namespace> = Api::all(client(organisation).await?);
    Ok(namespaces.get_opt(namespace).await?.is_some())
}

/// Gives the cluster what every one of a cloud has.
pub(crate) async fn furnish(organisation: &OrganisationFile, cloud: Cloud) -> Result<()> {
    Ok(cloud.furnish(&client(organisation).await?, &organisation.name).await?)
}

/// One value of a ConfigMap; none where it is not there.
pub(crate) async fn value(
    organisation: &OrganisationFile,
    namespace: &str,
    name: &str,
    key: &str,
) -> Result<Option<String>> {
    let maps: Api<ConfigMap> = Api::namespaced(client(organisation).await?, namespace);
    Ok(maps.get_opt(name).await?.and_then(|map| map.data).and_then(|mut data| data.remove(key)))
}

/// Public addresses of the instance's load balancers, as their Services show them.
pub(crate) async fn service_addresses(organisation: &OrganisationFile) -> Result<Vec<String>> {
    let services: Api<Service> = Api::namespaced(client(organisation).await?, NAMESPACE);
    let statuses = services.list(&ListParams::default()).await?.items.into_iter().filter_map(|service| service.status);
    let entries = statuses.filter_map(|status| status.load_balancer?.ingress).flatten();
    Ok(entries.filter_map(|entry| entry.ip).collect())
}

/// How often Helm has written a release, of the last ten times.
pub(crate) async fn n_revisions(organisation: &OrganisationFile, namespace: &str, release: &str) -> Result<usize> {
    let secrets: Api<Secret> = Api::namespaced(client(organisation).await?, namespace);
    let of_release = ListParams::default().labels(&format!("owner=helm,name={release}"));
    Ok(secrets.list(&of_release).await?.items.len())
}

/// The Secret of the instance's root client, with the bundle beside its certificate.
pub(crate) const CLIENT_SECRET: &str = "dss-cockroachdb-client-root";
/// The StatefulSet of the instance's database nodes, and the Service that names its pods.
pub(crate) const DATABASE: &str = "dss-cockroachdb";

/// The files of a Secret of the instance.
pub(crate) async fn secret(organisation: &OrganisationFile, name: &str) -> Result<BTreeMap<String, Vec<u8>>> {
    let secrets: Api<Secret> = Api::namespaced(client(organisation).await?, NAMESPACE);
    let files = secrets.get(name).await?.data.unwrap_or_default();
    Ok(files.into_iter().map(|(name, bytes)| (name, bytes.0)).collect())
}

/// Lets so many of an organisation's database nodes run.
pub(crate) async fn scale_database(organisation: &OrganisationFile, n_nodes: u8) -> Result<()> {
    let workloads: Api<StatefulSet> = Api::namespaced(client(organisation).await?, NAMESPACE);
    let wanted = json!({ "spec": { "replicas": n_nodes } });
    workloads.patch_scale(DATABASE, &PatchParams::default(), &Patch::Merge(wanted)).await?;
    Ok(())
}

/// Takes every database node of an organisation down at once, and for good.
pub(crate) async fn lose_database(organisation: &OrganisationFile) -> Result<()> {
    scale_database(organisation, 0).await?;
    let pods: Api<Pod> = Api::namespaced(client(organisation).await?, NAMESPACE);
    for ordinal in 0..3 {
        let at_once = DeleteParams::default().grace_period(0);
        match pods.delete(&format!("{DATABASE}-{ordinal}"), &at_once).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(err) => return Err(err.into()),
        }
    }
    Ok(())
}

pub(crate) async fn client(organisation: &OrganisationFile) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(&organisation.kubeconfig)?;
    Ok(Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)?)
}
