//! What a step is told of itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Cancel, EngineError, Level, NoProgress, Seen, Step, StepContext, StepError, Steps, What};
use serde_json::{Value, json};

use crate::fake::{Events, PATIENCE, Site, key, work};

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

/// Says what it does, and something that has no JSON form.
struct Chats;

#[async_trait]
impl Step for Chats {
    const NAME: &'static str = "chat";
    type Output = ();

    fn input(&self) -> Value {
        Value::Null
    }

    async fn probe(&self, cx: &StepContext) -> Result<Seen<()>, StepError> {
        cx.waiting("the load balancer");
        cx.detail("terraform", &json!({ "type": "apply_start" }));
        cx.detail("terraform", &BTreeMap::from([((1, 2), "names of members are texts")]));
        Ok(Seen::Done(()))
    }

    async fn act(&self, _: &StepContext) -> Result<(), StepError> {
        Err(StepError::bug("it is done already"))
    }
}

#[tokio::test]
async fn what_a_step_says_is_handed_on_under_its_name() {
    let site = Site::new();
    let events = Arc::new(Events::default());
    let engine = site.engine_with(Arc::clone(&events) as _, Cancel::default());
    let operation = engine.begin(work("plan-1")).await.unwrap();
    operation.run(Steps::new().with(key("infra/apply"), [], Chats)).await.unwrap();
    let mut told = events.0.lock().unwrap().clone();
    told.retain(|event| event.step == Some(key("infra/apply")));
    assert_eq!(
        told.iter().map(|event| event.what.clone()).collect::<Vec<_>>(),
        [
            What::Probing,
            What::Waiting { what: "the load balancer".to_owned() },
            What::Detail { source: "terraform".to_owned(), body: json!({ "type": "apply_start" }) },
            What::Done { changed: false },
        ]
    );
    assert!(told.iter().all(|event| event.operation == *operation.id()));
    let wanted = json!({
        "at_ms": told[1].at_ms,
        "operation": operation.id().as_str(),
        "step": "infra/apply",
        "event": "waiting",
        "what": "the load balancer",
    });
    assert_eq!(serde_json::to_value(&told[1]).unwrap(), wanted);
}
