//! What is shown for approval, what a status looks at, and what each step of its own carries.

use hangar_sdk::pooling_strategy::{
    AcknowledgementKind, Action, Change, Check, Decision, Error, Expectation, Goal, MemberState, Observation, Phase,
    Probe, Question, Rows, Step,
};

use crate::site::{CLUSTER, Site, deployed, healthy, member, steps, uninitialised};
use crate::upgrading::{NEXT, at};

fn site(goal: Goal) -> Site {
    Site::new("uss0", goal, (0..3).map(|i| member(&format!("uss{i}"), MemberState::Active)).collect())
}

fn outline(site: &Site) -> Vec<Phase> {
    plugin_cockroachdb::outline("{}", &site.intent, &site.roster).expect("a goal that is known")
}

fn names(phases: &[Phase]) -> Vec<&str> {
    phases.iter().map(|phase| phase.name.as_str()).collect()
}

/// `up` goes on with a leave that has begun, and asks for no more than that.
#[test]
fn a_leave_that_has_begun_is_in_the_outline_of_up() {
    let mut site = site(Goal::Operate);
    site.roster.members[0].state = MemberState::Leaving;
    let phases = outline(&site);
    assert_eq!(names(&phases), ["leave"]);
    site.acknowledge("uss0", AcknowledgementKind::Other(("leaving-nodes".into(), vec!["1".into()])));
    for step in steps(site.settle(counting)) {
        let wanted = match &step.action {
            Action::Verb(verb) => format!("verb {}", verb.name),
            _ => "set-state gone".into(),
        };
        assert!(step.phase == "leave" && phases[0].allowed.contains(&wanted), "{step:?}");
    }
}

/// Nothing is stopped, and nothing said, before the database has said that it can do without our nodes.
#[test]
fn a_leave_asks_the_database_before_the_api_is_stopped() {
    let leaving = |image: &str| {
        let members = (0..4).map(|i| member(&format!("uss{i}"), MemberState::Active)).collect();
        let mut site = Site::new("uss0", Goal::Leave, members);
        site.intent.instance.image = image.into();
        site.roster.members[0].datastore.1 = image.rsplit_once(':').expect("a tag").1.into();
        let (id, kind, subject) = ("leave:uss0".into(), "leave".into(), "uss0".into());
        site.roster.open = Some(Change { id, kind, subject, authority: None });
        steps(site.settle(counting))
    };
    let asked = leaving("cockroach:v24.1.3");
    let keys: Vec<_> = asked.iter().map(|step| step.key.as_str()).collect();
    let [check, kept, quiet, leaves] = &keys[..] else { panic!("{keys:?}") };
    assert!(check.starts_with("check-decommission/"));
    assert_eq!((*kept, *quiet, *leaves), ("acknowledge/leaving-nodes", "apply-release/leave", "set-state/leaving"));
    assert_eq!(arguments(&asked[0]), ["1", "2", "3", "--host=0.db.uss1.example.com:26257"]);
    let requires = |n: usize, key: &str| asked[n].requires.iter().any(|wanted| wanted == key);
    assert!(requires(1, check) && requires(2, kept) && requires(3, quiet), "one after the other");
    let older = leaving("cockroach:v22.2.19");
    assert_eq!(older[0].key, "acknowledge/leaving-nodes", "which older releases cannot be asked");
}

fn other(name: &str) -> Goal {
    Goal::Other((name.into(), vec![("member".into(), "uss2".into())]))
}

#[test]
fn every_goal_says_what_it_does_at_most() {
    let daily = ["shrink", "upgrade", "trust", "proof", "evict"];
    let with_daily = |first: &[&'static str]| [first, &daily[..]].concat();
    for (goal, wanted) in [
        (Goal::Create, with_daily(&["certificates", "release", "found", "serve"])),
        (Goal::Join, with_daily(&["gate", "certificates", "release", "serve"])),
        (Goal::Operate, daily.to_vec()),
        (Goal::Leave, vec!["leave"]),
        (Goal::RotateLeaves, vec!["certificates"]),
        (Goal::RotateCa, [&daily[..], &["certificates"]].concat()),
        (other("witness"), vec!["evict"]),
        (other("adopt"), vec!["adopt", "found", "gate"]),
    ] {
        assert_eq!(names(&outline(&site(goal.clone()))), wanted, "{goal:?}");
    }
    let unknown = site(other("paint-it"));
    let refused = plugin_cockroachdb::outline("{}", &unknown.intent, &unknown.roster);
    assert!(matches!(refused, Err(Error::Unsupported(name)) if name == "paint-it"));
    let refused = plugin_cockroachdb::decide("{}", &unknown.intent, &unknown.roster, &unknown.facts);
    assert!(matches!(refused, Err(Error::Unsupported(name)) if name == "paint-it"));
}

/// Who acts, and how many nodes go down in turn at most.
#[test]
fn an_outline_says_who_acts_and_how_many_nodes_are_restarted() {
    let phases = outline(&site(Goal::Operate));
    let restarts: Vec<u32> = phases.iter().map(|phase| phase.restarts).collect();
    assert_eq!(restarts, [0, 3, 0, 0, 0]);
    assert_eq!(
        (phases[0].actors.clone(), phases[1].actors.clone()),
        (vec!["uss0".into()], vec!["uss1".into(), "uss2".into()])
    );
    let mut stands = site(Goal::Operate);
    stands.intent.instance.facts.push(("stands".into(), "true".into()));
    let phases = outline(&stands);
    assert_eq!((phases[0].name.as_str(), phases[0].restarts), ("take-over", 3));
    assert!(phases[0].allowed.contains(&"restart dss-cockroachdb".into()));
}

/// Every own node, and every pair that begins here.
#[test]
fn a_status_looks_at_own_nodes_and_at_every_pair() {
    let site = site(Goal::Operate);
    let probes = plugin_cockroachdb::status_probes("{}", &site.intent, &site.roster).expect("the block is good");
    let ids: Vec<&str> = probes.iter().map(|probe| probe.id.as_str()).collect();
    for what in ["ready", "cluster-id", "nodes"] {
        for ordinal in 0..3 {
            assert!(ids.contains(&format!("{what}/{ordinal}").as_str()), "{what}/{ordinal}");
        }
    }
    let pairs: Vec<&&str> = ids.iter().filter(|id| id.starts_with("accepts/")).collect();
    let wanted = ["uss1/0", "uss1/1", "uss1/2", "uss2/0", "uss2/1", "uss2/2"].map(|pair| format!("accepts/{pair}"));
    assert_eq!(pairs, wanted.iter().collect::<Vec<_>>());
    let at = |wanted: &str| probes.iter().any(|probe| probe.question == Question::Workload(wanted.into()));
    assert!(at("dss-cockroachdb") && ids.contains(&"ranges/0"));
}

fn arguments(step: &Step) -> Vec<&str> {
    let Action::Verb(verb) = &step.action else { panic!("no verb: {step:?}") };
    verb.arguments.iter().map(String::as_str).collect()
}

/// The one step that must never happen twice looks before it acts, and after.
#[test]
fn an_init_is_looked_for_before_and_after_and_names_the_cluster() {
    let waits = |probe: &Probe| match probe.question {
        Question::Release(_) => deployed(),
        _ => uninitialised(),
    };
    for (config, named) in [("{}", false), (r#"{"cluster_name":"east-pool"}"#, true)] {
        let mut founder = Site::new("uss0", Goal::Create, vec![member("uss0", MemberState::Active)]);
        let init = steps(founder.settle_by(config, waits)).remove(0);
        let serves = |check: &Option<Check>| {
            check.as_ref().is_some_and(|one| one.probe.id == "ready/0" && one.expectation == Expectation::Status(200))
        };
        assert!(serves(&init.already_done) && serves(&init.verify));
        assert_eq!(init.deadline_ms, 2 * hangar_sdk::pooling::steps::STEP_MS);
        let host = "--host=dss-cockroachdb-0.dss-cockroachdb.dss.svc.cluster.local";
        let wanted = if named { vec![host, "--cluster-name=east-pool"] } else { vec![host] };
        assert_eq!(arguments(&init), wanted);
    }
}

/// A node that drains, or whose answer is another one, waits for nobody's `init`.
#[test]
fn nodes_that_do_not_serve_are_not_nodes_that_wait() {
    let answers = |serving: &'static str| {
        move |probe: &Probe| match &probe.question {
            Question::Release(_) => deployed(),
            _ if probe.id == serving => crate::site::http(200, "{}"),
            _ => crate::site::http(503, r#"{"error":"node is shutting down"}"#),
        }
    };
    for (serving, wanted) in [("none", "0 of 3 own nodes serve"), ("ready/1", "1 of 3 own nodes serve")] {
        let mut founder = Site::new("uss0", Goal::Create, vec![member("uss0", MemberState::Active)]);
        let Decision::Wait(waiting) = founder.settle(answers(serving)) else { panic!("it initialises") };
        assert!(waiting.message.contains(wanted), "{}", waiting.message);
    }
}

/// An instance that has one node less than our record.
fn shrinking() -> Site {
    let mut site = site(Goal::Operate);
    site.intent.instance.nodes.truncate(2);
    site.intent.pool.cluster_id = Some(CLUSTER.into());
    site
}

/// Three nodes of each of three members.
fn counting(probe: &Probe) -> Observation {
    let Question::Sql(question) = &probe.question else { return healthy(probe) };
    if !question.statement.contains("n.build_tag") {
        return healthy(probe);
    }
    let row = |id: u32, host: String| {
        [id.to_string(), format!("{host}:26257"), String::new(), "v24.1.3".into(), "true".into(), "active".into()]
            .map(Some)
            .to_vec()
    };
    let hosts =
        ["uss0", "uss1", "uss2"].into_iter().flat_map(|id| (0..3).map(move |n| format!("{n}.db.{id}.example.com")));
    Observation::Rows(Rows { columns: Vec::new(), rows: (1..).zip(hosts).map(|(id, host)| row(id, host)).collect() })
}

#[test]
fn a_decommission_that_we_can_see_is_looked_for_before_and_after() {
    let mut site = shrinking();
    let config = r#"{"cluster_name":"east-pool"}"#;
    let step = steps(site.settle_by(config, counting)).remove(0);
    let own = "--host=dss-cockroachdb-0.dss-cockroachdb.dss.svc.cluster.local";
    assert_eq!(arguments(&step), ["3", own, "--cluster-name=east-pool"]);
    let is_out = |check: &Option<Check>| {
        let Some(Check { probe, expectation: Expectation::Other((name, values)) }) = check else { return false };
        probe.id == "members/0" && name == "none-of" && values == &["3"]
    };
    assert!(is_out(&step.already_done) && is_out(&step.verify));
}

/// What a setting is to be is asked for before it is set, and when it was.
#[test]
fn a_setting_is_looked_for_before_and_after() {
    let asked = steps(at("24.1", NEXT));
    assert_eq!(asked[0].key, "hold-upgrade");
    assert!(asked[0].verify.is_some() && asked[0].verify == asked[0].already_done);
    let titles: Vec<&str> = asked[1..3].iter().map(|step| step.title.as_str()).collect();
    assert_eq!(
        titles,
        ["publish that the upgrade of our nodes changes the series", "publish that the upgrade of our nodes begins"]
    );
    let restart = asked.last().expect("the last restarts");
    assert!(restart.verify.as_ref().is_some_and(|check| check.probe.id == "ranges/0"), "between two nodes");
    assert!(
        matches!(&asked[2].action, Action::Acknowledge(AcknowledgementKind::Other((name, _))) if name == "maintenance")
    );
}

/// A restart takes a node at a time, each up to half an hour; copying replicas an hour.
#[test]
fn long_steps_are_given_their_time() {
    let asked = steps(at("24.1", NEXT));
    assert_eq!(asked.last().map(|step| step.deadline_ms), Some(1_800_000));
    assert_eq!(asked[0].deadline_ms, 2 * hangar_sdk::pooling::steps::STEP_MS);
    assert_eq!(steps(shrinking().settle(counting))[0].deadline_ms, 3_600_000);
}

#[test]
fn whom_the_pool_trusts_is_loaded_by_the_nodes_of_the_database() {
    let asked = steps(site(Goal::Operate).settle(counting));
    let loads = |step: &Step| matches!(&step.action, Action::Reload(workload) if workload == "dss-cockroachdb");
    let kinds: Vec<_> = asked.iter().map(|step| step.key.split('/').next().unwrap_or_default()).collect();
    assert_eq!(kinds, ["put-secret", "put-secret", "apply-release", "reload", "acknowledge"]);
    assert!(loads(&asked[3]));
}
