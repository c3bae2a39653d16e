//! Stopping a run.

use std::sync::{Arc, Mutex};

use hangar_engine::{Cancel, EngineError, Event, Left, Level, Progress, StepOutcome, Steps, What};
use hangar_plan::hint::Hint as _;

use crate::fake::{Fault, Log, Make, Site, diamond, diamond_things, key, work};

/// Presses when a step begins to act.
struct PressAt {
    step: &'static str,
    n_presses: usize,
    cancel: Mutex<Cancel>,
}

impl Progress for PressAt {
    fn event(&self, event: &Event) {
        let is_it = event.step.as_ref().is_some_and(|step| step.as_str() == self.step);
        if is_it && matches!(event.what, What::Acting { .. }) {
            for _ in 0..self.n_presses {
                self.cancel.lock().unwrap().press();
            }
        }
    }
}

async fn run_and_press(site: &Site, steps: Steps, step: &'static str, n_presses: usize) -> EngineError {
    let cancel = Cancel::default();
    let press = PressAt { step, n_presses, cancel: Mutex::new(cancel.clone()) };
    let engine = site.engine_with(Arc::new(press), cancel);
    engine.run(work("plan-1"), steps).await.unwrap_err()
}

#[tokio::test]
async fn the_first_press_stops_between_steps() {
    let site = Site::new();
    let steps = diamond(&site.world, |_| Fault::None, &Log::default());
    let stopped = run_and_press(&site, steps, "b", 1).await;
    assert_eq!(stopped.hint().as_deref(), Some("run the same command again to go on"));
    let EngineError::Stopped { report } = stopped else { panic!("{stopped}") };
    assert_eq!(report.outcome(&key("b")), Some(&StepOutcome::Done { changed: true }));
    assert_eq!(report.outcome(&key("c")), Some(&StepOutcome::NotStarted));

    site.run(diamond(&site.world, |_| Fault::None, &Log::default())).await.unwrap();
    assert_eq!(site.world.things(), diamond_things());
}

#[tokio::test]
async fn the_second_press_stops_at_once_and_leaves_a_doubt() {
    let site = Site::new();
    let steps = diamond(&site.world, |thing| if thing == "b" { Fault::Endless } else { Fault::None }, &Log::default());
    let stopped = run_and_press(&site, steps, "b", 2).await;
    let EngineError::Stopped { report } = stopped else { panic!("{stopped}") };
    assert_eq!(report.outcome(&key("b")), Some(&StepOutcome::Failed { left: Left::InDoubt }));

    let log = Log::default();
    site.run(diamond(&site.world, |_| Fault::None, &log)).await.unwrap();
    assert!(log.lock().unwrap().contains(&"settle b".to_owned()));
    assert_eq!(site.world.things(), diamond_things());
}

/// The clock stands still for everything but timers, which fire at once: the grace takes no time.
#[tokio::test(start_paused = true)]
async fn a_step_that_does_not_listen_is_left_behind() {
    let site = Site::new();
    let deaf = Make::new(&site.world, "a").with_fault(Fault::Deaf);
    let stopped = run_and_press(&site, Steps::new().with(key("a"), [], deaf), "a", 2).await;
    let EngineError::Stopped { report } = stopped else { panic!("{stopped}") };
    assert_eq!(report.outcome(&key("a")), Some(&StepOutcome::Failed { left: Left::InDoubt }));
}

#[tokio::test]
async fn a_run_that_is_cancelled_before_it_starts_does_nothing() {
    let site = Site::new();
    let cancel = Cancel::default();
    cancel.raise(Level::Draining);
    let engine = site.engine_with(Arc::new(hangar_engine::NoProgress), cancel);
    let stopped = engine.run(work("plan-1"), diamond(&site.world, |_| Fault::None, &Log::default())).await.unwrap_err();
    assert_eq!(stopped.to_string(), "stopped when asked, 5 of 5 steps are not done");
    assert!(site.world.things().is_empty());
}
