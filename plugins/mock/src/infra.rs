//! The infra provider.

use hangar_sdk::config::{Problem, parse};
use hangar_sdk::infra_provider::{
    Api, Diagnostic, Error, Infrastructure, Instance, NodeAddress, Output, Progress, Slot, SlotKind, TokenRecipe,
    ToolDiagnostic, Workspace,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::script::{Answer, Answers, findings};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Script {
    validate: Vec<Value>,
    preflight: Answers,
    render: Option<Answer>,
    interpret: Option<Answer>,
    cluster_token: Option<Answer>,
}

/// The scripted findings.
pub fn validate(config: &str) -> Vec<Diagnostic> {
    let scripted = parse::<Script>(config)
        .and_then(|script| findings(&script.validate).map_err(|err| Problem::new("/validate", err.to_string())));
    scripted.unwrap_or_else(|problem| vec![problem.into()])
}

/// The answer scripted for the token; without one everything is well.
///
/// # Errors
///
/// The scripted error.
pub fn preflight(config: &str, token: Option<&str>) -> Result<Progress, Error> {
    let script: Script = parse(config)?;
    match script.preflight.get(token.unwrap_or_default()) {
        Some(answer) => answer.give(Error::Other),
        None => Ok(Progress::Done(Vec::new())),
    }
}

/// The scripted workspace; without one a module that says the instance's name.
///
/// # Errors
///
/// The scripted error.
pub fn render(config: &str, instance: &Instance) -> Result<Workspace, Error> {
    let script: Script = parse(config)?;
    if let Some(answer) = script.render {
        return answer.give(Error::Other);
    }
    let module = json!({
        "resource": {"terraform_data": {"instance": {"input": instance.name}}},
        "output": {"instance": {"value": "${terraform_data.instance.output}"}},
    });
    let files = vec![("main.tf.json".to_owned(), module.to_string().into_bytes())];
    Ok(Workspace { files, providers: Vec::new(), credentials: Vec::new(), precious: Vec::new(), cost: None })
}

/// The scripted infrastructure; without one names without addresses, for a `cluster` block to point to.
///
/// # Errors
///
/// The scripted error.
pub fn interpret(config: &str, instance: &Instance, _outputs: &[Output]) -> Result<Infrastructure, Error> {
    let script: Script = parse(config)?;
    if let Some(answer) = script.interpret {
        return answer.give(Error::Other);
    }
    let node = |ordinal| NodeAddress {
        ordinal,
        host: format!("{ordinal}.{}", instance.db_suffix),
        addresses: Vec::new(),
        reservation: None,
        port: instance.db_port,
    };
    Ok(Infrastructure {
        api: Api { endpoint: String::new(), ca_pem: None, server_name: None },
        kube_cluster: instance.name.clone(),
        nodes: (0..instance.nodes).map(node).collect(),
        egress: Vec::new(),
        dns: Vec::new(),
        chart_values: "{}".into(),
        add_ons: Vec::new(),
        facts: Vec::new(),
    })
}

/// The scripted recipe; without one the slot `cluster`.
///
/// # Errors
///
/// The scripted error.
pub fn cluster_token(config: &str) -> Result<TokenRecipe, Error> {
    let script: Script = parse(config)?;
    match script.cluster_token {
        Some(answer) => answer.give(Error::Other),
        None => Ok(TokenRecipe::Slot(Slot { name: "cluster".into(), kind: SlotKind::Bearer })),
    }
}

/// `explain` gets no configuration, so a diagnostic is its own cure if it carries one after `cure:`.
#[must_use]
pub fn explain(diagnostic: &ToolDiagnostic) -> Option<String> {
    diagnostic.detail.split_once("cure:").map(|(_, cure)| cure.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hangar_sdk::infra_provider::Severity;

    fn instance() -> Instance {
        Instance {
            name: "uss1".into(),
            hostname: "dss.example.com".into(),
            db_suffix: "db.example.com".into(),
            nodes: 3,
            namespace: "default".into(),
            db_port: 26257,
            facts: Vec::new(),
        }
    }

    #[test]
    fn a_long_look_follows_its_tokens() {
        let config = json!({"preflight": {
            "": {"ok": {"poll": {"after-ms": 10, "token": "quota", "message": "waiting for quotas"}}},
            "quota": {"ok": {"done": [{"severity": "error", "subject": "quota:eip", "message": "5 of 5 are used"}]}},
        }})
        .to_string();
        let Ok(Progress::Poll(poll)) = preflight(&config, None) else { panic!("a poll") };
        let Ok(Progress::Done(findings)) = preflight(&config, Some(&poll.token)) else { panic!("findings") };
        assert_eq!(findings[0].severity, Severity::Error);
    }

    #[test]
    fn a_scripted_error_is_the_contracts() {
        let config = json!({"render": {"error": {"unavailable": "the cloud sleeps"}}}).to_string();
        assert_eq!(render(&config, &instance()), Err(Error::Unavailable("the cloud sleeps".into())));
    }

    #[test]
    fn an_empty_script_lets_a_deployment_go_on() {
        assert!(validate("{}").is_empty());
        assert_eq!(render("{}", &instance()).expect("a module").files.len(), 1);
        assert_eq!(interpret("{}", &instance(), &[]).expect("names").nodes[2].host, "2.db.example.com");
    }

    #[test]
    fn a_script_that_does_not_fit_says_where() {
        let config = json!({"render": {"ok": {"files": [], "provider": []}}}).to_string();
        let Err(Error::Other(message)) = render(&config, &instance()) else { panic!("an error") };
        assert_eq!(message, "the script does not fit the contract: `workspace` has no field `provider`");
    }
}
