//! Whole procedures in a pool of random size, at random paces, with random crashes.

use hangar_sdk::pooling_strategy::{Goal, MemberState};
use hangar_sdk::testing::pool::{NOW_MS, authority};
use proptest::prelude::*;

use crate::universe::{at_rest, founding, kill, masters_of, processes, tablets_of};

/// Who acts, how many of its steps take effect, and whether its process is gone then.
fn events(most: usize) -> impl Strategy<Value = Vec<(usize, usize, bool)>> {
    prop::collection::vec((0..6_usize, 0..10_usize, prop::bool::weighted(0.2)), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_founding_makes_one_universe_and_ends(events in events(60)) {
        let mut world = founding();
        world.shake(&events);
        world.calm("founding");
        prop_assert_eq!(world.play.n_universes, 1);
        prop_assert_eq!(masters_of(&world, "uss0"), 3);
    }

    #[test]
    fn a_join_adds_every_master_and_never_founds(n in 1..4_usize, before in events(30), after in events(80)) {
        let mut world = at_rest(n);
        world.add("uss9", MemberState::Asking, Goal::Join);
        world.shake(&before);
        prop_assert!(!world.play.started.contains("uss9"), "no pod before all have voted");
        world.open("join", "uss9");
        world.shake(&after);
        world.calm("join");
        prop_assert_eq!(masters_of(&world, "uss9"), 3);
        prop_assert_eq!(world.member("uss9").state, MemberState::Active);
        // 3 copies are enough for 3 organisations.
        let everyone: Vec<&String> = world.organisations.keys().filter(|_| n < 3).collect();
        prop_assert_eq!(Vec::from_iter(&world.play.placement), everyone);
        prop_assert_eq!(world.play.n_universes, 1);
    }

    #[test]
    fn a_leave_moves_every_copy_and_takes_out_every_master(n in 2..5_usize, events in events(100)) {
        let mut world = at_rest(n);
        world.set_goal("uss1", Goal::Leave, &[("consent", "tolerance")]);
        world.open("leave", "uss1");
        world.shake(&events);
        world.calm("leave");
        prop_assert_eq!((masters_of(&world, "uss1"), tablets_of(&world, "uss1")), (0, 0));
        prop_assert_eq!(world.member("uss1").state, MemberState::Gone);
        prop_assert!(!world.play.placement.contains("uss1"));
        let theirs = authority("uss1", 1).fingerprint;
        prop_assert!(processes(&world, "uss0").all(|process| !process.trusts.contains(&theirs)), "its authority goes last");
    }

    #[test]
    fn a_rotation_ends_with_the_new_authority_alone_and_no_process_refused(n in 1..5_usize, events in events(120)) {
        let mut world = at_rest(n);
        let (old, new) = (authority("uss0", 1).fingerprint, authority("uss0", 2).fingerprint);
        world.set_goal("uss0", Goal::RotateCa, &[("authority", new.as_str())]);
        world.open("rotate-ca", "uss0");
        world.shake(&events);
        world.calm("rotate-ca");
        for process in processes(&world, "uss0") {
            prop_assert_eq!((&process.shows, process.trusts.contains(&old)), (&new, false));
        }
        prop_assert_eq!(world.organisation("uss0").n_rolls, 1);
    }

    #[test]
    fn leaves_are_renewed_and_read_by_every_process(n in 1..4_usize, events in events(40)) {
        let mut world = at_rest(n);
        let before = NOW_MS + 1;
        world.set_goal("uss0", Goal::RotateLeaves, &[("renew-before", before.to_string().as_str())]);
        world.shake(&events);
        world.calm("rotate-certs");
        prop_assert!(processes(&world, "uss0").all(|process| process.issued_ms >= before));
        prop_assert_eq!(world.organisation("uss0").n_rolls, 1);
    }

    #[test]
    fn a_dead_member_is_taken_out_by_the_others(n in 3..5_usize, events in events(80)) {
        let mut world = at_rest(n);
        kill(&mut world, "uss2");
        world.open("evict", "uss2");
        world.shake(&events);
        world.calm("evict");
        prop_assert_eq!((masters_of(&world, "uss2"), tablets_of(&world, "uss2")), (0, 0));
        prop_assert!(!world.play.placement.contains("uss2"));
    }
}
