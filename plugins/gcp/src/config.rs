//! The plugin's own block.

use std::collections::BTreeMap;

use hangar_sdk::config::{Problem, parse};
use hangar_sdk::infra_provider::{Diagnostic, Error, Instance};
use serde::{Deserialize, Serialize};

use crate::ranges::Range;

/// The `infra "gcp"` block as typed; what it leaves out is the module's default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) project: String,
    pub(crate) region: String,
    pub(crate) cluster_name: String,
    zones: Option<Vec<String>>,
    pub(crate) kubernetes_version: Option<String>,
    pub(crate) release_channel: Option<String>,
    pub(crate) maintenance_start: Option<String>,
    pub(crate) network: Option<Network>,
    pub(crate) nodes_cidr: Option<String>,
    pub(crate) pods_cidr: Option<String>,
    pub(crate) services_cidr: Option<String>,
    pub(crate) control_plane_cidr: Option<String>,
    pub(crate) api_allowed_cidrs: Option<Vec<String>>,
    pub(crate) machine_type: Option<String>,
    pub(crate) disk_size_gb: Option<u32>,
    pub(crate) node_count: Option<NodeCount>,
    pub(crate) prometheus_hostname: Option<String>,
    pub(crate) dns_managed_zone: Option<String>,
    pub(crate) secrets_service_account: Option<String>,
    pub(crate) secrets_prefix: Option<String>,
    pub(crate) kms_key: Option<String>,
    pub(crate) deletion_protection: Option<bool>,
    pub(crate) enable_services: Option<bool>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) endpoints: BTreeMap<String, String>,
}

/// An existing network.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    network: String,
    subnetwork: String,
    pods_range: String,
    services_range: String,
}

/// Nodes of the cluster, over all zones.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeCount {
    pub(crate) min: u32,
    pub(crate) max: u32,
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        Ok(parse(text)?)
    }

    /// The zones the nodes are spread over.
    pub(crate) fn zones(&self) -> Vec<String> {
        let default = || ["a", "b", "c"].map(|letter| format!("{}-{letter}", self.region)).to_vec();
        self.zones.clone().unwrap_or_else(default)
    }

    /// Machine type of the nodes: the module's default if the block says nothing.
    pub(crate) fn machine_type(&self) -> &str {
        self.machine_type.as_deref().unwrap_or("n2-standard-4")
    }

    /// Bounds of the autoscaler: the module's default if the block says nothing.
    pub(crate) fn node_count(&self) -> NodeCount {
        self.node_count.unwrap_or(NodeCount { min: 3, max: 6 })
    }

    pub(crate) fn managed_zone(&self) -> Option<&str> {
        self.dns_managed_zone.as_deref().filter(|zone| !zone.is_empty())
    }

    pub(crate) fn prometheus(&self) -> Option<&str> {
        self.prometheus_hostname.as_deref().filter(|name| !name.is_empty())
    }

    fn problems(&self, instance: &Instance) -> Vec<Problem> {
        let mut problems = self.zone_problems();
        let count = self.node_count();
        if count.min > count.max {
            let message = format!("node counts do not rise: {}, {}", count.min, count.max);
            problems.push(Problem::new("/node_count", message).hint("keep min <= max"));
        } else if count.max < instance.nodes {
            let message = format!("{} database nodes do not fit {} Kubernetes nodes", instance.nodes, count.max);
            problems.push(Problem::new("/node_count/max", message).hint(format!("allow {} at least", instance.nodes)));
        }
        if instance.nodes > 9 {
            problems.push(Problem::new("", format!("{} database nodes are more than 9", instance.nodes)));
        }
        if let Some(key) = &self.kms_key
            && key.split('/').nth(3).is_some_and(|location| location != self.region && location != "global")
        {
            let problem = Problem::new("/kms_key", format!("this key is not of region `{}`", self.region));
            problems.push(problem.hint("GKE takes a key of the cluster's own region"));
        }
        problems.extend(self.range_problems());
        problems
    }

    fn zone_problems(&self) -> Vec<Problem> {
        let prefix = format!("{}-", self.region);
        let zones = self.zones();
        let others = zones.iter().enumerate().filter(|(_, zone)| !zone.starts_with(&prefix));
        let said = others.map(|(index, zone)| {
            let message = format!("zone `{zone}` is not of region `{}`", self.region);
            Problem::new(format!("/zones/{index}"), message).hint(format!("a zone of it is `{prefix}a`"))
        });
        said.collect()
    }

    /// Ranges that are none, that overlap, or that an existing network makes useless.
    fn range_problems(&self) -> Vec<Problem> {
        let of_network = [
            ("nodes_cidr", &self.nodes_cidr, "10.20.0.0/20"),
            ("pods_cidr", &self.pods_cidr, "10.24.0.0/14"),
            ("services_cidr", &self.services_cidr, "10.28.0.0/20"),
        ];
        let control_plane = ("control_plane_cidr", &self.control_plane_cidr, "172.16.0.0/28");
        let mut problems = Vec::new();
        if self.network.is_some() {
            for (key, _, _) in of_network.iter().filter(|(_, given, _)| given.is_some()) {
                let message = format!("`{key}` says nothing about a network that exists");
                problems.push(Problem::new(format!("/{key}"), message).hint("remove it, or remove `network`"));
            }
        }
        let used: &[_] = if self.network.is_some() { &[] } else { &of_network };
        let mut ranges: Vec<(&str, Range)> = Vec::new();
        for (key, given, default) in used.iter().chain([&control_plane]) {
            let text = given.as_deref().unwrap_or(default);
            match Range::parse(text) {
                Err(reason) => problems.push(Problem::new(format!("/{key}"), format!("`{text}` {reason}"))),
                Ok(range) => {
                    if let Some((other, _)) = ranges.iter().find(|(_, other)| other.overlaps(range)) {
                        let message = format!("`{text}` overlaps `{other}`");
                        problems.push(Problem::new(format!("/{key}"), message).hint("ranges of one network are apart"));
                    }
                    ranges.push((key, range));
                }
            }
        }
        if let Some(text) = &self.control_plane_cidr
            && Range::parse(text).is_ok_and(|range| range.bits() != 28)
        {
            problems.push(Problem::new("/control_plane_cidr", format!("`{text}` is not of 28 bits")));
        }
        for (index, text) in self.api_allowed_cidrs.iter().flatten().enumerate() {
            if let Err(reason) = Range::parse(text) {
                problems.push(Problem::new(format!("/api_allowed_cidrs/{index}"), format!("`{text}` {reason}")));
            }
        }
        problems
    }
}

/// Checks the block beyond its schema; all findings at once.
pub fn validate(config: &str, instance: &Instance) -> Vec<Diagnostic> {
    match parse::<Config>(config) {
        Ok(config) => config.problems(instance).into_iter().map(Into::into).collect(),
        Err(problem) => vec![problem.into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::{block, instance};
    use serde_json::json;

    fn said(change: serde_json::Value) -> Vec<String> {
        let found = validate(&block(change), &instance());
        found.into_iter().map(|found| format!("{}: {}", found.pointer, found.message)).collect()
    }

    #[test]
    fn all_findings_come_at_once() {
        let found = said(json!({
            "zones": ["europe-west4-a", "us-east4-b", "europe-west4-c"],
            "node_count": {"min": 5, "max": 4},
            "kms_key": "projects/p/locations/us-east4/keyRings/r/cryptoKeys/k",
            "nodes_cidr": "10.20.0.1/20",
            "pods_cidr": "10.28.0.0/16",
            "control_plane_cidr": "172.16.0.0/24",
            "api_allowed_cidrs": ["203.0.113.0/24", "everybody"],
        }));
        assert_eq!(
            found,
            [
                "/zones/1: zone `us-east4-b` is not of region `europe-west4`",
                "/node_count: node counts do not rise: 5, 4",
                "/kms_key: this key is not of region `europe-west4`",
                "/nodes_cidr: `10.20.0.1/20` has bits set behind its 20th",
                "/services_cidr: `10.28.0.0/20` overlaps `pods_cidr`",
                "/control_plane_cidr: `172.16.0.0/24` is not of 28 bits",
                "/api_allowed_cidrs/1: `everybody` is no range such as 203.0.113.0/24",
            ]
        );
    }

    #[test]
    fn a_setting_of_a_new_network_is_not_ignored_for_an_existing_one() {
        let network = json!({"network": "n", "subnetwork": "s", "pods_range": "p", "services_range": "v"});
        let found = said(json!({"network": network, "pods_cidr": "10.0.0.0/14"}));
        assert_eq!(found, ["/pods_cidr: `pods_cidr` says nothing about a network that exists"]);
        assert_eq!(said(json!({"network": network})), [""; 0]);
    }

    #[test]
    fn a_version_that_is_a_number_is_refused_where_it_stands() {
        assert_eq!(
            said(json!({"kubernetes_version": 1.3})),
            ["/kubernetes_version: invalid type: floating point `1.3`, expected a string"]
        );
    }

    #[test]
    fn too_few_kubernetes_nodes_are_told() {
        let found = said(json!({"node_count": {"min": 1, "max": 2}}));
        assert_eq!(found, ["/node_count/max: 3 database nodes do not fit 2 Kubernetes nodes"]);
    }
}
