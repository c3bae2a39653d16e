//! What is known of earlier attempts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hangar_engine::{
    Attempt, Ended, EngineError, EntryKind, NewEntry, OperationId, Seen, Step, StepContext, StepError, Steps,
};
use hangar_plan::step::StepKey;
use serde_json::{Value, json};

use crate::fake::{Site, key, work};

/// What a step was told when it acted.
#[derive(Debug, Clone)]
struct Told {
    operation: OperationId,
    key: StepKey,
    attempt: u32,
    idem: String,
    last: Option<Attempt>,
    folder: PathBuf,
}

/// Is never done before it acts, and then ends as it should.
struct Tries {
    told: Arc<Mutex<Vec<Told>>>,
    wanted: &'static str,
    /// Fails with this error.
    fails: Option<fn() -> StepError>,
}

#[async_trait]
impl Step for Tries {
    const NAME: &'static str = "try";
    type Output = String;

    fn input(&self) -> Value {
        json!(self.wanted)
    }

    async fn probe(&self, cx: &StepContext) -> Result<Seen<String>, StepError> {
        cx.probe_folder().map_err(StepError::bug)?;
        Ok(Seen::NotDone)
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        self.told.lock().unwrap().push(Told {
            operation: cx.operation().clone(),
            key: cx.key().clone(),
            attempt: cx.attempt(),
            idem: cx.idem().to_owned(),
            last: cx.last_attempt().cloned(),
            folder: cx.folder().map_err(StepError::bug)?,
        });
        self.fails.map_or(Ok(()), |err| Err(err()))
    }

    async fn verify(&self, _: &StepContext) -> Result<String, StepError> {
        Ok(self.wanted.to_owned())
    }
}

fn away() -> StepError {
    StepError::outside("the cloud is away")
}

/// Runs one step that is asked for `wanted`, and returns what it was told.
async fn try_once(site: &Site, plan: &str, wanted: &'static str, fails: Option<fn() -> StepError>) -> Told {
    let told = Arc::default();
    let step = Tries { told: Arc::clone(&told), wanted, fails };
    let ran = site.engine().run(work(plan), Steps::new().with(key("infra/apply"), [], step)).await;
    assert_eq!(ran.is_ok(), fails.is_none(), "{ran:?}");
    let told = told.lock().unwrap();
    let [told] = told.as_slice() else { panic!("{told:?}") };
    told.clone()
}

fn step_folder(site: &Site, operation: &OperationId) -> PathBuf {
    site.state().canonicalize().unwrap().join("operations").join(operation.as_str()).join("infra+apply")
}

fn attempt(site: &Site, of: &Told, ended: Option<Ended>) -> Attempt {
    Attempt {
        operation: of.operation.clone(),
        number: of.attempt,
        idem: of.idem.clone(),
        folder: step_folder(site, &of.operation).join(format!("attempt-{}", of.attempt)),
        ended,
    }
}

#[tokio::test]
async fn attempts_are_counted_within_an_operation_and_each_knows_the_last() {
    let site = Site::new();
    let first = try_once(&site, "plan-1", "x", Some(away)).await;
    let second = try_once(&site, "plan-1", "x", Some(away)).await;
    let third = try_once(&site, "plan-1", "x", None).await;
    let later = try_once(&site, "plan-2", "y", None).await;
    assert_eq!([first.attempt, second.attempt, third.attempt, later.attempt], [1, 2, 3, 1]);
    assert_eq!((&first.operation, &second.operation), (&third.operation, &third.operation));
    assert_ne!(later.operation, third.operation);
    assert_eq!(first.last, None);
    assert_eq!(second.last, Some(attempt(&site, &first, Some(Ended::Badly))));
    assert_eq!(third.last, Some(attempt(&site, &second, Some(Ended::Badly))));
    assert_eq!(later.last, Some(attempt(&site, &third, Some(Ended::Well))));
    // Equal work has equal names, in any operation.
    assert_eq!((&first.idem, &second.idem), (&third.idem, &third.idem));
    assert_ne!(later.idem, third.idem);
    assert_eq!(later.key, key("infra/apply"));
}

#[tokio::test]
async fn an_attempt_that_was_cut_short_has_no_end_until_it_is_resolved() {
    let site = Site::new();
    let cut = try_once(&site, "plan-1", "x", Some(StepError::interrupted)).await;
    let engine = site.engine();
    let last = async || engine.last_attempt(&key("infra/apply")).await.unwrap();
    assert_eq!(last().await, Some(attempt(&site, &cut, None)));
    let resolved = NewEntry {
        operation: cut.operation.clone(),
        step: Some(key("infra/apply")),
        attempt: 2,
        kind: EntryKind::Resolved,
        idem: cut.idem.clone(),
        body: json!({ "decision": "act-again", "output": "none of its own" }),
    };
    engine.journal().append(vec![resolved]).await.unwrap();
    assert_eq!(last().await, Some(attempt(&site, &cut, Some(Ended::Badly))));
    assert_eq!(engine.last_attempt(&key("infra/plan")).await.unwrap(), None);
}

#[tokio::test]
async fn a_doubt_names_the_attempt_that_left_it() {
    let site = Site::new();
    try_once(&site, "plan-1", "x", Some(away)).await;
    let cut = try_once(&site, "plan-1", "x", Some(StepError::interrupted)).await;
    let doubts = site.engine().journal().doubts().await.unwrap();
    let [doubt] = doubts.as_slice() else { panic!("{doubts:?}") };
    assert_eq!((&doubt.step, &doubt.operation, doubt.attempt), (&key("infra/apply"), &cut.operation, 2));
}

fn assert_private(folder: &Path) {
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o7777, 0o700, "{}", folder.display());
}

#[tokio::test]
async fn each_attempt_and_each_look_has_a_folder_of_its_own() {
    let site = Site::new();
    let first = try_once(&site, "plan-1", "x", Some(away)).await;
    let second = try_once(&site, "plan-1", "x", None).await;
    let folder = step_folder(&site, &first.operation);
    assert_eq!((&first.folder, &second.folder), (&folder.join("attempt-1"), &folder.join("attempt-2")));
    let names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("probe-")).count(), 2, "{names:?}");
    assert_eq!(names.len(), 4, "{names:?}");
    names.iter().for_each(|name| assert_private(&folder.join(name)));
}

#[tokio::test]
async fn what_another_step_gave_is_refused_where_it_is_missing_or_of_another_kind() {
    /// Wants a number of another step.
    struct Wants(&'static str);

    #[async_trait]
    impl Step for Wants {
        const NAME: &'static str = "wants";
        type Output = u32;

        fn input(&self) -> Value {
            Value::Null
        }

        async fn probe(&self, cx: &StepContext) -> Result<Seen<u32>, StepError> {
            Ok(Seen::Done(cx.output(&key(self.0)).map_err(StepError::bug)?))
        }

        async fn act(&self, _: &StepContext) -> Result<(), StepError> {
            Err(StepError::bug("never asked"))
        }
    }

    let site = Site::new();
    let said = async |of: &'static str| {
        let gives = Tries { told: Arc::default(), wanted: "x", fails: None };
        let steps = Steps::new().with(key("a"), [], gives).with(key("n"), [key("a")], Wants(of));
        let failed = site.run(steps).await.unwrap_err();
        let EngineError::Incomplete { first, .. } = failed else { panic!("{failed}") };
        first.err.to_string()
    };
    assert_eq!(said("z").await, "what step `z` gave is not what step `n` needs: it gave nothing");
    assert_eq!(
        said("a").await,
        "what step `a` gave is not what step `n` needs: invalid type: string \"x\", expected u32"
    );
}
