//! How long a step may take. The clock of these stands still but for timers, which fire at once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{
    Cancel, EngineError, FailureKind, Left, Level, Report, Seen, Step, StepContext, StepError, StepFailure,
    StepOutcome, Steps,
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::fake::{Fault, Make, Site, key, work};

const DEADLINE: Duration = Duration::from_secs(90);

/// Works until it is told to stop, goes on for a while, and ends as it should.
struct Lingers {
    for_more: Duration,
    ends: fn() -> Result<(), StepError>,
    /// How long it had worked when it was told to stop.
    worked: Arc<Mutex<Option<Duration>>>,
}

impl Lingers {
    fn new(for_more: Duration, ends: fn() -> Result<(), StepError>) -> Self {
        Self { for_more, ends, worked: Arc::default() }
    }
}

#[async_trait]
impl Step for Lingers {
    const NAME: &'static str = "lingers";
    type Output = ();

    fn input(&self) -> Value {
        Value::Null
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    async fn probe(&self, _: &StepContext) -> Result<Seen<()>, StepError> {
        Ok(Seen::NotDone)
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        let start = Instant::now();
        cx.stopped().await;
        *self.worked.lock().unwrap() = Some(start.elapsed());
        sleep(self.for_more).await;
        (self.ends)()
    }

    async fn verify(&self, _: &StepContext) -> Result<(), StepError> {
        Ok(())
    }
}

async fn run(step: impl Step) -> Result<Report, EngineError> {
    Site::new().run(Steps::new().with(key("a"), [], step)).await
}

async fn fail(step: impl Step) -> StepFailure {
    let failed = run(step).await.unwrap_err();
    let EngineError::Incomplete { first, .. } = failed else { panic!("{failed}") };
    *first
}

#[tokio::test(start_paused = true)]
async fn a_step_is_told_to_stop_when_its_time_is_over() {
    let step = Lingers::new(Duration::ZERO, || Err(StepError::interrupted()));
    let worked = Arc::clone(&step.worked);
    let failure = fail(step).await;
    assert_eq!(worked.lock().unwrap().unwrap().as_secs(), DEADLINE.as_secs());
    assert_eq!((failure.err.kind(), failure.left), (FailureKind::Deadline, Left::InDoubt));
    assert_eq!(failure.err.to_string(), "it did not end within 90 s");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_makes_it_within_the_grace_is_done() {
    let report = run(Lingers::new(Duration::from_millis(2900), || Ok(()))).await.unwrap();
    assert_eq!(report.steps, [(key("a"), StepOutcome::Done { changed: true })]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_needs_longer_than_the_grace_is_left_behind() {
    let failure = fail(Lingers::new(Duration::from_millis(3100), || Ok(()))).await;
    assert_eq!((failure.err.kind(), failure.left), (FailureKind::Deadline, Left::InDoubt));
}

#[tokio::test(start_paused = true)]
async fn a_step_out_of_time_may_say_something_better_than_that() {
    let failure = fail(Lingers::new(Duration::ZERO, || Err(StepError::outside("the cloud said no")))).await;
    assert_eq!((failure.err.kind(), failure.left), (FailureKind::Outside, Left::Partial));
    assert_eq!(failure.err.to_string(), "the cloud said no");
}

/// Looks at the world and never comes back.
struct Stares;

#[async_trait]
impl Step for Stares {
    const NAME: &'static str = "stares";
    type Output = ();

    fn input(&self) -> Value {
        Value::Null
    }

    async fn probe(&self, _: &StepContext) -> Result<Seen<()>, StepError> {
        std::future::pending().await
    }

    async fn act(&self, _: &StepContext) -> Result<(), StepError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_has_half_an_hour_where_the_step_says_nothing_else() {
    assert_eq!(Stares.deadline(), Duration::from_secs(1800));
    let failure = fail(Stares).await;
    assert_eq!((failure.err.kind(), failure.left), (FailureKind::Deadline, Left::Untouched));
    assert_eq!(failure.err.to_string(), "it did not end within 1800 s");
}

/// What was asked to stop is no failure, however little of its time had passed.
#[tokio::test(start_paused = true)]
async fn an_aborted_step_is_stopped_and_not_late() {
    let site = Site::new();
    let cancel = Cancel::default();
    let engine = site.engine_with(Arc::new(hangar_engine::NoProgress), cancel.clone());
    let steps = Steps::new().with(key("a"), [], Make::new(&site.world, "a").with_fault(Fault::Endless));
    let run = engine.run(work("plan-1"), steps);
    let press = async {
        sleep(Duration::from_secs(5)).await;
        cancel.raise(Level::Aborting);
    };
    let (stopped, ()) = tokio::join!(run, press);
    let EngineError::Stopped { report } = stopped.unwrap_err() else { panic!("it was asked to stop") };
    assert_eq!(report.steps, [(key("a"), StepOutcome::Failed { left: Left::InDoubt })]);
}

/// Looks until it is told to stop, and acts unless it is told to.
struct LooksLong(Arc<Mutex<Vec<&'static str>>>);

#[async_trait]
impl Step for LooksLong {
    const NAME: &'static str = "looks-long";
    type Output = ();

    fn input(&self) -> Value {
        Value::Null
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    async fn probe(&self, cx: &StepContext) -> Result<Seen<()>, StepError> {
        cx.stopped().await;
        Ok(Seen::NotDone)
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        tokio::select! {
            biased;
            () = cx.stopped() => self.0.lock().unwrap().push("told to stop"),
            () = std::future::ready(()) => self.0.lock().unwrap().push("acts"),
        }
        Ok(())
    }

    async fn verify(&self, _: &StepContext) -> Result<(), StepError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_look_tells_no_later_part_to_stop() {
    let log = Arc::default();
    let report = run(LooksLong(Arc::clone(&log))).await.unwrap();
    assert_eq!(report.steps, [(key("a"), StepOutcome::Done { changed: true })]);
    assert_eq!(*log.lock().unwrap(), ["acts"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_after_a_look_that_an_abort_has_ended() {
    let site = Site::new();
    let (cancel, log) = (Cancel::default(), Arc::default());
    let engine = site.engine_with(Arc::new(hangar_engine::NoProgress), cancel.clone());
    let run = engine.run(work("plan-1"), Steps::new().with(key("a"), [], LooksLong(Arc::clone(&log))));
    let press = async {
        sleep(Duration::from_secs(5)).await;
        cancel.raise(Level::Aborting);
    };
    let (stopped, ()) = tokio::join!(run, press);
    let EngineError::Stopped { report } = stopped.unwrap_err() else { panic!("it was asked to stop") };
    assert_eq!(report.steps, [(key("a"), StepOutcome::Failed { left: Left::Untouched })]);
    assert!(log.lock().unwrap().is_empty());
}
