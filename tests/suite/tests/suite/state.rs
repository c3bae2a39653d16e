//! `hangar drift`, `hangar unlock`, and states that are not as they were.

use std::fs;

use anyhow::{Context as _, Result};
use test_support::Workspace;

use crate::infra::{render, scripted, set_body, terraform};

const MODULE: &str = "resource \"terraform_data\" \"node\" {\n  count = 2\n  triggers_replace = \"1\"\n}\n";

/// Laid down, and then nobody answers at the cluster.
async fn laid_down(name: &str) -> Result<Workspace> {
    let workspace = scripted(name, &render(MODULE, &["terraform_data.node"])).await?;
    workspace.run(&["up", "--yes"]).await?.exits(3)?;
    assert!(state(&workspace)?.contains("terraform_data"), "terraform did not come to it");
    Ok(workspace)
}

fn state_file(workspace: &Workspace) -> std::path::PathBuf {
    workspace.folder.join(".hangar/terraform/infrastructure.tfstate")
}

fn state(workspace: &Workspace) -> Result<String> {
    Ok(fs::read_to_string(state_file(workspace))?)
}

#[tokio::test]
async fn what_holds_data_is_replaced_only_if_it_is_named() -> Result<()> {
    let workspace = laid_down("allow-replace").await?;
    set_body(&workspace, &render(&MODULE.replace("\"1\"", "\"2\""), &["terraform_data.node"]))?;
    let plan = workspace.run(&["plan"]).await?.done()?;
    assert!(plan.stdout.contains("data or known addresses at risk:"), "{}", plan.stdout);
    let line = plan.stdout.lines().find(|line| line.contains("terraform_data.node[0]")).unwrap_or_default();
    assert!(line.contains("-/+ replace") && line.contains("needs --allow-replace"), "{}", plan.stdout);

    let before = state(&workspace)?;
    let one = ["up", "--yes", "--allow-replace", "terraform_data.node[0]"];
    let refused = workspace.run(&one).await?.exits(4)?;
    assert!(refused.stderr.contains("--allow-replace 'terraform_data.node[1]'"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("--allow-replace 'terraform_data.node[0]'"), "{}", refused.stderr);
    assert_eq!(state(&workspace)?, before, "something was done");

    let both = [&one[..], &["--allow-replace", "terraform_data.node[1]"]].concat();
    workspace.run(&both).await?.exits(3)?;
    assert_ne!(state(&workspace)?, before);
    Ok(())
}

#[tokio::test]
async fn a_state_of_another_workspace_is_refused_and_so_is_none() -> Result<()> {
    let workspace = laid_down("lineage").await?;
    let ours = state(&workspace)?;
    let lineage: serde_json::Value = serde_json::from_str(&ours)?;
    let lineage = lineage["lineage"].as_str().context("a lineage")?;
    let theirs = ours.replace(lineage, "00000000-1111-2222-3333-444444444444");
    fs::write(state_file(&workspace), &theirs)?;
    for command in [&["plan"][..], &["up", "--yes"], &["down", "--yes"]] {
        let refused = workspace.run(command).await?.exits(4)?;
        assert!(refused.stderr.contains("the state is of another workspace"), "{}", refused.stderr);
    }
    assert_eq!(state(&workspace)?, theirs, "a foreign state was touched");

    fs::remove_file(state_file(&workspace))?;
    let refused = workspace.run(&["up", "--yes"]).await?.exits(4)?;
    assert!(refused.stderr.contains("is gone") && refused.stderr.contains("made twice"), "{}", refused.stderr);
    fs::write(state_file(&workspace), ours)?;
    workspace.run(&["plan"]).await?;
    Ok(())
}

#[tokio::test]
async fn drift_is_told_until_somebody_answers_for_it() -> Result<()> {
    let workspace = laid_down("drift").await?;
    let script = r#"case "$*" in *-refresh-only*)
        echo 'VERSION'
        echo '{"type":"resource_drift","change":{"resource":{"addr":"terraform_data.node[0]"},"action":"update"}}'
        echo '{"type":"resource_drift","change":{"resource":{"addr":"terraform_data.node[1]"},"action":"delete"}}'
        exit 2;; esac"#;
    let terraform = terraform(&workspace, script)?;
    let variables = [("HANGAR_TERRAFORM", terraform.to_str().context("a path in UTF-8")?)];
    let drift = || workspace.run_with(&["drift", "--json"], &variables);
    let before = state(&workspace)?;
    let found = drift().await?.exits(4)?;
    assert!(found.stderr.contains("2 changes were made outside"), "{}", found.stderr);
    assert_eq!(found.value("drift")?["changes"][1]["action"], "delete");

    let text = fs::read_to_string(workspace.folder.join("hangar.hcl"))?;
    let allow = |address: &str, until: &str| {
        format!("drift \"{address}\" {{\n  owner = \"ana\"\n  until = \"{until}\"\n  reason = \"an exercise\"\n}}\n")
    };
    workspace.write("hangar.hcl", &format!("{text}{}", allow("terraform_data.*", "2999-12-31")))?;
    let allowed = drift().await?.done()?;
    assert_eq!(allowed.value("drift")?["changes"][0]["allowed"]["owner"], "ana");
    workspace.write("hangar.hcl", &format!("{text}{}", allow("terraform_data.*", "2020-01-01")))?;
    let over = drift().await?.exits(4)?;
    assert_eq!(over.value("drift")?["idle"][0]["until"], "2020-01-01");
    assert_eq!(state(&workspace)?, before, "a look has changed the state");
    Ok(())
}

#[tokio::test]
async fn a_lock_of_somebody_else_is_explained_and_left() -> Result<()> {
    let workspace = laid_down("unlock").await?;
    let free = workspace.run(&["unlock"]).await?.done()?;
    assert!(free.stdout.contains("Nobody holds the lock"), "{}", free.stdout);
    let script = r#"if [ "$1" = force-unlock ]; then touch broken; exit 0; fi
        if [ "$1" = plan ]; then
        echo 'VERSION'
        echo '{"type":"diagnostic","diagnostic":{"severity":"error","summary":"Error acquiring the state lock","detail":"Lock Info:\n  ID:        a7cf5879\n  Operation: OperationTypeApply\n  Who:       ana@build-3\n  Created:   2026-11-27 23:25:33.202491996 +0000 UTC\n"}}'
        exit 1; fi"#;
    let terraform = terraform(&workspace, &script.replace("\\n", "\\\\n"))?;
    let variables = [("HANGAR_TERRAFORM", terraform.to_str().context("a path in UTF-8")?)];
    let refused = workspace.run_with(&["unlock"], &variables).await?.exits(4)?;
    assert!(refused.stderr.contains("ana@build-3 (apply, since 2026-11-27 23:25:33 UTC"), "{}", refused.stderr);
    assert!(refused.stderr.contains("force-unlock a7cf5879"), "no way out is shown: {}", refused.stderr);
    let planned = workspace.run_with(&["plan"], &variables).await?.exits(3)?;
    assert!(planned.stderr.contains("is locked by ana@build-3"), "{}", planned.stderr);
    assert!(!workspace.folder.join(".hangar/stacks/infrastructure/broken").exists(), "it was broken");
    Ok(())
}

#[tokio::test]
async fn a_failure_of_an_apply_has_the_cure_that_the_plugin_knows() -> Result<()> {
    // Known only once it is made, so that the plan is good and the apply is not.
    let failing = "resource \"terraform_data\" \"quota\" {\n  lifecycle {\n    postcondition {\n      condition     = self.id == \"\"\n      \
                   error_message = \"No address is left. cure: ask for 3 more addresses\"\n    }\n  }\n}\n";
    let workspace = scripted("explained", &render(failing, &[])).await?;
    let failed = workspace.run(&["up", "--yes"]).await?.exits(3)?;
    assert!(failed.stderr.contains("No address is left"), "{}", failed.stderr);
    assert!(failed.stderr.contains("hint: ask for 3 more addresses"), "{}", failed.stderr);

    // And one that nobody knows keeps the host's own.
    set_body(&workspace, &render(&failing.replace("quota", "other").replace("cure: ask", "Ask"), &[]))?;
    let failed = workspace.run(&["up", "--yes"]).await?.exits(3)?;
    assert!(failed.stderr.contains("what is done stays done"), "{}", failed.stderr);
    Ok(())
}
