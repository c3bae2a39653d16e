//! How masters come in, and who reads what before.

use hangar_sdk::pooling_strategy::{AcknowledgementKind, Goal, MemberState};
use hangar_sdk::testing::pool::authority;

use crate::universe::{World, at_rest, masters_of, processes};

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

/// A handshake alone does not show that a tablet server takes part.
#[test]
fn nobody_says_that_a_joiner_is_in_before_all_its_tablet_servers_are_alive() {
    let mut world = at_rest(2);
    world.add("uss9", MemberState::Asking, Goal::Join);
    world.open("join", "uss9");
    world.play.unheard.insert("2.db.uss9.example.com".into());
    for _ in 0..40 {
        for id in ["uss0", "uss1", "uss9"] {
            world.round(id, usize::MAX);
        }
    }
    let accepts =
        |kind: &AcknowledgementKind| matches!(kind, AcknowledgementKind::AcceptedBy((peer, _)) if peer == "uss9");
    let says = |id: &str, world: &World| world.member(id).acknowledgements.iter().any(|said| accepts(&said.kind));
    assert_eq!(masters_of(&world, "uss9"), 3);
    assert_eq!(world.member("uss9").state, MemberState::Joining);
    assert!(!says("uss0", &world) && !says("uss1", &world));
    world.play.unheard.clear();
    world.calm("join");
    assert_eq!(world.member("uss9").state, MemberState::Active);
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
