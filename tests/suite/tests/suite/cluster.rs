//! What an organisation's Kubernetes API shows.

use anyhow::Result;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use test_world::OrganisationFile;

/// What a node says when it founds a cluster, and when it enters one.
const FOUNDED: &str = "initialized new cluster";
const JOINED: &str = "joined pre-existing cluster";
/// The namespace of an instance whose workspace names none.
const NAMESPACE: &str = "dss";

/// How the database nodes of one organisation came to their cluster, by their logs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Origins {
    pub(crate) n_nodes: usize,
    pub(crate) n_founded: usize,
    pub(crate) n_joined: usize,
}

/// Reads the logs of the database nodes.
pub(crate) async fn origins(organisation: &OrganisationFile) -> Result<Origins> {
    let pods: Api<Pod> = Api::namespaced(client(organisation).await?, NAMESPACE);
    let mut origins = Origins::default();
    for pod in pods.list(&ListParams::default()).await? {
        let name = pod.metadata.name.unwrap_or_default();
        let containers = pod.spec.map(|spec| spec.containers).unwrap_or_default();
        let Some(node) = containers.into_iter().find(|container| container.name == "cockroachdb") else { continue };
        let wanted = kube::api::LogParams { container: Some(node.name), ..Default::default() };
        let log = pods.logs(&name, &wanted).await?;
        origins.n_nodes += 1;
        // It says so three times; the line of its log proper is the one that does not begin with `status:`.
        let n_said =
            |what: &str| log.lines().filter(|line| line.ends_with(what) && !line.starts_with("status:")).count();
        origins.n_founded += n_said(FOUNDED);
        origins.n_joined += n_said(JOINED);
    }
    Ok(origins)
}

/// Whether the instance's namespace is there.
pub(crate) async fn has_namespace(organisation: &OrganisationFile) -> Result<bool> {
    let namespaces: Api<Namespace> = Api::all(client(organisation).await?);
    Ok(namespaces.get_opt(NAMESPACE).await?.is_some())
}

async fn client(organisation: &OrganisationFile) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(&organisation.kubeconfig)?;
    Ok(Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)?)
}
