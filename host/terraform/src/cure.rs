//! What can be done about a diagnostic that any cloud's provider may give.

use crate::stream::Diagnostic;

/// Texts of terraform, OpenTofu and the system, and the cure. The first that is found counts.
const CURES: [(&[&str], &str); 6] = [
    (
        &["no space left on device", "disk quota exceeded"],
        "free some space and run the same command again: what was done is known, or taken back",
    ),
    (
        &["failed to persist state", "failed to save state", "error saving state", "error uploading state"],
        "see to it that the state's backend can be reached, and run the same command again: the state was set aside and is put in its place",
    ),
    (
        &[
            "plugin did not respond",
            "the plugin encountered an error",
            "plugin crashed",
            "failed to load plugin schemas",
        ],
        "the provider crashed: run the same command again, what is done stays done; if it crashes again, use another version of it",
    ),
    (
        &[
            "expiredtoken",
            "token has expired",
            "token is expired",
            "credentials have expired",
            "security token included in the request is expired",
        ],
        "sign in anew and run the same command again",
    ),
    (
        &["no valid credential sources", "could not find default credentials", "unable to authenticate"],
        "`hangar doctor` tells which credential is missing",
    ),
    (
        &[
            "no such host",
            "connection refused",
            "connection reset",
            "i/o timeout",
            "network is unreachable",
            "dial tcp",
            "tls handshake timeout",
        ],
        "see to the network and run the same command again: what is done stays done",
    ),
];

/// A cure that needs no knowledge of the cloud.
pub(crate) fn of(diagnostics: &[Diagnostic]) -> Option<String> {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    let texts: Vec<String> =
        errors.map(|diagnostic| format!("{} {}", diagnostic.summary, diagnostic.detail).to_lowercase()).collect();
    let is_found = |words: &[&str]| texts.iter().any(|text| words.iter().any(|word| text.contains(word)));
    CURES.iter().find(|(words, _)| is_found(words)).map(|(_, cure)| (*cure).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Severity;

    fn cure(severity: Severity, summary: &str, detail: &str) -> Option<String> {
        let (summary, detail) = (summary.to_owned(), detail.to_owned());
        of(&[Diagnostic { severity, summary, detail, address: None, range: None }])
    }

    #[test]
    fn failures_that_any_cloud_knows_have_their_cure() {
        let error = |summary, detail| cure(Severity::Error, summary, detail).unwrap_or_default();
        assert!(
            error("Failed to write", "write terraform.tfstate: no space left on device").contains("free some space")
        );
        assert!(error("Plugin did not respond", "The plugin encountered an error").contains("the provider crashed"));
        assert!(error("Failed to save state", "dial tcp: connection refused").contains("set aside"));
        assert!(error("reading VPC", "dial tcp 10.0.0.1:443: i/o timeout").contains("network"));
        assert!(error("creating EIP", "api error ExpiredToken: it is over").contains("sign in anew"));
        assert_eq!(cure(Severity::Error, "Unsupported argument", ""), None);
        assert_eq!(cure(Severity::Warning, "Plugin did not respond", ""), None);
    }
}
