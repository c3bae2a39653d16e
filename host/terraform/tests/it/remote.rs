//! A state that lies elsewhere: its life, its lock, and what a crash leaves of both.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hangar_exec::Spool;
use hangar_plan::hint::Hint as _;
use hangar_terraform::{Driver, Event, Planning, Quiet, StackPlan, StateLock, TerraformError};
use serde_json::{Value, json};

use crate::crash::{killed_in_the_middle, resource_ids_of};
use crate::real::SLOW;
use crate::site::{Ears, Site, files_with};
use crate::state_server::StateServer;
use crate::steps::{engine, planned, run};

const MODULE: &str = "resource \"terraform_data\" \"a\" {\n  input = 1\n}\noutput \"password\" {\n  sensitive = true\n  value = \"CAN${\"\"}ARY\"\n}\n";

fn remote(module: &str) -> (Site, StateServer) {
    let (site, server) = (Site::new(), StateServer::start());
    site.set_remote(&server.settings());
    site.lay_down(module);
    (site, server)
}

fn state(server: &StateServer) -> Value {
    server.with(|bucket| bucket.state().unwrap())
}

#[tokio::test]
async fn a_state_that_lies_elsewhere_is_planned_applied_found_unchanged_and_destroyed() {
    let (site, server) = remote(MODULE);
    let driver = Arc::new(site.real().await);
    let plan = planned(&site, &driver, Planning::Apply).await;
    assert_eq!((plan.summary.add, plan.state.clone()), (1, None));
    let report = run(&site, &driver, &plan).await.unwrap();
    assert_eq!(report.n_changed(), 1);
    assert_eq!(server.with(|bucket| bucket.lock()), None);
    let again = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    assert!(!again.has_changes());
    assert_eq!(again.state.as_ref().map(|mark| json!(mark.lineage)), Some(state(&server)["lineage"].clone()));
    // The state has it, and nothing on this machine does.
    assert!(state(&server).to_string().contains("CANARY"));
    fs::remove_file(again.file).unwrap();
    assert_eq!(files_with(&site.dir, "CANARY"), Vec::<String>::new());

    let down = driver.plan(Planning::Destroy, &site.folder(), &Quiet).await.unwrap();
    driver.apply(&down, &site.folder(), &Quiet).await.unwrap();
    assert_eq!(state(&server)["resources"], json!([]));
}

/// Killed before the tool sent its state anywhere: the lock stays, and what it made is known to nobody but its stream.
#[tokio::test]
async fn host_and_tool_killed_leave_a_lock_that_is_ours_and_nothing_is_made_twice() {
    let (site, server) = remote(SLOW);
    let driver = Arc::new(site.real().await);
    let plan = planned(&site, &driver, Planning::Apply).await;
    let spool = killed_in_the_middle(&site, &plan);
    let made = made_by(&spool);
    assert_eq!(made.len(), 1, "the quick one was made");
    assert!(
        server.with(|bucket| bucket.state().is_none() && bucket.lock().is_some()),
        "the wreck is another than was meant"
    );

    let locked = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap_err();
    let TerraformError::Locked { lock, .. } = &locked else { panic!("{locked}") };
    assert!(lock.to_string().contains("ago)"), "{lock}");
    let children = engine(&site).journal().children().await.unwrap();
    assert!(driver.unlock_if_ours(lock, &children, &site.folder()).await.unwrap());
    assert_eq!(driver.lock(&site.folder(), &Quiet).await.unwrap(), None);

    // Whoever plans now sees it as what it is.
    let attempt = engine(&site).last_attempt(&crate::steps::key("infra/apply")).await.unwrap().unwrap();
    let unheard = driver.unheard_of(&attempt, &site.folder(), &Quiet).await.unwrap();
    assert_eq!(unheard, ["terraform_data.slow"], "what was being made is not told");
    let lost = driver.lost_by(&attempt, &site.folder(), &Quiet).await.unwrap();
    let shown = driver.plan_taking_back(Planning::Apply, lost, &site.folder(), &Quiet).await.unwrap();
    let taken = shown.changes.iter().find(|change| change.address == "terraform_data.quick").unwrap();
    assert_eq!(taken.import_id.as_deref(), Some(made[0].as_str()));

    run(&site, &driver, &plan).await.unwrap();
    let ids = resource_ids_of(&state(&server));
    assert!(ids.contains(&made[0]), "it was made twice");
    assert_eq!(ids.len(), 3);
    assert_eq!(server.with(|bucket| bucket.lock()), None);
    assert!(!site.dir.join("infra/hangar_import.tf").exists());
}

/// Ids of what a tool has made, by its stream.
pub(crate) fn made_by(spool: &Spool) -> Vec<String> {
    let mut parser = hangar_terraform::Parser::default();
    let text = fs::read_to_string(spool.path(hangar_exec::Stream::Stdout)).unwrap();
    let made = text.lines().filter_map(|line| match parser.read(line) {
        Event::Completed(resource) => resource.id,
        _ => None,
    });
    made.collect()
}

#[tokio::test]
async fn the_lock_of_somebody_else_is_explained_and_left() {
    let (site, server) = remote(MODULE);
    let driver = site.real().await;
    driver.init(&site.folder(), &Quiet).await.unwrap();
    let theirs = json!({
        "ID": "a7cf5879-0000-4000-8000-000000000000", "Operation": "OperationTypeApply", "Info": "", "Who": "ana@build-3",
        "Version": "1.11.4", "Created": "2026-11-27T21:25:33.202491996Z", "Path": "",
    });
    server.with(|bucket| bucket.set_lock(Some(&theirs)));
    let locked = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap_err();
    assert!(
        locked.to_string().contains("is locked by ana@build-3 (apply, since 2026-11-27 21:25:33 UTC, "),
        "{locked}"
    );
    assert!(locked.hint().unwrap().contains("hangar unlock"));
    let lock: StateLock = driver.lock(&site.folder(), &Quiet).await.unwrap().unwrap();
    let children = engine(&site).journal().children().await.unwrap();
    assert!(!driver.unlock_if_ours(&lock, &children, &site.folder()).await.unwrap());
    assert_eq!(server.with(|bucket| bucket.lock()), Some(theirs));
}

#[tokio::test]
async fn a_network_that_is_cut_in_the_middle_loses_nothing() {
    let (site, server) = remote(SLOW);
    let driver = Arc::new(site.real().await);
    let plan = planned(&site, &driver, Planning::Apply).await;
    let failed = cut_in_the_middle(&server, &driver, &plan, &site.folder(), &Ears::default()).await;
    assert!(matches!(failed, TerraformError::Apply { .. }), "{failed}");
    assert!(failed.to_string().contains("state"), "{failed}");
    assert!(site.dir.join("infra/errored.tfstate").exists(), "the tool has kept it: {failed}");

    // The network is back; the lock that could not be given back is there still.
    server.with(|bucket| {
        bucket.is_cut = false;
        bucket.set_lock(None);
    });
    driver.recover(&site.folder()).await.unwrap();
    assert!(!site.dir.join("infra/errored.tfstate").exists());
    assert_eq!(resource_ids_of(&state(&server)).len(), 3, "all that was done is known");
    let again = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    assert!(!again.has_changes());
}

/// Applies, and cuts the network once the slow resource is being made.
async fn cut_in_the_middle(
    server: &StateServer,
    driver: &Driver,
    plan: &StackPlan,
    folder: &Path,
    ears: &Ears,
) -> TerraformError {
    let cut = async {
        let is_slow = |event: &Event| matches!(event, Event::Started(resource) if resource.address.ends_with("slow"));
        while !ears.heard.lock().unwrap().iter().any(is_slow) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        server.with(|bucket| bucket.is_cut = true);
    };
    let (failed, ()) = tokio::join!(driver.apply(plan, folder, ears), cut);
    failed.unwrap_err()
}

/// The tool then prints it, secrets and all.
#[tokio::test]
async fn a_state_that_can_be_written_nowhere_is_kept_and_shown_to_nobody() {
    let password = "output \"password\" {\n  sensitive = true\n  value = \"CAN${\"\"}ARY\"\n}\n";
    let (site, server) = remote(&format!("{SLOW}{password}"));
    let driver = Arc::new(site.real().await);
    let plan = planned(&site, &driver, Planning::Apply).await;
    let (ears, folder) = (Ears::default(), site.folder());
    let taken = site.dir.join("infra/errored.tfstate");
    fs::create_dir(&taken).unwrap();
    let failed = cut_in_the_middle(&server, &driver, &plan, &folder, &ears).await;
    assert!(failed.hint().unwrap().contains("the state was set aside"), "{failed}");
    assert!(ears.heard.lock().unwrap().contains(&Event::Dumped));
    let shown = format!("{failed:?}{:?}", ears.heard.lock().unwrap());
    assert!(!shown.contains("CANARY"), "{shown}");
    fs::remove_file(&plan.file).unwrap();
    let kept = folder.strip_prefix(&site.dir).unwrap().join("apply/errored.tfstate");
    assert_eq!(files_with(&site.dir, "CANARY"), [kept.to_str().unwrap()]);

    // Somebody sees to both places.
    fs::remove_dir(&taken).unwrap();
    server.with(|bucket| {
        bucket.is_cut = false;
        bucket.set_lock(None);
    });
    driver.hear_out(&folder, &Quiet).await.unwrap();
    driver.recover(&site.folder()).await.unwrap();
    assert_eq!(resource_ids_of(&state(&server)).len(), 3, "all that was done is known");
    assert!(!driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap().has_changes());
}

#[tokio::test]
async fn a_backend_that_cannot_be_reached_is_named() {
    let (site, server) = remote(MODULE);
    server.with(|bucket| bucket.is_cut = true);
    let driver = site.real().await;
    let refused = driver.init(&site.folder(), &Quiet).await.err();
    let refused = match refused {
        Some(refused) => refused,
        None => driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap_err(),
    };
    assert!(refused.to_string().contains("S3"), "{refused}");
    assert!(refused.hint().is_some());
}
