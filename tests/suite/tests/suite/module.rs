//! What a terraform user without `hangar` does with a module, whatever its cloud.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use test_support::{Clouds, Provider, Terraform, scratch};

/// A terraform user with a copy of a module, and the cloud.
pub(crate) struct User {
    pub(crate) module: PathBuf,
    pub(crate) clouds: Clouds,
}

impl User {
    /// Copies the module of `deploy/infrastructure` into a fresh folder beside a cloud of `provider`.
    pub(crate) fn new(name: &str, module: &str, provider: Provider) -> Result<Self> {
        let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), name)?;
        let clouds = Clouds::lay_down(&root, &[provider])?;
        Ok(Self { module: copied(&root, module)?, clouds })
    }

    /// Terraform in a folder, with the mirror and without a credential.
    pub(crate) fn terraform(&self, folder: &Path) -> Terraform {
        Terraform::new(folder, &self.clouds.cli_config())
    }
}

/// Copies a module of `deploy/infrastructure` into a folder, and says where it is then.
pub(crate) fn copied(root: &Path, module: &str) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/infrastructure").join(module);
    let module = root.join(module);
    for entry in walkdir::WalkDir::new(&source) {
        let entry = entry?;
        let target = module.join(entry.path().strip_prefix(&source)?);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(module)
}

/// A module is formatted, and its own tests pass.
pub(crate) async fn passes_its_tests(terraform: &Terraform) -> Result<()> {
    terraform.done(&["fmt", "-check", "-recursive"]).await?;
    terraform.done(&["init"]).await?;
    let tested = terraform.done(&["test"]).await?;
    ensure!(tested.words().contains(" 0 failed."), "{}", tested.said);
    ensure!(!tested.words().contains("Success! 0 passed"), "{}", tested.said);
    Ok(())
}

/// Lays an example down from nothing and finds it again unchanged. Neither plan nor state holds a credential, nor `secret`.
///
/// Its state stays in its folder, and not where the example says.
pub(crate) async fn is_made_and_found_again(terraform: &Terraform, example: &Path, secret: &str) -> Result<()> {
    fs::write(example.join("override.tf"), "terraform {\n  backend \"local\" {}\n}\n")?;
    terraform.done(&["init"]).await?;
    let planned = terraform.planned(&[]).await?;
    holds_no_credential(&planned["planned_values"]);
    terraform.done(&["apply", "plan"]).await?;
    terraform.done(&["plan", "-detailed-exitcode"]).await?;
    let state = fs::read_to_string(example.join("terraform.tfstate"))?;
    assert!(!state.contains(secret));
    let state: Value = serde_json::from_str(&state)?;
    assert!(state["resources"].as_array().context("no resources")?.len() > 20);
    holds_no_credential(&state);
    Ok(())
}

/// No accepted setting is ignored: each of `settings` changes what is planned, and all variables but `left` are among them.
pub(crate) async fn every_variable_changes_the_plan(
    module: &Path,
    terraform: &Terraform,
    settings: &[(&str, &str)],
    left: &[&str],
) -> Result<()> {
    terraform.done(&["init"]).await?;
    let shown = |plan: &Value| (plan["planned_values"].clone(), plan["resource_changes"].clone());
    let before = shown(&terraform.planned(&[]).await?);
    let text = fs::read_to_string(module.join("variables.tf"))?;
    let mut untried: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("variable \"")?.split('"').next()).collect();
    for (name, value) in settings {
        let after = shown(&terraform.planned(&["-var", &format!("{name}={value}")]).await?);
        ensure!(before != after, "`{name}` changes nothing");
        untried.retain(|variable| variable != name);
    }
    ensure!(untried == left, "not tried: {untried:?}");
    Ok(())
}

/// What opens a cluster, an account or a vault is nowhere in a plan or a state.
pub(crate) fn holds_no_credential(value: &Value) {
    const SECRETS: [&str; 11] = [
        "client_key",
        "client_certificate",
        "access_token",
        "private_key",
        "password",
        "admin_password",
        "client_secret",
        "primary_access_key",
        "secondary_access_key",
        "kube_admin_config_raw",
        "kube_config_raw",
    ];
    // Types whose state holds one by their nature.
    const DENIED: [&str; 12] = [
        "aws_eks_cluster_auth",
        "aws_iam_access_key",
        "aws_iam_user_login_profile",
        "aws_key_pair",
        "aws_secretsmanager_secret_version",
        "aws_ssm_parameter",
        "azuread_application_password",
        "azurerm_key_vault_secret",
        "google_secret_manager_secret_version",
        "google_service_account_key",
        "random_password",
        "tls_private_key",
    ];
    match value {
        Value::Object(object) => {
            let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
            assert!(!DENIED.contains(&kind), "`{kind}` keeps a credential in the state");
            for (key, value) in object {
                let is_secret = SECRETS.contains(&key.as_str());
                assert!(!is_secret || value.as_str().is_none_or(str::is_empty), "`{key}` holds something");
                holds_no_credential(value);
            }
        }
        Value::Array(items) => items.iter().for_each(holds_no_credential),
        _ => {}
    }
}
