//! What is mounted, as metrics: the end of every certificate, so that no authority of a bundle ends unseen.

use crate::reload::Loaded;

/// Text exposition format of Prometheus. What nobody knows is not there.
pub(super) fn text(loaded: &Loaded, under_replicated: Option<usize>) -> String {
    let mut text = String::from(
        "# HELP hangar_certificate_not_after_seconds When a mounted certificate ends, in seconds since 1970.\n\
         # TYPE hangar_certificate_not_after_seconds gauge\n",
    );
    for certificate in &loaded.certificates {
        let labels = [
            ("file", certificate.file.as_str()),
            ("fingerprint", certificate.fingerprint.as_str()),
            ("subject", certificate.subject.as_str()),
            ("authority", if certificate.is_authority { "true" } else { "false" }),
        ];
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let end = certificate.not_after_ms / 1000;
        text += &format!("hangar_certificate_not_after_seconds{{{}}} {end}\n", labels.join(","));
    }
    for (name, help, value) in [
        ("hangar_certificates_pending", "Whether the database has not been told of the mounted files.", loaded.pending),
        ("hangar_certificates_broken", "Whether the mounted files are not whole.", loaded.problem.is_some()),
    ] {
        text += &format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {}\n", u8::from(value));
    }
    if let Some(n) = under_replicated {
        let name = "hangar_database_under_replicated_tablets";
        let help = "Tablets of the pool with fewer copies than they should have.";
        text += &format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {n}\n");
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use hangar_plan::strategy::observation::Certificate;

    use super::*;

    #[test]
    fn every_certificate_of_a_bundle_has_an_end() {
        let certificate = |subject: &str, not_after_ms| Certificate {
            file: "ca.crt".to_owned(),
            fingerprint: "ab".to_owned(),
            subject: subject.to_owned(),
            issuer: String::new(),
            alternatives: Vec::new(),
            not_before_ms: 0,
            not_after_ms,
            is_authority: true,
        };
        let loaded = Loaded {
            certificates: vec![certificate("CN=uss1", 5_999), certificate("CN=\"two\"", 7_000)],
            generation: String::new(),
            signalled_ms: None,
            pending: true,
            problem: None,
        };
        let text = super::text(&loaded, None);
        let line = |subject: &str, end: u32| {
            format!("{{file=\"ca.crt\",fingerprint=\"ab\",subject=\"{subject}\",authority=\"true\"}} {end}\n")
        };
        assert!(text.contains(&line("CN=uss1", 5)), "{text}");
        assert!(text.contains(&line("CN=\\\"two\\\"", 7)), "{text}");
        assert!(text.ends_with("hangar_certificates_broken 0\n"), "{text}");
        assert!(text.contains("\nhangar_certificates_pending 1\n"), "{text}");
        assert!(super::text(&loaded, Some(2)).ends_with("hangar_database_under_replicated_tablets 2\n"));
    }
}
