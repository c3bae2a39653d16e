//! Certificates that were seen, when they end, and where it is not known what there is.

use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::decision::Finding;
use hangar_plan::strategy::observation::{self, Observation};
use hangar_pool::describe;
use serde::Serialize;

use crate::clock::now_ms;

/// Days before its end from which a certificate is told about, and how much it matters then.
const DAYS: [(u64, Severity); 3] = [(7, Severity::Error), (30, Severity::Warning), (60, Severity::Note)];
const DAY_MS: u64 = 24 * 3_600_000;

/// One certificate and where it is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CertificateEntry {
    /// `member NAME`, Secret and file, or the node that shows it.
    pub place: String,
    /// Whose it is; none: ours.
    pub member: Option<String>,
    /// Whether it signs others.
    pub is_authority: bool,
    /// RFC 4514 form.
    pub subject: String,
    /// Subject alternative names.
    pub alternatives: Vec<String>,
    /// SHA-256 over the DER form.
    pub fingerprint: String,
    /// Milliseconds since 1970.
    pub not_after_ms: u64,
    /// Whole days left; none once it is over.
    pub days_left: Option<u64>,
    /// How much its end matters by now.
    pub severity: Option<Severity>,
}

impl CertificateEntry {
    /// Of a member, or ours if it is nobody's.
    pub(super) fn new(place: String, member: Option<&str>, one: observation::Certificate) -> Self {
        let observation::Certificate { subject, alternatives, fingerprint, not_after_ms, is_authority, .. } = one;
        let member = member.map(ToOwned::to_owned);
        let left = not_after_ms.checked_sub(now_ms());
        let severity = match left {
            None => Some(Severity::Error),
            Some(left) => DAYS.iter().find(|(days, _)| left <= days * DAY_MS).map(|(_, severity)| *severity),
        };
        let days_left = left.map(|left| left / DAY_MS);
        Self { place, member, is_authority, subject, alternatives, fingerprint, not_after_ms, days_left, severity }
    }

    /// Whether it is over, or will be before so many days have passed.
    #[must_use]
    pub fn ends_within(&self, days: u64) -> bool {
        self.not_after_ms <= now_ms().saturating_add(days.saturating_mul(DAY_MS))
    }

    /// Whether it is a leaf of ours that is over.
    #[must_use]
    pub fn is_own_over(&self) -> bool {
        self.member.is_none() && !self.is_authority && self.days_left.is_none()
    }

    /// The member who replaces it; none: this one.
    #[must_use]
    pub fn whose(&self) -> Option<&str> {
        self.member.as_deref()
    }

    /// What replaces it.
    #[must_use]
    pub fn next_command(&self) -> &'static str {
        if self.is_authority { "`hangar pool rotate-ca`" } else { "`hangar cert renew`" }
    }

    /// What a status says about its end; nothing while that is far off.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        let left = self.days_left.map_or("is over".to_owned(), |days| format!("ends in {days} days"));
        Some(Finding {
            severity: self.severity?,
            subject: format!("certificate:{:.16}", self.fingerprint),
            message: format!("`{}` in {} {left}", self.subject, self.place),
            cure: Some(self.next_command().into()),
            whose: self.whose().map(ToOwned::to_owned),
        })
    }
}

/// Certificates, and the places where it is not known what there is.
#[derive(Debug, Default)]
pub struct Certificates {
    /// Every certificate that was seen.
    pub all: Vec<CertificateEntry>,
    /// Every place that could not be looked at.
    pub unseen: Vec<Unseen>,
}

/// A place whose certificates are not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unseen {
    /// Secret, or node.
    pub place: String,
    /// Whose it is; none: ours.
    pub member: Option<String>,
    /// What was seen in its stead.
    pub why: String,
}

impl Certificates {
    /// What a status says: which ends soon, and what could not be looked at.
    pub(crate) fn findings(&self) -> impl Iterator<Item = Finding> {
        let unseen = self.unseen.iter().map(|one| Finding {
            severity: Severity::Warning,
            subject: format!("certificate:{}", one.place),
            message: format!("the certificates in {} cannot be looked at: {}", one.place, one.why),
            cure: Some("`hangar up`".into()),
            whose: one.member.clone(),
        });
        self.all.iter().filter_map(CertificateEntry::finding).chain(unseen)
    }

    /// Takes up what was seen of ours, or of a member's, in one place.
    pub(super) fn take(
        &mut self,
        place: &str,
        member: Option<&str>,
        observation: Observation,
    ) -> Vec<observation::Certificate> {
        match observation {
            Observation::Certificates(seen) => seen,
            other => {
                let (place, why) = (place.to_owned(), describe(&other));
                self.unseen.push(Unseen { place, member: member.map(ToOwned::to_owned), why });
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(is_authority: bool, not_after_ms: u64) -> observation::Certificate {
        observation::Certificate {
            file: String::new(),
            fingerprint: "ab".repeat(32),
            subject: "CN=uss2".into(),
            issuer: "CN=uss2".into(),
            alternatives: Vec::new(),
            not_before_ms: 0,
            not_after_ms,
            is_authority,
        }
    }

    fn ending_in(days: u64) -> CertificateEntry {
        let one = certificate(true, now_ms() + days * DAY_MS + 1_000);
        CertificateEntry::new("member uss2".into(), Some("uss2"), one)
    }

    #[test]
    fn an_end_matters_more_at_sixty_thirty_and_seven_days() {
        let severities = [61, 59, 29, 6].map(|days| ending_in(days).severity);
        assert_eq!(severities, [None, Some(Severity::Note), Some(Severity::Warning), Some(Severity::Error)]);
        let finding = ending_in(6).finding().expect("it is near");
        assert_eq!(finding.cure.as_deref(), Some("`hangar pool rotate-ca`"));
        assert_eq!(finding.whose.as_deref(), Some("uss2"));
    }

    #[test]
    fn a_timer_hears_of_what_ends_within_its_days_and_of_what_is_over() {
        assert!(!ending_in(30).ends_within(30) && ending_in(29).ends_within(30));
        let over = CertificateEntry::new("secret/db/node.crt".into(), None, certificate(false, 1));
        assert!(over.ends_within(7) && over.days_left.is_none());
        assert_eq!((over.whose(), over.next_command()), (None, "`hangar cert renew`"));
        let met = CertificateEntry::new("node 0.db.uss2.example.com".into(), Some("uss2"), certificate(false, 1));
        assert_eq!((met.whose(), met.next_command()), (Some("uss2"), "`hangar cert renew`"));
    }

    #[test]
    fn what_could_not_be_looked_at_is_told() {
        let mut found = Certificates::default();
        let failure = observation::Failure { class: observation::FailureClass::Tls, detail: "no".into() };
        assert!(found.take("node 0", Some("uss2"), Observation::Failed(failure)).is_empty());
        assert!(found.take("secret/db", None, Observation::Absent).is_empty());
        let seen = found.take("secret/api", None, Observation::Certificates(vec![certificate(false, 1)]));
        assert_eq!(seen.len(), 1);
        let told: Vec<_> = found.findings().map(|finding| (finding.subject, finding.whose)).collect();
        let wanted =
            [("certificate:node 0".to_owned(), Some("uss2".to_owned())), ("certificate:secret/db".into(), None)];
        assert_eq!(told, wanted);
        assert_eq!(found.unseen[1].why, "nothing there");
    }
}
