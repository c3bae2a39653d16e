//! Answers as a configuration writes them.

use std::collections::BTreeMap;

use hangar_sdk::json;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a function answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Answer {
    Ok(Value),
    Error(Value),
}

/// Answers by an argument of the function.
pub(crate) type Answers = BTreeMap<String, Answer>;

impl Answer {
    /// The answer in the contract's types; `wrong` makes an error of a script that does not fit them.
    pub(crate) fn give<T: DeserializeOwned, E: DeserializeOwned>(&self, wrong: impl Fn(String) -> E) -> Result<T, E> {
        let unfit = |err: serde_json::Error| wrong(format!("the script does not fit the contract: {err}"));
        match self {
            Self::Ok(value) => json::from_value(value).map_err(unfit),
            Self::Error(value) => Err(json::from_value(value).unwrap_or_else(unfit)),
        }
    }
}

/// Findings that `validate` answers.
pub(crate) fn findings<T: DeserializeOwned>(list: &[Value]) -> Result<Vec<T>, serde_json::Error> {
    list.iter().map(json::from_value).collect()
}
