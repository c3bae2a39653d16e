//! JSON Schema findings, in words and at their place.

use jsonschema::{PatternOptions, ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use crate::{
    document::{BLOCKS, Document, join},
    finding::Finding,
    nearest::{nearest, suggest},
};

/// A JSON Schema that can be asked.
pub(crate) struct Checker {
    schema: Value,
    validator: Validator,
}

impl Checker {
    /// Takes a schema. It may come from a stranger: nothing is fetched for it, and its patterns run in linear time.
    pub(crate) fn new(schema: Value) -> Result<Self, String> {
        let options = jsonschema::options().offline().with_pattern_options(PatternOptions::regex());
        let validator = options.build(&schema).map_err(|err| err.to_string())?;
        Ok(Self { schema, validator })
    }

    /// Returns everything the schema has against a document.
    pub(crate) fn check(&self, document: &Document) -> Vec<Finding> {
        let errors: Vec<_> = self.validator.iter_errors(&document.value).collect();
        let misspelt: Vec<String> = errors.iter().flat_map(|err| self.misspelt(err)).collect();
        errors.iter().flat_map(|err| self.explain(document, err, &misspelt)).collect()
    }

    /// Pointers to keys that were meant by unknown ones.
    fn misspelt(&self, err: &ValidationError<'_>) -> Vec<String> {
        let known = self.known_keys(err);
        let pointer = err.instance_path().to_string();
        let meant = unexpected(err).iter().filter_map(|key| nearest(key, known.iter().copied()));
        meant.map(|key| join(&pointer, key)).collect()
    }

    fn explain(&self, document: &Document, err: &ValidationError<'_>, misspelt: &[String]) -> Vec<Finding> {
        let pointer = err.instance_path().to_string();
        let name = pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
        let place = document.place(&pointer);
        let subject = if name.is_empty() || name.bytes().all(|b| b.is_ascii_digit()) {
            "this value".to_owned()
        } else {
            format!("`{name}`")
        };
        match err.kind() {
            ValidationErrorKind::AdditionalProperties { .. } | ValidationErrorKind::UnevaluatedProperties { .. } => {
                let known = self.known_keys(err);
                unexpected(err).iter().map(|key| unknown_key(document, &pointer, key, &known)).collect()
            }
            ValidationErrorKind::Required { property } => {
                let property = property.as_str().unwrap_or_default();
                let at = join(&pointer, property);
                // It is there: misspelt, or with a value that was refused already.
                if document.mentions(&at) || misspelt.contains(&at) {
                    return vec![];
                }
                let whole_file = document.is_file && pointer.is_empty();
                let missing = if whole_file { missing_block(property) } else { format!("`{property}` is missing") };
                let label = if whole_file { "the file ends without it" } else { "not in here" };
                vec![Finding::at(&place.key, missing).label(label)]
            }
            ValidationErrorKind::Type { kind } => {
                let wanted = match kind {
                    jsonschema::error::TypeKind::Single(one) => noun(&one.to_string()).to_owned(),
                    jsonschema::error::TypeKind::Multiple(set) => {
                        let nouns: Vec<_> = set.iter().map(|one| noun(&one.to_string()).to_owned()).collect();
                        nouns.join(" or ")
                    }
                };
                let got = noun_of(err.instance());
                let message = format!("{subject} has the wrong type: wanted {wanted}, got {got}");
                vec![Finding::at(&place.value, message).label(format!("this is {got}"))]
            }
            ValidationErrorKind::Enum { options } => {
                let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
                let names: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
                let help = err.instance().as_str().and_then(|given| suggest(given, names.iter().copied()));
                vec![Finding::at(&place.value, format!("{subject} is none of the values there are")).help(help)]
            }
            ValidationErrorKind::FalseSchema => {
                vec![Finding::at(&place.key, format!("{subject} must not be set here"))]
            }
            ValidationErrorKind::PropertyNames { .. } => {
                vec![Finding::at(&place.key, format!("{subject} has a key of a wrong form"))]
            }
            _ => {
                let message = err.masked_with(subject).to_string();
                vec![Finding::at(&place.value, message)]
            }
        }
    }

    /// The keys that the schema knows where it refused one.
    fn known_keys(&self, err: &ValidationError<'_>) -> Vec<&str> {
        let path = err.schema_path().to_string();
        let around = path.rsplit_once('/').map_or("", |(around, _)| around);
        let properties = self.schema.pointer(around).and_then(|schema| schema.get("properties"));
        properties.and_then(Value::as_object).map(|keys| keys.keys().map(String::as_str).collect()).unwrap_or_default()
    }
}

fn unknown_key(document: &Document, pointer: &str, key: &str, known: &[&str]) -> Finding {
    let place = document.place(&join(pointer, key));
    let help = suggest(key, known.iter().copied());
    Finding::at(&place.key, format!("unknown key `{key}`")).label("not known here").help(help)
}

/// The keys that a schema refused.
fn unexpected<'e>(err: &'e ValidationError<'_>) -> &'e [String] {
    match err.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected,
        _ => &[],
    }
}

fn missing_block(name: &str) -> String {
    match BLOCKS.iter().find(|kind| kind.name == name).map(|kind| kind.label) {
        Some(Some(label)) => format!("block `{name} \"{}\"` is missing", label.to_uppercase()),
        Some(None) => format!("block `{name}` is missing"),
        None => format!("`{name}` is missing"),
    }
}

/// Closes every object of a schema that lists its keys and says nothing about others.
///
/// A plugin's author who forgets `additionalProperties: false` would make every misspelt key go unnoticed.
/// Objects that are put together from several schemas are left as they are.
pub(crate) fn close(schema: &mut Value) {
    const OPENED_BY: [&str; 9] = [
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "$ref",
    ];
    match schema {
        Value::Array(parts) => parts.iter_mut().for_each(close),
        Value::Object(object) => {
            if object.get("properties").is_some_and(Value::is_object)
                && !OPENED_BY.iter().any(|key| object.contains_key(*key))
            {
                object.insert("additionalProperties".into(), false.into());
            }
            for (key, part) in object.iter_mut() {
                // Branches of a combination see the same object: closing one would close it for all.
                if !matches!(
                    key.as_str(),
                    "allOf"
                        | "anyOf"
                        | "oneOf"
                        | "not"
                        | "if"
                        | "then"
                        | "else"
                        | "const"
                        | "enum"
                        | "default"
                        | "examples"
                ) {
                    close(part);
                }
            }
        }
        _ => {}
    }
}

fn noun(json_type: &str) -> &str {
    match json_type {
        "string" => "a string",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        "null" => "null",
        other => other,
    }
}

fn noun_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "a whole number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
