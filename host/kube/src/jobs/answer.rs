//! What a container says it wrote, against what was read of it.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Termination message of a container that answers by its log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Receipt {
    /// Bytes of the answer.
    pub(super) length: usize,
    /// SHA-256 over them, lower-case hexadecimal.
    sha256: String,
}

impl Receipt {
    pub(super) fn parse(message: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(message)
    }

    /// Finds the answer in a log: all of it, or one of its lines, since a log mixes what programs say on both outputs.
    pub(super) fn find<'a>(&self, log: &'a str) -> Option<&'a str> {
        std::iter::once(log).chain(log.split_inclusive('\n')).chain(log.lines()).find(|part| self.is_of(part))
    }

    fn is_of(&self, part: &str) -> bool {
        part.len() == self.length && hex::encode(Sha256::digest(part)) == self.sha256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(answer: &str) -> Receipt {
        Receipt { length: answer.len(), sha256: hex::encode(Sha256::digest(answer)) }
    }

    #[test]
    fn an_answer_is_found_whole_or_among_lines() {
        for answer in ["{\"a\":1}", "{\"a\":1}\n", "{\n}\n", "{\n}"] {
            assert_eq!(receipt(answer).find(answer), Some(answer));
        }
        assert_eq!(receipt("{}").find("warning\n{}\nbye\n"), Some("{}"));
        assert_eq!(receipt("{}\n").find("warning\n{}\nbye\n"), Some("{}\n"));
    }

    #[test]
    fn a_cut_or_changed_answer_is_none() {
        let given = receipt("{\"a\":1}");
        assert_eq!(given.find("{\"a\":"), None);
        assert_eq!(given.find("{\"a\":2}"), None);
        assert_eq!(given.find(""), None);
    }
}
