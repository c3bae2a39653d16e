//! The secret store. It keeps nothing.

use hangar_sdk::config::{Problem, parse};
use hangar_sdk::secret_store::{Diagnostic, Error, Secret, VersionInfo};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::script::{Answers, findings};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Script {
    validate: Vec<Value>,
    get: Answers,
    put: Answers,
    list: Answers,
    history: Answers,
    destroy: Answers,
}

/// The scripted findings.
pub fn validate(config: &str) -> Vec<Diagnostic> {
    let scripted = parse::<Script>(config)
        .and_then(|script| findings(&script.validate).map_err(|err| Problem::new("/validate", err.to_string())));
    scripted.unwrap_or_else(|problem| vec![problem.into()])
}

/// The secret scripted for the name.
///
/// # Errors
///
/// The scripted error; [`Error::NotFound`] without one.
pub fn get(config: &str, name: &str) -> Result<Secret, Error> {
    answer(&parse::<Script>(config)?.get, name, Error::NotFound)
}

/// The version scripted for the name.
///
/// # Errors
///
/// The scripted error; [`Error::Denied`] without one.
pub fn put(config: &str, name: &str) -> Result<String, Error> {
    answer(&parse::<Script>(config)?.put, name, Error::Denied(format!("`put` of `{name}` is not scripted")))
}

/// The names scripted for the prefix.
///
/// # Errors
///
/// The scripted error.
pub fn list(config: &str, prefix: &str) -> Result<Vec<String>, Error> {
    match parse::<Script>(config)?.list.get(prefix) {
        Some(answer) => answer.give(Error::Other),
        None => Ok(Vec::new()),
    }
}

/// The versions scripted for the name.
///
/// # Errors
///
/// The scripted error; [`Error::NotFound`] without one.
pub fn history(config: &str, name: &str) -> Result<Vec<VersionInfo>, Error> {
    answer(&parse::<Script>(config)?.history, name, Error::NotFound)
}

/// The outcome scripted for the name.
///
/// # Errors
///
/// The scripted error; [`Error::NotFound`] without one.
pub fn destroy(config: &str, name: &str) -> Result<(), Error> {
    answer(&parse::<Script>(config)?.destroy, name, Error::NotFound)
}

fn answer<T: DeserializeOwned>(answers: &Answers, key: &str, otherwise: Error) -> Result<T, Error> {
    answers.get(key).map_or(Err(otherwise), |answer| answer.give(Error::Other))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_by_name() {
        let config = json!({
            "get": {
                "a": {"ok": {"version": "3", "value": "hush"}},
                "b": {"error": {"unavailable": 500}},
            },
        })
        .to_string();
        assert_eq!(get(&config, "a").expect("a secret").value, b"hush");
        assert_eq!(get(&config, "b"), Err(Error::Unavailable(Some(500))));
        assert_eq!(get(&config, "c"), Err(Error::NotFound));
    }

    #[test]
    fn nothing_is_kept() {
        assert!(matches!(put("{}", "a"), Err(Error::Denied(_))));
    }
}
