//! Every value that the chart's schema knows.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

/// One value.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Where it is, as a JSON pointer.
    pub pointer: String,
    /// What the schema says of it, references resolved.
    pub schema: Value,
    /// Its default.
    pub default: Value,
    /// What else must be so that it has an effect, by pointer.
    pub when: Map<String, Value>,
}

impl Setting {
    /// A valid value other than this one.
    ///
    /// # Errors
    ///
    /// If the schema does not help.
    pub fn other_than(&self, current: &Value) -> Result<Value> {
        let examples = self.schema["examples"].as_array().into_iter().chain(self.schema["enum"].as_array()).flatten();
        let mut others = examples.filter(|value| *value != current);
        if let Some(other) = others.next() {
            return Ok(other.clone());
        }
        match (self.schema["type"].as_str(), current) {
            (Some("boolean"), Value::Bool(is_on)) => Ok(json!(!is_on)),
            (Some("integer"), Value::Number(number)) => Ok(json!(number.as_i64().context("an integer")? + 1)),
            _ => anyhow::bail!("no other value known for `{}` than {current}", self.pointer),
        }
    }
}

/// All of them, but for what Helm puts there by itself.
///
/// # Errors
///
/// For a reference to nothing.
pub fn settings(schema: &Value) -> Result<Vec<Setting>> {
    let mut found = Vec::new();
    walk(schema, "", schema, &Map::new(), &mut found)?;
    found.retain(|setting| setting.pointer != "/global");
    Ok(found)
}

fn walk(root: &Value, pointer: &str, node: &Value, when: &Map<String, Value>, found: &mut Vec<Setting>) -> Result<()> {
    let mut when = when.clone();
    when.extend(node["x-when"].as_object().cloned().unwrap_or_default());
    match node["properties"].as_object().filter(|_| node.get("default").is_none()) {
        Some(properties) => {
            for (key, value) in properties {
                walk(root, &format!("{pointer}/{key}"), value, &when, found)?;
            }
        }
        None => {
            let default = node["default"].clone();
            found.push(Setting { pointer: pointer.to_owned(), schema: resolved(root, node)?, default, when });
        }
    }
    Ok(())
}

/// A node with what its reference says below what stands beside it.
fn resolved(root: &Value, node: &Value) -> Result<Value> {
    let Some(name) = node["$ref"].as_str() else { return Ok(node.clone()) };
    let shape = root.pointer(name.trim_start_matches('#')).with_context(|| format!("there is no `{name}`"))?;
    let mut all = shape.as_object().cloned().unwrap_or_default();
    all.extend(node.as_object().cloned().unwrap_or_default());
    Ok(Value::Object(all))
}
