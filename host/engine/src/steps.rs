//! The steps of one run.

use std::collections::BTreeMap;
use std::sync::Arc;

use hangar_plan::step::{OrderError, StepKey, StepOrder};

use crate::step::{AnyStep, Erased, Step};

/// The steps of one run, each under its name.
pub(crate) type StepsByKey = BTreeMap<StepKey, Arc<dyn AnyStep>>;

/// The steps of one run, with what each requires.
#[derive(Default)]
pub struct Steps {
    entries: Vec<(StepKey, Vec<StepKey>, Arc<dyn AnyStep>)>,
}

impl Steps {
    /// Starts with none.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Steps of which each starts once the one before is done.
    #[must_use]
    pub fn in_turn<S: Step>(steps: impl IntoIterator<Item = (StepKey, S)>) -> Self {
        let mut all = Self::new();
        for (key, step) in steps {
            let before = all.entries.last().map(|(before, ..)| before.clone());
            all.add(key, before, step);
        }
        all
    }

    /// Adds a step that starts once those it requires are done. Steps that require nothing of one another are started in
    /// the order they were added.
    #[must_use]
    pub fn with<S: Step>(mut self, key: StepKey, requires: impl IntoIterator<Item = StepKey>, step: S) -> Self {
        self.add(key, requires, step);
        self
    }

    /// Like [`with`](Self::with), in place.
    pub fn add<S: Step>(&mut self, key: StepKey, requires: impl IntoIterator<Item = StepKey>, step: S) {
        self.entries.push((key, requires.into_iter().collect(), Arc::new(Erased(step))));
    }

    /// Number of steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn into_order(self) -> Result<(StepOrder, StepsByKey), OrderError> {
        let order = StepOrder::new(self.entries.iter().map(|(key, requires, _)| (key.clone(), requires.clone())))?;
        Ok((order, self.entries.into_iter().map(|(key, _, step)| (key, step)).collect()))
    }
}
