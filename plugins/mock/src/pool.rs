//! The pooling strategy.

use hangar_sdk::config::{Problem, parse};
use hangar_sdk::pooling_strategy::{CertificatePolicy, Decision, Diagnostic, Error, Facts, Phase, Probe};
use serde::Deserialize;
use serde_json::Value;

use crate::script::{Answer, findings};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Script {
    validate: Vec<Value>,
    certificates: Option<Answer>,
    values: Option<Answer>,
    outline: Option<Answer>,
    status_probes: Option<Answer>,
    decide: Vec<Stage>,
}

/// One stage of a procedure.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Stage {
    /// Keys of the steps after which it comes.
    #[serde(default)]
    done: Vec<String>,
    answer: Answer,
}

/// The scripted findings.
pub fn validate(config: &str) -> Vec<Diagnostic> {
    let scripted = parse::<Script>(config)
        .and_then(|script| findings(&script.validate).map_err(|err| Problem::new("/validate", err.to_string())));
    scripted.unwrap_or_else(|problem| vec![problem.into()])
}

/// The scripted policy.
///
/// # Errors
///
/// The scripted error; [`Error::Other`] without one.
pub fn certificates(config: &str) -> Result<CertificatePolicy, Error> {
    match parse::<Script>(config)?.certificates {
        Some(answer) => answer.give(Error::Other),
        None => Err(Error::Other("`certificates` is not scripted".into())),
    }
}

/// The scripted values; without them none.
///
/// # Errors
///
/// The scripted error.
pub fn values(config: &str) -> Result<String, Error> {
    parse::<Script>(config)?.values.map_or_else(|| Ok("{}".into()), |answer| answer.give(Error::Other))
}

/// The scripted phases; without them none.
///
/// # Errors
///
/// The scripted error.
pub fn outline(config: &str) -> Result<Vec<Phase>, Error> {
    parse::<Script>(config)?.outline.map_or_else(|| Ok(Vec::new()), |answer| answer.give(Error::Other))
}

/// The last stage whose steps are all done; without one the goal is reached.
///
/// # Errors
///
/// The scripted error.
pub fn decide(config: &str, facts: &Facts) -> Result<Decision, Error> {
    let script: Script = parse(config)?;
    let reached = |stage: &&Stage| stage.done.iter().all(|key| facts.done.contains(key));
    match script.decide.iter().rev().find(reached) {
        Some(stage) => stage.answer.give(Error::Other),
        None => Ok(Decision::Done(Vec::new())),
    }
}

/// The scripted probes; without them none.
///
/// # Errors
///
/// The scripted error.
pub fn status_probes(config: &str) -> Result<Vec<Probe>, Error> {
    parse::<Script>(config)?.status_probes.map_or_else(|| Ok(Vec::new()), |answer| answer.give(Error::Other))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts(done: &[&str]) -> Facts {
        Facts {
            now_ms: 0,
            observations: Vec::new(),
            in_doubt: Vec::new(),
            done: done.iter().map(|key| (*key).to_owned()).collect(),
            issued: Vec::new(),
        }
    }

    #[test]
    fn a_procedure_goes_on_as_its_steps_are_done() {
        let blocked = json!([{"severity": "error", "subject": "node:1", "message": "m", "cure": "c"}]);
        let config = json!({"decide": [
            {"answer": {"ok": {"look": []}}},
            {"done": ["a"], "answer": {"ok": {"blocked": blocked}}},
            {"done": ["a", "b"], "answer": {"ok": {"done": []}}},
        ]})
        .to_string();
        assert_eq!(decide(&config, &facts(&[])), Ok(Decision::Look(Vec::new())));
        assert!(matches!(decide(&config, &facts(&["a"])), Ok(Decision::Blocked(_))));
        assert_eq!(decide(&config, &facts(&["b", "a"])), Ok(Decision::Done(Vec::new())));
    }
}
