//! A cluster that runs already gets a roster: this organisation proves what it has, and touches no node.
//!
//! What a join builds up step by step is all there: the nodes are of one cluster and trust each other. So nothing is deployed and
//! nothing starts. Both gates of the roster stand all the same, and each organisation looks for itself: what its nodes are to the
//! database, whom the Secret out of which they read trusts, and whether every node of everybody else takes its authority.

use hangar_sdk::pooling::{
    accepted_by, blocked, gates, is_adopted, probes as shared_probes, shared_subjects, steps as shared, trusted,
};
use hangar_sdk::pooling_strategy::{
    AcknowledgementKind, Awaiting, Decision, Error, Member, MemberState, Observation, Phase,
};

use crate::cluster::{Cluster, Known};
use crate::database::Situation;
use crate::probes;
use crate::release::Release;

/// Goal of an organisation whose nodes are of the pool's cluster already.
pub(crate) const ADOPT: &str = "adopt";
/// Phase of all that it says and puts; nothing of it is mounted anywhere.
const PHASE: &str = "adopt";

/// What it will do at most.
pub(crate) fn outline(secrets: Vec<String>, own: Vec<String>, peers: Vec<String>) -> Vec<Phase> {
    let phase = |name: &str, title: &str, allowed: Vec<String>, actors: Vec<String>| Phase {
        name: name.into(),
        title: title.into(),
        allowed,
        restarts: 0,
        actors,
    };
    let says = ["acknowledge deployed", "acknowledge accepted-by", "set-state active"];
    vec![
        phase(
            PHASE,
            "put leaves of our own beside those that the nodes have, and publish what our nodes trust and who accepts us; no node is touched",
            secrets.into_iter().chain(says.map(Into::into)).collect(),
            own.clone(),
        ),
        phase("found", "keep the identity of the cluster that runs", vec!["record-cluster-id".into()], own),
        phase(
            gates::GATE,
            "wait until every member has said that its nodes trust our authority, and has proved that they accept us",
            vec!["acknowledge accepted-by".into(), "set-state joining".into()],
            peers,
        ),
    ]
}

/// Says what comes next until this organisation's record says all that is so.
///
/// # Errors
///
/// [`Error`] where the roster has no record of ours.
pub(crate) fn decide(situation: &Situation<'_>) -> Result<Decision, Error> {
    let own = situation.own()?;
    let put = shared::put_secrets(situation, PHASE);
    if put.iter().any(|step| !situation.did(&step.key)) {
        // The client's Secret is what we ask the database with.
        return Ok(Decision::Steps(put));
    }
    let founds = situation.roster.founder == own.id;
    if let Some(decision) = gates::one_identity(situation, probes::cluster_ids(situation), founds) {
        return Ok(decision);
    }
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Ok(look),
    };
    if let Some(decision) = is_other(situation, own, &cluster) {
        return Ok(decision);
    }
    let is_member = own.state == MemberState::Active;
    if is_member && let Some(decision) = said(situation, own) {
        return Ok(decision);
    }
    if !is_member && let Some(decision) = entered(situation, own) {
        return Ok(decision);
    }
    Ok(Decision::Done(shared_subjects(situation.roster)))
}

/// The nodes are not what our record is going to say of them.
fn is_other(situation: &Situation<'_>, own: &Member, cluster: &Cluster) -> Option<Decision> {
    let subject = format!("member:{}", own.id);
    // What was there before a volume was lost is no node that runs.
    let mut ours = cluster.of(own);
    ours.retain(|node| cluster.successor(node).is_none());
    if ours.len() != own.nodes.len() {
        let known: Vec<&str> = cluster.nodes.iter().filter_map(|node| node.address.as_deref()).collect();
        let named: Vec<String> = own.nodes.iter().map(|node| format!("{}:{}", node.host, node.port)).collect();
        let (known, named) = (known.join(", "), named.join(", "));
        let message = format!("the cluster counts {} nodes at {named}; it knows {known}", ours.len());
        let cure = "let `db_suffix` and `nodes` of the instance say what our nodes advertise";
        return Some(blocked(subject, message, cure, None));
    }
    if let Some((node, tiers)) = ours.iter().find_map(|node| Some((node, node.elsewhere(own)?))) {
        let message =
            format!("node {} has the locality `{}`, and the workspace says `{tiers}`", node.id, node.locality);
        let cure = "let `locality` of the pool, and `locality_key`, say what our nodes were started with";
        return Some(blocked(subject, message, cure, None));
    }
    let wanted = Release::of_image(&situation.intent.instance.image);
    let other = |node: &&&Known| wanted.is_some() && node.release().is_some() && node.release() != wanted;
    let node = ours.iter().find(other)?;
    let (runs, image) = (node.build.as_deref().unwrap_or_default(), &situation.intent.instance.image);
    let message = format!("node {} runs {runs}, and the workspace names `{image}`", node.id);
    Some(blocked(subject, message, "let `database_image` of the instance be what runs", None))
}

/// What a member says once it is so: whom its nodes trust, and who accepts it.
fn said(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
    let bundle = situation.bundle();
    if !is_published(situation, own, &bundle) {
        return Some(trusts(situation, &bundle));
    }
    let authority = own.authorities.first()?;
    let others = || trusted(situation.roster).filter(|member| !member.is_self);
    let open: Vec<&Member> = others().filter(|member| !accepted_by(own, &member.id, authority)).collect();
    let all: Vec<_> = open.iter().flat_map(|member| situation.accepts_us(member)).collect();
    if let Some(look) = situation.look(&all) {
        return Some(look);
    }
    let is_proved = |member: &&&Member| situation.accepts_us(member).iter().all(|probe| situation.proved(probe));
    let proved = open.iter().filter(is_proved).map(|member| {
        let kind = AcknowledgementKind::AcceptedBy((member.id.clone(), authority.fingerprint.clone()));
        shared::acknowledge(kind, PHASE)
    });
    let proved: Vec<_> = proved.collect();
    if !proved.is_empty() {
        return Some(Decision::Steps(proved));
    }
    let refused: Vec<&str> =
        all.iter().filter(|probe| !situation.proved(probe)).map(|probe| probe.id.as_str()).collect();
    (!refused.is_empty()).then(|| {
        let message = format!("nodes of others to accept this organisation's authority ({})", refused.join(", "));
        situation.wait(all.clone(), message)
    })
}

/// Whether our record says just this bundle, in whatever order.
fn is_published(situation: &Situation<'_>, own: &Member, bundle: &[String]) -> bool {
    let said = situation.deployed_by(own);
    said.len() == bundle.len() && bundle.iter().all(|one| said.contains(one))
}

/// The Secret out of which our nodes read whom they trust has every authority. That they have read it is what the others prove,
/// each by a handshake with each of our nodes.
fn trusts(situation: &Situation<'_>, bundle: &[String]) -> Decision {
    let Some(name) = situation.database.names.former_bundle() else {
        let cure = "say in the pool's block what made our nodes: `layout = \"helm\"` or `layout = \"tanka\"`";
        return blocked("pool", "our nodes are adopted, and nothing says what made them", cure, None);
    };
    let probe = shared_probes::secret(name.into());
    if let Some(look) = situation.look(std::slice::from_ref(&probe)) {
        return look;
    }
    let held: Vec<&str> = match situation.seen(&probe) {
        Some(Observation::Certificates(all)) => {
            all.iter().filter(|one| one.is_authority).map(|one| one.fingerprint.as_str()).collect()
        }
        _ => Vec::new(),
    };
    let lacks = |member: &&Member| member.authorities.iter().any(|one| !held.contains(&one.fingerprint.as_str()));
    let Some(stranger) = trusted(situation.roster).find(lacks) else {
        return Decision::Steps(vec![shared::acknowledge(AcknowledgementKind::Deployed(bundle.to_vec()), PHASE)]);
    };
    let message = format!("Secret `{name}`, out of which our nodes read, has no authority of `{}`", stranger.id);
    let cure = if is_adopted(stranger) {
        "the pool is not one yet: add it with the scripts that made the Secret, restart the nodes one by one, then go on"
    } else {
        "`hangar up --adopt` takes our nodes over, one by one; then go on"
    };
    blocked(format!("member:{}", stranger.id), message, cure, None)
}

/// The way of one that is in the cluster and not yet in the roster: both gates, and nothing between them.
fn entered(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
    if let Some(decision) = gates::before_start(situation, own) {
        return Some(decision);
    }
    let bundle = situation.bundle();
    if !is_published(situation, own, &bundle) {
        return Some(trusts(situation, &bundle));
    }
    let lacks = |peer: &&Member| !peer.authorities.iter().all(|authority| accepted_by(peer, &own.id, authority));
    let lacking: Vec<String> = situation.peers().filter(lacks).map(|peer| peer.id.clone()).collect();
    if !lacking.is_empty() {
        let what = format!("prove that the nodes of {} accept them", own.id);
        return Some(Decision::Awaiting(Awaiting { members: lacking, what, probes: Vec::new() }));
    }
    Some(Decision::Steps(vec![shared::set_state(MemberState::Active, PHASE)]))
}
