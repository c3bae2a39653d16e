//! What terraform's outputs mean.

use std::collections::BTreeMap;

use hangar_sdk::infra_provider::{Api, DnsRecord, Error, Infrastructure, Instance, NodeAddress, Output};
use hangar_sdk::terraform::{certificate, output, protection};
use serde_json::{Map, Value, json};

use crate::add_ons::{self, Facts};
use crate::config::Config;

/// Annotation prefix of the load-balancer controller of AWS.
const ANNOTATION: &str = "service.beta.kubernetes.io/aws-load-balancer";

/// Says what stands.
///
/// # Errors
///
/// [`Error::MissingOutput`] for an output that is not there or has another shape.
pub fn interpret(config: &str, instance: &Instance, outputs: &[Output]) -> Result<Infrastructure, Error> {
    let config = Config::parse(config)?;
    let addresses: Vec<String> = output(outputs, "db_addresses")?;
    let allocations: Vec<String> = output(outputs, "db_allocation_ids")?;
    if addresses.len() != instance.nodes as usize || allocations.len() != addresses.len() {
        return Err(Error::MissingOutput("db_addresses".into()));
    }
    let subnets: Map<String, Value> = output(outputs, "public_subnets")?;
    let subnets: Vec<String> = subnets.values().filter_map(|id| id.as_str().map(Into::into)).collect();
    let nodes: Vec<NodeAddress> = (0..instance.nodes)
        .zip(addresses.iter().zip(&allocations))
        .map(|(ordinal, (address, allocation))| NodeAddress {
            ordinal,
            host: format!("{ordinal}.{}", instance.db_suffix),
            addresses: vec![address.clone()],
            reservation: Some(allocation.clone()),
            port: instance.db_port,
        })
        .collect();
    let records: Map<String, Value> = output(outputs, "dns_records")?;
    let managed = config.is_managed_dns();
    let mut dns: Vec<DnsRecord> = records
        .into_iter()
        .map(|(name, value)| DnsRecord {
            name,
            kind: "A".into(),
            values: value.as_str().map(Into::into).into_iter().collect(),
            managed,
        })
        .collect();
    for record in output::<Vec<CertificateRecord>>(outputs, "certificate_records")? {
        dns.push(record.into_dns(managed));
    }
    let (kube_cluster, vpc): (String, String) = (output(outputs, "kube_cluster")?, output(outputs, "vpc_id")?);
    let roles: BTreeMap<String, String> = output(outputs, "workload_roles")?;
    let add_ons = add_ons::wanted(&config, &Facts { cluster: &kube_cluster, vpc: &vpc, roles: &roles })?;
    let roles = roles.into_iter().map(|(workload, role)| (format!("role:{workload}"), role));
    let prometheus: String = output(outputs, "prometheus_allocation_id")?;
    let prometheus = (!prometheus.is_empty()).then(|| ("address:prometheus".to_owned(), prometheus));
    let gateway = Gateway {
        allocation: output(outputs, "gateway_allocation_id")?,
        certificate: output(outputs, "gateway_certificate_arn")?,
    };
    Ok(Infrastructure {
        api: Api {
            endpoint: output(outputs, "api_endpoint")?,
            ca_pem: certificate(&output::<String>(outputs, "api_ca")?),
            server_name: None,
        },
        kube_cluster,
        chart_values: chart_values(&allocations, &gateway, &subnets, add_ons::storage_class(&config)).to_string(),
        nodes,
        egress: output(outputs, "egress_cidrs")?,
        dns,
        add_ons,
        facts: [("region".to_owned(), config.region), protection(config.deletion_protection)]
            .into_iter()
            .chain(roles)
            .chain(prometheus)
            .collect(),
    })
}

/// What the API's load balancer is made of.
struct Gateway {
    allocation: String,
    certificate: String,
}

/// A record that proves the name of the certificate.
#[derive(serde::Deserialize)]
struct CertificateRecord {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

impl CertificateRecord {
    fn into_dns(self, managed: bool) -> DnsRecord {
        let bare = |name: String| name.trim_end_matches('.').to_owned();
        DnsRecord { name: bare(self.name), kind: self.kind, values: vec![bare(self.value)], managed }
    }
}

/// One load balancer a database node, each with its reserved address, in one zone of its own.
fn chart_values(allocations: &[String], gateway: &Gateway, subnets: &[String], storage_class: Option<&str>) -> Value {
    let node = |(index, allocation): (usize, &String)| {
        let mut annotations = json!({(format!("{ANNOTATION}-eip-allocations")): allocation});
        if !subnets.is_empty() {
            annotations[format!("{ANNOTATION}-subnets")] = json!(subnets[index % subnets.len()]);
        }
        annotations
    };
    let common = json!({
        (format!("{ANNOTATION}-scheme")): "internet-facing",
        (format!("{ANNOTATION}-nlb-target-type")): "ip",
        // A node's pod is in whatever zone its volume is.
        (format!("{ANNOTATION}-attributes")): "load_balancing.cross_zone.enabled=true",
    });
    let mut api = common.clone();
    api[format!("{ANNOTATION}-eip-allocations")] = json!(gateway.allocation);
    // TLS ends at the load balancer; behind it is the cluster's own network.
    api[format!("{ANNOTATION}-ssl-cert")] = json!(gateway.certificate);
    api[format!("{ANNOTATION}-ssl-ports")] = json!("https");
    api[format!("{ANNOTATION}-ssl-negotiation-policy")] = json!("ELBSecurityPolicy-TLS13-1-2-2021-06");
    if let Some(subnet) = subnets.first() {
        api[format!("{ANNOTATION}-subnets")] = json!(subnet);
    }
    let mut values = json!({
        "cockroachdb": {
            "service": {
                "loadBalancerClass": "service.k8s.aws/nlb",
                "annotations": common,
                "nodeAnnotations": allocations.iter().enumerate().map(node).collect::<Vec<_>>(),
            },
        },
        "gateway": {"loadBalancerClass": "service.k8s.aws/nlb", "annotations": api},
    });
    if let Some(class) = storage_class {
        values["storageClass"] = json!(class);
    }
    values
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::render::tests::instance;

    fn outputs() -> Vec<Output> {
        [
            ("kube_cluster", json!("uss1")),
            ("api_endpoint", json!("https://example.eks.amazonaws.com")),
            ("api_ca", json!(STANDARD.encode("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))),
            ("db_addresses", json!(["192.0.2.1", "192.0.2.2", "192.0.2.3"])),
            ("db_allocation_ids", json!(["eipalloc-1", "eipalloc-2", "eipalloc-3"])),
            ("gateway_allocation_id", json!("eipalloc-4")),
            ("gateway_certificate_arn", json!("arn:aws:acm:us-east-1:123456789012:certificate/1")),
            (
                "certificate_records",
                json!([{"name": "_x.dss.uss1.example.com.", "type": "CNAME", "value": "_y.acm-validations.aws."}]),
            ),
            ("prometheus_allocation_id", json!("")),
            ("egress_cidrs", json!(["192.0.2.9/32"])),
            (
                "workload_roles",
                json!({
                    "volumes": "arn:aws:iam::123456789012:role/uss1-volumes",
                    "load-balancers": "arn:aws:iam::123456789012:role/uss1-load-balancers",
                }),
            ),
            ("vpc_id", json!("vpc-1")),
            ("public_subnets", json!({"us-east-1a": "subnet-1", "us-east-1b": "subnet-2"})),
            ("dns_records", json!({"0.db.dss.uss1.example.com": "192.0.2.1"})),
        ]
        .map(|(name, value)| Output { name: name.into(), json: value.to_string() })
        .to_vec()
    }

    const BLOCK: &str = r#"{"region":"us-east-1","cluster_name":"uss1"}"#;

    #[test]
    fn partners_are_told_addresses_and_the_egress_range() {
        let stands = interpret(BLOCK, &instance(), &outputs()).expect("all outputs are there");
        assert_eq!(stands.nodes[2].host, "2.db.dss.uss1.example.com");
        assert_eq!(stands.nodes[2].reservation.as_deref(), Some("eipalloc-3"));
        assert_eq!(stands.egress, ["192.0.2.9/32"]);
        assert!(stands.api.ca_pem.is_some());
        assert!(stands.chart_values.contains("eipalloc-2"));
        assert!(stands.facts.contains(&("role:volumes".into(), "arn:aws:iam::123456789012:role/uss1-volumes".into())));
    }

    #[test]
    fn what_stands_is_protected_until_the_block_says_otherwise() {
        let lifted = r#"{"region":"us-east-1","cluster_name":"uss1","deletion_protection":false}"#;
        for (block, is_protected) in [(BLOCK, "true"), (lifted, "false")] {
            let stands = interpret(block, &instance(), &outputs()).expect("all outputs are there");
            assert!(stands.facts.contains(&("deletion-protection".into(), is_protected.into())));
        }
    }

    #[test]
    fn the_api_is_served_by_tls_alone() {
        let stands = interpret(BLOCK, &instance(), &outputs()).expect("all outputs are there");
        let values: Value = serde_json::from_str(&stands.chart_values).expect("it is JSON");
        let annotations = &values["gateway"]["annotations"];
        assert_eq!(annotations[format!("{ANNOTATION}-ssl-cert")], "arn:aws:acm:us-east-1:123456789012:certificate/1");
        assert_eq!(annotations[format!("{ANNOTATION}-ssl-ports")], "https");
    }

    #[test]
    fn without_a_zone_the_operator_is_told_every_record_to_make() {
        let stands = interpret(BLOCK, &instance(), &outputs()).expect("all outputs are there");
        let certificate = stands.dns.iter().find(|record| record.kind == "CNAME").expect("it is there");
        assert_eq!(certificate.name, "_x.dss.uss1.example.com");
        assert_eq!(certificate.values, ["_y.acm-validations.aws"]);
        assert!(stands.dns.iter().all(|record| !record.managed));
    }

    #[test]
    fn an_add_on_is_what_the_operator_names_with_the_role_that_terraform_made() {
        let none = interpret(BLOCK, &instance(), &outputs()).expect("all outputs are there");
        assert!(none.add_ons.is_empty() && !none.chart_values.contains("storageClass"), "{none:?}");
        let chart = |name: &str| format!("oci://registry.example.com/charts/{name}@sha256:{}", "0".repeat(64));
        let mut block: Value = serde_json::from_str(BLOCK).expect("it is JSON");
        block["add_ons"] = json!({"load_balancers": chart("lb"), "volumes": chart("ebs")});
        let stands = interpret(&block.to_string(), &instance(), &outputs()).expect("all outputs are there");
        let [volumes, balancers] = &stands.add_ons[..] else { panic!("{:?}", stands.add_ons) };
        assert_eq!((volumes.name.as_str(), volumes.namespace.as_str()), ("aws-ebs-csi-driver", "kube-system"));
        assert_eq!(volumes.chart, chart("ebs"));
        assert_eq!(balancers.identity.as_deref(), Some("arn:aws:iam::123456789012:role/uss1-load-balancers"));
        let values: Value = serde_json::from_str(&balancers.values).expect("it is JSON");
        assert_eq!(
            (&values["clusterName"], &values["vpcId"], &values["region"]),
            (&json!("uss1"), &json!("vpc-1"), &json!("us-east-1"))
        );
        let values: Value = serde_json::from_str(&stands.chart_values).expect("it is JSON");
        assert_eq!(values["storageClass"], "dss");
    }

    #[test]
    fn a_missing_output_is_named() {
        for missing in outputs() {
            let rest: Vec<_> = outputs().into_iter().filter(|output| output.name != missing.name).collect();
            let err = interpret(BLOCK, &instance(), &rest).expect_err("an output is missing");
            assert_eq!(err, Error::MissingOutput(missing.name));
        }
    }
}
