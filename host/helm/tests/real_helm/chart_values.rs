//! No value of the chart is without effect, and none is taken that the schema does not know.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use crate::example;
use crate::tool::{self, Renderer};

/// Another value for a leaf: valid, and different from the one of the example.
fn other(pointer: &str, value: &Value) -> Option<Value> {
    let last = pointer.rsplit('/').next().unwrap_or_default();
    let annotations = json!({"example.com/key": "value"});
    let given = match (pointer, last) {
        ("/clusterDomain", _) => json!("cluster.example"),
        ("/storageClass", _) => json!("fast"),
        ("/imagePullPolicy", _) => json!("Always"),
        ("/imagePullSecrets", _) => json!(["registry"]),
        (_, "image") => json!("registry.example/other:v9"),
        ("/cockroachdb/version", _) => json!("v24.1.4"),
        ("/cockroachdb/locality", _) => json!([{"key": "region", "value": "eu"}, {"key": "zone", "value": "uss1"}]),
        ("/cockroachdb/join", _) => json!(["1.db.uss3.example.com:26257"]),
        ("/cockroachdb/clusterName", _) => json!("us-east-prod"),
        ("/cockroachdb/advertise/suffix", _) => json!("db.other.example.com"),
        (_, "sourceRanges") => json!(["203.0.113.0/24"]),
        (_, "cache" | "maxSqlMemory") => json!("10%"),
        ("/cockroachdb/storage/size", _) => json!("10Gi"),
        ("/cockroachdb/secrets/node", _) => json!("other-node"),
        ("/cockroachdb/secrets/clientRoot", _) => json!("other-client"),
        (_, "annotations" | "podAnnotations") => annotations,
        (_, "nodeAnnotations") => json!([annotations]),
        (_, "loadBalancerIPs") => json!(["192.0.2.20"]),
        (_, "loadBalancerIP") => json!("192.0.2.21"),
        (_, "loadBalancerClass") => json!("service.k8s.aws/nlb"),
        (_, "externalTrafficPolicy") => json!("Cluster"),
        (_, "nodeSelector") => json!({"disk": "fast"}),
        (_, "tolerations") => json!([{"key": "database", "operator": "Exists", "effect": "NoSchedule"}]),
        (_, "cpu") => json!("3"),
        (_, "memory") => json!("333Mi"),
        ("/coreService/hostname", _) => json!("dss.other.example.com"),
        ("/coreService/publicEndpoint", _) => json!("https://dss.other.example.com/v1"),
        ("/coreService/locality", _) => json!("uss9"),
        (_, "jwksEndpoint") => json!("https://other.example.com/jwks.json"),
        (_, "jwksKeyIds") => json!(["k2", "k3"]),
        (_, "publicKeys") => json!(["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]),
        (_, "logFormat") => json!("console"),
        (_, "logLevel") => json!("debug"),
        ("/schema/versions/rid" | "/schema/versions/scd" | "/schema/versions/aux", _) => json!("1.0.0"),
        ("/schema/ttlSecondsAfterFinished", _) => json!(0),
        _ => match value {
            Value::Bool(is_on) => json!(!is_on),
            Value::Number(number) => json!(number.as_u64()? + 1),
            _ => return None,
        },
    };
    Some(given)
}

/// What else must be set for a leaf to be allowed.
fn context(pointer: &str, values: &mut Value) {
    if pointer.ends_with("publicKeys") {
        example::set(values, "/coreService/authorization", json!({"jwksEndpoint": "", "jwksKeyIds": []}));
    }
}

fn leaves(above: &str, map: &Map<String, Value>) -> Vec<(String, Value)> {
    let below = |(key, value): (&String, &Value)| {
        let pointer = format!("{above}/{key}");
        match value {
            Value::Object(map) if !map.is_empty() => leaves(&pointer, map),
            leaf => vec![(pointer, leaf.clone())],
        }
    };
    map.iter().flat_map(below).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_value_reaches_a_rendered_object() -> Result<()> {
    let text = std::fs::read_to_string(tool::chart_path().join("values.yaml"))?;
    let defaults: Value = serde_norway::from_str(&text)?;
    let leaves = leaves("", defaults.as_object().context("no map")?);
    assert!(leaves.len() > 60, "{}", leaves.len());
    let renderer = Renderer::new().await?;
    for (pointer, default) in leaves {
        let mut before = example::values();
        context(&pointer, &mut before);
        let current = before.pointer(&pointer).cloned().unwrap_or(default);
        let value = other(&pointer, &current).with_context(|| format!("no other value known for `{pointer}`"))?;
        let mut after = before.clone();
        example::set(&mut after, &pointer, value);
        // Keys alone may not be rendered without a source of keys.
        if pointer.ends_with("publicKeys") {
            before = example::values();
        }
        let before = renderer.render(before).await.with_context(|| format!("before `{pointer}`"))?;
        let after = renderer.render(after).await.with_context(|| format!("after `{pointer}`"))?;
        assert!(!before.changes_to(&after).is_empty(), "`{pointer}` changes nothing");
    }
    Ok(())
}

/// Maps whose keys are the operator's own.
const OPEN: [&str; 4] = ["annotations", "podAnnotations", "nodeSelector", "items"];

fn loose(pointer: &str, schema: &Value, found: &mut Vec<String>) {
    let name = pointer.rsplit('/').next().unwrap_or_default();
    let is_map = schema["type"] == "object";
    if is_map && schema["additionalProperties"] != false && !OPEN.contains(&name) && name != "global" {
        found.push(pointer.to_owned());
    }
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        loose(&format!("{pointer}/{key}"), inner, found);
    }
    if schema["items"].is_object() {
        loose(&format!("{pointer}/items"), &schema["items"], found);
    }
}

#[test]
fn the_schema_knows_every_key_and_no_other() -> Result<()> {
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(tool::chart_path().join("values.schema.json"))?)?;
    let mut found = Vec::new();
    loose("", &schema, &mut found);
    assert!(found.is_empty(), "{found:?}");
    let defaults: Value = serde_norway::from_str(&std::fs::read_to_string(tool::chart_path().join("values.yaml"))?)?;
    let keys = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let mut known = keys(&schema["properties"]);
    known.retain(|key| key != "global");
    assert_eq!(known, keys(&defaults));
    Ok(())
}
