//! What a block may not say, beyond its schema.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hangar_sdk::config::Problem;
use hangar_sdk::infra_provider::{Diagnostic, Instance, Severity};
use hangar_sdk::net::{Range, is_dns_name};

use super::{Access, Config};

/// Findings as they come.
#[derive(Default)]
struct Findings(Vec<Diagnostic>);

impl Config {
    pub(super) fn check(&self, instance: &Instance) -> Vec<Diagnostic> {
        let mut findings = Findings::default();
        self.check_api(&mut findings);
        self.check_nodes(instance, &mut findings);
        self.check_egress(&mut findings);
        self.check_load_balancer(instance, &mut findings);
        self.check_gateway(instance, &mut findings);
        findings.0
    }

    fn check_api(&self, findings: &mut Findings) {
        if self.access == Access::Kubeconfig {
            let said = [("endpoint", &self.endpoint), ("ca_pem", &self.ca_pem), ("server_name", &self.server_name)];
            for (key, _) in said.iter().filter(|(_, value)| value.is_some()) {
                findings.wrong(
                    &format!("/{key}"),
                    format!("the kubeconfig says its own `{key}`"),
                    "remove it, or say with `access` that a token or a client certificate opens the API",
                );
            }
            return;
        }
        if let Some(endpoint) = &self.endpoint
            && !is_endpoint(endpoint)
        {
            let message = "this is no `https://` URL of a host and a port alone";
            findings.wrong("/endpoint", message, "write such as `https://kubernetes.example.com:6443`");
        }
        if let Some(pem) = &self.ca_pem {
            if pem.contains("PRIVATE KEY") {
                findings.wrong("/ca_pem", "this holds a private key", "it belongs nowhere near this file: revoke it");
            } else if !pem.contains("-----BEGIN CERTIFICATE-----") || !pem.contains("-----END CERTIFICATE-----") {
                findings.wrong(
                    "/ca_pem",
                    "this holds no certificate in PEM",
                    "it begins with `-----BEGIN CERTIFICATE-----`",
                );
            }
        }
        if let Some(name) = &self.server_name
            && !is_dns_name(name)
            && name.parse::<IpAddr>().is_err()
            && name != "kubernetes"
        {
            findings.wrong("/server_name", format!("`{name}` is no DNS name"), "write a name of the API's certificate");
        }
    }

    fn check_nodes(&self, instance: &Instance, findings: &mut Findings) {
        let n_nodes = instance.nodes as usize;
        if !self.addresses.is_empty() && !self.names.is_empty() {
            findings.wrong("/names", "both addresses and names are given", "a node's name leads to one or the other");
        }
        for (key, given) in [("addresses", &self.addresses), ("names", &self.names)] {
            if !given.is_empty() && given.len() != n_nodes {
                let message = format!("{} {key} for {n_nodes} nodes", given.len());
                findings.wrong(&format!("/{key}"), message, "name one for each node, or none");
            }
        }
        let mut seen = Vec::new();
        for (n, text) in self.addresses.iter().enumerate() {
            let pointer = format!("/addresses/{n}");
            let Some(address) = findings.address(&pointer, text) else { continue };
            if seen.contains(&address) {
                findings.wrong(&pointer, format!("`{text}` stands twice"), "each node has an address of its own");
            }
            seen.push(address);
        }
        for (n, name) in self.names.iter().enumerate() {
            let pointer = format!("/names/{n}");
            findings.target(&pointer, name, &format!("{n}.{}", instance.db_suffix));
            if self.names[..n].contains(name) {
                findings.wrong(&pointer, format!("`{name}` stands twice"), "each node has a load balancer of its own");
            }
        }
        if self.addresses.is_empty() && self.names.is_empty() {
            findings.remark(
                "",
                "neither `addresses` nor `names` is given: what the nodes' names must lead to is not known beforehand",
                "reserve an address for each node and list them in `addresses`",
            );
        }
    }

    fn check_egress(&self, findings: &mut Findings) {
        if self.egress.is_empty() {
            findings.wrong(
                "/egress",
                "nobody knows from where the nodes call",
                "list the addresses that partners see, such as [\"192.0.2.7/32\"]",
            );
        }
        findings.ranges("/egress", &self.egress, true);
    }

    fn check_load_balancer(&self, instance: &Instance, findings: &mut Findings) {
        let balancer = &self.load_balancer;
        findings.annotations("/load_balancer/annotations", &balancer.annotations);
        for (n, annotations) in balancer.node_annotations.iter().enumerate() {
            findings.annotations(&format!("/load_balancer/node_annotations/{n}"), annotations);
        }
        let n_maps = balancer.node_annotations.len();
        if n_maps != 0 && n_maps != instance.nodes as usize {
            let message = format!("annotations of {n_maps} nodes, but there are {}", instance.nodes);
            findings.wrong("/load_balancer/node_annotations", message, "write one map for each node, empty ones too");
        }
        if balancer.external_traffic_policy.as_deref() == Some("Cluster") {
            findings.remark(
                "/load_balancer/external_traffic_policy",
                "`Cluster` hides the callers' addresses on most clusters, and then every partner is refused",
                "keep `Local` unless the load balancer itself holds the source ranges",
            );
        }
    }

    fn check_gateway(&self, instance: &Instance, findings: &mut Findings) {
        let gateway = &self.gateway;
        if !gateway.enabled {
            let said = [
                ("address", gateway.address.is_some()),
                ("name", gateway.name.is_some()),
                ("class", gateway.class.is_some()),
                ("annotations", !gateway.annotations.is_empty()),
                ("port", gateway.port.is_some()),
                ("source_ranges", !gateway.source_ranges.is_empty()),
            ];
            for (key, _) in said.into_iter().filter(|(_, is_said)| *is_said) {
                let hint = "remove it, or `enabled = false`";
                findings.wrong(&format!("/gateway/{key}"), format!("without a gateway `{key}` is of no use"), hint);
            }
            return;
        }
        if gateway.address.is_some() && gateway.name.is_some() {
            findings.wrong(
                "/gateway/name",
                "both an address and a name are given",
                "the API's name leads to one of them",
            );
        }
        if let Some(address) = &gateway.address {
            let parsed = findings.address("/gateway/address", address);
            let nodes = self.addresses.iter().filter_map(|node| node.parse::<IpAddr>().ok());
            if parsed.is_some_and(|parsed| nodes.into_iter().any(|node| node == parsed)) {
                let hint = "the API and each node have an address of their own";
                findings.wrong("/gateway/address", format!("`{address}` is a node's address"), hint);
            }
        }
        if let Some(name) = &gateway.name {
            findings.target("/gateway/name", name, &instance.hostname);
        }
        findings.annotations("/gateway/annotations", &gateway.annotations);
        findings.ranges("/gateway/source_ranges", &gateway.source_ranges, false);
    }
}

impl Findings {
    fn wrong(&mut self, pointer: &str, message: impl Into<String>, hint: &str) {
        self.0.push(Problem::new(pointer, message).hint(hint).into());
    }

    fn remark(&mut self, pointer: &str, message: &str, hint: &str) {
        let finding = Problem::new(pointer, message).hint(hint);
        self.0.push(Diagnostic { severity: Severity::Warning, ..finding.into() });
    }

    /// An address that others can be told; none is something else.
    fn address(&mut self, pointer: &str, text: &str) -> Option<IpAddr> {
        let Ok(address) = text.parse::<IpAddr>() else {
            self.wrong(pointer, format!("`{text}` is no address"), "a name of a load balancer belongs into `names`");
            return None;
        };
        let is_broadcast = address == IpAddr::from([255; 4]);
        if address.is_unspecified() || address.is_multicast() || is_broadcast {
            self.wrong(pointer, format!("nothing can serve at `{text}`"), "write an address of a load balancer");
            return None;
        }
        let is_private = match address {
            IpAddr::V4(address) => address.is_private(),
            IpAddr::V6(address) => address.is_unique_local(),
        };
        if is_private {
            let message = format!("`{text}` is private: partners elsewhere cannot reach it");
            self.remark(pointer, &message, "that is right only if all of the pool share that network");
        }
        Some(address)
    }

    /// A name that another name may lead to.
    fn target(&mut self, pointer: &str, name: &str, from: &str) {
        if !is_dns_name(name) {
            self.wrong(
                pointer,
                format!("`{name}` is no DNS name"),
                "write it whole, in lower case, without a final dot",
            );
        } else if name == from {
            self.wrong(pointer, format!("`{name}` would lead to itself"), "write the load balancer's own name");
        }
    }

    fn ranges(&mut self, pointer: &str, given: &[String], is_asked_of_partners: bool) {
        let mut seen: Vec<Range> = Vec::new();
        for (n, text) in given.iter().enumerate() {
            let pointer = format!("{pointer}/{n}");
            let Ok(range) = text.parse::<Range>() else {
                self.wrong(&pointer, format!("`{text}` is no range"), "write such as `192.0.2.0/24`");
                continue;
            };
            if range != range.network() {
                let hint = format!("write `{}`", range.network());
                self.wrong(&pointer, format!("`{text}` does not begin with its first address"), &hint);
            }
            if is_asked_of_partners && range.length() == 0 {
                let hint = "list the addresses that they really come from";
                self.wrong(&pointer, "partners would have to let everybody in", hint);
            }
            if seen.iter().any(|other| other.contains(range)) {
                self.wrong(&pointer, format!("`{text}` is in another range of the list"), "remove it");
            }
            seen.push(range);
        }
    }

    /// Keys as the API server takes them: an optional DNS prefix and a name.
    fn annotations(&mut self, pointer: &str, given: &BTreeMap<String, String>) {
        for key in given.keys() {
            let (prefix, name) =
                key.split_once('/').map_or((None, key.as_str()), |(prefix, name)| (Some(prefix), name));
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
            let fits = (1..=63).contains(&name.len())
                && name.bytes().all(inner)
                && ends(name.bytes().next())
                && ends(name.bytes().last())
                && prefix.is_none_or(is_dns_name);
            if !fits {
                let place = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                self.wrong(&place, format!("`{key}` is no name of an annotation"), "write such as `example.com/name`");
            }
        }
    }
}

/// `https://`, a host, perhaps a port, and nothing else.
fn is_endpoint(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or(""))),
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let host = host.to_ascii_lowercase();
    let is_host = is_dns_name(&host) || host.parse::<IpAddr>().is_ok() || is_dns_name(&format!("{host}.local"));
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0))
}

#[cfg(test)]
mod tests {
    use hangar_sdk::serde_json::json;

    use super::super::validate;
    use super::*;
    use crate::render::tests::instance;

    /// Pointers and messages of what is wrong.
    fn findings(block: &hangar_sdk::serde_json::Value) -> Vec<(String, String)> {
        let findings = validate(&block.to_string(), &instance());
        let errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| (finding.pointer, finding.message)).collect()
    }

    fn pointers(block: &hangar_sdk::serde_json::Value) -> Vec<String> {
        findings(block).into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn every_finding_comes_at_once() {
        let block = json!({
            "endpoint": "https://a.example.com",
            "addresses": ["192.0.2.1", "192.0.2.1", "0.0.0.0", "lb.example.com"],
            "egress": ["192.0.2.1/24", "192.0.2.0/25", "0.0.0.0/0"],
            "load_balancer": {"annotations": {"a b/c": "d"}, "node_annotations": [{}]},
            "gateway": {"address": "192.0.2.1", "name": "dss.uss1.example.com", "source_ranges": ["x"]},
        });
        assert_eq!(
            pointers(&block),
            [
                "/endpoint",
                "/addresses",
                "/addresses/1",
                "/addresses/2",
                "/addresses/3",
                "/egress/0",
                "/egress/1",
                "/egress/2",
                "/load_balancer/annotations/a b~1c",
                "/load_balancer/node_annotations",
                "/gateway/name",
                "/gateway/address",
                "/gateway/name",
                "/gateway/source_ranges/0",
            ]
        );
    }

    #[test]
    fn an_address_is_one_however_it_is_written() {
        let block = json!({"addresses": ["2001:db8::1", "2001:db8:0::1", "2001:db8::2"], "egress": ["2001:db8::/64"]});
        assert_eq!(findings(&block), [("/addresses/1".into(), "`2001:db8:0::1` stands twice".into())]);
    }

    #[test]
    fn a_kubeconfig_says_where_the_api_is() {
        let said = json!({"endpoint": "https://a.example.com", "ca_pem": "x", "server_name": "a.b", "egress": ["192.0.2.0/24"]});
        assert_eq!(pointers(&said), ["/endpoint", "/ca_pem", "/server_name"]);
    }

    #[test]
    fn an_endpoint_is_https_and_nothing_but_a_host() {
        let with =
            |endpoint: &str| pointers(&json!({"access": "token", "endpoint": endpoint, "egress": ["192.0.2.0/24"]}));
        for good in
            ["https://127.0.0.1:6443", "https://k8s.example.com/", "https://[2001:db8::1]:6443", "https://api:6443"]
        {
            assert!(with(good).is_empty(), "{good}");
        }
        for bad in [
            "http://a.example.com",
            "https://",
            "https://u:p@a.example.com",
            "https://a.example.com/x?y",
            "https://a.com:0",
        ] {
            assert_eq!(with(bad), ["/endpoint"], "{bad}");
        }
    }

    #[test]
    fn an_authority_is_a_certificate_and_no_key() {
        let with = |pem: &str| findings(&json!({"access": "token", "ca_pem": pem, "egress": ["192.0.2.0/24"]}));
        assert!(with("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n").is_empty());
        assert_eq!(with("/etc/ca.pem")[0].1, "this holds no certificate in PEM");
        assert_eq!(with("-----BEGIN EC PRIVATE KEY-----")[0].1, "this holds a private key");
    }

    #[test]
    fn names_take_the_place_of_addresses() {
        let names =
            json!({"names": ["a.lb.example.com", "b.lb.example.com", "c.lb.example.com"], "egress": ["192.0.2.0/24"]});
        assert!(findings(&names).is_empty());
        let wrong = json!({
            "addresses": ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
            "names": ["0.db.dss.uss1.example.com", "B.example.com", "B.example.com"],
            "egress": ["192.0.2.0/24"],
        });
        assert_eq!(pointers(&wrong), ["/names", "/names/0", "/names/1", "/names/2", "/names/2"]);
    }

    #[test]
    fn a_gateway_that_is_off_takes_no_setting() {
        let off = json!({"gateway": {"enabled": false, "port": 8443, "class": "x"}, "egress": ["192.0.2.0/24"]});
        assert_eq!(pointers(&off), ["/gateway/class", "/gateway/port"]);
    }

    #[test]
    fn what_works_but_is_odd_is_a_warning() {
        let block = json!({
            "addresses": ["10.0.0.1", "10.0.0.2", "fd00::3"],
            "egress": ["10.0.0.0/8"],
            "load_balancer": {"external_traffic_policy": "Cluster"},
        });
        let found = validate(&block.to_string(), &instance());
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found.iter().all(|finding| finding.severity == Severity::Warning), "{found:?}");
        let unknown = validate(r#"{"egress": ["192.0.2.0/24"]}"#, &instance());
        assert!(unknown[0].message.starts_with("neither `addresses` nor `names`"), "{unknown:?}");
    }

    #[test]
    fn an_unknown_key_and_a_missing_one_are_told() {
        assert_eq!(pointers(&json!({"adresses": []})), ["/adresses"]);
        assert_eq!(pointers(&json!({})), ["/egress"]);
    }
}
