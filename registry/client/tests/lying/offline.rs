//! The store without any registry, and many at the store at once.

use std::{fs, sync::Arc};

use registry_client::{Blob, Failure, Limits, Store, media_type};
use registry_reference::{LayoutName, PluginSource};

use crate::{
    fake::Answer,
    site::{COMPONENT, Site, artifact, blob_line, plugin},
};

#[tokio::test]
async fn what_was_pulled_is_found_without_asking_anybody() {
    let site = Site::new().await;
    let digest = site.serve_plugin();
    let first = site.pull().await.unwrap();
    let n_asked = site.fake.seen().len();
    let pinned = site.reference(":0.1").pinned(digest);
    let again = site.client.pull(&site.store, &pinned, Limits::default(), &|_| {}).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(site.fake.seen().len(), n_asked);
}

#[tokio::test]
async fn a_blob_that_was_cut_on_disk_is_fetched_again() {
    let site = Site::new().await;
    let digest = site.serve_plugin();
    let pulled = site.pull().await.unwrap();
    fs::remove_file(&pulled.path).unwrap();
    fs::write(&pulled.path, "cut").unwrap();
    let pinned = site.reference("").pinned(digest);
    site.client.pull(&site.store, &pinned, Limits::default(), &|_| {}).await.unwrap();
    assert_eq!(fs::read(&pulled.path).unwrap(), COMPONENT);
}

#[tokio::test]
async fn a_manifest_that_was_changed_on_disk_is_noticed() {
    let site = Site::new().await;
    let digest = site.serve_plugin();
    site.pull().await.unwrap();
    let path = site.store.blob_path(digest);
    fs::remove_file(&path).unwrap();
    fs::write(&path, artifact(media_type::WASM_CONFIG, &[]).manifest()).unwrap();
    let pinned = site.reference("").pinned(digest);
    let err = site.client.pull(&site.store, &pinned, Limits::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::WrongDigest { .. }));
}

#[tokio::test]
async fn a_moved_tag_moves_its_name_and_keeps_the_old_blobs() {
    let site = Site::new().await;
    let first = site.serve_plugin();
    site.pull().await.unwrap();
    let other = registry_client::Artifact {
        config: Blob::new(media_type::WASM_CONFIG, "{}"),
        layers: vec![Blob::new(media_type::WASM, "other")],
        ..plugin()
    };
    let second = site.serve("0.1", &other);
    site.pull().await.unwrap();
    assert_eq!(site.store.names().unwrap(), [(site.reference(":0.1").to_string(), second)]);
    let pinned = site.reference("").pinned(first);
    site.client.pull(&site.store, &pinned, Limits::default(), &|_| {}).await.unwrap();
}

#[tokio::test]
async fn many_pulls_at_once_end_as_one() {
    let site = Arc::new(Site::new().await);
    let digest = site.serve_plugin();
    let mut pulls = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let site = site.clone();
        pulls.spawn(async move { site.pull().await.map(|pulled| pulled.manifest_digest) });
    }
    while let Some(pulled) = pulls.join_next().await {
        assert_eq!(pulled.unwrap().unwrap(), digest);
    }
    assert_eq!(site.store.names().unwrap().len(), 1);
    site.assert_nothing_partial();
}

#[tokio::test]
async fn names_entered_at_once_are_all_there() {
    let site = Arc::new(Site::new().await);
    for i in 0..12 {
        site.serve(&format!("0.{i}"), &plugin());
    }
    let mut pulls = tokio::task::JoinSet::new();
    for i in 0..12 {
        let site = site.clone();
        pulls.spawn(async move {
            // Each with a store of its own on the same folder, as processes have.
            let store = Store::open(site.store.root()).unwrap();
            let reference = site.reference(&format!(":0.{i}"));
            site.client.pull(&store, &reference, Limits::default(), &|_| {}).await.unwrap();
        });
    }
    while let Some(done) = pulls.join_next().await {
        done.unwrap();
    }
    assert_eq!(site.store.names().unwrap().len(), 12);
}

#[tokio::test]
async fn a_layout_is_a_source_by_name_by_digest_and_alone() {
    let site = Site::new().await;
    let digest = site.serve_plugin();
    site.pull().await.unwrap();
    let target = tempfile::tempdir().unwrap();
    let store = Store::open(target.path().join("store")).unwrap();
    let path = site.store.root().to_owned();
    let name = site.reference(":0.1").to_string();
    for name in [None, Some(LayoutName::Digest(digest)), Some(LayoutName::Name(name))] {
        let source = PluginSource::OciLayout { path: path.clone(), name };
        let pulled = site.client.fetch(&store, &source, Limits::default(), &|_| {}).await.unwrap();
        assert_eq!(pulled.manifest_digest, digest);
        assert_eq!(fs::read(pulled.path).unwrap(), COMPONENT);
    }
}

#[tokio::test]
async fn a_layout_that_does_not_hold_it_says_what_it_holds() {
    let site = Site::new().await;
    site.serve_plugin();
    site.serve("0.2", &plugin());
    for tag in [":0.1", ":0.2"] {
        site.client.pull(&site.store, &site.reference(tag), Limits::default(), &|_| {}).await.unwrap();
    }
    let store = Store::open(tempfile::tempdir().unwrap().path().join("store")).unwrap();
    let mut said = Vec::new();
    for name in [None, Some(LayoutName::Name("0.3".into()))] {
        let source = PluginSource::OciLayout { path: site.store.root().to_owned(), name };
        let err = site.client.fetch(&store, &source, Limits::default(), &|_| {}).await.unwrap_err();
        let text = site.stable(err.failure);
        said.push(text.replace(&site.store.root().display().to_string(), "LAYOUT"));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    layout `LAYOUT` holds 2; say which: `REGISTRY/hangar/aws:0.1`, `REGISTRY/hangar/aws:0.2`
    layout `LAYOUT` does not hold `0.3`; it holds: `REGISTRY/hangar/aws:0.1`, `REGISTRY/hangar/aws:0.2`
    ");
}

#[tokio::test]
async fn a_layout_with_changed_bytes_is_refused() {
    let site = Site::new().await;
    site.serve_plugin();
    let pulled = site.pull().await.unwrap();
    fs::remove_file(&pulled.path).unwrap();
    fs::write(&pulled.path, COMPONENT.to_ascii_uppercase()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let source = PluginSource::OciLayout { path: site.store.root().to_owned(), name: None };
    let err = site.client.fetch(&store, &source, Limits::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::WrongDigest { .. }), "{err:?}");
}

#[tokio::test]
async fn a_component_on_disk_gets_the_manifest_of_a_push() {
    let site = Site::new().await;
    let file = site.store.root().join("plugin.wasm");
    fs::write(&file, COMPONENT).unwrap();
    let source = PluginSource::File(file.clone());
    let pulled = site.client.fetch(&site.store, &source, Limits::default(), &|_| {}).await.unwrap();
    assert_eq!(pulled.content_digest, plugin().layers[0].digest());
    assert_eq!(site.store.names().unwrap(), []);

    fs::write(&file, "(module)").unwrap();
    let err = site.client.fetch(&site.store, &source, Limits::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::WrongKind { .. }));
    let err = site.client.fetch(&site.store, &PluginSource::File("/nowhere".into()), Limits::default(), &|_| {}).await;
    assert!(matches!(*err.unwrap_err().failure, Failure::File { .. }));
}

#[tokio::test]
async fn a_registry_gone_after_the_first_pull_is_not_missed() {
    let site = Site::new().await;
    let digest = site.serve_plugin();
    site.pull().await.unwrap();
    site.fake.answer("GET /v2/", Answer::status(500));
    site.fake.answer(&blob_line(&plugin().layers[0]), Answer::status(500));
    let pinned = site.reference(":0.1").pinned(digest);
    site.client.pull(&site.store, &pinned, Limits::default(), &|_| {}).await.unwrap();
}
