//! Probes and verbs as Jobs, from their making to their last trace.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hangar_kube::jobs::{ProbeIdentity, ProbeJob, SqlClient, VerbJob, probe, verb};
use hangar_kube::rollout::{self, Level, Target};
use hangar_kube::{Cluster, KubeError};
use hangar_plan::strategy::observation::Observation;
use hangar_plan::strategy::probe::{HttpQuestion, Probe, Question, SqlQuestion, Vantage};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::control_plane::SOON;
use crate::kubelet::{Kubelet, Play};
use crate::machine::fresh;

fn ready(id: &str) -> Probe {
    let question = HttpQuestion {
        host: "db-0.db".into(),
        port: 8080,
        tls: true,
        server_name: None,
        path: "/health?ready=1".into(),
    };
    Probe { id: id.into(), vantage: Vantage::OwnCluster, timeout_ms: 5000, question: Question::Http(question) }
}

fn sql(id: &str) -> Probe {
    let question = SqlQuestion {
        host: "db-0.db".into(),
        port: 26257,
        server_name: None,
        database: "defaultdb".into(),
        statement: "SELECT 1".into(),
    };
    Probe { id: id.into(), vantage: Vantage::OwnCluster, timeout_ms: 5000, question: Question::Sql(question) }
}

fn mounted(workload: &str) -> Probe {
    let question = Question::Mounted(workload.into());
    Probe { id: format!("mounted/{workload}"), vantage: Vantage::OwnCluster, timeout_ms: 5000, question }
}

fn identity() -> ProbeIdentity {
    ProbeIdentity { certificate_pem: "leaf".into(), key_pem: "key".into(), bundle_pem: "bundle".into() }
}

fn job<'a>(namespace: &'a str, probes: &'a [Probe], identity: &'a ProbeIdentity) -> ProbeJob<'a> {
    ProbeJob {
        namespace,
        image: "example/hangar:1",
        pull_secrets: &[],
        probes,
        identity,
        client: &CLIENT,
        deadline: SOON,
    }
}

static CLIENT: LazyLock<SqlClient> = LazyLock::new(|| SqlClient {
    secret: "client-root".into(),
    user: "root".into(),
    certificate_file: "client.root.crt".into(),
    key_file: "client.root.key".into(),
});

fn answer(ids: &[&str]) -> String {
    let results: Vec<Value> = ids
        .iter()
        .map(|id| json!({"id": id, "at-ms": 1, "observation": {"http": {"status": 200, "body": "{}"}}}))
        .collect();
    json!({"version": 1, "results": results}).to_string()
}

fn receipt(answer: &str) -> String {
    json!({"length": answer.len(), "sha256": hex::encode(Sha256::digest(answer))}).to_string()
}

fn well(answer: &str, outputs: Vec<String>) -> Play {
    Play::End { exit_code: 0, message: receipt(answer), outputs }
}

/// Nothing of a Job is left, once the garbage collector has been by.
async fn nothing_left(cluster: &Cluster, namespace: &str) -> Result<()> {
    let ours = ListParams::default().labels("app.kubernetes.io/managed-by=hangar");
    let jobs: Api<Job> = Api::namespaced(cluster.client().clone(), namespace);
    let secrets: Api<Secret> = Api::namespaced(cluster.client().clone(), namespace);
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client().clone(), namespace);
    let pods: Api<Pod> = Api::namespaced(cluster.client().clone(), namespace);
    let started = tokio::time::Instant::now();
    loop {
        let counts = [
            jobs.list(&ours).await?.items.len(),
            secrets.list(&ours).await?.items.len(),
            maps.list(&ours).await?.items.len(),
            pods.list(&ours).await?.items.len(),
        ];
        if counts == [0; 4] {
            return Ok(());
        }
        anyhow::ensure!(started.elapsed() < SOON, "jobs, secrets, config maps, pods left: {counts:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_round_of_probes_is_answered_and_leaves_no_trace() -> Result<()> {
    let cluster = fresh("round").await?;
    let seen: Arc<Mutex<Option<Pod>>> = Arc::default();
    let pod_seen = Arc::clone(&seen);
    // The log mixes outputs, and lags behind the end of the container.
    let answer = answer(&["ready/0", "ready/1"]);
    let outputs = vec![String::new(), answer[..20].to_owned(), format!("a warning\n{answer}\n")];
    let _kubelet = Kubelet::start(&cluster, "round", move |pod| {
        pod_seen.lock().expect("no panic").get_or_insert_with(|| pod.clone());
        well(&answer, outputs.clone())
    });
    let probes = [ready("ready/0"), ready("ready/1")];
    let results = probe(&cluster, &job("round", &probes, &identity())).await?;
    assert_eq!(results.len(), 2);
    assert!(matches!(&results[0].observation, Observation::Http(http) if http.status == 200));
    let pod = seen.lock().expect("no panic").clone().context("no pod")?;
    let spec = pod.spec.context("no spec")?;
    assert_eq!(spec.automount_service_account_token, Some(false));
    assert_eq!(
        spec.containers[0].command.as_deref(),
        Some(["/usr/bin/hangar-agent", "probe", "--identity=/etc/hangar/identity"].map(ToOwned::to_owned).as_slice())
    );
    let mounts: Vec<_> =
        spec.containers[0].volume_mounts.iter().flatten().map(|mount| mount.mount_path.as_str()).collect();
    assert_eq!(mounts, ["/etc/hangar/spec.json", "/etc/hangar/identity"]);
    nothing_left(&cluster, "round").await
}

#[tokio::test]
async fn what_a_pod_mounts_is_there_before_it_and_owned_by_its_job() -> Result<()> {
    let cluster = fresh("owned").await?;
    let (sender, mut started) = tokio::sync::mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let answer = answer(&["ready/0", "one/0", "mounted/db"]);
    let mut is_released = false;
    let labels = json!({"app": "db"});
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {"replicas": 2, "serviceName": "db", "podManagementPolicy": "Parallel", "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "x"}]}}}});
    let sets: Api<StatefulSet> = Api::namespaced(cluster.client().clone(), "owned");
    sets.patch("db", &PatchParams::apply("test"), &Patch::Apply(set)).await?;
    let both = [Target::StatefulSet("db".to_owned(), Level::Running)];
    let _kubelet = Kubelet::start(&cluster, "owned", move |pod| {
        if pod.labels().contains_key("app") {
            return Play::Run { ready: true };
        }
        sender.send(pod.clone()).ok();
        is_released = is_released || released.try_recv().is_ok();
        if is_released { well(&answer, vec![answer.clone()]) } else { Play::Run { ready: true } }
    });
    rollout::wait(&cluster, "owned", &both, SOON, |_| ()).await?;
    let round = {
        let cluster = cluster.clone();
        tokio::spawn(async move {
            let probes = [ready("ready/0"), sql("one/0"), mounted("db")];
            probe(&cluster, &job("owned", &probes, &identity())).await.map(|results| results.len())
        })
    };
    let pod = started.recv().await.context("no pod")?;
    let name = pod.labels().get("batch.kubernetes.io/job-name").context("no job's pod")?.clone();
    let secrets: Api<Secret> = Api::namespaced(cluster.client().clone(), "owned");
    let secret = secrets.get(&name).await?;
    assert_eq!(
        secret.data.iter().flatten().map(|(file, _)| file.as_str()).collect::<Vec<_>>(),
        ["ca.crt", "tls.crt", "tls.key"]
    );
    assert_eq!(secret.owner_references()[0].kind, "Job");
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client().clone(), "owned");
    let map = maps.get(&name).await?;
    assert_eq!((map.immutable, map.owner_references()[0].name.as_str()), (Some(true), name.as_str()));
    let given: Value = serde_json::from_str(&map.data.context("no data")?["spec.json"])?;
    assert_eq!(given["version"], 1);
    assert_eq!(serde_json::from_value::<Vec<Probe>>(given["probes"].clone())?.len(), 3);
    let names: Vec<_> =
        given["targets"]["db"].as_array().into_iter().flatten().map(|target| &target["address"]).collect();
    assert_eq!(names, ["db-0.db", "db-1.db"]);
    assert!(given["targets"]["nothing"].is_null());
    // Asking by SQL, it needs the root client.
    let mounts = pod.spec.as_ref().map(|spec| &spec.containers[0].volume_mounts);
    assert!(mounts.into_iter().flatten().flatten().any(|mount| mount.mount_path == "/etc/hangar/client"));
    release.send(())?;
    assert_eq!(round.await??, 3);
    nothing_left(&cluster, "owned").await
}

#[tokio::test]
async fn an_answer_that_is_not_what_was_written_is_refused() -> Result<()> {
    let cluster = fresh("forged").await?;
    let (written, read) = (answer(&["ready/0"]), answer(&["ready/9"]));
    let _kubelet = Kubelet::start(&cluster, "forged", move |_| well(&written, vec![read.clone()]));
    let err = probe(&cluster, &job("forged", &[ready("ready/0")], &identity())).await.map(drop);
    assert!(matches!(&err, Err(KubeError::Answer { reason, .. }) if reason.contains("digest")), "{err:?}");
    nothing_left(&cluster, "forged").await
}

#[tokio::test]
async fn a_question_without_answer_is_named() -> Result<()> {
    let cluster = fresh("partial").await?;
    let partial = answer(&["ready/0"]);
    let _kubelet = Kubelet::start(&cluster, "partial", move |_| well(&partial, vec![partial.clone()]));
    let err = probe(&cluster, &job("partial", &[ready("ready/0"), ready("ready/1")], &identity())).await.map(drop);
    assert!(matches!(&err, Err(KubeError::Answer { reason, .. }) if reason == "nothing about `ready/1`"), "{err:?}");
    Ok(())
}

#[tokio::test]
async fn a_probe_without_its_image_says_so() -> Result<()> {
    let cluster = fresh("imageless").await?;
    let message = "manifest unknown".to_owned();
    let _kubelet = Kubelet::start(&cluster, "imageless", move |_| Play::Wait {
        reason: "ImagePullBackOff",
        message: message.clone(),
    });
    let (probes, identity) = ([ready("ready/0")], identity());
    let short = ProbeJob { deadline: Duration::from_secs(8), ..job("imageless", &probes, &identity) };
    let err = probe(&cluster, &short).await.map(drop);
    assert!(
        matches!(&err, Err(KubeError::Deadline { seen, .. }) if seen.ends_with("main: image `example/hangar:1` not found")),
        "{err:?}"
    );
    nothing_left(&cluster, "imageless").await
}

#[tokio::test]
async fn a_program_that_fails_is_quoted() -> Result<()> {
    let cluster = fresh("broken").await?;
    let _kubelet = Kubelet::start(&cluster, "broken", |_| Play::End {
        exit_code: 1,
        message: "cannot read /etc/hangar/spec.json".to_owned(),
        outputs: vec!["more words\n".to_owned()],
    });
    let err = probe(&cluster, &job("broken", &[ready("ready/0")], &identity())).await.map(drop);
    let Err(KubeError::JobFailed { reason, output, .. }) = &err else { anyhow::bail!("{err:?}") };
    assert_eq!((reason.as_str(), output.as_str()), ("status 1: cannot read /etc/hangar/spec.json", "more words\n"));
    Ok(())
}

#[tokio::test]
async fn a_verb_ends_once_whoever_asks() -> Result<()> {
    let cluster = fresh("verb").await?;
    let pods: Arc<Mutex<Vec<String>>> = Arc::default();
    let made = Arc::clone(&pods);
    let _kubelet = Kubelet::start(&cluster, "verb", move |pod| {
        let mut made = made.lock().expect("no panic");
        if !made.contains(&pod.name_any()) {
            made.push(pod.name_any());
        }
        Play::End {
            exit_code: 1,
            message: String::new(),
            outputs: vec!["ERROR: cluster has already been initialized\n".to_owned()],
        }
    });
    let command = ["/cockroach/cockroach", "init"].map(str::to_owned);
    let init = VerbJob {
        namespace: "verb",
        key: "op-1/init",
        image: "example/db:1",
        pull_secrets: &[],
        command: &command,
        client_secret: "client-root",
        client_path: "/cockroach/cockroach-certs",
        deadline: SOON,
    };
    // Two lives of one host ask at the same time: one Job, one pod, one end.
    let (one, other) = tokio::join!(verb(&cluster, &init), verb(&cluster, &init));
    let ends: Vec<_> = [one, other].into_iter().filter_map(Result::ok).collect();
    assert!(!ends.is_empty());
    for end in ends {
        assert_eq!((end.exit_code, end.output.as_str()), (1, "ERROR: cluster has already been initialized\n"));
    }
    assert_eq!(pods.lock().expect("no panic").len(), 1);
    nothing_left(&cluster, "verb").await
}

#[tokio::test]
async fn another_verb_of_the_same_key_is_refused() -> Result<()> {
    let cluster = fresh("other").await?;
    let _kubelet = Kubelet::start(&cluster, "other", |_| Play::Run { ready: true });
    let (init, drain) = (["x", "init"].map(str::to_owned), ["x", "drain"].map(str::to_owned));
    let job = |command| VerbJob {
        namespace: "other",
        key: "op-1/step",
        image: "example/db:1",
        pull_secrets: &[],
        command,
        client_secret: "client-root",
        client_path: "/certs",
        deadline: SOON,
    };
    let first = job(&init);
    tokio::select! {
        ended = verb(&cluster, &first) => anyhow::bail!("{ended:?}"),
        other = async {
            // The first one's Job is there once a pod is.
            let pods: Api<Pod> = Api::namespaced(cluster.client().clone(), "other");
            while pods.list(&ListParams::default()).await?.items.is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok::<_, anyhow::Error>(verb(&cluster, &job(&drain)).await)
        } => assert!(matches!(other?, Err(KubeError::Immutable { .. }))),
    }
    Ok(())
}
