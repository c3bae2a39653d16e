//! Values for a chart: an object without secrets.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::error::HelmError;

/// Values for a chart. Helm stores them with the release, readable by whoever may read Secrets of the namespace and shown by
/// `helm get values`, so a secret has no place in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values(Map<String, Value>);

impl Values {
    /// Lays objects over one another, later over earlier: maps are merged, everything else is replaced.
    ///
    /// # Errors
    ///
    /// [`HelmError::ValuesShape`] for what is no object; [`HelmError::SecretInValues`] for what looks like a secret.
    pub fn layered(layers: impl IntoIterator<Item = Value>) -> Result<Self, HelmError> {
        let mut all = Map::new();
        for layer in layers {
            let Value::Object(layer) = layer else { return Err(HelmError::ValuesShape) };
            lay_over(&mut all, layer);
        }
        refuse_secrets(&all)?;
        Ok(Self(all))
    }

    /// The values as an object.
    #[must_use]
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }

    /// SHA-256 over the values with sorted keys, so that order says nothing; lower-case hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(self.digest_bytes())
    }

    pub(crate) fn digest_bytes(&self) -> [u8; 32] {
        Sha256::digest(sorted(&Value::Object(self.0.clone())).to_string()).into()
    }

    /// As a file that Helm reads. JSON, since it has one reading only.
    pub(crate) fn to_file(&self) -> String {
        format!("{:#}\n", Value::Object(self.0.clone()))
    }
}

fn lay_over(below: &mut Map<String, Value>, above: Map<String, Value>) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => lay_over(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn refuse_secrets(values: &Map<String, Value>) -> Result<(), HelmError> {
    let mut open: Vec<(String, &str, &Value)> = entries("", values).collect();
    while let Some((pointer, key, value)) = open.pop() {
        match value {
            Value::Object(map) => open.extend(entries(&pointer, map)),
            Value::Array(items) => {
                open.extend(items.iter().enumerate().map(|(index, item)| (format!("{pointer}/{index}"), key, item)));
            }
            Value::String(text) => {
                if let Some(what) = looks_like(key, text) {
                    return Err(HelmError::SecretInValues { pointer, what });
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Ok(())
}

fn entries<'a>(above: &str, map: &'a Map<String, Value>) -> impl Iterator<Item = (String, &'a str, &'a Value)> {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    map.iter().map(move |(key, value)| (format!("{above}/{}", escape(key)), key.as_str(), value))
}

/// Names of values that are secrets whatever they hold, spelt in any of the usual ways.
const NAMES: [&str; 9] =
    ["password", "passwd", "passphrase", "token", "privatekey", "secretkey", "clientsecret", "apikey", "accesskey"];

/// Beginnings that nothing else has.
const BEGINNINGS: [(&str, &str); 5] = [
    ("AGE-SECRET-KEY-", "an age key"),
    ("AKIA", "an AWS access key"),
    ("ASIA", "an AWS access key"),
    ("ghp_", "a GitHub token"),
    ("eyJhbGciOi", "a signed token"),
];

fn looks_like(key: &str, text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return None;
    }
    if text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    let text = text.trim();
    if let Some((_, what)) = BEGINNINGS.iter().find(|(beginning, _)| text.starts_with(beginning)) {
        return Some(what);
    }
    let plain: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    NAMES.iter().any(|name| plain.ends_with(name)).then_some("a secret, by its name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn why_not(values: Value) -> String {
        Values::layered([values]).map_or_else(|err| err.to_string(), |_| "taken".to_owned())
    }

    #[test]
    fn later_layers_win_key_by_key() -> Result<(), HelmError> {
        let operator = json!({"cockroachdb": {"cache": "10%", "join": ["a"]}, "gateway": {"enabled": false}});
        let strategy = json!({"cockroachdb": {"join": ["b"], "nodes": 3}});
        let values = Values::layered([operator, strategy])?;
        let wanted = json!({"cockroachdb": {"cache": "10%", "join": ["b"], "nodes": 3}, "gateway": {"enabled": false}});
        assert_eq!(json!(values.as_object()), wanted);
        Ok(())
    }

    #[test]
    fn the_digest_does_not_know_the_order_of_keys() -> Result<(), HelmError> {
        let one = Values::layered([json!({"a": 1, "b": {"x": [1, 2], "y": 2}})])?;
        let same = Values::layered([json!({"b": {"y": 2, "x": [1, 2]}, "a": 1})])?;
        let other = Values::layered([json!({"a": 1, "b": {"x": [2, 1], "y": 2}})])?;
        assert_eq!(one.digest(), same.digest());
        assert_ne!(one.digest(), other.digest());
        Ok(())
    }

    #[test]
    fn what_looks_like_a_secret_is_named_and_not_shown() {
        assert_eq!(
            why_not(json!({"a": {"b/c": ["-----BEGIN EC PRIVATE KEY-----\nx"]}})),
            "value `/a/b~1c/0` looks like a private key"
        );
        assert_eq!(
            why_not(json!({"adminPassword": "sesame"})),
            "value `/adminPassword` looks like a secret, by its name"
        );
        assert_eq!(why_not(json!({"x": "AKIAIOSFODNN7EXAMPLE"})), "value `/x` looks like an AWS access key");
        assert_eq!(
            why_not(json!({"auth": {"api_key": "k"}})),
            "value `/auth/api_key` looks like a secret, by its name"
        );
    }

    #[test]
    fn names_of_secrets_and_public_keys_are_no_secrets() {
        let fine = json!({
            "imagePullSecrets": ["registry"],
            "cockroachdb": {"secrets": {"node": "x", "clientRoot": "y"}},
            "authorization": {"jwksKeyIds": ["k1"], "publicKeys": ["-----BEGIN PUBLIC KEY-----\nx"]},
            "password": "",
        });
        assert_eq!(why_not(fine), "taken");
        assert_eq!(why_not(json!(["a"])), "chart values are not an object");
    }
}
