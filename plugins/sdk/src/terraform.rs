//! What infra providers have in common about terraform.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::infra_provider::{Error, Output};

/// The same value where terraform takes every string, keys too, for a template: nothing in it is computed.
#[must_use]
pub fn literal(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(escape(&text)),
        Value::Array(items) => items.into_iter().map(literal).collect(),
        Value::Object(object) => object.into_iter().map(|(key, value)| (escape(&key), literal(value))).collect(),
        other => other,
    }
}

fn escape(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// Reads one of terraform's outputs.
///
/// # Errors
///
/// [`Error::MissingOutput`] for one that is not there or has another shape.
pub fn output<T: DeserializeOwned>(outputs: &[Output], name: &str) -> Result<T, Error> {
    let missing = || Error::MissingOutput(name.into());
    let output = outputs.iter().find(|output| output.name == name).ok_or_else(missing)?;
    serde_json::from_str(&output.json).map_err(|_| missing())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_text_is_a_template() {
        let value = json!({"name": "${file(\"/etc/passwd\")}", "list": ["%{ if true }", 1, null], "${a}": {}});
        assert_eq!(
            literal(value),
            json!({"name": "$${file(\"/etc/passwd\")}", "list": ["%%{ if true }", 1, null], "$${a}": {}})
        );
    }

    #[test]
    fn an_output_of_another_shape_is_as_good_as_none() {
        let outputs = [Output { name: "addresses".into(), json: r#""192.0.2.1""#.into() }];
        assert_eq!(output::<String>(&outputs, "addresses").expect("a text"), "192.0.2.1");
        let missing = |name: &str| Error::MissingOutput(name.into());
        assert_eq!(output::<Vec<String>>(&outputs, "addresses"), Err(missing("addresses")));
        assert_eq!(output::<String>(&outputs, "egress"), Err(missing("egress")));
    }
}
