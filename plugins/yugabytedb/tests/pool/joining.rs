//! How masters come in, and who reads what before.

use hangar_sdk::pooling_strategy::{Goal, MemberState};
use hangar_sdk::testing::pool::authority;

use crate::universe::{at_rest, masters_of, processes};

/// Every member's processes trust a joiner before its first pod runs, though files alone tell no process.
#[test]
fn a_joiner_starts_only_once_every_process_of_every_member_trusts_it() {
    let mut world = at_rest(2);
    world.add("uss9", MemberState::Asking, Goal::Join);
    world.open("join", "uss9");
    let theirs = authority("uss9", 1).fingerprint;
    for _ in 0..40 {
        for id in ["uss0", "uss1", "uss9"] {
            world.round(id, 1);
            if world.play.started.contains("uss9") {
                for member in ["uss0", "uss1"] {
                    assert!(processes(&world, member).all(|process| process.trusts.contains(&theirs)), "{member}");
                }
            }
        }
    }
    world.calm("join");
    assert!(world.play.started.contains("uss9"));
}

#[test]
fn masters_come_in_one_by_one() {
    let mut world = at_rest(1);
    world.add("uss9", MemberState::Asking, Goal::Join);
    world.open("join", "uss9");
    let mut seen = vec![0];
    for _ in 0..60 {
        for id in ["uss0", "uss9"] {
            world.round(id, usize::MAX);
            let now = masters_of(&world, "uss9");
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        }
    }
    assert_eq!(seen, [0, 1, 2, 3]);
}
