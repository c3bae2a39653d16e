//! New leaves and new authorities, and the API that goes on with what it has read when it started.

use hangar_sdk::pooling_strategy::{Error, Goal, MemberState, Roster};
use hangar_sdk::testing::pool::{authority, intent, member};

use crate::universe::{World, Yugabyte, at_rest};

/// What the first member did to its leaves and with them, from the first that it put.
fn order(world: &mut World) -> Vec<&'static str> {
    let words = |key: &String| {
        let is_leaf = key.ends_with("/leaves") || key.ends_with("/authority");
        match key.split('/').take(2).collect::<Vec<_>>()[..] {
            ["put-secret", "dss-yugabytedb-client"] if is_leaf => Some("secret of clients"),
            ["put-secret", "dss-yugabytedb-node"] if is_leaf => Some("secret of nodes"),
            ["apply-release", "clients"] => Some("roll"),
            ["reload", _] => Some("files"),
            ["load", _] => Some("load"),
            _ => None,
        }
    };
    let all = world.organisation("uss0").done.iter().filter_map(words);
    let mut all: Vec<_> = all.skip_while(|word| *word != "secret of clients").collect();
    all.dedup();
    all
}

/// The world holds after every step that the API gets to its nodes.
#[test]
fn the_api_has_its_new_leaf_before_the_nodes_have_theirs() {
    let once = ["secret of clients", "roll", "secret of nodes", "files", "load"];
    for n in 1..4 {
        let mut world = at_rest(n);
        let before = (world.now_ms + 1).to_string();
        world.set_goal("uss0", Goal::RotateLeaves, &[("renew-before", before.as_str())]);
        world.calm("rotate-certs");
        assert_eq!(order(&mut world), once, "of {n} members");
        let mut world = at_rest(n);
        let new = authority("uss0", 2).fingerprint;
        world.set_goal("uss0", Goal::RotateCa, &[("authority", new.as_str())]);
        world.open("rotate-ca", "uss0");
        world.calm("rotate-ca");
        // Last goes the old authority.
        assert_eq!(order(&mut world), [&once[..], &["files", "load"]].concat(), "of {n} members");
        let rolls: Vec<usize> = world.organisations.values().map(|one| one.n_rolls).collect();
        assert_eq!((rolls[0], rolls[1..].iter().sum::<usize>()), (1, 0), "nobody else's API is touched");
    }
}

/// Its roll is asked for under the phase that the operator approves.
#[test]
fn a_rotation_may_apply_the_release() -> Result<(), Error> {
    let roster =
        Roster { founder: "uss0".into(), members: vec![member::<Yugabyte>("uss0", MemberState::Active)], open: None };
    for goal in [Goal::RotateLeaves, Goal::RotateCa] {
        let phases = plugin_yugabytedb::outline("{}", &intent::<Yugabyte>("uss0", goal), &roster)?;
        let certificates = phases.iter().find(|phase| phase.name == "certificates").expect("a phase of its own");
        assert!(certificates.allowed.contains(&"apply-release".into()), "{:?}", certificates.allowed);
    }
    Ok(())
}
