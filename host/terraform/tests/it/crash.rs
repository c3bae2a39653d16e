//! A kill at every point, of the host alone and of host and tool.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use hangar_durable::failpoint::{Arming, Kill, arm};
use hangar_exec::{Exit, Found, OnHostDeath, Spool, find};
use hangar_terraform::{Flavour, Planning, StackPlan};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::real::{SLOW, slow_until};
use crate::site::{Site, wait_until};
use crate::steps::{assert_settled, planned, run};

#[derive(Serialize, Deserialize)]
struct Order {
    point: Option<String>,
    children: bool,
    continues: bool,
    plan: StackPlan,
}

/// The host that is to be killed: this test program again, in a folder that says what to do. Without that file it does
/// nothing, so that it is no test of its own.
#[tokio::test]
#[ignore = "run by the tests that kill it"]
async fn killed_host() {
    let Ok(order) = fs::read("order.json") else { return };
    let order: Order = serde_json::from_slice(&order).unwrap();
    let kill = order.point.map(|point| Kill { children: order.children, ..point.parse().unwrap() });
    arm(Arming { kill, list: Some("points".into()) }).unwrap();
    let site = Site::at(Path::new("."));
    let fate = if order.continues { OnHostDeath::Continue } else { OnHostDeath::Interrupt };
    let driver = Arc::new(site.real().await.on_host_death(fate));
    run(&site, &driver, &order.plan).await.unwrap();
}

#[expect(clippy::disallowed_methods, reason = "the host under test is started as a shell would start it")]
fn host(site: &Site, plan: &StackPlan, point: Option<&str>, children: bool, continues: bool) -> Child {
    let order = Order { point: point.map(str::to_owned), children, continues, plan: plan.clone() };
    fs::write(site.dir.join("order.json"), serde_json::to_vec(&order).unwrap()).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::killed_host", "--ignored"])
        .current_dir(&site.dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs a host that dies at a point.
pub(crate) fn killed(site: &Site, plan: &StackPlan, point: &str, children: bool) {
    let died = host(site, plan, Some(point), children, false).wait().unwrap();
    assert_eq!(died.signal(), Some(9), "`{point}` was not passed");
}

/// Where the last attempt to apply has its output.
pub(crate) fn apply_spool(site: &Site) -> PathBuf {
    let operation = last_operation(site).expect("an operation has begun");
    spool_of(&operation)
}

fn spool_of(operation: &Path) -> PathBuf {
    operation.join("infra+apply/attempt-1/apply")
}

fn last_operation(site: &Site) -> Option<PathBuf> {
    let operations = fs::read_dir(site.dir.join("engine/operations")).ok()?;
    operations.map(|entry| entry.unwrap().path()).max()
}

fn resource_ids(site: &Site) -> Vec<String> {
    resource_ids_of(&serde_json::from_slice(&fs::read(site.state_file()).unwrap()).unwrap())
}

pub(crate) fn resource_ids_of(state: &serde_json::Value) -> Vec<String> {
    let resources = state["resources"].as_array().unwrap();
    resources.iter().map(|resource| resource["instances"][0]["attributes"]["id"].as_str().unwrap().to_owned()).collect()
}

const QUICK: &str = "resource \"terraform_data\" \"a\" {\n  input = 1\n}\nresource \"terraform_data\" \"b\" {\n  input = terraform_data.a.id\n}\n";

/// Laid down and planned, as `hangar up` has it when the plan is approved.
async fn approved(module: &str) -> (Site, StackPlan) {
    let site = Site::new();
    site.lay_down(module);
    let driver = site.real().await;
    let plan = planned(&site, &driver, Planning::Apply).await;
    // The first step is to initialise, so that it is there to be killed.
    fs::remove_file(site.dir.join("infra/.terraform/hangar-init.json")).unwrap();
    (site, plan)
}

/// Another site that stands where this one stands. Planning it anew would take half of the time.
fn copied(site: &Site, plan: &StackPlan) -> (Site, StackPlan) {
    let copy = Site::new();
    for entry in walkdir::WalkDir::new(&site.dir).min_depth(1) {
        let entry = entry.unwrap();
        let to = copy.dir.join(entry.path().strip_prefix(&site.dir).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir(to).unwrap();
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
    let file = copy.dir.join(plan.file.strip_prefix(&site.dir).unwrap());
    (copy, StackPlan { file, ..plan.clone() })
}

/// Points that are passed while a tool lives, or that tell what it did.
fn may_have_a_child(point: &str) -> bool {
    ["exec.", "terraform.", "journal.child", "journal.progress", "durable."]
        .iter()
        .any(|prefix| point.starts_with(prefix))
}

#[tokio::test]
async fn killed_at_any_point_the_next_run_ends_the_same() {
    let template = approved(QUICK).await;
    let (site, plan) = copied(&template.0, &template.1);
    assert!(host(&site, &plan, None, false, false).wait().unwrap().success());
    let mut passages: BTreeMap<String, usize> = BTreeMap::new();
    for line in fs::read_to_string(site.dir.join("points")).unwrap().lines() {
        let point = line.split(' ').next().unwrap();
        *passages.entry(point.to_owned()).or_default() += 1;
    }
    assert!(passages.len() > 40, "{passages:?}");

    for (point, n_passages) in passages {
        // The first passage is of the step that initialises and the last of the one that applies. What every durable write
        // passes is also tried between them.
        let between = if point.starts_with("durable.") { n_passages / 2 } else { 1 };
        let mut nths = vec![1, between, n_passages];
        nths.retain(|nth| *nth > 0);
        nths.dedup();
        for nth in nths {
            for children in [false, true] {
                if children && !may_have_a_child(&point) {
                    continue;
                }
                let (site, plan) = copied(&template.0, &template.1);
                killed(&site, &plan, &format!("{point}:{nth}"), children);
                let driver = Arc::new(site.real().await);
                let report = run(&site, &driver, &plan).await;
                report.unwrap_or_else(|err| panic!("after {point}:{nth}, children {children}: {err:?}"));
                assert_eq!(resource_ids(&site).len(), 2, "after {point}:{nth}, children {children}");
                assert_settled(&site, &driver, &plan).await;
            }
        }
    }
}

/// Kills the host from outside once the slow resource is being made.
fn kill_in_the_middle(site: &Site, plan: &StackPlan, continues: bool) {
    let mut host = host(site, plan, None, false, continues);
    let has_begun = || {
        // Its folder is there before the operation's own is.
        let stream = last_operation(site).map(|operation| spool_of(&operation).join("stdout"));
        stream.and_then(|stream| fs::read_to_string(stream).ok()).is_some_and(|text| text.contains("provision_start"))
    };
    wait_until("the slow resource to be begun", has_begun);
    kill(Pid::from_raw(i32::try_from(host.id()).unwrap()), Signal::SIGKILL).unwrap();
    host.wait().unwrap();
}

#[tokio::test]
async fn a_killed_host_leaves_a_tool_that_saves_its_state_and_the_next_run_finishes() {
    let (site, plan) = approved(SLOW).await;
    kill_in_the_middle(&site, &plan, false);
    let spool = Spool::new(apply_spool(&site));
    wait_until("the tool to end", || matches!(find(&spool).unwrap(), Found::Ended(Exit::Unknown)));
    // By the stream: an interrupted `tofu` may leave an empty state.
    let quick = crate::remote::made_by(&spool)[0].clone();

    let driver = Arc::new(site.real().await);
    run(&site, &driver, &plan).await.unwrap();
    assert!(resource_ids(&site).contains(&quick), "what was done has stayed done");
    assert_eq!(resource_ids(&site).len(), 3);
    assert_settled(&site, &driver, &plan).await;
}

#[tokio::test]
async fn a_living_tool_is_waited_for_and_never_doubled() {
    let outside = tempfile::tempdir().unwrap();
    let go = outside.path().join("go");
    let (site, plan) = approved(&slow_until(&go)).await;
    kill_in_the_middle(&site, &plan, true);
    let spool = Spool::new(apply_spool(&site));
    assert!(matches!(find(&spool).unwrap(), Found::Living(_)));
    fs::write(&go, "").unwrap();

    let driver = Arc::new(site.real().await);
    let report = run(&site, &driver, &plan).await.unwrap();
    assert_eq!(report.n_changed(), 0, "the tool of the dead host has done it all");
    assert_eq!(resource_ids(&site).len(), 3);
    assert_settled(&site, &driver, &plan).await;
}

#[tokio::test]
async fn host_and_tool_killed_together_in_the_middle_are_made_good() {
    let (site, plan) = approved(SLOW).await;
    killed_in_the_middle(&site, &plan);

    let driver = Arc::new(site.real().await);
    run(&site, &driver, &plan).await.unwrap();
    assert_eq!(resource_ids(&site).len(), 3);
    assert_settled(&site, &driver, &plan).await;
}

/// Terraform empties the file of its state before it writes it anew: a kill in between leaves nothing in it. OpenTofu writes it at the
/// end alone, so that there is nothing to keep up with.
#[tokio::test]
async fn a_state_that_a_kill_has_emptied_is_had_back_as_it_was_a_moment_before() {
    let (site, plan) = approved(SLOW).await;
    if site.real().await.terraform().flavour() == Flavour::OpenTofu {
        return;
    }
    let mut host = host(&site, &plan, None, false, true);
    let spool = Spool::new(apply_spool_when_there(&site));
    let copy = site.state_file().with_file_name("terraform.tfstate.hangar-running");
    wait_until("a copy of the state with the quick resource in it", || {
        fs::read(&copy).is_ok_and(|bytes| {
            let state: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            state["resources"].as_array().is_some_and(|resources| !resources.is_empty())
        })
    });
    kill(Pid::from_raw(i32::try_from(host.id()).unwrap()), Signal::SIGKILL).unwrap();
    host.wait().unwrap();
    if let Found::Living(child) = find(&spool).unwrap() {
        child.kill();
    }
    wait_until("the tool to end", || matches!(find(&spool).unwrap(), Found::Ended(_)));
    let quick = crate::remote::made_by(&spool)[0].clone();
    fs::write(site.state_file(), b"").unwrap();

    let driver = Arc::new(site.real().await);
    driver.recover(&site.folder()).await.unwrap();
    assert!(resource_ids(&site).contains(&quick), "it is known by more than its id");
    run(&site, &driver, &plan).await.unwrap();
    assert!(resource_ids(&site).contains(&quick), "nothing was made twice");
    assert_eq!((resource_ids(&site).len(), copy.exists()), (3, false));
    assert_settled(&site, &driver, &plan).await;
}

/// Kills host and tool together once the slow resource is being made.
pub(crate) fn killed_in_the_middle(site: &Site, plan: &StackPlan) -> Spool {
    let mut host = host(site, plan, None, false, true);
    let spool = Spool::new(apply_spool_when_there(site));
    wait_until("the slow resource to be begun", || {
        fs::read_to_string(spool.path(hangar_exec::Stream::Stdout)).is_ok_and(|text| text.contains("provision_start"))
    });
    kill(Pid::from_raw(i32::try_from(host.id()).unwrap()), Signal::SIGKILL).unwrap();
    host.wait().unwrap();
    if let Found::Living(child) = find(&spool).unwrap() {
        child.kill();
    }
    wait_until("the tool to end", || matches!(find(&spool).unwrap(), Found::Ended(_)));
    spool
}

fn apply_spool_when_there(site: &Site) -> PathBuf {
    wait_until("the operation to begin", || last_operation(site).is_some());
    apply_spool(site)
}
