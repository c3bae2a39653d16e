//! `hangar up`.

use std::fs;

use anyhow::Result;
use test_support::{Plugin, Workspace, needed};

use crate::cluster::has_namespace;
use crate::init::workspace;
use crate::pooled::{ALONE, alone, pooled};

const NOTHING_DONE: &str = "is as it should be: nothing was done";

#[tokio::test]
async fn a_plugin_that_nobody_approved_does_not_run() -> Result<()> {
    let run = workspace("not-approved")?.run(&["up", "--yes"]).await?.exits(1)?;
    assert!(run.stderr.contains("plugin `local` is not approved"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: `hangar init`"), "{}", run.stderr);
    Ok(())
}

#[tokio::test]
async fn a_plugin_with_other_bytes_than_were_pinned_does_not_run() -> Result<()> {
    let workspace = workspace("other-bytes")?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    let lock = fs::read_to_string(workspace.folder.join("hangar.lock"))?;
    let pinned = lock.lines().find(|line| line.starts_with("content-digest")).unwrap_or_default();
    let other = format!("content-digest = \"sha256:{}\"", "0".repeat(64));
    workspace.edit("hangar.lock", pinned, &other)?;
    let run = workspace.run(&["up", "--yes"]).await?.exits(1)?;
    assert!(run.stderr.contains("plugin `local` is sha256:"), "{}", run.stderr);
    assert!(run.stderr.contains("is pinned"), "{}", run.stderr);
    Ok(())
}

#[tokio::test]
async fn a_plugin_of_a_registry_runs_only_if_the_workspace_says_that_nobody_vouches_for_it() -> Result<()> {
    let workspace = workspace("unsigned")?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    let file = format!("file:{}", needed("HANGAR_PLUGINS_DIR")?.join("local.wasm").display());
    for name in ["hangar.hcl", "hangar.lock"] {
        workspace.edit(name, &file, "oci://registry.example.com/hangar/local:0.1.0")?;
    }
    let run = workspace.run(&["up", "--yes"]).await?.exits(1)?;
    assert!(run.stderr.contains("signatures cannot be verified yet, so `local` counts as unsigned"), "{}", run.stderr);
    assert!(run.stderr.contains("unsigned = true"), "no way out is shown: {}", run.stderr);
    Ok(())
}

#[tokio::test]
async fn nobody_to_ask_is_no_consent() -> Result<()> {
    let workspace = workspace("no-consent")?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    needed("HANGAR_TERRAFORM")?;
    let run = workspace.run(&["up"]).await?.exits(1)?;
    assert!(run.stderr.contains("nobody is there to approve the plan"), "{}", run.stderr);
    assert!(run.stdout.contains("infrastructure"), "the plan is not shown: {}", run.stdout);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_up_of_a_member_does_nothing() -> Result<()> {
    let pooled = pooled().await?;
    for member in &pooled.members {
        let run = member.run(&["up", "--yes"]).await?.done()?;
        assert!(run.stdout.contains(NOTHING_DONE), "{}\n{}", run.stdout, run.stderr);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_refuses_the_token_is_named_and_left_alone() -> Result<()> {
    let apart = alone().await?;
    let mut description = apart.stage.description(ALONE)?;
    let root = apart.stage.root.join("refused");
    fs::create_dir_all(&root)?;
    description.access.token_file = root.join("token");
    fs::write(&description.access.token_file, "a-token-that-nobody-gave\n")?;
    let file = needed("HANGAR_PLUGINS_DIR")?.join("local.wasm");
    description.plugins = vec![Plugin::of_file("local", &file)];
    description.infra = "local".into();
    let workspace = Workspace::lay_down(&root, &description)?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    let run = workspace.run(&["up", "--yes"]).await?.exits(3)?;
    let refused = format!("the Kubernetes API at {}", description.access.endpoint);
    assert!(run.stderr.contains(&refused), "{}", run.stderr);
    assert!(run.stderr.contains("refused the credential"), "{}", run.stderr);
    assert!(!run.stderr.contains("a-token-that-nobody-gave"), "{}", run.stderr);
    Ok(())
}

/// The host knows contracts, not plugins.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_whose_name_the_host_has_never_seen_deploys() -> Result<()> {
    let apart = alone().await?;
    let mut description = apart.stage.description(ALONE)?;
    let file = apart.stage.root.join("harbour.wasm");
    fs::copy(needed("HANGAR_PLUGINS_DIR")?.join("local.wasm"), &file)?;
    description.plugins = vec![Plugin::of_file("harbour", &file)];
    description.infra = "harbour".into();
    let workspace = Workspace::lay_down(&apart.stage.root, &description)?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    workspace.run(&["up", "--yes"]).await?.done()?;
    assert!(has_namespace(apart.stage.organisation(ALONE)?).await?);
    let again = workspace.run(&["up", "--yes"]).await?.done()?;
    assert!(again.stdout.contains(NOTHING_DONE), "{}", again.stdout);
    Ok(())
}
