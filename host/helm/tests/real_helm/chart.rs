//! The chart, rendered by the real Helm.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hangar_helm::{HelmError, Manifest};
use serde_json::{Value, json};

use crate::example::{self, values, with};
use crate::tool::{self, Renderer};

fn object(manifest: &Manifest, kind: &str, name: &str) -> Result<Value> {
    let found = manifest.objects().find(|object| object.kind == kind && object.name == name);
    let text = found.and_then(|object| manifest.text(object)).with_context(|| format!("no {kind} `{name}`"))?;
    Ok(serde_norway::from_str(text)?)
}

fn container<'a>(workload: &'a Value, name: &str) -> Result<&'a Value> {
    let containers = workload["spec"]["template"]["spec"]["containers"].as_array().context("no containers")?;
    containers.iter().find(|container| container["name"] == name).with_context(|| format!("no container `{name}`"))
}

fn lines(list: &Value) -> String {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

fn names(manifest: &Manifest) -> String {
    manifest.objects().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

async fn refused(values: Value) -> Result<String> {
    match Renderer::new().await?.render(values).await {
        Ok(_) => anyhow::bail!("rendered"),
        Err(err) => Ok(err.downcast::<HelmError>()?.to_string()),
    }
}

#[tokio::test]
async fn lint_has_nothing_to_say_with_and_without_values() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("values.json");
    std::fs::write(&file, values().to_string())?;
    for more in [vec![], vec!["--values".into(), file.into_os_string()]] {
        let lint = hangar_exec::Command::new(tool::helm_path()?)
            .env("HOME", dir.path())
            .args(["lint", "--strict", "--quiet"])
            .arg(tool::chart_path())
            .args(more);
        let output = lint.output(dir.path(), Duration::from_secs(60)).await?;
        ensure!(output.exit.is_success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    Ok(())
}

#[tokio::test]
async fn a_node_is_started_without_a_shell_and_listens_on_its_own_address() -> Result<()> {
    let manifest = Renderer::new().await?.render(values()).await?;
    let set = object(&manifest, "StatefulSet", "dss-cockroachdb")?;
    let database = container(&set, "cockroachdb")?;
    assert_eq!(database["command"], json!(["/cockroach/cockroach", "start"]));
    insta::assert_snapshot!(lines(&database["args"]), @r"
    --logtostderr
    --certs-dir=/cockroach/cockroach-certs
    --store=path=/cockroach/cockroach-data
    --listen-addr=$(POD_IP):26257
    --http-addr=$(POD_IP):8080
    --advertise-addr=$(ORDINAL).db.uss1.example.com:26257
    --locality=zone=uss1
    --locality-advertise-addr=zone=uss1@$(POD_NAME).dss-cockroachdb.uss1.svc.cluster.local:26257
    --join=dss-cockroachdb-0.dss-cockroachdb.uss1.svc.cluster.local:26257,0.db.uss2.example.com:26257
    --cache=25%
    --max-sql-memory=25%
    ");
    insta::assert_snapshot!(lines(&container(&set, "reload")?["command"]), @r"
    /usr/bin/hangar-agent
    reload
    --certs-dir=/cockroach/cockroach-certs
    --process=cockroach
    --listen=$(POD_IP):8090
    ");
    let ordinal = json!({"name": "ORDINAL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}}});
    assert_eq!(database["env"][2], ordinal);
    assert_eq!(set["spec"]["updateStrategy"]["type"], "OnDelete");
    assert_eq!(set["spec"]["podManagementPolicy"], "Parallel");
    Ok(())
}

#[tokio::test]
async fn core_service_is_told_whom_to_trust_and_logs_no_request() -> Result<()> {
    let manifest = Renderer::new().await?.render(values()).await?;
    let deployment = object(&manifest, "Deployment", "dss-core-service")?;
    let core = container(&deployment, "core-service")?;
    assert_eq!(core["command"], json!(["core-service"]));
    insta::assert_snapshot!(lines(&core["args"]), @r"
    --addr=$(POD_IP):8080
    --accepted_jwt_audiences=dss.uss1.example.com
    --public_endpoint=https://dss.uss1.example.com
    --locality=uss1
    --jwks_endpoint=https://auth.example.com/jwks.json
    --jwks_key_ids=k1
    --enable_scd=true
    --enable_scd_global_lock=false
    --log_format=json
    --log_level=info
    --datastore_max_open_conns=4
    --datastore_host=dss-cockroachdb-public.uss1.svc.cluster.local
    --datastore_port=26257
    --datastore_user=root
    --datastore_ssl_mode=verify-full
    --datastore_ssl_dir=/cockroach/cockroach-certs
    ");
    Ok(())
}

#[tokio::test]
async fn what_is_made_depends_on_the_release_alone() -> Result<()> {
    let renderer = Renderer::new().await?;
    let manifest = renderer.render_as("other", "any", values()).await?;
    let names = names(&manifest);
    let (digest, job) = names.split_once("-schema-").map(|(names, digest)| (digest, names)).unwrap_or_default();
    assert_eq!(digest.len(), 10);
    insta::assert_snapshot!(job, @r"
    PodDisruptionBudget other-cockroachdb
    PodDisruptionBudget other-core-service
    Service other-cockroachdb-node-0
    Service other-cockroachdb-node-1
    Service other-cockroachdb-node-2
    Service other-cockroachdb
    Service other-cockroachdb-public
    Service other-core-service
    Service other-gateway
    Deployment other-core-service
    StatefulSet other-cockroachdb
    Job other
    ");
    assert!(renderer.render_as(&"x".repeat(40), "any", values()).await.is_ok());
    Ok(())
}

/// An init job would found a second cluster for whoever installs a joiner with an empty list.
#[tokio::test]
async fn nothing_here_ever_initialises_a_cluster() -> Result<()> {
    let manifest = Renderer::new().await?.render(values()).await?;
    for object in manifest.objects() {
        let text = manifest.text(object).unwrap_or_default();
        assert!(!text.contains("helm.sh/hook"), "{object}");
        let parsed: Value = serde_norway::from_str(text)?;
        for container in parsed["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten() {
            let words = format!("{}\n{}", lines(&container["command"]), lines(&container["args"]));
            let never = |word: &&str| ["init", "sh", "bash", "-c", "-ec"].contains(word);
            assert_eq!(words.split(['\n', '/']).find(never), None, "{object}: {words}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn no_pod_has_a_token_a_capability_or_a_writable_image() -> Result<()> {
    let manifest = Renderer::new().await?.render(values()).await?;
    let workloads = ["StatefulSet", "Deployment", "Job"];
    let mut n_pods = 0;
    for object in manifest.objects().filter(|object| workloads.contains(&object.kind.as_str())) {
        let workload: Value = serde_norway::from_str(manifest.text(object).unwrap_or_default())?;
        let pod = &workload["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false, "{object}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{object}");
        for container in pod["containers"].as_array().context("no containers")? {
            let security = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
            assert_eq!(container["securityContext"], security, "{object}");
        }
        n_pods += 1;
    }
    assert_eq!(n_pods, 3);
    Ok(())
}

#[tokio::test]
async fn every_node_has_one_address_that_only_members_may_call() -> Result<()> {
    let renderer = Renderer::new().await?;
    let mut values = values();
    example::set(
        &mut values,
        "/cockroachdb/service",
        json!({
            "annotations": {"all": "a"}, "nodeAnnotations": [{"own": "0"}, {"own": "1", "all": "b"}], "loadBalancerIPs": ["192.0.2.10"],
        }),
    );
    let manifest = renderer.render(values).await?;
    let first = object(&manifest, "Service", "dss-cockroachdb-node-0")?;
    assert_eq!(first["spec"]["loadBalancerSourceRanges"], json!(["192.0.2.0/28", "198.51.100.7/32"]));
    assert_eq!(first["spec"]["selector"]["statefulset.kubernetes.io/pod-name"], "dss-cockroachdb-0");
    assert_eq!(first["spec"]["loadBalancerIP"], "192.0.2.10");
    assert_eq!(first["metadata"]["annotations"]["external-dns.alpha.kubernetes.io/hostname"], "0.db.uss1.example.com");
    let second = object(&manifest, "Service", "dss-cockroachdb-node-1")?;
    assert_eq!(
        (&second["metadata"]["annotations"]["own"], &second["metadata"]["annotations"]["all"]),
        (&json!("1"), &json!("b"))
    );
    assert!(second["spec"]["loadBalancerIP"].is_null());
    assert!(object(&manifest, "Service", "dss-cockroachdb-node-3").is_err());
    let closed = renderer.render(with("/cockroachdb/sourceRanges", json!([]))).await?;
    let first = object(&closed, "Service", "dss-cockroachdb-node-0")?;
    assert_eq!(first["spec"]["loadBalancerSourceRanges"], json!(["255.255.255.255/32"]));
    Ok(())
}

#[tokio::test]
async fn a_founder_first_runs_no_api_and_a_member_migrates_nothing() -> Result<()> {
    let renderer = Renderer::new().await?;
    let mut quiet = values();
    example::set(&mut quiet, "/coreService", json!({"enabled": false}));
    example::set(&mut quiet, "/schema/run", json!(false));
    let manifest = renderer.render(quiet).await?;
    assert!(manifest.objects().all(|object| !["Deployment", "Job", "ConfigMap"].contains(&object.kind.as_str())));
    assert!(object(&manifest, "StatefulSet", "dss-cockroachdb").is_ok());
    Ok(())
}

#[tokio::test]
async fn another_migration_is_another_job() -> Result<()> {
    let renderer = Renderer::new().await?;
    let job =
        |manifest: &Manifest| manifest.objects().find(|object| object.kind == "Job").map(|object| object.name.clone());
    let first = job(&renderer.render(values()).await?).context("no job")?;
    let same = job(&renderer.render(with("/gateway/port", json!(8443))).await?).context("no job")?;
    let other = job(&renderer.render(with("/schema/versions/scd", json!("3.3.0"))).await?).context("no job")?;
    assert_eq!(first, same);
    assert_ne!(first, other);
    Ok(())
}

#[tokio::test]
async fn a_whole_reference_of_the_database_stands_as_it_is() -> Result<()> {
    let renderer = Renderer::new().await?;
    let digest = format!("sha256:{}", "a".repeat(64));
    let cases = [
        ("registry.example:5000/db".to_owned(), "registry.example:5000/db:v24.1.3".to_owned(), "v24.1.3"),
        ("registry.example:5000/db:v23.2.1".to_owned(), "registry.example:5000/db:v23.2.1".to_owned(), "v23.2.1"),
        (format!("example/db@{digest}"), format!("example/db@{digest}"), "v24.1.3"),
        (format!("example/db:v23.2.1@{digest}"), format!("example/db:v23.2.1@{digest}"), "v23.2.1"),
    ];
    for (given, image, version) in cases {
        let manifest = renderer.render(with("/cockroachdb/image", json!(given))).await?;
        let set = object(&manifest, "StatefulSet", "dss-cockroachdb")?;
        assert_eq!(container(&set, "cockroachdb")?["image"], image);
        assert_eq!(set["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"], version);
    }
    Ok(())
}

#[tokio::test]
async fn what_is_missing_is_named_with_its_key() -> Result<()> {
    let cases = [
        ("/agent/image", json!(""), "agent.image is needed"),
        ("/cockroachdb/join", json!([]), "cockroachdb.join is needed"),
        ("/cockroachdb/locality", json!([]), "cockroachdb.locality is needed"),
        ("/cockroachdb/advertise/suffix", json!(""), "cockroachdb.advertise.suffix is needed"),
        ("/coreService/hostname", json!(""), "coreService.hostname is needed"),
        ("/coreService/locality", json!(""), "coreService.locality is needed"),
        ("/coreService/authorization/jwksEndpoint", json!(""), "authorization needs jwksEndpoint or publicKeys"),
    ];
    for (pointer, value, wanted) in cases {
        let told = refused(with(pointer, value)).await?;
        assert!(told.contains(wanted), "{pointer}: {told}");
    }
    Ok(())
}

#[tokio::test]
async fn unknown_and_misspelt_keys_are_refused_all_at_once() -> Result<()> {
    let mut values = with("/cockroachdb/replicas", json!(3));
    example::set(&mut values, "/coreService/replicas", json!("two"));
    let told = refused(values).await?;
    assert!(told.contains("'/cockroachdb': additional properties 'replicas' not allowed"), "{told}");
    assert!(told.contains("'/coreService/replicas': got string, want integer"), "{told}");
    Ok(())
}
