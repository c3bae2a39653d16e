//! `cert list | renew`, and the checks of `pool verify` that need no cluster of others.

use hangar_pki::Certificate;
use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::decision::Finding;
use hangar_plan::strategy::member::Member;
use hangar_plan::strategy::observation::{self, Observation};
use hangar_plan::strategy::probe::{Probe, Question, Vantage};
use hangar_pool::{Hands as _, Strategy as _};
use hangar_roster::{MemberId, SignedRecord};
use serde::Serialize;

use crate::clock::now_ms;
use crate::dss;
use crate::failure::Failure;
use crate::pool_commands::only_members;
use crate::pool_look::{Look, facts_of};
use crate::pool_records::verified;
use crate::pool_status::PoolStatus;
use crate::pooling::{Connected, Membership, record, strategy};
use crate::session::Session;

/// Days before its end from which a certificate is told about, and how much it matters then.
const DAYS: [(u64, Severity); 3] = [(7, Severity::Error), (30, Severity::Warning), (60, Severity::Note)];
const DAY_MS: u64 = 24 * 3_600_000;
const LOOK_MS: u32 = 5_000;

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
    fn new(place: String, member: Option<&str>, one: observation::Certificate) -> Self {
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

impl Session {
    /// Every certificate that our nodes show, trust or meet: the leaves in our cluster, the authorities of all members, and what
    /// the nodes of the others show. A node that shows nothing is left out; `pool status` tells of it.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn cert_list(&self) -> Result<Vec<CertificateEntry>, Failure> {
        let Look { journal, runtime, vault, membership } = self.look_as_member().await?;
        let connected = self.connected(&journal, &vault, &runtime, Some(&membership.own)).await?;
        listed(&membership, &connected).await
    }

    /// The pool's status, with everything else that can be verified from here: the history, when certificates end, and what the
    /// DSS of each member says of itself.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn pool_verify(&self) -> Result<PoolStatus, Failure> {
        let Look { journal, runtime, vault, membership } = self.look_as_member().await?;
        let connected = self.connected(&journal, &vault, &runtime, Some(&membership.own)).await?;
        let (mut status, facts) = facts_of(&membership, &connected).await?;
        let history = verified(&membership.own.history().map_err(record)?);
        status.findings.extend(history.findings.iter().map(Into::into));
        let certificates = listed(&membership, &connected).await?;
        status.is_over = certificates.iter().any(CertificateEntry::is_own_over);
        status.findings.extend(certificates.iter().filter_map(CertificateEntry::finding));
        status.findings.extend(status.gaps());
        let Connected { hands, pooling, .. } = &connected;
        let intent = &pooling.intent.instance;
        let questions = dss::own_questions(&intent.release, &intent.namespace, &intent.cluster_domain, &facts);
        let mut seen = dss::Seen::own(&status.own, hands.look(&questions).await?);
        let roster = membership.own.view();
        seen.ask_others(&roster).await;
        status.findings.extend(dss::findings(&status, &roster, &seen));
        Ok(status)
    }

    async fn look_as_member(&self) -> Result<Look, Failure> {
        let look = self.look().await?;
        if look.membership.is_active() { Ok(look) } else { Err(only_members()) }
    }
}

/// Every certificate that our nodes show, trust or meet.
async fn listed(membership: &Membership, connected: &Connected) -> Result<Vec<CertificateEntry>, Failure> {
    let mut all = held(membership, connected).await?;
    all.extend(met(membership, connected).await?);
    Ok(all)
}

/// What is told without asking anybody's nodes: the authorities of all members, and the leaves in our cluster.
pub(crate) async fn held(membership: &Membership, connected: &Connected) -> Result<Vec<CertificateEntry>, Failure> {
    let mut all = authorities(membership);
    let Connected { hands, pooling, .. } = connected;
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
            all.push(CertificateEntry::new(format!("{}/{}", fact.probe.id, one.file), None, one));
        }
    }
    Ok(all)
}

/// What the nodes of the others show, at the addresses by which the strategy looks at them; each certificate once a node.
async fn met(membership: &Membership, connected: &Connected) -> Result<Vec<CertificateEntry>, Failure> {
    let Connected { hands, pooling, .. } = connected;
    hands.trust(&membership.own);
    let roster = membership.own.view();
    let known = pooling.strategy.status_probes(&pooling.intent, &roster).await.map_err(strategy)?;
    let servers = known.iter().filter_map(|probe| match &probe.question {
        Question::Tls(question) => Some(Probe {
            id: format!("shown/{}:{}", question.host, question.port),
            vantage: Vantage::OwnCluster,
            timeout_ms: LOOK_MS,
            question: Question::shown_certificate(&question.host, question.port),
        }),
        _ => None,
    });
    let servers: Vec<Probe> = servers.collect();
    let mut all: Vec<CertificateEntry> = Vec::new();
    for fact in hands.look(&servers).await? {
        let Some((host, _)) = fact.probe.question.as_shown_certificate() else { continue };
        let is_of = |member: &&Member| member.nodes.iter().any(|node| node.host == host);
        let Some(member) = roster.members.iter().find(is_of) else { continue };
        let Observation::Certificates(shown) = fact.observation else { continue };
        let place = format!("node {host}");
        let is_new = |one: &observation::Certificate| {
            all.iter().all(|known| (&known.place, &known.fingerprint) != (&place, &one.fingerprint))
        };
        let new: Vec<_> = shown.into_iter().filter(is_new).collect();
        all.extend(new.into_iter().map(|one| CertificateEntry::new(place.clone(), Some(&member.id), one)));
    }
    Ok(all)
}

/// The authorities of all members, as their records say.
fn authorities(membership: &Membership) -> Vec<CertificateEntry> {
    let roster = membership.own.roster();
    let in_pool = roster.records().map(SignedRecord::record).filter(|record| roster.is_in_pool(&record.member));
    let named = in_pool.flat_map(|record| record.presence.authorities.iter().map(move |pem| (&record.member, pem)));
    let entry = |(member, pem): (&MemberId, &String)| {
        let place = format!("member {member}");
        let one = hangar_pki::observed(&place, &Certificate::from_pem(pem).ok()?);
        Some(CertificateEntry::new(place, Some(member.as_str()), one))
    };
    named.filter_map(entry).collect()
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
}
