//! What our record says of us, which follows where our nodes are and what they run.

use std::collections::BTreeMap;

use hangar_plan::infrastructure::{Infrastructure, NodeAddress};
use hangar_pool::OwnRecord;
use hangar_roster::{Datastore, Node, Presence, Tier, next};

use crate::clock::now_ms;
use crate::database::Database;
use crate::failure::Failure;
use crate::pooling::{no_pool, record};
use crate::session::Session;

/// When our record is brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Before anything of ours is touched: the others let in from where we call, beside from where we called.
    Before,
    /// Once all of it is done, but for a restart after which nodes go by other names: until then the others have to call them as
    /// they do now.
    ButForNames,
    /// Once all of it is done: nodes are where, and what, the workspace says.
    After,
    /// Once nodes were restarted: they go by the names that they were given.
    Restarted,
}

impl Session {
    /// What our record says of us by the infrastructure that stands.
    pub(crate) fn presence(
        &self,
        stands: &Infrastructure,
        authority: &str,
        database: &Database,
    ) -> Result<Presence, Failure> {
        let instance = &self.site.workspace.instance;
        let (settings, _) = self.site.workspace.pool.as_ref().ok_or_else(no_pool)?;
        let bad = |what: &str, text: &str| {
            Failure::refused(format!("the infra provider says {what} `{text}`, which is none"))
        };
        let nodes = stands.nodes.iter().map(|node| {
            let parse = |text: &String| text.parse().map_err(|_| bad("an address is", text));
            Ok(Node {
                ordinal: node.ordinal,
                host: node.host.clone(),
                port: node.port,
                addresses: node.addresses.iter().map(parse).collect::<Result<_, Failure>>()?,
            })
        });
        let egress = stands.egress.iter().map(|range| range.parse().map_err(|_| bad("a range is", range)));
        let version =
            |image: &registry_reference::Reference| image.tag.as_ref().map_or_else(String::new, ToString::to_string);
        Ok(Presence {
            endpoint: format!("https://{}", instance.hostname),
            authorities: vec![authority.to_owned()],
            nodes: nodes.collect::<Result<_, Failure>>()?,
            egress: egress.collect::<Result<_, Failure>>()?,
            locality: vec![Tier { key: database.tier.clone(), value: settings.locality.to_string() }],
            datastore: Datastore { kind: settings.block.plugin.to_string(), version: version(&database.image) },
            dss_version: version(&instance.image),
            flags: BTreeMap::new(),
            adopted: false,
        })
    }

    /// Publishes where our nodes are. What others trust us by (authorities, locality) is not theirs to learn in this way.
    pub(crate) fn show_presence(
        &self,
        stands: &Infrastructure,
        own: &OwnRecord,
        database: &Database,
        when: When,
    ) -> Result<(), Failure> {
        let held = own.roster().own_record().record().presence.clone();
        let wanted = Presence {
            authorities: held.authorities.clone(),
            locality: held.locality.clone(),
            flags: held.flags.clone(),
            adopted: held.adopted,
            ..self.presence(stands, "", database)?
        };
        let next = match when {
            When::Before => beside(held, &wanted),
            When::ButForNames => Presence { nodes: as_called(&held.nodes, wanted.nodes), ..wanted },
            When::After => wanted,
            When::Restarted => Presence { nodes: wanted.nodes, ..held },
        };
        own.step(|roster| next::presence(roster, next, now_ms())).map(drop).map_err(record)
    }
}

/// What is held, with the ranges that come.
fn beside(held: Presence, coming: &Presence) -> Presence {
    let mut egress = held.egress.clone();
    egress.extend(coming.egress.iter().filter(|range| !held.egress.contains(range)).cloned());
    Presence { egress, ..held }
}

/// The nodes that are wanted, each under the name that it is called by now.
fn as_called(held: &[Node], wanted: Vec<Node>) -> Vec<Node> {
    let called = |node: Node| match held.iter().find(|one| one.ordinal == node.ordinal) {
        Some(held) => Node { host: held.host.clone(), ..node },
        None => node,
    };
    wanted.into_iter().map(called).collect()
}

/// Names that our record gives and that no node has by the infrastructure as it stands now.
pub(crate) fn former_hosts(stands: &Infrastructure, own: &OwnRecord) -> Vec<String> {
    former_among(&own.roster().own_record().record().presence.nodes, &stands.nodes)
}

fn former_among(held: &[Node], stands: &[NodeAddress]) -> Vec<String> {
    let is_former = |host: &&String| !stands.iter().any(|node| node.host == **host);
    held.iter().map(|node| &node.host).filter(is_former).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(host: &str, egress: &[&str]) -> Presence {
        Presence {
            endpoint: "https://dss.uss1.example.com".into(),
            authorities: vec!["ours".into()],
            nodes: vec![Node { ordinal: 0, host: host.into(), port: 26257, addresses: Vec::new() }],
            egress: egress.iter().map(|range| range.parse().expect("a range")).collect(),
            locality: Vec::new(),
            datastore: Datastore { kind: "cockroachdb".into(), version: "v24.1.3".into() },
            dss_version: "v0.22.0".into(),
            flags: BTreeMap::new(),
            adopted: false,
        }
    }

    fn stands(host: &str) -> NodeAddress {
        NodeAddress { ordinal: 0, host: host.into(), port: 26257, addresses: Vec::new(), reservation: None }
    }

    #[test]
    fn before_anything_moves_the_ranges_that_come_stand_beside_those_that_go() {
        let held = presence("0.db.old.example.com", &["192.0.2.0/24", "198.51.100.0/24"]);
        let coming = presence("0.db.new.example.com", &["198.51.100.0/24", "203.0.113.0/24"]);
        let shown = beside(held.clone(), &coming);
        let ranges: Vec<String> = shown.egress.iter().map(ToString::to_string).collect();
        assert_eq!(ranges, ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]);
        assert_eq!(Presence { egress: held.egress.clone(), ..shown }, held, "where the nodes are comes after");
        assert_eq!(beside(held.clone(), &held), held, "and nothing where nothing comes");
    }

    #[test]
    fn until_a_restart_nodes_are_shown_where_they_are_now_under_the_names_they_still_go_by() {
        let held = presence("0.db.old.example.com", &[]).nodes;
        let mut wanted = presence("0.db.new.example.com", &[]).nodes;
        wanted[0].addresses.push("192.0.2.1".parse().expect("an address"));
        wanted.push(Node { ordinal: 1, host: "1.db.new.example.com".into(), ..wanted[0].clone() });
        let shown = as_called(&held, wanted.clone());
        assert_eq!((&shown[0].host, &shown[0].addresses), (&held[0].host, &wanted[0].addresses));
        assert_eq!(shown[1], wanted[1], "a node that is new has no other name");
    }

    #[test]
    fn a_name_that_no_node_has_any_more_is_a_former_one() {
        let held = presence("0.db.old.example.com", &[]).nodes;
        assert_eq!(former_among(&held, &[stands("0.db.new.example.com")]), ["0.db.old.example.com"]);
        assert_eq!(former_among(&held, &[stands("0.db.old.example.com")]), Vec::<String>::new());
        assert_eq!(former_among(&[], &[stands("0.db.new.example.com")]), Vec::<String>::new());
    }
}
