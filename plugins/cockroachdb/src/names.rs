//! Names of the objects that the chart makes for the database.

use hangar_sdk::pooling::names::pod_host;
use hangar_sdk::pooling_strategy::Instance;
use serde::Deserialize;

/// Port of RPC and SQL on every node's own address.
pub(crate) const RPC_PORT: u16 = 26257;
/// Port of health and metrics on every node's own address.
pub(crate) const HTTP_PORT: u16 = 8080;

/// Fact of the instance: a name that its nodes had, and still have for whoever has not heard of the new one.
const FORMER_HOST: &str = "former-host";

fn former_hosts(instance: &Instance) -> impl Iterator<Item = &str> {
    instance.facts.iter().filter(|(name, _)| name == FORMER_HOST).map(|(_, host)| host.as_str())
}

/// What made the nodes, and so what their objects are called. A volume is found by the name of its StatefulSet and a certificate is
/// made for names of Services, so these stay when the nodes are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Layout {
    /// This host's chart.
    #[default]
    Hangar,
    /// The upstream DSS's Helm chart with its `make-certs.py`.
    Helm,
    /// The upstream DSS's tanka manifests with its `make-certs.py`.
    Tanka,
}

/// Names that follow from the release, the namespace and the cluster's domain.
pub(crate) struct Names<'a> {
    instance: &'a Instance,
    layout: Layout,
}

impl<'a> Names<'a> {
    pub(crate) fn new(instance: &'a Instance, layout: Layout) -> Self {
        Self { instance, layout }
    }

    /// The StatefulSet, and the headless Service beside it.
    pub(crate) fn workload(&self) -> String {
        match self.layout {
            Layout::Tanka => "cockroachdb".into(),
            Layout::Hangar | Layout::Helm => self.usual("cockroachdb"),
        }
    }

    /// The Service in front of all own nodes.
    pub(crate) fn public_service(&self) -> String {
        match self.layout {
            Layout::Tanka => "cockroachdb-balanced".into(),
            Layout::Hangar | Layout::Helm => self.usual("cockroachdb-public"),
        }
    }

    /// Start of the names of the Services in front of one node each, where it is not the chart's own.
    pub(crate) fn external_services(&self) -> Option<&'static str> {
        (self.layout != Layout::Hangar).then_some("cockroach-db-external-node")
    }

    pub(crate) fn node_secret(&self) -> String {
        self.usual("cockroachdb-node")
    }

    pub(crate) fn client_secret(&self) -> String {
        self.usual("cockroachdb-client-root")
    }

    /// The Secret out of which nodes that other tools made read whom they trust; none where the chart made them.
    pub(crate) fn former_bundle(&self) -> Option<&'static str> {
        match self.layout {
            Layout::Hangar => None,
            Layout::Helm => Some("cockroachdb.node"),
            Layout::Tanka => Some("cockroachdb.ca.crt"),
        }
    }

    fn usual(&self, name: &str) -> String {
        format!("{}-{name}", self.instance.release)
    }

    /// Name of one own node inside the Kubernetes cluster.
    pub(crate) fn pod_host(&self, ordinal: u32) -> String {
        pod_host(self.instance, &self.workload(), ordinal)
    }

    /// What the public names of own nodes ended in before, and still do for whoever has not heard of the new ones.
    pub(crate) fn former_suffixes(&self) -> Vec<&str> {
        let is_number = |label: &str| label.parse::<u32>().is_ok();
        let parts = former_hosts(self.instance).filter_map(|host| host.split_once('.'));
        let mut suffixes: Vec<_> = parts.filter(|(label, _)| is_number(label)).map(|(_, suffix)| suffix).collect();
        suffixes.sort_unstable();
        suffixes.dedup();
        suffixes
    }

    /// Every name under which somebody reaches a node of this instance.
    pub(crate) fn node_alternatives(&self) -> Vec<String> {
        let Instance { namespace, cluster_domain, nodes, .. } = self.instance;
        let mut names = vec!["localhost".to_owned()];
        names.extend(nodes.iter().map(|node| node.host.clone()));
        // Names that our record still gives: nodes advertise them, and others call them, until the release is another one.
        names.extend(former_hosts(self.instance).map(ToOwned::to_owned));
        for service in [self.public_service(), self.workload(), format!("*.{}", self.workload())] {
            names.push(service.clone());
            names.push(format!("{service}.{namespace}"));
            names.push(format!("{service}.{namespace}.svc"));
            names.push(format!("{service}.{namespace}.svc.{cluster_domain}"));
        }
        names
    }
}
