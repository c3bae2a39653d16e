//! How two states of one object differ, field by field.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

/// Longest text of a value that is shown.
const SHOWN: usize = 80;

/// What the API server keeps for itself: it differs between any two answers, or follows from the rest.
const KEPT_BY_SERVER: [&str; 6] =
    ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"];

/// What `kubectl apply` keeps for itself: a copy of all else.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Fields that tell the items of a list apart, the narrowest first.
const KEYS: [&str; 7] = ["name", "mountPath", "containerPort", "port", "key", "ip", "type"];

/// One field that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Such as `spec.template.spec.containers[cockroachdb].image`.
    pub path: String,
    /// What it is, as far as it may be shown; none if it comes.
    pub before: Option<String>,
    /// What it will be, as far as it may be shown; none if it goes.
    pub after: Option<String>,
}

/// Says which fields differ, in the order of their paths; what the server keeps for itself is passed over. Of a Secret
/// (`is_secret`) no value is shown.
pub(crate) fn between(before: &Value, after: &Value, is_secret: bool) -> Vec<Field> {
    let mut found = Found { is_secret, fields: Vec::new() };
    found.compare("", &comparable(before), &comparable(after));
    found.fields
}

/// An object without what the server keeps for itself.
fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, _| !KEPT_BY_SERVER.contains(&name.as_str()));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
    }
    object
}

struct Found {
    is_secret: bool,
    fields: Vec<Field>,
}

impl Found {
    fn compare(&mut self, path: &str, before: &Value, after: &Value) {
        match (before, after) {
            (before, after) if before == after => {}
            (Value::Object(before), Value::Object(after)) => self.compare_maps(path, before, after),
            (Value::Array(before), Value::Array(after)) => match key_of(before, after) {
                Some(key) => self.compare_items(path, before, after, key),
                None => self.compare_lists(path, before, after),
            },
            (before, after) => self.add(path.to_owned(), Some(before), Some(after)),
        }
    }

    fn compare_maps(&mut self, path: &str, before: &Map<String, Value>, after: &Map<String, Value>) {
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            let path = below(path, name);
            match (before.get(name), after.get(name)) {
                (Some(before), Some(after)) => self.compare(&path, before, after),
                (before, after) => self.add(path, before, after),
            }
        }
    }

    fn compare_items(&mut self, path: &str, before: &[Value], after: &[Value], key: &str) {
        for item in before {
            let path = format!("{path}[{}]", plain(&item[key]));
            match after.iter().find(|other| other[key] == item[key]) {
                Some(other) => self.compare(&path, item, other),
                None => self.add(path, Some(item), None),
            }
        }
        for item in after.iter().filter(|item| before.iter().all(|other| other[key] != item[key])) {
            self.add(format!("{path}[{}]", plain(&item[key])), None, Some(item));
        }
    }

    fn compare_lists(&mut self, path: &str, before: &[Value], after: &[Value]) {
        let gone: Vec<_> = before.iter().filter(|item| !after.contains(item)).collect();
        let come: Vec<_> = after.iter().filter(|item| !before.contains(item)).collect();
        if gone.is_empty() && come.is_empty() {
            return self.add(path.to_owned(), Some(&"in this order".into()), Some(&"in another order".into()));
        }
        // One for one is a change; else what goes and what comes.
        let n_pairs = if gone.len() == come.len() { gone.len() } else { 0 };
        for (before, after) in gone.iter().zip(&come).take(n_pairs) {
            self.compare(&format!("{path}[]"), before, after);
        }
        gone.iter().skip(n_pairs).for_each(|item| self.add(format!("{path}[]"), Some(item), None));
        come.iter().skip(n_pairs).for_each(|item| self.add(format!("{path}[]"), None, Some(item)));
    }

    fn add(&mut self, path: String, before: Option<&Value>, after: Option<&Value>) {
        let is_hidden = self.is_secret && !path.starts_with("metadata");
        let shown = |value: &Value| if is_hidden { "(hidden)".to_owned() } else { shown(value) };
        self.fields.push(Field { path, before: before.map(shown), after: after.map(shown) });
    }
}

/// A field that every item of both lists has and that tells them apart.
fn key_of(before: &[Value], after: &[Value]) -> Option<&'static str> {
    KEYS.into_iter().find(|key| {
        [before, after].iter().all(|items| {
            let values: BTreeSet<String> =
                items.iter().filter_map(|item| item.get(key)).filter(|key| !key.is_object()).map(plain).collect();
            values.len() == items.len()
        })
    })
}

/// A name in a path; quoted where it would be taken for more than one.
fn below(path: &str, name: &str) -> String {
    let name = if name.contains(['.', '/']) { format!("[{name}]") } else { name.to_owned() };
    match path {
        "" => name,
        path if name.starts_with('[') => format!("{path}{name}"),
        path => format!("{path}.{name}"),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn shown(value: &Value) -> String {
    let text = plain(value);
    let n_lines = text.lines().count();
    if n_lines > 1 {
        return format!("(text of {n_lines} lines)");
    }
    if text.chars().count() <= SHOWN {
        return text;
    }
    let cut: String = text.chars().take(SHOWN).collect();
    format!("{cut}…")
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) if before == after => write!(f, "{}: changes", self.path),
            (Some(before), Some(after)) => write!(f, "{}: {before} → {after}", self.path),
            (Some(before), None) => write!(f, "- {}: {before}", self.path),
            (None, Some(after)) => write!(f, "+ {}: {after}", self.path),
            (None, None) => f.write_str(&self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(before: &Value, after: &Value, is_secret: bool) -> String {
        between(before, after, is_secret).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn items_of_lists_are_told_apart_by_their_names() {
        let before = json!({
            "metadata": {"resourceVersion": "1", "managedFields": [], "annotations": {"a.b/c": "x"}},
            "spec": {"replicas": 3, "ports": [{"port": 1, "name": "a"}], "args": ["--a", "--b=1"],
                "containers": [{"name": "db", "image": "x:1", "text": "one\ntwo"}, {"name": "old"}]},
            "status": {"replicas": 3},
        });
        let after = json!({
            "metadata": {"resourceVersion": "2", "annotations": {"a.b/c": "y"}},
            "spec": {"replicas": 5, "ports": [{"port": 2, "name": "a"}], "args": ["--a", "--b=2"],
                "containers": [{"name": "db", "image": "x:2", "text": "one\nthree"}, {"name": "new"}]},
        });
        insta::assert_snapshot!(told(&before, &after, false), @r#"
        metadata.annotations[a.b/c]: x → y
        spec.args[]: --b=1 → --b=2
        spec.containers[db].image: x:1 → x:2
        spec.containers[db].text: changes
        - spec.containers[old]: {"name":"old"}
        + spec.containers[new]: {"name":"new"}
        spec.ports[a].port: 1 → 2
        spec.replicas: 3 → 5
        "#);
    }

    #[test]
    fn what_the_server_keeps_for_itself_is_no_difference() {
        let before = json!({"metadata": {"uid": "1", "generation": 1, "annotations": {LAST_APPLIED: "{}"}}});
        let after = json!({"metadata": {"uid": "2", "generation": 2, "annotations": {}}, "status": {"x": 1}});
        assert_eq!(told(&before, &after, false), "");
    }

    #[test]
    fn nothing_of_a_secret_is_shown_but_that_it_changes() {
        let before = json!({"type": "Opaque", "data": {"tls.key": "b2xk", "gone": "eA=="}});
        let after = json!({"type": "Opaque", "data": {"tls.key": "bmV3"}});
        assert_eq!(told(&before, &after, true), "- data.gone: (hidden)\ndata[tls.key]: changes");
    }

    #[test]
    fn an_order_is_a_difference() {
        assert_eq!(told(&json!({"a": [1, 2]}), &json!({"a": [2, 1]}), false), "a: in this order → in another order");
    }
}
