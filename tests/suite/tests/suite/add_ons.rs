//! Charts that a provider wants in the cluster before the services: from a registry by digest, through the real helm.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use test_support::{Plugin, Workspace, needed};
use tokio::process::Command;

use crate::cluster::{is_there, n_revisions, value};
use crate::infra::set_body;
use crate::pooled::{Stage, turn};

const NAME: &str = "uss1";
const PLUGINS: [&str; 2] = ["mock", "local"];
const NAMESPACE: &str = "greeting";
const RELEASE: &str = "greeter";
/// Another of the same chart, which is not wanted for long.
const PASSING: &str = "passer-by";
const CHART: [(&str, &str); 2] = [
    ("Chart.yaml", "apiVersion: v2\nname: greeter\nversion: 0.1.0\n"),
    (
        "templates/words.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n  words: {{ .Values.words | quote }}\n",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_add_on_is_installed_changed_finished_after_a_kill_and_removed() -> Result<()> {
    let _turn = turn().await;
    let stage = Stage::start("add-ons", &[NAME]).await?;
    let organisation = stage.organisation(NAME)?;
    let registry = &stage.world.file().registry;
    let (workspace, repository) = (workspace(&stage).await?, format!("oci://{registry}/charts/greeter"));
    let digest = push_chart(&stage.root, registry, RELEASE, &CHART).await?;
    let chart = format!("{repository}@{digest}");
    let words = || value(organisation, NAMESPACE, RELEASE, "words");

    set_body(&workspace, &wanting(&chart, &[(RELEASE, "hello")]))?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    let refused = workspace.run(&["up", "--yes"]).await?.exits(1)?;
    ensure!(refused.stderr.contains(&format!("chart `{repository}` is not granted")), "{}", refused.stderr);
    ensure!(words().await?.is_none(), "it was installed without a grant");
    grant(&workspace, &repository)?;

    workspace.run(&["up", "--yes"]).await?.done()?;
    ensure!(words().await?.as_deref() == Some("hello"), "{:?}", words().await?);
    is_left_alone(&workspace).await?;
    ensure!(n_revisions(organisation, NAMESPACE, RELEASE).await? == 1, "it was installed twice");

    set_body(&workspace, &wanting(&chart, &[(RELEASE, "good day"), (PASSING, "bye")]))?;
    let plan = workspace.run(&["plan"]).await?.done()?;
    ensure!(plan.stdout.contains(RELEASE), "the change is not in the plan: {}", plan.stdout);
    workspace.run_killed_at("helm.upgrade.started", &["up", "--yes"]).await?;
    workspace.run(&["up", "--yes"]).await?.done()?;
    ensure!(words().await?.as_deref() == Some("good day"), "{:?}", words().await?);
    is_left_alone(&workspace).await?;
    ensure!(n_revisions(organisation, NAMESPACE, RELEASE).await? == 2, "it was changed twice");

    // One that nobody asks for any more goes, and its neighbour stays.
    set_body(&workspace, &wanting(&chart, &[(RELEASE, "good day")]))?;
    let plan = workspace.run(&["plan"]).await?.done()?;
    ensure!(plan.stdout.contains("uninstall: nothing asks for it any more"), "{}", plan.stdout);
    ensure!(!plan.stdout.contains("remove namespace"), "others are in it: {}", plan.stdout);
    workspace.run_killed_at("helm.uninstall.before", &["up", "--yes"]).await?;
    ensure!(value(organisation, NAMESPACE, PASSING, "words").await?.is_some(), "it went before anybody removed it");
    workspace.run(&["up", "--yes"]).await?.done()?;
    ensure!(value(organisation, NAMESPACE, PASSING, "words").await?.is_none(), "it is still there");
    ensure!(words().await?.as_deref() == Some("good day"), "its neighbour went too");
    is_left_alone(&workspace).await?;

    workspace.run_killed_at("helm.uninstall.before", &["down", "--yes"]).await?;
    ensure!(words().await?.is_some(), "it went before anybody removed it");
    workspace.run(&["down", "--yes"]).await?.done()?;
    ensure!(words().await?.is_none(), "the add-on is still there");
    ensure!(!is_there(organisation, NAMESPACE).await?, "its namespace is still there");
    Ok(())
}

async fn is_left_alone(workspace: &Workspace) -> Result<()> {
    let again = workspace.run(&["up", "--yes"]).await?.done()?;
    ensure!(again.stdout.contains("is as it should be: nothing was done"), "{}", again.stdout);
    Ok(())
}

/// An instance of plugin `mock` on the cluster of the stage.
async fn workspace(stage: &Stage) -> Result<Workspace> {
    let mut description = stage.description(NAME)?;
    description.plugins = PLUGINS.map(|name| Plugin::of_registry(&stage.world.file().registry, name)).into();
    description.infra = PLUGINS[0].to_owned();
    description.secrets = Some("local".into());
    let workspace = Workspace::lay_down(&stage.root, &description)?;
    stage.push_all(&workspace, &PLUGINS).await?;
    Ok(workspace)
}

/// A block whose plugin wants the chart in the cluster under each of these names, to say its words.
fn wanting(chart: &str, releases: &[(&str, &str)]) -> String {
    let add_ons = releases.iter().map(|(name, words)| {
        json!({
            "name": name, "namespace": NAMESPACE, "chart": chart, "identity": null,
            "values": json!({ "words": words }).to_string(),
        })
    });
    let stands = json!({ "ok": {
        "api": { "endpoint": "", "ca-pem": null, "server-name": null }, "kube-cluster": NAME,
        "nodes": [], "egress": [], "dns": [], "chart-values": "{}", "add-ons": add_ons.collect::<Vec<_>>(), "facts": [],
    }});
    format!("  interpret = {stands}")
}

/// What an operator grants whose plugin asks for it.
fn grant(workspace: &Workspace, repository: &str) -> Result<()> {
    let lock = fs::read_to_string(workspace.folder.join("hangar.lock"))?;
    let of_mock = lock.find("name = \"mock\"").context("a lock of `mock`")?;
    let (before, after) = lock.split_at(of_mock);
    let granted = after.replacen("charts = []", &format!("charts = [\"{repository}\"]"), 1);
    workspace.write("hangar.lock", &format!("{before}{granted}"))
}

/// Packs version 0.1.0 of a chart and pushes it as its author would; its digest is what Helm says.
pub(crate) async fn push_chart(root: &Path, registry: &str, chart: &str, files: &[(&str, &str)]) -> Result<String> {
    let folder = root.join(chart);
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(path, text)?;
    }
    helm(root, &["package", chart]).await?;
    let package = format!("{chart}-0.1.0.tgz");
    let told = helm(root, &["push", &package, &format!("oci://{registry}/charts"), "--plain-http"]).await?;
    let digest = told.lines().find_map(|line| line.strip_prefix("Digest: "));
    Ok(digest.with_context(|| format!("helm tells no digest: {told}"))?.trim().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the author of a chart has helm, not hangar")]
pub(crate) async fn helm(folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(needed("HANGAR_HELM")?);
    command.args(arguments).current_dir(folder).env("HOME", folder).kill_on_drop(true);
    let output = command.output().await?;
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "helm {}: {told}", arguments.join(" "));
    Ok(told)
}
