//! The root module: the provider, the embedded module and its outputs.

use hangar_sdk::infra_provider::{Error, Instance, ProviderRequirement, Workspace};
use serde_json::{Map, Value, json};

use crate::SLOT;
use crate::config::Config;

const PROVIDER: &str = "registry.terraform.io/hashicorp/aws";
const VERSION: &str = "5.100.0";

/// Files of `deploy/infrastructure/eks`, under the module's folder.
const MODULE: &[(&str, &[u8])] = &[
    ("addresses.tf", include_bytes!("../../../deploy/infrastructure/eks/addresses.tf")),
    ("cluster.tf", include_bytes!("../../../deploy/infrastructure/eks/cluster.tf")),
    ("dns.tf", include_bytes!("../../../deploy/infrastructure/eks/dns.tf")),
    ("iam.tf", include_bytes!("../../../deploy/infrastructure/eks/iam.tf")),
    ("network.tf", include_bytes!("../../../deploy/infrastructure/eks/network.tf")),
    ("outputs.tf", include_bytes!("../../../deploy/infrastructure/eks/outputs.tf")),
    ("variables.tf", include_bytes!("../../../deploy/infrastructure/eks/variables.tf")),
    ("versions.tf", include_bytes!("../../../deploy/infrastructure/eks/versions.tf")),
];

pub(crate) const OUTPUTS: &[&str] = &[
    "kube_cluster",
    "api_endpoint",
    "api_ca",
    "db_addresses",
    "db_allocation_ids",
    "gateway_address",
    "gateway_allocation_id",
    "egress_addresses",
    "public_subnets",
    "dns_records",
];

/// Returns the root module's files.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub fn render(config: &str, instance: &Instance) -> Result<Workspace, Error> {
    let config = Config::parse(config)?;
    let root = json!({
        "terraform": {
            "required_version": ">= 1.9",
            "required_providers": {"aws": {"source": "hashicorp/aws", "version": VERSION}},
        },
        "provider": {"aws": provider(&config)},
        "module": {"eks": arguments(&config, instance)},
        "output": OUTPUTS.iter().map(|name| ((*name).to_owned(), json!({"value": format!("${{module.eks.{name}}}")}))).collect::<Map<_, _>>(),
    });
    let mut text = serde_json::to_vec_pretty(&root).expect("a JSON value has a text");
    text.push(b'\n');
    let mut files = vec![("main.tf.json".to_owned(), text)];
    files.extend(MODULE.iter().map(|(name, bytes)| (format!("modules/eks/{name}"), bytes.to_vec())));
    Ok(Workspace {
        files,
        providers: vec![ProviderRequirement {
            name: "aws".into(),
            source: PROVIDER.into(),
            version: VERSION.into(),
            hashes: Vec::new(),
        }],
        credentials: vec![SLOT.into()],
        precious: precious(instance),
        cost: None,
    })
}

/// Addresses that partners were told, and what holds data.
fn precious(instance: &Instance) -> Vec<String> {
    let mut precious: Vec<_> = (0..instance.nodes).map(|ordinal| format!("module.eks.aws_eip.db[{ordinal}]")).collect();
    for name in ["aws_eip.egress", "aws_eip.gateway", "aws_eks_cluster.this", "aws_kms_key.secrets"] {
        precious.push(format!("module.eks.{name}"));
    }
    precious
}

fn provider(config: &Config) -> Value {
    let mut provider = json!({"region": config.region});
    if !config.endpoints.is_empty() {
        // Another address knows neither the instance metadata nor, perhaps, the region's name.
        provider["endpoints"] = json!([config.endpoints]);
        provider["skip_metadata_api_check"] = json!("true");
        provider["skip_region_validation"] = json!(true);
        provider["s3_use_path_style"] = json!(true);
    }
    provider
}

fn arguments(config: &Config, instance: &Instance) -> Value {
    let mut arguments = json!({
        "source": "./modules/eks",
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
        ("api_allowed_cidrs", json!(config.api_allowed_cidrs)),
        ("route53_zone_id", json!(config.route53_zone_id)),
        ("tags", json!(config.tags)),
    ];
    for (name, value) in optional {
        if !value.is_null() {
            arguments[name] = value;
        }
    }
    arguments
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn instance() -> Instance {
        Instance {
            name: "uss1".into(),
            hostname: "dss.uss1.example.com".into(),
            db_suffix: "db.dss.uss1.example.com".into(),
            nodes: 3,
            namespace: "dss".into(),
            db_port: 26257,
            facts: Vec::new(),
        }
    }

    const BLOCK: &str = r#"{"region":"us-east-1","cluster_name":"uss1"}"#;

    fn root(block: &str) -> Value {
        let workspace = render(block, &instance()).expect("the block is good");
        serde_json::from_slice(&workspace.files[0].1).expect("the root module is JSON")
    }

    #[test]
    fn equal_arguments_give_equal_files() {
        assert_eq!(render(BLOCK, &instance()).expect("good").files, render(BLOCK, &instance()).expect("good").files);
    }

    #[test]
    fn every_key_of_the_block_reaches_a_rendered_file() {
        let changes = [
            r#""availability_zones":["us-east-1d","us-east-1e","us-east-1f"]"#,
            r#""kubernetes_version":"1.33""#,
            r#""instance_type":"m6i.2xlarge""#,
            r#""node_count":{"min":3,"desired":6,"max":9}"#,
            r#""vpc_cidr":"10.99.0.0/16""#,
            r#""api_allowed_cidrs":["203.0.113.0/24"]"#,
            r#""route53_zone_id":"Z1""#,
            r#""tags":{"owner":"ops"}"#,
            r#""endpoints":{"ec2":"https://ec2.example.com"}"#,
        ];
        for change in changes {
            let block = format!(r#"{{"region":"us-east-1","cluster_name":"uss1",{change}}}"#);
            assert_ne!(root(&block), root(BLOCK), "{change} changes nothing");
        }
        assert_ne!(root(r#"{"region":"eu-west-1","cluster_name":"uss1"}"#), root(BLOCK));
        assert_ne!(root(r#"{"region":"us-east-1","cluster_name":"other"}"#), root(BLOCK));
    }
}
