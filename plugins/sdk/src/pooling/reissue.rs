//! New leaves: in every Secret, in the memory of whoever calls our nodes, and loaded by every node.

use crate::pooling::{Database, Situation, probes, steps};
use crate::pooling_strategy::{Certificate, Check, Decision, Error, Expectation, KeyUsage, Observation, Probe, Step};

/// Phase of all of it.
const PHASE: &str = "certificates";

/// The leaves in one Secret.
pub(super) struct Held<'a> {
    secret: String,
    /// Whether nobody but clients of the nodes mounts it.
    is_of_clients: bool,
    pub(super) leaves: Vec<&'a Certificate>,
}

/// The leaves in each Secret of our nodes and clients; or the look, or the wait, that tells.
pub(super) fn held<'a, D: Database>(situation: &Situation<'a, D>) -> Result<Vec<Held<'a>>, Decision> {
    let secrets = secrets(situation);
    let probes = looks(&secrets);
    if let Some(look) = situation.look(&probes) {
        return Err(look);
    }
    let held: Vec<Held<'a>> = secrets
        .into_iter()
        .map(|(secret, is_of_clients)| Held { leaves: leaves(situation, &secret), secret, is_of_clients })
        .collect();
    if held.iter().any(|one| one.leaves.is_empty()) {
        return Err(situation.wait(probes, "the certificates in the cluster"));
    }
    Ok(held)
}

/// New leaves are in every Secret, clients show theirs and every node has its own loaded. Nothing where that is so.
///
/// A client reads its files once, when it starts. It is replaced while the nodes still have what they had: they take its new leaf
/// already, and it is to know whoever signs theirs by the time they show it.
pub(super) fn reissued<D: Database>(
    situation: &Situation<'_, D>,
    why: &str,
    held: &[Held<'_>],
    is_new: impl Fn(&Certificate) -> bool,
) -> Result<Option<Decision>, Error> {
    let (clients, nodes): (Vec<&Held<'_>>, Vec<&Held<'_>>) = held.iter().partition(|one| one.is_of_clients);
    let is_put = |all: &[&Held<'_>]| all.iter().flat_map(|one| &one.leaves).all(|leaf| is_new(leaf));
    if !is_put(&clients) {
        return Ok(Some(put(situation, why, &clients)));
    }
    if !is_put(&nodes) {
        let now = situation.facts.now_ms;
        // No client would get to a node whose leaf is over, however new its own.
        let is_over = nodes.iter().flat_map(|one| &one.leaves).any(|leaf| leaf.not_after_ms <= now);
        let replaced = if is_over { None } else { replaced(situation, &clients)? };
        return Ok(Some(replaced.unwrap_or_else(|| put(situation, why, &nodes))));
    }
    match loaded(situation, &nodes) {
        Some(decision) => Ok(Some(decision)),
        // Done by now, but where a run goes on that cannot know, or the nodes had to come first.
        None => replaced(situation, &clients),
    }
}

fn put<D: Database>(situation: &Situation<'_, D>, why: &str, all: &[&Held<'_>]) -> Decision {
    let mut asked = steps::put_secrets(situation, PHASE);
    asked.retain(|step| all.iter().any(|one| steps::puts(step, &one.secret)));
    for step in &mut asked {
        step.key = format!("{}/{why}", step.key);
        // The bundle is there already; what is asked for is another leaf.
        step.already_done = None;
    }
    if asked.iter().all(|step| situation.did(&step.key)) {
        return situation.wait(looks(&secrets(situation)), "the new certificates in the cluster");
    }
    Decision::Steps(asked)
}

/// Every client runs since its new leaf is there. The release is the member's own: the host names the leaf in it, so that pods with
/// another one are replaced, and waits for them.
fn replaced<D: Database>(situation: &Situation<'_, D>, clients: &[&Held<'_>]) -> Result<Option<Decision>, Error> {
    let leaves: Vec<String> = clients.iter().flat_map(|one| &one.leaves).map(|leaf| leaf.fingerprint.clone()).collect();
    if leaves.is_empty() {
        return Ok(None);
    }
    let key = format!("clients/{}", steps::digest(&leaves));
    let release = steps::apply_release(situation, PHASE, &key, |_| {}, &[])?;
    let title = "replace the pods of the API one by one, which read certificates only when they start".into();
    Ok((!situation.did(&release.key)).then(|| Decision::Steps(vec![Step { title, ..release }])))
}

/// Every node shows what is in its Secret.
fn loaded<D: Database>(situation: &Situation<'_, D>, nodes: &[&Held<'_>]) -> Option<Decision> {
    let database = &situation.database;
    let wanted: Vec<String> = nodes.iter().flat_map(|one| &one.leaves).map(|leaf| leaf.fingerprint.clone()).collect();
    let mounted = probes::mounted(database.workload(situation.intent));
    if let Some(look) = situation.look(std::slice::from_ref(&mounted)) {
        return Some(look);
    }
    let is_mounted = match situation.seen(&mounted) {
        Some(Observation::Mounted(pods)) => {
            let has = |pod: &crate::pooling_strategy::Mounted| {
                wanted.iter().all(|wanted| pod.certificates.iter().any(|one| one.fingerprint == *wanted))
            };
            !pods.is_empty() && pods.iter().all(|pod| !pod.pending && has(pod))
        }
        _ => false,
    };
    let name = steps::digest(&wanted);
    let loaded = Check { probe: mounted, expectation: Expectation::Fingerprints(wanted) };
    let loading = database.load(situation.intent, &name, loaded, PHASE, &[]);
    // More than a wait for the sidecars has to have been done, whatever they say.
    let by_itself = loading.len() == 1;
    let is_done = loading.iter().all(|step| situation.did(&step.key));
    (!(is_mounted && (by_itself || is_done))).then_some(Decision::Steps(loading))
}

/// Every Secret with leaves, and whether only clients mount it.
fn secrets<D: Database>(situation: &Situation<'_, D>) -> Vec<(String, bool)> {
    let mut secrets: Vec<(String, bool)> = Vec::new();
    for profile in situation.database.policy(situation.intent).profiles {
        let is_client = profile.usages.iter().all(|usage| matches!(usage, KeyUsage::ClientAuth));
        match secrets.iter_mut().find(|(secret, _)| *secret == profile.placement.secret) {
            Some((_, is_of_clients)) => *is_of_clients &= is_client,
            None => secrets.push((profile.placement.secret, is_client)),
        }
    }
    secrets
}

fn looks(secrets: &[(String, bool)]) -> Vec<Probe> {
    secrets.iter().map(|(secret, _)| probes::secret(secret.clone())).collect()
}

fn leaves<'a, D: Database>(situation: &Situation<'a, D>, secret: &str) -> Vec<&'a Certificate> {
    match situation.seen(&probes::secret(secret.to_owned())) {
        Some(Observation::Certificates(all)) => all.iter().filter(|one| !one.is_authority).collect(),
        _ => Vec::new(),
    }
}
