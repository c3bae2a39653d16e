//! Tools that outlive the run that started them.

use std::future::Future as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hangar_engine::{Cancel, EngineError, Event, Level, NoProgress, What};
use hangar_plan::hint::Hint as _;

use crate::fake::{Events, Fault, Log, Site, diamond, work};

/// A tool that was started in an engine's folder and never put on record.
pub(crate) struct Tool(pub(crate) Child);

impl Tool {
    pub(crate) fn start(state: &Path) -> Self {
        Self::start_with(&state.join("operations/x/infra+apply/attempt-1/apply"))
    }

    #[expect(clippy::disallowed_methods, reason = "stands for a tool whose host was killed")]
    pub(crate) fn start_with(spool: &Path) -> Self {
        Self(Command::new("/bin/sleep").arg("60").env("HANGAR_SPOOL", spool).process_group(0).spawn().unwrap())
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn a_tool_that_is_not_on_record_is_found_and_waited_for() {
    let site = Site::new();
    let engine = site.engine();
    assert!(engine.leftovers().await.unwrap().is_empty());
    let tool = Tool::start(&site.state().canonicalize().unwrap());
    // Between fork and exec it still has our own environment.
    while engine.leftovers().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let refused = engine.begin(work("plan-1")).await.err().unwrap();
    assert!(matches!(refused, EngineError::StillAtWork { .. }), "{refused}");
    assert!(refused.hint().unwrap().contains(&tool.0.id().to_string()));

    let n_told = AtomicUsize::new(0);
    let mut tool = Some(tool);
    let waited = engine.wait_for_leftovers(|_| {
        n_told.fetch_add(1, Ordering::SeqCst);
    });
    tokio::pin!(waited);
    let mut n_polls = 0;
    let ended = std::future::poll_fn(|cx| {
        n_polls += 1;
        // Once it is surely waited for, the tool ends.
        if n_told.load(Ordering::SeqCst) == 1 {
            drop(tool.take());
        }
        waited.as_mut().poll(cx)
    });
    ended.await.unwrap();
    assert!(n_polls > 1);
    assert_eq!(n_told.load(Ordering::SeqCst), 1);
    engine.run(work("plan-1"), diamond(&site.world, |_| Fault::None, &Log::default())).await.unwrap();
}

#[tokio::test]
async fn waiting_for_a_tool_ends_when_asked() {
    let site = Site::new();
    let cancel = Cancel::default();
    let engine = site.engine_with(Arc::new(NoProgress), cancel.clone());
    let _tool = Tool::start(&site.state().canonicalize().unwrap());
    while engine.leftovers().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let refused = engine
        .wait_for_leftovers(|_| {
            cancel.raise(Level::Draining);
        })
        .await
        .unwrap_err();
    assert!(matches!(refused, EngineError::StillAtWork { .. }), "{refused}");
}

/// Asks the run to stop as soon as something is waited for.
struct StopsWaiting(Cancel);

impl hangar_engine::Progress for StopsWaiting {
    fn event(&self, event: &Event) {
        if matches!(event.what, What::Waiting { .. }) {
            self.0.raise(Level::Draining);
        }
    }
}

#[tokio::test]
async fn a_step_that_waits_for_its_tool_gives_up_when_asked() {
    let site = Site::new();
    let failing = |thing: &str| if thing == "b" { Fault::Before } else { Fault::None };
    site.run(diamond(&site.world, failing, &Log::default())).await.unwrap_err();
    let cancel = Cancel::default();
    let engine = site.engine_with(Arc::new(StopsWaiting(cancel.clone())), cancel);
    let operation = engine.begin(work("plan-1")).await.unwrap();
    let folder = site.state().canonicalize().unwrap().join("operations").join(operation.id().as_str());
    let _tool = Tool::start_with(&folder.join("b/probe-1/plan"));
    while engine.leftovers().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let log = Log::default();
    let stopped = operation.run(diamond(&site.world, |_| Fault::None, &log)).await.unwrap_err();
    assert!(matches!(stopped, EngineError::Stopped { .. }), "{stopped}");
    assert!(!log.lock().unwrap().iter().any(|line| line == "probe b"));
}

#[tokio::test]
async fn a_step_is_not_looked_at_while_its_tool_of_an_earlier_run_lives() {
    let site = Site::new();
    let failing = |thing: &str| if thing == "b" { Fault::Before } else { Fault::None };
    site.run(diamond(&site.world, failing, &Log::default())).await.unwrap_err();
    let events = Arc::new(Events::default());
    let engine = site.engine_with(events.clone(), Cancel::default());
    let operation = engine.begin(work("plan-1")).await.unwrap();
    let folder = site.state().canonicalize().unwrap().join("operations").join(operation.id().as_str());
    let mut tool = Some(Tool::start_with(&folder.join("b/probe-1/plan")));
    while engine.leftovers().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let log = Log::default();
    let run = operation.run(diamond(&site.world, |_| Fault::None, &log));
    tokio::pin!(run);
    let done = |what: &str| log.lock().unwrap().iter().any(|line| line == what);
    let mut n_polls = 0;
    let ended = std::future::poll_fn(|cx| {
        let polled = run.as_mut().poll(cx);
        if tool.is_some() {
            assert!(!done("probe b"));
            n_polls += u32::from(done("probe a"));
            // Long enough for `b` to have come to its turn, and to wait.
            if n_polls > 20 {
                drop(tool.take());
            }
        }
        polled
    });
    ended.await.unwrap();
    assert!(done("probe b") && tool.is_none());
    let events = events.0.lock().unwrap();
    let is_told =
        |event: &&Event| matches!(&event.what, What::Waiting { what } if what.contains("an earlier run has started"));
    assert_eq!(events.iter().filter(is_told).count(), 1, "once, however often it is looked for");
}
