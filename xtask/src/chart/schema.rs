//! The chart's values: one source, and the JSON Schema that follows from it.
//!
//! The source is JSON Schema in YAML, with what every value has in common left out: here maps of known keys are closed,
//! keys with a default are there, and groups of keys are put in where a map includes them.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use serde_norway::{Mapping, Value};

/// The files of the source, in the order in which their values are shown.
const FILES: [&str; 7] = [
    "common.yaml",
    "cockroachdb.yaml",
    "yugabytedb.yaml",
    "core-service.yaml",
    "api.yaml",
    "jobs.yaml",
    "monitoring.yaml",
];

/// Helm puts it there by itself.
const GLOBAL: &str = "Put here by Helm where this chart is another's dependency; nothing reads it.";

/// The source.
#[derive(Debug)]
pub(super) struct Source {
    shapes: Mapping,
    groups: Mapping,
    values: Mapping,
}

impl Source {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut definitions = parse(&folder.join("definitions.yaml"))?;
        let mut take = |key: &str| match definitions.remove(key) {
            Some(Value::Mapping(map)) => Ok(map),
            _ => bail!("`definitions.yaml` has no map `{key}`"),
        };
        let (shapes, groups) = (take("shapes")?, take("groups")?);
        let mut values = Mapping::new();
        for name in FILES.iter().filter(|name| folder.join(name).exists()) {
            values.extend(parse(&folder.join(name))?);
        }
        Ok(Self { shapes, groups, values })
    }

    /// The whole schema.
    pub(super) fn schema(&self) -> Result<Mapping> {
        let mut root = Mapping::new();
        put(&mut root, "$schema", "https://json-schema.org/draft/2020-12/schema");
        put(&mut root, "title", "Values of the chart `dss`");
        let mut object = Mapping::new();
        object.insert("properties".into(), Value::Mapping(self.values.clone()));
        root.extend(self.node("", &object)?);
        let mut global = Mapping::new();
        put(&mut global, "type", "object");
        put(&mut global, "description", GLOBAL);
        if let Some(Value::Mapping(properties)) = root.get_mut("properties") {
            properties.insert("global".into(), Value::Mapping(global));
        }
        let shapes = self.shapes.iter().map(|(name, shape)| Ok((name.clone(), self.inner(shape)?)));
        root.insert("$defs".into(), Value::Mapping(shapes.collect::<Result<_>>()?));
        Ok(root)
    }

    /// One value, or a map of values.
    fn node(&self, path: &str, node: &Mapping) -> Result<Mapping> {
        // A single value may be a map with known keys; it has a default of its own.
        let own = node.get("properties").filter(|_| !node.contains_key("default"));
        let Some(own) = own else { return self.leaf(path, node) };
        let mut keys = Mapping::new();
        for group in node.get("include").and_then(Value::as_sequence).into_iter().flatten() {
            let group = self.groups.get(group).and_then(Value::as_mapping);
            keys.extend(group.with_context(|| format!("`{path}` includes an unknown group"))?.clone());
        }
        keys.extend(own.as_mapping().with_context(|| format!("`{path}` has no map of properties"))?.clone());
        let mut properties = Mapping::new();
        let mut required = Vec::new();
        for (key, value) in keys {
            let below = format!("{path}/{}", key.as_str().unwrap_or_default());
            let value = value.as_mapping().with_context(|| format!("`{below}` is no map"))?;
            let value = self.node(&below, value)?;
            if value.get("default") != Some(&Value::Null) {
                required.push(key.clone());
            }
            properties.insert(key, Value::Mapping(value));
        }
        let mut object: Mapping =
            node.iter().filter(|(key, _)| *key != "include" && *key != "properties").map(clone).collect();
        if !path.is_empty() && object.get("description").is_none() {
            bail!("`{path}` has no description");
        }
        put(&mut object, "type", "object");
        object.insert("additionalProperties".into(), false.into());
        object.insert("properties".into(), Value::Mapping(properties));
        object.insert("required".into(), Value::Sequence(required));
        Ok(object)
    }

    fn leaf(&self, path: &str, node: &Mapping) -> Result<Mapping> {
        let Value::Mapping(mut leaf) = self.inner(&Value::Mapping(node.clone()))? else { bail!("`{path}` is no map") };
        if !leaf.contains_key("default") {
            bail!("`{path}` has no default");
        }
        if !leaf.contains_key("description") {
            let shape = node.get("$ref").and_then(|name| self.shapes.get(name));
            let text = shape.and_then(|shape| shape.get("description"));
            leaf.insert("description".into(), text.with_context(|| format!("`{path}` has no description"))?.clone());
        }
        let tells_itself = ["boolean", "integer"].iter().any(|kind| leaf.get("type") == Some(&Value::from(*kind)));
        if !tells_itself && !leaf.contains_key("enum") && !leaf.contains_key("examples") {
            bail!("`{path}` has no example");
        }
        Ok(leaf)
    }

    /// Names of shapes become references.
    fn inner(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::Mapping(map) => {
                let mut inner = Mapping::new();
                for (key, value) in map {
                    let value = match (key.as_str(), value) {
                        (Some("$ref"), Value::String(name)) if self.shapes.contains_key(name.as_str()) => {
                            format!("#/$defs/{name}").into()
                        }
                        (Some("$ref"), other) => bail!("there is no shape {other:?}"),
                        (Some("default" | "examples" | "x-when"), value) => value.clone(),
                        (_, value) => self.inner(value)?,
                    };
                    inner.insert(key.clone(), value);
                }
                Value::Mapping(inner)
            }
            Value::Sequence(items) => {
                Value::Sequence(items.iter().map(|item| self.inner(item)).collect::<Result<_>>()?)
            }
            other => other.clone(),
        })
    }
}

fn parse(path: &Path) -> Result<Mapping> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_norway::from_str(&text).with_context(|| format!("cannot use `{}`", path.display()))
}

fn put(map: &mut Mapping, key: &str, value: &str) {
    map.insert(key.into(), value.into());
}

fn clone((key, value): (&Value, &Value)) -> (Value, Value) {
    (key.clone(), value.clone())
}

/// The schema as a file.
pub(super) fn text(schema: &Mapping) -> Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(schema)?))
}

/// The keys of a map of values with what is said of each; none for a single value.
pub(super) fn properties(node: &Mapping) -> Option<impl Iterator<Item = (&str, &Mapping)>> {
    let keys = node.get("properties")?.as_mapping()?;
    let known = keys.iter().filter_map(|(key, value)| Some((key.as_str()?, value.as_mapping()?)));
    (!node.contains_key("default")).then(|| known.filter(|(key, _)| *key != "global"))
}

/// A text of a value.
pub(super) fn word<'a>(node: &'a Mapping, key: &str) -> &'a str {
    node.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(values: &str) -> Result<Mapping> {
        let map = |text: &str| serde_norway::from_str::<Mapping>(text).expect("a map");
        let shapes = map("name: {description: A name., type: string}");
        let groups = map("pod: {labels: {type: object, description: Labels., default: {}, examples: [{a: b}]}}");
        Source { shapes, groups, values: map(values) }.schema()
    }

    #[test]
    fn maps_are_closed_groups_put_in_and_shapes_referred_to() -> Result<()> {
        let schema = source(
            "a: {description: A., include: [pod], properties: {b: {$ref: name, default: '', examples: [x]}, \
             c: {description: C., type: [integer, 'null'], default: null, examples: [1]}}}",
        )?;
        let a = &schema["properties"]["a"];
        assert_eq!(serde_json::to_value(&a["required"])?, serde_json::json!(["labels", "b"]));
        assert_eq!(a["additionalProperties"], Value::Bool(false));
        assert_eq!(a["properties"]["b"]["$ref"], "#/$defs/name");
        assert_eq!(a["properties"]["b"]["description"], "A name.");
        Ok(())
    }

    #[test]
    fn a_value_that_says_too_little_is_named() {
        for (values, wanted) in [
            ("a: {description: A., type: string, examples: [x]}", "`/a` has no default"),
            ("a: {type: string, default: '', examples: [x]}", "`/a` has no description"),
            ("a: {description: A., type: string, default: ''}", "`/a` has no example"),
            ("a: {properties: {}}", "`/a` has no description"),
            ("a: {$ref: gone, default: ''}", "there is no shape"),
        ] {
            let err = source(values).expect_err(values);
            assert!(err.to_string().contains(wanted), "{values}: {err}");
        }
    }
}
