//! The real API server reads what the chart renders: strictly, and without keeping any of it.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, ValidationDirective};
use kube::{Api, Client};
use serde_json::{Value, json};
use test_chart::{Renderer, set, values};
use test_support::wait_for;

use crate::control_plane::{ADMIN, SOON, control_plane, new_namespace};

/// The group whose definitions nobody publishes but as part of Google's clusters.
const UNDEFINED: &str = "networking.gke.io";

/// What the chart makes of the kinds that are defined below.
const DEFINED: [&str; 4] = ["Gateway", "HTTPRoute", "PodMonitor", "PrometheusRule"];

/// Installs the definitions of the Gateway API and of the Prometheus operator, as their makers publish them.
async fn define(client: &Client) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for file in std::fs::read_dir(test_support::needed("HANGAR_FOREIGN_DEFINITIONS")?)? {
        let text = std::fs::read_to_string(file?.path())?;
        let definition: Value = serde_norway::from_str(&text)?;
        let text = |pointer: &str| {
            let found = definition.pointer(pointer).and_then(Value::as_str).map(ToOwned::to_owned);
            found.with_context(|| format!("no `{pointer}`"))
        };
        let name = text("/metadata/name")?;
        definitions.patch(&name, &PatchParams::apply("test"), &Patch::Apply(&definition)).await?;
        let is_served = kube::runtime::conditions::is_crd_established();
        let served = kube::runtime::wait::await_condition(definitions.clone(), &name, is_served);
        tokio::time::timeout(SOON, served).await.with_context(|| format!("`{name}` is not served"))??;
        // Its handler learns of it a moment after its status says so.
        let (group, version) = (text("/spec/group")?, text("/spec/versions/0/name")?);
        let kind = GroupVersionKind::gvk(&group, &version, &text("/spec/names/kind")?);
        let resource = ApiResource::from_gvk_with_plural(&kind, &text("/spec/names/plural")?);
        let all = Api::<DynamicObject>::all_with(client.clone(), &resource);
        wait_for("its handler", async || Ok(Some(all.list(&ListParams::default()).await?))).await?;
    }
    Ok(())
}

fn every_way() -> Vec<Value> {
    let mut plain = values();
    set(&mut plain, "/evict/scd/enabled", json!(true));
    let mut more = values();
    for (pointer, value) in [
        ("/preset", json!("small")),
        ("/ingress/enabled", json!(true)),
        ("/gatewayApi/enabled", json!(true)),
        ("/gatewayApi/gateway/create", json!(true)),
        ("/coreService/autoscaling", json!({"enabled": true})),
        ("/coreService/metrics", json!({"enabled": true})),
        ("/monitoring/prometheus", json!({"enabled": true, "webConfigSecret": "web"})),
        ("/monitoring/grafana/enabled", json!(true)),
        ("/monitoring/rules/enabled", json!(true)),
        ("/monitoring/podMonitors/enabled", json!(true)),
        ("/coreService/tracing/enabled", json!(true)),
        ("/cockroachdb/topologySpread", json!("DoNotSchedule")),
        ("/cockroachdb/antiAffinity", json!("required")),
        ("/cockroachdb/storage/whenDeleted", json!("Delete")),
        ("/coreService/hostAliases", json!([{"ip": "192.0.2.7", "hostnames": ["a.example.com"]}])),
        ("/coreService/extraVolumes", json!([{"name": "more", "emptyDir": {}}])),
        ("/coreService/extraVolumeMounts", json!([{"name": "more", "mountPath": "/more"}])),
        ("/coreService/extraInitContainers", json!([{"name": "before", "image": "example/before"}])),
        ("/networkPolicy/monitoringFrom", json!([{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}])),
        ("/networkPolicy/apiFrom", json!([{"podSelector": {}}])),
    ] {
        set(&mut more, pointer, value);
    }
    let mut other = values();
    set(&mut other, "/datastore", json!("yugabytedb"));
    vec![plain, more, other]
}

async fn dry_run(client: &Client, object: &Value) -> Result<()> {
    let (version, kind) =
        (object["apiVersion"].as_str().context("a version")?, object["kind"].as_str().context("a kind")?);
    let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    // Its name in a path is not always the kind with an `s`.
    let plural = match kind {
        "NetworkPolicy" => "networkpolicies".to_owned(),
        _ => resource.plural.clone(),
    };
    let resource = ApiResource { plural, ..resource };
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), "chart", &resource);
    let name = object["metadata"]["name"].as_str().context("a name")?;
    let how = PatchParams::apply("test").force();
    // A pod is refused without its account, so accounts come to stay.
    let mut how = if kind == "ServiceAccount" { how } else { how.dry_run() };
    how.field_validation = Some(ValidationDirective::Strict);
    api.patch(name, &how, &Patch::Apply(object)).await.map(drop).with_context(|| format!("{kind} `{name}`"))
}

#[tokio::test]
async fn the_api_server_takes_every_object_and_knows_every_field() -> Result<()> {
    let (renderer, client) = (Renderer::new()?, control_plane()?.client(ADMIN).await?);
    new_namespace(&client, "chart").await?;
    define(&client).await?;
    let mut n_objects = 0;
    let mut foreign = BTreeSet::new();
    for values in every_way() {
        for object in renderer.render(&values)?.objects()? {
            let group =
                object["apiVersion"].as_str().unwrap_or_default().rsplit_once('/').map_or("", |(group, _)| group);
            if group == UNDEFINED {
                ensure!(object["spec"].is_object(), "{object}");
            } else {
                dry_run(&client, &object).await?;
                n_objects += 1;
                foreign.extend(object["kind"].as_str().filter(|kind| DEFINED.contains(kind)).map(str::to_owned));
            }
        }
    }
    assert!(n_objects > 40, "{n_objects}");
    assert_eq!(Vec::from_iter(foreign), DEFINED);
    Ok(())
}

/// Where the definition is at hand, the check says so.
#[tokio::test]
async fn a_field_that_is_unknown_would_be_noticed() -> Result<()> {
    let client = control_plane()?.client(ADMIN).await?;
    new_namespace(&client, "chart").await?;
    let wrong = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"ports": [{"port": 1}], "sourceRange": []}});
    let told = format!("{:#}", dry_run(&client, &wrong).await.expect_err("it is unknown"));
    assert!(told.contains("sourceRange"), "{told}");
    define(&client).await?;
    let wrong = json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "x"}, "spec": {
        "selector": {}, "podMetricsEndpoints": [{"port": "http", "intervall": "15s"}]}});
    let told = format!("{:#}", dry_run(&client, &wrong).await.expect_err("it is unknown"));
    assert!(told.contains("intervall"), "{told}");
    Ok(())
}

#[test]
fn the_chart_can_be_packaged_and_is_small() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let chart = test_chart::chart().to_string_lossy().into_owned();
    Renderer::new()?.run(&["package", &chart, "--destination", &folder.path().to_string_lossy()])?;
    let size = folder.path().join("dss-0.1.0.tgz").metadata()?.len();
    ensure!(size < 256 * 1024, "{size}");
    Ok(())
}
