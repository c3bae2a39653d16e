//! By which of its names the cluster knows a node of ours.

use hangar_plan::strategy::intent::Node;
use hangar_plan::strategy::member::Roster;
use hangar_plan::strategy::observation::Fact;

use super::Gateway;

/// The roster with each own node by the name that the cluster knows: one that was restarted goes by its new name before our record
/// gives that, which it does once all of them have it.
pub(crate) fn as_known(mut roster: Roster, own: &[Node], facts: &[Fact]) -> Roster {
    let gateways: Vec<_> = facts.iter().filter_map(Gateway::seen).collect();
    let is_known =
        |node: &Node| gateways.iter().any(|known| known.nodes.contains_key(&format!("{}:{}", node.host, node.port)));
    let ours = roster.members.iter_mut().filter(|member| member.is_self).flat_map(|member| &mut member.nodes);
    for held in ours.filter(|held| !is_known(held)) {
        let new = own.iter().find(|node| node.ordinal == held.ordinal && is_known(node));
        if let Some(new) = new {
            held.host.clone_from(&new.host);
        }
    }
    roster
}

#[cfg(test)]
mod tests {
    use hangar_plan::strategy::member::{Member, MemberState};
    use hangar_plan::strategy::observation::{Observation, Rows};
    use hangar_plan::strategy::probe::{Probe, Question, SqlQuestion, Vantage};

    use super::*;

    fn node(ordinal: u32, suffix: &str) -> Node {
        Node { ordinal, host: format!("{ordinal}.{suffix}"), port: 26257, addresses: Vec::new() }
    }

    fn member(id: &str, is_self: bool) -> Member {
        Member {
            id: id.into(),
            is_self,
            state: MemberState::Active,
            endpoint: String::new(),
            locality: Vec::new(),
            datastore: (String::new(), String::new()),
            nodes: vec![node(0, "old"), node(1, "old")],
            egress: Vec::new(),
            authorities: Vec::new(),
            acknowledgements: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// A gateway that knows nodes at these addresses.
    fn knows(addresses: &[&str]) -> Fact {
        let row = |(n, address): (usize, &&str)| vec![Some(n.to_string()), Some((*address).to_owned())];
        let rows = Rows { columns: Vec::new(), rows: addresses.iter().enumerate().map(row).collect() };
        let (host, port) = ("own".into(), 26257);
        let question = SqlQuestion { host, port, server_name: None, database: String::new(), statement: String::new() };
        let probe = Probe {
            id: "nodes/0".into(),
            vantage: Vantage::OwnCluster,
            timeout_ms: 1,
            question: Question::Sql(question),
        };
        Fact { probe, observation: Observation::Rows(rows), at_ms: 0 }
    }

    #[test]
    fn a_node_of_ours_that_was_restarted_goes_by_its_new_name_and_no_other_does() {
        let roster =
            Roster { members: vec![member("uss1", true), member("uss2", false)], founder: "uss1".into(), open: None };
        let own = [node(0, "new"), node(1, "new")];
        let hosts = |facts: &[Fact]| -> Vec<String> {
            let seen = as_known(roster.clone(), &own, facts);
            seen.members.into_iter().flat_map(|member| member.nodes).map(|node| node.host).collect()
        };
        assert_eq!(hosts(&[knows(&["0.old:26257", "1.new:26257"])]), ["0.old", "1.new", "0.old", "1.old"]);
        assert_eq!(hosts(&[]), ["0.old", "1.old", "0.old", "1.old"], "where nobody answers the record counts");
    }
}
