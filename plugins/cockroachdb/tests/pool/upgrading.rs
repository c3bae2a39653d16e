//! Another release, member after member, with the end held back.

use hangar_sdk::pooling_strategy::{
    Acknowledgement, AcknowledgementKind, Action, Change, Decision, Goal, MemberState, Observation, Probe, Rows,
};

use crate::sim::{World, at_rest, builds};
use crate::site::{NOW_MS, Site, a_good_leaf, healthy, member, steps};

pub(crate) const NEXT: &str = "docker.io/cockroachdb/cockroach:v24.3.1";

/// All operators have named this image.
pub(crate) fn wanting(world: &mut World, image: &str) {
    for one in world.organisations.values_mut() {
        one.image = Some(image.into());
        one.ended = false;
    }
}

pub(crate) fn why(world: &World, id: &str) -> String {
    world.organisations[id].blocked.clone().expect("it is refused")
}

#[test]
fn members_go_one_after_the_other_and_the_last_one_opens_the_end() {
    let mut world = at_rest(3);
    wanting(&mut world, NEXT);
    world.round("uss1", usize::MAX);
    assert_eq!(builds(&world, "uss1")[0], "v24.1.3", "the founder goes first");
    for id in ["uss0", "uss1", "uss2"] {
        for _ in 0..5 {
            world.round(id, usize::MAX);
        }
        assert_eq!(builds(&world, id), ["v24.3.1"; 3]);
        assert_eq!(world.play.active, (24, 1), "held back until the first member lets it go");
    }
    for _ in 0..2 {
        world.round("uss0", usize::MAX);
    }
    assert_eq!(world.play.active, (24, 3));
}

/// A node that is not live for a moment holds the end up, and is waited for: otherwise the operator would be told that all is done.
#[test]
fn the_first_member_waits_for_the_node_that_keeps_the_cluster_from_going_over() {
    let mut world = at_rest(3);
    wanting(&mut world, NEXT);
    for id in ["uss0", "uss1", "uss2"] {
        for _ in 0..5 {
            world.round(id, usize::MAX);
        }
    }
    world.organisation("uss2").alive = false;
    world.organisation("uss0").ended = false;
    for _ in 0..4 {
        world.round("uss0", usize::MAX);
    }
    assert!(!world.organisation("uss0").ended, "done, with the cluster at {:?}", world.play.active);
    world.organisation("uss2").alive = true;
    world.calm("once the node is back");
    assert_eq!(world.play.active, (24, 3));
}

#[test]
fn a_release_that_is_too_new_or_too_old_is_refused() {
    let mut world = at_rest(1);
    wanting(&mut world, "cockroach:v25.2.0");
    world.round("uss0", usize::MAX);
    assert!(why(&world, "uss0").contains("v25.2.0 is too new for the cluster, which is at 24.1"));
    wanting(&mut world, "cockroach:v23.2.9");
    world.round("uss0", usize::MAX);
    assert!(why(&world, "uss0").contains("v23.2.9 is older than the cluster, which is at 24.1"));
    assert_eq!(builds(&world, "uss0"), ["v24.1.3"; 3]);
}

#[test]
fn another_patch_of_the_same_series_needs_no_end() {
    let mut world = at_rest(2);
    wanting(&mut world, "cockroach:v24.1.9");
    world.calm("a patch");
    assert_eq!((builds(&world, "uss1"), world.play.active), (vec!["v24.1.9".to_owned(); 3], (24, 1)));
}

#[test]
fn nothing_is_touched_while_another_member_is_in_maintenance() {
    let busy = |site: &mut Site| {
        site.acknowledge("uss1", AcknowledgementKind::Other(("maintenance".into(), vec!["v24.1.9".into()])));
    };
    let all = || (0..4).map(|i| member(&format!("uss{i}"), MemberState::Active)).collect::<Vec<_>>();
    for goal in [Goal::Leave, Goal::RotateLeaves] {
        let mut site = Site::new("uss0", goal.clone(), all());
        busy(&mut site);
        let (id, kind, subject) = ("leave:uss0".into(), "leave".into(), "uss0".into());
        site.roster.open = Some(Change { id, kind, subject, authority: None });
        site.intent.pool.facts.push(("renew-before".into(), NOW_MS.to_string()));
        if let Decision::Look(secrets) = site.decide() {
            site.answer(&secrets, a_good_leaf);
        }
        let Decision::Awaiting(awaiting) = site.decide() else { panic!("{goal:?} does not wait for it") };
        assert_eq!((awaiting.members, awaiting.what.as_str()), (vec!["uss1".to_owned()], "end its maintenance"));
    }
    let mut world = at_rest(4);
    wanting(&mut world, NEXT);
    let first = world.members.iter_mut().find(|member| member.id == "uss3").expect("the fourth");
    let kind = AcknowledgementKind::Other(("maintenance".into(), vec!["v24.1.9".into()]));
    first.acknowledgements.push(Acknowledgement { kind, at_ms: 0 });
    world.round("uss0", usize::MAX);
    assert_eq!(builds(&world, "uss0")[0], "v24.1.3");
}

#[test]
fn nothing_is_touched_while_a_clock_is_too_far_off() {
    let mut world = at_rest(4);
    world.play.clocks.insert("uss2".into(), -212);
    wanting(&mut world, NEXT);
    world.round("uss0", usize::MAX);
    assert!(why(&world, "uss0").contains("is -212 ms away from those of the others"), "{}", why(&world, "uss0"));
    world.set_goal("uss1", Goal::Leave, &[("consent", "tolerance")]);
    world.organisation("uss1").image = None;
    world.open("leave", "uss1");
    world.round("uss1", usize::MAX);
    assert!(why(&world, "uss1").contains("-212 ms"));
    world.organisation("uss3").image = None;
    world.organisation("uss3").n_nodes = 2;
    world.round("uss3", usize::MAX);
    assert!(why(&world, "uss3").contains("-212 ms"));
    assert_eq!(world.play.n_decommissions, 0);
    world.play.clocks.insert("uss2".into(), 40);
    world.calm("once it is mended");
    assert_eq!(crate::sim::nodes_in(&world, "uss1"), 0);
}

#[test]
fn nobody_joins_with_another_series_or_in_the_middle_of_an_upgrade() {
    let members = || {
        let mut all: Vec<_> = (0..2).map(|i| member(&format!("uss{i}"), MemberState::Active)).collect();
        all.push(member("uss9", MemberState::Asking));
        all
    };
    let mut site = Site::new("uss9", Goal::Join, members());
    site.intent.instance.image = NEXT.into();
    let Decision::Blocked(findings) = site.decide() else { panic!("another series") };
    assert_eq!(findings[0].message, "this instance's database is 24.3, and the pool's is 24.1");
    site.roster.members[0].datastore.1 = "v24.3.1".into();
    let Decision::Awaiting(awaiting) = site.decide() else { panic!("in the middle of an upgrade") };
    assert_eq!(awaiting.members, ["uss1"]);
    site.roster.members[1].datastore.1 = "v24.3.0".into();
    assert!(matches!(site.decide(), Decision::Awaiting(awaiting) if awaiting.what == "accept uss9"));
}

#[test]
fn a_change_does_not_bring_another_release_in_in_passing() {
    let mut site = Site::new("uss0", Goal::RotateCa, vec![member("uss0", MemberState::Active)]);
    site.intent.instance.image = NEXT.into();
    let Decision::Blocked(findings) = site.decide() else { panic!("it must say so") };
    assert!(findings[0].cure.as_deref().is_some_and(|cure| cure.contains("`hangar up` brings the release in")));
}

/// The setting comes before our word, and that before the first node.
#[test]
fn the_end_is_held_back_before_the_first_node_is_touched() {
    let asked = steps(at("24.1", NEXT));
    let keys: Vec<&str> = asked.iter().map(|step| step.key.as_str()).collect();
    assert_eq!(
        keys,
        ["hold-upgrade", "upgrade/series", "upgrade/begin", "apply-release/upgrade/v24.3.1", "restart/v24.3.1"]
    );
    assert!(asked[0].already_done.is_some(), "it is looked for before it is done again");
    assert_eq!(asked[3].requires, keys[..3], "nothing is restarted before all of that");
    assert!(asked[3].verify.is_none(), "a node that is down comes back by the restart, and nobody waits for it before");
}

/// An own cluster at this version with an image of that release; nothing is known of its nodes, and the turn is claimed.
pub(crate) fn at(version: &str, image: &str) -> Decision {
    let mut site = Site::new("uss0", Goal::Operate, vec![member("uss0", MemberState::Active)]);
    site.intent.instance.image = image.into();
    let answer = |probe: &Probe| match probe.id.as_str() {
        "version/0" => crate::site::value(version),
        "nodes/0" => Observation::Rows(Rows { columns: Vec::new(), rows: Vec::new() }),
        _ => healthy(probe),
    };
    match site.settle(answer) {
        Decision::Steps(claim) if claim[0].key == "maintenance/claim" => {
            assert_eq!(claim.len(), 1, "the records are read again before anything follows");
            let Action::Acknowledge(kind) = claim[0].action.clone() else { panic!("no word: {claim:?}") };
            site.acknowledge("uss0", kind);
            site.settle(answer)
        }
        decision => decision,
    }
}

/// The setting that holds the end back survives a restart from 23.2 on.
#[test]
fn a_series_that_cannot_be_held_back_is_upgraded_by_hand() {
    let first = |decision| steps(decision).remove(0).key;
    assert_eq!(first(at("23.1", "cockroach:v23.1.9")), "upgrade/begin", "a patch holds nothing back");
    let Decision::Blocked(findings) = at("23.1", "cockroach:v23.2.1") else { panic!("it cannot be held back") };
    assert_eq!(findings[0].message, "a cluster at 23.1 cannot be held back by a setting that stays");
    assert_eq!(first(at("23.2", "cockroach:v24.1.0")), "hold-upgrade");
}

/// A node that runs, and not the series that the cluster is to go over to.
#[test]
fn the_cluster_goes_over_with_the_last_node_and_not_before() {
    let done = |id: &str| {
        let mut one = member(id, MemberState::Active);
        one.datastore.1 = "v24.3.1".into();
        one
    };
    let mut site = Site::new("uss0", Goal::Operate, vec![done("uss0"), done("uss1")]);
    site.intent.instance.image = NEXT.into();
    let series = ["24.1", "24.3"].map(ToOwned::to_owned).to_vec();
    site.acknowledge("uss0", AcknowledgementKind::Other(("upgrade".into(), series)));
    let row = |id: u32, owner: &str, build: &str| {
        let host = format!("{}.db.{owner}.example.com:26257", (id - 1) % 3);
        [&id.to_string(), &host, "", build, "true", "active"].map(|cell| Some(cell.to_owned())).to_vec()
    };
    let known = |last: &str| {
        let mut rows: Vec<_> = (1..4).map(|id| row(id, "uss0", "v24.3.1")).collect();
        rows.push(row(4, "uss1", last));
        Observation::Rows(Rows { columns: Vec::new(), rows })
    };
    let mut told = |last: &str| {
        site.facts.observations.clear();
        for _ in 0..9 {
            match site.decide() {
                Decision::Look(looks) => site.answer(&looks, |probe| match probe.id.as_str() {
                    "nodes/0" => known(last),
                    _ => healthy(probe),
                }),
                Decision::Steps(steps) if steps[0].key != "finish-upgrade" => {
                    site.take(steps);
                }
                other => return other,
            }
        }
        panic!("it goes on for ever")
    };
    let Decision::Wait(waiting) = told("v24.1.3") else { panic!("it does not wait") };
    assert_eq!(waiting.message, "node 4 does not run 24.3, and the cluster goes over to 24.3 with it");
    assert_eq!(steps(told("v24.3.0"))[0].key, "finish-upgrade");
}
