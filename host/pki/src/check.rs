//! What is wrong with a certificate, before it costs a node.

use std::net::IpAddr;
use std::time::Duration;

use hangar_plan::strategy::certificate::{CertificatePolicy, KeyAlgorithm, KeyUsage, Profile, SubjectAlternative};
use rustls_pki_types::{ServerName, UnixTime};

use crate::certificate::KeyStrength;
use crate::{Bundle, Certificate, Fingerprint, Key, PROBE_NAME};

mod finding;

pub use finding::CertificateFinding;

/// Checks a leaf against what its profile wants, the bundle that peers hold, and the time.
///
/// A database checks little of this at its start (CockroachDB loads an expired certificate without a word) and is then
/// refused by every peer, so all of it is looked at before a leaf goes anywhere.
#[must_use]
pub fn leaf(
    leaf: &Certificate,
    key: Option<&Key>,
    profile: &Profile,
    peers: &Bundle,
    reserved: &[String],
    now_ms: u64,
) -> Vec<CertificateFinding> {
    let mut found = Vec::new();
    if key.is_some_and(|key| !key.matches(leaf)) {
        found.push(CertificateFinding::KeyMismatch);
    }
    let validity = validity(leaf, now_ms);
    let is_valid = validity.is_none();
    found.extend(validity);
    found.extend(
        profile
            .usages
            .iter()
            .filter(|usage| !leaf.usages().contains(usage))
            .map(|usage| CertificateFinding::MissingUsage { usage: *usage }),
    );
    found.extend(uncovered(leaf, profile));
    found.extend(
        leaf.principals()
            .filter(|name| is_reserved(name, reserved) && !names_itself(profile, name))
            .map(|name| CertificateFinding::ReservedName { name: name.to_owned() }),
    );
    if is_valid && !profile.usages.iter().all(|usage| vouching(leaf, peers, *usage, now_ms).is_some()) {
        found.push(CertificateFinding::UnknownIssuer { issuer: leaf.issuer().to_owned() });
    }
    found
}

/// Checks an authority that somebody wants to be trusted.
#[must_use]
pub fn authority(certificate: &Certificate, now_ms: u64) -> Vec<CertificateFinding> {
    let mut found: Vec<_> = validity(certificate, now_ms).into_iter().collect();
    if !certificate.is_authority() || !certificate.may_sign_certificates() {
        found.push(CertificateFinding::NotAuthority);
    }
    if !certificate.has_subject_key_id() {
        found.push(CertificateFinding::NoKeyIdentifier);
    }
    // One of another kind than self-signed would be trusted on, and expire with, somebody else's word.
    if !certificate.signed_itself() {
        found.push(CertificateFinding::NotSelfSigned);
    }
    match certificate.key_strength() {
        KeyStrength::Rsa(bits) if bits < 2048 => found.push(CertificateFinding::WeakKey { kind: "RSA", bits }),
        KeyStrength::Ec(bits) if bits < 256 => found.push(CertificateFinding::WeakKey { kind: "EC", bits }),
        _ => {}
    }
    found
}

/// Checks the profiles of a strategy against each other and against the rule of reserved names.
#[must_use]
pub fn policy(policy: &CertificatePolicy) -> Vec<CertificateFinding> {
    let mut found = Vec::new();
    for (i, profile) in policy.profiles.iter().enumerate() {
        let refuse = |reason| CertificateFinding::Profile { profile: profile.id.clone(), reason };
        if policy.profiles[..i].iter().any(|former| former.id == profile.id) {
            found.push(refuse("stands twice"));
        }
        if common_name(profile).is_none() {
            found.push(refuse("has no common name"));
        }
        if common_name(profile) == Some(PROBE_NAME) {
            found.push(refuse("takes the name of probes"));
        }
        if profile.usages.is_empty() {
            found.push(refuse("has no usage"));
        }
        if profile.lifetime_hours == 0 || profile.lifetime_hours > policy.authority_lifetime_hours {
            found.push(refuse("does not live within its authority"));
        }
        if matches!(profile.algorithm, KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa4096) {
            found.push(refuse("wants an RSA key, which cannot be generated"));
        }
        found.extend(stray_name(profile, &policy.reserved_names).map(|name| CertificateFinding::ReservedName { name }));
    }
    found
}

/// The authority of the bundle that vouches for a leaf in this use at this time.
#[must_use]
pub fn vouching(leaf: &Certificate, bundle: &Bundle, usage: KeyUsage, now_ms: u64) -> Option<Fingerprint> {
    let entity = webpki::EndEntityCert::try_from(leaf.der()).ok()?;
    let time = UnixTime::since_unix_epoch(Duration::from_millis(now_ms));
    bundle.certificates().iter().filter(|authority| validity(authority, now_ms).is_none()).find_map(|authority| {
        let anchor = webpki::anchor_from_trusted_cert(authority.der()).ok()?;
        let usage = match usage {
            KeyUsage::ServerAuth => webpki::KeyUsage::server_auth(),
            KeyUsage::ClientAuth => webpki::KeyUsage::client_auth(),
        };
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        entity.verify_for_usage(algorithms, &[anchor], &[], time, usage, None, None).ok()?;
        Some(authority.fingerprint())
    })
}

/// Whether clients that dial this name or address accept the leaf for it.
#[must_use]
pub fn covers(leaf: &Certificate, name: &str) -> bool {
    let Ok(name) = ServerName::try_from(name) else {
        return false;
    };
    let Ok(entity) = webpki::EndEntityCert::try_from(leaf.der()) else {
        return false;
    };
    entity.verify_is_valid_for_subject_name(&name).is_ok()
}

/// The first name of a profile that stands for somebody else's identity. Compared without case: some databases fold it.
pub(crate) fn stray_name(profile: &Profile, reserved: &[String]) -> Option<String> {
    let common =
        profile.subject.iter().filter(|(attribute, _)| attribute.eq_ignore_ascii_case("CN")).map(|(_, name)| name);
    let dns = profile.alternatives.iter().filter_map(|name| match name {
        SubjectAlternative::Dns(name) => Some(name),
        SubjectAlternative::Ip(_) | SubjectAlternative::Uri(_) => None,
    });
    common.chain(dns).find(|name| is_reserved(name, reserved) && !names_itself(profile, name)).cloned()
}

fn is_reserved(name: &str, reserved: &[String]) -> bool {
    reserved.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// A profile is given an identity by its common name, exactly spelt; a DNS name of that spelling adds nothing.
fn names_itself(profile: &Profile, name: &str) -> bool {
    common_name(profile) == Some(name)
}

fn common_name(profile: &Profile) -> Option<&str> {
    let mut names = profile.subject.iter().filter(|(attribute, _)| attribute.eq_ignore_ascii_case("CN"));
    names.next().map(|(_, name)| name.as_str())
}

fn validity(certificate: &Certificate, now_ms: u64) -> Option<CertificateFinding> {
    if now_ms < certificate.not_before_ms() {
        return Some(CertificateFinding::NotYetValid { from_ms: certificate.not_before_ms() });
    }
    (now_ms > certificate.not_after_ms()).then(|| CertificateFinding::Expired { since_ms: certificate.not_after_ms() })
}

fn uncovered<'a>(leaf: &'a Certificate, profile: &'a Profile) -> impl Iterator<Item = CertificateFinding> + 'a {
    let missing = profile.alternatives.iter().filter(|name| !states(leaf, name));
    missing.map(|name| {
        let (SubjectAlternative::Dns(name) | SubjectAlternative::Ip(name) | SubjectAlternative::Uri(name)) = name;
        CertificateFinding::MissingName { name: name.clone() }
    })
}

fn states(leaf: &Certificate, wanted: &SubjectAlternative) -> bool {
    match wanted {
        SubjectAlternative::Dns(name) if !name.starts_with("*.") => covers(leaf, name),
        SubjectAlternative::Ip(address) => {
            address.parse::<IpAddr>().is_ok_and(|address| covers(leaf, &address.to_string()))
        }
        _ => leaf.alternatives().contains(wanted),
    }
}

#[cfg(test)]
mod tests;
