//! What terraform's outputs mean.

use std::collections::BTreeMap;

use hangar_sdk::infra_provider::{Api, DnsRecord, Error, Infrastructure, Instance, NodeAddress, Output};
use hangar_sdk::serde_json::{Value, json};
use hangar_sdk::terraform::{certificate, output, protection};

use crate::config::Config;

/// Annotation prefix of the load balancers of Azure.
const ANNOTATION: &str = "service.beta.kubernetes.io/azure";

/// Says what stands.
///
/// # Errors
///
/// [`Error::MissingOutput`] for an output that is not there or has another shape.
pub fn interpret(config: &str, instance: &Instance, outputs: &[Output]) -> Result<Infrastructure, Error> {
    let config = Config::parse(config)?;
    let addresses: Vec<String> = output(outputs, "db_addresses")?;
    let names: Vec<String> = output(outputs, "db_address_names")?;
    if addresses.len() != instance.nodes as usize || names.len() != addresses.len() {
        return Err(Error::MissingOutput("db_addresses".into()));
    }
    let group: String = output(outputs, "resource_group")?;
    let gateway: String = output(outputs, "gateway_address_name")?;
    let storage_class: String = output(outputs, "storage_class")?;
    let records: BTreeMap<String, String> = output(outputs, "dns_records")?;
    let egress: Vec<String> = output(outputs, "egress_addresses")?;
    let nodes =
        (0..instance.nodes).zip(addresses.into_iter().zip(&names)).map(|(ordinal, (address, name))| NodeAddress {
            ordinal,
            host: format!("{ordinal}.{}", instance.db_suffix),
            addresses: vec![address],
            reservation: Some(name.clone()),
            port: instance.db_port,
        });
    let managed = config.zone().is_some();
    let record =
        |(name, address): (String, String)| DnsRecord { name, kind: "A".into(), values: vec![address], managed };
    Ok(Infrastructure {
        api: Api {
            endpoint: output(outputs, "api_endpoint")?,
            // Without an authority the API could be anybody.
            ca_pem: Some(
                certificate(&output::<String>(outputs, "api_ca")?)
                    .ok_or_else(|| Error::MissingOutput("api_ca".into()))?,
            ),
            server_name: None,
        },
        kube_cluster: output(outputs, "kube_cluster")?,
        nodes: nodes.collect(),
        egress: egress.into_iter().map(|address| format!("{address}/32")).collect(),
        dns: records.into_iter().map(record).collect(),
        chart_values: chart_values(&group, &names, &gateway, &storage_class).to_string(),
        add_ons: Vec::new(),
        facts: facts(&config, outputs, &group)?,
    })
}

/// What further parts of a deployment want to know.
fn facts(config: &Config, outputs: &[Output], group: &str) -> Result<Vec<(String, String)>, Error> {
    let mut facts = vec![
        ("region".to_owned(), config.location.clone()),
        ("subscription".to_owned(), config.subscription_id.clone()),
        ("resource-group".to_owned(), group.to_owned()),
        ("gateway-address".to_owned(), output(outputs, "gateway_address")?),
        ("key-vault".to_owned(), output(outputs, "vault_uri")?),
        ("secrets-identity".to_owned(), output(outputs, "secrets_client_id")?),
        protection(config.deletion_protection),
    ];
    let optional = [("prometheus-address", "prometheus_address"), ("certificates-identity", "certificates_client_id")];
    for (fact, name) in optional {
        facts.extend(optional_output(outputs, name)?.map(|value| (fact.to_owned(), value)));
    }
    Ok(facts)
}

/// Terraform leaves an output whose value is null out.
fn optional_output(outputs: &[Output], name: &str) -> Result<Option<String>, Error> {
    if outputs.iter().any(|output| output.name == name) { output(outputs, name) } else { Ok(None) }
}

/// One load balancer rule a database node, each at its reserved address, which lies in the operator's group and not in that
/// of the cluster's own machinery.
fn chart_values(group: &str, names: &[String], gateway: &str, storage_class: &str) -> Value {
    let address = |name: &str| json!({(format!("{ANNOTATION}-pip-name")): name});
    let common = json!({(format!("{ANNOTATION}-load-balancer-resource-group")): group});
    let mut api = common.clone();
    api[format!("{ANNOTATION}-pip-name")] = json!(gateway);
    json!({
        "cockroachdb": {"service": {
            "annotations": common,
            "nodeAnnotations": names.iter().map(|name| address(name)).collect::<Vec<_>>(),
            "externalTrafficPolicy": "Local",
        }},
        "gateway": {"annotations": api},
        "storageClass": storage_class,
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hangar_sdk::serde_json::from_str;

    use super::*;
    use crate::render::OUTPUTS;
    use crate::render::tests::{BLOCK, ZONE, instance};

    fn outputs() -> Vec<Output> {
        [
            ("kube_cluster", json!("uss1")),
            ("api_endpoint", json!("https://uss1-1234.hcp.westeurope.azmk8s.io:443")),
            ("api_ca", json!(STANDARD.encode("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))),
            ("resource_group", json!("uss1")),
            ("db_addresses", json!(["192.0.2.1", "192.0.2.2", "192.0.2.3"])),
            ("db_address_names", json!(["uss1-db-0", "uss1-db-1", "uss1-db-2"])),
            ("gateway_address", json!("192.0.2.4")),
            ("gateway_address_name", json!("uss1-gateway")),
            ("prometheus_address", Value::Null),
            ("egress_addresses", json!(["192.0.2.9"])),
            ("dns_records", json!({"0.db.dss.uss1.example.com": "192.0.2.1", "dss.uss1.example.com": "192.0.2.4"})),
            ("storage_class", json!("managed-csi-premium")),
            ("vault_uri", json!("https://uss1.vault.azure.net/")),
            ("secrets_client_id", json!("s")),
            ("certificates_client_id", json!("c")),
        ]
        .map(|(name, value)| Output { name: name.into(), json: value.to_string() })
        .to_vec()
    }

    fn stands(block: &str) -> Infrastructure {
        interpret(block, &instance(), &outputs()).expect("all outputs are there")
    }

    #[test]
    fn what_stands_is_protected_until_the_block_says_otherwise() {
        let lifted = BLOCK.replace("\"cluster_name\"", "\"deletion_protection\":false,\"cluster_name\"");
        for (block, is_protected) in [(BLOCK, "true"), (lifted.as_str(), "false")] {
            let stands = interpret(block, &instance(), &outputs()).expect("all outputs are there");
            assert!(stands.facts.contains(&("deletion-protection".into(), is_protected.into())));
        }
    }

    #[test]
    fn partners_are_told_addresses_and_the_egress_range() {
        let stands = stands(BLOCK);
        assert_eq!(stands.nodes[2].host, "2.db.dss.uss1.example.com");
        assert_eq!(stands.nodes[2].addresses, ["192.0.2.3"]);
        assert_eq!(stands.nodes[2].reservation.as_deref(), Some("uss1-db-2"));
        assert_eq!(stands.egress, ["192.0.2.9/32"]);
        assert!(stands.api.ca_pem.is_some_and(|pem| pem.starts_with("-----BEGIN")));
        assert!(stands.dns.iter().all(|record| !record.managed));
    }

    #[test]
    fn services_ask_for_their_address_in_the_right_resource_group() {
        let values: Value = from_str(&stands(BLOCK).chart_values).expect("the values are JSON");
        let group = "service.beta.kubernetes.io/azure-load-balancer-resource-group";
        let address = "service.beta.kubernetes.io/azure-pip-name";
        let service = &values["cockroachdb"]["service"];
        assert_eq!(service["annotations"][group], "uss1");
        assert_eq!(service["nodeAnnotations"][1], json!({(address): "uss1-db-1"}));
        assert_eq!(values["gateway"]["annotations"], json!({(group): "uss1", (address): "uss1-gateway"}));
        assert_eq!(values["storageClass"], "managed-csi-premium");
    }

    #[test]
    fn records_of_a_zone_are_made_by_terraform() {
        let block = BLOCK.replace("{\"sub", &format!("{{\"dns_zone_id\":\"{ZONE}\",\"sub"));
        assert!(stands(&block).dns.iter().all(|record| record.managed));
    }

    #[test]
    fn a_missing_output_is_named_unless_it_may_be_null() {
        assert_eq!(outputs().len(), OUTPUTS.len());
        for missing in outputs() {
            let rest: Vec<_> = outputs().into_iter().filter(|output| output.name != missing.name).collect();
            let found = interpret(BLOCK, &instance(), &rest);
            match missing.name.as_str() {
                "prometheus_address" | "certificates_client_id" => drop(found.expect("it may be null")),
                _ => assert_eq!(found.expect_err("an output is missing"), Error::MissingOutput(missing.name)),
            }
        }
    }

    #[test]
    fn an_authority_that_is_none_is_not_taken_for_the_systems() {
        let mut outputs = outputs();
        outputs[2].json = json!("AAAA").to_string();
        assert_eq!(interpret(BLOCK, &instance(), &outputs), Err(Error::MissingOutput("api_ca".into())));
    }
}
