//! Chart values: a plugin may set the parts that it is granted, and nothing beside them.

use serde_json::Value;

use super::{Findings, Rule};

/// Reads values and says whether each is within a granted path; none if they are no JSON object.
pub(super) fn check_values(text: &str, granted: &[String], place: &str, findings: &mut Findings) -> Option<Value> {
    let values: Value = match serde_json::from_str(text) {
        Ok(values @ Value::Object(_)) => values,
        Ok(_) => {
            findings.add(Rule::Shape, place, "chart values are no JSON object");
            return None;
        }
        Err(err) => {
            findings.add(Rule::Shape, place, format!("chart values are no JSON: {err}"));
            return None;
        }
    };
    let granted: Vec<Vec<&str>> = granted.iter().map(|path| path.split('.').collect()).collect();
    walk(&values, &mut Vec::new(), &granted, place, findings);
    Some(values)
}

fn walk<'a>(value: &'a Value, path: &mut Vec<&'a str>, granted: &[Vec<&str>], place: &str, findings: &mut Findings) {
    if granted.iter().any(|prefix| path.starts_with(prefix)) {
        return;
    }
    match value {
        // An empty object at the top sets nothing.
        Value::Object(object) if !object.is_empty() || path.is_empty() => {
            for (key, value) in object {
                path.push(key);
                walk(value, path, granted, place, findings);
                path.pop();
            }
        }
        _ => findings.add(Rule::Value, place, format!("chart value `{}` is not granted", path.join("."))),
    }
}
