//! What the chart refuses, and in which words.

use anyhow::Result;
use serde_json::json;
use test_chart::{Renderer, set, values, with};

#[test]
fn what_is_missing_is_named_with_its_key() -> Result<()> {
    let renderer = Renderer::new()?;
    let cases = [
        ("/agent/image", json!(""), "agent.image is needed"),
        ("/cockroachdb/join", json!([]), "cockroachdb.join is needed"),
        ("/cockroachdb/locality", json!([]), "cockroachdb.locality is needed"),
        ("/cockroachdb/advertise/suffix", json!(""), "cockroachdb.advertise.suffix is needed"),
        ("/coreService/hostname", json!(""), "coreService.hostname is needed"),
        ("/coreService/locality", json!(""), "coreService.locality is needed"),
        ("/coreService/authorization/jwksEndpoint", json!(""), "authorization needs jwksEndpoint or publicKeys"),
        ("/coreService/tracing", json!({"enabled": true, "endpoint": ""}), "coreService.tracing.endpoint is needed"),
        ("/gatewayApi", json!({"enabled": true, "parentRefs": []}), "gatewayApi.parentRefs is needed"),
    ];
    for (pointer, value, wanted) in cases {
        let told = renderer.refusal(&with(pointer, value))?;
        assert!(told.contains(wanted), "{pointer}: {told}");
    }
    Ok(())
}

#[test]
fn settings_that_clash_are_named_together() -> Result<()> {
    let renderer = Renderer::new()?;
    let mut both = values();
    set(&mut both, "/coreService/authorization/publicKeysSecret", json!({"name": "keys", "files": ["a.pem"]}));
    assert!(renderer.refusal(&both)?.contains("takes jwksEndpoint or publicKeys, not both"));
    let mut locks = values();
    set(&mut locks, "/coreService/scd", json!({"globalLock": true, "hashLock": true}));
    assert!(renderer.refusal(&locks)?.contains("one of scd.globalLock, scd.hashLock and timeBasedNotificationIndex"));
    let mut open = values();
    set(&mut open, "/coreService/authorization", json!({"jwksEndpoint": "", "publicKeysSecret": {"name": "keys"}}));
    assert!(renderer.refusal(&open)?.contains("publicKeysSecret.files is needed"));
    Ok(())
}

#[test]
fn unknown_and_misspelt_keys_are_refused_all_at_once() -> Result<()> {
    let mut values = with("/cockroachdb/replicas", json!(3));
    set(&mut values, "/coreService/replicas", json!("two"));
    set(&mut values, "/evict/rid/isas", json!(true));
    let told = Renderer::new()?.refusal(&values)?;
    assert!(told.contains("'/cockroachdb': additional properties 'replicas' not allowed"), "{told}");
    assert!(told.contains("'/coreService/replicas': got string, want integer"), "{told}");
    assert!(told.contains("'/evict/rid': additional properties 'isas' not allowed"), "{told}");
    Ok(())
}

/// Values are stored with the release, where many may read them.
#[test]
fn secrets_have_no_place_in_values() -> Result<()> {
    let renderer = Renderer::new()?;
    let key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
    let cases = [
        ("/coreService/extraEnv", json!([{"name": "COLLECTOR_TOKEN", "value": "abc"}])),
        ("/coreService/extraEnv", json!([{"name": "db_password", "value": "abc"}])),
        ("/coreService/extraEnv", json!([{"name": "PROXY", "value": "http://ana:abc@proxy.example.com"}])),
        ("/coreService/extraArgs", json!([format!("--key={key}")])),
        ("/coreService/authorization/publicKeys", json!([key])),
        ("/coreService/authorization/jwksEndpoint", json!("https://ana:abc@auth.example.com/jwks.json")),
        ("/coreService/podAnnotations", json!({"key": key})),
    ];
    for (pointer, value) in cases {
        let told = renderer.refusal(&with(pointer, value))?;
        assert!(told.contains("values don't meet the specifications of the schema"), "{pointer}: {told}");
    }
    let from =
        json!([{"name": "COLLECTOR_TOKEN", "valueFrom": {"secretKeyRef": {"name": "collector", "key": "token"}}}]);
    renderer.render(&with("/coreService/extraEnv", from))?;
    Ok(())
}

/// YAML takes `24.10` for the number 24.1, which is another version.
#[test]
fn a_version_that_has_lost_its_quotes_is_refused() -> Result<()> {
    let renderer = Renderer::new()?;
    for pointer in ["/cockroachdb/version", "/yugabytedb/version", "/schema/versions/scd"] {
        let told = renderer.refusal(&with(pointer, json!(24.1)))?;
        assert!(told.contains(&format!("'{pointer}': got number, want string")), "{pointer}: {told}");
    }
    Ok(())
}

#[test]
fn nothing_is_taken_away_by_null() -> Result<()> {
    let told = Renderer::new()?.refusal(&with("/cockroachdb/nodes", json!(null)))?;
    assert!(told.contains("missing property 'nodes'") || told.contains("got null"), "{told}");
    Ok(())
}

#[test]
fn an_older_kubernetes_is_refused() -> Result<()> {
    let renderer = Renderer::new()?;
    let chart = test_chart::chart().to_string_lossy().into_owned();
    let told = renderer.run(&["template", "dss", &chart, "--kube-version", "v1.29.14"]).expect_err("it is too old");
    assert!(told.to_string().contains("chart requires kubeVersion: >=1.30.0-0"), "{told}");
    Ok(())
}

#[test]
fn lint_has_nothing_to_say_with_and_without_values() -> Result<()> {
    let renderer = Renderer::new()?;
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), values().to_string())?;
    let (chart, file) =
        (test_chart::chart().to_string_lossy().into_owned(), file.path().to_string_lossy().into_owned());
    renderer.run(&["lint", "--strict", "--quiet", &chart])?;
    renderer.run(&["lint", "--strict", "--quiet", &chart, "--values", &file])?;
    Ok(())
}
