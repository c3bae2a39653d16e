//! Which of our authorities is in use.

use hangar_pool::OwnRecord;

/// Places of authorities of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Signing {
    /// Signs leaves: the newest that every other member says it has loaded.
    pub(crate) leaves: usize,
    /// Shown by probes: the newest that our record names, so that it is seen who takes it.
    pub(crate) probes: usize,
}

/// Which of our authorities are in use, by the verified records.
pub(crate) fn signing(own: &OwnRecord, authorities: &[hangar_pki::Authority]) -> Signing {
    let roster = own.roster();
    let named = roster.own_record().record().presence.fingerprints();
    let place = |fingerprint: &hangar_roster::CaFingerprint| {
        authorities.iter().position(|one| one.certificate().fingerprint().to_string() == fingerprint.to_string())
    };
    let is_loaded = |fingerprint: &&hangar_roster::CaFingerprint| {
        roster.in_pool().filter(|member| *member != roster.own()).all(|member| roster.has_deployed(member, fingerprint))
    };
    let newest = named.last().and_then(place).unwrap_or_default();
    let loaded = named.iter().rev().find(is_loaded).or(named.first()).and_then(place);
    Signing { leaves: loaded.unwrap_or_default(), probes: newest }
}
