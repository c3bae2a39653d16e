//! Whole procedures in a pool of random size, at random paces, with random crashes.

use hangar_sdk::pooling_strategy::{Goal, MemberState};
use hangar_sdk::testing::pool::{NOW_MS, authority};
use proptest::prelude::*;

use crate::sim::{
    World, at_rest, builds, founding, has_majority, in_maintenance, lose, lose_volume, nodes_in, process,
};
use crate::upgrading::{NEXT, wanting};

/// Who acts, how many of its steps take effect, and whether its process is gone then.
type Event = (usize, usize, bool);

fn events(most: usize) -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec((0..6_usize, 0..6_usize, prop::bool::weighted(0.2)), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_founding_initialises_once_and_ends(events in events(60)) {
        let mut world = founding();
        world.shake(&events);
        world.calm("founding");
        prop_assert_eq!(world.play.n_inits, 1);
    }

    #[test]
    fn a_join_ends_with_a_member_that_never_initialised(n in 1..5_usize, before in events(30), after in events(60)) {
        let mut world = at_rest(n);
        world.add("uss9", MemberState::Asking, Goal::Join);
        world.shake(&before);
        prop_assert_eq!(nodes_in(&world, "uss9"), 0);
        world.open("join", "uss9");
        world.shake(&after);
        world.calm("join");
        prop_assert_eq!(nodes_in(&world, "uss9"), 3);
        prop_assert_eq!(world.member("uss9").state, MemberState::Active);
        prop_assert_eq!(world.play.n_inits, 0);
    }

    #[test]
    fn a_leave_ends_with_every_node_out_and_no_node_refused(n in 2..6_usize, events in events(80)) {
        let mut world = at_rest(n);
        world.set_goal("uss1", Goal::Leave, &[("consent", "tolerance")]);
        world.open("leave", "uss1");
        world.shake(&events);
        world.calm("leave");
        prop_assert_eq!(nodes_in(&world, "uss1"), 0);
        prop_assert_eq!(world.member("uss1").state, MemberState::Gone);
    }

    #[test]
    fn a_rotation_ends_with_the_new_authority_alone_and_no_node_refused(n in 1..6_usize, events in events(120)) {
        let mut world = at_rest(n);
        let new = authority("uss0", 2).fingerprint;
        world.set_goal("uss0", Goal::RotateCa, &[("authority", new.as_str())]);
        world.open("rotate-ca", "uss0");
        world.shake(&events);
        world.calm("rotate-ca");
        let left: Vec<_> = world.member("uss0").authorities.iter().map(|one| one.fingerprint.clone()).collect();
        prop_assert_eq!(left, vec![new]);
        prop_assert_eq!(world.organisation("uss0").n_rolls, 1);
    }

    #[test]
    fn leaves_are_renewed_once_and_loaded_by_every_node(n in 1..4_usize, events in events(40)) {
        let mut world = at_rest(n);
        let before = NOW_MS + 1;
        world.set_goal("uss0", Goal::RotateLeaves, &[("renew-before", before.to_string().as_str())]);
        world.shake(&events);
        world.calm("rotate-certs");
        prop_assert!(process(&world, "uss0").issued_ms >= before);
        prop_assert_eq!(world.organisation("uss0").n_rolls, 1);
    }

    /// The world holds that no pod goes whose node the cluster counts.
    #[test]
    fn nodes_that_go_are_out_of_the_cluster_before_their_pods(n in 2..5_usize, left in 1..3_usize, events in events(40)) {
        let mut world = at_rest(n);
        world.organisation("uss0").n_nodes = left;
        world.shake(&events);
        world.calm("shrink");
        prop_assert_eq!(nodes_in(&world, "uss0"), left);
    }

    /// The world holds that one member at a time restarts its nodes, and none with a release that the cluster would refuse.
    #[test]
    fn an_upgrade_ends_with_every_node_and_the_cluster_at_the_new_release(n in 1..5_usize, events in events(100)) {
        let mut world = at_rest(n);
        wanting(&mut world, NEXT);
        world.shake(&events);
        world.calm("upgrade");
        world.round("uss0", usize::MAX);
        world.calm("the end of the upgrade");
        prop_assert_eq!(world.play.active, (24, 3));
        for id in world.organisations.keys() {
            prop_assert_eq!(builds(&world, id), vec!["v24.3.1".to_owned(); 3]);
        }
    }

    #[test]
    fn nothing_goes_while_the_majority_is_lost_and_all_goes_on_once_it_is_back(
        before in events(30),
        lost in events(20),
        after in events(40),
    ) {
        let mut world = at_rest(4);
        wanting(&mut world, NEXT);
        world.set_goal("uss3", Goal::Leave, &[("consent", "tolerance")]);
        world.organisation("uss3").image = None;
        world.open("leave", "uss3");
        world.shake(&before);
        for id in ["uss0", "uss1"] {
            world.organisation(id).alive = false;
        }
        // Six of twelve, or of nine where the fourth member is out already.
        let touched = |world: &World| (world.play.n_decommissions, builds(world, "uss2"), builds(world, "uss3"));
        let then = touched(&world);
        prop_assert!(!has_majority(&world));
        world.shake(&lost);
        prop_assert_eq!(touched(&world), then);
        for one in world.organisations.values_mut() {
            one.alive = true;
        }
        world.shake(&after);
        world.calm("once the majority is back");
        prop_assert_eq!(nodes_in(&world, "uss3"), 0);
    }

    #[test]
    fn no_member_begins_while_a_clock_is_off(n in 2..4_usize, before in events(30), skewed in events(30), after in events(30)) {
        let mut world = at_rest(n);
        wanting(&mut world, NEXT);
        world.shake(&before);
        let touched = |world: &World| -> Vec<bool> {
            let is_busy = |id: &String| in_maintenance(world).contains(&id.as_str());
            world.organisations.keys().map(|id| is_busy(id) || builds(world, id)[0] == "v24.3.1").collect()
        };
        let then = touched(&world);
        world.play.clocks.insert("uss1".into(), 300);
        world.shake(&skewed);
        prop_assert_eq!(touched(&world), then);
        world.play.clocks.clear();
        world.shake(&after);
        world.calm("once the clock is right");
    }

    #[test]
    fn a_dead_member_is_taken_out_by_the_others(n in 3..6_usize, hours in 0..80_u64, events in events(80)) {
        let mut world = at_rest(n);
        lose(&mut world, "uss2", hours * 3_600_000);
        let witness = || Goal::Other(("witness".into(), vec![("member".into(), "uss2".into())]));
        for id in ["uss0", "uss1"] {
            world.set_goal(id, witness(), &[]);
            world.round(id, usize::MAX);
            world.set_goal(id, Goal::Operate, &[]);
        }
        world.open("evict", "uss2");
        world.shake(&events);
        world.calm("evict");
        prop_assert_eq!(nodes_in(&world, "uss2"), 0);
        prop_assert!(world.play.n_decommissions >= 1);
    }

    #[test]
    fn what_a_node_was_before_it_lost_its_volume_ends_out_of_the_cluster(
        n in 2..5_usize,
        hours in 0..80_u64,
        upgrades in any::<bool>(),
        events in events(60),
    ) {
        let mut world = at_rest(n);
        lose_volume(&mut world, "uss1", 2, hours * 3_600_000, true);
        if upgrades {
            wanting(&mut world, NEXT);
        }
        world.shake(&events);
        world.calm("up");
        prop_assert_eq!((nodes_in(&world, "uss1"), world.play.n_decommissions), (3, 1));
    }
}

/// Every organisation does one thing after another in some order; whatever the order, nobody initialises twice. Returns in how many
/// of these interleavings the pool was founded, and in how many somebody had joined as well.
fn interleaved(seeds: std::ops::Range<u64>) -> (usize, usize) {
    let (mut n_founded, mut n_joined) = (0, 0);
    for first in seeds {
        // SplitMix64's step, so that neighbours have nothing in common.
        let mut seed = first.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let mut world = founding();
        world.add("uss8", MemberState::Asking, Goal::Join);
        world.add("uss9", MemberState::Asking, Goal::Join);
        for _ in 0..80 {
            let n = next();
            let id = ["uss0", "uss8", "uss9"][usize::try_from(n % 3).expect("small")];
            world.round(id, usize::try_from((n >> 8) % 6).expect("small"));
            if (n >> 16) % 8 == 0 {
                world.crash(id);
            }
            if (n >> 20) % 8 == 0 && !world.is_open() {
                let joiner = if world.member("uss8").state == MemberState::Asking { "uss8" } else { "uss9" };
                if world.member(joiner).state == MemberState::Asking {
                    world.open("join", joiner);
                }
            }
        }
        assert!(world.play.n_inits <= 1, "two clusters in interleaving {first}");
        n_founded += world.play.n_inits;
        n_joined += usize::from(nodes_in(&world, "uss8") > 0);
    }
    (n_founded, n_joined)
}

#[test]
fn init_happens_at_most_once_in_many_interleavings() {
    let (n_founded, n_joined) = interleaved(0..1_000);
    assert!(n_founded > 500 && n_joined > 100, "hardly anything happens: {n_founded} founded, {n_joined} joined");
}

#[test]
#[ignore = "takes minutes; `init_happens_at_most_once_in_many_interleavings` is the first part of the same"]
fn init_happens_at_most_once_in_100_000_interleavings() {
    let (n_founded, n_joined) = interleaved(0..100_000);
    assert!(n_founded > 50_000 && n_joined > 5_000, "hardly anything happens: {n_founded} founded, {n_joined} joined");
}
