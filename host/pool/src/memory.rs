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

#[cfg(test)]
mod tests {
    use hangar_plan::strategy::observation::Observation;
    use hangar_plan::strategy::probe::{Probe, Question, Vantage};

    use super::*;

    fn fact(id: &str, at_ms: u64) -> Fact {
        let question = Question::Release("dss".into());
        let probe = Probe { id: id.into(), vantage: Vantage::Host, timeout_ms: 1, question };
        Fact { probe, observation: Observation::Absent, at_ms }
    }

    #[test]
    fn the_last_eight_answers_of_each_probe_are_kept_latest_first() {
        let mut memory = Memory::default();
        memory.keep((1..=9).map(|at_ms| fact("a", at_ms)).collect());
        memory.keep(vec![fact("b", 5)]);
        let told: Vec<_> = memory.observations().into_iter().map(|fact| (fact.probe.id, fact.at_ms)).collect();
        let of_a = |at_ms| ("a".to_owned(), at_ms);
        let wanted = [of_a(9), of_a(8), of_a(7), of_a(6), of_a(5), ("b".to_owned(), 5), of_a(4), of_a(3), of_a(2)];
        assert_eq!(told, wanted);
        memory.forget();
        assert!(memory.observations().is_empty());
    }
}
