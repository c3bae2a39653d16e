//! What a terraform user without `hangar` does with a module, whatever its cloud.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use test_support::{Clouds, Provider, Terraform, repository, scratch};

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

/// Copies a module of `deploy/infrastructure` into a folder, with what it has in common with the others beside it, and says
/// where it is then.
pub(crate) fn copied(root: &Path, module: &str) -> Result<PathBuf> {
    for name in [module, "common"] {
        copy(&infrastructure().join(name), &root.join(name))?;
    }
    Ok(root.join(module))
}

/// The folder of all modules.
pub(crate) fn infrastructure() -> PathBuf {
    repository().join("deploy/infrastructure")
}

/// Copies a folder.
pub(crate) fn copy(source: &Path, target: &Path) -> Result<()> {
    for entry in walkdir::WalkDir::new(source) {
        let entry = entry?;
        let target = target.join(entry.path().strip_prefix(source)?);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// A module is formatted, and its own tests pass.
pub(crate) async fn passes_its_tests(terraform: &Terraform, module: &Path) -> Result<()> {
    is_guarded_whole(module)?;
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

/// What is protected stays, all of it; once the protection is switched off and that is applied, all of it goes.
pub(crate) async fn goes_only_unprotected(terraform: &Terraform, example: &Path) -> Result<()> {
    // What was only read terraform lets go of first, and which attributes are sensitive it writes in any order.
    let known = || -> Result<Vec<[Value; 3]>> {
        let state: Value = serde_json::from_str(&fs::read_to_string(example.join("terraform.tfstate"))?)?;
        let resources = state["resources"].as_array().cloned().unwrap_or_default();
        let managed = resources.into_iter().filter(|resource| resource["mode"] == "managed");
        Ok(managed
            .map(|mut resource| {
                let instances = resource["instances"].as_array_mut().into_iter().flatten();
                let attributes: Value = instances.map(|instance| instance["attributes"].take()).collect();
                [resource["type"].take(), resource["name"].take(), attributes]
            })
            .collect())
    };
    // A cloud says more of what stands than of what was just made, and a destroy looks first.
    terraform.done(&["apply", "-refresh-only", "-auto-approve"]).await?;
    let before = known()?;
    let refused = terraform.run(&["destroy", "-auto-approve"]).await?.exits(1)?;
    ensure!(refused.words().contains("Set deletion_protection to false and apply, then destroy."), "{}", refused.said);
    ensure!(!refused.words().contains("Destruction complete"), "something was removed: {}", refused.said);
    ensure!(known()? == before, "the state is another: {}", refused.said);

    let main = example.join("main.tf");
    let text = fs::read_to_string(&main)?;
    let call = "module \"dss\" {\n";
    ensure!(text.contains(call), "no module `dss` in {text}");
    fs::write(&main, text.replace(call, &format!("{call}  deletion_protection = false\n")))?;
    terraform.done(&["apply", "-auto-approve"]).await?;
    terraform.done(&["destroy", "-auto-approve"]).await?;
    Ok(())
}

/// Nothing of a module goes before its guard: a resource that the guard does not name would.
pub(crate) fn is_guarded_whole(module: &Path) -> Result<()> {
    let guard = fs::read_to_string(module.join("guard.tf"))?;
    let mut unguarded = Vec::new();
    for entry in fs::read_dir(module)? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "tf") {
            continue;
        }
        for line in fs::read_to_string(&path)?.lines() {
            let Some((kind, rest)) = line.strip_prefix("resource \"").and_then(|rest| rest.split_once("\" \"")) else {
                continue;
            };
            let address = format!("{kind}.{}", rest.split('"').next().unwrap_or_default());
            if address != "terraform_data.guard" && !guard.contains(&format!("    {address},\n")) {
                unguarded.push(address);
            }
        }
    }
    ensure!(unguarded.is_empty(), "the guard of `{}` does not name {unguarded:?}", module.display());
    Ok(())
}

/// A root in which a module stands once with `base`, and once more for each of `settings`, which differs by that alone. So one
/// plan tries them all: the providers of the real clouds take long to start.
pub(crate) struct Walk<'walk> {
    /// The module, beside which the root is laid down.
    pub(crate) module: &'walk Path,
    /// The provider's configuration, and whatever else is to be planned.
    pub(crate) around: &'walk str,
    pub(crate) base: &'walk [(&'walk str, &'walk str)],
    pub(crate) settings: &'walk [(&'walk str, &'walk str)],
    /// Variables that are not tried.
    pub(crate) left: &'walk [&'walk str],
}

impl Walk<'_> {
    pub(crate) fn lay_down(&self) -> Result<PathBuf> {
        let folder = self.module.with_file_name("walk");
        fs::create_dir_all(&folder)?;
        let mut text = format!("{}\n{}", self.around, self.used_as("base", None)?);
        for setting in self.settings {
            text += &self.used_as(setting.0, Some(*setting))?;
        }
        fs::write(folder.join("main.tf"), text)?;
        Ok(folder)
    }

    fn used_as(&self, label: &str, setting: Option<(&str, &str)>) -> Result<String> {
        let others = self.base.iter().filter(|(name, _)| setting.is_none_or(|(changed, _)| changed != *name));
        let arguments: String =
            others.copied().chain(setting).map(|(name, value)| format!("  {name} = {}\n", literal(value))).collect();
        let module = self.module.file_name().and_then(|name| name.to_str()).context("a name")?;
        Ok(format!(
            "module \"{label}\" {{\n  source = \"../{module}\"\n{arguments}}}\noutput \"{label}\" {{\n  value = module.{label}\n}}\n"
        ))
    }

    /// No accepted setting is ignored: each changes what is planned. Returns the plan.
    pub(crate) async fn each_changes_the_plan(&self, terraform: &Terraform) -> Result<Value> {
        terraform.done(&["init"]).await?;
        let planned = terraform.planned(&[]).await?;
        let before = planned_for(&planned, "base");
        ensure!(before.len() > 20, "too little is planned: {before:?}");
        let text = fs::read_to_string(self.module.join("variables.tf"))?;
        let mut untried: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("variable \"")?.split('"').next()).collect();
        for (name, _) in self.settings {
            ensure!(before != planned_for(&planned, name), "`{name}` changes nothing");
            untried.retain(|variable| variable != name);
        }
        ensure!(untried == self.left, "not tried: {untried:?}");
        Ok(planned)
    }
}

/// Objects and lists stand as they are; terraform makes numbers and truths of texts where it wants them.
fn literal(value: &str) -> String {
    if value.starts_with(['[', '{']) { value.to_owned() } else { format!("{value:?}") }
}

/// What is planned for one module of the root, as it would read if all had the same name.
fn planned_for(planned: &Value, label: &str) -> Vec<String> {
    let (module, nested) = (format!("module.{label}"), format!("module.{label}."));
    let changes = planned["resource_changes"].as_array().into_iter().flatten();
    let ours = changes.filter(|change| {
        let within = change["module_address"].as_str().unwrap_or_default();
        within == module || within.starts_with(&nested)
    });
    let outputs = [&planned["output_changes"][label], &planned["planned_values"]["outputs"][label]];
    ours.chain(outputs).map(|part| part.to_string().replace(&module, "module.it")).collect()
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
