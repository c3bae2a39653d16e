//! Workloads: seen, waited for, restarted.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hangar_kube::restart::{Restart, outdated, rolling};
use hangar_kube::rollout::{self, Level, Target};
use hangar_kube::{Cluster, KubeError, workload};
use hangar_plan::strategy::observation::{self, Observation};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use test_support::wait_for;

use crate::control_plane::SOON;
use crate::kubelet::{Kubelet, Play};
use crate::machine::{cluster, fresh};

/// A namespace with a StatefulSet `db` of three pods and its disruption budget.
async fn with_set(namespace: &str) -> Result<Cluster> {
    let cluster = fresh(namespace).await?;
    let labels = json!({"app": "db"});
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "db", "annotations": {"hangar.dev/configuration": "one"}},
        "spec": {"replicas": 3, "serviceName": "db", "podManagementPolicy": "Parallel", "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 1,
                "containers": [{"name": "main", "image": "example/db:1"}]}}}});
    let sets: Api<StatefulSet> = Api::namespaced(cluster.client().clone(), namespace);
    sets.patch("db", &PatchParams::apply("test"), &Patch::Apply(set)).await?;
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "db"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}}});
    let budgets: Api<PodDisruptionBudget> = Api::namespaced(cluster.client().clone(), namespace);
    budgets.patch("db", &PatchParams::apply("test"), &Patch::Apply(budget)).await?;
    Ok(cluster)
}

async fn wait(cluster: &Cluster, namespace: &str, level: Level, deadline: Duration) -> Result<(), KubeError> {
    let targets = [Target::StatefulSet("db".to_owned(), level)];
    rollout::wait(cluster, namespace, &targets, deadline, |_| ()).await
}

async fn seen(cluster: &Cluster, namespace: &str) -> Result<observation::Workload> {
    match workload::observe(cluster, namespace, "db").await? {
        Observation::Workload(workload) => Ok(workload),
        other => anyhow::bail!("{other:?}"),
    }
}

async fn pods(cluster: &Cluster, namespace: &str) -> Result<Vec<Pod>> {
    let api: Api<Pod> = Api::namespaced(cluster.client().clone(), namespace);
    let mut pods = api.list(&ListParams::default()).await?.items;
    pods.sort_by_key(ResourceExt::name_any);
    Ok(pods)
}

fn restart(namespace: &str) -> Restart<'_> {
    // A pod that the disruption controller has not seen end counts as evicted for two minutes.
    Restart { namespace, workload: "db", level: Level::Ready, deadline: 3 * SOON }
}

/// Restarts again and again, since how far one run gets in its time is the machine's matter, until one is stopped by what is meant.
async fn stopped<H, F>(
    cluster: &Cluster,
    restart: &Restart<'_>,
    health: H,
    is_meant: impl Fn(&str) -> bool,
) -> Result<String>
where
    H: Fn() -> F + Send + Sync,
    F: Future<Output = Option<String>> + Send,
{
    wait_for("a restart to come so far", async || {
        let err = rolling(cluster, restart, &health).await.expect_err("it does not come to its end");
        let KubeError::Deadline { seen, .. } = &err else { bail!("{err}") };
        ensure!(is_meant(seen), "{err}");
        Ok(Some(err.to_string()))
    })
    .await
}

/// Gives the pods another template.
async fn change(cluster: &Cluster, namespace: &str, release: &str) -> Result<()> {
    let sets: Api<StatefulSet> = Api::namespaced(cluster.client().clone(), namespace);
    let another = json!({"spec": {"template": {"metadata": {"labels": {"release": release}}}}});
    sets.patch("db", &PatchParams::default(), &Patch::Merge(another)).await?;
    Ok(())
}

#[tokio::test]
async fn pods_that_wait_for_their_cluster_run_and_are_not_ready() -> Result<()> {
    let cluster = with_set("waiting").await?;
    let _kubelet = Kubelet::start(&cluster, "waiting", |_| Play::Run { ready: false });
    wait(&cluster, "waiting", Level::Running, SOON).await?;
    let workload = seen(&cluster, "waiting").await?;
    assert_eq!((workload.wanted, workload.pods.len()), (3, 3));
    assert_eq!(workload.generation.as_deref(), Some("one"));
    for (ordinal, pod) in workload.pods.iter().enumerate() {
        assert_eq!(pod.name, format!("db-{ordinal}"));
        assert_eq!((pod.phase.as_str(), pod.ready, pod.reason.as_deref()), ("Running", false, Some("main: not ready")));
        assert!(pod.address.is_some() && pod.started_ms.is_some());
    }
    Ok(())
}

#[tokio::test]
async fn a_wait_that_ends_too_early_says_which_pod_lacks_what() -> Result<()> {
    let cluster = with_set("lacking").await?;
    let _kubelet = Kubelet::start(&cluster, "lacking", |pod| {
        if pod.name_any() == "db-1" {
            let message = "failed to pull: example/db:1: not found".to_owned();
            return Play::Wait { reason: "ErrImagePull", message };
        }
        Play::Run { ready: true }
    });
    let wanted = "running services not reached within 3 s; last seen: 2 of 3 pods of `db` are ready, pod db-1: main: image `example/db:1` not found";
    // How far the others are by then is the machine's matter.
    wait_for("the others to be ready in time", async || {
        let waited = wait(&cluster, "lacking", Level::Ready, Duration::from_secs(3)).await;
        let err = waited.expect_err("one is never ready").to_string();
        ensure!(err == wanted, "{err}");
        Ok(Some(()))
    })
    .await
}

#[tokio::test]
async fn what_is_not_there_is_absent() -> Result<()> {
    let cluster = cluster().await?;
    assert_eq!(workload::observe(&cluster, "default", "nothing").await?, Observation::Absent);
    let none =
        rollout::wait(&cluster, "default", &[Target::Service("nothing".to_owned())], Duration::from_secs(4), |_| ())
            .await;
    assert!(none.is_err_and(|err| err.to_string().ends_with("last seen: no service `nothing`")));
    Ok(())
}

#[tokio::test]
async fn a_deployment_is_there_once_all_pods_are_of_its_newest_template() -> Result<()> {
    let cluster = fresh("newest").await?;
    let _kubelet = Kubelet::start(&cluster, "newest", |_| Play::Run { ready: true });
    let api: Api<Deployment> = Api::namespaced(cluster.client().clone(), "newest");
    for image in ["example/core:1", "example/core:2"] {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "core"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "core"}},
                "template": {"metadata": {"labels": {"app": "core"}}, "spec": {"containers": [{"name": "main", "image": image}]}}}});
        api.patch("core", &PatchParams::apply("test"), &Patch::Apply(deployment)).await?;
        let target = [Target::Deployment("core".to_owned(), Level::Ready)];
        rollout::wait(&cluster, "newest", &target, SOON, |_| ()).await?;
        let all = pods(&cluster, "newest").await?;
        let images = all.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let images: Vec<_> = images.filter_map(|pod| pod.spec?.containers.first()?.image.clone()).collect();
        assert_eq!(images, [image, image]);
    }
    Ok(())
}

#[tokio::test]
async fn pods_are_restarted_one_at_a_time_from_the_highest() -> Result<()> {
    let cluster = with_set("rolling").await?;
    let order = Arc::new(Mutex::new(Vec::new()));
    let born = Arc::clone(&order);
    let _kubelet = Kubelet::start(&cluster, "rolling", move |pod| {
        let mut born = born.lock().expect("no panic");
        let one = (pod.name_any(), pod.uid());
        if !born.contains(&one) {
            born.push(one);
        }
        Play::Run { ready: true }
    });
    wait(&cluster, "rolling", Level::Ready, SOON).await?;
    let before: Vec<_> = pods(&cluster, "rolling").await?.iter().map(ResourceExt::uid).collect();
    let n_looks = AtomicUsize::new(0);
    let healthy = || {
        n_looks.fetch_add(1, Ordering::Relaxed);
        std::future::ready(None)
    };
    assert_eq!(rolling(&cluster, &restart("rolling"), healthy).await?, 0, "all are of the newest template");
    change(&cluster, "rolling", "second").await?;
    assert_eq!(outdated(&cluster, "rolling", "db").await?, ["db-2", "db-1", "db-0"]);
    assert_eq!(rolling(&cluster, &restart("rolling"), healthy).await?, 3);
    let after: Vec<_> = pods(&cluster, "rolling").await?.iter().map(ResourceExt::uid).collect();
    assert!(before.iter().all(|uid| !after.contains(uid)));
    let names: Vec<_> = order.lock().expect("no panic").iter().skip(3).map(|(name, _)| name.clone()).collect();
    assert_eq!(names, ["db-2", "db-1", "db-0"]);
    assert!(n_looks.load(Ordering::Relaxed) >= 3);
    // The same again finds nothing to do.
    assert_eq!(outdated(&cluster, "rolling", "db").await?, Vec::<String>::new());
    assert_eq!(rolling(&cluster, &restart("rolling"), healthy).await?, 0);
    assert_eq!(outdated(&cluster, "rolling", "nothing").await?, Vec::<String>::new());
    let nothing = rolling(&cluster, &Restart { workload: "nothing", ..restart("rolling") }, healthy).await;
    assert!(matches!(&nothing, Err(KubeError::NotFound { .. })), "{nothing:?}");
    Ok(())
}

#[tokio::test]
async fn no_pod_is_stopped_while_the_whole_is_not_well() -> Result<()> {
    let cluster = with_set("unwell").await?;
    let _kubelet = Kubelet::start(&cluster, "unwell", |_| Play::Run { ready: true });
    wait(&cluster, "unwell", Level::Ready, SOON).await?;
    let before: Vec<_> = pods(&cluster, "unwell").await?.iter().map(ResourceExt::uid).collect();
    change(&cluster, "unwell", "second").await?;
    let unwell = || std::future::ready(Some("4 ranges under-replicated".to_owned()));
    assert_eq!(outdated(&cluster, "unwell", "db").await?.len(), 3);
    let short = Restart { deadline: Duration::from_secs(4), ..restart("unwell") };
    let err = rolling(&cluster, &short, unwell).await;
    assert!(matches!(&err, Err(KubeError::Deadline { seen, .. }) if seen == "4 ranges under-replicated"), "{err:?}");
    let after: Vec<_> = pods(&cluster, "unwell").await?.iter().map(ResourceExt::uid).collect();
    assert_eq!(before, after);
    Ok(())
}

/// A node that does not come up keeps its database from being well: only its own restart makes it so.
#[tokio::test]
async fn the_pod_that_is_not_well_is_replaced_whatever_the_whole_says() -> Result<()> {
    let cluster = with_set("broken").await?;
    let broken: Arc<Mutex<Option<Option<String>>>> = Arc::default();
    let first = Arc::clone(&broken);
    let _kubelet = Kubelet::start(&cluster, "broken", move |pod| {
        let is_first =
            pod.name_any() == "db-2" && *first.lock().expect("no panic").get_or_insert_with(|| pod.uid()) == pod.uid();
        Play::Run { ready: !is_first }
    });
    wait(&cluster, "broken", Level::Running, SOON).await?;
    let before: Vec<_> = pods(&cluster, "broken").await?.iter().map(ResourceExt::uid).collect();
    change(&cluster, "broken", "second").await?;
    let unwell = || std::future::ready(Some("4 ranges under-replicated".to_owned()));
    let short = Restart { deadline: Duration::from_secs(5), ..restart("broken") };
    let err = stopped(&cluster, &short, unwell, |seen| seen == "4 ranges under-replicated").await?;
    let after: Vec<_> = pods(&cluster, "broken").await?.iter().map(ResourceExt::uid).collect();
    assert_eq!(before[..2], after[..2], "those that are well wait for the whole: {err}");
    assert_ne!(before[2], after[2], "the broken one does not: {err}");
    Ok(())
}

#[tokio::test]
async fn a_restart_stops_at_a_pod_that_does_not_come_back() -> Result<()> {
    let cluster = with_set("stuck").await?;
    let is_broken = Arc::new(AtomicBool::new(false));
    let broken = Arc::clone(&is_broken);
    let mut first = None;
    let _kubelet = Kubelet::start(&cluster, "stuck", move |pod| {
        let is_first_db_2 = pod.name_any() == "db-2" && *first.get_or_insert_with(|| pod.uid()) == pod.uid();
        Play::Run { ready: pod.name_any() != "db-2" || is_first_db_2 || !broken.load(Ordering::Relaxed) }
    });
    wait(&cluster, "stuck", Level::Ready, SOON).await?;
    is_broken.store(true, Ordering::Relaxed);
    let before: Vec<_> = pods(&cluster, "stuck").await?.iter().map(ResourceExt::uid).collect();
    let healthy = || std::future::ready(None);
    change(&cluster, "stuck", "second").await?;
    let short = Restart { deadline: Duration::from_secs(5), ..restart("stuck") };
    stopped(&cluster, &short, healthy, |seen| seen.starts_with("pod db-2:")).await?;
    let after: Vec<_> = pods(&cluster, "stuck").await?.iter().map(ResourceExt::uid).collect();
    assert_eq!(before[..2], after[..2]);
    // Cured, the same call goes on with the two that are left.
    is_broken.store(false, Ordering::Relaxed);
    assert_eq!(rolling(&cluster, &restart("stuck"), healthy).await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_failed_job_is_told_with_its_reason() -> Result<()> {
    let cluster = fresh("failing").await?;
    let message = "database is not there".to_owned();
    let _kubelet = Kubelet::start(&cluster, "failing", move |_| Play::End {
        exit_code: 3,
        message: message.clone(),
        outputs: Vec::new(),
    });
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "schema"},
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "rid", "image": "example/dss:1"}]}}}});
    let api: Api<k8s_openapi::api::batch::v1::Job> = Api::namespaced(cluster.client().clone(), "failing");
    api.patch("schema", &PatchParams::apply("test"), &Patch::Apply(job)).await?;
    let err = rollout::wait(&cluster, "failing", &[Target::Job("schema".to_owned())], SOON, |_| ()).await;
    let err = err.err().context("done")?;
    assert_eq!(err.to_string(), "job `schema` failed: rid: ended with status 3: database is not there");
    Ok(())
}
