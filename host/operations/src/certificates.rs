//! `cert list | renew`, and the checks of `pool verify` that need no cluster of others.

use hangar_pki::Certificate;
use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::decision::Finding;
use hangar_plan::strategy::observation::Observation;
use hangar_plan::strategy::probe::{Probe, Question, Vantage};
use hangar_pool::Hands as _;
use hangar_roster::{MemberId, SignedRecord};
use serde::Serialize;

use crate::clock::now_ms;
use crate::failure::Failure;
use crate::pool_commands::{only_members, status_of};
use crate::pool_records::verified;
use crate::pool_status::PoolStatus;
use crate::pooling::{Connected, Membership, record};
use crate::up::Session;

/// Days before its end from which a certificate is told about, and how much it matters then.
const DAYS: [(u64, Severity); 3] = [(7, Severity::Error), (30, Severity::Warning), (60, Severity::Note)];
const DAY_MS: u64 = 24 * 3_600_000;
const LOOK_MS: u32 = 5_000;

/// One certificate and where it is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CertificateEntry {
    /// `member NAME`, or Secret and file.
    pub place: String,
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
    fn new(place: String, subject: &str, alternatives: Vec<String>, fingerprint: String, not_after_ms: u64) -> Self {
        let left = not_after_ms.checked_sub(now_ms());
        let severity = match left {
            None => Some(Severity::Error),
            Some(left) => DAYS.iter().find(|(days, _)| left <= days * DAY_MS).map(|(_, severity)| *severity),
        };
        let days_left = left.map(|left| left / DAY_MS);
        Self { place, subject: subject.to_owned(), alternatives, fingerprint, not_after_ms, days_left, severity }
    }

    /// What a status says about its end; nothing while that is far off.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        let left = self.days_left.map_or("is over".to_owned(), |days| format!("ends in {days} days"));
        let cure = if self.place.starts_with("member") {
            "its owner runs `hangar pool rotate-ca`"
        } else {
            "`hangar cert renew`"
        };
        Some(Finding {
            severity: self.severity?,
            subject: format!("certificate:{:.16}", self.fingerprint),
            message: format!("`{}` in {} {left}", self.subject, self.place),
            cure: Some(cure.into()),
            whose: self.place.strip_prefix("member ").map(ToOwned::to_owned),
        })
    }
}

impl Session {
    /// Every certificate that our nodes show or trust: the leaves in our cluster, and the authorities of all members.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn cert_list(&self) -> Result<Vec<CertificateEntry>, Failure> {
        let (engine, runtime, vault) = self.begin("cert list").await?;
        let membership = self.active_member(&vault).await?;
        let connected = self.connected(&engine, &vault, &runtime).await?;
        listed(&membership, &connected).await
    }

    /// The pool's status, with everything else that can be verified from here: the history, and when certificates end.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn pool_verify(&self) -> Result<PoolStatus, Failure> {
        let (engine, runtime, vault) = self.begin("pool verify").await?;
        let membership = self.in_pool(&vault).await?;
        if !membership.is_active() {
            return Err(only_members());
        }
        let connected = self.connected(&engine, &vault, &runtime).await?;
        let mut status = status_of(&membership, &connected).await?;
        let history = verified(&membership.own.history().map_err(record)?);
        status.findings.extend(history.findings.iter().map(Into::into));
        let certificates = listed(&membership, &connected).await?;
        status.findings.extend(certificates.iter().filter_map(CertificateEntry::finding));
        status.findings.extend(status.gaps());
        Ok(status)
    }
}

/// Every certificate that our nodes show or trust.
async fn listed(membership: &Membership, connected: &Connected) -> Result<Vec<CertificateEntry>, Failure> {
    let mut all = authorities(membership);
    let Connected { hands, pooling } = connected;
    let mut secrets: Vec<String> =
        pooling.certificates().await?.profiles.into_iter().map(|profile| profile.placement.secret).collect();
    secrets.dedup();
    let probe = |name: &String| Probe {
        id: format!("secret/{name}"),
        vantage: Vantage::Host,
        timeout_ms: LOOK_MS,
        question: Question::Secret(name.clone()),
    };
    let probes: Vec<_> = secrets.iter().map(probe).collect();
    for fact in hands.look(&probes).await? {
        let Observation::Certificates(seen) = fact.observation else { continue };
        for one in seen.into_iter().filter(|one| !one.is_authority) {
            let place = format!("{}/{}", fact.probe.id, one.file);
            all.push(CertificateEntry::new(place, &one.subject, one.alternatives, one.fingerprint, one.not_after_ms));
        }
    }
    Ok(all)
}

/// The authorities of all members, as their records say.
fn authorities(membership: &Membership) -> Vec<CertificateEntry> {
    let roster = membership.own.roster();
    let in_pool = roster.records().map(SignedRecord::record).filter(|record| roster.is_in_pool(&record.member));
    let named = in_pool.flat_map(|record| record.presence.authorities.iter().map(move |pem| (&record.member, pem)));
    let entry = |(member, pem): (&MemberId, &String)| {
        let one = Certificate::from_pem(pem).ok()?;
        let (place, fingerprint) = (format!("member {member}"), one.fingerprint().to_string());
        Some(CertificateEntry::new(place, one.subject(), Vec::new(), fingerprint, one.not_after_ms()))
    };
    named.filter_map(entry).collect()
}
