//! Certificates as values that a strategy and an operator read.

use hangar_plan::strategy::certificate::SubjectAlternative;
use hangar_plan::strategy::{member, observation};

use crate::{Bundle, Certificate, PkiError};

/// Lists the certificates of one file or Secret key. `file` is only repeated in the answer.
///
/// # Errors
///
/// As [`Bundle::parse`]: a file that is not wholly readable is not half listed.
pub fn inventory(file: &str, pem: &str) -> Result<Vec<observation::Certificate>, PkiError> {
    Ok(Bundle::parse(pem)?.certificates().iter().map(|certificate| observed(file, certificate)).collect())
}

/// One certificate as seen in this file. Alternatives are `dns:`, `ip:` or `uri:` and the name.
#[must_use]
pub fn observed(file: &str, certificate: &Certificate) -> observation::Certificate {
    observation::Certificate {
        file: file.to_owned(),
        fingerprint: certificate.fingerprint().to_string(),
        subject: certificate.subject().to_owned(),
        issuer: certificate.issuer().to_owned(),
        alternatives: certificate.alternatives().iter().map(alternative).collect(),
        not_before_ms: certificate.not_before_ms(),
        not_after_ms: certificate.not_after_ms(),
        is_authority: certificate.is_authority(),
    }
}

/// One authority as a member's record shows it to a strategy.
#[must_use]
pub fn authority(certificate: &Certificate) -> member::Authority {
    member::Authority {
        fingerprint: certificate.fingerprint().to_string(),
        subject: certificate.subject().to_owned(),
        not_before_ms: certificate.not_before_ms(),
        not_after_ms: certificate.not_after_ms(),
        pem: certificate.to_pem(),
    }
}

fn alternative(name: &SubjectAlternative) -> String {
    match name {
        SubjectAlternative::Dns(name) => format!("dns:{name}"),
        SubjectAlternative::Ip(address) => format!("ip:{address}"),
        SubjectAlternative::Uri(uri) => format!("uri:{uri}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::tests::{NOW, authority, node_profile};

    #[test]
    fn an_inventory_says_all_a_strategy_asks_of_a_file() -> anyhow::Result<()> {
        let ours = authority("uss1")?;
        let leaf = ours.issue(&node_profile(), &[], NOW)?.certificate;
        let listed = inventory("node.crt", &leaf.to_pem())?;
        assert_eq!(
            listed,
            [observation::Certificate {
                file: "node.crt".to_owned(),
                fingerprint: leaf.fingerprint().to_string(),
                subject: "CN=node,O=Cockroach".to_owned(),
                issuer: ours.certificate().subject().to_owned(),
                alternatives: ["dns:localhost", "dns:*.cockroachdb.dss", "dns:0.db.uss1.example.com", "ip:127.0.0.1"]
                    .map(str::to_owned)
                    .to_vec(),
                not_before_ms: NOW - 86_400_000,
                not_after_ms: NOW + 8760 * 3_600_000,
                is_authority: false,
            }]
        );
        Ok(())
    }
}
