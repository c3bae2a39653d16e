use hangar_plan::grant::StrategyGrant;
use hangar_plan::strategy::action::{Action, Check, Expectation, PutSecret, SecretSource, SqlAction, Step, Verb};
use hangar_plan::strategy::certificate::{CertificatePolicy, KeyAlgorithm, Placement, Profile, Reload};
use hangar_plan::strategy::decision::{Awaiting, Decision, Waiting};
use hangar_plan::strategy::intent::{Goal, Instance, Intent, Node, Pool};
use hangar_plan::strategy::member::{Member, MemberState, Roster};
use hangar_plan::strategy::probe::{
    HttpQuestion, Identity, Probe, Question, SqlQuestion, TlsCall, TlsQuestion, Vantage,
};
use serde_json::json;

use super::super::{Rule, StrategyPolicy};
use super::rules;

fn grant() -> StrategyGrant {
    serde_json::from_value(json!({
        "actions": ["put-secret", "apply-release", "restart", "reload", "verb", "sql", "set-state"],
        "workloads": ["{release}-db"],
        "secrets": ["{release}-db-node"],
        "values": ["database.join"],
        "queries": ["SELECT ? FROM nodes"],
        "verbs": [
            {"name": "init", "command": ["/db", "init"], "arguments": ["--host="]},
            {"name": "drain", "command": ["/db", "drain"], "repeatable": true},
        ],
        "sql-classes": [{"name": "setting", "statements": ["SET x = ?"]}],
    }))
    .expect("a grant")
}

fn node(host: &str) -> Node {
    Node { ordinal: 0, host: host.into(), port: 26257, addresses: vec![format!("10.0.0.{}", host.len())] }
}

fn intent() -> Intent {
    Intent {
        goal: Goal::Create,
        instance: Instance {
            name: "uss1".into(),
            namespace: "dss".into(),
            release: "dss".into(),
            cluster_domain: "cluster.local".into(),
            image: "db".into(),
            nodes: vec![node("0.db.uss1.example.com")],
            facts: Vec::new(),
        },
        pool: Pool { name: "east".into(), locality: "uss1".into(), cluster_id: None, facts: Vec::new() },
    }
}

fn roster() -> Roster {
    let member = Member {
        id: "uss2".into(),
        is_self: false,
        state: MemberState::Active,
        endpoint: String::new(),
        locality: Vec::new(),
        datastore: (String::new(), String::new()),
        nodes: vec![node("0.db.uss2.example.com")],
        egress: Vec::new(),
        authorities: Vec::new(),
        acknowledgements: Vec::new(),
        facts: Vec::new(),
    };
    Roster { members: vec![member], founder: "uss1".into(), open: None }
}

fn decided(decision: &Decision) -> Vec<Rule> {
    let (grant, intent, roster) = (grant(), intent(), roster());
    rules(StrategyPolicy { grant: &grant, intent: &intent, roster: Some(&roster) }.check_decision(decision))
}

fn acted(action: Action) -> Vec<Rule> {
    decided(&Decision::Steps(vec![step(action)]))
}

fn step(action: Action) -> Step {
    Step {
        key: "k".into(),
        title: "t".into(),
        requires: Vec::new(),
        already_done: None,
        action,
        verify: Some(Check {
            probe: probe(Vantage::Host, Question::Workload("dss-db".into())),
            expectation: Expectation::AllReady,
        }),
        deadline_ms: 1000,
        phase: "p".into(),
    }
}

fn probe(vantage: Vantage, question: Question) -> Probe {
    Probe { id: "p".into(), vantage, timeout_ms: 1000, question }
}

fn asked(question: Question) -> Vec<Rule> {
    decided(&Decision::Look(vec![probe(Vantage::OwnCluster, question)]))
}

fn sql(host: &str, statement: &str) -> SqlQuestion {
    SqlQuestion { host: host.into(), port: 26257, server_name: None, database: "d".into(), statement: statement.into() }
}

const OWN: &str = "dss-db-0.dss-db.dss.svc.cluster.local";

#[test]
fn granted_steps_pass() {
    let put =
        PutSecret { name: "dss-db-node".into(), files: vec![("ca.crt".into(), SecretSource::Bundle(Vec::new()))] };
    for action in [
        Action::PutSecret(put),
        Action::ApplyRelease(r#"{"database": {"join": ["a"]}}"#.into()),
        Action::Restart("dss-db".into()),
        Action::Reload("dss-db".into()),
        Action::Verb(Verb { name: "init".into(), arguments: vec!["--host=a".into()] }),
        Action::Sql(SqlAction { class: "setting".into(), on: sql(OWN, "SET x = 5") }),
        Action::SetState(MemberState::Active),
    ] {
        assert_eq!(acted(action.clone()), [], "{action:?}");
    }
}

#[test]
fn a_kind_of_action_that_is_not_granted_is_refused() {
    assert_eq!(acted(Action::RecordClusterId("x".into())), [Rule::Action]);
    assert_eq!(acted(Action::Other(("new".into(), Vec::new()))), [Rule::Action]);
}

#[test]
fn a_foreign_workload_is_refused() {
    assert_eq!(acted(Action::Restart("kube-proxy".into())), [Rule::Workload]);
    assert_eq!(acted(Action::Reload("{release}-db".into())), [Rule::Workload]);
    assert_eq!(asked(Question::Workload("other-db".into())), [Rule::Workload]);
    assert_eq!(asked(Question::Mounted("other-db".into())), [Rule::Workload]);
}

#[test]
fn nodes_are_not_restarted_without_anything_to_hold_between_them() {
    let blind = |action| Decision::Steps(vec![Step { verify: None, ..step(action) }]);
    assert_eq!(decided(&blind(Action::Restart("dss-db".into()))), [Rule::Shape]);
    assert_eq!(decided(&blind(Action::Reload("dss-db".into()))), [Rule::Shape]);
    assert_eq!(decided(&blind(Action::SetState(MemberState::Active))), []);
}

#[test]
fn a_verb_that_may_not_run_twice_is_not_run_without_a_check() {
    let verb = |name: &str| step(Action::Verb(Verb { name: name.into(), arguments: Vec::new() }));
    let decided = |step: Step| decided(&Decision::Steps(vec![step]));
    assert_eq!(decided(Step { verify: None, ..verb("init") }), [Rule::Shape]);
    let known_before = Step { already_done: verb("init").verify, verify: None, ..verb("init") };
    assert_eq!(decided(known_before), [], "either check tells");
    assert_eq!(decided(verb("init")), []);
    assert_eq!(decided(Step { verify: None, ..verb("drain") }), []);
}

#[test]
fn a_foreign_secret_is_refused() {
    let put = |name: &str, file: &str| {
        acted(Action::PutSecret(PutSecret {
            name: name.into(),
            files: vec![(file.into(), SecretSource::Text(String::new()))],
        }))
    };
    assert_eq!(put("other", "ca.crt"), [Rule::Secret]);
    assert_eq!(put("dss-db-node", "../ca.crt"), [Rule::Shape]);
    assert_eq!(asked(Question::Secret("other".into())), [Rule::Secret]);
}

#[test]
fn a_foreign_verb_or_argument_is_refused() {
    let verb =
        |name: &str, argument: &str| acted(Action::Verb(Verb { name: name.into(), arguments: vec![argument.into()] }));
    assert_eq!(verb("debug", "--host=a"), [Rule::Verb]);
    assert_eq!(verb("init", "--insecure"), [Rule::Verb]);
    assert_eq!(verb("init", "--host=a\n--insecure"), [Rule::Verb]);
}

#[test]
fn a_statement_of_another_class_is_refused() {
    let run = |class: &str, host: &str, statement: &str| {
        acted(Action::Sql(SqlAction { class: class.into(), on: sql(host, statement) }))
    };
    assert_eq!(run("setting", OWN, "DROP DATABASE rid"), [Rule::Sql]);
    assert_eq!(run("setting", OWN, "SET x = 5; DROP DATABASE rid"), [Rule::Sql]);
    assert_eq!(run("other", OWN, "SET x = 5"), [Rule::Sql]);
    assert_eq!(run("setting", "0.db.uss2.example.com", "SET x = 5"), [Rule::Target]);
}

#[test]
fn a_query_that_is_not_granted_is_refused() {
    assert_eq!(asked(Question::Sql(sql(OWN, "SELECT id FROM nodes"))), []);
    assert_eq!(asked(Question::Sql(sql(OWN, "SELECT id FROM users"))), [Rule::Sql]);
    assert_eq!(asked(Question::Sql(sql("0.db.uss2.example.com", "SELECT id FROM nodes"))), [Rule::Target]);
}

#[test]
fn only_nodes_of_the_pool_are_asked() {
    let http = |host: &str| {
        let port = 8080;
        asked(Question::Http(HttpQuestion { host: host.into(), port, tls: true, server_name: None, path: "/".into() }))
    };
    let tls = |host: &str| {
        let (identity, call) = (Identity::Probe, TlsCall::None);
        asked(Question::Tls(TlsQuestion { host: host.into(), port: 26257, server_name: None, identity, call }))
    };
    for host in [OWN, "0.db.uss1.example.com", "0.db.uss2.example.com", "10.0.0.21"] {
        assert_eq!((http(host), tls(host)), (Vec::new(), Vec::new()), "{host}");
    }
    for host in
        ["169.254.169.254", "evil.example.com", "kubernetes.default.svc.cluster.local", "xdss.svc.cluster.local"]
    {
        assert_eq!((http(host), tls(host)), (vec![Rule::Target], vec![Rule::Target]), "{host}");
    }
}

#[test]
fn the_host_itself_asks_nothing_of_the_database() {
    let question = Question::Sql(sql(OWN, "SELECT id FROM nodes"));
    assert_eq!(decided(&Decision::Look(vec![probe(Vantage::Host, question)])), [Rule::Target]);
    let question = Question::Workload("dss-db".into());
    assert_eq!(decided(&Decision::Look(vec![probe(Vantage::Host, question)])), []);
}

#[test]
fn another_release_is_not_looked_at() {
    assert_eq!(asked(Question::Release("dss".into())), []);
    assert_eq!(asked(Question::Release("other".into())), [Rule::Target]);
    assert_eq!(asked(Question::Other(("new".into(), Vec::new()))), [Rule::Action]);
}

#[test]
fn probes_are_checked_wherever_they_stand() {
    let foreign = || probe(Vantage::Host, Question::Secret("other".into()));
    let check = || Some(Check { probe: foreign(), expectation: Expectation::Absent });
    let state = Action::SetState(MemberState::Active);
    let waiting = Waiting { probes: vec![foreign()], after_ms: 1, until_ms: 1, message: String::new() };
    let awaiting = Awaiting { members: Vec::new(), what: String::new(), probes: vec![foreign()] };
    for decision in [
        Decision::Steps(vec![Step { already_done: check(), ..step(state.clone()) }]),
        Decision::Steps(vec![Step { verify: check(), ..step(state) }]),
        Decision::Wait(waiting),
        Decision::Awaiting(awaiting),
    ] {
        assert_eq!(decided(&decision), [Rule::Secret], "{decision:?}");
    }
}

#[test]
fn a_chart_value_that_is_not_granted_is_refused() {
    assert_eq!(acted(Action::ApplyRelease(r#"{"database": {"image": "evil"}}"#.into())), [Rule::Value]);
    assert_eq!(acted(Action::ApplyRelease("no JSON".into())), [Rule::Shape]);
}

#[test]
fn certificates_go_only_into_granted_secrets() {
    let check = |change: fn(&mut Profile)| {
        let mut profile = Profile {
            id: "node".into(),
            subject: Vec::new(),
            alternatives: Vec::new(),
            usages: Vec::new(),
            algorithm: KeyAlgorithm::EcdsaP256,
            lifetime_hours: 24,
            placement: Placement {
                secret: "dss-db-node".into(),
                certificate_file: "node.crt".into(),
                key_file: "node.key".into(),
                bundle_file: Some("ca.crt".into()),
            },
            workload: "dss-db".into(),
            reload: Reload::Restart,
        };
        change(&mut profile);
        let policy = CertificatePolicy {
            profiles: vec![profile],
            reserved_names: Vec::new(),
            authority_algorithm: KeyAlgorithm::EcdsaP256,
            authority_lifetime_hours: 48,
            distinct_authority_subjects: true,
        };
        let (grant, intent) = (grant(), intent());
        rules(StrategyPolicy { grant: &grant, intent: &intent, roster: None }.check_certificates(&policy))
    };
    assert_eq!(check(|_| {}), []);
    assert_eq!(check(|profile| profile.placement.secret = "other".into()), [Rule::Secret]);
    assert_eq!(check(|profile| profile.workload = "other".into()), [Rule::Workload]);
    assert_eq!(check(|profile| profile.placement.key_file = "../key".into()), [Rule::Shape]);
    assert_eq!(check(|profile| profile.lifetime_hours = 48), [Rule::Shape]);
}
