//! Every host is killed after every step of every procedure, once each and all at once, and each procedure comes to its end.
//!
//! `docs/testing.md` shows the table; it is held to what is run here.

use std::fmt::Write as _;

use hangar_sdk::pooling_strategy::{Goal, MemberState};
use hangar_sdk::testing::pool::{NOW_MS, authority};

use crate::adopting::{adopted, standing};
use crate::sim::{World, at_rest, builds, founding, in_maintenance, nodes_in, process, wear};
use crate::upgrading::{NEXT, wanting};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/testing.md");

/// One procedure, from where it begins to where it must end.
struct Procedure {
    name: &'static str,
    begin: fn() -> World,
    /// What is still to be done once everybody is at rest.
    rest: fn(&mut World),
    has_ended: fn(&World) -> bool,
}

const PROCEDURES: [Procedure; 11] = [
    Procedure {
        name: "`pool create`",
        begin: founding,
        rest: |_| {},
        has_ended: |world| world.play.n_inits == 1 && nodes_in(world, "uss0") == 3,
    },
    Procedure {
        name: "`pool join`, the third member",
        begin: || {
            let mut world = at_rest(2);
            world.add("uss9", MemberState::Asking, Goal::Join);
            world.open("join", "uss9");
            world
        },
        rest: |_| {},
        has_ended: |world| {
            world.member("uss9").state == MemberState::Active && nodes_in(world, "uss9") == 3 && world.play.n_inits == 0
        },
    },
    Procedure {
        name: "`pool rotate-certs`",
        begin: || {
            let mut world = at_rest(2);
            let before = (world.now_ms + 1).to_string();
            world.set_goal("uss0", Goal::RotateLeaves, &[("renew-before", before.as_str())]);
            world
        },
        rest: |_| {},
        has_ended: |world| process(world, "uss0").issued_ms > NOW_MS && world.organisations["uss0"].n_rolls == 1,
    },
    Procedure {
        name: "`pool rotate-certs`, of leaves that are over in every organisation",
        begin: || {
            let mut world = at_rest(3);
            for id in ["uss0", "uss1", "uss2"] {
                let before = (world.now_ms + 1).to_string();
                wear(&mut world, id);
                world.set_goal(id, Goal::RotateLeaves, &[("renew-before", before.as_str())]);
            }
            world
        },
        rest: |_| {},
        has_ended: |world| ["uss0", "uss1", "uss2"].iter().all(|id| process(world, id).issued_ms > NOW_MS),
    },
    Procedure {
        name: "`pool rotate-ca`",
        begin: || {
            let mut world = at_rest(3);
            let new = authority("uss0", 2).fingerprint;
            world.set_goal("uss0", Goal::RotateCa, &[("authority", new.as_str())]);
            world.open("rotate-ca", "uss0");
            world
        },
        rest: |_| {},
        has_ended: |world| {
            let new = authority("uss0", 2).fingerprint;
            let trusts = |id| process(world, id).trusts.iter().filter(|one| one.contains("uss0")).count();
            let is_rolled = world.organisations["uss0"].n_rolls == 1;
            process(world, "uss0").shows == new && trusts("uss1") == 1 && trusts("uss2") == 1 && is_rolled
        },
    },
    Procedure {
        name: "`pool leave`, of four",
        begin: || {
            let mut world = at_rest(4);
            world.set_goal("uss1", Goal::Leave, &[]);
            world.open("leave", "uss1");
            world
        },
        rest: |_| {},
        has_ended: |world| nodes_in(world, "uss1") == 0 && world.member("uss1").state == MemberState::Gone,
    },
    Procedure {
        name: "`pool evict`, of four",
        begin: || {
            let mut world = at_rest(4);
            world.organisation("uss2").alive = false;
            for id in ["uss0", "uss1"] {
                let witness = Goal::Other(("witness".into(), vec![("member".into(), "uss2".into())]));
                world.set_goal(id, witness, &[]);
                world.round(id, usize::MAX);
                world.set_goal(id, Goal::Operate, &[]);
            }
            world.n_steps = 0;
            world.open("evict", "uss2");
            world
        },
        rest: |_| {},
        has_ended: |world| nodes_in(world, "uss2") == 0 && process(world, "uss0").trusts.len() == 3,
    },
    Procedure {
        name: "`up`, with fewer nodes",
        begin: || {
            let mut world = at_rest(3);
            world.organisation("uss0").n_nodes = 2;
            world
        },
        rest: |_| {},
        has_ended: |world| nodes_in(world, "uss0") == 2,
    },
    Procedure {
        name: "`up`, with another release, in three organisations",
        begin: || {
            let mut world = at_rest(3);
            wanting(&mut world, NEXT);
            world
        },
        rest: |world| {
            for _ in 0..3 {
                world.round("uss0", usize::MAX);
            }
        },
        has_ended: |world| world.play.active == (24, 3) && builds(world, "uss2") == vec!["v24.3.1"; 3],
    },
    Procedure {
        name: "`pool join`, of nodes that other tools made",
        begin: || {
            let mut world = standing(2);
            world.open("join", "uss1");
            world
        },
        rest: |_| {},
        has_ended: |world| {
            let is_touched = world.organisations.values().any(|one| one.deployed);
            world.member("uss1").state == MemberState::Active && !is_touched && world.play.n_inits == 0
        },
    },
    Procedure {
        name: "`up --adopt`, in three organisations",
        begin: || {
            let mut world = adopted(3);
            for id in ["uss0", "uss1", "uss2"] {
                world.set_goal(id, Goal::Operate, &[]);
            }
            world.n_steps = 0;
            world
        },
        rest: |_| {},
        has_ended: |world| world.organisations.values().all(|one| one.deployed) && in_maintenance(world).is_empty(),
    },
];

impl Procedure {
    /// Runs it, with whoever takes this step killed right after; returns how many steps took effect.
    fn run(&self, killed_after: Option<usize>) -> usize {
        let mut world = (self.begin)();
        world.killed_after = killed_after;
        self.end(world, &format!("{} killed after {killed_after:?}", self.name))
    }

    /// Runs it with every host killed after every step, in turn.
    fn run_killed_always(&self) {
        let mut world = (self.begin)();
        let n_hosts = world.organisations.len();
        let each: Vec<_> = (0..30 * n_hosts).map(|n| (n % n_hosts, 1, true)).collect();
        world.shake(&each);
        self.end(world, &format!("{} killed after every step", self.name));
    }

    fn end(&self, mut world: World, what: &str) -> usize {
        world.calm(what);
        (self.rest)(&mut world);
        assert!((self.has_ended)(&world), "{what} does not end as it should");
        world.n_steps
    }
}

#[test]
fn every_host_is_killed_at_every_step_of_every_procedure() {
    let mut table = String::from("| procedure | steps, each once the last of its host |\n| --- | --- |\n");
    for procedure in &PROCEDURES {
        let n_steps = procedure.run(None);
        assert!(n_steps > 0, "{} does nothing", procedure.name);
        for step in 1..=n_steps {
            procedure.run(Some(step));
        }
        procedure.run_killed_always();
        writeln!(table, "| {} | {n_steps} |", procedure.name).expect("a text takes it");
    }
    let document = std::fs::read_to_string(DOCUMENT).expect("the document is there");
    assert!(document.contains(&table), "docs/testing.md shows another table than this:\n{table}");
}
