//! What the API server refuses is known before anything is done, with the object and the cure.

use anyhow::{Context as _, Result};
use hangar_helm::{Chart, HelmError, Releases};
use hangar_plan::hint::Hint as _;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota, Secret};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::control_plane::{ADMIN, NOBODY, control_plane};
use crate::stage::{Stage, releases};
use crate::tool;

/// A stage whose chart is one object more.
async fn with(namespace: &str, object: &Value) -> Result<Stage> {
    let stage = Stage::new(namespace).await?;
    stage.template("templates/object.yaml", &object.to_string())?;
    Ok(stage)
}

/// What a deploy ends with; nothing was done by then.
async fn refused(stage: &Stage) -> Result<HelmError> {
    let err = stage.deploy(json!({"key": "one"})).await.err().context("deployed")?;
    assert!(err.hint().is_some(), "{err:?}");
    assert!(stage.status().await?.is_empty(), "no revision was begun");
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> = stage.api().await?;
    assert!(maps.get_opt("small").await?.is_none(), "nothing was made");
    Ok(err)
}

fn pod(cpu: &str) -> Value {
    let resources = json!({"requests": {"cpu": cpu}, "limits": {"cpu": cpu}});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "large"},
        "spec": {"containers": [{"name": "x", "image": "x", "resources": resources}]}})
}

#[tokio::test]
async fn a_kind_that_nobody_defined_is_named() -> Result<()> {
    let monitor = json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "db"}});
    let err = refused(&with("no-kind", &monitor).await?).await?;
    assert_eq!(err.to_string(), "the cluster serves no kind of `monitoring.coreos.com/v1` for PodMonitor db");
    assert!(err.hint().is_some_and(|hint| hint.contains("install what defines that kind")));
    Ok(())
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_told_with_the_object() -> Result<()> {
    let stage = with("used-up", &pod("2")).await?;
    let quotas: Api<ResourceQuota> = stage.api().await?;
    let quota = json!({"metadata": {"name": "small"}, "spec": {"hard": {"requests.cpu": "1"}}});
    quotas.create(&PostParams::default(), &serde_json::from_value(quota)?).await?;
    let counted = async || Ok(quotas.get("small").await?.status.and_then(|status| status.hard));
    crate::stage::until("the quota to count", counted).await?;
    let err = refused(&stage).await?;
    assert!(matches!(&err, HelmError::Quota { detail } if detail.contains("pods \"large\"")), "{err:?}");
    assert!(err.to_string().contains("exceeded quota: small"), "{err}");
    Ok(())
}

#[tokio::test]
async fn a_limit_of_the_namespace_is_told_with_the_object() -> Result<()> {
    let stage = with("limited", &pod("2")).await?;
    let limits: Api<LimitRange> = stage.api().await?;
    let range =
        json!({"metadata": {"name": "small"}, "spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}});
    limits.create(&PostParams::default(), &serde_json::from_value(range)?).await?;
    let err = refused(&stage).await?;
    assert!(matches!(&err, HelmError::Refused { detail } if detail.contains("pods \"large\"")), "{err:?}");
    assert!(err.to_string().contains("maximum cpu usage per Container is 1"), "{err}");
    Ok(())
}

#[tokio::test]
async fn a_webhook_that_is_down_is_named() -> Result<()> {
    let stage = Stage::new("webhook-down").await?;
    let hooks: Api<ValidatingWebhookConfiguration> = Api::all(stage.client().await?);
    let hook = json!({"metadata": {"name": "policy"}, "webhooks": [{
        "name": "policy.example.com", "clientConfig": {"url": "https://127.0.0.1:1/validate"}, "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "timeoutSeconds": 2,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "webhook-down"}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]}]});
    hooks.create(&PostParams::default(), &serde_json::from_value(hook)?).await?;
    // The API server takes a moment until it asks.
    let asked = crate::stage::until("the webhook to be asked", async || {
        Ok(stage.preview(json!({"key": "one"})).await.err().map(|err| err.to_string()))
    });
    let told = asked.await;
    let err = refused(&stage).await;
    hooks.delete("policy", &DeleteParams::default()).await?;
    let err = err?;
    assert!(matches!(&err, HelmError::WebhookDown { .. }), "{err:?}");
    assert!(told?.contains("policy.example.com") && err.to_string().contains("ConfigMap small"), "{err}");
    Ok(())
}

#[tokio::test]
async fn an_invalid_object_is_told_with_its_field() -> Result<()> {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"}, "spec": {"ports": [{"port": 700_000}]}});
    let err = refused(&with("invalid", &service).await?).await?;
    assert!(
        matches!(&err, HelmError::Refused { detail } if detail.contains("\"db\"") && detail.contains("spec.ports[0].port")),
        "{err:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_secret_that_is_immutable_is_told() -> Result<()> {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "fixed"}, "immutable": true, "stringData": {"a": "{{ .Values.key }}"}});
    let stage = with("immutable", &secret).await?;
    stage.deploy(json!({"key": "one"})).await?;
    let err = stage.deploy(json!({"key": "two"})).await.err().context("changed")?;
    assert!(
        matches!(&err, HelmError::Refused { detail } if detail.contains("field is immutable when `immutable` is set")),
        "{err:?}"
    );
    let secrets: Api<Secret> = stage.api().await?;
    assert_eq!(secrets.get("fixed").await?.name_any(), "fixed");
    assert_eq!(stage.status().await?.len(), 1, "no revision has failed");
    Ok(())
}

#[tokio::test]
async fn an_identity_that_may_not_look_is_told_what_it_lacks() -> Result<()> {
    let mut stage = Stage::new("may-not").await?;
    stage.releases = releases(NOBODY).await?;
    let err = stage.deploy(json!({"key": "one"})).await.map(drop);
    assert!(matches!(&err, Err(HelmError::Forbidden { detail }) if detail.contains("secrets is forbidden")), "{err:?}");
    // One that may see releases and not make objects.
    let seeing =
        Releases::new(tool::helm().await?, control_plane()?.client(ADMIN).await?, stage.releases.access().clone());
    stage.releases = seeing;
    let err = stage.deploy(json!({"key": "one"})).await.map(drop);
    assert!(matches!(&err, Err(HelmError::Forbidden { .. })), "{err:?}");
    Ok(())
}

#[test]
fn a_chart_that_is_not_there_is_named() {
    let err = Chart::open("/nonexistent/dss-0.1.0.tgz").expect_err("nothing is there");
    assert!(err.to_string().starts_with("cannot read chart `/nonexistent/dss-0.1.0.tgz`: "), "{err}");
    assert!(err.hint().is_some_and(|hint| hint.contains("services { chart }")));
}
