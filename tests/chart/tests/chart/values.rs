//! No value of the chart is without effect, and none is taken that the schema does not know.

use std::sync::Mutex;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use test_chart::{Renderer, Setting, chart, set, settings, values};

fn schema() -> Result<Value> {
    Ok(serde_json::from_str(&std::fs::read_to_string(chart().join("values.schema.json"))?)?)
}

/// The example, with what a value needs around it.
fn surroundings(setting: &Setting) -> Value {
    let mut around = values();
    for (pointer, value) in setting.when.iter().filter(|(pointer, _)| **pointer != setting.pointer) {
        set(&mut around, pointer, value.clone());
    }
    around
}

fn changes(renderer: &Renderer, setting: &Setting) -> Result<()> {
    let before = surroundings(setting);
    let current = before.pointer(&setting.pointer).unwrap_or(&setting.default).clone();
    let mut after = before.clone();
    set(&mut after, &setting.pointer, setting.other_than(&current)?);
    // Some values stand in for others: without either nothing is rendered.
    let before = renderer.render(&before).or_else(|_| renderer.render(&values()))?;
    let after = renderer.render(&after)?;
    ensure!(!before.manifest.changes_to(&after.manifest).is_empty(), "it changes nothing");
    Ok(())
}

#[test]
fn every_value_of_the_schema_changes_what_is_rendered() -> Result<()> {
    let (renderer, settings) = (Renderer::new()?, settings(&schema()?)?);
    assert!(settings.len() > 250, "{}", settings.len());
    let (queue, failures) = (Mutex::new(settings.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("nobody panics with it").next();
                    let Some(setting) = next else { return };
                    if let Err(err) = changes(&renderer, setting) {
                        failures.lock().expect("nobody panics with it").push(format!("{}: {err:#}", setting.pointer));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner()?;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

/// Shapes that are Kubernetes' own or Prometheus', and texts by key.
const OPEN: [&str; 5] =
    ["/global", "/$defs/object", "/$defs/objects", "/$defs/strings", "/monitoring/prometheus/extraScrapeConfigs/items"];

fn is_open(pointer: &str) -> bool {
    OPEN.iter().any(|open| pointer == *open || pointer.starts_with(&format!("{open}/")))
}

fn loose(pointer: &str, node: &Value, found: &mut Vec<String>) {
    let is_map = node["type"] == "object" && node.get("properties").is_some();
    if is_map && node["additionalProperties"] != false && !is_open(pointer) {
        found.push(pointer.to_owned());
    }
    for key in ["properties", "$defs"] {
        for (name, inner) in node[key].as_object().into_iter().flatten() {
            let place = if key == "$defs" { format!("{pointer}/$defs/{name}") } else { format!("{pointer}/{name}") };
            loose(&place, inner, found);
        }
    }
    if node["items"].is_object() {
        loose(&format!("{pointer}/items"), &node["items"], found);
    }
}

#[test]
fn no_map_takes_a_key_that_it_does_not_know() -> Result<()> {
    let mut found = Vec::new();
    loose("", &schema()?, &mut found);
    assert!(found.is_empty(), "{found:?}");
    Ok(())
}

/// An example that leaves a key out proves nothing of it.
#[test]
fn examples_of_lists_show_every_key_of_an_item() -> Result<()> {
    let schema = schema()?;
    for setting in settings(&schema)? {
        let Some(keys) = setting.schema["items"]["properties"].as_object() else { continue };
        let examples = setting.schema["examples"][0].as_array().context("a list")?.clone();
        let is_free = setting.schema["items"]["additionalProperties"] != false;
        // One of several ways to say a thing.
        let is_choice = ["extraEnv", "extraEnvFrom", "databaseFrom", "apiFrom", "monitoringFrom"]
            .iter()
            .any(|name| setting.pointer.ends_with(name));
        for key in keys.keys().filter(|_| !is_free && !is_choice) {
            assert!(examples.iter().any(|item| item.get(key).is_some()), "{}: {key}", setting.pointer);
        }
    }
    Ok(())
}

#[test]
fn the_defaults_are_those_of_the_schema() -> Result<()> {
    let text = std::fs::read_to_string(chart().join("values.yaml"))?;
    let defaults: Value = serde_norway::from_str(&text)?;
    for setting in settings(&schema()?)? {
        assert_eq!(defaults.pointer(&setting.pointer), Some(&setting.default), "{}", setting.pointer);
    }
    Ok(())
}
