//! What terraform's outputs mean.

use hangar_sdk::infra_provider::{Api, DnsRecord, Error, Infrastructure, Instance, NodeAddress, Output};
use hangar_sdk::terraform::{certificate, output, protection};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::config::Config;

#[derive(Deserialize)]
struct Secrets {
    project: String,
    prefix: String,
    service_account: String,
}

/// Says what stands.
///
/// # Errors
///
/// [`Error::MissingOutput`] for an output that is not there or has another shape.
pub fn interpret(config: &str, instance: &Instance, outputs: &[Output]) -> Result<Infrastructure, Error> {
    let config = Config::parse(config)?;
    let addresses: Vec<String> = output(outputs, "db_addresses")?;
    if addresses.len() != instance.nodes as usize {
        return Err(Error::MissingOutput("db_addresses".into()));
    }
    let nodes = (0..instance.nodes).zip(&addresses).map(|(ordinal, address)| NodeAddress {
        ordinal,
        host: format!("{ordinal}.{}", instance.db_suffix),
        addresses: vec![address.clone()],
        reservation: None,
        port: instance.db_port,
    });
    let records: Map<String, Value> = output(outputs, "dns_records")?;
    let records = records.into_iter().map(|(name, value)| DnsRecord {
        name,
        kind: "A".into(),
        values: value.as_str().map(Into::into).into_iter().collect(),
        managed: config.managed_zone().is_some(),
    });
    let egress: Vec<String> = output(outputs, "egress_addresses")?;
    let secrets: Secrets = output(outputs, "secrets")?;
    Ok(Infrastructure {
        api: Api {
            endpoint: output(outputs, "api_endpoint")?,
            ca_pem: certificate(&output::<String>(outputs, "api_ca")?),
            server_name: None,
        },
        kube_cluster: output(outputs, "kube_cluster")?,
        nodes: nodes.collect(),
        egress: egress.into_iter().map(|address| format!("{address}/32")).collect(),
        dns: records.collect(),
        chart_values: chart_values(&addresses, outputs)?.to_string(),
        add_ons: Vec::new(),
        facts: vec![
            protection(config.deletion_protection),
            ("project".into(), config.project),
            ("region".into(), config.region),
            ("secrets-project".into(), secrets.project),
            ("secrets-prefix".into(), secrets.prefix),
            ("secrets-identity".into(), secrets.service_account),
            ("kms-key".into(), output(outputs, "kms_key")?),
        ],
    })
}

/// A load balancer a database node, at its reserved address, which passes through and so keeps the caller's; the API
/// behind Google's global one, with the managed certificate.
fn chart_values(addresses: &[String], outputs: &[Output]) -> Result<Value, Error> {
    let certificate: String = output(outputs, "gateway_certificate")?;
    Ok(json!({
        "storageClass": output::<String>(outputs, "storage_class")?,
        "cockroachdb": {
            "service": {
                "loadBalancerIPs": addresses,
                "externalTrafficPolicy": "Local",
                "annotations": {"cloud.google.com/l4-rbs": "enabled"},
            },
        },
        "gateway": {"enabled": false},
        "ingress": {
            "enabled": true,
            "annotations": {
                "kubernetes.io/ingress.class": "gce",
                "kubernetes.io/ingress.allow-http": "false",
                "ingress.gcp.kubernetes.io/pre-shared-cert": certificate,
            },
            "google": {
                "staticAddress": output::<String>(outputs, "gateway_address_name")?,
                "tlsPolicy": output::<String>(outputs, "gateway_ssl_policy")?,
            },
        },
    }))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::render::tests::{block, instance};

    fn outputs() -> Vec<Output> {
        [
            ("kube_cluster", json!("uss1")),
            ("api_endpoint", json!("https://203.0.113.7")),
            ("api_ca", json!(STANDARD.encode("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))),
            ("db_addresses", json!(["192.0.2.1", "192.0.2.2", "192.0.2.3"])),
            ("gateway_address_name", json!("uss1-gateway")),
            ("gateway_certificate", json!("uss1-0a1b2c3d")),
            ("gateway_ssl_policy", json!("uss1-gateway")),
            ("egress_addresses", json!(["192.0.2.9"])),
            ("dns_records", json!({"0.db.dss.uss1.example.com": "192.0.2.1"})),
            ("storage_class", json!("premium-rwo")),
            ("secrets", json!({"project": "dss-prod", "prefix": "uss1-", "service_account": "a@b"})),
            ("kms_key", json!("projects/p/locations/l/keyRings/r/cryptoKeys/k")),
        ]
        .map(|(name, value)| Output { name: name.into(), json: value.to_string() })
        .to_vec()
    }

    #[test]
    fn partners_are_told_addresses_and_the_egress_range() {
        let stands = interpret(&block(json!({})), &instance(), &outputs()).expect("all outputs are there");
        assert_eq!(stands.nodes[2].host, "2.db.dss.uss1.example.com");
        assert_eq!(stands.nodes[2].addresses, ["192.0.2.3"]);
        assert_eq!(stands.egress, ["192.0.2.9/32"]);
        assert!(stands.api.ca_pem.is_some());
        let values: Value = serde_json::from_str(&stands.chart_values).expect("JSON");
        assert_eq!(values["cockroachdb"]["service"]["loadBalancerIPs"][1], "192.0.2.2");
        assert_eq!(values["ingress"]["google"]["staticAddress"], "uss1-gateway");
        assert!(!stands.dns[0].managed);
    }

    #[test]
    fn records_of_a_managed_zone_are_made() {
        let block = block(json!({"dns_managed_zone": "dss"}));
        assert!(interpret(&block, &instance(), &outputs()).expect("all outputs are there").dns[0].managed);
    }

    #[test]
    fn what_stands_is_protected_until_the_block_says_otherwise() {
        for (change, is_protected) in [(json!({}), "true"), (json!({"deletion_protection": false}), "false")] {
            let stands = interpret(&block(change), &instance(), &outputs()).expect("all outputs are there");
            assert!(stands.facts.contains(&("deletion-protection".into(), is_protected.into())));
        }
    }

    #[test]
    fn a_missing_output_is_named() {
        for missing in outputs() {
            let rest: Vec<_> = outputs().into_iter().filter(|output| output.name != missing.name).collect();
            let err = interpret(&block(json!({})), &instance(), &rest).expect_err("an output is missing");
            assert_eq!(err, Error::MissingOutput(missing.name));
        }
    }
}
