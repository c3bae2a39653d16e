//! The terraform module.

use hangar_sdk::infra_provider::{Error, Instance, ProviderRequirement, Workspace};
use hangar_sdk::serde_json::{Value, json, to_string_pretty};
use hangar_sdk::terraform::literal;

use crate::config::Config;

const BUILT_IN: &str = "terraform.io/builtin/terraform";

/// The same for everybody: what is said about the cluster stands in `settings.tf.json`.
const MODULE: &str = r#"terraform {
  required_version = ">= 1.9"

  required_providers {
    terraform = {
      source = "terraform.io/builtin/terraform"
    }
  }
}

# Nothing here is made: terraform keeps what is known, so that a change of it is a change of a plan.
resource "terraform_data" "cluster" {
  input = local.cluster
}

# Partners were told where a node serves: another place is another node to them, and shown as a replacement.
resource "terraform_data" "node" {
  count = length(local.nodes)

  input            = local.nodes[count.index]
  triggers_replace = local.nodes[count.index].serves_at
}

output "cluster" {
  description = "What the operator says about the cluster."
  value       = terraform_data.cluster.output
}

output "nodes" {
  description = "Where the database nodes serve, by ordinal."
  value       = terraform_data.node[*].output
}
"#;

/// Returns the module and the operator's settings as its values.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub fn render(config: &str, instance: &Instance) -> Result<Workspace, Error> {
    let config = Config::of(config, instance)?;
    let place = |ordinal: u32| config.addresses.get(ordinal as usize).or(config.names.get(ordinal as usize));
    let nodes: Vec<Value> =
        (0..instance.nodes).map(|ordinal| json!({"ordinal": ordinal, "serves_at": place(ordinal)})).collect();
    let mut settings = literal(json!({"locals": {"cluster": cluster(&config, instance), "nodes": nodes}}));
    settings["//"] = json!("Written by the plugin from the workspace file.");
    let text = to_string_pretty(&settings).expect("JSON has a text form") + "\n";
    let precious = (0..instance.nodes).filter(|ordinal| place(*ordinal).is_some());
    Ok(Workspace {
        files: vec![("main.tf".into(), MODULE.into()), ("settings.tf.json".into(), text.into_bytes())],
        providers: vec![ProviderRequirement {
            name: "terraform".into(),
            source: BUILT_IN.into(),
            version: String::new(),
            hashes: Vec::new(),
        }],
        credentials: Vec::new(),
        precious: precious.map(|ordinal| format!("terraform_data.node[{ordinal}]")).collect(),
        cost: None,
    })
}

fn cluster(config: &Config, instance: &Instance) -> Value {
    json!({
        "name": config.cluster_name.as_ref().unwrap_or(&instance.name),
        "endpoint": config.endpoint,
        "ca_pem": config.ca_pem,
        "server_name": config.server_name,
        "egress": config.egress,
        "dns": config.dns,
        "storage_class": config.storage_class,
        "load_balancer": config.load_balancer,
        "gateway": config.gateway,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use hangar_sdk::serde_json::from_slice;

    pub(crate) use hangar_sdk::testing::instance;

    use super::*;
    use crate::interpret::cluster_token;

    fn settings(block: &Value) -> Value {
        let workspace = render(&block.to_string(), &instance()).expect("the block is good");
        from_slice(&workspace.files[1].1).expect("the settings are JSON")
    }

    /// Every key of the schema, with a value that is not its default; what it needs beside it comes first.
    fn every_key() -> Vec<(&'static str, Value, Value)> {
        let base = json!({"egress": ["192.0.2.0/24"]});
        let token = json!({"egress": ["192.0.2.0/24"], "access": "token"});
        let with = |from: &Value, key: &str, value: Value| {
            let mut block = from.clone();
            match key.split_once('.') {
                Some((outer, inner)) => block[outer] = json!({inner: value}),
                None => block[key] = value,
            }
            block
        };
        let changes: Vec<(&'static str, &Value, Value)> = vec![
            ("endpoint", &token, json!("https://a.example.com")),
            ("ca_pem", &token, json!("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----")),
            ("server_name", &token, json!("api.example.com")),
            ("cluster_name", &base, json!("other")),
            ("addresses", &base, json!(["192.0.2.1", "192.0.2.2", "192.0.2.3"])),
            ("names", &base, json!(["a.example.com", "b.example.com", "c.example.com"])),
            ("egress", &base, json!(["198.51.100.0/24"])),
            ("dns", &base, json!("automatic")),
            ("storage_class", &base, json!("fast")),
            ("load_balancer.class", &base, json!("metallb")),
            ("load_balancer.annotations", &base, json!({"a.example.com/b": "c"})),
            ("load_balancer.node_annotations", &base, json!([{"a": "0"}, {"a": "1"}, {"a": "2"}])),
            ("load_balancer.external_traffic_policy", &base, json!("Cluster")),
            ("gateway.enabled", &base, json!(false)),
            ("gateway.address", &base, json!("192.0.2.8")),
            ("gateway.name", &base, json!("lb.example.com")),
            ("gateway.class", &base, json!("metallb")),
            ("gateway.annotations", &base, json!({"a": "b"})),
            ("gateway.port", &base, json!(8443)),
            ("gateway.source_ranges", &base, json!(["198.51.100.0/24"])),
        ];
        changes.into_iter().map(|(key, from, value)| (key, from.clone(), with(from, key, value))).collect()
    }

    #[test]
    fn every_key_of_the_schema_reaches_the_module_or_the_recipe() {
        let schema: Value = from_slice(include_bytes!("../schema.json")).expect("the schema is JSON");
        let mut keys = Vec::new();
        for (key, value) in schema["properties"].as_object().expect("an object") {
            match value["properties"].as_object() {
                Some(inner) => keys.extend(inner.keys().map(|inner| format!("{key}.{inner}"))),
                None => keys.push(key.clone()),
            }
        }
        for (key, before, after) in every_key() {
            assert_ne!(settings(&before), settings(&after), "`{key}` changes nothing");
            keys.retain(|left| left != key);
        }
        // It chooses the recipe.
        assert_ne!(cluster_token(r#"{"access": "token"}"#), cluster_token("{}"));
        assert_eq!(keys, ["access"]);
    }

    #[test]
    fn a_published_place_is_precious() {
        let precious = |block: &str| render(block, &instance()).expect("the block is good").precious;
        let named = r#"{"addresses": ["192.0.2.1", "192.0.2.2", "192.0.2.3"], "egress": ["192.0.2.0/24"]}"#;
        assert_eq!(precious(named)[2], "terraform_data.node[2]");
        assert_eq!(precious(r#"{"egress": ["192.0.2.0/24"]}"#), Vec::<String>::new());
    }

    #[test]
    fn a_setting_is_never_a_template() {
        let settings = settings(&json!({"cluster_name": "${file(\"/etc/passwd\")}", "egress": ["192.0.2.0/24"]}));
        assert_eq!(settings["locals"]["cluster"]["name"], json!("$${file(\"/etc/passwd\")}"));
    }

    #[test]
    fn a_block_that_is_wrong_renders_nothing() {
        let err = render(r#"{"egress": []}"#, &instance()).expect_err("no ranges");
        assert!(matches!(err, Error::Invalid(findings) if findings.iter().any(|finding| finding.pointer == "/egress")));
    }
}
