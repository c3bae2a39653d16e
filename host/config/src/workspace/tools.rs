//! `terraform { … }` and `tools { … }`.

use std::path::PathBuf;

use crate::{
    raw::{RawTerraform, RawTools},
    workspace::check::Check,
};

/// How terraform (or OpenTofu) is run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terraform {
    /// Folder from which providers are taken, and from nowhere else.
    pub provider_mirror: Option<PathBuf>,
    /// Folder in which downloaded providers are kept for other workspaces.
    pub plugin_cache: Option<PathBuf>,
}

/// Where tools are, if the file says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    /// The program `helm`.
    pub helm: Option<PathBuf>,
    /// The program `terraform` or `tofu`.
    pub terraform: Option<PathBuf>,
}

pub(super) fn read(check: &mut Check<'_>) -> (Terraform, Tools) {
    let terraform: RawTerraform = check.raw("/terraform").unwrap_or_default();
    let tools: RawTools = check.raw("/tools").unwrap_or_default();
    if terraform.binary.is_some() && tools.terraform.is_some() {
        let other = check.document.place("/tools/terraform").key.clone();
        let finding = check.finding("/terraform/binary", "the program terraform is named twice");
        check.push(finding.other(other, "and here"));
    }
    let mut path = |pointer: &str, path: Option<PathBuf>| path.and_then(|path| check.path(pointer, &path));
    let binary = path("/terraform/binary", terraform.binary);
    (
        Terraform {
            provider_mirror: path("/terraform/provider_mirror", terraform.provider_mirror),
            plugin_cache: path("/terraform/plugin_cache", terraform.plugin_cache),
        },
        Tools {
            helm: path("/tools/helm", tools.helm),
            terraform: path("/tools/terraform", tools.terraform).or(binary),
        },
    )
}
