//! The schema job, eviction, and `helm test`.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use test_chart::{Rendered, Renderer, lines, set, values, with};

fn names(rendered: &Rendered) -> Result<Vec<String>> {
    let pods = rendered.pods()?;
    let (_, pod) = pods.iter().find(|(name, _)| name.starts_with("Job ")).context("no job")?;
    Ok(test_chart::containers(pod).map(|container| container["name"].as_str().unwrap_or_default().to_owned()).collect())
}

#[test]
fn schemas_change_one_after_the_other_under_the_pools_lock() -> Result<()> {
    let rendered = Renderer::new()?.render(&values())?;
    assert_eq!(names(&rendered)?, ["lock", "aux", "rid", "scd", "unlock"]);
    let job = rendered.objects()?.into_iter().find(|object| object["kind"] == "Job").context("no job")?;
    assert_eq!(job["spec"]["template"]["spec"]["restartPolicy"], "Never");
    // The lock outlives the job that it protects.
    assert_eq!(job["spec"]["activeDeadlineSeconds"], 1800);
    let lock = lines(&rendered.container("Job", "lock")?["args"]);
    assert!(lock.contains("--lease-seconds=1860"), "{lock}");
    assert!(lock.contains("--owner=uss1/$(NAMESPACE)/$(JOB)"), "{lock}");
    assert_eq!(job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"], json!([4]));
    Ok(())
}

/// What a chart was made for is no wish of the pool's members.
#[test]
fn a_newer_chart_asks_for_nothing_that_its_operator_did_not_ask_for() -> Result<()> {
    let renderer = Renderer::new()?;
    let by_itself = lines(&renderer.render(&values())?.container("Job", "lock")?["args"]);
    assert!(!by_itself.contains(",asked") && !by_itself.contains("downgrade"), "{by_itself}");
    let asked = renderer.render(&with("/schema/versions/rid", json!("4.0.0")))?;
    let lock = lines(&asked.container("Job", "lock")?["args"]);
    assert!(
        lock.contains("--schema=rid=4.0.0,asked") && lock.contains("--schema=scd=3.4.1\n") | lock.ends_with("3.4.1"),
        "{lock}"
    );
    assert!(lines(&asked.container("Job", "rid")?["args"]).contains("--db_version=4.0.0"));
    let older = renderer.render(&with("/schema/allowDowngrade", json!(true)))?;
    assert!(lines(&older.container("Job", "lock")?["args"]).contains("--allow-downgrade"));
    Ok(())
}

/// `latest` is another version with every image.
#[test]
fn versions_of_schemas_are_pinned() -> Result<()> {
    let told = Renderer::new()?.refusal(&with("/schema/versions/rid", json!("latest")))?;
    assert!(told.contains("/schema/versions/rid"), "{told}");
    Ok(())
}

#[test]
fn another_migration_is_another_job() -> Result<()> {
    let renderer = Renderer::new()?;
    let job = |values: &Value| -> Result<String> {
        let rendered = renderer.render(values)?;
        let job = rendered.manifest.objects().find(|object| object.kind == "Job").context("no job")?;
        Ok(job.name.clone())
    };
    let first = job(&values())?;
    assert_eq!(first, job(&with("/gateway/port", json!(8443)))?);
    assert_ne!(first, job(&with("/schema/versions/scd", json!("3.3.0")))?);
    Ok(())
}

#[test]
fn a_founder_first_runs_no_api_and_a_member_migrates_nothing() -> Result<()> {
    let mut quiet = values();
    set(&mut quiet, "/coreService/enabled", json!(false));
    set(&mut quiet, "/schema/run", json!(false));
    let rendered = Renderer::new()?.render(&quiet)?;
    let gone = ["Deployment", "Job", "CronJob", "ConfigMap"];
    assert!(rendered.manifest.objects().all(|object| !gone.contains(&object.kind.as_str())), "{}", rendered.names());
    assert!(rendered.object("StatefulSet", "dss-cockroachdb").is_ok());
    Ok(())
}

#[test]
fn expired_rows_go_and_only_those_that_were_meant() -> Result<()> {
    let rendered = Renderer::new()?.render(&with("/evict/scd/enabled", json!(true)))?;
    insta::assert_snapshot!(lines(&rendered.container("CronJob dss-evict-rid", "evict")?["args"]), @r"
    evict
    --rid_isa=true
    --rid_sub=true
    --rid_ttl=30m
    --scd_oir=false
    --scd_sub=false
    --locality=uss1
    --delete=true
    --datastore_host=dss-cockroachdb-public.uss1.svc.cluster.local
    --datastore_port=26257
    --datastore_user=root
    --datastore_ssl_mode=verify-full
    --datastore_ssl_dir=/cockroach/cockroach-certs
    ");
    let scd = lines(&rendered.container("CronJob dss-evict-scd", "evict")?["args"]);
    assert!(
        scd.contains("--rid_isa=false") && scd.contains("--scd_ttl=2688h") && scd.contains("--delete=true"),
        "{scd}"
    );
    assert_eq!(rendered.object("CronJob", "dss-evict-rid")?["spec"]["concurrencyPolicy"], "Forbid");
    Ok(())
}

#[test]
fn tests_ask_the_api_for_its_token_check_and_every_node_for_its_cluster() -> Result<()> {
    let id = "6b2b8e0e-5f2c-4a62-9d5e-0f2b9a3c1d11";
    let rendered = Renderer::new()?.render(&with("/tests/clusterId", json!(id)))?;
    let args = |name: &str| -> Result<String> {
        Ok(lines(&rendered.container(&format!("Pod dss-test-{name}"), name)?["args"]).replace('\n', " "))
    };
    assert!(args("api")?.contains("--path=/healthy --status=200"));
    assert!(args("token")?.contains("--path=/aux/v1/pool --status=401"));
    assert_eq!(args("database")?.matches("--node=").count(), 3);
    assert!(args("database")?.contains(&format!("--identity={id}")));
    Ok(())
}
