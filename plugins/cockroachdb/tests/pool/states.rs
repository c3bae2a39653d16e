//! What the database says of itself, up to each number that decides.

use hangar_sdk::pooling_strategy::{
    AcknowledgementKind, Action, Change, Decision, Goal, MemberState, Observation, Probe, Question, Rows,
};

use crate::sim::{at_rest, nodes_in};
use crate::site::{CLUSTER, Site, fingerprint, healthy, http, member, populated, steps, uninitialised};

fn rows(rows: &[&[Option<&str>]]) -> Observation {
    let cells = |row: &&[Option<&str>]| row.iter().map(|cell| cell.map(ToOwned::to_owned)).collect();
    Observation::Rows(Rows { columns: Vec::new(), rows: rows.iter().map(cells).collect() })
}

/// One of five leaves, under an open change.
fn leaving() -> Site {
    let members = (0..5).map(|i| member(&format!("uss{i}"), MemberState::Active)).collect();
    let mut site = Site::new("uss0", Goal::Leave, members);
    let (id, kind, subject) = ("leave:uss0".into(), "leave".into(), "uss0".into());
    site.roster.open = Some(Change { id, kind, subject, authority: None });
    site
}

/// All well, but what this question is answered with.
fn but<'a>(id: &'a str, answer: &'a Observation) -> impl Fn(&Probe) -> Observation + 'a {
    move |probe| if probe.id == id { answer.clone() } else { healthy(probe) }
}

#[test]
fn one_range_that_is_not_whole_holds_everything_up() {
    for (ranges, wanted) in [
        (rows(&[&[Some("1"), Some("0")]]), "1 ranges lack replicas"),
        (rows(&[&[Some("0"), Some("1")]]), "1 ranges have lost their majority"),
    ] {
        let Decision::Wait(waiting) = leaving().settle(but("ranges/0", &ranges)) else { panic!("it goes on") };
        assert!(waiting.message.ends_with(wanted), "{}", waiting.message);
    }
}

/// A hundred milliseconds, in either direction, are the most.
#[test]
fn a_clock_is_too_far_off_from_the_next_millisecond_on() {
    let told = |nanos: &str| {
        let nodes = rows(&[&[Some("4"), None, None, None, Some("true"), Some("active")]]);
        let statuses = rows(&[&[Some("4"), Some(nanos)]]);
        leaving().settle(|probe| match probe.id.as_str() {
            "nodes/0" => nodes.clone(),
            "statuses/0" => statuses.clone(),
            _ => healthy(probe),
        })
    };
    for nanos in ["100000000", "-100000000", "0"] {
        assert!(!matches!(told(nanos), Decision::Blocked(_) if message(&told(nanos)).contains("clock")), "{nanos}");
    }
    for nanos in ["101000000", "-101000000"] {
        let ms = &nanos[..nanos.len() - 6];
        assert!(message(&told(nanos)).contains(&format!("node 4 is {ms} ms away")), "{nanos}");
    }
}

/// A round of looks is a Job, which takes longer on a busy cluster than an answer is good for.
#[test]
fn looks_that_take_long_come_to_an_end() {
    for (round_ms, most) in [(1_000, 4), (14_000, 4), (90_000, 7)] {
        let mut site = joining();
        let n_looks = (0..30).position(|_| match site.decide() {
            Decision::Look(looks) => {
                site.facts.now_ms += round_ms;
                site.answer(&looks, entered);
                false
            }
            decision => matches!(decision, Decision::Awaiting(_)),
        });
        assert!(n_looks.is_some_and(|n| n <= most), "{n_looks:?} looks of {round_ms} ms each");
    }
}

fn message(decision: &Decision) -> String {
    match decision {
        Decision::Blocked(findings) => findings[0].message.clone(),
        Decision::Wait(waiting) => waiting.message.clone(),
        _ => String::new(),
    }
}

/// Every node of the pool and of the joiner is in the cluster.
fn entered(probe: &Probe) -> Observation {
    populated(&["uss0", "uss1", "uss2"])(probe)
}

/// A joiner whose nodes were started.
fn joining() -> Site {
    let states = [MemberState::Active, MemberState::Active, MemberState::Joining];
    let members = states.into_iter().enumerate().map(|(i, state)| member(&format!("uss{i}"), state)).collect();
    let mut site = Site::new("uss2", Goal::Join, members);
    site.intent.pool.cluster_id = Some(CLUSTER.into());
    site.facts.done.push("set-state/joining".into());
    site.open("uss2");
    for peer in ["uss0", "uss1"] {
        site.acknowledge(peer, AcknowledgementKind::Deployed(vec![fingerprint("uss2")]));
        site.acknowledge("uss2", AcknowledgementKind::AcceptedBy((peer.into(), fingerprint("uss2"))));
    }
    site
}

#[test]
fn a_joiner_is_in_once_its_last_node_is_and_each_range_has_spread() {
    let waits = uninitialised();
    assert_eq!(message(&joining().settle(but("ready/2", &waits))), "2 of 3 own nodes have joined");
    for ranges in [rows(&[&[Some("1"), Some("0")]]), rows(&[&[None, Some("0")]]), rows(&[]), http(500, "")] {
        let decision = joining().settle(|probe| if probe.id == "ranges/0" { ranges.clone() } else { entered(probe) });
        assert!(matches!(decision, Decision::Wait(_)), "{ranges:?}: {decision:?}");
    }
    for replicas in [
        rows(&[&[Some("7"), Some("1")], &[Some("8"), Some("1")]]),
        rows(&[&[Some("7"), Some("1")], &[Some("8"), Some("1")], &[Some("9"), Some("0")]]),
        rows(&[&[Some("7"), Some("1")], &[Some("8"), Some("1")], &[Some("9"), None]]),
    ] {
        let decision =
            joining().settle(|probe| if probe.id == "replicas/0" { replicas.clone() } else { entered(probe) });
        assert_eq!(message(&decision), "replicas to spread over the new nodes: node 9 holds none yet");
    }
    // What one was before it lost its volume holds nothing any more, and is none of those that have to.
    let former = joining().settle(|probe| match entered(probe) {
        Observation::Rows(mut rows) if probe.id == "nodes/0" => {
            let mut dead = rows.rows[8].clone();
            (dead[0], dead[4]) = (Some("10".into()), Some("false".into()));
            rows.rows.push(dead);
            Observation::Rows(rows)
        }
        seen => seen,
    });
    assert!(matches!(former, Decision::Awaiting(_)), "{former:?}");
    let nobody = joining().settle(healthy);
    assert_eq!(message(&nobody), "0 of 3 nodes of `uss2` to live in the cluster at their addresses");
    assert!(matches!(joining().settle(entered), Decision::Awaiting(_)), "the second gate");
}

/// Two nodes cannot hold three replicas of anything: who waited for that would keep the third from coming.
#[test]
fn a_joiner_whose_pool_has_fewer_nodes_than_replicas_waits_for_none() {
    let join = |n_nodes: usize| {
        let mut site = joining();
        site.intent.instance.nodes.truncate(1);
        site.roster.members.iter_mut().for_each(|member| member.nodes.truncate(1));
        let nodes = ["uss0", "uss2", "uss1"].into_iter().take(n_nodes).zip(1..).map(|(id, number)| {
            let (address, zone) = (format!("0.db.{id}.example.com:26257"), format!("zone={id}"));
            [number.to_string(), address, zone, "v24.1.3".into(), "true".into(), "active".into()].map(Some).to_vec()
        });
        let nodes = Observation::Rows(Rows { columns: Vec::new(), rows: nodes.collect() });
        site.settle(|probe| match probe.id.as_str() {
            "nodes/0" => nodes.clone(),
            "ranges/0" => rows(&[&[Some("14"), Some("0")]]),
            _ => healthy(probe),
        })
    };
    assert!(matches!(join(2), Decision::Awaiting(_)), "{:?}", join(2));
    assert_eq!(message(&join(3)), "replicas to spread over the new nodes: 14 ranges lack replicas");
}

/// Without a majority nothing can be moved off what is dead: putting it out would not help.
#[test]
fn a_dead_member_that_took_the_majority_along_is_not_put_out() {
    let members = || (0..3).map(|i| member(&format!("uss{i}"), MemberState::Active)).collect();
    let witness = |unavailable: &'static str, answers: bool| {
        let goal = Goal::Other(("witness".into(), vec![("member".into(), "uss2".into())]));
        let mut site = Site::new("uss0", goal, members());
        site.settle(move |probe| match &probe.question {
            Question::Tls(_) if !answers => crate::site::tls(hangar_sdk::pooling_strategy::TlsOutcome::Unreachable),
            _ if probe.id == "ranges/0" => rows(&[&[Some("0"), Some(unavailable)]]),
            _ if probe.id == "nodes/0" => {
                let lives = if answers { "true" } else { "false" };
                rows(&[&[Some("7"), Some("0.db.uss2.example.com:26257"), None, None, Some(lives), Some("active")]])
            }
            _ => healthy(probe),
        })
    };
    assert!(message(&witness("1", false)).contains("1 ranges have lost their majority with it"));
    assert_eq!(steps(witness("0", false)).len(), 1, "it says what it has seen");
    assert!(message(&witness("1", true)).contains("is not dead: 3 of its nodes answer and 1 are live"));
}

#[test]
fn a_member_that_lives_again_is_not_taken_out() {
    let mut world = at_rest(4);
    world.open("evict", "uss3");
    world.round("uss0", usize::MAX);
    let why = world.organisations["uss0"].blocked.clone().expect("it lives");
    assert!(why.contains("a node of `uss3` is live again"), "{why}");
    assert_eq!((nodes_in(&world, "uss3"), world.play.n_decommissions), (3, 0));
}

/// Once a node is on its way out it is finished, whatever becomes of others.
#[test]
fn a_leave_goes_on_once_its_first_node_has_begun_to_go() {
    let mut site = leaving();
    site.roster.members[0].state = MemberState::Leaving;
    site.acknowledge("uss0", AcknowledgementKind::Other(("leaving-nodes".into(), vec!["1".into()])));
    let nodes = |own: &'static str| {
        rows(&[
            &[Some("1"), Some("0.db.uss0.example.com:26257"), None, None, Some("true"), Some(own)],
            &[Some("2"), Some("0.db.uss1.example.com:26257"), None, None, Some("false"), Some("active")],
            &[Some("3"), Some("0.db.uss2.example.com:26257"), None, None, Some("true"), Some("active")],
        ])
    };
    let mut untouched = Site { intent: site.intent.clone(), roster: site.roster.clone(), facts: site.facts.clone() };
    assert!(message(&untouched.settle(but("nodes/0", &nodes("active")))).ends_with("node 2 is not live"));
    let asked = steps(site.settle(but("nodes/0", &nodes("decommissioning"))));
    let Action::Verb(verb) = &asked[0].action else { panic!("no verb: {asked:?}") };
    assert_eq!(verb.arguments[1], "--host=0.db.uss2.example.com:26257", "by a node that is live");
    let keys: Vec<_> = asked.into_iter().map(|step| step.key).collect();
    assert!(keys[0].starts_with("decommission/") && keys[1] == "set-state/gone", "{keys:?}");
}

/// Three replicas need three nodes, and no more.
#[test]
fn nodes_go_until_as_many_are_left_as_there_are_replicas() {
    let mut world = at_rest(2);
    for (id, n_nodes) in [("uss0", 1), ("uss1", 2)] {
        world.organisation(id).n_nodes = n_nodes;
        for _ in 0..3 {
            world.round(id, usize::MAX);
        }
    }
    assert_eq!((nodes_in(&world, "uss0"), nodes_in(&world, "uss1"), world.play.n_decommissions), (1, 2, 2));
}
