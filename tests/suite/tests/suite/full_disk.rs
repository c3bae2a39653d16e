//! A disk that is full while terraform works: nothing is lost, nothing private is told, and the same command goes on.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use test_support::{Workspace, hangar};
use tokio::process::Command;

use crate::infra::{render, scripted};

/// Fills the disk but for what is kept free for terraform's words and a part of its state, which is larger than that part.
const SCRIPT: &str = r#"set -e
disk=$1 workspace=$2 hangar=$3
mount -t tmpfs -o size=64m disk "$disk"
cp -a "$workspace/." "$disk"
"$hangar" -C "$disk" plan >&2 || test $? = 3
free=$(df --block-size=1 --output=avail "$disk" | tail -n 1)
head -c $((free - 5 * 1024 * 1024)) /dev/zero >"$disk/filler"
"$hangar" -C "$disk" up --yes >&2 && exit 90 || echo "first: $?"
grep -rl CANARY "$disk" | sed "s|^$disk/|holds: |"
rm "$disk/filler"
"$hangar" -C "$disk" up --yes >&2 && exit 91 || echo "second: $?"
grep -rl --include=stdout CANARY "$disk" | sed "s|^|told: |"
grep -rho '"id_value":"[^"]*"' "$disk/.hangar" | sort -u
cp "$disk/.hangar/terraform/infrastructure.tfstate" "$workspace/after.tfstate"
"#;

#[tokio::test]
async fn a_full_disk_loses_nothing_and_is_told_with_its_cure() -> Result<()> {
    let module = format!(
        "resource \"terraform_data\" \"large\" {{\n  input = join(\"\", [for n in range(10) : \"{}\"])\n}}\n\
         output \"password\" {{\n  sensitive = true\n  value     = \"CAN${{\"\"}}ARY\"\n}}\n",
        "0123456789".repeat(6_500)
    );
    let workspace = scripted("full-disk", &render(&module, &[])).await?;
    // Its copy lies on a disk of its own, in a mount namespace that ends with the script.
    let disk = workspace.folder.with_file_name("disk");
    fs::create_dir(&disk)?;
    let (found, said) = in_own_mounts(&workspace, &disk).await?;
    ensure!(found.contains("first: 3\n") && found.contains("second: 3\n"), "{found}{said}");
    ensure!(said.contains("hint: free some space"), "{said}");
    ensure!(!said.contains("CANARY") && !found.contains("told: "), "{found}{said}");
    // It was printed, taken out of what was printed, and kept.
    ensure!(found.contains("holds: .hangar/stacks/infrastructure/errored.tfstate\n"), "{found}{said}");

    let ids: Vec<&str> = found.lines().filter_map(|line| line.strip_prefix("\"id_value\":")).collect();
    ensure!(ids.len() == 1, "it was made {} times: {found}{said}", ids.len());
    let state: Value = serde_json::from_str(&fs::read_to_string(workspace.folder.join("after.tfstate"))?)?;
    let large = &state["resources"][0]["instances"][0]["attributes"];
    let made: Value = serde_json::from_str(ids[0])?;
    ensure!(large["id"] == made && large["input"].is_object(), "another was made: {ids:?}");
    ensure!(state["outputs"]["password"]["value"] == "CANARY", "the outputs are lost");
    Ok(())
}

/// Runs the script as the root of a user namespace, with mounts of its own, and returns what it found and what was said.
#[expect(clippy::disallowed_methods, reason = "the tests run the program as an operator does")]
async fn in_own_mounts(workspace: &Workspace, disk: &Path) -> Result<(String, String)> {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"]);
    command.arg(disk).arg(&workspace.folder).arg(hangar()?);
    command.env("HANGAR_CACHE_DIR", workspace.cache()).env("HANGAR_CONFIG_DIR", workspace.config());
    command.env("CI", "true").env("NO_COLOR", "1").stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.context("cannot start `unshare`")?;
    let (found, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}: {found}{said}", output.status);
    Ok((found.into_owned(), said.into_owned()))
}
