//! `hangar init`.

use std::net::TcpListener;
use std::path::Path;

use anyhow::Result;
use test_support::{Description, Plugin, Workspace, needed, scratch};

/// A workspace of the plugin `local`, of a file, that no command with a cluster can use.
pub(crate) fn workspace(name: &str) -> Result<Workspace> {
    let file = needed("HANGAR_PLUGINS_DIR")?.join("local.wasm");
    let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), name)?;
    Workspace::lay_down(&root, &Description::without_world("uss1", Plugin::of_file("local", &file)))
}

#[tokio::test]
async fn an_unknown_key_is_shown_where_it_stands() -> Result<()> {
    let workspace = workspace("unknown-key")?;
    workspace.edit("hangar.hcl", "nodes     = 3", "nodez     = 3")?;
    let run = workspace.run(&["init", "--yes"]).await?.exits(1)?;
    assert!(run.stderr.contains("hangar.hcl:6:"), "{}", run.stderr);
    assert!(run.stderr.contains("nodez     = 3"), "{}", run.stderr);
    assert!(run.stderr.contains('^') || run.stderr.contains('─'), "{}", run.stderr);
    assert!(run.stderr.contains("nodes"), "no help: {}", run.stderr);
    assert_eq!(run.stdout, "");
    Ok(())
}

#[tokio::test]
async fn nothing_is_granted_unless_somebody_says_so() -> Result<()> {
    let workspace = workspace("not-granted")?;
    let run = workspace.run(&["init"]).await?.exits(4)?;
    assert!(run.stderr.contains("hangar init --yes"), "{}", run.stderr);
    assert!(!workspace.folder.join("hangar.lock").exists());
    workspace.run(&["init", "--yes"]).await?.done()?;
    assert!(workspace.folder.join("hangar.lock").exists());
    // What was granted is not asked again.
    workspace.run(&["init"]).await?.done()?;
    Ok(())
}

#[tokio::test]
async fn a_registry_that_cannot_be_reached_is_the_outsides_fault() -> Result<()> {
    // The port of a listener that is gone: nobody answers there.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "no-registry")?;
    let description = Description::without_world("uss1", Plugin::of_registry(&address, "local"));
    let workspace = Workspace::lay_down(&root, &description)?;
    let run = workspace.run(&["init", "--yes"]).await?.exits(3)?;
    assert!(run.stderr.contains("cannot fetch plugin `local`"), "{}", run.stderr);
    assert!(run.stderr.contains(&address), "{}", run.stderr);
    assert!(!workspace.folder.join("hangar.lock").exists());
    Ok(())
}

#[tokio::test]
async fn what_is_no_component_is_refused() -> Result<()> {
    let workspace = workspace("no-component")?;
    let file = workspace.folder.join("nonsense.wasm");
    std::fs::write(&file, "no component at all")?;
    let real = needed("HANGAR_PLUGINS_DIR")?.join("local.wasm");
    workspace.edit("hangar.hcl", &real.display().to_string(), &file.display().to_string())?;
    let run = workspace.run(&["init", "--yes"]).await?.exits(1)?;
    assert!(run.stderr.contains("cannot fetch plugin `local`"), "{}", run.stderr);
    assert!(run.stderr.contains("does not begin as a Wasm binary does"), "{}", run.stderr);
    assert!(!workspace.folder.join("hangar.lock").exists());
    Ok(())
}
