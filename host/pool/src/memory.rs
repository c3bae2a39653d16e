//! What was seen in this run.

use std::collections::{BTreeMap, VecDeque};

use hangar_plan::strategy::observation::Fact;

/// Answers kept of each probe.
const KEPT: usize = 8;

/// The last answers to each probe, latest first.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    facts: BTreeMap<String, VecDeque<Fact>>,
}

impl Memory {
    pub(crate) fn keep(&mut self, facts: Vec<Fact>) {
        for fact in facts {
            let answers = self.facts.entry(fact.probe.id.clone()).or_default();
            answers.push_front(fact);
            answers.truncate(KEPT);
        }
    }

    /// All answers, latest first.
    pub(crate) fn observations(&self) -> Vec<Fact> {
        let mut facts: Vec<Fact> = self.facts.values().flatten().cloned().collect();
        facts.sort_by_key(|fact| std::cmp::Reverse(fact.at_ms));
        facts
    }

    /// Forgets everything: something was done, so what was seen before may no longer hold.
    pub(crate) fn forget(&mut self) {
        self.facts.clear();
    }
}
