//! What the strategy refuses, with the reason and whose move it is.

use hangar_sdk::pooling_strategy::{
    AcknowledgementKind, Decision, Finding, Goal, MemberState, Observation, Probe, Question, Rows,
};

use crate::sim::{at_rest, nodes_in, process};
use crate::site::{Site, healthy, member, steps};

fn site(goal: Goal, n: usize) -> Site {
    Site::new("uss0", goal, (0..n).map(|i| member(&format!("uss{i}"), MemberState::Active)).collect())
}

fn blocked(decision: Decision) -> Finding {
    let Decision::Blocked(mut findings) = decision else { panic!("not blocked: {decision:?}") };
    findings.remove(0)
}

#[test]
fn a_leave_that_costs_the_pool_its_tolerance_needs_consent() {
    let mut site = site(Goal::Leave, 3);
    let finding = blocked(site.decide());
    assert!(finding.message.starts_with("2 organisations would remain"), "{}", finding.message);
    assert!(finding.cure.is_some_and(|cure| cure.contains("--lose-tolerance")));
    site.intent.pool.facts.push(("consent".into(), "tolerance".into()));
    assert!(matches!(site.decide(), Decision::Awaiting(_)), "then the others are asked");
}

#[test]
fn nobody_leaves_a_pool_that_could_not_hold_its_replicas() {
    let mut site = site(Goal::Leave, 2);
    site.roster.members[1].nodes.truncate(2);
    assert!(blocked(site.decide()).message.contains("2 nodes would remain"));
}

#[test]
fn the_last_member_takes_the_pool_down_instead_of_leaving_it() {
    assert!(blocked(site(Goal::Leave, 1).decide()).cure.is_some_and(|cure| cure.contains("hangar down")));
}

#[test]
fn members_with_different_locality_tiers_block_and_say_whose_move_it_is() {
    let mut site = site(Goal::Operate, 2);
    site.roster.members[1].locality = vec![("rack".into(), "uss1".into())];
    let finding = blocked(site.decide());
    assert!(finding.message.contains("different locality tiers"));
    assert_eq!(finding.whose.as_deref(), Some("uss1"));
}

/// Three replicas need three nodes: a founder alone keeps its three.
#[test]
fn no_node_goes_that_the_replicas_need() {
    let mut world = at_rest(1);
    world.organisation("uss0").n_nodes = 2;
    world.round("uss0", usize::MAX);
    let why = world.organisations["uss0"].blocked.clone().expect("it is refused");
    assert!(why.contains("2 nodes would remain"), "{why}");
    assert_eq!((nodes_in(&world, "uss0"), world.play.n_decommissions), (3, 0));
}

#[test]
fn one_subject_for_two_authorities_blocks() {
    let mut site = site(Goal::Operate, 2);
    site.roster.members[1].authorities[0].subject = site.roster.members[0].authorities[0].subject.clone();
    assert!(blocked(site.decide()).message.contains("share the subject"));
}

#[test]
fn a_member_whose_nodes_answer_is_not_seen_dead() {
    let mut world = at_rest(3);
    let witness = Goal::Other(("witness".into(), vec![("member".into(), "uss2".into())]));
    world.set_goal("uss0", witness, &[]);
    world.round("uss0", usize::MAX);
    let why = world.organisations["uss0"].blocked.clone().expect("it lives");
    assert!(why.contains("is not dead: 3 of its nodes answer and 3 are live"), "{why}");
}

/// A member that is out by its record and not by the database keeps its place in the bundle until its nodes are out too.
#[test]
fn a_bundle_does_not_shrink_while_the_cluster_counts_a_node_of_who_is_out() {
    let mut world = at_rest(4);
    let gone = world.members.iter_mut().find(|member| member.id == "uss3").expect("the fourth");
    gone.state = MemberState::Gone;
    world.round("uss1", usize::MAX);
    assert_eq!(
        (nodes_in(&world, "uss3"), world.play.n_decommissions),
        (3, 0),
        "the first by name acts, the others wait"
    );
    world.round("uss0", usize::MAX);
    assert_eq!((nodes_in(&world, "uss3"), world.play.n_decommissions), (0, 1));
    for _ in 0..3 {
        world.round("uss0", usize::MAX);
        world.round("uss1", usize::MAX);
    }
    let theirs = world.member("uss3").authorities[0].fingerprint.clone();
    for id in ["uss0", "uss1"] {
        assert!(!process(&world, id).trusts.contains(&theirs), "then its authority goes");
    }
    assert_eq!(world.play.n_decommissions, 1);
}

/// Between saying that it leaves and the first node that goes, another member may have lost one.
#[test]
fn no_node_goes_while_a_node_of_another_member_is_down() {
    let mut site = site(Goal::Leave, 4);
    site.roster.members[0].state = MemberState::Leaving;
    site.acknowledge("uss0", AcknowledgementKind::Other(("leaving-nodes".into(), vec!["1".into()])));
    let Decision::Look(looks) = site.decide() else { panic!("it looks first") };
    site.answer(&looks, |probe| two_nodes(probe, "false"));
    let Decision::Wait(waiting) = site.decide() else { panic!("it waits") };
    assert!(waiting.message.ends_with("node 2 is not live"), "{}", waiting.message);
    site.answer(&looks, |probe| two_nodes(probe, "true"));
    let keys: Vec<String> = steps(site.decide()).into_iter().map(|step| step.key).collect();
    assert!(keys[0].starts_with("decommission/") && keys[1] == "set-state/gone", "{keys:?}");
}

/// Node 1 lives; so does node 2, or not.
fn two_nodes(probe: &Probe, lives: &str) -> Observation {
    let Question::Sql(question) = &probe.question else { return healthy(probe) };
    if !question.statement.contains("gossip_liveness") {
        return healthy(probe);
    }
    let row = |id: &str, lives: &str| {
        [id, &format!("{id}.db.example.com:26257"), "zone=a", "v24.1.3", lives, "active"]
            .map(|cell| Some(cell.to_owned()))
            .to_vec()
    };
    Observation::Rows(Rows { columns: Vec::new(), rows: vec![row("1", "true"), row("2", lives)] })
}
