//! What a round of probes has seen, and how it survives a container's log.

use hangar_plan::strategy::observation::Observation;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a round has seen. One line of JSON on the container's standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Report {
    /// Always 1.
    pub version: u32,
    /// One for each probe, in the order of the specification.
    pub results: Vec<Answer>,
}

/// The answer to one probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Answer {
    /// The probe's id.
    pub id: String,
    /// Milliseconds since 1970-01-01T00:00:00Z, by the clock of the node it ran on.
    pub at_ms: u64,
    /// What was seen.
    pub observation: Observation,
}

/// What the termination message says of the report: a log can be cut or mixed with other lines, and a part of a report must
/// not pass for the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Seal {
    /// Bytes of the line, without its newline.
    pub length: usize,
    /// SHA-256 over them, lower-case hexadecimal.
    pub sha256: String,
}

impl Seal {
    /// The seal of a line.
    #[must_use]
    pub fn of(line: &str) -> Self {
        Self { length: line.len(), sha256: hex::encode(Sha256::digest(line)) }
    }
}

impl Report {
    /// The report as one line.
    ///
    /// # Panics
    ///
    /// Never: a report has no map whose keys are not strings.
    #[must_use]
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("an observation is always JSON")
    }

    /// Finds the report of this seal in a container's log; nothing if no line of it is whole.
    #[must_use]
    pub fn find(log: &str, seal: &Seal) -> Option<Self> {
        let line = log.lines().rev().find(|line| line.len() == seal.length && Seal::of(line) == *seal)?;
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_found_among_other_lines_and_only_whole() {
        let answer = Answer { id: "one".to_owned(), at_ms: 1, observation: Observation::Absent };
        let report = Report { version: 1, results: vec![answer] };
        let line = report.to_line();
        let seal = Seal::of(&line);
        let log = format!("warning: something\n{line}\nbye\n");
        assert_eq!(Report::find(&log, &seal), Some(report));
        assert_eq!(Report::find(&log.replace("one", "two"), &seal), None);
        assert_eq!(Report::find(&line[..line.len() - 1], &seal), None);
    }
}
