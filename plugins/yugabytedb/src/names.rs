//! Names of the objects that the chart makes for the database, and of its nodes.

use hangar_sdk::pooling::names::pod_host;
use hangar_sdk::pooling_strategy::{Instance, Node};

/// Port of a master's RPC on every node's own address.
pub(crate) const MASTER_PORT: u16 = 7100;
/// Port of a tablet server's RPC on every node's own address.
pub(crate) const TSERVER_PORT: u16 = 9100;
/// Port of a master's pages, inside the cluster alone.
pub(crate) const MASTER_WEB_PORT: u16 = 7000;
/// Port of SQL, inside the cluster alone.
pub(crate) const SQL_PORT: u16 = 5433;
/// The database's own user and database.
pub(crate) const USER: &str = "yugabyte";

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
        format!("{}-yugabytedb", self.instance.release)
    }

    /// The Service in front of all own nodes.
    fn public_service(&self) -> String {
        format!("{}-public", self.workload())
    }

    pub(crate) fn node_secret(&self) -> String {
        format!("{}-node", self.workload())
    }

    pub(crate) fn client_secret(&self) -> String {
        format!("{}-client", self.workload())
    }

    /// Name of one own node inside the Kubernetes cluster.
    pub(crate) fn pod_host(&self, ordinal: u32) -> String {
        pod_host(self.instance, &self.workload(), ordinal)
    }

    /// Every name under which somebody reaches one node of this instance.
    pub(crate) fn node_alternatives(&self, node: &Node) -> Vec<String> {
        let Instance { namespace, cluster_domain, .. } = self.instance;
        let mut names = vec![node.host.clone(), "localhost".to_owned()];
        let pod = format!("{}-{}.{}", self.workload(), node.ordinal, self.workload());
        for service in [pod, self.public_service(), self.workload()] {
            names.push(format!("{service}.{namespace}"));
            names.push(format!("{service}.{namespace}.svc"));
            names.push(format!("{service}.{namespace}.svc.{cluster_domain}"));
            names.push(service);
        }
        names
    }
}

/// Where a node's master is reached.
pub(crate) fn master(node: &Node) -> String {
    format!("{}:{MASTER_PORT}", node.host)
}
