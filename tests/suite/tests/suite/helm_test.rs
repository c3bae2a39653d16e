//! `helm test` by hand, on a member of a pool: the API, its token check, the database and the pool's identity.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use test_support::needed;
use tokio::process::Command;

use crate::pooled::{MEMBERS, pooled};

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "an operator's own helm")]
async fn what_helm_tests_holds_on_a_member_of_a_pool() -> Result<()> {
    let pooled = pooled().await?;
    let organisation = pooled.stage.organisation(MEMBERS[0])?;
    let home = pooled.stage.root.join("helm-home");
    std::fs::create_dir_all(&home)?;
    let helm = async |arguments: &[&str]| -> Result<String> {
        let mut command = Command::new(needed("HANGAR_HELM")?);
        command.args(arguments).args(["--namespace", "dss", "--kubeconfig"]).arg(&organisation.kubeconfig);
        let output = command.env("HOME", &home).kill_on_drop(true).output().await?;
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "helm {}: {told}", arguments.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    helm(&["test", "dss", "--timeout", "2m"]).await?;
    let status: Value = serde_json::from_str(&helm(&["status", "dss", "--output", "json"]).await?)?;
    let hooks = status["hooks"].as_array().context("no hooks")?;
    let phase = |hook: &Value| {
        let name = hook["name"].as_str().unwrap_or_default().to_owned();
        (name, hook["last_run"]["phase"].as_str().unwrap_or_default().to_owned())
    };
    let mut phases: Vec<_> = hooks.iter().map(phase).collect();
    phases.sort();
    let wanted =
        ["dss-test-api", "dss-test-database", "dss-test-token"].map(|name| (name.to_owned(), "Succeeded".to_owned()));
    assert_eq!(phases, wanted, "{status:#}");
    // Helm writes what it tested into the release, which stays ours.
    let up = pooled.members[0].run(&["up", "--yes"]).await?.done()?;
    ensure!(up.stdout.contains("is as it should be: nothing was done"), "{}", up.stdout);
    Ok(())
}
