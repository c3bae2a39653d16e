//! Scripted answers of every kind, through the whole runtime: what is sound arrives, what is not is refused.

use hangar_plan::grant::Kind;
use hangar_plan::infrastructure::{Progress, ProviderError, TokenRecipe, ToolDiagnostic};
use hangar_plan::secret::StoreError;
use hangar_plan::strategy::decision::{Decision, StrategyError};
use hangar_plan::strategy::intent::{Goal, Instance, Intent, Pool};
use hangar_plan::strategy::member::Roster;
use hangar_plan::strategy::observation::Facts;
use hangar_runtime::policy::Rule;
use hangar_runtime::{Fault, InfraProvider, PluginError, SecretStore, Services, Strategy};
use serde_json::{Value, json};

use crate::support::{Guest, instance};

async fn provider() -> InfraProvider {
    Guest::mock().load(Guest::mock().grant(), Services::default()).await.infra_provider().unwrap()
}

async fn store(services: &Services) -> SecretStore {
    Guest::mock().load(Guest::mock().grant(), services.clone()).await.secret_store().unwrap()
}

async fn strategy() -> Strategy {
    Guest::mock().load(Guest::mock().grant(), Services::default()).await.strategy().unwrap()
}

fn intent() -> Intent {
    Intent {
        goal: Goal::Create,
        instance: Instance {
            name: "uss1".into(),
            namespace: "dss".into(),
            release: "dss".into(),
            cluster_domain: "cluster.local".into(),
            image: "database".into(),
            nodes: Vec::new(),
            facts: Vec::new(),
        },
        pool: Pool { name: "east".into(), locality: "uss1".into(), cluster_id: None, facts: Vec::new() },
    }
}

fn roster() -> Roster {
    Roster { members: Vec::new(), founder: "uss1".into(), open: None }
}

fn facts(done: &[&str]) -> Facts {
    Facts {
        now_ms: 0,
        observations: Vec::new(),
        in_doubt: Vec::new(),
        done: done.iter().map(|key| (*key).to_owned()).collect(),
        issued: Vec::new(),
    }
}

fn rules(err: PluginError) -> Vec<Rule> {
    match *err.fault {
        Fault::Refused(refusals) => refusals.into_iter().map(|refusal| refusal.rule).collect(),
        other => panic!("a refusal, not {other:?}"),
    }
}

#[tokio::test]
async fn a_long_look_is_polled_to_its_end() {
    let provider = provider().await;
    let config = json!({"preflight": {
        "": {"ok": {"poll": {"after-ms": 5, "token": "t", "message": "waiting"}}},
        "t": {"ok": {"done": [{"severity": "warning", "subject": "quota:eip", "message": "4 of 5", "cure": "ask"}]}},
    }});
    let Progress::Poll(poll) = provider.preflight(&config, &instance(), None).await.unwrap() else { panic!("a poll") };
    assert_eq!((poll.after_ms, poll.message.as_str()), (5, "waiting"));
    let token = Some(poll.token.as_str());
    let Progress::Done(findings) = provider.preflight(&config, &instance(), token).await.unwrap() else {
        panic!("an end")
    };
    assert_eq!(findings[0].cure.as_deref(), Some("ask"));
}

#[tokio::test]
async fn errors_are_the_contracts_own() {
    let config = json!({"render": {"error": {"missing-output": "x"}}});
    let err = provider().await.render(&config, &instance()).await.expect_err("an error");
    assert!(matches!(&*err.fault, Fault::Provider(ProviderError::MissingOutput(name)) if name == "x"), "{err:?}");
    let config = json!({"get": {"a": {"error": {"conflict": "7"}}}});
    let err = store(&Services::default()).await.get(&config, "a", None).await.expect_err("an error");
    assert!(matches!(&*err.fault, Fault::Store(StoreError::Conflict(version)) if version == "7"), "{err:?}");
    let config = json!({"decide": [{"answer": {"error": {"unsupported": "create"}}}]});
    let err = strategy().await.decide(&config, &intent(), &roster(), &facts(&[])).await.expect_err("an error");
    assert!(matches!(&*err.fault, Fault::Strategy(StrategyError::Unsupported(goal)) if goal == "create"), "{err:?}");
}

#[tokio::test]
async fn findings_arrive_with_their_pointers() {
    let config = json!({"validate": [{"severity": "error", "pointer": "/a", "message": "m", "hint": "h"}]});
    let findings = provider().await.validate(&config, &instance()).await.unwrap();
    assert_eq!(findings[0].pointer, "/a");
    assert_eq!(store(&Services::default()).await.validate(&config).await.unwrap().len(), 1);
    assert_eq!(strategy().await.validate(&config).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_rendered_passes_the_policy_or_nobody_sees_it() {
    let provider = provider().await;
    let workspace = provider.render(&json!({}), &instance()).await.expect("a sound module");
    assert_eq!(workspace.files[0].0, "main.tf.json");
    let render = |file: &str, text: &str| json!({"render": {"ok": {"files": [[file, text]], "providers": [], "credentials": [], "precious": []}}});
    for (file, text, rule) in [
        (
            "x.tf",
            "resource \"terraform_data\" \"x\" {\n  provisioner \"local-exec\" { command = \"id\" }\n}",
            Rule::Provisioner,
        ),
        ("x.tf", r#"output "x" { value = file("/etc/passwd") }"#, Rule::File),
        ("x.tf", r#"module "x" { source = "example.com/a/b/c" }"#, Rule::Module),
        ("x.tf", "terraform {\n  backend \"local\" { path = \"/tmp/x\" }\n}", Rule::Backend),
        ("x.tf", r#"resource "null_resource" "x" {}"#, Rule::Provider),
        ("../x.tf", "", Rule::Path),
    ] {
        let err = provider.render(&render(file, text), &instance()).await.expect_err(text);
        assert_eq!(rules(err), [rule], "{text}");
    }
    let text = r#"data "external" "x" { program = ["id"] }"#;
    let err = provider.render(&render("x.tf", text), &instance()).await.expect_err(text);
    assert_eq!(rules(err), [Rule::Type, Rule::Provider]);
}

#[tokio::test]
async fn what_stands_is_checked_and_so_is_the_recipe() {
    let provider = provider().await;
    let stands = provider.interpret(&json!({}), &instance(), &[]).await.expect("what stands");
    assert_eq!(stands.nodes[2].host, "2.db.dss.uss1.example.com");
    let recipe = provider.cluster_token(&json!({}), &stands).await.expect("a recipe");
    assert!(matches!(recipe, TokenRecipe::Slot(slot) if slot.name == "cluster"));
    let config = json!({"cluster-token": {"ok": {"slot": {"name": "root", "kind": "kubeconfig"}}}});
    assert_eq!(rules(provider.cluster_token(&config, &stands).await.expect_err("a foreign slot")), [Rule::Credential]);
    let config = json!({"interpret": {"ok": {
        "api": {"endpoint": "https://a.b"}, "kube-cluster": "c", "nodes": [], "egress": [], "dns": [],
        "chart-values": "{\"agent\": {\"image\": \"evil\"}}", "add-ons": [], "facts": [],
    }}});
    assert_eq!(rules(provider.interpret(&config, &instance(), &[]).await.expect_err("a foreign value")), [Rule::Value]);
}

#[tokio::test]
async fn a_diagnostic_of_terraform_gets_its_cure() {
    let diagnostic = |detail: &str| ToolDiagnostic {
        severity: "error".into(),
        summary: "s".into(),
        detail: detail.into(),
        address: None,
    };
    let provider = provider().await;
    assert_eq!(provider.explain(&diagnostic("x. cure: do this")).await.unwrap().as_deref(), Some("do this"));
    assert_eq!(provider.explain(&diagnostic("x")).await.unwrap(), None);
}

#[tokio::test]
async fn a_secret_is_known_to_the_redactor_before_anybody_can_show_it() {
    let services = Services::default();
    let store = store(&services).await;
    let config = json!({
        "get": {"a": {"ok": {"version": "1", "value": "the value of a"}}},
        "put": {"b": {"error": {"other": "cannot keep `the value of b`"}}},
    });
    assert_eq!(store.get(&config, "a", None).await.unwrap().value, b"the value of a");
    assert_eq!(services.redactor.redact("x the value of a"), "x [redacted]");
    let err = store.put(&config, "b", b"the value of b", None).await.expect_err("an error");
    assert_eq!(err.fault.to_string(), "cannot keep `[redacted]`");
}

#[tokio::test]
async fn a_procedure_arrives_step_by_step() {
    let step = json!({
        "key": "init", "title": "initialise", "requires": [], "deadline-ms": 1000, "phase": "found",
        "action": {"verb": {"name": "init", "arguments": ["--host=a"]}},
        "verify": {"probe": {"id": "p", "vantage": "host", "timeout-ms": 5, "question": {"workload": "dss-database"}},
            "expectation": "all-ready"},
    });
    let config = json!({"decide": [
        {"answer": {"ok": {"steps": [step]}}},
        {"done": ["init"], "answer": {"ok": {"done": []}}},
    ]});
    let strategy = strategy().await;
    let decide = async |done: &[&str]| strategy.decide(&config, &intent(), &roster(), &facts(done)).await.unwrap();
    let Decision::Steps(steps) = decide(&[]).await else { panic!("steps") };
    assert_eq!(steps[0].key, "init");
    assert_eq!(decide(&["init"]).await, Decision::Done(Vec::new()));
}

#[tokio::test]
async fn what_is_decided_is_held_to_the_grant() {
    let strategy = strategy().await;
    let decided = async |action: Value| {
        let step = json!({"key": "k", "title": "t", "requires": [], "deadline-ms": 1, "phase": "p", "action": action});
        let config = json!({"decide": [{"answer": {"ok": {"steps": [step]}}}]});
        rules(strategy.decide(&config, &intent(), &roster(), &facts(&[])).await.expect_err("a refusal"))
    };
    assert_eq!(decided(json!({"verb": {"name": "debug", "arguments": []}})).await, [Rule::Verb]);
    // A restart says what must hold between two nodes, too.
    assert_eq!(decided(json!({"restart": "kube-proxy"})).await, [Rule::Workload, Rule::Shape]);
    assert_eq!(decided(json!({"put-secret": {"name": "x", "files": []}})).await, [Rule::Secret]);
    assert_eq!(decided(json!({"apply-release": "{\"coreService\": {}}"})).await, [Rule::Value]);
    let on = json!({"host": "a.b.dss.svc.cluster.local", "port": 1, "database": "d", "statement": "DROP TABLE x"});
    assert_eq!(decided(json!({"sql": {"class": "setting", "on": on}})).await, [Rule::Sql]);
    assert_eq!(decided(json!({"other": ["new", []]})).await, [Rule::Action]);
}

#[tokio::test]
async fn values_phases_and_probes_arrive() {
    let strategy = strategy().await;
    let config = json!({
        "values": {"ok": "{\"database\": {\"join\": []}}"},
        "outline": {"ok": [{"name": "found", "title": "t", "allowed": ["verb init"], "restarts": 0, "actors": []}]},
        "status-probes": {"ok": [{"id": "p", "vantage": "host", "timeout-ms": 5, "question": {"release": "dss"}}]},
    });
    assert_eq!(strategy.values(&config, &intent(), &roster()).await.unwrap()["database"]["join"], json!([]));
    assert_eq!(strategy.outline(&config, &intent(), &roster()).await.unwrap()[0].name, "found");
    assert_eq!(strategy.status_probes(&config, &intent(), &roster()).await.unwrap()[0].id, "p");
    assert!(strategy.certificates(&config, &intent()).await.is_err());
    let config = json!({"values": {"ok": "{\"image\": \"evil\"}"}});
    assert_eq!(
        rules(strategy.values(&config, &intent(), &roster()).await.expect_err("a foreign value")),
        [Rule::Value]
    );
}

#[tokio::test]
async fn a_block_is_checked_against_the_schema_that_the_plugin_carries() {
    let plugin = Guest::mock().load(Guest::mock().grant(), Services::default()).await;
    assert_eq!(plugin.check_config(Kind::SecretStore, &json!({"get": {"a": {"ok": 1}}})), []);
    let findings = plugin.check_config(Kind::SecretStore, &json!({"gett": {}}));
    assert_eq!(findings[0].pointer, "/gett");
}
