//! Names, states and marks of releases.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Name of a release: a DNS label of at most 40 characters, so that the chart's object names fit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseName(String);

/// Why a text is no release name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot name a release: lower-case letters, digits and dashes, 40 at most")]
pub struct InvalidName(String);

impl ReleaseName {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`InvalidName`].
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
        let text = text.into();
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (1..=40).contains(&text.len()) && text.bytes().all(|byte| is_word(byte) || byte == b'-');
        let ends = [text.bytes().next(), text.bytes().last()];
        if fits && ends.iter().flatten().all(|byte| is_word(*byte)) { Ok(Self(text)) } else { Err(InvalidName(text)) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ReleaseName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::new(text)
    }
}

impl From<ReleaseName> for String {
    fn from(name: ReleaseName) -> Self {
        name.0
    }
}

/// State of one revision, in Helm's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Everything was applied.
    Deployed,
    /// Another revision took its place.
    Superseded,
    /// It was not all applied.
    Failed,
    /// A Helm works on it, or died over it; carries Helm's word (`pending-install`, ..).
    Pending(String),
    /// It is being taken away, or was.
    Uninstalled(String),
    /// A word this driver does not know.
    Other(String),
}

impl Status {
    /// Reads Helm's word.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "deployed" => Self::Deployed,
            "superseded" => Self::Superseded,
            "failed" => Self::Failed,
            "pending-install" | "pending-upgrade" | "pending-rollback" => Self::Pending(word.to_owned()),
            "uninstalling" | "uninstalled" => Self::Uninstalled(word.to_owned()),
            _ => Self::Other(word.to_owned()),
        }
    }

    /// Helm's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Deployed => "deployed",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Pending(word) | Self::Uninstalled(word) | Self::Other(word) => word,
        }
    }
}

/// What we write on a release, so that a later host knows it again. Helm keeps them as labels of every revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// Whose release it is: the same for all runs that share a journal and its lock. Letters, digits and `._-`.
    pub lineage: String,
    /// Who runs it, for people.
    pub actor: String,
}

/// Labels of the marks. They carry no domain: Helm separates labels by commas and nothing else.
pub(crate) const LINEAGE: &str = "hangar-lineage";
pub(crate) const ACTOR: &str = "hangar-actor";
pub(crate) const CHART: &str = "hangar-chart";
pub(crate) const VALUES: &str = "hangar-values";

/// Longest value of a label.
const LABEL: usize = 63;

impl Marks {
    /// The argument of `--labels`.
    pub(crate) fn to_labels(&self, chart_digest: &[u8; 32], values_digest: &[u8; 32]) -> String {
        [
            format!("{LINEAGE}={}", label(&self.lineage)),
            format!("{ACTOR}={}", label(&self.actor)),
            format!("{CHART}={}", label_of_digest(chart_digest)),
            format!("{VALUES}={}", label_of_digest(values_digest)),
        ]
        .join(",")
    }

    pub(crate) fn is_of(&self, lineage: Option<&str>) -> bool {
        lineage == Some(label(&self.lineage).as_str())
    }
}

/// A digest in a label: 64 hexadecimal digits are one too many, and base64 may start with a dash, which a label may not.
pub(crate) fn label_of_digest(digest: &[u8; 32]) -> String {
    format!("s{}s", BASE64_URL_SAFE_NO_PAD.encode(digest))
}

pub(crate) fn digest_of_label(label: &str) -> Option<String> {
    let inner = label.strip_prefix('s')?.strip_suffix('s')?;
    BASE64_URL_SAFE_NO_PAD.decode(inner).ok().map(hex::encode)
}

/// What a label can carry of a text.
fn label(text: &str) -> String {
    let spelt: String = text
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' })
        .collect();
    let cut: String = spelt.chars().take(LABEL).collect();
    cut.trim_matches(|letter: char| !letter.is_ascii_alphanumeric()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_the_chart_can_use() {
        for name in ["dss", "a", "dss-2", &"x".repeat(40)] {
            assert!(ReleaseName::new(name).is_ok(), "{name}");
        }
        for name in ["", "-dss", "dss-", "DSS", "d.s", &"x".repeat(41)] {
            assert!(ReleaseName::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn marks_fit_into_labels_and_digests_come_back() {
        let marks = Marks { lineage: "0190-ab".to_owned(), actor: "ana müller@build-3 ".to_owned() };
        let labels = marks.to_labels(&[0xfb; 32], &[0; 32]);
        insta::assert_snapshot!(labels, @"hangar-lineage=0190-ab,hangar-actor=ana-m-ller-build-3,hangar-chart=s-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_ss,hangar-values=sAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAs");
        assert_eq!(digest_of_label(&label_of_digest(&[0xfb; 32])), Some("fb".repeat(32)));
        assert!(label_of_digest(&[7; 32]).len() <= LABEL);
        assert!(marks.is_of(Some("0190-ab")) && !marks.is_of(None));
    }

    #[test]
    fn every_word_of_helm_is_known() {
        for word in [
            "deployed",
            "superseded",
            "failed",
            "pending-install",
            "pending-upgrade",
            "pending-rollback",
            "uninstalling",
            "uninstalled",
        ] {
            assert!(!matches!(Status::parse(word), Status::Other(_)), "{word}");
            assert_eq!(Status::parse(word).as_str(), word);
        }
    }
}
