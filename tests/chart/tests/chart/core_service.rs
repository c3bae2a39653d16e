//! core-service.

use anyhow::Result;
use serde_json::{Value, json};
use test_chart::{Rendered, Renderer, lines, set, values};

/// Every flag of core-service (v0.22).
const FLAGS: [&str; 33] = [
    "accepted_jwt_audiences",
    "addr",
    "allow_http_base_urls",
    "datastore_application_name",
    "datastore_host",
    "datastore_max_conn_idle_secs",
    "datastore_max_open_conns",
    "datastore_max_retries",
    "datastore_port",
    "datastore_ssl_dir",
    "datastore_ssl_mode",
    "datastore_user",
    "dump_requests",
    "enable_metrics",
    "enable_scd",
    "enable_scd_global_lock",
    "enable_scd_hash_lock",
    "enable_time_based_notification_index",
    "enable_tracing",
    "gcp_prof_service_name",
    "jwks_endpoint",
    "jwks_key_ids",
    "jwks_key_ttl",
    "jwks_refresh_interval",
    "locality",
    "log_format",
    "log_level",
    "metrics_addr",
    "public_endpoint",
    "public_key_files",
    "server_timeout",
    "schemas_dir",
    "db_version",
];

#[test]
fn it_is_told_whom_to_trust_and_logs_no_request() -> Result<()> {
    let core = Renderer::new()?.render(&values())?.container("Deployment dss-core-service", "core-service")?;
    assert_eq!(core["command"], json!(["core-service"]));
    insta::assert_snapshot!(lines(&core["args"]), @r"
    --addr=$(POD_IP):8080
    --public_endpoint=https://dss.uss1.example.com
    --locality=uss1
    --accepted_jwt_audiences=dss.uss1.example.com
    --jwks_endpoint=https://auth.example.com/jwks.json
    --jwks_key_ids=k1
    --enable_scd=true
    --enable_scd_global_lock=false
    --enable_scd_hash_lock=false
    --enable_time_based_notification_index=false
    --allow_http_base_urls=false
    --dump_requests=false
    --log_format=json
    --log_level=info
    --datastore_max_open_conns=4
    --datastore_max_conn_idle_secs=30
    --datastore_max_retries=100
    --datastore_application_name=dss
    --datastore_host=dss-cockroachdb-public.uss1.svc.cluster.local
    --datastore_port=26257
    --datastore_user=root
    --datastore_ssl_mode=verify-full
    --datastore_ssl_dir=/cockroach/cockroach-certs
    ");
    Ok(())
}

#[test]
fn every_flag_can_be_set() -> Result<()> {
    let renderer = Renderer::new()?;
    let mut all = values();
    set(&mut all, "/coreService/metrics", json!({"enabled": true}));
    set(&mut all, "/coreService/tracing/enabled", json!(true));
    set(&mut all, "/coreService/profiler", json!("dss"));
    set(&mut all, "/coreService/serverTimeout", json!("20s"));
    set(&mut all, "/coreService/authorization/jwksRefreshInterval", json!("5m"));
    set(&mut all, "/coreService/authorization/jwksKeyTtl", json!("2h"));
    let mut keys = values();
    set(
        &mut keys,
        "/coreService/authorization",
        json!({"publicKeysSecret": {"name": "keys", "files": ["a.pem", "b.pem"]}}),
    );
    let mut given = Vec::new();
    for values in [all, keys] {
        let rendered = renderer.render(&values)?;
        given.push(lines(&rendered.container("Deployment", "core-service")?["args"]));
        given.push(lines(&rendered.container("Job", "rid")?["args"]));
    }
    let given = given.join("\n");
    for flag in FLAGS {
        assert!(given.lines().any(|line| line.starts_with(&format!("--{flag}="))), "{flag}: {given}");
    }
    assert!(given.contains("--public_key_files=/public-keys/a.pem,/public-keys/b.pem"), "{given}");
    Ok(())
}

/// Its name in the pool's records is one, whoever asks: rows are evicted by it.
#[test]
fn one_instance_has_one_name() -> Result<()> {
    let rendered = Renderer::new()?.render(&values())?;
    for (object, container) in [("Deployment dss-core-service", "core-service"), ("CronJob dss-evict-rid", "evict")] {
        let args = lines(&rendered.container(object, container)?["args"]);
        assert!(args.lines().any(|line| line == "--locality=uss1"), "{args}");
    }
    Ok(())
}

#[test]
fn keys_of_tokens_come_along_and_other_keys_are_other_pods() -> Result<()> {
    let renderer = Renderer::new()?;
    let pem = |body: &str| format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
    let mut annotations = Vec::new();
    for body in ["AAAA", "BBBB"] {
        let mut values = values();
        set(&mut values, "/coreService/authorization", json!({"publicKeys": [pem(body)]}));
        let rendered = renderer.render(&values)?;
        assert_eq!(rendered.object("ConfigMap", "dss-core-service-public-keys")?["data"]["0.pem"], pem(body));
        let args = lines(&rendered.container("Deployment", "core-service")?["args"]);
        assert!(args.contains("--public_key_files=/public-keys/0.pem") && !args.contains("jwks"), "{args}");
        let pod = &rendered.object("Deployment", "dss-core-service")?["spec"]["template"];
        annotations.push(pod["metadata"]["annotations"].clone());
    }
    assert_ne!(annotations[0], annotations[1]);
    Ok(())
}

/// One after the other, a new one ready before an old one goes, however few there are.
#[test]
fn another_certificate_is_another_pod_and_nothing_else() -> Result<()> {
    let renderer = Renderer::new()?;
    let of = |certificate: &str| {
        let mut values = values();
        set(&mut values, "/coreService/replicas", json!(1));
        set(&mut values, "/coreService/datastoreCertificate", json!(certificate));
        renderer.render(&values)
    };
    let (none, one, other) = (of("")?, of(&"ab".repeat(32))?, of(&"cd".repeat(32))?);
    let annotation = "hangar.dev/datastore-certificate";
    let named = |rendered: &Rendered| -> Result<Value> {
        let deployment = rendered.object("Deployment", "dss-core-service")?;
        let update = &deployment["spec"]["strategy"]["rollingUpdate"];
        assert_eq!((&update["maxSurge"], &update["maxUnavailable"]), (&json!(1), &json!(0)));
        Ok(deployment["spec"]["template"]["metadata"]["annotations"][annotation].clone())
    };
    assert_eq!(
        (named(&none)?, named(&one)?, named(&other)?),
        (json!(null), json!("ab".repeat(32)), json!("cd".repeat(32)))
    );
    let changed = one.manifest.changes_to(&other.manifest);
    assert_eq!(changed.len(), 1, "the API alone: {changed:?}");
    Ok(())
}

#[test]
fn traces_go_where_they_are_wanted() -> Result<()> {
    let mut values = values();
    let tracing = json!({"enabled": true, "endpoint": "http://collector:4318", "headersSecret": "collector", "attributes": {"a": "b"}});
    set(&mut values, "/coreService/tracing", tracing);
    let core = Renderer::new()?.render(&values)?.container("Deployment", "core-service")?;
    let env = core["env"].as_array().cloned().unwrap_or_default();
    let find = |name: &str| env.iter().find(|item| item["name"] == name).cloned().unwrap_or_default();
    assert_eq!(find("OTEL_EXPORTER_OTLP_ENDPOINT")["value"], "http://collector:4318");
    assert_eq!(find("OTEL_RESOURCE_ATTRIBUTES")["value"], "service.instance.id=uss1,a=b");
    assert_eq!(
        find("OTEL_EXPORTER_OTLP_HEADERS")["valueFrom"]["secretKeyRef"],
        json!({"name": "collector", "key": "headers"})
    );
    Ok(())
}
