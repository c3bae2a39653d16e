//! Processes that steps put on record.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hangar_engine::durable::ProcessId;
use hangar_engine::{
    Cancel, ChildEntry, Engine, Event, Leftover, Progress, Seen, Step, StepContext, StepError, Steps, What,
};
use hangar_plan::step::StepKey;
use serde_json::Value;

use crate::fake::{Fault, Log, Make, Site, diamond, key, work};
use crate::leftover::Tool;

/// Puts these processes on record, each with the folder of its output, and fails.
struct Records(Vec<(ProcessId, PathBuf)>);

#[async_trait]
impl Step for Records {
    const NAME: &'static str = "records";
    type Output = ();

    fn input(&self) -> Value {
        Value::Null
    }

    async fn probe(&self, _: &StepContext) -> Result<Seen<()>, StepError> {
        Ok(Seen::NotDone)
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        for (process, spool) in &self.0 {
            cx.record_child(process, spool).await.map_err(StepError::bug)?;
        }
        Err(StepError::outside("it goes no further"))
    }
}

async fn record(engine: &Engine, processes: Vec<(ProcessId, PathBuf)>) {
    engine.run(work("plan-1"), Steps::new().with(key("infra/apply"), [], Records(processes))).await.unwrap_err();
}

fn process_of(tool: &Tool) -> ProcessId {
    ProcessId::of(i32::try_from(tool.0.id()).unwrap()).unwrap().unwrap()
}

/// This process, and one that had its number before.
fn living_and_dead() -> (ProcessId, ProcessId) {
    let living = ProcessId::current().unwrap();
    let dead = ProcessId { start_time: living.start_time - 1, ..living.clone() };
    (living, dead)
}

#[tokio::test]
async fn every_process_is_on_record_and_the_living_are_told_apart() {
    let site = Site::new();
    let engine = site.engine();
    let (living, dead) = living_and_dead();
    record(&engine, vec![(dead.clone(), "/spool/1".into()), (living.clone(), "/spool/2".into())]).await;
    let operation = engine.journal().last_operation().await.unwrap().unwrap();
    let children = engine.journal().children().await.unwrap();
    assert_eq!(children.len(), 2);
    for (child, (process, spool)) in children.iter().zip([(&dead, "/spool/1"), (&living, "/spool/2")]) {
        // No earlier than the operation it is part of.
        assert!(child.started_ms >= operation.started_ms, "{child:?}");
        let wanted = ChildEntry {
            operation: operation.id.clone(),
            step: key("infra/apply"),
            attempt: 1,
            process: process.clone(),
            spool: spool.into(),
            started_ms: child.started_ms,
        };
        assert_eq!(*child, wanted);
    }
    assert_eq!(engine.journal().living_children().await.unwrap(), children[1..]);
    let leftover = Leftover { process: living, spool: "/spool/2".into(), step: Some(key("infra/apply")) };
    assert_eq!(engine.leftovers().await.unwrap(), [leftover]);
}

#[tokio::test]
async fn a_tool_on_record_is_found_once_and_by_its_step() {
    let site = Site::new();
    let engine = site.engine();
    let spool = site.state().canonicalize().unwrap().join("operations/x/infra+apply/attempt-1/apply");
    // Begun before the tool starts: with a tool at work that is not its own, nothing begins.
    let operation = engine.begin(work("plan-1")).await.unwrap();
    let tool = Tool::start_with(&spool);
    let process = process_of(&tool);
    let found = |step: Option<StepKey>| Leftover { process: process.clone(), spool: spool.clone(), step };
    while engine.leftovers().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(engine.leftovers().await.unwrap(), [found(None)]);
    let records = Records(vec![(process.clone(), spool.clone())]);
    operation.run(Steps::new().with(key("infra/apply"), [], records)).await.unwrap_err();
    assert_eq!(engine.leftovers().await.unwrap(), [found(Some(key("infra/apply")))]);
}

#[tokio::test]
async fn a_tool_of_another_folder_is_left_alone() {
    let (ours, theirs) = (Site::new(), Site::new());
    let (engine, other) = (ours.engine(), theirs.engine());
    let _tool = Tool::start(&theirs.state().canonicalize().unwrap());
    while other.leftovers().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(engine.leftovers().await.unwrap(), []);
    engine.run(work("plan-1"), Steps::new().with(key("a"), [], Make::new(&ours.world, "a"))).await.unwrap();
}

/// Ends a tool as soon as a step waits, and keeps what it waited for.
struct EndsOnWaiting {
    tool: Mutex<Option<Tool>>,
    log: Log,
    waited: Mutex<Vec<Waited>>,
}

/// The step that waits, for what, and what steps had been asked by then.
type Waited = (Option<StepKey>, String, Vec<String>);

impl Progress for EndsOnWaiting {
    fn event(&self, event: &Event) {
        if let What::Waiting { what } = &event.what {
            let asked = self.log.lock().unwrap().clone();
            self.waited.lock().unwrap().push((event.step.clone(), what.clone(), asked));
            drop(self.tool.lock().unwrap().take());
        }
    }
}

#[tokio::test]
async fn a_step_waits_for_what_is_on_record_for_itself_and_for_nothing_else() {
    let site = Site::new();
    // With its output elsewhere, so that only the record leads to it.
    let tool = Tool::start_with(Path::new("/spool/b"));
    let process = process_of(&tool);
    let what = format!("process {}, which an earlier run has started", process.pid);
    let records = Records(vec![(process, "/spool/b".into())]);
    site.run(Steps::new().with(key("b"), [], records)).await.unwrap_err();

    let log = Log::default();
    let progress = EndsOnWaiting { tool: Mutex::new(Some(tool)), log: Arc::clone(&log), waited: Mutex::default() };
    let progress = Arc::new(progress);
    let engine = site.engine_with(Arc::clone(&progress) as _, Cancel::default());
    engine.run(work("plan-1"), diamond(&site.world, |_| Fault::None, &log)).await.unwrap();
    let asked = ["probe a", "act a", "probe a"].map(str::to_owned).to_vec();
    assert_eq!(*progress.waited.lock().unwrap(), [(Some(key("b")), what, asked)]);
}
