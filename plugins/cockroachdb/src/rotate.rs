//! New leaves, and a new authority that overlaps the old one until every node of every member has proved it.

use hangar_sdk::pooling_strategy::{
    AcknowledgementKind, Awaiting, Certificate, Check, Decision, Error, Expectation, Member, Observation, Probe,
};

use crate::cluster::Cluster;
use crate::probes;
use crate::situation::{Situation, accepted_by, blocked, has_deployed};
use crate::steps;

/// Name of the acknowledgement that every node of a member shows a leaf of this authority: member and fingerprint.
pub(crate) const PRESENTS: &str = "presents";

/// Fact of the pool: the authority that this organisation goes over to.
const TARGET: &str = "authority";
/// Fact of the pool: leaves issued before this time are replaced.
const RENEW_BEFORE: &str = "renew-before";
const DAY_MS: u64 = 24 * 3_600_000;

/// Replaces this instance's leaves under the authority it has.
pub(crate) fn leaves(situation: &Situation<'_>) -> Result<Decision, Error> {
    let before: u64 = situation.fact(RENEW_BEFORE).and_then(|text| text.parse().ok()).unwrap_or_default();
    match Cluster::seen(situation) {
        Err(look) => return Ok(look),
        Ok(cluster) => {
            if let Some(trouble) = cluster.trouble(&[]) {
                let message = format!("a healthy cluster before certificates change: {trouble}");
                return Ok(situation.wait(crate::cluster::questions(situation), message));
            }
        }
    }
    // A leaf is dated back for clocks that are late, and ends to the second after its lifetime.
    let lifetime_ms = u64::from(situation.config.leaf_days) * DAY_MS;
    let is_new = |leaf: &Certificate| {
        let issued_ms = leaf.not_after_ms.saturating_sub(lifetime_ms);
        (before..=situation.facts.now_ms).contains(&issued_ms)
    };
    match reissued(situation, "leaves", is_new)? {
        Some(decision) => Ok(decision),
        None => Ok(Decision::Done(Vec::new())),
    }
}

/// Replaces this organisation's authority, step by step with all other members.
pub(crate) fn authority(situation: &Situation<'_>) -> Result<Decision, Error> {
    let own = situation.own()?;
    let Some(target) = situation.fact(TARGET) else {
        return Ok(blocked("pool", "no new authority is named", "`hangar pool rotate-ca` makes one", None));
    };
    let new = own.authorities.iter().find(|authority| authority.fingerprint == target);
    if !situation.is_open("rotate-ca", &own.id) && own.authorities.len() == 1 {
        if new.is_some() {
            return Ok(Decision::Done(Vec::new()));
        }
        let members = situation.peers().map(|member| member.id.clone()).collect();
        let what = format!("accept the new authority of {}", own.id);
        return Ok(Decision::Awaiting(Awaiting { members, what, probes: Vec::new() }));
    }
    let Some(new) = new else {
        // The host publishes it once every voter's own record says that the change is open.
        let members = situation.peers().map(|member| member.id.clone()).collect();
        let what = format!("open the change of {}'s authority", own.id);
        return Ok(Decision::Awaiting(Awaiting { members, what, probes: Vec::new() }));
    };
    if let Some(decision) = crate::operate::admit(situation, own)? {
        return Ok(decision);
    }
    let lacking = |says: &dyn Fn(&Member) -> bool| -> Vec<String> {
        situation.peers().filter(|peer| !says(peer)).map(|peer| peer.id.clone()).collect()
    };
    let awaiting =
        |members: Vec<String>, what: String| Decision::Awaiting(Awaiting { members, what, probes: Vec::new() });
    let not_loaded = lacking(&|peer| has_deployed(peer, new));
    if !not_loaded.is_empty() {
        return Ok(awaiting(not_loaded, format!("load the new authority of {} on every node", own.id)));
    }
    if own.authorities.len() == 1 {
        // The old one is out of our record: it goes out of every bundle, and that is all.
        let trusted: Vec<String> = situation.bundle();
        let has_old = |peer: &Member| situation.deployed_by(peer).iter().all(|one| trusted.contains(one));
        let behind = lacking(&has_old);
        if !behind.is_empty() {
            return Ok(awaiting(behind, format!("drop the old authority of {}", own.id)));
        }
        return Ok(Decision::Done(Vec::new()));
    }
    if let Some(decision) = accepted_everywhere(situation, own, new) {
        return Ok(decision);
    }
    let subject = new.subject.clone();
    if let Some(decision) = reissued(situation, "authority", |leaf| leaf.issuer == subject)? {
        return Ok(decision);
    }
    let wanted = [own.id.clone(), new.fingerprint.clone()];
    let unproved = lacking(&|peer| situation.said(peer, PRESENTS).is_some_and(|said| said == wanted));
    if !unproved.is_empty() {
        return Ok(awaiting(unproved, format!("see every node of {} show its new authority", own.id)));
    }
    // The host takes the old one out of our record now.
    Ok(awaiting(vec![own.id.clone()], "publish that the old authority is dropped".into()))
}

/// Every node of every member answers a leaf of the new authority.
fn accepted_everywhere(
    situation: &Situation<'_>,
    own: &Member,
    new: &hangar_sdk::pooling_strategy::Authority,
) -> Option<Decision> {
    let peer = situation.peers().find(|peer| !accepted_by(own, &peer.id, new))?;
    let all: Vec<Probe> = peer.nodes.iter().map(|node| probes::accepts_us(peer, node)).collect();
    let unseen = situation.unseen(&all);
    if !unseen.is_empty() {
        return Some(Decision::Look(unseen));
    }
    if all.iter().all(|probe| situation.proved(probe)) {
        let kind = AcknowledgementKind::AcceptedBy((peer.id.clone(), new.fingerprint.clone()));
        return Some(Decision::Steps(vec![steps::acknowledge(kind, "proof")]));
    }
    Some(situation.wait(all, format!("every node of `{}` to accept the new authority", peer.id)))
}

/// New leaves are in the Secrets and every pod has them loaded. Nothing where that is so.
fn reissued(
    situation: &Situation<'_>,
    why: &str,
    is_new: impl Fn(&Certificate) -> bool,
) -> Result<Option<Decision>, Error> {
    let secret = probes::secret(situation.names.node_secret());
    let client = probes::secret(situation.names.client_secret());
    let mounted = probes::mounted(situation.names.workload());
    let unseen = situation.unseen(&[secret.clone(), client.clone()]);
    if !unseen.is_empty() {
        return Ok(Some(Decision::Look(unseen)));
    }
    let leaf = |probe: &Probe| match situation.seen(probe) {
        Some(Observation::Certificates(all)) => all.iter().find(|one| !one.is_authority),
        _ => None,
    };
    let (Some(node), Some(root)) = (leaf(&secret), leaf(&client)) else {
        return Ok(Some(situation.wait(vec![secret, client], "the certificates in the cluster")));
    };
    if !is_new(node) || !is_new(root) {
        let mut asked = steps::put_secrets(situation, "certificates")?;
        for step in &mut asked {
            step.key = format!("{}/{why}", step.key);
            // The bundle is there already; what is asked for is another leaf.
            step.already_done = None;
        }
        if asked.iter().all(|step| situation.facts.done.contains(&step.key)) {
            return Ok(Some(situation.wait(vec![secret, client], "the new certificates in the cluster")));
        }
        return Ok(Some(Decision::Steps(asked)));
    }
    if situation.seen(&mounted).is_none() {
        return Ok(Some(Decision::Look(vec![mounted])));
    }
    let is_loaded = match situation.seen(&mounted) {
        Some(Observation::Mounted(pods)) => {
            !pods.is_empty()
                && pods
                    .iter()
                    .all(|pod| !pod.pending && pod.certificates.iter().any(|one| one.fingerprint == node.fingerprint))
        }
        _ => false,
    };
    if is_loaded {
        return Ok(None);
    }
    let loaded = Check { probe: mounted, expectation: Expectation::Fingerprints(vec![node.fingerprint.clone()]) };
    let mut reload = steps::reload(situation, "certificates", &[]);
    reload.key = format!("reload/{}", &node.fingerprint[..node.fingerprint.len().min(16)]);
    reload.title = "let every node load its new certificate".into();
    reload.already_done = Some(loaded.clone());
    reload.verify = Some(loaded);
    Ok(Some(Decision::Steps(vec![reload])))
}

/// While another member goes over to a new authority: its nodes are seen to show it.
pub(crate) fn witness(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
    let open = situation.roster.open.as_ref().filter(|change| change.kind == "rotate-ca")?;
    let subject = situation.peers().find(|peer| peer.id == open.subject)?;
    let [.., new] = subject.authorities.as_slice() else { return None };
    if subject.authorities.len() < 2 || !has_deployed(own, new) || !subject_is_ready(situation, subject, new) {
        return None;
    }
    let wanted = vec![subject.id.clone(), new.fingerprint.clone()];
    if situation.said(own, PRESENTS).is_some_and(|said| said == wanted) {
        return None;
    }
    let all: Vec<Probe> = subject.nodes.iter().map(|node| probes::accepts_us(subject, node)).collect();
    let unseen = situation.unseen(&all);
    if !unseen.is_empty() {
        return Some(Decision::Look(unseen));
    }
    let shows = |probe: &Probe| {
        matches!(situation.seen(probe), Some(Observation::Tls(answer))
            if answer.peer_authority.as_deref() == Some(new.fingerprint.as_str()))
    };
    if !all.is_empty() && all.iter().all(|probe| shows(probe) && situation.proved(probe)) {
        let kind = AcknowledgementKind::Other((PRESENTS.into(), wanted));
        return Some(Decision::Steps(vec![steps::acknowledge(kind, "proof")]));
    }
    let open = all.iter().filter(|probe| !shows(probe)).count();
    let message = format!("{open} of {} nodes of `{}` to show its new authority", all.len(), subject.id);
    Some(situation.wait(all, message))
}

/// The subject has seen that everybody accepts it, so its leaves follow.
fn subject_is_ready(
    situation: &Situation<'_>,
    subject: &Member,
    new: &hangar_sdk::pooling_strategy::Authority,
) -> bool {
    let others = situation.roster.members.iter().filter(|member| {
        member.id != subject.id && (member.is_self || situation.peers().any(|peer| peer.id == member.id))
    });
    others.into_iter().all(|member| accepted_by(subject, &member.id, new))
}
