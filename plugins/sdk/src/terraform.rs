//! What infra providers have in common about terraform.

mod root_module;

pub use root_module::{Files, RootModule, with_given};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::infra_provider::{Error, Output, ToolDiagnostic};

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

/// Reads an authority as clouds hand it out: PEM in base64. None where it is something else.
#[must_use]
pub fn certificate(encoded: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    text.contains("-----BEGIN CERTIFICATE-----").then_some(text)
}

/// The fact by which a provider keeps the host from taking an instance down: on unless the block says otherwise.
#[must_use]
pub fn protection(wanted: Option<bool>) -> (String, String) {
    ("deletion-protection".into(), wanted.unwrap_or(true).to_string())
}

/// Returns the cure of the first row whose part stands in the diagnostic: what knows more stands first.
#[must_use]
pub fn cure(cures: &[(&str, &str)], diagnostic: &ToolDiagnostic) -> Option<String> {
    let text = format!("{}\n{}", diagnostic.summary, diagnostic.detail);
    cures.iter().find(|(part, _)| text.contains(part)).map(|(_, cure)| (*cure).to_owned())
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

    #[test]
    fn an_authority_is_pem_in_base64_or_none() {
        let pem = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
        assert_eq!(certificate(&format!("{}\n", STANDARD.encode(pem))).as_deref(), Some(pem));
        assert_eq!(certificate(&STANDARD.encode("nothing of the kind")), None);
        assert_eq!(certificate(pem), None);
    }

    #[test]
    fn the_first_row_that_fits_is_told() {
        let diagnostic = |summary: &str, detail: &str| ToolDiagnostic {
            severity: "error".into(),
            summary: summary.into(),
            detail: detail.into(),
            address: None,
        };
        let cures = [("VpcLimitExceeded", "fewer"), ("LimitExceeded", "more")];
        assert_eq!(cure(&cures, &diagnostic("VpcLimitExceeded", "")).as_deref(), Some("fewer"));
        assert_eq!(cure(&cures, &diagnostic("so it is", "AddressLimitExceeded")).as_deref(), Some("more"));
        assert_eq!(cure(&cures, &diagnostic("", "")), None);
    }
}
