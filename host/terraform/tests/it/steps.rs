//! The steps in the engine, with the real tool.

use std::fs;
use std::sync::Arc;

use hangar_engine::{Engine, EngineError, Left, Options, Report, Steps, Work};
use hangar_plan::hint::Hint as _;
use hangar_plan::step::StepKey;
use hangar_terraform::{
    Applied, ApplyStep, Approved, DestroyStep, Driver, InitStep, PlanStep, Planning, Quiet, StackPlan,
};
use serde_json::json;

use crate::real::half_way;
use crate::site::Site;

pub(crate) fn key(text: &str) -> StepKey {
    StepKey::new(text).unwrap()
}

pub(crate) fn up(driver: &Arc<Driver>, plan: &StackPlan) -> Steps {
    let approved = Approved::Plan(Box::new(plan.clone()));
    Steps::new().with(key("infra/init"), [], InitStep::new(Arc::clone(driver))).with(
        key("infra/apply"),
        [key("infra/init")],
        ApplyStep::new(Arc::clone(driver), approved),
    )
}

pub(crate) fn engine(site: &Site) -> Engine {
    Engine::open(&site.dir.join("engine"), Options::new("hangar up")).unwrap()
}

pub(crate) fn work(digest: &str) -> Work {
    Work { command: "hangar up".to_owned(), digest: digest.to_owned(), plan: json!({}) }
}

pub(crate) async fn planned(site: &Site, driver: &Driver, planning: Planning) -> StackPlan {
    driver.init(&site.folder(), &Quiet).await.unwrap();
    driver.plan(planning, &site.folder(), &Quiet).await.unwrap()
}

pub(crate) async fn run(site: &Site, driver: &Arc<Driver>, plan: &StackPlan) -> Result<Report, EngineError> {
    engine(site).run(work(&plan.digest), up(driver, plan)).await
}

/// What is asked once more of everything that was run: nothing is left to do, and nothing is done.
pub(crate) async fn assert_settled(site: &Site, driver: &Arc<Driver>, plan: &StackPlan) {
    let before = fs::read(site.state_file()).unwrap();
    assert_eq!(run(site, driver, plan).await.unwrap().n_changed(), 0);
    assert_eq!(fs::read(site.state_file()).unwrap(), before);
    let again = driver.plan(Planning::Apply, &site.folder(), &Quiet).await.unwrap();
    assert!(!again.has_changes());
    fs::remove_file(again.file).unwrap();
    let left =
        |name: &str| walkdir::WalkDir::new(&site.dir).into_iter().any(|entry| entry.unwrap().file_name() == name);
    assert!(!left("stack.tfplan"), "no plan is left behind");
    assert!(!left("terraform.tfstate.hangar-backup"), "no copy of the state is left behind");
}

#[tokio::test]
async fn an_approved_plan_is_applied_once_and_taken_down_once() {
    let site = Site::new();
    site.lay_down(
        "resource \"terraform_data\" \"a\" {\n  input = 1\n}\noutput \"a\" {\n  value = terraform_data.a.output\n}\n",
    );
    let driver = Arc::new(site.real().await);
    let plan = planned(&site, &driver, Planning::Apply).await;
    assert_eq!(run(&site, &driver, &plan).await.unwrap().n_changed(), 1);
    assert_settled(&site, &driver, &plan).await;

    let down = planned(&site, &driver, Planning::Destroy).await;
    let destroy = || {
        let approved = Approved::Plan(Box::new(down.clone()));
        Steps::new().with(key("infra/destroy"), [], DestroyStep::new(Arc::clone(&driver), approved))
    };
    assert_eq!(engine(&site).run(work("down"), destroy()).await.unwrap().n_changed(), 1);
    assert_eq!(engine(&site).run(work("down"), destroy()).await.unwrap().n_changed(), 0);
    assert!(!planned(&site, &driver, Planning::Destroy).await.has_changes());
}

#[tokio::test]
async fn a_plan_made_within_the_operation_feeds_the_apply() {
    let site = Site::new();
    site.lay_down("resource \"terraform_data\" \"a\" {\n  input = \"x\"\n}\noutput \"a\" {\n  value = terraform_data.a.output\n}\n");
    let driver = Arc::new(site.real().await);
    let engine = engine(&site);
    let operation = engine.begin(work("add-on")).await.unwrap();
    let steps = Steps::new()
        .with(key("i"), [], InitStep::new(Arc::clone(&driver)))
        .with(key("p"), [key("i")], PlanStep::new(Arc::clone(&driver), Planning::Apply))
        .with(key("a"), [key("p")], ApplyStep::new(Arc::clone(&driver), Approved::Step(key("p"))));
    operation.run(steps).await.unwrap();
    let entries = engine.journal().entries(operation.id()).await.unwrap();
    let applied = entries.iter().rfind(|entry| entry.step == Some(key("a"))).unwrap().body["output"].clone();
    let applied: Applied = serde_json::from_value(applied).unwrap();
    assert_eq!(applied.outputs.values["a"], json!("x"));
    operation.finish().await.unwrap();
}

#[tokio::test]
async fn a_failure_half_way_is_mended_and_finished_by_the_next_run() {
    let site = Site::new();
    site.lay_down(&half_way(&site));
    let driver = Arc::new(site.real().await);
    let plan = planned(&site, &driver, Planning::Apply).await;
    let failed = run(&site, &driver, &plan).await.unwrap_err();
    assert!(failed.hint().unwrap().contains("run the same command again"));
    let EngineError::Incomplete { first, .. } = failed else { panic!("{failed}") };
    assert_eq!(first.left, Left::Partial);
    let state = fs::read_to_string(site.state_file()).unwrap();
    let first_id = |state: &str| {
        serde_json::from_str::<serde_json::Value>(state).unwrap()["resources"][0]["instances"][0]["attributes"]["id"]
            .clone()
    };

    fs::write(site.dir.join("open"), "").unwrap();
    assert_eq!(run(&site, &driver, &plan).await.unwrap().n_changed(), 1);
    // What was done has stayed done.
    assert_eq!(first_id(&fs::read_to_string(site.state_file()).unwrap()), first_id(&state));
    assert_settled(&site, &driver, &plan).await;
}

#[tokio::test]
async fn what_goes_beyond_the_approved_plan_is_left_to_a_person() {
    let site = Site::new();
    site.lay_down(&half_way(&site));
    let driver = Arc::new(site.real().await);
    let plan = planned(&site, &driver, Planning::Apply).await;
    run(&site, &driver, &plan).await.unwrap_err();

    fs::write(site.dir.join("open"), "").unwrap();
    site.lay_down(&format!("{}\nresource \"terraform_data\" \"more\" {{\n}}\n", half_way(&site)));
    let refused = run(&site, &driver, &plan).await.unwrap_err();
    let EngineError::Incomplete { first, .. } = refused else { panic!("{refused}") };
    assert_eq!(first.err.kind(), hangar_engine::FailureKind::Person);
    assert_eq!(
        first.err.to_string(),
        "stack `infra` would now need more than was approved: create `terraform_data.more`"
    );
}
