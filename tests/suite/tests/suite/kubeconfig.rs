//! `hangar kubeconfig`: the operator's own `kubectl`, which holds no secret.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use test_support::{Workspace, needed};
use tokio::process::Command;

use crate::init::workspace;
use crate::pooled::pooled;

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
    let path = member.folder.join("kubeconfig");
    let path = path.to_str().context("a path in UTF-8")?;
    member.run(&["kubeconfig", "--out", path]).await?.done()?;
    let token = fs::read_to_string(&pooled.stage.organisation(&member.name)?.token_file)?;
    assert!(!fs::read_to_string(path)?.contains(token.trim()), "the token stands in the file");
    let pods = kubectl(member, path, &["get", "pods", "--output", "name"]).await?;
    assert!(pods.contains("pod/dss-cockroachdb-0"), "{pods}");
    Ok(())
}

/// Runs the operator's `kubectl` with the kubeconfig of a workspace, in its own namespace.
#[expect(clippy::disallowed_methods, reason = "the operator runs it, not the host")]
pub(crate) async fn kubectl(workspace: &Workspace, kubeconfig: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(needed("HANGAR_KUBECTL")?)
        .args(["--kubeconfig", kubeconfig])
        .args(arguments)
        .env("HANGAR_CACHE_DIR", workspace.cache())
        .env("HANGAR_CONFIG_DIR", workspace.config())
        .env("HOME", &workspace.folder)
        .output()
        .await?;
    ensure!(output.status.success(), "kubectl: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
