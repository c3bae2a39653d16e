//! The terraform module.

use hangar_sdk::infra_provider::{Error, Instance, ProviderRequirement, Workspace};
use hangar_sdk::terraform::literal;
use serde_json::{Value, json};

use crate::config::Config;

/// Holds what `settings.tf.json` says as resources, so that a change of it is a change of a plan.
const MODULE: &str = r#"terraform {
  required_providers {
    terraform = {
      source = "terraform.io/builtin/terraform"
    }
  }
}

# The cluster and its addresses stand already; terraform keeps what is known about them.
resource "terraform_data" "cluster" {
  input = local.cluster
}

resource "terraform_data" "node" {
  count = length(local.nodes)
  input = local.nodes[count.index]
}

output "cluster" {
  value = terraform_data.cluster.output
}

output "nodes" {
  value = terraform_data.node[*].output
}
"#;

/// Returns the module: the same one for everybody, and the operator's settings as values.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub fn render(config: &str, instance: &Instance) -> Result<Workspace, Error> {
    let config = Config::of(config, instance)?;
    let nodes: Vec<Value> = (0..instance.nodes)
        .map(|ordinal| json!({"ordinal": ordinal, "address": config.addresses.get(ordinal as usize)}))
        .collect();
    let settings = json!({"locals": {
        "cluster": {
            "name": config.cluster_name.as_ref().unwrap_or(&instance.name),
            "endpoint": config.endpoint,
            "ca_pem": config.ca_pem,
            "gateway_address": config.gateway_address,
            "storage_class": config.storage_class,
            "egress": config.ranges(),
        },
        "nodes": nodes,
    }});
    let mut settings = literal(settings);
    settings["//"] = json!("Written by the plugin from the workspace file.");
    let text = serde_json::to_string_pretty(&settings).expect("JSON has a text form") + "\n";
    Ok(Workspace {
        files: vec![("main.tf".into(), MODULE.into()), ("settings.tf.json".into(), text.into_bytes())],
        providers: vec![ProviderRequirement {
            name: "terraform".into(),
            source: "terraform.io/builtin/terraform".into(),
            version: String::new(),
            hashes: Vec::new(),
        }],
        credentials: Vec::new(),
        precious: Vec::new(),
        cost: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::instance;

    fn settings(config: &str) -> Value {
        let workspace = render(config, &instance()).expect("a module");
        serde_json::from_slice(&workspace.files[1].1).expect("JSON")
    }

    #[test]
    fn every_setting_reaches_the_module() {
        let settings = settings(
            r#"{"endpoint": "https://10.0.0.9", "ca_pem": "PEM", "cluster_name": "c", "gateway_address": "10.0.0.8",
                "addresses": ["10.0.0.1", "10.0.0.2", "10.0.0.3"], "egress": ["10.1.0.0/16"], "storage_class": "fast"}"#,
        );
        assert_eq!(
            settings["locals"]["cluster"],
            json!({"name": "c", "endpoint": "https://10.0.0.9", "ca_pem": "PEM", "gateway_address": "10.0.0.8",
                "storage_class": "fast", "egress": ["10.1.0.0/16"]})
        );
        assert_eq!(settings["locals"]["nodes"][2], json!({"ordinal": 2, "address": "10.0.0.3"}));
    }

    #[test]
    fn a_setting_is_never_a_template() {
        let settings = settings(r#"{"cluster_name": "${file(\"/etc/passwd\")}"}"#);
        assert_eq!(settings["locals"]["cluster"]["name"], json!("$${file(\"/etc/passwd\")}"));
    }

    #[test]
    fn equal_arguments_give_equal_files() {
        assert_eq!(render("{}", &instance()), render("{}", &instance()));
    }
}
