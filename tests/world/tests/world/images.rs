use anyhow::{Context, Result};
use serde_json::json;
use test_world::images::{ImageBuilder, push_folder};

use crate::lab::{Namespace, container, phase, world};

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_there_backs_off() -> Result<()> {
    let lab = Namespace::new("no-image").await?;
    lab.pod("p", json!({ "image": "docker.io/lab/shell:2" }), json!({})).await?;
    let message = lab.until_waiting("p", "ImagePullBackOff").await?;
    assert!(message.starts_with("Back-off pulling image \"docker.io/lab/shell:2\": ErrImagePull: "), "{message}");
    assert!(message.ends_with("docker.io/lab/shell:2: not found"), "{message}");
    assert!(lab.event("p", "Failed").await?.contains("docker.io/lab/shell:2"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_name_that_cannot_be_is_told_as_such() -> Result<()> {
    let lab = Namespace::new("bad-name").await?;
    lab.pod("p", json!({ "image": "Not/An/Image" }), json!({})).await?;
    let message = lab.until_waiting("p", "InvalidImageName").await?;
    assert!(message.contains("invalid reference format"), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_can_be_named_by_digest_under_any_host() -> Result<()> {
    let lab = Namespace::new("by-digest").await?;
    lab.script("tagged", "true", json!({ "restartPolicy": "Never" })).await?;
    let id = container(&lab.until_ended("tagged").await?).image_id;
    let digest = id.split('@').nth(1).context("no digest")?;
    let image = format!("mirror.example.org/lab/shell@{digest}");
    lab.pod("pinned", json!({ "image": image, "command": ["cat", "/opt/motd"] }), json!({ "restartPolicy": "Never" }))
        .await?;
    assert_eq!(phase(&lab.until_ended("pinned").await?), "Succeeded");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_whose_bytes_are_not_its_digest_never_runs() -> Result<()> {
    let lab = Namespace::new("lying").await?;
    let name = "docker.io/lab/tampered:1";
    let layouts = tempfile::tempdir()?;
    let layout = layouts.path().join("tampered");
    ImageBuilder::new().text("/opt/honest", "honest", 0o644).write(&layout, name)?;
    push_folder(&world().await?.file().registry, layouts.path()).await?;
    let layer = std::fs::read_dir(layout.join("blobs/sha256"))?.flatten().find(|blob| is_tar(&blob.path()));
    let digest = layer.context("no layer")?.file_name().to_string_lossy().into_owned();
    let stored = format!("registry/data/docker/registry/v2/blobs/sha256/{}/{digest}/data", &digest[..2]);
    let stored = world().await?.dir().join(stored);
    let honest = std::fs::read(&stored)?;
    std::fs::write(&stored, String::from_utf8(honest)?.replace("honest", "rogues"))?;
    lab.pod("p", json!({ "image": name, "command": ["cat", "/opt/rogues"] }), json!({})).await?;
    let message = lab.until_waiting("p", "ImagePullBackOff").await?;
    assert!(message.contains("unexpected commit digest sha256:"), "{message}");
    assert!(message.contains(&format!("expected sha256:{digest}: failed precondition")), "{message}");
    Ok(())
}

fn is_tar(path: &std::path::Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.get(257..262) == Some(b"ustar"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_pushed_later_is_found_by_the_next_attempt() -> Result<()> {
    let lab = Namespace::new("later").await?;
    let name = "docker.io/lab/later:1";
    lab.pod("p", json!({ "image": name, "command": ["cat", "/opt/late"] }), json!({ "restartPolicy": "Never" }))
        .await?;
    lab.until_waiting("p", "ImagePullBackOff").await?;
    let layouts = tempfile::tempdir()?;
    ImageBuilder::new().text("/opt/late", "at last\n", 0o644).write(&layouts.path().join("later"), name)?;
    push_folder(&world().await?.file().registry, layouts.path()).await?;
    lab.until_ended("p").await?;
    assert_eq!(lab.log("p").await?, "at last\n");
    Ok(())
}
