//! Restarts that ended in the middle, and what leads on from there.

use hangar_sdk::pooling_strategy::{Acknowledgement, AcknowledgementKind};

use crate::sim::{World, at_rest, break_last, builds, in_maintenance};
use crate::upgrading::{NEXT, wanting, why};

/// Three organisations of which the first has begun with an image whose program does not come up, and its run has ended.
fn stuck() -> World {
    let mut world = at_rest(3);
    wanting(&mut world, "docker.io/cockroachdb/cockroach:v24.3.9");
    world.round("uss0", usize::MAX);
    // All but the restart.
    world.round("uss0", 4);
    break_last(&mut world, "uss0");
    world.crash("uss0");
    assert_eq!(in_maintenance(&world), ["uss0"]);
    world
}

/// The node that is down is what the next image is for.
#[test]
fn an_image_that_does_not_come_up_is_corrected() {
    let mut world = stuck();
    wanting(&mut world, NEXT);
    world.round("uss1", usize::MAX);
    assert_eq!(builds(&world, "uss1")[0], "v24.1.3", "the others wait for it meanwhile");
    world.calm("a corrected image");
    for id in ["uss0", "uss1", "uss2"] {
        assert_eq!(builds(&world, id), ["v24.3.1"; 3]);
    }
    assert!(in_maintenance(&world).is_empty());
}

#[test]
fn an_image_that_does_not_come_up_is_taken_back() {
    let mut world = stuck();
    wanting(&mut world, "docker.io/cockroachdb/cockroach:v24.1.3");
    world.calm("the former image");
    assert_eq!((builds(&world, "uss0"), world.play.active), (vec!["v24.1.3".to_owned(); 3], (24, 1)));
    assert!(in_maintenance(&world).is_empty());
    wanting(&mut world, NEXT);
    world.calm("the next image");
    world.round("uss0", usize::MAX);
    world.calm("the end of it");
    assert_eq!(world.play.active, (24, 3), "nothing of the first try is left");
}

/// Once the cluster has gone over there is no way back, in the middle of a restart either.
#[test]
fn who_is_in_the_middle_of_it_takes_no_release_that_the_cluster_refuses() {
    let mut world = stuck();
    world.play.active = (24, 3);
    wanting(&mut world, "docker.io/cockroachdb/cockroach:v24.1.3");
    world.round("uss0", usize::MAX);
    assert!(why(&world, "uss0").contains("v24.1.3 is older than the cluster, which is at 24.3"));
    wanting(&mut world, "docker.io/cockroachdb/cockroach:v25.3.0");
    world.round("uss0", usize::MAX);
    assert!(why(&world, "uss0").contains("v25.3.0 is too new for the cluster"), "{}", why(&world, "uss0"));
    assert_eq!(in_maintenance(&world), ["uss0"]);
}

/// What `hangar restart` or a run that ended early has left in our record keeps the others waiting until `hangar up`.
#[test]
fn a_word_that_was_left_behind_is_taken_back_once_the_nodes_are_well() {
    for values in [&["restart"][..], &["v24.3.9", "claimed"]] {
        let mut world = at_rest(2);
        let kind = AcknowledgementKind::Other(("maintenance".into(), values.iter().map(ToString::to_string).collect()));
        world.members[1].acknowledgements.push(Acknowledgement { kind, at_ms: 0 });
        world.organisation("uss0").image = Some("cockroach:v24.1.9".into());
        world.round("uss0", usize::MAX);
        assert_eq!(builds(&world, "uss0")[0], "v24.1.3", "it is waited for");
        world.calm("a word that was left behind");
        assert!(in_maintenance(&world).is_empty());
        assert_eq!((&*builds(&world, "uss0")[0], &*builds(&world, "uss1")[0]), ("v24.1.9", "v24.1.3"));
    }
}
