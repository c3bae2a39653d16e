//! New leaves and new authorities, and the API that goes on with what it has read when it started.

use hangar_sdk::pooling_strategy::{Decision, Goal, MemberState};
use hangar_sdk::testing::pool::authority;

use crate::sim::{World, at_rest, wear};
use crate::site::{Site, healthy, member};

/// A pool in which the first member is about to replace its leaves.
fn renewing(n: usize) -> World {
    let mut world = at_rest(n);
    let before = (world.now_ms + 1).to_string();
    world.set_goal("uss0", Goal::RotateLeaves, &[("renew-before", before.as_str())]);
    world
}

/// A pool that has agreed to another authority of its first member.
fn going_over(n: usize) -> World {
    let mut world = at_rest(n);
    let new = authority("uss0", 2).fingerprint;
    world.set_goal("uss0", Goal::RotateCa, &[("authority", new.as_str())]);
    world.open("rotate-ca", "uss0");
    world
}

/// What the first member did to its leaves and with them, from the first that it put.
fn order(world: &mut World) -> Vec<&'static str> {
    let words = |key: &String| {
        let is_leaf = key.ends_with("/leaves") || key.ends_with("/authority");
        match key.split('/').take(2).collect::<Vec<_>>()[..] {
            ["put-secret", "dss-cockroachdb-client-root"] if is_leaf => Some("secret of clients"),
            ["put-secret", "dss-cockroachdb-node"] if is_leaf => Some("secret of nodes"),
            ["apply-release", "clients"] => Some("roll"),
            ["reload", _] => Some("load"),
            _ => None,
        }
    };
    let all = world.organisation("uss0").done.iter().filter_map(words);
    all.skip_while(|word| *word != "secret of clients").collect()
}

/// The world holds after every step that the API gets to its nodes.
#[test]
fn the_api_has_its_new_leaf_before_the_nodes_have_theirs() {
    let once = ["secret of clients", "roll", "secret of nodes", "load"];
    for n in 1..4 {
        let mut world = renewing(n);
        world.calm("rotate-certs");
        assert_eq!(order(&mut world), once, "of {n} members");
        assert_eq!(world.organisation("uss0").n_rolls, 1);
        let mut world = going_over(n);
        world.calm("rotate-ca");
        // Last goes the old authority.
        assert_eq!(order(&mut world), [&once[..], &["load"]].concat(), "of {n} members");
        let rolls: Vec<usize> = world.organisations.values().map(|one| one.n_rolls).collect();
        assert_eq!((rolls[0], rolls[1..].iter().sum::<usize>()), (1, 0), "nobody else's API is touched");
    }
}

/// No pod of the API becomes ready while its nodes show a leaf that nobody takes.
#[test]
fn nodes_whose_leaves_are_over_come_before_the_api() {
    let mut world = renewing(2);
    wear(&mut world, "uss0");
    world.calm("rotate-certs");
    assert_eq!(order(&mut world), ["secret of clients", "secret of nodes", "load", "roll"]);
}

#[test]
fn who_joins_replaces_no_pod_of_anybodys_api() {
    let mut world = at_rest(2);
    world.add("uss9", MemberState::Asking, Goal::Join);
    world.open("join", "uss9");
    world.calm("join");
    assert!(world.organisations.values().all(|one| one.n_rolls == 0 && one.api.is_some()));
}

#[test]
fn after_a_rotation_nothing_is_left_for_the_daily_state() {
    for mut world in [renewing(2), going_over(2)] {
        world.calm("the rotation");
        world.crash("uss0");
        world.set_goal("uss0", Goal::Operate, &[]);
        world.calm("the next `up`");
        let one = world.organisation("uss0");
        assert_eq!((one.n_rolls, one.api.as_ref().map(|api| api.issued_ms)), (1, Some(one.client.issued_ms)));
    }
}

/// Its roll is asked for under the phase that the operator approves.
#[test]
fn a_rotation_may_apply_the_release() {
    for goal in [Goal::RotateLeaves, Goal::RotateCa] {
        let site = Site::new("uss0", goal, vec![member("uss0", MemberState::Active)]);
        let phases = plugin_cockroachdb::outline("{}", &site.intent, &site.roster).expect("a goal that is known");
        let certificates = phases.iter().find(|phase| phase.name == "certificates").expect("a phase of its own");
        assert!(certificates.allowed.contains(&"apply-release".into()), "{:?}", certificates.allowed);
    }
}

/// The release would take the pods of nodes that the database still counts.
#[test]
fn nodes_that_go_go_before_a_rotation() {
    for goal in [Goal::RotateLeaves, Goal::RotateCa] {
        let mut site =
            Site::new("uss0", goal, (0..2).map(|i| member(&format!("uss{i}"), MemberState::Active)).collect());
        site.intent.instance.nodes.truncate(2);
        let Decision::Blocked(findings) = site.settle(healthy) else { panic!("it goes on") };
        assert_eq!(findings[0].message, "1 nodes of our record are none of the instance any more");
    }
}
