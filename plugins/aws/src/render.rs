//! The root module: the provider, the embedded module and its outputs.

use std::collections::BTreeMap;

use hangar_sdk::infra_provider::{Error, Instance, Workspace};
use hangar_sdk::terraform::{RootModule, with_given};
use hangar_sdk::{dns, embedded};
use serde_json::{Value, json};

use crate::SLOT;
use crate::config::Config;
use crate::cost;

const VERSION: &str = "5.100.0";

/// Files of `deploy/infrastructure/eks`, under the module's folder, but for its guard: the host refuses by itself what that would.
const MODULE: &[(&str, &[u8])] = embedded!("../../../deploy/infrastructure/eks/";
    "addresses.tf",
    "certificate.tf",
    "cluster.tf",
    "dns.tf",
    "iam.tf",
    "network.tf",
    "outputs.tf",
    "protection.tf",
    "variables.tf",
    "versions.tf",
    "workloads.tf",
);

/// What the modules have in common, beside it.
const COMMON: &[(&str, &[u8])] =
    embedded!("../../../deploy/infrastructure/common/"; "main.tf", "outputs.tf", "variables.tf", "versions.tf");

pub(crate) const OUTPUTS: &[&str] = &[
    "kube_cluster",
    "api_endpoint",
    "api_ca",
    "db_addresses",
    "db_allocation_ids",
    "gateway_address",
    "gateway_allocation_id",
    "gateway_certificate_arn",
    "certificate_records",
    "prometheus_allocation_id",
    "egress_cidrs",
    "vpc_id",
    "public_subnets",
    "dns_records",
    "workload_roles",
];

/// Returns the root module's files.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub fn render(config: &str, instance: &Instance) -> Result<Workspace, Error> {
    let config = Config::parse(config)?;
    let root = RootModule {
        module: "eks",
        files: MODULE,
        beside: &[("common", COMMON)],
        outputs: OUTPUTS,
        provider: "aws",
        version: VERSION,
        configuration: provider(&config),
        arguments: arguments(&config, instance),
    };
    Ok(Workspace {
        files: root.files(),
        providers: root.providers(),
        credentials: vec![SLOT.into()],
        precious: precious(&config, instance),
        cost: cost::hint(&config, instance),
    })
}

/// Addresses that partners were told, and what holds data.
fn precious(config: &Config, instance: &Instance) -> Vec<String> {
    let mut precious: Vec<_> = (0..instance.nodes).map(|ordinal| format!("module.eks.aws_eip.db[{ordinal}]")).collect();
    let mut names = vec!["aws_eip.gateway", "aws_eks_cluster.this", "aws_kms_key.secrets"];
    if config.existing_network.is_none() {
        names.extend(["aws_eip.egress[0]", "aws_vpc.this[0]"]);
    }
    precious.extend(names.into_iter().map(|name| format!("module.eks.{name}")));
    precious
}

fn provider(config: &Config) -> Value {
    let mut provider = json!({"region": config.region});
    let endpoints: BTreeMap<_, _> = config.endpoints.iter().filter(|(service, _)| *service != dns::ENDPOINT).collect();
    if !endpoints.is_empty() {
        // Another address knows neither the instance metadata nor, perhaps, the region's name.
        provider["endpoints"] = json!([endpoints]);
        provider["skip_metadata_api_check"] = json!("true");
        provider["skip_region_validation"] = json!(true);
        provider["s3_use_path_style"] = json!(true);
    }
    provider
}

fn arguments(config: &Config, instance: &Instance) -> Value {
    let arguments = json!({
        "name": config.cluster_name,
        "availability_zones": config.zones(),
        "db_nodes": instance.nodes,
        "db_suffix": instance.db_suffix,
        "hostname": instance.hostname,
    });
    let optional = [
        ("kubernetes_version", json!(config.kubernetes_version)),
        ("instance_type", json!(config.instance_type)),
        ("node_count", json!(config.node_count)),
        ("vpc_cidr", json!(config.vpc_cidr)),
        ("existing_network", json!(config.existing_network)),
        ("api_allowed_cidrs", json!(config.api_allowed_cidrs)),
        ("route53_zone_id", json!(config.route53_zone_id)),
        ("prometheus_hostname", json!(config.prometheus_hostname)),
        ("secrets_prefix", json!(config.secrets_prefix)),
        ("secrets_service_account", json!(config.secrets_service_account)),
        ("iam_permissions_boundary", json!(config.iam_permissions_boundary)),
        ("key_deletion_days", json!(config.key_deletion_days)),
        ("deletion_protection", json!(config.deletion_protection)),
        ("protected_from", json!(config.protected_from)),
        ("tags", json!(config.tags)),
    ];
    with_given(arguments, optional)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use hangar_sdk::testing::embeds_all_of;
    pub(crate) use hangar_sdk::testing::instance;

    use super::*;

    const BLOCK: &str = r#"{"region":"us-east-1","cluster_name":"uss1"}"#;

    fn root(block: &str) -> Value {
        let workspace = render(block, &instance()).expect("the block is good");
        serde_json::from_slice(&workspace.files[0].1).expect("the root module is JSON")
    }

    #[test]
    fn the_embedded_files_are_all_of_the_modules() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/infrastructure");
        embeds_all_of(MODULE, &folder.join("eks"));
        embeds_all_of(COMMON, &folder.join("common"));
    }

    #[test]
    fn equal_arguments_give_equal_files() {
        assert_eq!(render(BLOCK, &instance()).expect("good").files, render(BLOCK, &instance()).expect("good").files);
    }

    /// A value that differs from the default, for each key of the schema.
    fn change(key: &str) -> Value {
        match key {
            "region" => json!("eu-west-1"),
            "cluster_name" => json!("other"),
            "availability_zones" => json!(["us-east-1d", "us-east-1e", "us-east-1f"]),
            "kubernetes_version" => json!("1.33"),
            "instance_type" => json!("m6i.2xlarge"),
            "node_count" => json!({"min": 3, "desired": 6, "max": 9}),
            "vpc_cidr" => json!("10.99.0.0/16"),
            "existing_network" => json!({
                "vpc_id": "vpc-1",
                "public_subnets": {"us-east-1a": "subnet-1"},
                "private_subnets": {"us-east-1a": "subnet-2"},
                "egress_cidrs": ["203.0.113.7/32"],
            }),
            "api_allowed_cidrs" => json!(["203.0.113.0/24"]),
            "route53_zone_id" => json!("Z1"),
            "prometheus_hostname" => json!("prometheus.example.com"),
            "secrets_prefix" => json!("dss/uss1"),
            "secrets_service_account" => json!({"namespace": "dss", "name": "store"}),
            "iam_permissions_boundary" => json!("arn:aws:iam::123456789012:policy/bounds"),
            "key_deletion_days" => json!(7),
            "deletion_protection" => json!(false),
            "protected_from" => json!(["pipeline"]),
            "add_ons" => json!({"volumes": format!("oci://registry.example.com/ebs@sha256:{}", "0".repeat(64))}),
            "tags" => json!({"owner": "ops"}),
            "endpoints" => json!({"ec2": "https://ec2.example.com"}),
            other => panic!("`{other}` is new: say here how it can differ"),
        }
    }

    fn schema() -> serde_json::Map<String, Value> {
        let schema: Value = serde_json::from_str(include_str!("../schema.json")).expect("the schema is JSON");
        schema["properties"].as_object().expect("it has properties").clone()
    }

    #[test]
    fn every_key_of_the_schema_reaches_a_rendered_file() {
        // Add-ons are told to Helm, as `interpret` says.
        for key in schema().keys().filter(|key| *key != "add_ons") {
            let mut block: Value = serde_json::from_str(BLOCK).expect("it is JSON");
            block[key] = change(key);
            assert_ne!(root(&block.to_string()), root(BLOCK), "`{key}` changes nothing");
        }
    }

    #[test]
    fn a_resolver_is_no_service_of_the_provider() {
        let mut block: Value = serde_json::from_str(BLOCK).expect("it is JSON");
        block["endpoints"] = json!({"resolver": "https://doh.example.net/dns-query"});
        assert_eq!(root(&block.to_string()), root(BLOCK));
    }

    /// Arguments are checked by terraform, but only those that are given.
    #[test]
    fn every_variable_of_the_module_is_reached_by_a_key_or_by_the_instance() {
        let variables = include_str!("../../../deploy/infrastructure/eks/variables.tf");
        let mut block: Value = serde_json::from_str(BLOCK).expect("it is JSON");
        for key in schema().keys().filter(|key| *key != "region") {
            block[key] = change(key);
        }
        let given = root(&block.to_string())["module"]["eks"].clone();
        let names = variables.lines().filter_map(|line| line.strip_prefix("variable \"")?.strip_suffix("\" {"));
        let names: Vec<&str> = names.collect();
        assert!(names.len() > 15, "{names:?}");
        for name in &names {
            assert!(given.get(*name).is_some(), "variable `{name}` is never given");
        }
        for name in given.as_object().expect("arguments").keys().filter(|name| *name != "source") {
            assert!(names.contains(&name.as_str()), "the module has no variable `{name}`");
        }
    }

    #[test]
    fn every_output_is_one_of_the_module() {
        let outputs = include_str!("../../../deploy/infrastructure/eks/outputs.tf");
        for name in OUTPUTS {
            assert!(outputs.contains(&format!("output \"{name}\" {{")), "the module has no output `{name}`");
        }
    }

    /// Nothing whose state holds a credential may ever be among the resources.
    #[test]
    fn no_resource_keeps_a_credential_in_the_state() {
        const DENIED: [&str; 9] = [
            "aws_iam_access_key",
            "aws_eks_cluster_auth",
            "aws_iam_user_login_profile",
            "aws_secretsmanager_secret_version",
            "aws_ssm_parameter",
            "aws_db_instance",
            "aws_key_pair",
            "aws_iot_certificate",
            "aws_acmpca_certificate",
        ];
        for (name, bytes) in MODULE {
            let text = String::from_utf8_lossy(bytes);
            for denied in DENIED {
                assert!(!text.contains(denied), "`{denied}` in {name}");
            }
        }
    }
}
