//! The driver with the real tool, on its built-in provider. What is read out of its texts fails here when a new one says
//! it otherwise.

use std::fs;
use std::path::Path;

use hangar_plan::hint::Hint as _;
use hangar_terraform::{Action, Event, Planning, Quiet, TerraformError};
use serde_json::json;

use crate::site::{Ears, Site, files_with};

const MODULE: &str = r#"
resource "terraform_data" "a" {
  input = "first"
}
resource "terraform_data" "b" {
  count = 2
  input = terraform_data.a.output
}
output "plain" {
  value = terraform_data.a.output
}
output "password" {
  sensitive = true
  value     = "CANARY"
}
"#;

#[tokio::test]
async fn a_stack_is_planned_applied_found_unchanged_and_destroyed() {
    let site = Site::new();
    site.lay_down(MODULE);
    let driver = site.real().await;
    assert!(!driver.init(&site.folder(), &Quiet).await.unwrap().skipped);
    assert!(driver.init(&site.folder(), &Quiet).await.unwrap().skipped);

    let plan = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    let mut addresses: Vec<_> = plan.changes.iter().map(|change| (change.address.as_str(), &change.action)).collect();
    addresses.sort_by_key(|(address, _)| *address);
    let created = |address| (address, &Action::Create);
    assert_eq!(
        addresses,
        [created("terraform_data.a"), created("terraform_data.b[0]"), created("terraform_data.b[1]")]
    );
    assert_eq!((plan.summary.add, plan.summary.remove, plan.state.clone()), (3, 0, None));
    assert_eq!(plan.outputs.len(), 2);

    let ears = Ears::default();
    let applied = driver.apply(&plan, &site.folder(), &ears).await.unwrap();
    assert_eq!(applied.outputs.values["plain"], json!("first"));
    assert_eq!(applied.outputs.sensitive, ["password"]);
    assert_eq!(applied.summary.add, 3);
    let is_done = |event: &&Event| matches!(event, Event::Completed(resource) if resource.id.is_some());
    assert_eq!(ears.heard.lock().unwrap().iter().filter(is_done).count(), 3);
    assert!(!plan.file.exists());

    let again = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    assert!(!again.has_changes());
    assert_eq!(again.state, applied.state);
    assert_eq!(driver.outputs(&site.folder()).await.unwrap(), applied.outputs);

    let down = driver.plan(Planning::Destroy, &site.folder(), &Quiet).await.unwrap();
    assert_eq!((down.summary.remove, down.destroy), (3, true));
    driver.apply(&down, &site.folder(), &Quiet).await.unwrap();
    assert!(!driver.plan(Planning::Destroy, &site.folder(), &Quiet).await.unwrap().has_changes());
}

#[tokio::test]
async fn a_sensitive_output_is_only_where_terraform_itself_keeps_it() {
    let site = Site::new();
    site.lay_down(MODULE);
    let driver = site.real().await;
    driver.init(&site.folder(), &Quiet).await.unwrap();
    let plan = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    driver.apply(&plan, &site.folder(), &Quiet).await.unwrap();
    driver.outputs(&site.folder()).await.unwrap();
    // The module names it, and the state keeps it in clear; both are terraform's own. The copy before the apply is gone.
    assert_eq!(files_with(&site.dir, "CANARY"), ["infra/main.tf", "state/infra/terraform.tfstate"]);
}

#[tokio::test]
async fn the_host_and_a_hand_find_the_same_state() {
    let site = Site::new();
    site.lay_down(MODULE);
    let driver = site.real().await;
    driver.init(&site.folder(), &Quiet).await.unwrap();
    let plan = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    driver.apply(&plan, &site.folder(), &Quiet).await.unwrap();
    // As an operator would: in the folder, with nothing set.
    let listed = hangar_exec::Command::new(driver.terraform().binary())
        .args(["state", "list"])
        .dir(site.dir.join("infra"))
        .env("HOME", &site.dir);
    let output = listed.output(&site.dir, crate::site::PATIENCE).await.unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "terraform_data.a\nterraform_data.b[0]\nterraform_data.b[1]\n"
    );
}

#[tokio::test]
async fn a_changed_module_is_initialised_again() {
    let site = Site::new();
    site.lay_down(MODULE);
    let driver = site.real().await;
    driver.init(&site.folder(), &Quiet).await.unwrap();
    let with_module = format!("{MODULE}\nmodule \"m\" {{\n  source = \"./modules/m\"\n}}\n");
    let files = [
        ("main.tf".to_owned(), with_module.into_bytes()),
        ("modules/m/main.tf".to_owned(), b"resource \"terraform_data\" \"m\" {}\n".to_vec()),
    ];
    site.stack().lay_down(&files).unwrap();
    assert!(!driver.init(&site.folder(), &Quiet).await.unwrap().skipped);
    let plan = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    assert!(plan.changes.iter().any(|change| change.address == "module.m.terraform_data.m"));
}

#[tokio::test]
async fn a_module_that_makes_no_sense_is_explained_with_its_place() {
    let site = Site::new();
    site.lay_down("resource \"terraform_data\" \"a\" {\n  nonsense = 1\n}\n");
    let driver = site.real().await;
    driver.init(&site.folder(), &Quiet).await.unwrap();
    let refused = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap_err();
    insta::assert_snapshot!(refused, @r#"cannot plan stack `infra`: Unsupported argument (main.tf:2:3): An argument named "nonsense" is not expected here."#);
}

#[tokio::test]
async fn a_provider_that_is_nowhere_is_explained() {
    let site = Site::new();
    site.lay_down(
        "terraform {\n  required_providers {\n    none = {\n      source = \"example.com/none/none\"\n    }\n  }\n}\n",
    );
    let driver = site.real().await;
    let mirror = site.dir.join("mirror");
    fs::create_dir(&mirror).unwrap();
    let environment = hangar_terraform::Environment::new().with_mirror(&mirror);
    let driver = hangar_terraform::Driver::new(driver.terraform().clone(), site.stack(), environment);
    let refused = driver.init(&site.folder(), &Quiet).await.unwrap_err();
    assert!(
        refused.to_string().starts_with("cannot initialise stack `infra`: Failed to query available provider packages"),
        "{refused}"
    );
    assert!(!driver.is_initialised().unwrap());
}

/// Fails after a part of it is done: `gate` needs a file that is not there yet.
pub(crate) fn half_way(site: &Site) -> String {
    format!(
        r#"
resource "terraform_data" "a" {{
  input = "first"
}}
resource "terraform_data" "gate" {{
  input = terraform_data.a.id
  lifecycle {{
    postcondition {{
      condition     = fileexists("{}") || self.id == ""
      error_message = "the gate is shut"
    }}
  }}
}}
resource "terraform_data" "c" {{
  input = terraform_data.gate.id
}}
"#,
        site.dir.join("open").display()
    )
}

#[tokio::test]
async fn an_apply_that_fails_half_way_says_how_far_it_came() {
    let site = Site::new();
    site.lay_down(&half_way(&site));
    let driver = site.real().await;
    driver.init(&site.folder(), &Quiet).await.unwrap();
    let plan = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    let failed = driver.apply(&plan, &site.folder(), &Quiet).await.unwrap_err();
    insta::assert_snapshot!(failed, @"stack `infra` is not wholly applied, 2 of 3 changes are done: Resource postcondition failed (main.tf:9:23): the gate is shut");
    assert!(failed.hint().unwrap().contains("run the same command again"));

    // An old plan file is not taken twice.
    let stale = driver.apply(&plan, &site.folder(), &Quiet).await.unwrap_err();
    assert!(matches!(stale, TerraformError::Stale { .. }), "{stale}");
}

#[tokio::test]
async fn drift_is_seen_without_changing_anything() {
    let site = Site::new();
    site.lay_down(MODULE);
    let driver = site.real().await;
    driver.init(&site.folder(), &Quiet).await.unwrap();
    let plan = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    let applied = driver.apply(&plan, &site.folder(), &Quiet).await.unwrap();
    assert_eq!(driver.drift(&site.folder(), &Quiet).await.unwrap(), []);
    let state = fs::read(site.state_file()).unwrap();
    assert_eq!(driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap().state, applied.state);
    assert_eq!(fs::read(site.state_file()).unwrap(), state);
}

pub(crate) const SLOW: &str = r#"
resource "terraform_data" "quick" {
  input = "first"
}
resource "terraform_data" "slow" {
  input = terraform_data.quick.id
  provisioner "local-exec" {
    command = "sleep 3"
  }
}
resource "terraform_data" "last" {
  input = terraform_data.slow.id
}
"#;

/// The same, slow until this file is there.
pub(crate) fn slow_until(file: &Path) -> String {
    let wait = format!("timeout 120 sh -c 'until [ -e {} ]; do sleep 0.1; done'", file.display());
    SLOW.replace("sleep 3", &wait)
}

#[tokio::test]
async fn the_lock_of_a_living_run_is_explained() {
    let (site, outside) = (Site::new(), tempfile::tempdir().unwrap());
    let go = outside.path().join("go");
    site.lay_down(&slow_until(&go));
    let driver = site.real().await;
    driver.init(&site.folder(), &Quiet).await.unwrap();
    let plan = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    let (ears, folder) = (Ears::default(), site.folder());
    let apply = driver.apply(&plan, &folder, &ears);
    let look = async {
        let is_at_it = |event: &Event| matches!(event, Event::Started(resource) if resource.address.ends_with("slow"));
        while !ears.heard.lock().unwrap().iter().any(is_at_it) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let locked = driver.plan(Planning::Apply, &site.folder(), &Quiet).await;
        fs::write(&go, "").unwrap();
        locked.unwrap_err()
    };
    let (applied, locked) = tokio::join!(apply, look);
    applied.unwrap();
    let TerraformError::Locked { lock, .. } = &locked else { panic!("{locked}") };
    assert!(lock.who.contains('@') && lock.operation == "apply" && !lock.id.is_empty(), "{lock:?}");
    assert!(locked.hint().unwrap().contains("`hangar unlock infra`"));
}

#[tokio::test]
async fn an_apply_that_is_asked_to_stop_saves_what_it_has_done() {
    let site = Site::new();
    site.lay_down(SLOW);
    let driver = site.real().await;
    driver.init(&site.folder(), &Quiet).await.unwrap();
    let plan = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    let at_slow = |event: &Event| matches!(event, Event::Started(resource) if resource.address.ends_with("slow"));
    let ears = Ears { stop_at: Some(at_slow), ..Ears::default() };
    let stopped = driver.apply(&plan, &site.folder(), &ears).await.unwrap_err();
    assert!(matches!(stopped, TerraformError::Interrupted), "{stopped}");
    crate::site::wait_until("the state to be saved", || {
        fs::read_to_string(site.state_file()).is_ok_and(|state| state.contains("\"quick\""))
    });
}
