//! What Helm says when it will not or cannot: the one place where its words are read.
//!
//! Helm has one exit status for every failure. `tests/real_refusals.rs` and `tests/real_releases.rs` fail when a new Helm
//! says it otherwise; what is not known here still comes through, in Helm's own words.

use crate::error::HelmError;

/// Makes an error of Helm's words.
type Meaning = fn(String) -> HelmError;

/// Words of Helm, and what they mean. The first that matches counts, so the narrow ones stand before the wide ones.
const MEANINGS: [(&str, Meaning); 29] = [
    ("hooks failed", |detail| HelmError::HookFailed { hooks: Vec::new(), detail }),
    ("failed pre-install:", |detail| HelmError::HookFailed { hooks: Vec::new(), detail }),
    ("failed post-install:", |detail| HelmError::HookFailed { hooks: Vec::new(), detail }),
    ("chart requires kubeversion", |detail| HelmError::KubeVersion { detail }),
    ("execution error at", |detail| HelmError::Template { detail }),
    (" executing \"", |detail| HelmError::Template { detail }),
    ("parse error at", |detail| HelmError::Template { detail }),
    ("yaml parse error", |detail| HelmError::Template { detail }),
    ("error converting yaml", |detail| HelmError::Template { detail }),
    ("error calling", |detail| HelmError::Template { detail }),
    // Helm calls a cluster unreachable that refuses its token.
    ("provide credentials", |_| HelmError::CredentialRefused),
    ("cluster unreachable", |detail| HelmError::Unreachable { detail }),
    ("x509:", |detail| HelmError::Unreachable { detail }),
    ("connection refused", |detail| HelmError::Unreachable { detail }),
    ("must be logged in", |_| HelmError::CredentialRefused),
    ("unauthorized", |_| HelmError::CredentialRefused),
    ("invalid ownership metadata", |detail| HelmError::NotOurs { detail }),
    ("conflict occurred while applying", |detail| HelmError::FieldConflict { detail }),
    ("conflict with \"", |detail| HelmError::FieldConflict { detail }),
    ("failed calling webhook", |detail| HelmError::WebhookDown { detail }),
    ("exceeded quota", |detail| HelmError::Quota { detail }),
    ("validatingadmissionpolicy", |detail| HelmError::Denied { detail }),
    ("denied the request", |detail| HelmError::Denied { detail }),
    ("no matches for kind", |detail| HelmError::Refused { detail }),
    // An immutable field is `Forbidden: updates to ..`, inside of what is invalid.
    (" is invalid:", |detail| HelmError::Refused { detail }),
    ("field is immutable", |detail| HelmError::Refused { detail }),
    ("admission webhook", |detail| HelmError::Refused { detail }),
    ("is forbidden:", |detail| HelmError::Forbidden { detail }),
    ("already exists", |detail| HelmError::NotOurs { detail }),
];

/// What Helm says when another one works on the release, or died over it.
pub(crate) fn is_busy(stderr: &str) -> bool {
    stderr.contains("another operation (install/upgrade/rollback) is in progress")
}

/// Tells what a failure means. `exit` is how Helm ended.
pub(crate) fn read(stderr: &str, exit: &str) -> HelmError {
    let detail = words(stderr);
    if detail.contains("don't meet the specifications of the schema") {
        return HelmError::ValuesRefused { findings: findings(stderr) };
    }
    let lower = detail.to_lowercase();
    match MEANINGS.iter().find(|(said, _)| lower.contains(said)) {
        Some((_, meaning)) => meaning(detail),
        None => HelmError::Ended { exit: exit.to_owned(), detail },
    }
}

/// The error itself on one line, without log lines, advice and what every error starts with.
fn words(stderr: &str) -> String {
    let is_error =
        |line: &&str| !line.starts_with("level=") && !line.starts_with("Use --debug") && !line.trim().is_empty();
    let lines: Vec<&str> = stderr.lines().filter(is_error).map(str::trim).collect();
    let first = lines.iter().position(|line| line.starts_with("Error:")).unwrap_or_default();
    let text = lines[first.min(lines.len())..].join(" ");
    let text = text.strip_prefix("Error: ").unwrap_or(&text);
    let text = ["INSTALLATION FAILED: ", "UPGRADE FAILED: ", "UNINSTALLATION FAILED: "]
        .iter()
        .find_map(|start| text.strip_prefix(start))
        .unwrap_or(text);
    if text.is_empty() { "it said nothing".to_owned() } else { text.to_owned() }
}

/// Findings of a schema are lines `- at '/place': what`.
fn findings(stderr: &str) -> Vec<String> {
    let places = stderr.lines().filter_map(|line| line.trim().strip_prefix("- at "));
    places.map(|line| line.replace("'': ", "top level: ")).collect()
}

/// The last line of a log, for those who wait.
pub(crate) fn last_line(text: &str) -> String {
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_failure_keeps_its_words() {
        let told = read("level=WARN msg=\"x\"\nError: UPGRADE FAILED: something new\n", "exit status 1");
        assert_eq!(told.to_string(), "helm ended with exit status 1: something new");
        assert_eq!(read("", "SIGKILL").to_string(), "helm ended with SIGKILL: it said nothing");
    }

    #[test]
    fn a_fixed_field_is_not_taken_for_a_missing_permission() {
        let fixed = "Error: UPGRADE FAILED: failed to update: StatefulSet.apps \"x\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden";
        assert!(matches!(read(fixed, ""), HelmError::Refused { .. }));
        let denied = "Error: query: failed to query with labels: secrets is forbidden: User \"u\" cannot list resource";
        assert!(matches!(read(denied, ""), HelmError::Forbidden { .. }));
    }

    #[test]
    fn all_findings_of_a_schema_come_at_once() {
        let said = "Error: values don't meet the specifications of the schema(s) in the following chart(s):\ndss:\n- at '/a': got string, want integer\n- at '': additional properties 'foo' not allowed\n";
        assert_eq!(
            read(said, "").to_string(),
            "chart values refused: '/a': got string, want integer; top level: additional properties 'foo' not allowed"
        );
    }
}
