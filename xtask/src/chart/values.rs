//! `values.yaml`: the defaults, each below what it means.

use std::fmt::Write as _;

use anyhow::Result;
use serde_norway::{Mapping, Value};

use crate::chart::schema::{properties, word};

/// Columns of a comment.
const WIDTH: usize = 120;

pub(super) fn text(schema: &Mapping) -> Result<String> {
    let mut text = String::from(
        "# Generated from `values/` by `cargo xtask gen-docs`. Every value reaches a rendered object; unknown keys are\n\
         # refused by values.schema.json.\n",
    );
    write(&mut text, schema, 0)?;
    Ok(text)
}

fn write(text: &mut String, node: &Mapping, depth: usize) -> Result<()> {
    let indent = "  ".repeat(depth);
    for (key, value) in properties(node).into_iter().flatten() {
        if depth == 0 {
            text.push('\n');
        }
        for line in wrapped(word(value, "description"), WIDTH - 2 - indent.len()) {
            writeln!(text, "{indent}# {line}")?;
        }
        if properties(value).is_some() {
            writeln!(text, "{indent}{key}:")?;
            write(text, value, depth + 1)?;
        } else {
            let default = value.get("default").unwrap_or(&Value::Null);
            writeln!(text, "{indent}{key}: {}", serde_json::to_string(default)?)?;
        }
    }
    Ok(())
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| line.len() + 1 + word.len() <= width) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_below_what_it_means() -> Result<()> {
        let schema = serde_norway::from_str(
            "properties: {a: {description: A map., properties: {b: {description: One two., default: [1]}}}, \
             c: {description: C., default: ''}}",
        )?;
        let text = text(&schema)?;
        assert!(text.ends_with("\n\n# A map.\na:\n  # One two.\n  b: [1]\n\n# C.\nc: \"\"\n"), "{text}");
        Ok(())
    }

    #[test]
    fn long_lines_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    }
}
