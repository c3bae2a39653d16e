//! How often a command renders the chart: Helm is the real one, behind a stand-in that counts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Result, ensure};
use test_support::needed;

use crate::pooled::pooled;

/// Stands in front of Helm and writes down each of its commands.
fn counting(folder: &Path) -> Result<(String, impl Fn() -> usize)> {
    let (program, record) = (folder.join("counting-helm"), folder.join("commands"));
    let script = format!(
        "#!/bin/sh\necho \"$1\" >> '{}'\nexec '{}' \"$@\"\n",
        record.display(),
        needed("HANGAR_HELM")?.display()
    );
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let count = move || {
        let commands = fs::read_to_string(&record).unwrap_or_default();
        fs::remove_file(&record).ok();
        commands.lines().filter(|command| *command == "template").count()
    };
    Ok((program.display().to_string(), count))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_with_nothing_to_change_renders_at_most_once() -> Result<()> {
    let pooled = pooled().await?;
    let member = &pooled.members[0];
    let (helm, n_renders) = counting(&pooled.stage.root)?;
    let plan = async || member.run_with(&["plan"], &[("HANGAR_HELM", helm.as_str())]).await?.done();
    plan().await?;
    n_renders();
    let again = plan().await?;
    ensure!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    ensure!(n_renders() == 0, "what was rendered before is rendered again");
    fs::remove_dir_all(member.cache().join("rendered"))?;
    plan().await?;
    ensure!(n_renders() <= 1, "one chart, one set of values, and more than one rendering");
    Ok(())
}
