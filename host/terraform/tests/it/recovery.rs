//! Wrecks, and what is made of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hangar_plan::hint::Hint as _;
use hangar_terraform::{Planning, Quiet, TerraformError};
use serde_json::Value;

use crate::site::{Site, files_with};
use crate::steps::{assert_settled, planned, run};

const TWO: &str = "resource \"terraform_data\" \"a\" {\n  input = 1\n}\nresource \"terraform_data\" \"b\" {\n  input = terraform_data.a.id\n}\n";

fn edit(site: &Site, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut state: Value = serde_json::from_slice(&fs::read(site.state_file()).unwrap()).unwrap();
    change(&mut state);
    serde_json::to_vec(&state).unwrap()
}

#[tokio::test]
async fn a_state_that_could_not_be_put_in_place_is_put_there() {
    let site = Site::new();
    site.lay_down(TWO);
    let driver = Arc::new(site.real().await);
    let plan = planned(&site, &driver, Planning::Apply).await;
    driver.apply(&plan, &site.folder(), &Quiet).await.unwrap();
    // As after a failed write: the newer state beside the module, an older one in its place.
    let newer = edit(&site, |state| state["serial"] = 100.into());
    let older = edit(&site, |state| state["resources"] = Value::Array(Vec::new()));
    fs::write(site.dir.join("infra/errored.tfstate"), newer).unwrap();
    fs::write(site.state_file(), older).unwrap();

    driver.recover(&site.folder()).await.unwrap();
    driver.recover(&site.folder()).await.unwrap();
    assert!(!site.dir.join("infra/errored.tfstate").exists());
    assert!(!driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap().has_changes());
}

#[tokio::test]
async fn a_state_of_another_stack_is_never_put_in_place() {
    let site = Site::new();
    site.lay_down(TWO);
    let driver = Arc::new(site.real().await);
    let plan = planned(&site, &driver, Planning::Apply).await;
    driver.apply(&plan, &site.folder(), &Quiet).await.unwrap();
    let foreign = edit(&site, |state| {
        state["serial"] = 100.into();
        state["lineage"] = "another".into();
    });
    fs::write(site.dir.join("infra/errored.tfstate"), foreign).unwrap();
    let refused = driver.recover(&site.folder()).await.unwrap_err();
    assert!(matches!(refused, TerraformError::ForeignState { .. }), "{refused}");
    assert!(site.dir.join("infra/errored.tfstate").exists());
}

/// A killed `tofu` leaves an empty state file.
#[tokio::test]
async fn an_emptied_state_is_restored_from_the_copy_before() {
    let site = Site::new();
    site.lay_down(TWO);
    let driver = Arc::new(site.real().await);
    let plan = planned(&site, &driver, Planning::Apply).await;
    driver.apply(&plan, &site.folder(), &Quiet).await.unwrap();
    let state = site.state_file();
    fs::copy(&state, state.with_file_name("terraform.tfstate.hangar-backup")).unwrap();
    fs::write(&state, b"").unwrap();
    driver.recover(&site.folder()).await.unwrap();
    assert!(!driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap().has_changes());
}

/// A full disk leaves a torn file.
#[tokio::test]
async fn a_torn_state_is_restored_from_what_is_whole_or_its_cure_is_named() {
    let site = Site::new();
    site.lay_down(TWO);
    let driver = Arc::new(site.real().await);
    let plan = planned(&site, &driver, Planning::Apply).await;
    driver.apply(&plan, &site.folder(), &Quiet).await.unwrap();
    let (state, whole) = (site.state_file(), fs::read(site.state_file()).unwrap());
    let tear = || fs::write(&state, &whole[..whole.len() / 2]).unwrap();
    tear();
    let refused = driver.recover(&site.folder()).await.unwrap_err();
    assert!(matches!(refused, TerraformError::Torn { .. }), "{refused}");
    assert!(refused.hint().unwrap().contains("put a copy of the state in the place of `"), "{refused}");

    let copy = state.with_file_name("terraform.tfstate.hangar-backup");
    fs::write(&copy, &whole).unwrap();
    driver.recover(&site.folder()).await.unwrap();
    assert_eq!((fs::read(&state).unwrap(), copy.exists()), (whole.clone(), false));

    // The disk had room for what the tool has set aside, and for no copy before.
    tear();
    fs::write(site.dir.join("infra/errored.tfstate"), &whole).unwrap();
    driver.recover(&site.folder()).await.unwrap();
    assert!(!driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap().has_changes());
}

#[tokio::test]
async fn what_was_made_and_then_forgotten_is_taken_back_by_its_id() {
    // As with `tofu`: the state is empty, and nobody has seen the tool end.
    is_taken_back(|site, spool| {
        fs::write(site.state_file(), b"").unwrap();
        fs::remove_file(spool.join("exit.json")).unwrap();
    })
    .await;
}

/// A full disk has no room for the state, for another file of it, or for all of what the tool then prints.
#[tokio::test]
async fn what_was_made_on_a_full_disk_is_taken_back_by_its_id() {
    is_taken_back(|site, spool| {
        fs::write(site.state_file(), b"{\"version\": 4").unwrap();
        fs::write(site.dir.join("infra/errored.tfstate"), b"").unwrap();
        fs::write(spool.join("exit.json"), br#"{"code":1}"#).unwrap();
        let said = r#"
{"@level":"info","@message":"Emergency state dump","state":{"version":4,"outputs":{"pw":{"value":"CANARY
{"@level":"error","type":"diagnostic","diagnostic":{"severity":"error","summary":"Failed to save state","detail":"no space left on device"}}"#;
        let text = fs::read_to_string(spool.join("stdout")).unwrap();
        fs::write(spool.join("stdout"), format!("{text}{said}")).unwrap();
    })
    .await;
}

/// The host is killed once all is done and before it is on record, and the state is lost by a wreck.
async fn is_taken_back(wreck: impl FnOnce(&Site, &Path)) {
    let site = Site::new();
    site.lay_down(TWO);
    let driver = Arc::new(site.real().await);
    let plan = planned(&site, &driver, Planning::Apply).await;
    crate::crash::killed(&site, &plan, "terraform.apply.after", false);
    let made: Value = serde_json::from_slice(&fs::read(site.state_file()).unwrap()).unwrap();
    let spool = crate::crash::apply_spool(&site);
    let text = fs::read_to_string(spool.join("stdout")).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.contains("change_summary")).collect();
    fs::write(spool.join("stdout"), lines.join("\n")).unwrap();
    wreck(&site, &spool);

    run(&site, &driver, &plan).await.unwrap();
    let now: Value = serde_json::from_slice(&fs::read(site.state_file()).unwrap()).unwrap();
    let ids = |state: &Value| -> Vec<Value> {
        let resources = state["resources"].as_array().unwrap();
        resources.iter().map(|resource| resource["instances"][0]["attributes"]["id"].clone()).collect()
    };
    assert_eq!(ids(&now), ids(&made), "nothing was made twice");
    assert!(!site.dir.join("infra/hangar_import.tf").exists());
    assert_eq!(files_with(&site.dir, "CANARY"), Vec::<String>::new());
    assert_settled(&site, &driver, &plan).await;
}
