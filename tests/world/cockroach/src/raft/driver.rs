//! The tasks that make the log move: beats and elections, and one feeder for each follower.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::Raft;
use crate::state::NodeId;

/// Runs until the handle is gone.
pub async fn run(raft: Weak<Raft>) {
    let mut feeders: JoinSet<(NodeId, u64)> = JoinSet::new();
    let mut fed: BTreeMap<NodeId, u64> = BTreeMap::new();
    loop {
        let Some(strong) = raft.upgrade() else { return };
        while let Some(ended) = feeders.try_join_next() {
            if let Ok((node, term)) = ended
                && fed.get(&node) == Some(&term)
            {
                fed.remove(&node);
            }
        }
        let until = step(&strong, &mut feeders, &mut fed).await;
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => {}
            () = strong.wake.notified() => {}
        }
    }
}

/// Does what is due and says when to look again.
async fn step(raft: &Arc<Raft>, feeders: &mut JoinSet<(NodeId, u64)>, fed: &mut BTreeMap<NodeId, u64>) -> Instant {
    let now = Instant::now();
    let (leads, due, voter) = {
        let core = raft.core();
        (core.is_leader(), core.election_at, core.is_voter())
    };
    if leads {
        beat(raft, feeders, fed);
        return now + raft.timers.log_heartbeat();
    }
    if voter && now >= due {
        elect(raft, false).await;
        if raft.core().is_leader() {
            return now;
        }
    }
    // A node without a vote has no election to miss.
    let next = raft.core().election_at;
    if voter { next } else { now + raft.timers.election() }
}

/// One beat of a leader: heartbeats that waited become an entry, and every follower hears from us.
fn beat(raft: &Arc<Raft>, feeders: &mut JoinSet<(NodeId, u64)>, fed: &mut BTreeMap<NodeId, u64>) {
    // A disk failure is logged where it happens; the next beat tries again.
    drop(raft.with_core(|core, now| {
        core.check_quorum(now)?;
        core.flush_lazy()
    }));
    let (term, followers) = {
        let core = raft.core();
        (core.term(), core.followers())
    };
    raft.feeders.lock().expect("no holder panics").retain(|node, _| followers.contains(node));
    for node in followers {
        let notify = Arc::clone(raft.feeders.lock().expect("no holder panics").entry(node).or_default());
        if fed.get(&node) != Some(&term) {
            fed.insert(node, term);
            feeders.spawn(feed(Arc::downgrade(raft), node, term, Arc::clone(&notify)));
        }
        notify.notify_one();
    }
}

/// Sends entries to one follower while this node leads in `term`.
async fn feed(raft: Weak<Raft>, to: NodeId, term: u64, wake: Arc<Notify>) -> (NodeId, u64) {
    loop {
        wake.notified().await;
        loop {
            let Some(raft) = raft.upgrade() else { return (to, term) };
            let sent = Instant::now();
            let Some(request) = raft.core().next_append(to, term) else { return (to, term) };
            let limit = raft.timers.network();
            let answer = tokio::time::timeout(limit, raft.transport.append(to, request)).await;
            let Ok(Ok(answer)) = answer else { break };
            // Others hear of a new commit with the next beat; who cannot wait asks for an index, and is fed at once.
            let more = raft.with_core(|core, _| core.appended(to, &answer, sent)).unwrap_or(false);
            if !more {
                break;
            }
        }
    }
}

/// Stands for election: first a trial, then in earnest.
pub async fn elect(raft: &Raft, handed_over: bool) {
    if !handed_over && !gather(raft, true, false).await {
        return;
    }
    if gather(raft, false, handed_over).await {
        let term = raft.core().term();
        if raft.with_core(|core, now| core.lead(term, now)) == Ok(true) {
            crate::log::info(
                "kv/kvserver/replica_raft.go:2",
                format!("became leader of the replicated log in term {term}"),
            );
            raft.wake.notify_one();
        }
    }
}

/// Asks all voters; says whether a majority, this node included, agreed.
async fn gather(raft: &Raft, trial: bool, handed_over: bool) -> bool {
    let Ok(request) = raft.with_core(|core, now| core.campaign(trial, handed_over, now)) else { return false };
    let (id, voters) = {
        let core = raft.core();
        (core.id, core.voters())
    };
    let needed = voters.len() / 2 + 1;
    let mut granted = usize::from(voters.contains(&id));
    let limit = raft.timers.network().min(raft.core().election_time());
    let mut answers: FuturesUnordered<_> = voters
        .into_iter()
        .filter(|voter| *voter != id)
        .map(|voter| tokio::time::timeout(limit, raft.transport.vote(voter, request)))
        .collect();
    while granted < needed {
        match answers.next().await {
            None => return false,
            Some(Ok(Ok(answer))) if answer.granted => granted += 1,
            Some(Ok(Ok(answer))) => {
                // A refusal from a later term ends the attempt; a disk failure shows again on the next write.
                drop(raft.with_core(|core, _| core.notice(answer.term)));
            }
            Some(_) => {}
        }
    }
    // While we asked, somebody else may have won.
    trial || raft.core().term() == request.term
}
