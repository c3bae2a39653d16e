//! A member's word that its nodes are being restarted: nobody else's are meanwhile.
//!
//! Who gives it at the same time as another learns that only afterwards. So it is claimed first, and holds once the records, read
//! again, show nobody else's: of two who claim, whoever published last sees the other. Of claims alone the first in the order of
//! members stands, and the others are taken back; a word that holds already goes before all of them. `hangar restart` does the same.

use hangar_sdk::pooling::{blocked, said, steps as shared};
use hangar_sdk::pooling_strategy::{AcknowledgementKind, Awaiting, Decision, Member, MemberState, Step};

use crate::cluster::{self, Cluster, Known};
use crate::database::Situation;
use crate::release::Release;
use crate::upgrade;

/// Name of the acknowledgement that this member's nodes are being restarted, and for what; without a value they are not.
pub(crate) const MAINTENANCE: &str = "maintenance";
/// Its second value for as long as it is only claimed, and no node was touched under it.
const CLAIMED: &str = "claimed";

/// What a member's record says of its restarts.
pub(crate) struct Maintenance<'a> {
    /// What its nodes are restarted with, or for.
    pub(crate) reason: &'a str,
    /// Whether it is only claimed.
    pub(crate) is_claim: bool,
}

/// What a member says of its restarts; nothing where there are none.
pub(crate) fn of(member: &Member) -> Option<Maintenance<'_>> {
    let values = said(member, MAINTENANCE)?;
    Some(Maintenance { reason: values.first()?, is_claim: values.get(1).is_some_and(|value| value == CLAIMED) })
}

/// Whether its nodes may be in the middle of a restart.
pub(crate) fn has_begun(member: &Member) -> bool {
    of(member).is_some_and(|word| !word.is_claim)
}

/// Another member whose nodes are being restarted: nobody touches a second one's.
pub(crate) fn somebody_else(situation: &Situation<'_>) -> Option<Decision> {
    let busy: Vec<&Member> = situation.peers().filter(|peer| of(peer).is_some()).collect();
    (!busy.is_empty()).then(|| awaiting(&busy, "end its maintenance"))
}

/// What comes before our word may hold; nothing once it may. `obstacle` is whatever else stands against touching a node: while
/// something does, nothing is claimed, since everybody would wait for who waits.
pub(crate) fn turn(
    situation: &Situation<'_>,
    own: &Member,
    reason: &str,
    phase: &str,
    obstacle: impl FnOnce() -> Option<Decision>,
) -> Option<Decision> {
    let has_claimed = of(own).is_some();
    if !has_claimed && let Some(decision) = somebody_else(situation) {
        return Some(decision);
    }
    match obstacle() {
        Some(look @ Decision::Look(_)) => return Some(look),
        Some(_) if has_claimed => return Some(taken_back(phase)),
        Some(decision) => return Some(decision),
        None => {}
    }
    if !has_claimed {
        let values = vec![reason.to_owned(), CLAIMED.to_owned()];
        let step = say("maintenance/claim", "claim the turn to restart our nodes", values, phase);
        return Some(Decision::Steps(vec![step]));
    }
    let others: Vec<&Member> = in_order(situation).filter(|member| !member.is_self && of(member).is_some()).collect();
    let mut before_us = in_order(situation).take_while(|member| !member.is_self);
    if others.iter().any(|other| has_begun(other)) || before_us.any(|member| of(member).is_some()) {
        return Some(taken_back(phase));
    }
    (!others.is_empty()).then(|| awaiting(&others, "take its claim back, since our turn comes first"))
}

fn taken_back(phase: &str) -> Decision {
    Decision::Steps(vec![say("maintenance/take-back", "take our claim to that turn back", Vec::new(), phase)])
}

/// The end of a word of ours whose nodes are as they are to be, or what it waits for. Under a claim no node was touched.
pub(crate) fn ended(situation: &Situation<'_>, own: &Member, cluster: &Cluster) -> Decision {
    if let Some(trouble) = cluster.trouble_of(own).filter(|_| has_begun(own)) {
        let message = format!("a healthy cluster before the next member goes on: {trouble}");
        return situation.wait(cluster::questions(situation), message);
    }
    let end = say("upgrade/end", "publish that the restarts of our nodes are over", Vec::new(), upgrade::PHASE);
    Decision::Steps(vec![end])
}

/// What becomes of a word of ours where the image or our record names no release, so that nothing is upgraded: it ends once all
/// our nodes live and run one build, which is all that can be known. Nothing where there is none, or where releases are named.
pub(crate) fn left_behind(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
    let instance = &situation.intent.instance;
    let wanted = Release::of_image(&instance.image);
    if wanted.and(upgrade::of_record(own)).is_some() || of(own).is_none() {
        return None;
    }
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Some(look),
    };
    let mut live = cluster.of(own);
    live.retain(|node| node.is_live);
    if live.len() < instance.nodes.len() && has_begun(own) {
        let message = format!("all own nodes to be live: {} of {} are", live.len(), instance.nodes.len());
        return Some(situation.wait(cluster::questions(situation), message));
    }
    let differs =
        |node: &&&Known| node.build != live[0].build || wanted.is_some_and(|wanted| node.release() != Some(wanted));
    if let Some(node) = live.iter().find(differs).filter(|_| has_begun(own)) {
        let runs = node.build.as_deref().unwrap_or("another build");
        let message = format!("the restarts of our nodes are not over: node {} runs {runs}", node.id);
        return Some(blocked(format!("member:{}", own.id), message, "`hangar restart` brings them to their end", None));
    }
    Some(ended(situation, own, &cluster))
}

/// Publishes what is to be said of our restarts.
pub(crate) fn say(key: &str, title: &str, values: Vec<String>, phase: &str) -> Step {
    let step = shared::acknowledge(AcknowledgementKind::Other((MAINTENANCE.into(), values)), phase);
    Step { key: key.into(), title: title.into(), ..step }
}

/// Members in the order in which they go: the founder, then by name.
pub(crate) fn in_order<'a>(situation: &Situation<'a>) -> impl Iterator<Item = &'a Member> {
    let in_pool = |member: &&Member| member.state == MemberState::Active;
    let mut members: Vec<&Member> = situation.roster.members.iter().filter(in_pool).collect();
    members.sort_by_key(|member| (member.id != situation.roster.founder, member.id.clone()));
    members.into_iter()
}

fn awaiting(members: &[&Member], what: &str) -> Decision {
    let members = members.iter().map(|member| member.id.clone()).collect();
    Decision::Awaiting(Awaiting { members, what: what.into(), probes: Vec::new() })
}
