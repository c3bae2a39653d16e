//! Services: the addresses that a cloud gave them.

use k8s_openapi::api::core::v1::Service;

use crate::cluster::Cluster;
use crate::error::KubeError;

/// Reads the addresses (or names) of a LoadBalancer Service; empty while the cloud has given none, none if it is not there.
///
/// # Errors
///
/// As for every request.
pub async fn addresses(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<Vec<String>>, KubeError> {
    let action = || format!("read service `{namespace}/{name}`");
    let found = cluster.call(action, cluster.api::<Service>(namespace).get_opt(name)).await?;
    Ok(found.map(|service| given(&service)))
}

pub(crate) fn given(service: &Service) -> Vec<String> {
    let balancer = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer.and_then(|balancer| balancer.ingress.as_deref()).unwrap_or_default();
    ingress.iter().filter_map(|one| one.ip.clone().or_else(|| one.hostname.clone())).collect()
}
