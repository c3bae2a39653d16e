//! The reference of the chart's values, as a page.

use std::fmt::Write as _;

use anyhow::Result;
use serde_norway::{Mapping, Value};

use crate::chart::schema::{properties, word};

/// A longer default is left to `values.yaml`.
const LONG: usize = 60;

pub(super) fn text(schema: &Mapping) -> Result<String> {
    let mut text = String::from(
        "# Values of the chart `dss`\n\nGenerated from `values/` by `cargo xtask gen-docs`; what holds is `values.schema.json`.\n\
         A value with a condition has no effect unless that holds.\n",
    );
    let (maps, single): (Vec<_>, Vec<_>) =
        properties(schema).into_iter().flatten().partition(|(_, node)| properties(node).is_some());
    heading(&mut text, "General", "")?;
    for (key, node) in single {
        row(&mut text, key, node, &[])?;
    }
    for (key, node) in maps {
        heading(&mut text, &format!("`{key}`"), word(node, "description"))?;
        rows(&mut text, key, node, &[])?;
    }
    Ok(text)
}

fn heading(text: &mut String, title: &str, description: &str) -> Result<()> {
    let description = if description.is_empty() { String::new() } else { format!("{description}\n\n") };
    writeln!(text, "\n## {title}\n\n{description}| key | type | default | meaning |\n| --- | --- | --- | --- |")?;
    Ok(())
}

fn rows(text: &mut String, path: &str, node: &Mapping, above: &[&Mapping]) -> Result<()> {
    let above: Vec<&Mapping> = above.iter().copied().chain(conditions(node)).collect();
    for (key, value) in properties(node).into_iter().flatten() {
        let path = format!("{path}.{key}");
        if properties(value).is_some() {
            writeln!(text, "| `{path}` | | | {} |", escaped(word(value, "description")))?;
            rows(text, &path, value, &above)?;
        } else {
            row(text, &path, value, &above)?;
        }
    }
    Ok(())
}

fn row(text: &mut String, path: &str, node: &Mapping, above: &[&Mapping]) -> Result<()> {
    let default = serde_json::to_string(node.get("default").unwrap_or(&Value::Null))?;
    let default =
        if default.len() > LONG { "see `values.yaml`".to_owned() } else { format!("`{}`", escaped(&default)) };
    let mut meaning = escaped(word(node, "description"));
    let holds = above.iter().copied().chain(conditions(node)).flat_map(|when| {
        when.iter().filter_map(|(at, value)| {
            let key = at.as_str()?.trim_start_matches('/').replace('/', ".");
            // That it is itself on is no condition of a switch.
            (key != path)
                .then(|| format!("`{key}` is `{}`", escaped(&serde_json::to_string(value).unwrap_or_default())))
        })
    });
    let holds: Vec<String> = holds.collect();
    if !holds.is_empty() {
        write!(meaning, " *Where {}.*", holds.join(", "))?;
    }
    writeln!(text, "| `{path}` | {} | {default} | {meaning} |", kind(node))?;
    Ok(())
}

fn conditions(node: &Mapping) -> Option<&Mapping> {
    node.get("x-when").and_then(Value::as_mapping)
}

/// The type in words.
fn kind(node: &Mapping) -> String {
    if let Some(values) = node.get("enum").and_then(Value::as_sequence) {
        let values: Vec<String> = values.iter().filter_map(Value::as_str).map(|value| format!("`{value}`")).collect();
        return values.join(", ");
    }
    if let Some(shape) = node.get("$ref").and_then(Value::as_str) {
        return shape.rsplit('/').next().unwrap_or_default().to_owned();
    }
    match node.get("type") {
        Some(Value::String(kind)) if kind == "array" => "list".into(),
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Sequence(kinds)) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => String::new(),
    }
}

/// A bar would end the cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_says_when_it_has_an_effect() -> Result<()> {
        let schema = serde_norway::from_str(
            "properties: {a: {description: A map., x-when: {/a/on: true}, properties: {on: {description: On., type: boolean, \
             default: false}, b: {description: B., type: array, default: []}}}, c: {description: C., enum: [x, y], default: x}}",
        )?;
        let text = text(&schema)?;
        assert!(text.contains("| `c` | `x`, `y` | `\"x\"` | C. |\n"), "{text}");
        assert!(text.contains("| `a.on` | boolean | `false` | On. |\n"), "{text}");
        assert!(text.contains("| `a.b` | list | `[]` | B. *Where `a.on` is `true`.* |\n"), "{text}");
        Ok(())
    }
}
