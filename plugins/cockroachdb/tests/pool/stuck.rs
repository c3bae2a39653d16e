//! Restarts that ended in the middle, and what leads on from there.

use hangar_sdk::pooling_strategy::{
    Acknowledgement, AcknowledgementKind, Decision, Goal, MemberState, Observation, Probe, Rows,
};

use crate::sim::{World, at_rest, break_last, builds, in_maintenance, mend};
use crate::site::{Site, healthy, member};
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

/// Of an image without a release nothing but that the nodes live and are alike can be known.
#[test]
fn a_word_that_was_left_behind_is_taken_back_for_images_without_a_release_too() {
    let mut world = at_rest(2);
    world.organisation("uss1").image = Some("cockroach:latest".into());
    let kind = AcknowledgementKind::Other(("maintenance".into(), vec!["take-over".into()]));
    world.members[1].acknowledgements.push(Acknowledgement { kind, at_ms: 0 });
    break_last(&mut world, "uss1");
    for _ in 0..3 {
        world.round("uss1", usize::MAX);
    }
    assert_eq!((in_maintenance(&world), world.organisations["uss1"].ended), (vec!["uss1"], false));
    mend(&mut world, "uss1");
    world.calm("a word that was left behind");
    assert!(in_maintenance(&world).is_empty());
}

/// What becomes of this word where our nodes run these builds by the database, and where the image and our record are what `set` makes
/// of them.
fn told(builds: &[&str], values: &[&str], set: impl FnOnce(&mut Site)) -> Decision {
    let mut site = Site::new("uss0", Goal::Operate, vec![member("uss0", MemberState::Active)]);
    set(&mut site);
    let values = values.iter().map(ToString::to_string).collect();
    site.acknowledge("uss0", AcknowledgementKind::Other(("maintenance".into(), values)));
    let row = |(n, build): (usize, &&str)| {
        let cells = [&(n + 1).to_string(), &format!("{n}.db.uss0.example.com:26257"), "", *build, "true", "active"];
        cells.map(|cell| Some((*cell).to_owned())).to_vec()
    };
    let all: Vec<_> = builds.iter().enumerate().map(row).collect();
    let answer = |probe: &Probe| match probe.id.as_str() {
        "nodes/0" => Observation::Rows(Rows { columns: Vec::new(), rows: all.clone() }),
        _ => healthy(probe),
    };
    // What else is owed comes before what has to wait.
    for _ in 0..5 {
        match site.settle(answer) {
            Decision::Steps(steps) if steps[0].key != "upgrade/end" => site.take(steps),
            decision => return decision,
        }
    }
    panic!("it owes more and more")
}

fn ends(decision: &Decision) -> bool {
    matches!(decision, Decision::Steps(steps) if steps[0].key == "upgrade/end")
}

#[test]
fn nodes_of_two_builds_are_no_end_of_a_restart_whose_image_names_no_release() {
    let told = |builds: &[&str], values: &[&str]| {
        told(builds, values, |site| {
            site.intent.instance.image = format!("docker.io/cockroachdb/cockroach@sha256:{}", "ab".repeat(32));
        })
    };
    assert!(ends(&told(&["v24.1.3"; 3], &["restart"])));
    let two = ["v24.1.3", "v24.1.3", "v24.1.9"];
    let Decision::Blocked(findings) = told(&two, &["restart"]) else { panic!("it goes on") };
    assert_eq!(findings[0].message, "the restarts of our nodes are not over: node 3 runs v24.1.9");
    assert_eq!(findings[0].cure.as_deref(), Some("`hangar restart` brings them to their end"));
    assert!(ends(&told(&two, &["restart", "claimed"])), "no node was touched under it");
    // One that the database has never heard of is no node that lives.
    let Decision::Wait(waiting) = told(&two[..2], &["restart"]) else { panic!("it goes on") };
    assert_eq!(waiting.message, "all own nodes to be live: 2 of 3 are");
    assert!(ends(&told(&two[..2], &["restart", "claimed"])));
}

#[test]
fn where_our_record_names_no_release_the_restarts_end_with_that_of_the_image() {
    let told = |build: &str| {
        told(&[build; 3], &["restart"], |site| {
            site.roster.members[0].datastore.1 = "latest".into();
            site.intent.instance.image = "docker.io/cockroachdb/cockroach:v24.1.9".into();
        })
    };
    assert!(ends(&told("v24.1.9")));
    let Decision::Blocked(findings) = told("v24.1.3") else { panic!("it goes on") };
    assert_eq!(findings[0].message, "the restarts of our nodes are not over: node 1 runs v24.1.3");
}
