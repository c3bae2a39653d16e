//! Steps at work at once.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hangar_engine::{Engine, Options, Seen, Step, StepContext, StepError, Steps};
use hangar_plan::step::StepKey;
use serde_json::{Value, json};

use crate::fake::{key, work};

/// What a crowd shares.
#[derive(Debug, Default)]
struct Square {
    at_work: AtomicUsize,
    most: AtomicUsize,
    looks: Mutex<BTreeMap<StepKey, usize>>,
}

/// Counts how many of it are at work at once, and stays until as many are as may be.
struct Crowd {
    allowed: usize,
    square: Arc<Square>,
}

#[async_trait]
impl Step for Crowd {
    const NAME: &'static str = "crowd";
    type Output = ();

    fn input(&self) -> Value {
        json!(null)
    }

    async fn probe(&self, cx: &StepContext) -> Result<Seen<()>, StepError> {
        *self.square.looks.lock().unwrap().entry(cx.key().clone()).or_default() += 1;
        let now = self.square.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        self.square.most.fetch_max(now, Ordering::SeqCst);
        while self.square.most.load(Ordering::SeqCst) < self.allowed {
            tokio::task::yield_now().await;
        }
        // Whoever was started beside it and should not have been has read the journal too by then, and come here.
        for _ in 0..50 {
            cx.journal().last_operation().await.map_err(StepError::bug)?;
        }
        self.square.at_work.fetch_sub(1, Ordering::SeqCst);
        Ok(Seen::Done(()))
    }

    async fn act(&self, _: &StepContext) -> Result<(), StepError> {
        Ok(())
    }
}

#[tokio::test]
async fn no_more_steps_are_at_work_at_once_than_allowed() {
    for allowed in [1, 3] {
        let dir = tempfile::tempdir().unwrap();
        let square = Arc::new(Square::default());
        let mut steps = Steps::new();
        for number in 0..10 {
            steps.add(key(&format!("s{number}")), [], Crowd { allowed, square: Arc::clone(&square) });
        }
        let options = Options { parallelism: NonZeroUsize::new(allowed).unwrap(), ..Options::new("hangar up") };
        let report = Engine::open(dir.path(), options).unwrap().run(work("plan-1"), steps).await.unwrap();
        assert_eq!(square.most.load(Ordering::SeqCst), allowed);
        // Each is started once, also while others are at work.
        let once = report.steps.iter().map(|(step, _)| (step.clone(), 1)).collect();
        assert_eq!(*square.looks.lock().unwrap(), once);
        assert_eq!(report.steps.len(), 10);
    }
}

#[test]
fn an_engine_runs_one_step_at_a_time_unless_told_otherwise() {
    assert_eq!(Options::new("hangar up").parallelism.get(), 1);
}
