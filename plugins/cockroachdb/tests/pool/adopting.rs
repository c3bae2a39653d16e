//! A cluster that other tools made becomes a pool with a roster, and its nodes are taken over when their owners want to.

use hangar_sdk::pooling_strategy::{
    AcknowledgementKind, Action, Certificate, Decision, Finding, Goal, Member, MemberState, Observation, Probe,
    Question, Rows, TlsOutcome,
};
use hangar_sdk::testing::pool::{Process, authority};

use crate::sim::{World, at_rest, builds, in_maintenance, nodes_in, process};
use crate::site::{CLUSTER, Site, fingerprint, healthy, member, tls};

pub(crate) fn adopt() -> Goal {
    Goal::Other(("adopt".into(), Vec::new()))
}

/// One cluster of this many organisations, made by other tools, and a roster that its first member has just begun.
pub(crate) fn standing(n: usize) -> World {
    let mut world = at_rest(n);
    world.cluster_id = None;
    for (n, member) in world.members.iter_mut().enumerate() {
        member.acknowledgements.clear();
        member.facts.push(("adopted".into(), "true".into()));
        member.authorities[0].subject = "CN=Cockroach CA,O=Cockroach".into();
        if n > 0 {
            member.state = MemberState::Asking;
        }
    }
    for id in ids(&world) {
        world.set_goal(&id, adopt(), &[]);
        let one = world.organisation(&id);
        (one.deployed, one.stands) = (false, true);
        (one.secret, one.client, one.api) = (Process::default(), Process::default(), None);
    }
    world
}

fn ids(world: &World) -> Vec<String> {
    world.organisations.keys().cloned().collect()
}

/// All members in turn have come into the roster.
pub(crate) fn adopted(n: usize) -> World {
    let mut world = standing(n);
    for _ in 0..4 {
        world.round("uss0", usize::MAX);
    }
    for joiner in ids(&world).split_off(1) {
        enter(&mut world, &joiner);
    }
    world
}

/// One comes into the roster; who comes later has not asked yet.
fn enter(world: &mut World, joiner: &str) {
    world.open("join", joiner);
    for _ in 0..12 {
        for id in ids(world).iter().filter(|id| id.as_str() <= joiner) {
            world.round(id, usize::MAX);
        }
    }
    assert!(!world.is_open(), "the join of {joiner} is closed");
    assert_eq!(world.member(joiner).state, MemberState::Active);
}

#[test]
fn a_cluster_that_stands_becomes_a_roster_and_no_node_is_touched() {
    let mut world = standing(3);
    let before: Vec<_> = ids(&world).iter().map(|id| (process(&world, id), builds(&world, id))).collect();
    for _ in 0..4 {
        world.round("uss0", usize::MAX);
    }
    assert!(world.cluster_id.is_some(), "the identity of what runs is kept");
    for joiner in ["uss1", "uss2"] {
        enter(&mut world, joiner);
    }
    let after: Vec<_> = ids(&world).iter().map(|id| (process(&world, id), builds(&world, id))).collect();
    assert_eq!(before, after);
    assert!(world.organisations.values().all(|one| !one.deployed), "no release was applied");
    assert_eq!((world.play.n_inits, world.play.n_decommissions, nodes_in(&world, "uss1")), (0, 0, 3));
}

#[test]
fn nodes_are_taken_over_one_member_after_the_other() {
    let mut world = adopted(3);
    let ids = ids(&world);
    for id in &ids {
        world.set_goal(id, Goal::Operate, &[]);
    }
    world.round("uss1", usize::MAX);
    world.round("uss0", usize::MAX);
    world.round("uss1", usize::MAX);
    assert_eq!(in_maintenance(&world), ["uss1"]);
    world.round("uss0", usize::MAX);
    assert_eq!(in_maintenance(&world), ["uss1"], "the others wait");
    assert!(!world.organisations["uss0"].deployed);
    world.calm("nodes taken over");
    for id in &ids {
        let process = process(&world, id);
        assert_eq!(process.shows, authority(id, 1).fingerprint);
        assert_eq!(process.trusts.len(), 3, "{id} trusts whom it trusted");
        assert!(world.organisations[id].deployed && !world.organisations[id].stands);
    }
    assert!(in_maintenance(&world).is_empty());
    assert_eq!((world.play.n_inits, nodes_in(&world, "uss2")), (0, 3));
}

/// Goes on until there is neither a step to take nor anything to look at.
fn in_the_end(members: Vec<Member>, layout: &str, answer: impl Fn(&Probe) -> Observation) -> Decision {
    let mut site = Site::new("uss0", adopt(), members);
    site.intent.pool.cluster_id = Some(CLUSTER.into());
    let config = format!(r#"{{"layout":"{layout}"}}"#);
    for _ in 0..9 {
        let decision = plugin_cockroachdb::decide(&config, &site.intent, &site.roster, &site.facts);
        match decision.expect("the block is good") {
            Decision::Steps(steps) => site.take(steps),
            Decision::Look(probes) => site.answer(&probes, &answer),
            decision => return decision,
        }
    }
    panic!("it goes on for ever: {:?}", site.facts.done);
}

fn blocked(decision: Decision) -> Finding {
    let Decision::Blocked(mut findings) = decision else { panic!("not blocked: {decision:?}") };
    findings.remove(0)
}

fn founder() -> Member {
    member("uss0", MemberState::Active)
}

/// Another member whose authority other tools made.
fn adopted_member(id: &str) -> Member {
    Member { facts: vec![("adopted".into(), "true".into())], ..member(id, MemberState::Active) }
}

#[test]
fn adopted_nodes_of_an_unknown_layout_are_not_guessed_at() {
    let finding = blocked(in_the_end(vec![founder()], "hangar", own_nodes));
    assert!(finding.cure.is_some_and(|cure| cure.contains("layout = \"tanka\"")));
}

#[test]
fn who_is_not_trusted_by_the_nodes_that_stand_does_not_come_in() {
    for layout in ["tanka", "helm"] {
        let alone = |probe: &Probe| trusting(&["uss0"], probe);
        let finding = blocked(in_the_end(vec![founder(), adopted_member("uss1")], layout, alone));
        assert!(finding.message.ends_with("has no authority of `uss1`"), "{}", finding.message);
        assert!(finding.cure.is_some_and(|cure| cure.contains("with the scripts that made the Secret")));
        // A newcomer's is put there by our own release alone.
        let newcomer = vec![founder(), member("uss1", MemberState::Active)];
        let finding = blocked(in_the_end(newcomer, layout, alone));
        assert!(finding.cure.is_some_and(|cure| cure.starts_with("`hangar up --adopt`")));
    }
}

#[test]
fn authorities_of_one_subject_are_told_with_who_goes_over_to_one_of_its_own() {
    let mut members = vec![adopted_member("uss0"), adopted_member("uss1")];
    for member in &mut members {
        member.authorities[0].subject = "CN=Cockroach CA,O=Cockroach".into();
    }
    let Decision::Done(findings) = in_the_end(members, "tanka", |probe| trusting(&["uss0", "uss1"], probe)) else {
        panic!("the roster is whole")
    };
    let told: Vec<_> = findings.iter().map(|one| (one.whose.as_deref(), one.cure.as_deref())).collect();
    assert_eq!(told, [(Some("uss1"), Some("`hangar pool rotate-ca`, once its nodes are taken over"))]);
}

#[test]
fn nodes_that_are_not_where_or_what_the_workspace_says_are_not_adopted() {
    for (change, wanted) in [
        ("0.db.uss0.example.com", "counts 2 nodes"),
        ("zone=uss0", "has the locality `zone=elsewhere`"),
        ("v24.1.3", "runs v23.2.9"),
    ] {
        let finding = blocked(in_the_end(vec![founder()], "tanka", |probe| other(probe, change)));
        assert!(finding.message.contains(wanted), "{}", finding.message);
    }
}

/// Its number counts until somebody takes it out, and is none of the nodes that run.
#[test]
fn a_node_that_lost_its_volume_once_is_adopted_as_what_it_is_now() {
    let replaced = |probe: &Probe| match (probe.id.as_str(), trusting(&["uss0"], probe)) {
        ("nodes/0", Observation::Rows(mut nodes)) => {
            let mut fresh = nodes.rows[0].clone();
            fresh[0] = Some("9".into());
            nodes.rows[0][4] = Some("false".into());
            nodes.rows.push(fresh);
            Observation::Rows(nodes)
        }
        (_, seen) => seen,
    };
    let decision = in_the_end(vec![founder()], "tanka", replaced);
    assert!(matches!(decision, Decision::Done(_)), "{decision:?}");
}

/// The Secret out of which nodes of either layout read holds the authorities of these.
fn trusting(ids: &[&str], probe: &Probe) -> Observation {
    let known = ["cockroachdb.ca.crt", "cockroachdb.node"];
    if !matches!(&probe.question, Question::Secret(name) if known.contains(&name.as_str())) {
        return own_nodes(probe);
    }
    let authority = |id: &str| Certificate {
        file: "ca.crt".into(),
        fingerprint: fingerprint(id),
        subject: String::new(),
        issuer: String::new(),
        alternatives: Vec::new(),
        not_before_ms: 0,
        not_after_ms: u64::MAX,
        is_authority: true,
    };
    Observation::Certificates(ids.iter().map(|id| authority(id)).collect())
}

/// What a healthy cluster of three own nodes answers.
pub(crate) fn own_nodes(probe: &Probe) -> Observation {
    other(probe, "")
}

/// The same, with one cell of it another.
fn other(probe: &Probe, change: &str) -> Observation {
    let Question::Sql(question) = &probe.question else { return healthy(probe) };
    if !question.statement.contains("gossip_liveness") {
        return healthy(probe);
    }
    let row = |n: u32| {
        let host = format!("{n}.db.uss0.example.com");
        let of = |what: &str, instead: &str| if change == what { instead } else { what }.to_owned();
        let host = if n == 0 { of(&host, "9.db.uss0.example.com") } else { host };
        let cells = [
            (n + 1).to_string(),
            format!("{host}:26257"),
            of("zone=uss0", "zone=elsewhere"),
            of("v24.1.3", "v23.2.9"),
            "true".to_owned(),
            "active".to_owned(),
        ];
        cells.map(Some).to_vec()
    };
    Observation::Rows(Rows { columns: Vec::new(), rows: (0..3).map(row).collect() })
}

/// Volumes are found by the name of the set, partners know the Services: what stands keeps its names.
#[test]
fn nodes_that_are_taken_over_keep_their_names_and_trust_the_roster_alone() {
    let site = Site::new("uss0", Goal::Operate, vec![founder()]);
    let values = |layout: &str| -> serde_json::Value {
        let config = format!(r#"{{"layout":"{layout}"}}"#);
        let text = plugin_cockroachdb::values(&config, &site.intent, &site.roster).expect("the block is good");
        serde_json::from_str(&text).expect("values are JSON")
    };
    let names = |nodes: &str, clients: &str| serde_json::json!({"nodes": nodes, "clients": clients, "external": "cockroach-db-external-node"});
    let (tanka, helm, ours) = (values("tanka"), values("helm"), values("hangar"));
    assert_eq!(tanka["cockroachdb"]["names"], names("cockroachdb", "cockroachdb-balanced"));
    assert_eq!(helm["cockroachdb"]["names"], names("dss-cockroachdb", "dss-cockroachdb-public"));
    assert!(ours["cockroachdb"].get("names").is_none());
    assert!(
        tanka["cockroachdb"]["join"][0].as_str().is_some_and(|host| host.starts_with("cockroachdb-0.cockroachdb.dss."))
    );
    for taken in [&tanka, &helm] {
        let secrets = serde_json::json!({
            "node": "dss-cockroachdb-node", "clientRoot": "dss-cockroachdb-client-root", "authorities": ""});
        assert_eq!(taken["cockroachdb"]["secrets"], secrets);
    }
}

/// What is to be done next, once all that comes before it was done and every look answered.
fn next_step(site: &mut Site, answer: impl Fn(&Probe) -> Observation) -> Decision {
    for _ in 0..9 {
        let decision = plugin_cockroachdb::decide(r#"{"layout":"tanka"}"#, &site.intent, &site.roster, &site.facts);
        match decision.expect("the block is good") {
            Decision::Look(probes) => site.answer(&probes, &answer),
            Decision::Steps(steps) if steps[0].key.starts_with("put-secret/") => {
                site.facts.done.extend(steps.into_iter().map(|step| step.key));
            }
            decision => return decision,
        }
    }
    panic!("it looks for ever");
}

fn says_deployed(decision: &Decision, wanted: &[&str]) -> bool {
    let Decision::Steps(steps) = decision else { return false };
    let wanted: Vec<_> = wanted.iter().map(|id| fingerprint(id)).collect();
    matches!(&steps[0].action, Action::Acknowledge(AcknowledgementKind::Deployed(all)) if *all == wanted)
}

/// As many authorities are not the same authorities.
#[test]
fn whom_the_nodes_trust_is_said_anew_where_it_is_others() {
    let mut site = Site::new("uss0", adopt(), vec![founder()]);
    site.intent.pool.cluster_id = Some(CLUSTER.into());
    site.acknowledge("uss0", AcknowledgementKind::Deployed(vec![fingerprint("uss9")]));
    let decision = next_step(&mut site, |probe| trusting(&["uss0"], probe));
    assert!(says_deployed(&decision, &["uss0"]), "{decision:?}");
}

#[test]
fn who_does_not_accept_us_yet_is_named_and_waited_for() {
    let mut site = Site::new("uss0", adopt(), vec![founder(), adopted_member("uss1")]);
    site.intent.pool.cluster_id = Some(CLUSTER.into());
    site.acknowledge("uss0", AcknowledgementKind::Deployed(vec![fingerprint("uss0"), fingerprint("uss1")]));
    let decision = next_step(&mut site, |probe| match probe.id.as_str() {
        "accepts/uss1/1" => tls(TlsOutcome::AuthorityUnknown),
        _ => trusting(&["uss0", "uss1"], probe),
    });
    let Decision::Wait(waiting) = decision else { panic!("it does not wait: {decision:?}") };
    assert_eq!(waiting.message, "nodes of others to accept this organisation's authority (accepts/uss1/1)");
}

/// Its own word on whom its nodes trust comes before it is a member.
#[test]
fn an_adopted_joiner_says_whom_its_nodes_trust_before_it_is_in() {
    let joiner = Member { facts: vec![("adopted".into(), "true".into())], ..member("uss0", MemberState::Joining) };
    let mut site = Site::new("uss0", adopt(), vec![adopted_member("uss1"), joiner]);
    site.intent.pool.cluster_id = Some(CLUSTER.into());
    site.open("uss0");
    site.acknowledge("uss1", AcknowledgementKind::Deployed(vec![fingerprint("uss0"), fingerprint("uss1")]));
    site.acknowledge("uss0", AcknowledgementKind::AcceptedBy(("uss1".into(), fingerprint("uss0"))));
    site.acknowledge("uss1", AcknowledgementKind::AcceptedBy(("uss0".into(), fingerprint("uss1"))));
    site.facts.done.push("set-state/joining".into());
    let trusts = |probe: &Probe| trusting(&["uss0", "uss1"], probe);
    let decision = next_step(&mut site, trusts);
    assert!(says_deployed(&decision, &["uss0", "uss1"]), "{decision:?}");
    site.acknowledge("uss0", AcknowledgementKind::Deployed(vec![fingerprint("uss0"), fingerprint("uss1")]));
    let decision = next_step(&mut site, trusts);
    assert!(matches!(&decision, Decision::Steps(steps) if steps[0].key == "set-state/active"), "{decision:?}");
}

/// Not begun with a node down or a clock off; once begun, a node that is down comes back by going on.
#[test]
fn a_take_over_begins_in_a_healthy_cluster_and_goes_on_in_any() {
    let taking = || {
        let mut site = Site::new("uss0", Goal::Operate, vec![founder()]);
        site.intent.pool.cluster_id = Some(CLUSTER.into());
        site.intent.instance.facts.push(("stands".into(), "true".into()));
        site
    };
    let sick = |probe: &Probe| match (probe.id.as_str(), own_nodes(probe)) {
        ("nodes/0", Observation::Rows(mut nodes)) => {
            nodes.rows[1][4] = Some("false".into());
            Observation::Rows(nodes)
        }
        (_, seen) => seen,
    };
    let skewed = |probe: &Probe| match probe.id.as_str() {
        "statuses/0" => {
            let row = ["2", "300000000"].map(|cell| Some(cell.to_owned())).to_vec();
            Observation::Rows(Rows { columns: Vec::new(), rows: vec![row] })
        }
        _ => own_nodes(probe),
    };
    let Decision::Wait(waiting) = next_step(&mut taking(), sick) else { panic!("it begins") };
    assert!(waiting.message.ends_with("before our nodes are taken over: node 2 is not live"), "{}", waiting.message);
    assert!(blocked(next_step(&mut taking(), skewed)).message.contains("300 ms away"));
    for answer in [&sick as &dyn Fn(&Probe) -> Observation, &skewed] {
        let mut site = taking();
        let reason = AcknowledgementKind::Other(("maintenance".into(), vec!["take-over".into()]));
        site.acknowledge("uss0", reason);
        let Decision::Steps(steps) = next_step(&mut site, answer) else { panic!("it does not go on") };
        assert_eq!(steps[0].title, "publish that our nodes are being taken over");
        assert!(steps.iter().all(|step| step.phase == "take-over"));
        let last = steps.last().expect("the restart");
        assert_eq!((last.key.as_str(), last.deadline_ms), ("restart/take-over", 1_800_000));
    }
}
