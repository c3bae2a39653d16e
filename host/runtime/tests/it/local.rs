//! The `local` plugin as a component: its module passes the policy, its store keeps secrets in the host's sealed file.

use std::sync::Arc;

use hangar_plan::infrastructure::{Output, SlotKind, TokenRecipe};
use hangar_plan::secret::StoreError;
use hangar_runtime::{Fault, PluginError, SealedFile, SecretStore, Services};
use serde_json::json;

use crate::support::{Guest, instance};

async fn store(services: Services) -> SecretStore {
    Guest::local().load(Guest::local().grant(), services).await.secret_store().unwrap()
}

fn sealed(folder: &tempfile::TempDir) -> Services {
    let file = SealedFile::new(folder.path().join("secrets.age"), folder.path().join("identity"));
    Services { sealed_file: Some(Arc::new(file)), ..Services::default() }
}

fn store_error(err: PluginError) -> StoreError {
    match *err.fault {
        Fault::Store(err) => err,
        other => panic!("an answer of the store, not {other:?}"),
    }
}

#[tokio::test]
async fn a_deployment_goes_from_block_to_what_stands() {
    let plugin = Guest::local().load(Guest::local().grant(), Services::default()).await;
    let provider = plugin.infra_provider().unwrap();
    let config = json!({
        "endpoint": "https://10.0.0.9", "addresses": ["10.64.0.1", "10.64.0.2", "10.64.0.3"],
        "gateway_address": "10.64.0.9", "storage_class": "fast",
    });
    assert_eq!(provider.validate(&config, &instance()).await.unwrap(), []);
    let workspace = provider.render(&config, &instance()).await.expect("a module that passes the policy");
    assert_eq!(workspace.files.len(), 2);
    // What terraform would answer: the module's locals are its outputs.
    let settings: serde_json::Value = serde_json::from_slice(&workspace.files[1].1).unwrap();
    let output = |name: &str, local: &str| Output { name: name.into(), json: settings["locals"][local].to_string() };
    let outputs = [output("cluster", "cluster"), output("nodes", "nodes")];
    let stands = provider.interpret(&config, &instance(), &outputs).await.expect("what stands");
    assert_eq!(stands.nodes[2].addresses, ["10.64.0.3"]);
    assert_eq!(stands.egress[0], "10.64.0.1/32");
    let recipe = provider.cluster_token(&config, &stands).await.expect("a recipe");
    assert!(matches!(recipe, TokenRecipe::Slot(slot) if slot.kind == SlotKind::Bearer));
}

#[tokio::test]
async fn secrets_outlive_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({});
    let first = store(sealed(&folder)).await;
    assert_eq!(first.put(&config, "ca/key", b"a value that is secret", None).await.unwrap(), "1");
    assert_eq!(first.put(&config, "ca/key", b"a second value", Some("1")).await.unwrap(), "2");
    drop(first);
    let second = store(sealed(&folder)).await;
    assert_eq!(second.get(&config, "ca/key", None).await.unwrap().value, b"a second value");
    assert_eq!(second.get(&config, "ca/key", Some("1")).await.unwrap().value, b"a value that is secret");
    assert_eq!(second.list(&config, "").await.unwrap(), ["ca/key"]);
    assert_eq!(second.history(&config, "ca/key").await.unwrap().len(), 2);
    second.destroy(&config, "ca/key", "1").await.unwrap();
    let err = second.get(&config, "ca/key", Some("1")).await.expect_err("a version that is gone");
    assert_eq!(store_error(err), StoreError::NotFound);
    let bytes = std::fs::read(folder.path().join("secrets.age")).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"secret"));
}

#[tokio::test]
async fn writers_at_the_same_time_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(sealed(&folder)).await;
    let config = json!({});
    let puts = (0..4).map(|n| {
        let (store, config) = (store.clone(), config.clone());
        tokio::spawn(async move { store.put(&config, &format!("s{n}"), b"a value", None).await })
    });
    for put in puts.collect::<Vec<_>>() {
        put.await.unwrap().expect("a version");
    }
    assert_eq!(store.list(&config, "").await.unwrap(), ["s0", "s1", "s2", "s3"]);
}

#[tokio::test]
async fn a_put_on_an_old_version_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(sealed(&folder)).await;
    store.put(&json!({}), "a", b"one", None).await.unwrap();
    let err = store.put(&json!({}), "a", b"two", None).await.expect_err("a conflict");
    assert_eq!(store_error(err), StoreError::Conflict("1".into()));
}

#[tokio::test]
async fn without_a_grant_there_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut grant = Guest::local().grant();
    grant.secret_store.as_mut().unwrap().sealed_file = false;
    let store = Guest::local().load(grant, sealed(&folder)).await.secret_store().unwrap();
    let err = store.put(&json!({}), "a", b"one", None).await.expect_err("a denial");
    let words = "`sealed-file` is not granted to `local` as secret-store";
    assert_eq!(store_error(err), StoreError::Denied(words.into()));
    assert!(!folder.path().join("secrets.age").exists());
}
