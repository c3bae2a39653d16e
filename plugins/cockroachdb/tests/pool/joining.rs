//! Both gates of a join, from both sides.

use crate::site::{CLUSTER, Site, fingerprint, has_init, healthy, member, populated, steps, tls, uninitialised};
use hangar_sdk::pooling_strategy::{
    AcknowledgementKind, Action, Decision, Goal, Member, MemberState, Observation, Probe, Question, TlsOutcome,
};

fn members(joiner: MemberState) -> Vec<Member> {
    vec![member("uss1", MemberState::Active), member("uss2", MemberState::Active), member("uss3", joiner)]
}

fn joiner(state: MemberState) -> Site {
    let mut site = Site::new("uss3", Goal::Join, members(state));
    site.intent.pool.cluster_id = Some(CLUSTER.into());
    if state == MemberState::Joining {
        site.facts.done.push("set-state/joining".into());
    }
    site
}

fn all_deployed(site: &mut Site) {
    for peer in ["uss1", "uss2"] {
        site.acknowledge(peer, AcknowledgementKind::Deployed(vec![fingerprint("uss3")]));
    }
}

/// All is well, and everybody's nodes are in the cluster.
fn whole(probe: &Probe) -> Observation {
    populated(&["uss1", "uss2", "uss3"])(probe)
}

#[test]
fn nothing_starts_before_all_have_voted() {
    let site = joiner(MemberState::Asking);
    let Decision::Awaiting(awaiting) = site.decide() else { panic!("it must wait for the votes") };
    assert_eq!(awaiting.members, ["uss1", "uss2"]);
    assert_eq!(awaiting.what, "accept uss3");
}

#[test]
fn nothing_starts_before_every_member_has_loaded_our_authority() {
    let mut site = joiner(MemberState::Asking);
    site.open("uss3");
    site.acknowledge("uss1", AcknowledgementKind::Deployed(vec![fingerprint("uss3")]));
    let Decision::Awaiting(awaiting) = site.decide() else { panic!("it must wait for uss2") };
    assert_eq!(awaiting.members, ["uss2"]);
}

#[test]
fn an_acknowledgement_alone_is_not_believed() {
    let mut site = joiner(MemberState::Asking);
    site.open("uss3");
    all_deployed(&mut site);
    let refuse = |probe: &Probe| match probe.id.as_str() {
        "accepts/uss2/1" => tls(TlsOutcome::AuthorityUnknown),
        _ => healthy(probe),
    };
    let first = steps(site.settle(refuse));
    assert_eq!(first.len(), 1, "uss1 is proved, uss2 is not");
    assert!(
        matches!(&first[0].action, Action::Acknowledge(AcknowledgementKind::AcceptedBy((peer, _))) if peer == "uss1")
    );
    site.acknowledge("uss3", AcknowledgementKind::AcceptedBy(("uss1".into(), fingerprint("uss3"))));
    assert!(matches!(site.settle(refuse), Decision::Wait(_)));
}

#[test]
fn the_api_waits_for_the_second_gate() {
    let mut site = joiner(MemberState::Joining);
    site.open("uss3");
    all_deployed(&mut site);
    for peer in ["uss1", "uss2"] {
        site.acknowledge("uss3", AcknowledgementKind::AcceptedBy((peer.into(), fingerprint("uss3"))));
    }
    let Decision::Awaiting(awaiting) = site.settle(whole) else { panic!("the second gate is shut") };
    assert_eq!(awaiting.members, ["uss1", "uss2"]);
    for peer in ["uss1", "uss2"] {
        site.acknowledge(peer, AcknowledgementKind::AcceptedBy(("uss3".into(), fingerprint(peer))));
    }
    let last = steps(site.settle(whole));
    assert!(matches!(last[1].action, Action::SetState(MemberState::Active)));
    assert_eq!(last[1].requires, [last[0].key.clone()]);
}

/// Every stage of a join once, with nodes that wait to be initialised or already serve.
#[test]
fn no_stage_of_a_join_initialises() {
    for nodes in [serving, waiting] {
        let mut site = joiner(MemberState::Asking);
        site.open("uss3");
        all_deployed(&mut site);
        let mut keys = Vec::new();
        for _ in 0..20 {
            let decision = site.settle(nodes);
            assert!(!has_init(&decision));
            let Decision::Steps(steps) = decision else { break };
            for step in steps {
                if let Action::Acknowledge(kind) = step.action {
                    site.acknowledge("uss3", kind);
                }
                keys.push(step.key.clone());
                site.facts.done.push(step.key);
            }
        }
        assert!(keys.iter().any(|key| key == "set-state/joining"), "{keys:?}");
        assert!(keys.iter().any(|key| key.starts_with("apply-release")), "its pods were started: {keys:?}");
    }
}

/// All is well but for the release, which is not there yet.
fn serving(probe: &Probe) -> Observation {
    match probe.question {
        Question::Release(_) => Observation::Absent,
        _ => healthy(probe),
    }
}

/// As [`serving`], but our own nodes wait to be initialised.
fn waiting(probe: &Probe) -> Observation {
    match probe.question {
        Question::Http(_) | Question::Sql(_) => uninitialised(),
        _ => serving(probe),
    }
}

#[test]
fn a_joiner_that_found_itself_another_cluster_is_stopped() {
    let mut site = joiner(MemberState::Joining);
    site.intent.pool.cluster_id = Some("another".into());
    site.open("uss3");
    all_deployed(&mut site);
    for peer in ["uss1", "uss2"] {
        site.acknowledge("uss3", AcknowledgementKind::AcceptedBy((peer.into(), fingerprint("uss3"))));
    }
    assert!(matches!(site.settle(healthy), Decision::Blocked(_)));
}

#[test]
fn a_member_lets_nobody_in_before_the_change_is_open() {
    let mut site = Site::new("uss1", Goal::Operate, members(MemberState::Asking));
    let own = vec![fingerprint("uss1"), fingerprint("uss2")];
    let asked = steps(site.decide());
    assert!(asked.iter().any(|step| matches!(&step.action,
        Action::Acknowledge(AcknowledgementKind::Deployed(bundle)) if *bundle == own)));
    site.open("uss3");
    let asked = steps(site.decide());
    assert!(asked.iter().any(|step| matches!(&step.action,
        Action::Acknowledge(AcknowledgementKind::Deployed(bundle)) if bundle.contains(&fingerprint("uss3")))));
    let order: Vec<_> = asked.iter().map(|step| step.key.split('/').next().unwrap_or_default()).collect();
    assert_eq!(order, ["put-secret", "put-secret", "apply-release", "reload", "acknowledge"]);
    assert_eq!(asked[4].requires, [asked[3].key.clone()], "loaded first, said afterwards");
}

#[test]
fn a_member_proves_a_joiner_that_listens() {
    let mut site = Site::new("uss1", Goal::Operate, members(MemberState::Joining));
    site.open("uss3");
    let admitting = steps(site.decide());
    site.take(admitting);
    let silent = |_: &Probe| tls(TlsOutcome::Unreachable);
    assert!(matches!(site.settle(silent), Decision::Wait(_)));
    site.facts.observations.clear();
    let proved = steps(site.settle(whole));
    assert!(matches!(&proved[0].action, Action::Acknowledge(AcknowledgementKind::AcceptedBy((peer, authority)))
        if peer == "uss3" && *authority == fingerprint("uss1")));
}

/// A handshake alone does not show that a node is in the cluster, nor where it says it is.
#[test]
fn a_member_that_does_not_see_a_joiners_nodes_in_the_cluster_does_not_say_that_it_is_accepted() {
    let site = || {
        let mut site = Site::new("uss1", Goal::Operate, members(MemberState::Joining));
        site.open("uss3");
        while let Decision::Steps(all) = site.settle(|_| tls(TlsOutcome::Unreachable)) {
            site.take(all);
        }
        site.facts.observations.clear();
        site
    };
    let Decision::Wait(waiting) = site().settle(populated(&["uss1", "uss2"])) else { panic!("it says so") };
    assert_eq!(waiting.message, "0 of 3 nodes of `uss3` to live in the cluster at their addresses");
    let with = |column: usize, cell: &'static str| {
        move |probe: &Probe| match whole(probe) {
            Observation::Rows(mut rows) if probe.id == "nodes/0" => {
                rows.rows[8][column] = Some(cell.into());
                Observation::Rows(rows)
            }
            seen => seen,
        }
    };
    for (column, cell) in [(1, "2.uss3.elsewhere.example.com:26257"), (4, "false")] {
        let Decision::Wait(waiting) = site().settle(with(column, cell)) else { panic!("{cell}: it says so") };
        assert_eq!(waiting.message, "2 of 3 nodes of `uss3` to live in the cluster at their addresses");
    }
    let Decision::Blocked(findings) = site().settle(with(2, "zone=uss1")) else { panic!("it says so") };
    let told = "node 9 of `uss3` has the locality `zone=uss1`, and its record says `zone=uss3`";
    assert_eq!((findings[0].message.as_str(), findings[0].whose.as_deref()), (told, Some("uss3")));
    assert_eq!(steps(site().settle(whole)).len(), 1, "once all is so it does");
}

#[test]
fn two_members_of_one_locality_block() {
    let mut all = members(MemberState::Asking);
    all[2].locality = all[0].locality.clone();
    let mut site = Site::new("uss3", Goal::Join, all);
    site.open("uss3");
    let Decision::Blocked(findings) = site.decide() else { panic!("one locality for two must block") };
    assert_eq!(findings[0].whose.as_deref(), Some("uss3"));
}
