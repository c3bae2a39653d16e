//! Names of the objects that the chart makes for the database.

use hangar_sdk::pooling::names::pod_host;
use hangar_sdk::pooling_strategy::Instance;

/// Port of RPC and SQL on every node's own address.
pub(crate) const RPC_PORT: u16 = 26257;
/// Port of health and metrics on every node's own address.
pub(crate) const HTTP_PORT: u16 = 8080;

/// Fact of the instance: a name that its nodes had, and still have for whoever has not heard of the new one.
const FORMER_HOST: &str = "former-host";

fn former_hosts(instance: &Instance) -> impl Iterator<Item = String> {
    instance.facts.iter().filter(|(name, _)| name == FORMER_HOST).map(|(_, host)| host.clone())
}

/// Names that follow from the release, the namespace and the cluster's domain.
pub(crate) struct Names<'a> {
    instance: &'a Instance,
}

impl<'a> Names<'a> {
    pub(crate) fn new(instance: &'a Instance) -> Self {
        Self { instance }
    }

    /// The StatefulSet, and the headless Service beside it.
    pub(crate) fn workload(&self) -> String {
        format!("{}-cockroachdb", self.instance.release)
    }

    /// The Service in front of all own nodes.
    pub(crate) fn public_service(&self) -> String {
        format!("{}-public", self.workload())
    }

    pub(crate) fn node_secret(&self) -> String {
        format!("{}-node", self.workload())
    }

    pub(crate) fn client_secret(&self) -> String {
        format!("{}-client-root", self.workload())
    }

    /// Name of one own node inside the Kubernetes cluster.
    pub(crate) fn pod_host(&self, ordinal: u32) -> String {
        pod_host(self.instance, &self.workload(), ordinal)
    }

    /// Every name under which somebody reaches a node of this instance.
    pub(crate) fn node_alternatives(&self) -> Vec<String> {
        let Instance { namespace, cluster_domain, nodes, .. } = self.instance;
        let mut names = vec!["localhost".to_owned()];
        names.extend(nodes.iter().map(|node| node.host.clone()));
        // Names that our record still gives: nodes advertise them, and others call them, until the release is another one.
        names.extend(former_hosts(self.instance));
        for service in [self.public_service(), self.workload(), format!("*.{}", self.workload())] {
            names.push(service.clone());
            names.push(format!("{service}.{namespace}"));
            names.push(format!("{service}.{namespace}.svc"));
            names.push(format!("{service}.{namespace}.svc.{cluster_domain}"));
        }
        names
    }
}
