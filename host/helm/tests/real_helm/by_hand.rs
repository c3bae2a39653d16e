//! The chart without us: packed, and installed by Helm alone.

use anyhow::{Context as _, Result, ensure};
use hangar_helm::Status;
use k8s_openapi::api::apps::v1::StatefulSet;
use serde_json::json;

use crate::stage::Stage;
use crate::{example, tool};

#[tokio::test]
async fn the_packed_chart_is_installed_upgraded_and_removed_by_hand() -> Result<()> {
    let stage = Stage::new("packed").await?;
    let folder = stage.folder.path();
    let package = hangar_exec::Command::new(test_support::helm()?)
        .env("HOME", folder)
        .arg("package")
        .arg(tool::chart_path())
        .arg("--destination")
        .arg(folder);
    let packed = package.output(folder, crate::control_plane::SOON).await?;
    ensure!(packed.exit.is_success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let archives = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let archive = archives.into_iter().find(|path| path.extension().is_some_and(|end| end == "tgz"));
    let archive = archive.context("no archive")?.display().to_string();

    let (first, second) = (folder.join("first.json"), folder.join("second.json"));
    std::fs::write(&first, example::values().to_string())?;
    std::fs::write(&second, example::with("/cockroachdb/cache", json!("10%")).to_string())?;
    let (first, second) = (first.display().to_string(), second.display().to_string());
    let installed = stage.helm(&["install", "dss", &archive, "--values", &first]).await?;
    assert_eq!(installed["info"]["status"], "deployed");
    let upgraded = stage.helm(&["upgrade", "dss", &archive, "--values", &second]).await?;
    assert_eq!(upgraded["info"]["status"], "deployed");
    let sets = stage.api::<StatefulSet>().await?;
    let set = serde_json::to_value(sets.get("dss-cockroachdb").await?)?;
    assert!(set.to_string().contains("--cache=10%"), "{set}");
    assert_eq!(stage.status().await?, [(2, Status::Deployed), (1, Status::Superseded)]);
    let gone = tempfile::tempdir()?;
    stage.releases.uninstall("packed", &stage.release, gone.path(), crate::control_plane::SOON).await?;
    assert!(sets.get_opt("dss-cockroachdb").await?.is_none());
    Ok(())
}
