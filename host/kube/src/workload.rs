//! Workloads and their pods, as observations.

pub(crate) mod pod;

use hangar_plan::strategy::observation::{self, Observation};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt as _;
use kube::api::ListParams;
use kube::core::{Expression, Selector, SelectorExt as _};

use crate::cluster::Cluster;
use crate::error::KubeError;

/// Annotation of a workload that names its applied configuration.
const CONFIGURATION: &str = "hangar.dev/configuration";

/// A StatefulSet or a Deployment, as far as both are the same.
pub(crate) struct Workload {
    pub(crate) wanted: u32,
    pub(crate) selector: Selector,
    pub(crate) configuration: Option<String>,
    /// Service that gives each pod a name of its own.
    service: Option<String>,
}

/// Looks at the pods of a StatefulSet or a Deployment of this name; [`Observation::Absent`] if there is neither.
///
/// # Errors
///
/// As for every request.
pub async fn observe(cluster: &Cluster, namespace: &str, name: &str) -> Result<Observation, KubeError> {
    let Some(workload) = find(cluster, namespace, name).await? else { return Ok(Observation::Absent) };
    let pods = pods(cluster, namespace, name, &workload).await?;
    Ok(Observation::Workload(observation::Workload {
        wanted: workload.wanted,
        pods: pods.iter().map(pod::observed).collect(),
        generation: workload.configuration,
    }))
}

/// The pods of a workload, each with how the pods of its namespace reach it: by its name where it has one, which stays
/// the same when the pod is replaced, else by its address. Pods without either are left out.
pub(crate) async fn addresses(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Vec<(String, String)>, KubeError> {
    let Some(workload) = find(cluster, namespace, name).await? else { return Ok(Vec::new()) };
    let pods = pods(cluster, namespace, name, &workload).await?;
    let address = |pod: &Pod| match &workload.service {
        Some(service) => Some(format!("{}.{service}", pod.name_any())),
        None => pod.status.as_ref()?.pod_ip.clone(),
    };
    Ok(pods.iter().filter_map(|pod| Some((pod.name_any(), address(pod)?))).collect())
}

pub(crate) async fn pods(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    workload: &Workload,
) -> Result<Vec<Pod>, KubeError> {
    let selected = ListParams::default().labels_from(&workload.selector);
    let action = || format!("list pods of `{namespace}/{name}`");
    let mut pods = cluster.call(action, cluster.api::<Pod>(namespace).list(&selected)).await?.items;
    pods.sort_by_key(|pod| pod::ordinal(&pod.name_any()));
    Ok(pods)
}

async fn find(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<Workload>, KubeError> {
    let action = |kind: &str| format!("read {kind} `{namespace}/{name}`");
    let sets = cluster.api::<StatefulSet>(namespace);
    if let Some(set) = cluster.call(|| action("stateful set"), sets.get_opt(name)).await? {
        return Ok(Some(Workload::of_set(&set)));
    }
    let deployments = cluster.api::<Deployment>(namespace);
    let deployment = cluster.call(|| action("deployment"), deployments.get_opt(name)).await?;
    Ok(deployment.as_ref().map(Workload::of_deployment))
}

impl Workload {
    pub(crate) fn of_set(set: &StatefulSet) -> Self {
        let spec = set.spec.clone().unwrap_or_default();
        Self {
            wanted: count(spec.replicas),
            service: spec.service_name.filter(|name| !name.is_empty()),
            selector: selector(spec.selector),
            configuration: set.annotations().get(CONFIGURATION).cloned(),
        }
    }

    pub(crate) fn of_deployment(deployment: &Deployment) -> Self {
        let spec = deployment.spec.clone().unwrap_or_default();
        Self {
            wanted: count(spec.replicas),
            service: None,
            selector: selector(spec.selector),
            configuration: deployment.annotations().get(CONFIGURATION).cloned(),
        }
    }

    pub(crate) fn has(&self, pod: &Pod) -> bool {
        self.selector.matches(pod.labels())
    }
}

/// Kubernetes runs one pod where no number is given.
fn count(replicas: Option<i32>) -> u32 {
    replicas.map_or(1, |n| u32::try_from(n).unwrap_or_default())
}

/// The API server has checked it; one that cannot be read selects nothing.
fn selector(given: LabelSelector) -> Selector {
    given.try_into().unwrap_or_else(|_| {
        let never = "hangar.dev/never".to_owned();
        Selector::from_iter([Expression::Exists(never.clone()), Expression::DoesNotExist(never)])
    })
}
