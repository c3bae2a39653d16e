//! Whom the pods of others trust, and whom they would trust as the chart wants them.

use std::collections::BTreeMap;

use hangar_engine::StepError;
use hangar_kube::mounted::{self, Mounted, MountedFile};
use hangar_pki::Certificate;

use crate::clock::now_ms;
use crate::hands::outside;
use crate::services::{Services, failed};

/// The file of authorities in the folder of a database, whichever Secret it comes from.
const AUTHORITIES: &str = "ca.crt";
const DAY_MS: u64 = 24 * 3_600_000;

/// Why pods that stand are not taken over.
#[derive(Debug, thiserror::Error)]
enum TrustError {
    /// Somebody whom the pods believe now would be refused by them.
    #[error("once restarted, pods of stateful set `{set}` would no longer trust {authorities}")]
    Lost { set: String, authorities: String },
    /// The pods would not start.
    #[error("once restarted, pods of stateful set `{set}` would need Secret `{secret}`, which is not there")]
    NoSecret { set: String, secret: String },
}

/// What the pods of others have of certificates.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    /// One line a certificate.
    pub(super) lines: Vec<String>,
    lacks: Vec<TrustError>,
}

impl Trust {
    /// Looks at every set that stands under a name of the chart's.
    pub(crate) async fn of(services: &Services, overlay: &str) -> Result<Self, StepError> {
        let (manifest, mut trust) = (services.rendered(overlay).await?, Self::default());
        for object in manifest.objects().filter(|object| object.kind == "StatefulSet") {
            let (cluster, namespace) = (&services.cluster, services.namespace.as_str());
            let stands = mounted::by_set(cluster, namespace, &object.name).await.map_err(outside)?;
            let Some(stands) = stands else { continue };
            let wanted = manifest.value(object).map_err(failed)?;
            let wanted = mounted::by_wanted(cluster, namespace, &wanted).await.map_err(outside)?;
            trust.compare(&object.name, &stands, &wanted);
        }
        Ok(trust)
    }

    fn compare(&mut self, set: &str, stands: &Mounted, wanted: &Mounted) {
        self.lines.extend(stands.files.iter().flat_map(lines));
        let (before, after) = (authorities(stands), authorities(wanted));
        let lost: Vec<_> = before.iter().filter(|(fingerprint, _)| !after.contains_key(*fingerprint)).collect();
        if !lost.is_empty() {
            let named = lost.iter().map(|(fingerprint, subject)| format!("`{subject}` ({fingerprint})"));
            let authorities = named.collect::<Vec<_>>().join(", ");
            self.lacks.push(TrustError::Lost { set: set.to_owned(), authorities });
        }
        let missing = wanted.missing.iter().cloned();
        self.lacks.extend(missing.map(|secret| TrustError::NoSecret { set: set.to_owned(), secret }));
    }

    /// What would be lost, in words.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        self.lacks.iter().map(|lack| format!("! {lack}"))
    }

    /// Refuses what would cost trust.
    pub(super) fn allow(self) -> Result<(), StepError> {
        self.allow_or(
            "name the Secrets that stand in the values file: the chart's README has those of other tools under `Taking over an instance that stands`",
        )
    }

    /// As above, of a member, whose pods trust whom the roster names.
    pub(crate) fn allow_member(self) -> Result<(), StepError> {
        self.allow_or(
            "whoever it is comes into the roster first: `hangar pool request --adopt`; one that left long ago is taken out of the Secret by hand",
        )
    }

    fn allow_or(self, hint: &str) -> Result<(), StepError> {
        let Some(first) = self.lacks.into_iter().next() else { return Ok(()) };
        Err(StepError::person(first).with_hint(hint))
    }
}

/// Subjects by fingerprint.
fn authorities(mounted: &Mounted) -> BTreeMap<String, String> {
    let files = mounted.files.iter().filter(|file| file.path == AUTHORITIES);
    let all = files.flat_map(certificates).filter(Certificate::is_authority);
    all.map(|one| (one.fingerprint().to_string(), one.subject().to_owned())).collect()
}

fn lines(file: &MountedFile) -> Vec<String> {
    let (secret, key) = (&file.secret, &file.key);
    let line = |one: Certificate| {
        let left = one.not_after_ms().checked_sub(now_ms()).map(|left| left / DAY_MS);
        let end = left.map_or("is over".to_owned(), |days| format!("ends in {days} days"));
        let kind = if one.is_authority() { "authority" } else { "certificate" };
        format!("  {kind} in Secret {secret}/{key}: `{}`, {end}, SHA-256 {}", one.subject(), one.fingerprint())
    };
    certificates(file).map(line).collect()
}

/// One that cannot be read is no reason not to see the others.
fn certificates(file: &MountedFile) -> impl Iterator<Item = Certificate> + use<> {
    hangar_pki::Bundle::parse(&file.pem).unwrap_or_default().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(secret: &str, path: &str, pem: &str) -> MountedFile {
        MountedFile { secret: secret.into(), key: path.into(), path: path.into(), pem: pem.into() }
    }

    fn authority(name: &str) -> anyhow::Result<String> {
        let mut params = rcgen::CertificateParams::new(Vec::new())?;
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Ok(params.self_signed(&rcgen::KeyPair::generate()?)?.pem())
    }

    #[test]
    fn an_authority_that_only_the_old_pods_see_is_named_before_it_is_lost() -> anyhow::Result<()> {
        let (own, other) = (authority("uss1")?, authority("uss2")?);
        let bundle = format!("{own}{other}");
        let stands = Mounted {
            files: vec![file("cockroachdb.node", "ca.crt", &own), file("cockroachdb.ca.crt", "ca.crt", &bundle)],
            missing: Vec::new(),
        };
        let mut trust = Trust::default();
        trust.compare(
            "db",
            &stands,
            &Mounted { files: vec![file("cockroachdb.node", "ca.crt", &own)], missing: Vec::new() },
        );
        let told: Vec<String> = trust.warnings().collect();
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("! once restarted, pods of stateful set `db` would no longer trust `CN=uss2` ("),
            "{told:?}"
        );
        assert_eq!(trust.lines.len(), 3, "{:?}", trust.lines);
        assert!(trust.lines[0].starts_with("  authority in Secret cockroachdb.node/ca.crt: `CN=uss1`, ends in "));
        let err = trust.allow().expect_err("trust would be lost");
        assert_eq!(err.kind(), hangar_engine::FailureKind::Person);

        let mut kept = Trust::default();
        kept.compare("db", &stands, &Mounted { files: vec![file("other", "ca.crt", &bundle)], missing: Vec::new() });
        assert!(kept.allow().is_ok());
        Ok(())
    }

    #[test]
    fn a_secret_that_is_not_there_is_named() {
        let mut trust = Trust::default();
        let wanted = Mounted { files: Vec::new(), missing: vec!["dss-cockroachdb-node".into()] };
        trust.compare("db", &Mounted::default(), &wanted);
        let told = trust.allow().expect_err("pods would not start").to_string();
        assert_eq!(
            told,
            "once restarted, pods of stateful set `db` would need Secret `dss-cockroachdb-node`, which is not there"
        );
    }
}
