//! `hangar kubeconfig`: the operator's own `kubectl`, which holds no secret.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use test_support::{Workspace, needed};
use tokio::process::Command;

use crate::init::workspace;
use crate::pooled::pooled;

const FILE: &str = "kubeconfig";

#[tokio::test]
async fn without_infrastructure_there_is_no_kubeconfig() -> Result<()> {
    let workspace = workspace("no-kubeconfig")?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    let run = workspace.run(&["kubeconfig", "--out", "kubeconfig"]).await?.exits(1)?;
    assert!(run.stderr.contains("this instance has no infrastructure yet"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: `hangar up` lays it down"), "{}", run.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_gets_its_token_from_the_host_and_keeps_none() -> Result<()> {
    let pooled = pooled().await?;
    let member = &pooled.members[0];
    let pods = kubectl(member, &["get", "pods", "--output", "name"]).await?;
    assert!(pods.contains("pod/dss-cockroachdb-0"), "{pods}");
    let token = fs::read_to_string(&pooled.stage.organisation(&member.name)?.token_file)?;
    let kubeconfig = fs::read_to_string(member.folder.join(FILE))?;
    assert!(kubeconfig.contains("cluster-token") && !kubeconfig.contains(token.trim()), "{kubeconfig}");
    Ok(())
}

/// Has the kubeconfig of a workspace written, and runs the operator's own `kubectl` with it.
#[expect(clippy::disallowed_methods, reason = "the operator runs it, not the host")]
pub(crate) async fn kubectl(workspace: &Workspace, arguments: &[&str]) -> Result<String> {
    let file = workspace.folder.join(FILE);
    workspace.run(&["kubeconfig", "--out", file.to_str().context("a path in UTF-8")?]).await?.done()?;
    let output = Command::new(needed("HANGAR_KUBECTL")?)
        .arg("--kubeconfig")
        .arg(&file)
        .args(arguments)
        .env("HANGAR_CACHE_DIR", workspace.cache())
        .env("HANGAR_CONFIG_DIR", workspace.config())
        .env("HOME", &workspace.folder)
        .output()
        .await?;
    ensure!(output.status.success(), "kubectl: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
