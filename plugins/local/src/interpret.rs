//! What terraform's outputs mean.

use hangar_sdk::infra_provider::{
    Api, DnsRecord, Error, Infrastructure, Instance, NodeAddress, Output, Slot, SlotKind, TokenRecipe, ToolDiagnostic,
};
use hangar_sdk::terraform::output;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::{Config, Token};

/// The output `cluster`.
#[derive(Debug, Deserialize)]
struct Cluster {
    name: String,
    endpoint: Option<String>,
    ca_pem: Option<String>,
    gateway_address: Option<String>,
    storage_class: Option<String>,
    egress: Vec<String>,
}

/// One item of the output `nodes`.
#[derive(Debug, Deserialize)]
struct Node {
    ordinal: u32,
    address: Option<String>,
}

/// Says what stands: what the operator said, as terraform holds it.
///
/// # Errors
///
/// [`Error::MissingOutput`] for an output that is not there or has another shape.
pub fn interpret(instance: &Instance, outputs: &[Output]) -> Result<Infrastructure, Error> {
    let cluster: Cluster = output(outputs, "cluster")?;
    let nodes: Vec<Node> = output(outputs, "nodes")?;
    if nodes.len() != instance.nodes as usize {
        return Err(Error::MissingOutput("nodes".into()));
    }
    let chart_values = chart_values(&cluster, &nodes).to_string();
    let nodes: Vec<NodeAddress> = nodes
        .into_iter()
        .map(|node| NodeAddress {
            ordinal: node.ordinal,
            host: format!("{}.{}", node.ordinal, instance.db_suffix),
            addresses: node.address.into_iter().collect(),
            reservation: None,
            port: instance.db_port,
        })
        .collect();
    let mut dns: Vec<DnsRecord> = nodes.iter().flat_map(|node| record(&node.host, &node.addresses)).collect();
    dns.extend(record(&instance.hostname, cluster.gateway_address.as_slice()));
    Ok(Infrastructure {
        api: Api { endpoint: cluster.endpoint.unwrap_or_default(), ca_pem: cluster.ca_pem, server_name: None },
        kube_cluster: cluster.name,
        nodes,
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
    let (name, kind) = match config.token {
        Token::Bearer => ("cluster", SlotKind::Bearer),
        Token::Kubeconfig => ("kubeconfig", SlotKind::Kubeconfig),
    };
    Ok(TokenRecipe::Slot(Slot { name: name.into(), kind }))
}

/// Nothing of a cloud can go wrong here.
#[must_use]
pub fn explain(_diagnostic: &ToolDiagnostic) -> Option<String> {
    None
}

/// Only what was said: the chart's defaults do for the rest.
fn chart_values(cluster: &Cluster, nodes: &[Node]) -> Value {
    let mut values = json!({});
    let addresses: Vec<&str> = nodes.iter().filter_map(|node| node.address.as_deref()).collect();
    if !addresses.is_empty() {
        values["cockroachdb"] = json!({"service": {"loadBalancerIPs": addresses}});
    }
    if let Some(address) = &cluster.gateway_address {
        values["gateway"] = json!({"loadBalancerIP": address});
    }
    if let Some(class) = &cluster.storage_class {
        values["storageClass"] = json!(class);
    }
    values
}

/// The record that the operator must make, where the address is known.
fn record(name: &str, addresses: &[String]) -> Option<DnsRecord> {
    let kind = if addresses.first()?.contains(':') { "AAAA" } else { "A" };
    Some(DnsRecord { name: name.into(), kind: kind.into(), values: addresses.to_vec(), managed: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::instance;

    fn outputs() -> Vec<Output> {
        let cluster = json!({"name": "c", "endpoint": "https://10.0.0.9", "ca_pem": null, "gateway_address": "10.0.0.8",
            "storage_class": "fast", "egress": ["10.1.0.0/16"]});
        let node = |n: u8| json!({"ordinal": n, "address": format!("10.0.0.{}", n + 1)});
        [("cluster", cluster), ("nodes", json!([node(0), node(1), node(2)]))]
            .map(|(name, value)| Output { name: name.into(), json: value.to_string() })
            .to_vec()
    }

    #[test]
    fn what_terraform_holds_is_what_stands() {
        let stands = interpret(&instance(), &outputs()).expect("all outputs are there");
        assert_eq!(stands.api.endpoint, "https://10.0.0.9");
        assert_eq!(stands.nodes[1].host, "1.db.dss.uss1.example.com");
        assert_eq!(stands.nodes[1].addresses, ["10.0.0.2"]);
        assert_eq!(stands.dns[3].name, "dss.uss1.example.com");
        let values: Value = serde_json::from_str(&stands.chart_values).expect("JSON");
        assert_eq!(
            values,
            json!({
                "cockroachdb": {"service": {"loadBalancerIPs": ["10.0.0.1", "10.0.0.2", "10.0.0.3"]}},
                "gateway": {"loadBalancerIP": "10.0.0.8"},
                "storageClass": "fast",
            })
        );
    }

    #[test]
    fn a_missing_output_is_named() {
        for missing in outputs() {
            let rest: Vec<_> = outputs().into_iter().filter(|output| output.name != missing.name).collect();
            let err = interpret(&instance(), &rest).expect_err("an output is missing");
            assert_eq!(err, Error::MissingOutput(missing.name));
        }
    }

    #[test]
    fn what_was_not_said_is_left_to_the_chart() {
        let cluster = json!({"name": "c", "egress": []});
        let node = |n: u8| json!({"ordinal": n});
        let outputs = [("cluster", cluster), ("nodes", json!([node(0), node(1), node(2)]))]
            .map(|(name, value)| Output { name: name.into(), json: value.to_string() });
        let stands = interpret(&instance(), &outputs).expect("all outputs are there");
        assert_eq!(stands.chart_values, "{}");
        assert_eq!(stands.dns, []);
    }

    #[test]
    fn the_operator_chooses_what_opens_the_api() {
        let slot = |config: &str| match cluster_token(config) {
            Ok(TokenRecipe::Slot(slot)) => (slot.name, slot.kind),
            other => panic!("a slot, not {other:?}"),
        };
        assert_eq!(slot("{}"), ("cluster".into(), SlotKind::Bearer));
        assert_eq!(slot(r#"{"token": "kubeconfig"}"#), ("kubeconfig".into(), SlotKind::Kubeconfig));
    }
}
