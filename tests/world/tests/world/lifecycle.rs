use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use test_world::{World, WorldFile};

use crate::lab::{Namespace, options, wait_for};
use crate::processes::is_anywhere;

#[tokio::test(flavor = "multi_thread")]
async fn three_organisations_stand_side_by_side_and_nothing_is_left_of_them() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let dir = scratch.path().join("three");
    let mut options = options(dir.clone());
    options.organisations = ["uss1", "uss2", "uss3"].map(str::to_owned).to_vec();
    let world = World::start(options).await?;
    let file = WorldFile::read(&dir)?;
    assert_eq!(file.organisations.len(), 3);
    let mut ranges: Vec<&str> = file
        .organisations
        .iter()
        .flat_map(|known| [known.pod_range.as_str(), known.load_balancer_range.as_str()])
        .collect();
    ranges.sort_unstable();
    ranges.dedup();
    assert_eq!(ranges.len(), 6);
    for organisation in &file.organisations {
        Namespace::of(organisation, "lab")
            .await?
            .kubectl(&["wait", "--for=condition=Ready", "node", "--all", "--timeout=30s"])
            .await?;
    }
    let mark = dir.to_string_lossy().into_owned();
    ensure!(is_anywhere(&mark), "the world's processes name its folder");
    world.stop();
    assert!(!is_anywhere(&mark));
    assert!(!dir.exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_world_takes_all_its_processes_along() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let dir = scratch.path().join("killed");
    let images = scratch.path().join("images");
    test_world::images::ImageBuilder::new().text("/x", "x", 0o644).write(&images.join("x"), "docker.io/lab/x:1")?;
    // `nohup` becomes the world, which then ignores SIGHUP. No container may.
    let mut program = Command::new("nohup")
        .args([env!("CARGO_BIN_EXE_hangar-world"), "up", "--organisations", "uss1", "--ttl", "10m", "--dir"])
        .arg(&dir)
        .arg("--images")
        .arg(&images)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stdout = program.stdout.take().context("no output")?;
    let line = tokio::task::spawn_blocking(move || BufReader::new(stdout).lines().next()).await?;
    assert_eq!(line.context("no line")??, r#"{"ready":true}"#);
    let file = WorldFile::read(&dir)?;
    let lab = Namespace::of(&file.organisations[0], "lab").await?;
    let mark = format!("hangar-victim-{}", std::process::id());
    let script = format!("grep SigIgn /proc/self/status; setsid sleep 601 & while :; do sleep 0.1; done # {mark}");
    for (name, shared) in [("own", false), ("shared", true)] {
        let container = json!({ "image": "docker.io/lab/x:1", "command": ["/bin/sh", "-c", script] });
        lab.pod(name, container, json!({ "shareProcessNamespace": shared })).await?;
        lab.until_ready(name).await?;
        let log = async || Ok(Some(lab.log(name).await?).filter(|log| log.ends_with('\n')));
        let ignored = wait_for("what it ignores", log).await?;
        let ignored = u64::from_str_radix(ignored.trim_start_matches("SigIgn:").trim(), 16)?;
        // Those above 31 are the C library's own.
        assert_eq!(ignored & 0x7fff_ffff, 0, "{ignored:x}");
    }
    ensure!(is_anywhere(&mark), "the pods run");
    program.kill()?;
    program.wait()?;
    let dir = dir.to_string_lossy().into_owned();
    wait_for("all processes to end", async || Ok((!is_anywhere(&mark) && !is_anywhere(&dir)).then_some(()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_world_ends_by_itself_after_its_time_to_live() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut options = options(scratch.path().join("short"));
    options.ttl = std::time::Duration::from_secs(1);
    World::start(options).await?.ended().await;
    wait_for("the end", async || Ok((!is_anywhere(&scratch.path().to_string_lossy())).then_some(()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_given_up_leaves_nothing() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let dir = scratch.path().join("given-up");
    let mark = dir.to_string_lossy().into_owned();
    let begun = wait_for("a process", async || Ok(is_anywhere(&mark).then_some(())));
    tokio::select! {
        world = World::start(options(dir.clone())) => drop(world?),
        begun = begun => begun?,
    }
    assert!(!is_anywhere(&mark));
    assert!(!dir.exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_worlds_cannot_live_in_one_folder() -> Result<()> {
    let dir = crate::lab::world().await?.dir().to_owned();
    let err = World::start(options(dir)).await.err().context("a second world")?;
    assert!(err.to_string().contains("another world lives in"), "{err}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_there_is_named() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut options = options(scratch.path().join("none"));
    options.kubeone = Some(Path::new("/nowhere/kubeone").to_owned());
    let err = World::start(options).await.err().context("a world")?;
    assert_eq!(err.to_string(), "`kubeone` is not at `/nowhere/kubeone`");
    Ok(())
}
