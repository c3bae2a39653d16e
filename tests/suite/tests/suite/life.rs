//! The whole life of an instance in a cloud that is a folder, whatever its provider.

use std::fs;

use anyhow::{Result, ensure};
use test_support::{Cloud, Run, Workspace};
use test_world::OrganisationFile;

use crate::cluster::{Origins, has_namespace, origins};
use crate::module::holds_no_credential;

/// An approved workspace on a cluster that has nothing else, and the cloud.
pub(crate) struct Life<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) organisation: &'a OrganisationFile,
    pub(crate) cloud: &'a Cloud,
    /// What the credentials are read from.
    pub(crate) variables: &'a [(&'a str, &'a str)],
    /// What must lie nowhere.
    pub(crate) secrets: &'a [String],
    /// How the provider must have signed in.
    pub(crate) signed_in_by: &'a str,
    /// Whether the cloud is as it was before.
    pub(crate) is_gone: fn(&Cloud) -> Result<bool>,
}

impl Life<'_> {
    async fn run(&self, arguments: &[&str]) -> Result<Run> {
        self.workspace.run_with(arguments, self.variables).await?.done()
    }

    /// From nothing to a pool and back to nothing. `address` is one of those that the plan must show.
    pub(crate) async fn is_lived(&self, address: &str) -> Result<()> {
        let plan = self.run(&["plan"]).await?;
        ensure!(plan.stdout.contains(address), "{}", plan.stdout);
        ensure!(self.cloud.all()?.is_empty(), "a plan made something");

        self.run(&["up", "--yes"]).await?;
        let signed_in_by = &self.cloud.configured()?["signed_in_by"];
        ensure!(signed_in_by == self.signed_in_by, "signed in by {signed_in_by}");
        self.run(&["pool", "create", "--yes"]).await?;
        let origins = origins(self.organisation).await?;
        ensure!(origins == Origins { n_nodes: 3, n_founded: 1, n_joined: 2 }, "{origins:?}");
        let n_made = self.cloud.calls("create", "")?;
        let again = self.run(&["up", "--yes"]).await?;
        ensure!(again.stdout.contains("nothing was done"), "{}", again.stdout);
        ensure!(self.cloud.calls("create", "")? == n_made, "something was made twice");

        let n_files = crate::secrets::search(&self.workspace.folder, self.secrets)?;
        ensure!(n_files > 20, "only {n_files} files were looked at");
        let state = self.workspace.folder.join(".hangar/terraform/infrastructure.tfstate");
        holds_no_credential(&serde_json::from_str(&fs::read_to_string(state)?)?);

        self.run(&["down", "--yes"]).await?;
        ensure!(!has_namespace(self.organisation).await?, "the namespace is still there");
        ensure!((self.is_gone)(self.cloud)?, "left in the cloud: {:?}", self.cloud.all()?);
        Ok(())
    }
}
