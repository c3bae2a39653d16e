//! A plugin's own block of the workspace file.

use serde::de::DeserializeOwned;

/// One thing wrong with a configuration. Turns into the diagnostic, and into the error, of each contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer into the block, such as `/region`; empty for the whole block.
    pub pointer: String,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem with the value at `pointer`.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into(), hint: None }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads a block into a type of the plugin's own, which should `deny_unknown_fields`.
///
/// # Errors
///
/// The first thing that does not fit, with the pointer to it. What the types cannot say, `validate` checks afterwards,
/// all findings at once.
pub fn parse<T: DeserializeOwned>(config: &str) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_str(config);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|err| Problem::new(pointer(err.path()), without_place(&err.inner().to_string())))?;
    json.end().map_err(|err| Problem::new("", err.to_string()))?;
    Ok(value)
}

/// The path in the spelling of RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;

    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                format!("/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// Line and column are those of text that no operator ever saw.
fn without_place(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text)
}

/// Ties the types of one contract to [`Problem`].
macro_rules! diagnostics {
    () => {
        impl From<Problem> for Diagnostic {
            fn from(problem: Problem) -> Self {
                let Problem { pointer, message, hint } = problem;
                Self { severity: Severity::Error, pointer, message, hint }
            }
        }

        impl From<Problem> for Error {
            fn from(problem: Problem) -> Self {
                Self::Invalid(vec![problem.into()])
            }
        }

        impl From<Vec<Problem>> for Error {
            fn from(problems: Vec<Problem>) -> Self {
                Self::Invalid(problems.into_iter().map(Into::into).collect())
            }
        }
    };
}
pub(crate) use diagnostics;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Block {
        #[expect(dead_code, reason = "only its type matters")]
        zones: Vec<u8>,
    }

    #[test]
    fn a_wrong_type_is_pointed_at() {
        let problem = parse::<Block>(r#"{"zones": [1, "b"]}"#).expect_err("a string is no number");
        assert_eq!(problem.pointer, "/zones/1");
        assert_eq!(problem.message, "invalid type: string \"b\", expected u8");
    }

    #[test]
    fn an_unknown_key_is_pointed_at() {
        let problem = parse::<Block>(r#"{"zones": [], "zone": 1}"#).expect_err("an unknown key");
        assert_eq!(problem.pointer, "/zone");
    }

    #[test]
    fn text_after_the_block_is_refused() {
        parse::<Block>(r#"{"zones": []} x"#).expect_err("text after the block");
    }
}
