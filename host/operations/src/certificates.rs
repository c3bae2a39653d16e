//! `cert list | renew`, and the checks of `pool verify` that need no cluster of others.

use hangar_pki::Certificate;
use hangar_plan::strategy::member::Member;
use hangar_plan::strategy::observation::{self, Observation};
use hangar_plan::strategy::probe::{Probe, Question, Vantage};
use hangar_pool::{Hands as _, Strategy as _};
use hangar_roster::{MemberId, SignedRecord};

use crate::dss;
use crate::failure::Failure;
use crate::pool_look::{Look, facts_of};
use crate::pool_records::verified;
use crate::pool_status::PoolStatus;
use crate::pooling::{Connected, Membership, record, strategy};
use crate::session::Session;

mod found;

pub use found::{CertificateEntry, Certificates, Unseen};

const LOOK_MS: u32 = 5_000;

impl Session {
    /// Every certificate that our nodes show, trust or meet: the leaves in our cluster, the authorities of all members, and what
    /// the nodes of the others show.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn cert_list(&self) -> Result<Certificates, Failure> {
        let listed = async {
            let Look { means, membership } = self.look_as_member().await?;
            let connected = self.connected(&means, Some(&membership.own)).await?;
            listed(&membership, &connected).await
        };
        self.unless_stopped(listed).await
    }

    /// The pool's status, with everything else that can be verified from here: the history, when certificates end, and what the
    /// DSS of each member says of itself.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn pool_verify(&self) -> Result<PoolStatus, Failure> {
        self.unless_stopped(self.verified_status()).await
    }

    async fn verified_status(&self) -> Result<PoolStatus, Failure> {
        let Look { means, membership } = self.look_as_member().await?;
        let connected = self.connected(&means, Some(&membership.own)).await?;
        let (mut status, facts) = facts_of(&membership, &connected).await?;
        let history = verified(&membership.own.history().map_err(record)?);
        status.findings.extend(history.findings.iter().map(Into::into));
        let certificates = listed(&membership, &connected).await?;
        status.is_over = certificates.all.iter().any(CertificateEntry::is_own_over);
        status.findings.extend(certificates.findings());
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
}

/// Every certificate that our nodes show, trust or meet.
async fn listed(membership: &Membership, connected: &Connected) -> Result<Certificates, Failure> {
    let mut found = held(membership, connected).await?;
    meet(membership, connected, &mut found).await?;
    Ok(found)
}

/// What is told without asking anybody's nodes: the authorities of all members, and the leaves in our cluster.
pub(crate) async fn held(membership: &Membership, connected: &Connected) -> Result<Certificates, Failure> {
    let mut found = Certificates { all: authorities(membership), unseen: Vec::new() };
    let Connected { hands, pooling, is_adopted, .. } = connected;
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
        // Nodes as other tools made them have Secrets of other names.
        if *is_adopted && fact.observation == Observation::Absent {
            continue;
        }
        let seen = found.take(&fact.probe.id, None, fact.observation);
        for one in seen.into_iter().filter(|one| !one.is_authority) {
            found.all.push(CertificateEntry::new(format!("{}/{}", fact.probe.id, one.file), None, one));
        }
    }
    Ok(found)
}

/// Adds what the nodes of the others show, at the addresses by which the strategy looks at them; each certificate once a node.
async fn meet(membership: &Membership, connected: &Connected, found: &mut Certificates) -> Result<(), Failure> {
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
    for fact in hands.look(&servers).await? {
        let Some((host, _)) = fact.probe.question.as_shown_certificate() else { continue };
        let is_of = |member: &&Member| member.nodes.iter().any(|node| node.host == host);
        let Some(member) = roster.members.iter().find(is_of) else { continue };
        let place = format!("node {host}");
        let shown = found.take(&place, Some(&member.id), fact.observation);
        let is_new = |one: &observation::Certificate| {
            found.all.iter().all(|known| (&known.place, &known.fingerprint) != (&place, &one.fingerprint))
        };
        let new: Vec<_> = shown.into_iter().filter(is_new).collect();
        found.all.extend(new.into_iter().map(|one| CertificateEntry::new(place.clone(), Some(&member.id), one)));
    }
    Ok(())
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
