//! A workspace whose infrastructure is scripted, and terraforms that say what a test wants. No cluster answers, so that an
//! `up` ends right after terraform.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use test_support::{Description, Plugin, Workspace, needed, scratch};

/// An approved workspace of the plugin `mock`, with this body of its `infra` block.
pub(crate) async fn scripted(name: &str, body: &str) -> Result<Workspace> {
    let plugins = needed("HANGAR_PLUGINS_DIR")?;
    let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), name)?;
    let mut description = Description::without_world("uss1", Plugin::of_file("mock", &plugins.join("mock.wasm")));
    description.plugins.push(Plugin::of_file("local", &plugins.join("local.wasm")));
    description.secrets = Some("local".into());
    description.block = Some(body.to_owned());
    description.access.token_file = root.join("token");
    fs::write(&description.access.token_file, "a-token-for-nobody\n")?;
    let workspace = Workspace::lay_down(&root, &description)?;
    // Where nobody listens; what its certificate would be checked against does not matter.
    workspace.edit("hangar.hcl", "  ca_file  = \"/nowhere/ca.crt\"\n", "")?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    Ok(workspace)
}

/// Gives the `infra` block another body.
pub(crate) fn set_body(workspace: &Workspace, body: &str) -> Result<()> {
    let text = fs::read_to_string(workspace.folder.join("hangar.hcl"))?;
    let start = text.find("infra \"mock\" {\n").context("an infra block")? + "infra \"mock\" {\n".len();
    let end = start + text[start..].find("\n}\n").context("its end")?;
    workspace.write("hangar.hcl", &format!("{}{body}{}", &text[..start], &text[end..]))
}

/// A module, as the plugin's script renders it.
pub(crate) fn render(module: &str, precious: &[&str]) -> String {
    let module = format!("{module:?}").replace("${", "$${");
    format!(
        "  render = {{ ok = {{ files = [[\"main.tf\", {module}]], providers = [], credentials = [], precious = {precious:?} }} }}"
    )
}

/// A terraform that does what a script says for some commands, and is the real one for all others.
pub(crate) fn terraform(workspace: &Workspace, script: &str) -> Result<PathBuf> {
    let path = workspace.folder.join("scripted-terraform");
    let real = needed("HANGAR_TERRAFORM")?;
    let version = r#"{"type":"version","terraform":"1.11.4","ui":"1.2"}"#;
    let script = script.replace("VERSION", version);
    fs::write(&path, format!("#!/bin/sh\n{script}\nexec {} \"$@\"\n", real.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}
