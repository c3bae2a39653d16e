//! What a step is told of itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Cancel, EngineError, Level, NoProgress, Seen, Step, StepContext, StepError, Steps};
use serde_json::{Value, json};

use crate::fake::{PATIENCE, Site, key, work};

/// Name of the work and former output, at every look.
type Said = Arc<Mutex<Vec<(String, Option<Value>)>>>;

/// Keeps what its context says at every look.
#[derive(Debug, Clone)]
struct Recalls {
    wanted: &'static str,
    said: Said,
}

#[async_trait]
impl Step for Recalls {
    const NAME: &'static str = "recall";
    type Output = String;

    fn input(&self) -> Value {
        json!({ "wanted": self.wanted })
    }

    fn deadline(&self) -> Duration {
        PATIENCE
    }

    async fn probe(&self, cx: &StepContext) -> Result<Seen<String>, StepError> {
        self.said.lock().unwrap().push((cx.idem().to_owned(), cx.former_output()));
        Ok(Seen::Done(self.wanted.to_owned()))
    }

    async fn act(&self, _: &StepContext) -> Result<(), StepError> {
        Err(StepError::bug("it is done already"))
    }
}

#[tokio::test]
async fn a_step_knows_what_it_gave_before_in_this_operation_when_asked_for_the_same() {
    let site = Site::new();
    let engine = site.engine();
    let operation = engine.begin(work("plan-1")).await.unwrap();
    let said = Said::default();
    for wanted in ["x", "x", "y"] {
        let step = Recalls { wanted, said: Arc::clone(&said) };
        operation.run(Steps::new().with(key("a"), [], step)).await.unwrap();
    }
    let said = said.lock().unwrap();
    let [first, second, other] = said.as_slice() else { panic!("{said:?}") };
    assert!(!first.0.is_empty() && first.0 == second.0 && first.0 != other.0, "{said:?}");
    assert_eq!([&first.1, &second.1, &other.1], [&None, &Some(json!("x")), &None]);
}

/// Waits for nothing but the end of the run.
struct Waits {
    cancel: Cancel,
}

#[async_trait]
impl Step for Waits {
    const NAME: &'static str = "wait";
    type Output = ();

    fn input(&self) -> Value {
        Value::Null
    }

    fn deadline(&self) -> Duration {
        PATIENCE
    }

    async fn probe(&self, _: &StepContext) -> Result<Seen<()>, StepError> {
        Ok(Seen::NotDone)
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        tokio::select! {
            biased;
            () = cx.draining() => return Err(StepError::bug("nobody has asked")),
            () = std::future::ready(()) => {}
        }
        self.cancel.press();
        cx.draining().await;
        Err(StepError::interrupted())
    }
}

#[tokio::test]
async fn a_step_that_only_waits_hears_of_the_first_press() {
    let site = Site::new();
    let cancel = Cancel::default();
    let engine = site.engine_with(Arc::new(NoProgress), cancel.clone());
    let steps = Steps::new().with(key("a"), [], Waits { cancel: cancel.clone() });
    let stopped = engine.run(work("plan-1"), steps).await.unwrap_err();
    assert!(matches!(stopped, EngineError::Stopped { .. }), "{stopped:?}");
    assert_eq!(cancel.level(), Level::Draining);
}
