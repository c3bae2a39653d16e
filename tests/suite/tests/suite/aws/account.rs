//! An account of AWS, in an emulator that checks signatures, and an operator who has a key of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde_json::Value;
use test_support::{Workspace, needed};
use test_world::aws::{AccessEntry, AccessKey, Call, Eks, Emulator, Operator, SERVICES};

pub(crate) const REGION: &str = "us-east-1";

pub(crate) struct Account {
    pub(crate) emulator: Emulator,
    pub(crate) operator: Operator,
    /// Id of a hosted zone.
    pub(crate) zone: String,
    credentials_file: PathBuf,
}

impl Account {
    /// Opens one, with a hosted zone for the names of `instance`.
    pub(crate) async fn open(root: &Path, instance: &str) -> Result<Self> {
        let emulator = Emulator::start(&root.join("aws")).await?;
        let operator = emulator.add_operator("hangar").await?;
        let zone = emulator.add_hosted_zone(&operator.key, &format!("{instance}.example.com")).await?;
        emulator.require_signatures().await?;
        let credentials_file = root.join("aws-credentials");
        write_credentials(&credentials_file, &operator.key)?;
        Ok(Self { emulator, operator, zone, credentials_file })
    }

    /// A cluster of this name that takes the tokens of EKS, and lets the operator do everything.
    pub(crate) fn eks(&self, cluster: &str) -> Eks {
        Eks {
            cluster: cluster.to_owned(),
            sts: self.emulator.endpoint().to_owned(),
            keys: vec![self.operator.key.clone()],
            entries: vec![AccessEntry {
                principal: self.operator.arn.clone(),
                groups: vec!["system:masters".to_owned()],
            }],
        }
    }

    /// The `endpoints` of whoever is to come here: of the plugin's block, and of terraform's provider.
    pub(crate) fn endpoints(&self) -> String {
        let endpoint = self.emulator.endpoint();
        SERVICES.map(|service| format!("    {service} = \"{endpoint}\"")).join("\n")
    }

    /// The body of an `infra` block, with `more` of its settings.
    pub(crate) fn block(&self, cluster: &str, more: &str) -> String {
        format!(
            "  region          = \"{REGION}\"\n  cluster_name    = \"{cluster}\"\n  route53_zone_id = \"{}\"\n{more}\n  \
             endpoints = {{\n{}\n  }}",
            self.zone,
            self.endpoints()
        )
    }

    /// The blocks by which the cloud is reached, after that of the cluster.
    pub(crate) fn entry(&self, cluster: &str) -> Result<String> {
        Ok(format!(
            r#"{cluster}
credential "aws" {{
  aws {{
    profile          = "default"
    credentials_file = "{credentials}"
  }}
}}

terraform {{
  provider_mirror = "{mirror}"
}}
"#,
            credentials = self.credentials_file.display(),
            mirror = needed("HANGAR_AWS_PROVIDER_MIRROR")?.display(),
        ))
    }

    /// Makes a call of EKS that another client makes, and returns its answer.
    pub(crate) async fn eks_call(&self, method: &'static str, path: &str, body: &str) -> Result<Value> {
        let call = Call::rest("eks", REGION, method, path, body);
        Ok(self.emulator.call(&self.operator.key, &call).await?.parse()?)
    }

    /// Neither terraform's state nor anything else that was written holds what signs.
    pub(crate) fn nothing_tells_the_key(&self, workspace: &Workspace) -> Result<()> {
        let n_files = crate::secrets::search(&workspace.folder, &[self.operator.key.secret().to_owned()])?;
        ensure!(n_files > 20, "only {n_files} files were looked at");
        Ok(())
    }
}

fn write_credentials(path: &Path, key: &AccessKey) -> Result<()> {
    let text = format!("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n", key.id, key.secret());
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o600))?)
}
