//! JSON Schemas that plugins carry. A schema is foreign input: it reads nothing from outside itself, and its patterns
//! run in linear time.

use hangar_plan::diagnostic::{Diagnostic, Severity};
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// Bound of one schema.
const MAX_BYTES: usize = 256 * 1024;

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Not JSON.
    #[error("it is no JSON")]
    Json(#[source] serde_json::Error),
    /// Not a JSON Schema, or one that refers to another.
    #[error("it is no JSON Schema that stands alone: {0}")]
    Invalid(String),
    /// Too large.
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
}

/// A schema ready for use.
pub(crate) struct Schema(Validator);

impl Schema {
    pub(crate) fn compile(schema: &Value) -> Result<Self, SchemaError> {
        if schema.to_string().len() > MAX_BYTES {
            return Err(SchemaError::TooLarge);
        }
        jsonschema::options()
            .offline()
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .map(Self)
            .map_err(|err| SchemaError::Invalid(err.to_string()))
    }

    /// All that is wrong with a value.
    pub(crate) fn check(&self, value: &Value) -> Vec<Diagnostic> {
        self.0.iter_errors(value).flat_map(|err| findings(&err)).collect()
    }
}

/// One finding for each unknown key, so that each points at its key; otherwise one for the error.
fn findings(err: &jsonschema::ValidationError<'_>) -> Vec<Diagnostic> {
    use jsonschema::error::ValidationErrorKind;

    let place = err.instance_path().to_string();
    if let ValidationErrorKind::AdditionalProperties { unexpected } = err.kind() {
        let unknown = |key: &String| {
            let escaped = key.replace('~', "~0").replace('/', "~1");
            error(format!("{place}/{escaped}"), format!("unknown key `{key}`"))
        };
        return unexpected.iter().map(unknown).collect();
    }
    vec![error(place, err.to_string())]
}

pub(crate) fn error(pointer: String, message: String) -> Diagnostic {
    Diagnostic { severity: Severity::Error, pointer, message, hint: None }
}
