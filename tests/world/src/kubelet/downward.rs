use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{Container, Pod, ResourceFieldSelector};
use kube::ResourceExt;

use super::quantity;

/// What the downward API of a pod can tell.
#[derive(Clone, Copy)]
pub(super) struct Downward<'a> {
    pub(super) pod: &'a Pod,
    /// The pod's real address, which its processes are told.
    pub(super) address: Ipv4Addr,
    pub(super) node_address: Ipv4Addr,
}

/// Shown for a limit that a container has not set, as the node's own.
pub(super) const NODE_CPU: &str = "32";
pub(super) const NODE_MEMORY: &str = "256Gi";

impl Downward<'_> {
    /// The value at a field path, or nothing if the downward API knows no such path.
    pub(super) fn field(&self, path: &str) -> Option<String> {
        let (pod, spec) = (self.pod, self.pod.spec.as_ref());
        match path {
            "metadata.name" => Some(pod.name_any()),
            "metadata.namespace" => pod.namespace(),
            "metadata.uid" => pod.uid(),
            "metadata.labels" => Some(listed(pod.labels())),
            "metadata.annotations" => Some(listed(pod.annotations())),
            "spec.nodeName" => spec?.node_name.clone(),
            "spec.serviceAccountName" => Some(spec?.service_account_name.clone().unwrap_or_default()),
            "status.podIP" | "status.podIPs" => Some(self.address.to_string()),
            "status.hostIP" | "status.hostIPs" => Some(self.node_address.to_string()),
            _ => self.keyed(path),
        }
    }

    /// `metadata.labels['KEY']` or `metadata.annotations['KEY']`; a key that is not there is empty.
    fn keyed(&self, path: &str) -> Option<String> {
        let (map, key) = path.strip_suffix("']")?.split_once("['")?;
        let map = match map {
            "metadata.labels" => self.pod.labels(),
            "metadata.annotations" => self.pod.annotations(),
            _ => return None,
        };
        Some(map.get(key).cloned().unwrap_or_default())
    }

    /// A resource of a container of the pod, by default of `own`.
    pub(super) fn resource(&self, selector: &ResourceFieldSelector, own: Option<&Container>) -> Option<String> {
        let spec = self.pod.spec.as_ref()?;
        let named = selector.container_name.as_deref();
        let other = named.and_then(|name| {
            spec.containers.iter().chain(spec.init_containers.iter().flatten()).find(|known| known.name == name)
        });
        let resources = other.or(own)?.resources.as_ref();
        let (list, resource) = selector.resource.split_once('.')?;
        let limits = resources.and_then(|resources| resources.limits.as_ref()?.get(resource));
        let set = match list {
            "limits" => limits,
            "requests" => resources.and_then(|resources| resources.requests.as_ref()?.get(resource)),
            _ => return None,
        };
        let of_node = match (list, resource) {
            ("limits", "cpu") => NODE_CPU,
            ("limits", "memory") => NODE_MEMORY,
            _ => "0",
        };
        quantity::in_units(
            set.map_or(of_node, |quantity| &quantity.0),
            selector.divisor.as_ref().map(|divisor| divisor.0.as_str()),
        )
    }
}

/// One `key="value"` a line, as the kubelet writes maps.
fn listed(map: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod() -> Pod {
        let pod = json!({
            "metadata": { "name": "crdb-0", "namespace": "dss", "uid": "u", "labels": { "apps.kubernetes.io/pod-index": "0", "a": "b" } },
            "spec": {
                "nodeName": "uss1-node-1",
                "containers": [{ "name": "db", "resources": { "limits": { "memory": "2Gi" } } }],
            },
        });
        serde_json::from_value(pod).expect("a pod")
    }

    #[test]
    fn a_pod_is_told_its_real_address_and_its_labels() {
        let pod = pod();
        let downward =
            Downward { pod: &pod, address: Ipv4Addr::new(127, 64, 1, 2), node_address: Ipv4Addr::new(127, 64, 1, 1) };
        assert_eq!(downward.field("status.podIP").as_deref(), Some("127.64.1.2"));
        assert_eq!(downward.field("metadata.labels['apps.kubernetes.io/pod-index']").as_deref(), Some("0"));
        assert_eq!(downward.field("metadata.labels['none']").as_deref(), Some(""));
        assert_eq!(downward.field("metadata.labels").as_deref(), Some("a=\"b\"\napps.kubernetes.io/pod-index=\"0\""));
        assert_eq!(downward.field("spec.nonsense"), None);
    }

    #[test]
    fn resources_fall_back_to_the_nodes() {
        let pod = pod();
        let downward = Downward { pod: &pod, address: Ipv4Addr::LOCALHOST, node_address: Ipv4Addr::LOCALHOST };
        let own = &pod.spec.as_ref().expect("a spec").containers[0];
        let of = |resource: &str| {
            let selector = ResourceFieldSelector { resource: resource.to_owned(), ..Default::default() };
            downward.resource(&selector, Some(own))
        };
        assert_eq!(of("limits.memory").as_deref(), Some("2147483648"));
        assert_eq!(of("limits.cpu").as_deref(), Some("32"));
        assert_eq!(of("requests.cpu").as_deref(), Some("0"));
    }
}
