//! What a block may not say, beyond its schema.

use std::net::Ipv4Addr;

use hangar_sdk::config::Problem;
use hangar_sdk::infra_provider::{Diagnostic, Instance, Severity};
use hangar_sdk::net::{Range, is_dns_name};

use super::Config;

/// Regions that have no availability zones (Microsoft, "Azure regions list").
const WITHOUT_ZONES: [&str; 14] = [
    "australiacentral",
    "australiasoutheast",
    "brazilsoutheast",
    "canadaeast",
    "francesouth",
    "germanynorth",
    "jioindiawest",
    "northcentralus",
    "norwaywest",
    "southindia",
    "switzerlandwest",
    "uaecentral",
    "ukwest",
    "westus",
];
/// AKS offers the newest few; what is older runs only with long-term support.
const OLDEST: u32 = 32;
/// Tags that terraform's own module sets, and prefixes that Azure keeps for itself.
const KEPT_TAGS: [&str; 4] = ["hangar.dev_instance", "microsoft", "azure", "windows"];

/// Findings as they come.
#[derive(Default)]
struct Findings(Vec<Diagnostic>);

impl Config {
    pub(super) fn check(&self, instance: &Instance) -> Vec<Diagnostic> {
        let mut findings = Findings::default();
        self.check_place(&mut findings);
        self.check_nodes(instance, &mut findings);
        self.check_network(&mut findings);
        self.check_api(&mut findings);
        self.check_names(instance, &mut findings);
        self.check_tags(&mut findings);
        findings.0
    }

    fn check_place(&self, findings: &mut Findings) {
        if WITHOUT_ZONES.contains(&self.location.as_str()) {
            let message = format!("region `{}` has no availability zones", self.location);
            findings.wrong("/location", message, "take one with three, such as `westeurope` or `eastus2`");
        }
        if let Some(id) = &self.resource_group_id
            && !id.starts_with(&format!("{}/", self.subscription()))
        {
            let hint = format!("it must begin with `{}`", self.subscription());
            findings.wrong("/resource_group_id", "the group is of another subscription", &hint);
        }
        // The longest name that is made of it, `NAME-db-N`, may have 80 characters; the DNS prefix of AKS 54.
        if self.cluster_name.len() > 40 {
            findings.wrong("/cluster_name", "the name has more than 40 characters", "choose a shorter one");
        }
        if self.operators.as_ref().is_some_and(Vec::is_empty) {
            findings.wrong("/operators", "an empty list names nobody", "leave it out for whose credentials these are");
        }
    }

    fn check_nodes(&self, instance: &Instance, findings: &mut Findings) {
        let count = self.count();
        if !(count.min <= count.desired && count.desired <= count.max) {
            let message = format!("node counts do not rise: {}, {}, {}", count.min, count.desired, count.max);
            findings.wrong("/node_count", message, "keep min <= desired <= max");
        }
        if count.max < instance.nodes {
            let message = format!("{} nodes at most are too few for {} database nodes", count.max, instance.nodes);
            findings.wrong("/node_count/max", message, "give each database node a node of its own");
        }
        if instance.nodes > 9 {
            let message = format!("{} database nodes are more than 9", instance.nodes);
            findings.wrong("", message, "lower `nodes` of the instance");
        }
        let minor = self.kubernetes_version.as_deref().and_then(|version| version.strip_prefix("1."));
        if minor.and_then(|minor| minor.parse::<u32>().ok()).is_some_and(|minor| minor < OLDEST) {
            let message = "AKS no longer offers this version without long-term support";
            findings.wrong("/kubernetes_version", message, &format!("take 1.{OLDEST} or newer"));
        }
    }

    fn check_network(&self, findings: &mut Findings) {
        if self.vnet_cidr.is_some() && self.existing_network.is_some() {
            let hint = "remove one: the range is that of a new network";
            findings.wrong("/vnet_cidr", "an existing network has a range already", hint);
        }
        let network = self.existing_network.is_none().then_some(("/vnet_cidr", &self.vnet_cidr, "10.30.0.0/16"));
        let inside =
            [("/pod_cidr", &self.pod_cidr, "10.244.0.0/16"), ("/service_cidr", &self.service_cidr, "10.245.0.0/16")];
        let mut seen: Vec<(&str, Range)> = Vec::new();
        for (pointer, given, default) in network.into_iter().chain(inside) {
            let Some(range) = findings.range(pointer, given.as_deref().unwrap_or(default)) else { continue };
            if let Some((other, _)) = seen.iter().find(|(_, other)| other.overlaps(range)) {
                let message = format!("`{range}` overlaps `{}`", other.trim_start_matches('/'));
                findings.wrong(pointer, message, "the three ranges must have no address in common");
            }
            if pointer == "/vnet_cidr" && !(10..=20).contains(&range.length()) {
                findings.wrong(pointer, format!("`{range}` has not 10 to 20 bits"), "write such as `10.30.0.0/16`");
            }
            if pointer == "/pod_cidr" && range.length() > 18 {
                let hint = "each node takes a /24 of it: write such as `10.244.0.0/16`";
                findings.wrong(pointer, format!("`{range}` is too small for the nodes' pods"), hint);
            }
            if pointer == "/service_cidr" && !(12..=24).contains(&range.length()) {
                findings.wrong(pointer, format!("`{range}` has not 12 to 24 bits"), "write such as `10.245.0.0/16`");
            }
            seen.push((pointer, range));
        }
        for (n, text) in self.existing_network.iter().flat_map(|network| network.egress_addresses.iter().enumerate()) {
            let public =
                text.parse::<Ipv4Addr>().is_ok_and(|address| !address.is_private() && !address.is_unspecified());
            if !public {
                let pointer = format!("/existing_network/egress_addresses/{n}");
                findings.wrong(&pointer, format!("`{text}` is no public address"), "partners see the network at it");
            }
        }
    }

    fn check_api(&self, findings: &mut Findings) {
        let mut seen: Vec<Range> = Vec::new();
        for (n, text) in self.api_allowed_cidrs.iter().flatten().enumerate() {
            let pointer = format!("/api_allowed_cidrs/{n}");
            let Some(range) = findings.range(&pointer, text) else { continue };
            if range.length() == 0 {
                findings.wrong(&pointer, "this lets the whole internet in", "list from where you work");
            }
            if seen.iter().any(|other| other.contains(range)) {
                findings.wrong(&pointer, format!("`{range}` is in another range of the list"), "remove it");
            }
            seen.push(range);
        }
        if self.api_allowed_cidrs.as_ref().is_none_or(Vec::is_empty) {
            let finding = Problem::new("/api_allowed_cidrs", "the Kubernetes API will be private");
            let finding = finding.hint("run hangar inside the network, or reach it by `cluster { endpoint, proxy }`");
            findings.0.push(Diagnostic { severity: Severity::Warning, ..finding.into() });
        }
    }

    fn check_names(&self, instance: &Instance, findings: &mut Findings) {
        if let Some(name) = self.prometheus_hostname.as_deref().filter(|name| !is_dns_name(name)) {
            findings.wrong("/prometheus_hostname", format!("`{name}` is no DNS name"), "write it whole, in lower case");
        }
        let Some(zone) = self.zone() else {
            if self.gateway_certificate == Some(true) {
                findings.wrong("/gateway_certificate", "names are proved in a DNS zone", "give `dns_zone_id` too");
            }
            return;
        };
        let zone = zone.rsplit('/').next().unwrap_or_default();
        let names = [
            ("", Some(&instance.hostname)),
            ("", Some(&instance.db_suffix)),
            ("/prometheus_hostname", self.prometheus_hostname.as_ref()),
        ];
        for (pointer, name) in names {
            let Some(name) = name.filter(|name| !name.ends_with(&format!(".{zone}"))) else { continue };
            let pointer = if pointer.is_empty() { "/dns_zone_id" } else { pointer };
            findings.wrong(pointer, format!("`{name}` is not in zone `{zone}`"), "name the zone that holds it");
        }
    }

    fn check_tags(&self, findings: &mut Findings) {
        for key in self.tags.iter().flat_map(|tags| tags.keys()) {
            let pointer = format!("/tags/{}", key.replace('~', "~0").replace('/', "~1"));
            if key.is_empty() || key.len() > 128 || key.contains(['<', '>', '%', '&', '\\', '?', '/']) {
                let hint = "a tag has a name of 1 to 128 characters without < > % & \\ ? /";
                findings.wrong(&pointer, format!("Azure takes no tag `{key}`"), hint);
            } else if KEPT_TAGS.iter().any(|kept| key.to_ascii_lowercase().starts_with(kept)) {
                findings.wrong(&pointer, format!("`{key}` is not yours to set"), "choose another name");
            }
        }
    }
}

impl Findings {
    fn wrong(&mut self, pointer: &str, message: impl Into<String>, hint: &str) {
        self.0.push(Problem::new(pointer, message).hint(hint).into());
    }

    /// A range of version 4 by its first address.
    fn range(&mut self, pointer: &str, text: &str) -> Option<Range> {
        let Some(range) = text.parse::<Range>().ok().filter(|range| range.is_v4()) else {
            self.wrong(pointer, format!("`{text}` is no range"), "write such as `203.0.113.0/24`");
            return None;
        };
        if range != range.network() {
            let hint = format!("write `{}`", range.network());
            self.wrong(pointer, format!("`{text}` does not begin with its first address"), &hint);
        }
        Some(range)
    }
}

#[cfg(test)]
mod tests {
    use hangar_sdk::serde_json::{Value, from_str, json};

    use super::super::validate;
    use super::*;
    use crate::render::tests::{BLOCK, ZONE, instance};

    fn pointers(more: &Value) -> Vec<String> {
        let mut block: Value = from_str(BLOCK).expect("the block is JSON");
        for (key, value) in more.as_object().expect("an object") {
            block[key] = value.clone();
        }
        let found = validate(&block.to_string(), &instance());
        let errors = found.into_iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| finding.pointer).collect()
    }

    #[test]
    fn the_least_block_is_good_and_its_private_api_is_remarked() {
        assert!(pointers(&json!({})).is_empty());
        let found = validate(BLOCK, &instance());
        assert_eq!(found[0].severity, Severity::Warning);
        assert!(found[0].message.contains("private"), "{found:?}");
    }

    #[test]
    fn every_finding_comes_at_once() {
        let wrong = json!({
            "location": "westus",
            "resource_group_id": "/subscriptions/00000000-0000-0000-0000-0000000000ff/resourceGroups/x",
            "operators": [],
            "node_count": {"min": 3, "desired": 2, "max": 2},
            "kubernetes_version": "1.28",
            "vnet_cidr": "10.245.0.0/16",
            "pod_cidr": "10.244.1.0/24",
            "api_allowed_cidrs": ["203.0.113.7/24", "0.0.0.0/0", "198.51.100.0/24"],
            "prometheus_hostname": "prometheus",
            "gateway_certificate": true,
            "tags": {"a<b": "c", "Microsoft-x": "d"},
        });
        assert_eq!(
            pointers(&wrong),
            [
                "/location",
                "/resource_group_id",
                "/operators",
                "/node_count",
                "/node_count/max",
                "/kubernetes_version",
                "/pod_cidr",
                "/service_cidr",
                "/api_allowed_cidrs/0",
                "/api_allowed_cidrs/1",
                "/api_allowed_cidrs/2",
                "/prometheus_hostname",
                "/gateway_certificate",
                "/tags/Microsoft-x",
                "/tags/a<b",
            ]
        );
    }

    #[test]
    fn names_are_held_to_their_zone() {
        assert!(pointers(&json!({"dns_zone_id": ZONE})).is_empty());
        let other = ZONE.replace("uss1.example.com", "example.org");
        assert_eq!(
            pointers(&json!({"dns_zone_id": other, "prometheus_hostname": "p.example.com"})),
            ["/dns_zone_id", "/dns_zone_id", "/prometheus_hostname"]
        );
    }

    #[test]
    fn an_existing_network_has_public_addresses_and_a_range_already() {
        let subnet = "/subscriptions/s/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v/subnets/n";
        let network = json!({"subnet_id": subnet, "egress_addresses": ["198.51.100.7", "10.0.0.1", "x"]});
        assert_eq!(
            pointers(&json!({"existing_network": network, "vnet_cidr": "10.30.0.0/16"})),
            ["/vnet_cidr", "/existing_network/egress_addresses/1", "/existing_network/egress_addresses/2"]
        );
    }

    #[test]
    fn a_number_for_a_version_is_a_wrong_type() {
        assert_eq!(pointers(&json!({"kubernetes_version": 1.3})), ["/kubernetes_version"]);
    }
}
