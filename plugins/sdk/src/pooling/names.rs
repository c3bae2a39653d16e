//! Names that the chart gives a database's pods, and what an organisation's nodes are called in public.

use crate::pooling_strategy::{Instance, Node};

/// Name of one own node inside the Kubernetes cluster: a pod of the StatefulSet `workload`, below the Service of the same name.
#[must_use]
pub fn pod_host(instance: &Instance, workload: &str, ordinal: u32) -> String {
    let Instance { namespace, cluster_domain, .. } = instance;
    format!("{workload}-{ordinal}.{workload}.{namespace}.svc.{cluster_domain}")
}

/// What all public names of an instance's nodes end in: `db.example.com` for `0.db.example.com`. Nothing where they differ.
#[must_use]
pub fn suffix(nodes: &[Node]) -> Option<&str> {
    let mut suffixes = nodes.iter().map(|node| node.host.strip_prefix(&format!("{}.", node.ordinal)));
    let first = suffixes.next()??;
    suffixes.all(|suffix| suffix == Some(first)).then_some(first)
}
