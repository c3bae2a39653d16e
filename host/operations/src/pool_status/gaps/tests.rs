use hangar_plan::strategy::member::MemberState;

use super::super::{Proposal, Tally};
use super::*;

fn node(host: &str) -> NodeStatus {
    NodeStatus {
        address: format!("{host}:26257"),
        node_id: Some("1".into()),
        live: (1, 1),
        accepts_us: Some(true),
        over: None,
        former: Vec::new(),
    }
}

fn whole() -> PoolStatus {
    let ids = ["uss1", "uss2", "uss3"];
    let member = |id: &str| MemberStatus {
        id: id.into(),
        state: MemberState::Active,
        locality: format!("zone={id}"),
        nodes: vec![NodeStatus { accepts_us: (id != "uss1").then_some(true), ..node(id) }],
        deployed_by: ids.map(ToOwned::to_owned).to_vec(),
        maintenance: None,
        shares_subject_with: None,
    };
    PoolStatus {
        pool: "east".into(),
        own: "uss1".into(),
        founder: "uss1".into(),
        cluster_id: None,
        identities: Vec::new(),
        gateways_agree: true,
        open: None,
        proposed: Vec::new(),
        members: ids.map(member).to_vec(),
        underreplicated: Some(0),
        unavailable: Some(0),
        asks_ranges: true,
        is_over: false,
        findings: Vec::new(),
    }
}

/// Subject, member and command of each.
fn told(status: &PoolStatus) -> Vec<(String, String, String)> {
    let told = |gap: Finding| (gap.subject, gap.whose.unwrap_or_default(), gap.cure.unwrap_or_default());
    status.gaps().into_iter().map(told).collect()
}

fn one(subject: &str, whose: &str, command: &str) -> Vec<(String, String, String)> {
    vec![(subject.to_owned(), whose.to_owned(), format!("`{command}`"))]
}

#[test]
fn a_whole_pool_has_no_gap_and_a_full_tally() {
    let status = whole();
    assert_eq!(told(&status), []);
    let tally = Tally::of(&status);
    assert!(tally.is_full() && status.is_whole());
    assert_eq!(tally.to_string(), "nodes live 3 of 3, nodes that accept us 2 of 2, authorities loaded 6 of 6");
}

#[test]
fn a_node_that_is_down_unknown_or_refuses_us_is_its_owners() {
    for change in [
        (|node: &mut NodeStatus| node.live = (0, 1)) as fn(&mut NodeStatus),
        |node| node.node_id = None,
        |node| node.accepts_us = Some(false),
    ] {
        let mut status = whole();
        change(&mut status.members[2].nodes[0]);
        assert_eq!(told(&status), one("node:uss3:26257", "uss3", "hangar up"));
    }
}

#[test]
fn nobody_is_let_in_while_a_node_is_down_ranges_lack_replicas_or_nodes_are_restarted() {
    let against = |change: fn(&mut PoolStatus)| {
        let mut status = whole();
        change(&mut status);
        let gap = status.obstacle_to_joining()?;
        Some((gap.message, gap.whose.unwrap_or_default(), gap.cure.unwrap_or_default()))
    };
    let told = |message: &str, whose: &str, cure: &str| Some((message.into(), whose.into(), format!("`{cure}`")));
    assert_eq!(against(|_| ()), None);
    assert_eq!(
        against(|status| status.members[2].nodes[0].live = (0, 1)),
        told("0 of 1 own nodes call `uss3:26257` live", "uss3", "hangar up")
    );
    assert_eq!(
        against(|status| status.unavailable = Some(1)),
        told("1 ranges have no majority: what they hold can be neither read nor written", "uss1", "hangar up")
    );
    assert_eq!(
        against(|status| status.underreplicated = Some(4)),
        told("4 ranges lack replicas: no node goes until they are copied", "uss1", "hangar pool status --wait")
    );
    let restarts = against(|status| status.members[1].maintenance = Some("v24.1.4".into()));
    assert_eq!(restarts.map(|(_, whose, cure)| (whose, cure)), Some(("uss2".into(), "`hangar up`".into())));
    // What only waits to be loaded, or is worth a note, is none.
    assert_eq!(against(|status| status.members[1].deployed_by.clear()), None);
}

/// Two nodes cannot hold three replicas: the newcomer's are what is missing.
#[test]
fn who_gives_room_for_replicas_is_let_in() {
    let mut status = whole();
    status.members.truncate(2);
    for member in &mut status.members {
        member.deployed_by.truncate(2);
    }
    status.underreplicated = Some(14);
    assert_eq!(status.obstacle_to_joining(), None);
    status.unavailable = Some(1);
    assert!(status.obstacle_to_joining().is_some(), "but never without a majority");
}

#[test]
fn a_certificate_that_is_over_is_renewed_by_whose_it_is_and_nothing_else_of_the_node_is_told() {
    let mut status = whole();
    let node = &mut status.members[2].nodes[0];
    (node.live, node.accepts_us, node.over) = ((0, 1), Some(false), Some("expired".into()));
    assert_eq!(told(&status), one("node:uss3:26257", "uss3", "hangar cert renew"));
}

#[test]
fn who_has_not_loaded_an_authority_is_told_to() {
    let mut status = whole();
    status.members[0].deployed_by.retain(|id| id != "uss2");
    assert_eq!(told(&status), one("member:uss2", "uss2", "hangar up"));
    let tally = Tally::of(&status);
    assert!(!tally.is_full());
    assert_eq!((tally.acknowledgements.done, tally.acknowledgements.of), (5, 6));
}

#[test]
fn a_vote_that_is_missing_names_its_voter_and_its_command() {
    let mut status = whole();
    status.proposed.push(Proposal {
        kind: "join".into(),
        subject: "uss4".into(),
        proposer: "uss1".into(),
        waits_for: vec!["uss2".into()],
        command: "hangar pool accept uss4".into(),
    });
    assert_eq!(told(&status), one("member:uss2", "uss2", "hangar pool accept uss4"));
    let tally = Tally::of(&status);
    assert!(!tally.is_full(), "a change is under way");
    assert!(tally.to_string().ends_with("; join uss4 waits for uss2"), "{tally}");
}

#[test]
fn a_member_whose_restarts_are_not_through_goes_on_with_them() {
    let mut status = whole();
    status.members[1].maintenance = Some("v24.3.1".into());
    assert_eq!(told(&status), one("member:uss2", "uss2", "hangar up"));
    assert!(status.is_whole(), "nothing is amiss while it lasts");
    status.members[1].maintenance = Some(RESTART.into());
    assert_eq!(told(&status), one("member:uss2", "uss2", "hangar restart"));
}

#[test]
fn a_node_that_was_another_one_before_is_its_owners_to_clear() {
    let mut status = whole();
    status.members[2].nodes[0].former = vec!["7".into()];
    assert_eq!(told(&status), one("node:uss3:26257", "uss3", "hangar up"));
}

#[test]
fn authorities_of_one_subject_are_told_with_who_replaces_its_own() {
    let mut status = whole();
    status.members[2].shares_subject_with = Some("uss1".into());
    assert_eq!(told(&status), one("member:uss3", "uss3", "hangar pool rotate-ca"));
}

#[test]
fn ranges_without_a_majority_are_of_who_is_down() {
    let mut status = whole();
    status.members[1].nodes[0].live = (0, 1);
    status.unavailable = Some(2);
    status.underreplicated = Some(3);
    let all = told(&status);
    assert_eq!(all[1..2], one("pool", "uss2", "hangar up"));
    assert_eq!(all[2..], one("pool", "uss1", "hangar pool status --wait"));
}

#[test]
fn one_thing_is_said_where_no_own_node_answers() {
    let mut status = whole();
    for node in status.members.iter_mut().flat_map(|member| &mut member.nodes) {
        (node.live, node.node_id) = ((0, 0), None);
    }
    (status.unavailable, status.underreplicated) = (None, None);
    assert_eq!(told(&status), one("member:uss1", "uss1", "hangar up"));
    status.is_over = true;
    assert_eq!(told(&status), one("member:uss1", "uss1", "hangar cert renew"));
}

#[test]
fn a_database_that_tells_of_no_ranges_can_be_whole() {
    let mut status = whole();
    status.unavailable = None;
    assert!(!status.is_whole(), "it was asked and did not answer");
    status.asks_ranges = false;
    assert!(status.is_whole());
}

#[test]
fn who_only_asks_hears_of_votes_alone() {
    let mut status = whole();
    status.members[0].state = MemberState::Asking;
    status.members[1].nodes[0].live = (0, 1);
    assert_eq!(told(&status), []);
}

#[test]
fn two_organisations_are_told_what_they_do_not_survive() {
    let mut status = whole();
    status.members.pop();
    assert_eq!(told(&status), one("pool", "uss1", "hangar pool invite --to FINGERPRINT"));
}
