//! What the strategy refuses.

use hangar_sdk::pooling_strategy::{Goal, MemberState};

use crate::universe::{at_rest, kill, masters_of, tablets_of};

#[test]
fn a_leave_that_costs_the_pool_its_tolerance_needs_consent() {
    let mut world = at_rest(3);
    world.set_goal("uss1", Goal::Leave, &[]);
    world.open("leave", "uss1");
    world.round("uss1", usize::MAX);
    let why = world.organisations["uss1"].blocked.clone().expect("it is refused");
    assert!(why.starts_with("2 organisations would remain"), "{why}");
    assert_eq!(masters_of(&world, "uss1"), 3);
}

/// With a member dead, another one in maintenance could cost the majority: nobody leaves then.
#[test]
fn nobody_leaves_while_a_member_is_dead() {
    let mut world = at_rest(4);
    kill(&mut world, "uss3");
    world.set_goal("uss1", Goal::Leave, &[("consent", "tolerance")]);
    world.open("leave", "uss1");
    for _ in 0..10 {
        world.round("uss1", usize::MAX);
    }
    assert_eq!((masters_of(&world, "uss1"), tablets_of(&world, "uss1")), (3, 12));
    assert_eq!(world.member("uss1").state, MemberState::Active);
}

#[test]
fn a_member_is_seen_dead_only_once_none_of_its_processes_answers() {
    let witness = || Goal::Other(("witness".into(), vec![("member".into(), "uss2".into())]));
    let mut world = at_rest(3);
    world.set_goal("uss0", witness(), &[]);
    world.round("uss0", usize::MAX);
    let why = world.organisations["uss0"].blocked.clone().expect("it lives");
    assert!(why.contains("is not dead: 6 of its nodes answer and 3 are live"), "{why}");
    kill(&mut world, "uss2");
    world.round("uss0", usize::MAX);
    let said = &world.member("uss0").acknowledgements[0].kind;
    assert!(format!("{said:?}").contains("seen-dead"), "{said:?}");
}

/// A member that is out by its record and not by the universe keeps its place in every bundle.
#[test]
fn a_bundle_does_not_shrink_while_the_universe_counts_a_master_of_who_is_out() {
    let mut world = at_rest(4);
    world.members.iter_mut().filter(|member| member.id == "uss3").for_each(|gone| gone.state = MemberState::Gone);
    world.round("uss1", usize::MAX);
    assert_eq!(masters_of(&world, "uss3"), 3, "the first by name acts, the others wait");
    for _ in 0..12 {
        world.round("uss0", usize::MAX);
    }
    assert_eq!((masters_of(&world, "uss3"), tablets_of(&world, "uss3")), (0, 0));
}

/// The universe remembers the servers of who has left, and calls them dead once their machines are gone.
#[test]
fn the_next_one_can_leave_where_the_machines_of_the_last_are_gone() {
    let mut world = at_rest(4);
    world.set_goal("uss3", Goal::Leave, &[("consent", "tolerance")]);
    world.open("leave", "uss3");
    world.calm("the first leave");
    kill(&mut world, "uss3");
    world.set_goal("uss2", Goal::Leave, &[("consent", "tolerance")]);
    world.open("leave", "uss2");
    world.calm("the second leave");
    assert_eq!((masters_of(&world, "uss2"), tablets_of(&world, "uss2")), (0, 0));
    assert_eq!(world.member("uss2").state, MemberState::Gone);
}
