//! Outputs, without those that are sensitive.

use std::collections::BTreeMap;

use hangar_plan::infrastructure::Output;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Outputs of a stack. Values that terraform calls sensitive are not among them, only their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    /// Values by name.
    pub values: BTreeMap<String, Value>,
    /// Names of the outputs whose values were dropped.
    pub sensitive: Vec<String>,
}

impl Outputs {
    /// Takes what may be known from a member `outputs` of the stream, or from `output -json`.
    pub(crate) fn from_tool(members: &Map<String, Value>) -> Self {
        let mut outputs = Self::default();
        for (name, member) in members {
            // What does not say that it is public is not.
            let is_public = member.get("sensitive").and_then(Value::as_bool) == Some(false);
            match member.get("value") {
                Some(value) if is_public => drop(outputs.values.insert(name.clone(), value.clone())),
                Some(_) => outputs.sensitive.push(name.clone()),
                None if !is_public => outputs.sensitive.push(name.clone()),
                None => {}
            }
        }
        outputs
    }

    /// As plugins are given them.
    #[must_use]
    pub fn to_plan(&self) -> Vec<Output> {
        let to_output = |(name, value): (&String, &Value)| Output { name: name.clone(), json: value.to_string() };
        self.values.iter().map(to_output).collect()
    }
}

/// Rewrites one line of the stream without the values of sensitive outputs; none if there is nothing to take out.
pub(crate) fn without_sensitive(line: &str) -> Option<String> {
    // The cheap test first: nearly no line has outputs.
    if !line.contains("\"sensitive\"") {
        return None;
    }
    let mut object: Value = serde_json::from_str(line).ok()?;
    let members = object.get_mut("outputs")?.as_object_mut()?;
    let mut is_changed = false;
    for member in members.values_mut().filter_map(Value::as_object_mut) {
        let is_public = member.get("sensitive").and_then(Value::as_bool) == Some(false);
        is_changed |= !is_public && member.remove("value").is_some();
    }
    is_changed.then(|| object.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn only_what_is_surely_public_is_kept() {
        let given = json!({
            "a": { "sensitive": false, "type": "string", "value": "public" },
            "b": { "sensitive": true, "type": "string", "value": "CANARY" },
            "c": { "type": "string", "value": "CANARY" },
            "d": { "sensitive": false, "action": "create" },
        });
        let outputs = Outputs::from_tool(&members(&given));
        assert_eq!(outputs.values, BTreeMap::from([("a".to_owned(), json!("public"))]));
        assert_eq!(outputs.sensitive, ["b", "c"]);
        assert_eq!(outputs.to_plan(), [Output { name: "a".to_owned(), json: "\"public\"".to_owned() }]);
    }

    #[test]
    fn a_line_loses_its_sensitive_values_and_nothing_else() {
        let line = r#"{"type":"outputs","outputs":{"a":{"sensitive":false,"value":1},"b":{"sensitive":true,"value":"CANARY"}}}"#;
        let rewritten = without_sensitive(line).unwrap_or_default();
        assert_eq!(
            rewritten,
            r#"{"type":"outputs","outputs":{"a":{"sensitive":false,"value":1},"b":{"sensitive":true}}}"#
        );
        assert_eq!(without_sensitive(&rewritten), None);
        assert_eq!(without_sensitive("not \"sensitive\" at all"), None);
    }
}
