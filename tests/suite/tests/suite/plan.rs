//! `hangar plan`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::{Workspace, needed, wait_for};

use crate::init::workspace;

/// Saved plans of terraform below a workspace's own folder.
pub(crate) fn saved_plans(workspace: &Workspace) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![workspace.folder.join(".hangar")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "tfplan") {
                found.push(path);
            }
        }
    }
    found
}

pub(crate) fn is_swept(workspace: &Workspace) -> bool {
    let mut left = fs::read_dir(workspace.folder.join(".hangar/scratch")).into_iter().flatten();
    saved_plans(workspace).is_empty() && left.next().is_none()
}

pub(crate) async fn approved(name: &str) -> Result<Workspace> {
    needed("HANGAR_TERRAFORM")?;
    let workspace = workspace(name)?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    Ok(workspace)
}

/// A terraform that plans as the real one, once a file says so.
fn slow_terraform(workspace: &Workspace) -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = workspace.folder.join("slow-terraform");
    let real = needed("HANGAR_TERRAFORM")?;
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = plan ]; then touch planning; while [ ! -e go ]; do sleep 0.05; done; fi\nexec {} \"$@\"\n",
        real.display()
    );
    fs::write(&path, script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

fn stack(workspace: &Workspace) -> PathBuf {
    workspace.folder.join(".hangar/stacks/infrastructure")
}

#[tokio::test]
async fn nothing_of_a_plan_is_left_once_it_was_shown() -> Result<()> {
    let workspace = approved("plan-shown").await?;
    let run = workspace.run(&["plan"]).await?.done()?;
    assert!(run.stdout.contains("terraform_data.cluster"), "{}", run.stdout);
    assert!(is_swept(&workspace), "{:?}", saved_plans(&workspace));
    Ok(())
}

#[tokio::test]
async fn nothing_of_a_plan_is_left_where_it_failed_or_nobody_agreed() -> Result<()> {
    let workspace = approved("plan-failed").await?;
    workspace.run(&["up", "--dry-run"]).await?.done()?;
    assert!(is_swept(&workspace), "{:?}", saved_plans(&workspace));
    workspace.run(&["plan"]).await?.done()?;
    fs::write(stack(&workspace).join("broken.tf"), "resource \"terraform_data\" \"x\" {\n  nonsense = 1\n}\n")?;
    let run = workspace.run(&["plan"]).await?.exits(3)?;
    assert!(run.stderr.contains("Unsupported argument"), "{}", run.stderr);
    assert!(is_swept(&workspace), "{:?}", saved_plans(&workspace));
    Ok(())
}

#[tokio::test]
async fn what_a_killed_plan_has_left_is_swept_by_the_next_command() -> Result<()> {
    let workspace = approved("plan-killed").await?;
    workspace.run_killed_at("terraform.plan.after", &["plan"]).await?;
    assert_eq!(saved_plans(&workspace).len(), 1, "the kill left a saved plan");
    workspace.run(&["plan"]).await?.done()?;
    assert!(is_swept(&workspace), "{:?}", saved_plans(&workspace));
    Ok(())
}

#[tokio::test]
async fn ctrl_c_stops_a_plan_and_leaves_nothing() -> Result<()> {
    let workspace = approved("plan-stopped").await?;
    let slow = slow_terraform(&workspace)?;
    let variables = [("HANGAR_TERRAFORM", slow.to_str().context("a path in UTF-8")?)];
    let run = workspace.run_with(&["plan"], &variables);
    let stop = async {
        let planning = stack(&workspace).join("planning");
        wait_for("terraform to plan", async || Ok(planning.exists().then_some(()))).await?;
        kill(host_of(&workspace.folder)?, Signal::SIGINT)?;
        Ok(())
    };
    let (run, ()) = tokio::try_join!(run, stop)?;
    let run = run.exits(3)?;
    assert!(run.stderr.contains("stopped when asked"), "{}", run.stderr);
    assert!(is_swept(&workspace), "{:?}", saved_plans(&workspace));
    // Nothing of it is in the way.
    workspace.run(&["plan"]).await?.done()?;
    Ok(())
}

/// The process that holds the lock of a workspace, by what stands in its lock file.
fn host_of(folder: &Path) -> Result<Pid> {
    let lock: serde_json::Value = serde_json::from_slice(&fs::read(folder.join(".hangar/lock"))?)?;
    let pid = lock.pointer("/process/pid").or_else(|| lock.get("pid")).and_then(serde_json::Value::as_i64);
    Ok(Pid::from_raw(i32::try_from(pid.context("the lock names its owner")?)?))
}
