//! What an infra provider hands to terraform, and what it says afterwards.

mod files;
mod functions;
mod infrastructure;
mod module;
mod providers;

use hangar_plan::grant::{Egress, InfraProviderGrant, TerraformProvider};
use hangar_plan::infrastructure::Workspace;

use super::super::{Rule, check_workspace};
use super::rules;

const REQUIRED: &str = r#"terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}
"#;

fn grant() -> InfraProviderGrant {
    let provider = |source: &str, version: &str| TerraformProvider {
        source: source.into(),
        version: version.into(),
        hashes: vec!["h1:good".into()],
    };
    InfraProviderGrant {
        egress: vec![Egress::new("sts.*.amazonaws.com".parse().expect("a host"), 443)],
        credentials: serde_json::from_value(serde_json::json!([
            {"name": "aws", "kind": "aws", "hosts": ["sts.*.amazonaws.com"], "services": ["sts"], "terraform": true},
            {"name": "cluster", "kind": "bearer"},
        ]))
        .expect("slots"),
        terraform_providers: vec![
            provider("registry.terraform.io/hashicorp/aws", "5.100.0"),
            provider("terraform.io/builtin/terraform", ""),
            // Granted by mistake: forbidden all the same.
            provider("registry.terraform.io/hashicorp/external", "2.3.4"),
            provider("registry.terraform.io/hashicorp/local", "2.5.1"),
        ],
        values: vec!["storageClass".into(), "database.service".into()],
        charts: vec!["oci://registry.example.com:5000/charts/lb".into()],
        state: false,
    }
}

fn workspace(files: &[(&str, &str)]) -> Workspace {
    Workspace {
        files: files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect(),
        providers: Vec::new(),
        credentials: Vec::new(),
        precious: Vec::new(),
        cost: None,
    }
}

fn check(files: &[(&str, &str)]) -> Vec<Rule> {
    rules(check_workspace(&workspace(files), &grant()))
}

/// A root module of the native syntax that requires what is granted. A ` | ` in the text ends a line: the syntax wants
/// blocks inside blocks on lines of their own.
fn native(text: &str) -> Vec<Rule> {
    check(&[("main.tf", &lines(&format!("{REQUIRED}{text}")))])
}

fn lines(text: &str) -> String {
    text.replace(" | ", "\n")
}

/// The same in the JSON syntax.
fn json(text: &str) -> Vec<Rule> {
    check(&[("main.tf", REQUIRED), ("more.tf.json", text)])
}
