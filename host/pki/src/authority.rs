//! A member's certificate authority.

use std::fmt;

use hangar_plan::strategy::certificate::{KeyAlgorithm, KeyUsage, Placement, Profile, Reload};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyUsagePurpose};

use crate::leaf::{moment, params, random_serial};
use crate::subject::{LONGEST, distinguished};
use crate::{Certificate, Key, KeyPem, Leaf, PkiError};

/// Common name of a probe's leaf. It names nobody: a server that knows our authority refuses it as an identity, and that
/// answer is the proof.
pub const PROBE_NAME: &str = "hangar-probe";

const HOUR_MS: u64 = 3_600_000;

/// How far certificates start in the past, against clocks that are behind: 24 h, as `cockroach cert` does it
/// (`pkg/security/x509.go`, `validFrom`).
const BACKDATED_MS: u64 = 24 * HOUR_MS;

/// The same for a leaf that lives minutes only. Clocks further apart than this stop a database anyhow.
const PROBE_BACKDATED_MS: u64 = HOUR_MS / 12;

/// What is wanted of a new authority.
#[derive(Debug, Clone, Copy)]
pub struct AuthorityRequest<'a> {
    /// Organisation, as partners read it.
    pub organisation: &'a str,
    /// Pool.
    pub pool: &'a str,
    /// Kind of key.
    pub algorithm: KeyAlgorithm,
    /// Hours from now.
    pub lifetime_hours: u32,
}

/// A certificate authority with its key. Lives in memory only while it signs.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, Key>,
}

impl Authority {
    /// Makes a new authority, distinct by subject, key and key identifier from any other, its organisation's former one included.
    ///
    /// Path length 0: it signs leaves and nothing that signs. Key usages are those of `cockroach cert create-ca`.
    ///
    /// # Errors
    ///
    /// [`PkiError::UnsupportedAlgorithm`], [`PkiError::NameTooLong`], [`PkiError::Time`], [`PkiError::Random`].
    pub fn found(request: AuthorityRequest<'_>, now_ms: u64) -> Result<Self, PkiError> {
        let serial = random_serial()?;
        let name = common_name(&request, &hex::encode(&serial.as_ref()[..4]))?;
        let key = Key::generate(request.algorithm)?;
        let mut params = CertificateParams::default();
        params.distinguished_name =
            distinguished(&[("O".to_owned(), request.organisation.to_owned()), ("CN".to_owned(), name.clone())])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::ContentCommitment,
            KeyUsagePurpose::KeyCertSign,
        ];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial);
        params.not_before = moment(now_ms.saturating_sub(BACKDATED_MS))?;
        params.not_after = moment(now_ms + u64::from(request.lifetime_hours) * HOUR_MS)?;
        let made = params.self_signed(&key).map_err(|err| PkiError::Make { subject: name, err })?;
        Self::load(Certificate::from_der(made.der().to_vec())?, key)
    }

    /// Takes up an authority that was made before.
    ///
    /// # Errors
    ///
    /// [`PkiError::NotAuthority`] if the certificate may not sign, [`PkiError::KeyMismatch`] if the key is of another one.
    pub fn load(certificate: Certificate, key: Key) -> Result<Self, PkiError> {
        let subject = certificate.subject().to_owned();
        if !certificate.is_authority() || !certificate.may_sign_certificates() {
            return Err(PkiError::NotAuthority { subject });
        }
        if !key.matches(&certificate) {
            return Err(PkiError::KeyMismatch { subject });
        }
        let issuer = Issuer::from_ca_cert_der(certificate.der(), key).map_err(|err| PkiError::Make { subject, err })?;
        Ok(Self { certificate, issuer })
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its private key, to be sealed and put into the secret store.
    #[must_use]
    pub fn key_pem(&self) -> KeyPem {
        self.issuer.key().to_pem()
    }

    /// Issues a leaf with a new key.
    ///
    /// `reserved` are the names that stand for an identity, such as `root`: a leaf carries one only if its profile's common
    /// name is that very name.
    ///
    /// # Errors
    ///
    /// [`PkiError::OutlivesAuthority`], [`PkiError::ReservedName`], [`PkiError::Subject`], [`PkiError::Alternative`],
    /// [`PkiError::UnsupportedAlgorithm`].
    pub fn issue(&self, profile: &Profile, reserved: &[String], now_ms: u64) -> Result<Leaf, PkiError> {
        let lifetime_ms = u64::from(profile.lifetime_hours) * HOUR_MS;
        self.sign(profile, reserved, now_ms, now_ms.saturating_sub(BACKDATED_MS), lifetime_ms)
    }

    /// Issues the leaf of a probe Job: client only, named [`PROBE_NAME`], valid for minutes.
    ///
    /// # Errors
    ///
    /// [`PkiError::OutlivesAuthority`] once the authority itself ends sooner than that.
    pub fn probe_leaf(&self, minutes: u32, now_ms: u64) -> Result<Leaf, PkiError> {
        let lifetime_ms = u64::from(minutes) * 60_000;
        self.sign(&probe_profile(), &[], now_ms, now_ms.saturating_sub(PROBE_BACKDATED_MS), lifetime_ms)
    }

    fn sign(
        &self,
        profile: &Profile,
        reserved: &[String],
        now_ms: u64,
        not_before_ms: u64,
        lifetime_ms: u64,
    ) -> Result<Leaf, PkiError> {
        if let Some(name) = crate::check::stray_name(profile, reserved) {
            return Err(PkiError::ReservedName { profile: profile.id.clone(), name });
        }
        let left_ms = self.certificate.not_after_ms().saturating_sub(now_ms);
        if lifetime_ms > left_ms {
            let (wanted_hours, left_hours) = (lifetime_ms.div_ceil(HOUR_MS), left_ms / HOUR_MS);
            return Err(PkiError::OutlivesAuthority { profile: profile.id.clone(), wanted_hours, left_hours });
        }
        let not_before_ms = not_before_ms.max(self.certificate.not_before_ms());
        let params = params(profile, not_before_ms, now_ms + lifetime_ms)?;
        let key = Key::generate(profile.algorithm)?;
        let made =
            params.signed_by(&key, &self.issuer).map_err(|err| PkiError::Make { subject: profile.id.clone(), err })?;
        Ok(Leaf { certificate: Certificate::from_der(made.der().to_vec())?, key })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// `<organisation> <pool> CA <serial part>`; a long organisation is cut, since the part of the serial keeps names apart.
fn common_name(request: &AuthorityRequest<'_>, serial_part: &str) -> Result<String, PkiError> {
    let rest = format!(" {} CA {serial_part}", request.pool);
    let room = LONGEST.saturating_sub(rest.chars().count());
    if room == 0 {
        let name = request.pool.to_owned();
        return Err(PkiError::NameTooLong { n_chars: name.chars().count(), name, most: LONGEST - 14 });
    }
    Ok(request.organisation.chars().take(room).chain(rest.chars()).collect())
}

fn probe_profile() -> Profile {
    Profile {
        id: "probe".to_owned(),
        subject: vec![("CN".to_owned(), PROBE_NAME.to_owned())],
        alternatives: Vec::new(),
        usages: vec![KeyUsage::ClientAuth],
        algorithm: KeyAlgorithm::EcdsaP256,
        lifetime_hours: 1,
        placement: Placement {
            secret: String::new(),
            certificate_file: "tls.crt".to_owned(),
            key_file: "tls.key".to_owned(),
            bundle_file: None,
        },
        workload: String::new(),
        reload: Reload::None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use hangar_plan::strategy::certificate::SubjectAlternative;

    use super::*;

    pub(crate) const NOW: u64 = 1_800_000_000_000;

    pub(crate) fn authority(organisation: &str) -> Result<Authority, PkiError> {
        let request = AuthorityRequest {
            organisation,
            pool: "us-east",
            algorithm: KeyAlgorithm::EcdsaP256,
            lifetime_hours: 87_600,
        };
        Authority::found(request, NOW)
    }

    pub(crate) fn node_profile() -> Profile {
        Profile {
            id: "node".to_owned(),
            subject: vec![("O".to_owned(), "Cockroach".to_owned()), ("CN".to_owned(), "node".to_owned())],
            alternatives: vec![
                SubjectAlternative::Dns("localhost".to_owned()),
                SubjectAlternative::Dns("*.cockroachdb.dss".to_owned()),
                SubjectAlternative::Dns("0.db.uss1.example.com".to_owned()),
                SubjectAlternative::Ip("127.0.0.1".to_owned()),
            ],
            usages: vec![KeyUsage::ServerAuth, KeyUsage::ClientAuth],
            lifetime_hours: 8760,
            ..probe_profile()
        }
    }

    #[test]
    fn two_authorities_of_one_organisation_have_two_subjects() -> anyhow::Result<()> {
        let (one, two) = (authority("uss1")?, authority("uss1")?);
        assert_ne!(one.certificate().raw_subject(), two.certificate().raw_subject());
        let subject = one.certificate().subject();
        assert!(subject.starts_with("CN=uss1 us-east CA ") && subject.ends_with(",O=uss1"), "{subject}");
        Ok(())
    }

    #[test]
    fn an_authority_survives_its_text() -> anyhow::Result<()> {
        let made = authority("uss1")?;
        let certificate = Certificate::from_pem(&made.certificate().to_pem())?;
        let again = Authority::load(certificate, Key::from_pem(&made.key_pem())?)?;
        let leaf = again.issue(&node_profile(), &[], NOW)?;
        assert_eq!(leaf.certificate.issuer(), made.certificate().subject());
        Ok(())
    }

    #[test]
    fn a_key_of_another_authority_is_refused() -> anyhow::Result<()> {
        let (one, two) = (authority("uss1")?, authority("uss2")?);
        let swapped = Authority::load(one.certificate().clone(), Key::from_pem(&two.key_pem())?);
        assert!(matches!(swapped, Err(PkiError::KeyMismatch { .. })));
        let leaf = one.issue(&node_profile(), &[], NOW)?;
        assert!(matches!(Authority::load(leaf.certificate, leaf.key), Err(PkiError::NotAuthority { .. })));
        Ok(())
    }

    #[test]
    fn a_leaf_never_outlives_its_authority() -> anyhow::Result<()> {
        let ours = authority("uss1")?;
        let late = NOW + 87_000 * HOUR_MS;
        let refused = ours.issue(&node_profile(), &[], late).expect_err("600 h are left");
        assert_eq!(refused.to_string(), "`node` wants 8760 h, and the certificate authority has 600 h left");
        assert!(ours.issue(&Profile { lifetime_hours: 600, ..node_profile() }, &[], late).is_ok());
        Ok(())
    }

    #[test]
    fn a_leaf_starts_a_day_ago_and_never_before_its_authority() -> anyhow::Result<()> {
        let ours = authority("uss1")?;
        let at_once = ours.issue(&node_profile(), &[], NOW)?.certificate;
        assert_eq!(at_once.not_before_ms(), ours.certificate().not_before_ms());
        let later = ours.issue(&node_profile(), &[], NOW + 5 * HOUR_MS)?.certificate;
        assert_eq!(later.not_before_ms(), NOW + 5 * HOUR_MS - BACKDATED_MS);
        Ok(())
    }

    #[test]
    fn a_probe_leaf_names_nobody_and_lives_minutes() -> anyhow::Result<()> {
        let leaf = authority("uss1")?.probe_leaf(10, NOW)?.certificate;
        assert_eq!(leaf.principals().collect::<Vec<_>>(), [PROBE_NAME]);
        assert_eq!(leaf.usages(), [KeyUsage::ClientAuth]);
        assert_eq!(leaf.not_after_ms(), NOW + 600_000);
        Ok(())
    }

    #[test]
    fn long_names_keep_the_part_that_tells_authorities_apart() {
        let request = AuthorityRequest {
            organisation: "An Organisation With A Very Long Registered Name Incorporated",
            pool: "us-east",
            algorithm: KeyAlgorithm::EcdsaP256,
            lifetime_hours: 1,
        };
        let name = common_name(&request, "0011aabb").expect("fits");
        assert_eq!((name.chars().count(), name.ends_with(" us-east CA 0011aabb")), (64, true));
    }

    #[test]
    fn an_address_is_not_taken_for_a_name() -> anyhow::Result<()> {
        let profile = Profile { alternatives: vec![SubjectAlternative::Dns("127.0.0.1".to_owned())], ..node_profile() };
        let refused = authority("uss1")?.issue(&profile, &[], NOW).expect_err("no DNS name");
        assert_eq!(refused.to_string(), "alternative name `127.0.0.1` is an address: state it as `ip`");
        Ok(())
    }
}
