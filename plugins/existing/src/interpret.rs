//! What terraform's outputs mean, and what opens the API.

use hangar_sdk::infra_provider::{
    Api, DnsRecord, Error, Infrastructure, Instance, NodeAddress, Output, Slot, SlotKind, TokenRecipe,
};
use hangar_sdk::serde_json::{Value, json};
use hangar_sdk::terraform::output;
use serde::Deserialize;

use crate::config::{Access, Config, Dns, Gateway, LoadBalancer};

/// The output `cluster`.
#[derive(Debug, Deserialize)]
struct Cluster {
    name: String,
    endpoint: Option<String>,
    ca_pem: Option<String>,
    server_name: Option<String>,
    egress: Vec<String>,
    dns: Dns,
    storage_class: Option<String>,
    load_balancer: LoadBalancer,
    gateway: Gateway,
}

/// One item of the output `nodes`.
#[derive(Debug, Deserialize)]
struct Node {
    ordinal: u32,
    serves_at: Option<String>,
}

/// Says what stands: what the operator said, as terraform holds it.
///
/// # Errors
///
/// [`Error::MissingOutput`] for an output that is not there or has another shape.
pub fn interpret(config: &str, instance: &Instance, outputs: &[Output]) -> Result<Infrastructure, Error> {
    Config::of(config, instance)?;
    let cluster: Cluster = output(outputs, "cluster")?;
    let nodes: Vec<Node> = output(outputs, "nodes")?;
    if nodes.len() != instance.nodes as usize {
        return Err(Error::MissingOutput("nodes".into()));
    }
    let host = |ordinal: u32| format!("{ordinal}.{}", instance.db_suffix);
    let managed = cluster.dns == Dns::Automatic;
    let mut dns: Vec<DnsRecord> = Vec::new();
    for node in &nodes {
        dns.extend(node.serves_at.iter().map(|place| record(&host(node.ordinal), place, managed)));
    }
    let gateway = cluster.gateway.address.as_ref().or(cluster.gateway.name.as_ref());
    dns.extend(gateway.map(|place| record(&instance.hostname, place, managed)));
    let chart_values = chart_values(&cluster, &nodes).to_string();
    let serve = nodes.into_iter().map(|node| NodeAddress {
        ordinal: node.ordinal,
        host: host(node.ordinal),
        addresses: node.serves_at.into_iter().filter(|place| is_address(place)).collect(),
        reservation: None,
        port: instance.db_port,
    });
    Ok(Infrastructure {
        nodes: serve.collect(),
        api: Api {
            endpoint: cluster.endpoint.unwrap_or_default(),
            ca_pem: cluster.ca_pem,
            server_name: cluster.server_name,
        },
        kube_cluster: cluster.name,
        egress: cluster.egress,
        dns,
        chart_values,
        add_ons: Vec::new(),
        facts: Vec::new(),
    })
}

/// Says that the operator keeps what opens the Kubernetes API.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub fn cluster_token(config: &str) -> Result<TokenRecipe, Error> {
    let config: Config = hangar_sdk::config::parse(config)?;
    let (name, kind) = match config.access {
        Access::Kubeconfig => ("kubeconfig", SlotKind::Kubeconfig),
        Access::Token => ("cluster", SlotKind::Bearer),
        Access::ClientCertificate => ("cluster-client", SlotKind::ClientTls),
    };
    Ok(TokenRecipe::Slot(Slot { name: name.into(), kind }))
}

/// Only what was said: the chart's defaults do for the rest.
fn chart_values(cluster: &Cluster, nodes: &[Node]) -> Value {
    let balancer = &cluster.load_balancer;
    let addresses: Vec<&String> = nodes.iter().filter_map(|node| node.serves_at.as_ref()).collect();
    let by_address = addresses.iter().all(|place| is_address(place));
    let mut service = Object::new();
    let mut set = |key: &str, value: Value| service.insert(key.into(), value);
    if !addresses.is_empty() && by_address {
        set("loadBalancerIPs", json!(addresses));
    }
    if let Some(class) = &balancer.class {
        set("loadBalancerClass", json!(class));
    }
    if !balancer.annotations.is_empty() {
        set("annotations", json!(balancer.annotations));
    }
    if !balancer.node_annotations.is_empty() {
        set("nodeAnnotations", json!(balancer.node_annotations));
    }
    if let Some(policy) = &balancer.external_traffic_policy {
        set("externalTrafficPolicy", json!(policy));
    }
    let gateway = gateway_values(&cluster.gateway);
    let mut values = json!({});
    if !service.is_empty() {
        values["cockroachdb"] = json!({"service": service});
    }
    if !gateway.is_empty() {
        values["gateway"] = Value::Object(gateway);
    }
    if let Some(class) = &cluster.storage_class {
        values["storageClass"] = json!(class);
    }
    values
}

fn gateway_values(gateway: &Gateway) -> Object {
    let mut values = Object::new();
    let mut set = |key: &str, value: Value| values.insert(key.into(), value);
    if !gateway.enabled {
        set("enabled", json!(false));
    }
    if let Some(address) = &gateway.address {
        set("loadBalancerIP", json!(address));
    }
    if let Some(class) = &gateway.class {
        set("loadBalancerClass", json!(class));
    }
    if !gateway.annotations.is_empty() {
        set("annotations", json!(gateway.annotations));
    }
    if let Some(port) = gateway.port {
        set("port", json!(port));
    }
    if !gateway.source_ranges.is_empty() {
        set("sourceRanges", json!(gateway.source_ranges));
    }
    values
}

type Object = hangar_sdk::serde_json::Map<String, Value>;

fn is_address(place: &str) -> bool {
    place.parse::<std::net::IpAddr>().is_ok()
}

/// The record that leads from a public name to where it is served.
fn record(name: &str, place: &str, managed: bool) -> DnsRecord {
    let kind = match place.parse::<std::net::IpAddr>() {
        Ok(address) if address.is_ipv4() => "A",
        Ok(_) => "AAAA",
        Err(_) => "CNAME",
    };
    DnsRecord { name: name.into(), kind: kind.into(), values: vec![place.into()], managed }
}

#[cfg(test)]
mod tests {
    use hangar_sdk::serde_json::{from_slice, from_str};

    use super::*;
    use crate::render;
    use crate::render::tests::instance;

    /// What terraform answers to what is rendered: `terraform_data` gives back what it was given.
    fn outputs(block: &Value) -> Vec<Output> {
        let workspace = render(&block.to_string(), &instance()).expect("the block is good");
        let settings: Value = from_slice(&workspace.files[1].1).expect("the settings are JSON");
        ["cluster", "nodes"]
            .map(|name| Output { name: name.into(), json: settings["locals"][name].to_string() })
            .to_vec()
    }

    fn stands(block: &Value) -> Infrastructure {
        interpret(&block.to_string(), &instance(), &outputs(block)).expect("all outputs are there")
    }

    fn values(block: &Value) -> Value {
        from_str(&stands(block).chart_values).expect("the values are JSON")
    }

    #[test]
    fn nodes_serve_at_their_addresses_and_names_lead_there() {
        let stands = stands(&json!({
            "access": "token", "endpoint": "https://192.0.2.9:6443", "server_name": "api.example.com",
            "addresses": ["192.0.2.1", "192.0.2.2", "2001:db8::3"], "egress": ["192.0.2.0/24"],
            "gateway": {"name": "lb.example.com"},
        }));
        assert_eq!(stands.api.endpoint, "https://192.0.2.9:6443");
        assert_eq!(stands.api.server_name.as_deref(), Some("api.example.com"));
        assert_eq!(stands.kube_cluster, "uss1");
        assert_eq!(stands.egress, ["192.0.2.0/24"]);
        assert_eq!(stands.nodes[1].host, "1.db.dss.uss1.example.com");
        assert_eq!(stands.nodes[1].addresses, ["192.0.2.2"]);
        let records: Vec<_> =
            stands.dns.iter().map(|record| (record.kind.as_str(), record.values[0].as_str(), record.managed)).collect();
        assert_eq!(
            records,
            [
                ("A", "192.0.2.1", false),
                ("A", "192.0.2.2", false),
                ("AAAA", "2001:db8::3", false),
                ("CNAME", "lb.example.com", false)
            ]
        );
    }

    #[test]
    fn a_node_behind_a_name_has_no_address_and_asks_for_none() {
        let block = json!({
            "names": ["a.example.com", "b.example.com", "c.example.com"], "egress": ["192.0.2.0/24"], "dns": "automatic",
        });
        let found = stands(&block);
        assert!(found.nodes.iter().all(|node| node.addresses.is_empty()));
        assert!(found.dns.iter().all(|record| record.kind == "CNAME" && record.managed));
        assert_eq!(values(&block), json!({}));
    }

    #[test]
    fn facts_about_volumes_and_load_balancers_become_chart_values() {
        let block = json!({
            "addresses": ["192.0.2.1", "192.0.2.2", "192.0.2.3"], "egress": ["192.0.2.0/24"], "storage_class": "fast",
            "load_balancer": {
                "class": "metallb", "annotations": {"a": "b"}, "node_annotations": [{"n": "0"}, {"n": "1"}, {"n": "2"}],
                "external_traffic_policy": "Cluster",
            },
            "gateway": {
                "address": "192.0.2.8", "class": "metallb", "annotations": {"a": "b"}, "port": 8443,
                "source_ranges": ["198.51.100.0/24"],
            },
        });
        assert_eq!(
            values(&block),
            json!({
                "cockroachdb": {"service": {
                    "loadBalancerIPs": ["192.0.2.1", "192.0.2.2", "192.0.2.3"], "loadBalancerClass": "metallb",
                    "annotations": {"a": "b"}, "nodeAnnotations": [{"n": "0"}, {"n": "1"}, {"n": "2"}],
                    "externalTrafficPolicy": "Cluster",
                }},
                "gateway": {
                    "loadBalancerIP": "192.0.2.8", "loadBalancerClass": "metallb", "annotations": {"a": "b"},
                    "port": 8443, "sourceRanges": ["198.51.100.0/24"],
                },
                "storageClass": "fast",
            })
        );
        let ingress = json!({"egress": ["192.0.2.0/24"], "gateway": {"enabled": false}});
        assert_eq!(values(&ingress), json!({"gateway": {"enabled": false}}));
    }

    #[test]
    fn a_missing_output_is_named() {
        let block = json!({"egress": ["192.0.2.0/24"]});
        for missing in outputs(&block) {
            let rest: Vec<_> = outputs(&block).into_iter().filter(|output| output.name != missing.name).collect();
            let err = interpret(&block.to_string(), &instance(), &rest).expect_err("an output is missing");
            assert_eq!(err, Error::MissingOutput(missing.name));
        }
    }

    #[test]
    fn the_operator_chooses_what_opens_the_api() {
        let slot = |access: &str| match cluster_token(&json!({"access": access}).to_string()) {
            Ok(TokenRecipe::Slot(slot)) => (slot.name, slot.kind),
            other => panic!("a slot, not {other:?}"),
        };
        assert_eq!(slot("kubeconfig"), ("kubeconfig".into(), SlotKind::Kubeconfig));
        assert_eq!(slot("token"), ("cluster".into(), SlotKind::Bearer));
        assert_eq!(slot("client-certificate"), ("cluster-client".into(), SlotKind::ClientTls));
    }
}
