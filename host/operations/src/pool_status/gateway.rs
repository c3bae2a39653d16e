//! The nodes of the cluster as one own node knows them.

use std::collections::BTreeMap;

use hangar_plan::strategy::observation::{Fact, Observation};

/// A node of the cluster as one gateway knows it.
pub(super) struct Known {
    pub(super) node_id: String,
    pub(super) is_live: bool,
    /// Whether it was taken out for good.
    is_out: bool,
}

/// What one gateway knows, by address.
pub(super) struct Gateway {
    /// The node that is there, or was last.
    pub(super) nodes: BTreeMap<String, Known>,
    /// Dead nodes that were there before the one that lives there now, and that still count.
    pub(super) former: BTreeMap<String, Vec<String>>,
}

impl Gateway {
    /// Reads the rows of a question after the cluster's nodes; nothing for any other.
    pub(super) fn seen(fact: &Fact) -> Option<Self> {
        if !fact.probe.id.starts_with("nodes/") {
            return None;
        }
        let Observation::Rows(rows) = &fact.observation else { return None };
        let mut all: BTreeMap<String, Vec<Known>> = BTreeMap::new();
        for row in &rows.rows {
            let cell = |n: usize| row.get(n).and_then(Option::as_deref);
            let (Some(node_id), Some(address)) = (cell(0), cell(1)) else { continue };
            let (is_live, is_out) = (cell(4) == Some("true"), cell(5) == Some("decommissioned"));
            let known = Known { node_id: node_id.to_owned(), is_live, is_out };
            all.entry(address.to_owned()).or_default().push(known);
        }
        let mut gateway = Self { nodes: BTreeMap::new(), former: BTreeMap::new() };
        for (address, mut here) in all {
            let at = here.iter().rposition(|known| known.is_live).unwrap_or(here.len() - 1);
            let now = here.remove(at);
            let counts = |known: &&Known| now.is_live && !known.is_live && !known.is_out;
            let former: Vec<String> = here.iter().filter(counts).map(|known| known.node_id.clone()).collect();
            if !former.is_empty() {
                gateway.former.insert(address.clone(), former);
            }
            gateway.nodes.insert(address, now);
        }
        Some(gateway)
    }
}

#[cfg(test)]
mod tests {
    use hangar_plan::strategy::observation::Rows;
    use hangar_plan::strategy::probe::{Probe, Question, Vantage};

    use super::*;

    fn gateway(rows: &[(&str, &str, &str, &str)]) -> Gateway {
        let row = |(id, address, is_live, membership): &(&str, &str, &str, &str)| {
            let cell = |text: &str| Some(text.to_owned());
            vec![cell(id), cell(address), None, None, cell(is_live), cell(membership)]
        };
        let rows = Rows { columns: Vec::new(), rows: rows.iter().map(row).collect() };
        let question = Question::Workload("db".into());
        let probe = Probe { id: "nodes/0".into(), vantage: Vantage::Host, timeout_ms: 1, question };
        let fact = Fact { probe, at_ms: 0, observation: Observation::Rows(rows) };
        Gateway::seen(&fact).expect("an answer about nodes")
    }

    #[test]
    fn a_node_that_lost_its_volume_does_not_hide_what_it_was() {
        let seen = gateway(&[
            ("1", "a:1", "false", "active"),
            ("2", "b:1", "true", "active"),
            ("3", "a:1", "false", "decommissioned"),
            ("4", "a:1", "true", "active"),
        ]);
        assert!(seen.nodes["a:1"].node_id == "4" && seen.nodes["a:1"].is_live && seen.nodes.len() == 2);
        assert_eq!(seen.former.into_iter().collect::<Vec<_>>(), [("a:1".to_owned(), vec!["1".to_owned()])]);
    }

    #[test]
    fn one_that_is_dead_is_no_former_one() {
        let seen = gateway(&[("1", "a:1", "false", "active")]);
        assert!(!seen.nodes["a:1"].is_live && seen.former.is_empty());
    }
}
