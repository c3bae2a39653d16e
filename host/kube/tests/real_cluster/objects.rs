//! Identity, namespaces, Secrets and ConfigMaps.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hangar_kube::secrets::{self, Files, Swap};
use hangar_kube::{Cluster, KubeError, config_map, namespace};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use crate::control_plane::{NOBODY, SOON};
use crate::machine::{access, cluster, fresh};

async fn put(cluster: &Cluster, namespace: &str, files: Files) -> Result<Swap, KubeError> {
    secrets::put(cluster, namespace, "x", &BTreeMap::new(), &files).await
}

async fn apply_as(cluster: &Cluster, namespace: &str, manager: &str, file: &str, content: &str) -> Result<()> {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {file: BASE64_STANDARD.encode(content)}});
    let api: Api<Secret> = Api::namespaced(cluster.client().clone(), namespace);
    api.patch("x", &PatchParams::apply(manager).force(), &Patch::Apply(secret)).await?;
    Ok(())
}

async fn content(cluster: &Cluster, namespace: &str, file: &str) -> Result<String> {
    let files = secrets::read(cluster, namespace, "x").await?.context("no secret")?;
    Ok(String::from_utf8(files.get(file).context("no such file")?.to_vec())?)
}

#[tokio::test]
async fn the_api_server_says_who_we_are() -> Result<()> {
    let cluster = cluster().await?;
    assert_eq!(cluster.identity().await?.user, "admin");
    assert!(cluster.version().await?.starts_with("v1."));
    Ok(())
}

#[tokio::test]
async fn a_wrong_token_and_a_powerless_user_are_told_apart() -> Result<()> {
    let unknown = Cluster::connect(&access("wrong").await?)?;
    assert!(matches!(unknown.identity().await, Err(KubeError::CredentialRefused { .. })));
    let nobody = Cluster::connect(&access(NOBODY).await?)?;
    assert_eq!(nobody.identity().await?.user, "nobody");
    let err = secrets::read(&nobody, "default", "x").await.map(drop);
    let Err(KubeError::Forbidden { action, reason }) = &err else { anyhow::bail!("{err:?}") };
    assert_eq!(action, "read secret `default/x`");
    assert!(reason.contains("nobody"), "{reason}");
    Ok(())
}

#[tokio::test]
async fn a_namespace_is_made_once_and_deleted_whole() -> Result<()> {
    let cluster = cluster().await?;
    assert!(!namespace::is_ready(&cluster, "whole").await?);
    namespace::ensure(&cluster, "whole", &BTreeMap::new(), SOON).await?;
    assert!(namespace::is_ready(&cluster, "whole").await?);
    namespace::ensure(&cluster, "whole", &[("team".to_owned(), "dss".to_owned())].into(), SOON).await?;
    let api: Api<Namespace> = Api::all(cluster.client().clone());
    let labels = api.get("whole").await?.labels().clone();
    assert_eq!(labels.get("team").map(String::as_str), Some("dss"));
    assert_eq!(labels.get("app.kubernetes.io/managed-by").map(String::as_str), Some("hangar"));
    put(&cluster, "whole", Files::default().with("a", "1")).await?;
    namespace::delete(&cluster, "whole", SOON).await?;
    namespace::delete(&cluster, "whole", SOON).await?;
    assert!(api.get_opt("whole").await?.is_none());
    assert!(!namespace::is_ready(&cluster, "whole").await?);
    Ok(())
}

#[tokio::test]
async fn files_not_named_stay_whoever_put_them() -> Result<()> {
    let cluster = fresh("stay").await?;
    assert_eq!(put(&cluster, "stay", Files::default().with("ca.crt", "1").with("node.crt", "n")).await?, Swap::Written);
    apply_as(&cluster, "stay", "somebody", "theirs", "t").await?;
    assert_eq!(put(&cluster, "stay", Files::default().with("ca.crt", "2")).await?, Swap::Written);
    assert_eq!(put(&cluster, "stay", Files::default().with("ca.crt", "2")).await?, Swap::Unchanged);
    for (file, wanted) in [("ca.crt", "2"), ("node.crt", "n"), ("theirs", "t")] {
        assert_eq!(content(&cluster, "stay", file).await?, wanted, "{file}");
    }
    // Theirs is still theirs alone: who made it can take it away.
    let api: Api<Secret> = Api::namespaced(cluster.client().clone(), "stay");
    let without = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}});
    api.patch("x", &PatchParams::apply("somebody"), &Patch::Apply(without)).await?;
    assert!(content(&cluster, "stay", "theirs").await.is_err());
    assert_eq!(content(&cluster, "stay", "node.crt").await?, "n");
    Ok(())
}

#[tokio::test]
async fn two_hosts_at_once_lose_nothing() -> Result<()> {
    let cluster = fresh("race").await?;
    let puts = (0..8).map(|number| {
        let cluster = cluster.clone();
        async move {
            // A lost race is told after five tries; eight at once may need more.
            loop {
                match put(&cluster, "race", Files::default().with(format!("file-{number}"), "x")).await {
                    Err(KubeError::Conflict { .. }) => {}
                    other => return other,
                }
            }
        }
    });
    for put in futures::future::join_all(puts).await {
        put?;
    }
    for number in 0..8 {
        assert_eq!(content(&cluster, "race", &format!("file-{number}")).await?, "x");
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_somebody_edited_is_told_with_who_did() -> Result<()> {
    let cluster = fresh("edited").await?;
    put(&cluster, "edited", Files::default().with("ca.crt", "1")).await?;
    apply_as(&cluster, "edited", "kubectl-edit", "ca.crt", "theirs").await?;
    let err = put(&cluster, "edited", Files::default().with("ca.crt", "2")).await;
    let Err(KubeError::FieldConflict { manager, fields, .. }) = &err else { anyhow::bail!("{err:?}") };
    assert_eq!((manager.as_str(), fields.as_str()), ("kubectl-edit", "`.data.ca.crt`"));
    assert_eq!(content(&cluster, "edited", "ca.crt").await?, "theirs");
    Ok(())
}

#[tokio::test]
async fn a_secret_carries_the_fingerprints_of_its_certificates() -> Result<()> {
    let cluster = fresh("prints").await?;
    let made = rcgen::generate_simple_self_signed(vec!["node.example".to_owned()])?;
    let files = Files::default().with("node.crt", made.cert.pem()).with("node.key", made.signing_key.serialize_pem());
    put(&cluster, "prints", files).await?;
    let api: Api<Secret> = Api::namespaced(cluster.client().clone(), "prints");
    let annotations = api.get("x").await?.annotations().clone();
    assert_eq!(annotations.len(), 1);
    assert_eq!(annotations.get("fingerprint.hangar.dev/node.crt").map(String::len), Some(64));
    let public = secrets::read(&cluster, "prints", "x").await?.context("no secret")?.certificates();
    assert_eq!(public.into_keys().collect::<Vec<_>>(), ["node.crt"]);
    Ok(())
}

#[tokio::test]
async fn a_secret_of_others_is_not_deleted() -> Result<()> {
    let cluster = fresh("deleted").await?;
    apply_as(&cluster, "deleted", "somebody", "a", "1").await?;
    assert!(matches!(secrets::delete(&cluster, "deleted", "x").await, Err(KubeError::Conflict { .. })));
    put(&cluster, "deleted", Files::default().with("b", "2")).await?;
    secrets::delete(&cluster, "deleted", "x").await?;
    secrets::delete(&cluster, "deleted", "x").await?;
    assert!(secrets::read(&cluster, "deleted", "x").await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_config_map_never_changes() -> Result<()> {
    let cluster = fresh("fixed").await?;
    let data = |text: &str| [("spec.json".to_owned(), text.to_owned())].into();
    config_map::put(&cluster, "fixed", "spec", &data("1"), None).await?;
    config_map::put(&cluster, "fixed", "spec", &data("1"), None).await?;
    let other = config_map::put(&cluster, "fixed", "spec", &data("2"), None).await;
    assert!(matches!(other, Err(KubeError::Immutable { .. })), "{other:?}");
    Ok(())
}
