//! Values as terraform reads them.

use serde_json::Value;

/// A value as an expression.
pub(crate) fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(object) => {
            let pair = |(key, value): (&String, &Value)| format!("{} = {}", quoted(key), literal(value));
            format!("{{ {} }}", object.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

/// A text as a string of HCL.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    // These begin templates; doubled signs stand for themselves.
    quoted.replace("${", "$${").replace("%{", "%%{")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strings_hold_what_they_are_given() {
        assert_eq!(quoted(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(quoted("${x} %{y} 5$"), r#""$${x} %%{y} 5$""#);
    }

    #[test]
    fn lists_and_objects_are_expressions() {
        assert_eq!(literal(&json!({ "a": [1, true, null], "b c": "x" })), r#"{ "a" = [1, true, null], "b c" = "x" }"#);
    }
}
