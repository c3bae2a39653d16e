//! Nodes that are gone for good, and longer than their gateways remember them.

use hangar_sdk::pooling_strategy::{
    Acknowledgement, AcknowledgementKind, Action, Change, Decision, Failure, FailureClass, Goal, MemberState,
    Observation, Probe, Question, Rows, Step,
};

use crate::sim::{
    World, at_rest, bring_back, builds, in_maintenance, keep, lacking, lose, lose_volume, nodes_in, numbers, process,
};
use crate::site::{Site, healthy, member, populated, steps};
use crate::upgrading::{NEXT, wanting};

const HOUR_MS: u64 = 3_600_000;

/// Everybody but who is lost looks whether it is dead, and all have agreed to put it out.
fn put_out(world: &mut World, lost: &str, witnesses: &[&str]) {
    for id in witnesses {
        world.set_goal(id, Goal::Other(("witness".into(), vec![("member".into(), lost.into())])), &[]);
        world.round(id, usize::MAX);
        world.set_goal(id, Goal::Operate, &[]);
    }
    world.open("evict", lost);
}

/// The gateways have forgotten where its nodes were; what these wrote last stays, and is not what is built on.
#[test]
fn a_member_that_is_dead_for_three_days_is_put_out() {
    let mut world = at_rest(4);
    lose(&mut world, "uss2", 72 * HOUR_MS);
    world.play.last_words = 3;
    world.play.clocks.insert("uss2".into(), 300);
    put_out(&mut world, "uss2", &["uss0", "uss1"]);
    world.calm("evict");
    assert_eq!((nodes_in(&world, "uss2"), world.play.n_decommissions), (0, 1));
    assert_eq!(process(&world, "uss0").trusts.len(), 3, "its authority went once its nodes were out");
}

#[test]
fn a_node_that_is_dead_for_days_is_taken_out_before_its_pod() {
    let mut world = at_rest(2);
    lose_volume(&mut world, "uss0", 2, 72 * HOUR_MS, false);
    world.play.last_words = 1;
    world.organisation("uss0").n_nodes = 2;
    world.calm("shrink");
    assert_eq!((nodes_in(&world, "uss0"), world.play.n_decommissions), (2, 1));
}

/// In five nodes of which one is dead there are never all copies, and whoever waits for them says meanwhile that it restarts its own.
#[test]
fn a_dead_node_goes_while_another_member_waits_for_the_copies_that_it_lacks() {
    let mut world = at_rest(2);
    keep(&mut world, "uss1", 2);
    lose_volume(&mut world, "uss0", 2, HOUR_MS, false);
    busy(&mut world, "uss1");
    for _ in 0..4 {
        world.round("uss1", usize::MAX);
    }
    assert_eq!((in_maintenance(&world), lacking(&world)), (vec!["uss1"], 1));
    world.organisation("uss0").n_nodes = 2;
    world.calm("shrink");
    assert_eq!((in_maintenance(&world), lacking(&world)), (vec![], 0));
    assert_eq!((nodes_in(&world, "uss0"), world.play.n_decommissions), (2, 1));
}

/// Its pod is there again, with a volume of its own and so under a new number.
#[test]
fn what_a_node_was_before_it_lost_its_volume_is_taken_out_by_its_owner() {
    for hours in [0, 1, 72] {
        let mut world = at_rest(2);
        lose_volume(&mut world, "uss0", 1, hours * HOUR_MS, true);
        for _ in 0..3 {
            world.round("uss1", usize::MAX);
        }
        assert_eq!((nodes_in(&world, "uss0"), world.play.n_decommissions), (4, 0), "it is nobody else's");
        world.calm("up");
        assert_eq!((nodes_in(&world, "uss0"), nodes_in(&world, "uss1"), world.play.n_decommissions), (3, 3, 1));
    }
}

/// Where it runs is taken by another, which is well: the dead node that keeps it in is somebody else's, who may be waiting.
#[test]
fn what_was_lost_and_stays_for_now_keeps_nobody_from_giving_its_word_back() {
    let mut world = at_rest(3);
    lose_volume(&mut world, "uss0", 1, HOUR_MS, true);
    lose_volume(&mut world, "uss1", 2, HOUR_MS, false);
    busy(&mut world, "uss0");
    for _ in 0..4 {
        world.round("uss0", usize::MAX);
    }
    assert_eq!((in_maintenance(&world), world.play.n_decommissions), (vec![], 0));
}

/// What is dead counts as a fifth node, and there are four for the copies.
#[test]
fn in_a_pool_of_four_nodes_the_copies_come_once_what_was_lost_is_out() {
    let mut world = at_rest(2);
    keep(&mut world, "uss1", 1);
    lose_volume(&mut world, "uss0", 1, HOUR_MS, true);
    assert_eq!(lacking(&world), 1);
    world.calm("up");
    assert_eq!((nodes_in(&world, "uss0"), world.play.n_decommissions, lacking(&world)), (3, 1, 0));
}

#[test]
fn what_came_in_place_of_a_node_is_taken_out_once_the_former_volume_is_back() {
    let mut world = at_rest(2);
    lose_volume(&mut world, "uss0", 1, HOUR_MS, true);
    assert_eq!(numbers(&world, "uss0"), [1, 2, 3, 7]);
    bring_back(&mut world);
    world.calm("up");
    assert_eq!(numbers(&world, "uss0"), [1, 2, 3]);
}

#[test]
fn members_who_have_each_lost_a_volume_do_not_wait_for_one_another() {
    let mut world = at_rest(2);
    lose_volume(&mut world, "uss0", 1, HOUR_MS, true);
    lose_volume(&mut world, "uss1", 2, 72 * HOUR_MS, true);
    world.calm("up");
    assert_eq!((nodes_in(&world, "uss0"), nodes_in(&world, "uss1"), world.play.n_decommissions), (3, 3, 2));
}

/// It may be back in a moment, and nothing is taken out while a copy more may be missed.
#[test]
fn what_was_lost_stays_while_another_node_is_dead() {
    let mut world = at_rest(3);
    lose_volume(&mut world, "uss0", 1, HOUR_MS, true);
    lose_volume(&mut world, "uss1", 2, HOUR_MS, false);
    for _ in 0..4 {
        world.round("uss0", usize::MAX);
    }
    assert_eq!(world.play.n_decommissions, 0);
}

/// A number that is given later is that of a later volume: who has just come and has written nothing did not come before the other.
#[test]
fn a_node_that_is_down_is_not_taken_for_what_an_earlier_one_was() {
    let mut site = Site::new("uss0", Goal::Operate, members(2));
    site.intent.instance.image = NEXT.into();
    let at = |id, is_live| row(id, Some("1.db.uss0.example.com:26257"), Some(is_live));
    let told = site.settle(|probe| match probe.id.as_str() {
        "nodes/0" => rows(vec![at(2, "true"), at(7, "false")]),
        "version/0" => crate::site::value("24.1"),
        _ => healthy(probe),
    });
    let Decision::Wait(waiting) = told else { panic!("it goes on: {told:?}") };
    assert_eq!(waiting.message, "a healthy cluster before an upgrade: node 7 is not live");
}

#[test]
fn whoever_waits_for_a_node_that_another_has_replaced_is_told_who_takes_it_out() {
    let mut site = Site::new("uss1", Goal::Leave, members(4));
    let (id, kind, subject) = ("leave:uss1".into(), "leave".into(), "uss1".into());
    site.roster.open = Some(Change { id, kind, subject, authority: None });
    let at = |id, is_live| row(id, Some("1.db.uss0.example.com:26257"), Some(is_live));
    let told = site.settle(|probe| match probe.id.as_str() {
        "nodes/0" => rows(vec![at(2, "false"), at(7, "true")]),
        _ => healthy(probe),
    });
    let Decision::Wait(waiting) = told else { panic!("it goes on: {told:?}") };
    let wanted = "node 2 is not live: node 7 has come in its place, and `hangar up` of its member takes it out";
    assert!(waiting.message.ends_with(wanted), "{}", waiting.message);
}

/// What waits for every node to be live would wait for it for ever.
#[test]
fn an_upgrade_begins_once_what_was_lost_is_out() {
    let mut world = at_rest(2);
    lose_volume(&mut world, "uss0", 0, 72 * HOUR_MS, true);
    wanting(&mut world, NEXT);
    world.calm("upgrade");
    assert_eq!(world.play.n_decommissions, 1);
    assert!(builds(&world, "uss1").iter().all(|build| build == "v24.3.1"));
}

#[test]
fn while_another_member_is_in_maintenance_goes_what_was_lost_and_nothing_that_lives() {
    let mut world = at_rest(2);
    lose_volume(&mut world, "uss0", 1, HOUR_MS, true);
    busy(&mut world, "uss1");
    for n_nodes in [3, 2] {
        world.organisation("uss0").n_nodes = n_nodes;
        for _ in 0..4 {
            world.round("uss0", usize::MAX);
        }
        assert_eq!(world.play.n_decommissions, 1);
    }
    let busy = world.members.iter_mut().find(|member| member.id == "uss1").expect("the second");
    busy.acknowledgements.pop();
    for _ in 0..4 {
        world.round("uss0", usize::MAX);
    }
    assert_eq!((nodes_in(&world, "uss0"), world.play.n_decommissions), (2, 2));
}

/// Its record says that its nodes are being restarted.
fn busy(world: &mut World, id: &str) {
    let one = world.members.iter_mut().find(|member| member.id == id).expect("a member");
    let kind = AcknowledgementKind::Other(("maintenance".into(), vec!["v24.1.9".into()]));
    one.acknowledgements.push(Acknowledgement { kind, at_ms: 0 });
}

/// Neither end waits for the other: the one whose nodes are all done gives way, and the other's lost node goes all the same.
#[test]
fn a_volume_that_is_lost_while_another_member_restarts_holds_up_neither() {
    for first in ["uss0", "uss1"] {
        let mut world = at_rest(2);
        wanting(&mut world, NEXT);
        for _ in 0..2 {
            world.round("uss0", usize::MAX);
        }
        assert_eq!((in_maintenance(&world), &*builds(&world, "uss0")[2]), (vec!["uss0"], "v24.3.1"));
        lose_volume(&mut world, "uss1", 1, HOUR_MS, true);
        for _ in 0..4 {
            world.round(first, usize::MAX);
        }
        let wanted = if first == "uss0" { (vec![], 0) } else { (vec!["uss0"], 1) };
        assert_eq!((in_maintenance(&world), world.play.n_decommissions), wanted);
        world.calm("both");
        assert!(builds(&world, "uss1").iter().all(|build| build == "v24.3.1"));
        assert_eq!((in_maintenance(&world), world.play.n_decommissions), (vec![], 1));
    }
}

/// A node as a gateway knows it: of one whose address it has forgotten it knows nothing else either.
fn row(id: usize, address: Option<&str>, is_live: Option<&str>) -> Vec<Option<String>> {
    let id = id.to_string();
    let cells = [Some(id.as_str()), address, address.map(|_| ""), address.map(|_| "v24.1.3"), is_live, Some("active")];
    cells.map(|cell| cell.map(ToOwned::to_owned)).to_vec()
}

fn rows(rows: Vec<Vec<Option<String>>>) -> Observation {
    Observation::Rows(Rows { columns: Vec::new(), rows })
}

fn silent() -> Observation {
    Observation::Failed(Failure { class: FailureClass::TimedOut, detail: "no answer within 5000 ms".into() })
}

/// Two nodes of each of three members, which live, and number 9, which is dead and forgotten.
fn forgotten(probe: &Probe, status: &Observation) -> Observation {
    let Question::Sql(_) = &probe.question else { return healthy(probe) };
    match probe.id.split('/').next() {
        Some("nodes") => {
            let hosts = (0..6).map(|n| format!("{}.db.uss{}.example.com:26257", n % 2, n / 2));
            let mut known: Vec<_> = (1..).zip(hosts).map(|(id, host)| row(id, Some(&host), Some("true"))).collect();
            known.push(row(9, None, None));
            rows(known)
        }
        Some("statuses") => status.clone(),
        _ => healthy(probe),
    }
}

fn members(n: usize) -> Vec<hangar_sdk::pooling_strategy::Member> {
    (0..n).map(|i| member(&format!("uss{i}"), MemberState::Active)).collect()
}

fn status(address: &str, nanos: &str) -> Observation {
    rows(vec![["9", nanos, address, "", "v24.1.3"].map(|cell| Some(cell.to_owned())).to_vec()])
}

/// The statuses are told, and the node that is forgotten never wrote one.
fn of_another() -> Observation {
    rows(vec![["1", "0", "0.db.uss0.example.com:26257", "", "v24.1.3"].map(|cell| Some(cell.to_owned())).to_vec()])
}

/// Whoever cannot be told not to be of a member may be of it: its authority stays until somebody can tell.
#[test]
fn nobody_is_taken_for_out_while_a_node_counts_that_may_be_anybodys() {
    let evicting = |status: &Observation| {
        let mut site = Site::new("uss0", Goal::Operate, members(4));
        let (id, kind, subject) = ("evict:uss3".into(), "evict".into(), "uss3".into());
        site.roster.open = Some(Change { id, kind, subject, authority: None });
        site.settle(|probe| forgotten(probe, status))
    };
    for status in [silent(), rows(Vec::new())] {
        let Decision::Wait(waiting) = evicting(&status) else { panic!("it goes on") };
        let wanted = "the cluster to say where node 9 was, which it counts and which may be of `uss3`";
        assert_eq!(waiting.message, wanted);
    }
    let Decision::Blocked(findings) = evicting(&of_another()) else { panic!("it goes on") };
    let wanted = "the cluster counts node 9, which may be of `uss3` and has never said where it is";
    assert_eq!(findings[0].message, wanted);
    let cure = findings[0].cure.as_deref().unwrap_or_default();
    assert!(cure.contains("`cockroach node decommission 9` at a node of the pool"), "{cure}");
    let key = |decision| steps(decision).remove(0).key;
    assert!(key(evicting(&status("2.db.uss3.example.com:26257", "0"))).starts_with("decommission/"));
    let others = evicting(&status("2.db.uss1.example.com:26257", "0"));
    assert!(key(others).starts_with("put-secret/"), "what is dead of somebody else keeps nobody in");
}

/// An instance without its third node, which is dead.
fn shrinking(status: &Observation) -> Decision {
    let mut site = Site::new("uss0", Goal::Operate, members(3));
    site.intent.instance.nodes.truncate(2);
    site.settle(|probe| forgotten(probe, status))
}

#[test]
fn a_node_that_died_of_its_clock_may_go() {
    let gone = steps(shrinking(&status("2.db.uss0.example.com:26257", "300000000"))).remove(0);
    assert_eq!(argument(&gone, 0), "9");
}

#[test]
fn a_pod_stays_while_nobody_can_say_that_its_node_is_out() {
    let Decision::Wait(waiting) = shrinking(&silent()) else { panic!("it lets go of the pod") };
    assert!(waiting.message.contains("node 9 was, which it counts and which may be of ours that go"));
    let Decision::Blocked(findings) = shrinking(&of_another()) else { panic!("it lets go of the pod") };
    assert!(findings[0].message.starts_with("the cluster counts node 9, which may be of ours that go"));
}

fn argument(step: &Step, n: usize) -> String {
    let Action::Verb(verb) = &step.action else { panic!("no verb: {step:?}") };
    verb.arguments[n].clone()
}

/// The first own node is down: that is no reason to be blind.
#[test]
fn the_next_own_node_is_asked_where_the_first_does_not_answer() {
    let mut site = Site::new("uss0", Goal::Operate, members(3));
    site.intent.instance.nodes.truncate(2);
    let gone = site.settle(|probe| match probe.id.as_str() {
        "nodes/0" | "ranges/0" | "statuses/0" => silent(),
        _ => forgotten(probe, &status("2.db.uss0.example.com:26257", "0")),
    });
    let gone = steps(gone).remove(0);
    assert!(argument(&gone, 1).starts_with("--host=dss-cockroachdb-1."), "{gone:?}");
    assert!(gone.verify.is_some_and(|check| check.probe.id == "members/1"));
}

/// A round of looks is a Job: nothing but who is there is asked where nobody is dead.
#[test]
fn a_member_with_nothing_to_do_asks_no_more_than_who_is_there() {
    let asked = std::cell::RefCell::new(Vec::new());
    let mut site = Site::new("uss0", Goal::Operate, vec![member("uss0", MemberState::Active)]);
    for _ in 0..5 {
        let whole = populated(&["uss0"]);
        let decision = site.settle(|probe| {
            asked.borrow_mut().push(probe.id.clone());
            whole(probe)
        });
        match decision {
            Decision::Steps(steps) => site.take(steps),
            Decision::Done(_) => break,
            other => panic!("{other:?}"),
        }
    }
    let of_cluster = |id: &&String| ["nodes/", "ranges/", "statuses/"].iter().any(|prefix| id.starts_with(prefix));
    assert_eq!(asked.borrow().iter().filter(of_cluster).collect::<Vec<_>>(), ["nodes/0"]);
}
