//! The replicated log: propose commands, read at a current index, look at the applied state.

pub mod core;
pub mod driver;
pub mod log;
pub mod storage;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{Notify, oneshot, watch};

use crate::state::command::{Command, Outcome};
use crate::state::{ClusterState, NodeId};
use crate::timers::Timers;
use crate::wire::world::replication as wire;
use core::{Core, Role};

/// How the log reaches other nodes. An error is a peer that cannot be reached or refuses.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    async fn append(&self, to: NodeId, request: wire::AppendRequest) -> Result<wire::AppendResponse, String>;
    async fn vote(&self, to: NodeId, request: wire::VoteRequest) -> Result<wire::VoteResponse, String>;
    async fn propose(&self, to: NodeId, request: wire::ProposeRequest) -> Result<wire::ProposeResponse, String>;
    async fn read_index(&self, to: NodeId, request: wire::ReadIndexRequest) -> Result<wire::ReadIndexResponse, String>;
    async fn hand_over(&self, to: NodeId, request: wire::HandOverRequest) -> Result<(), String>;
    /// Nodes with a working connection.
    fn connected(&self) -> Vec<NodeId>;
}

/// Why the log did not take or give something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RaftError {
    /// No majority answered in time. A command may still happen later.
    #[error("context deadline exceeded")]
    Deadline,
    /// This node may not pass the request on, and cannot serve it.
    #[error("not the leader")]
    NotLeader,
    /// The disk failed.
    #[error("{0}")]
    Disk(String),
}

/// A node's handle on the log.
pub struct Raft {
    core: Mutex<Core>,
    transport: Box<dyn Transport>,
    timers: Timers,
    /// Wakes the driver.
    wake: Notify,
    /// Wakes the tasks that feed followers.
    feeders: Mutex<std::collections::BTreeMap<NodeId, Arc<Notify>>>,
    applied: watch::Sender<u64>,
}

impl Raft {
    /// Takes over `core`. Nothing happens until [`driver::run`] runs.
    pub fn new(core: Core, transport: Box<dyn Transport>, timers: Timers) -> Arc<Self> {
        let applied = watch::Sender::new(core.applied());
        let feeders = Mutex::default();
        Arc::new(Self { core: Mutex::new(core), transport, timers, wake: Notify::new(), feeders, applied })
    }

    /// The applied state, which may lag behind the cluster's.
    pub fn state(&self) -> Option<Arc<ClusterState>> {
        self.core().state().cloned()
    }

    /// Whether this node leads, and who does as far as it knows.
    pub fn leadership(&self) -> (bool, Option<NodeId>) {
        let core = self.core();
        (core.is_leader(), core.leader)
    }

    /// Who votes, by the latest entry, committed or not.
    pub fn voters(&self) -> Vec<NodeId> {
        self.core().voters()
    }

    /// Whether a member keeps up with this leader.
    pub fn caught_up(&self, node: NodeId, now: Instant) -> bool {
        self.core().caught_up(node, now)
    }

    /// Changes with every applied entry.
    pub fn watch_applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// Gets a command committed and applied, through whoever leads. Tries until `limit` has passed; commands must
    /// bear happening twice. `lazy` heartbeats may wait for the leader's next beat.
    ///
    /// # Errors
    ///
    /// [`RaftError::Deadline`] without a majority; the command may still happen later.
    pub async fn propose(&self, command: Command, lazy: bool, limit: Duration) -> Result<Outcome, RaftError> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some((_, outcome)) = self.propose_here(command.clone(), lazy, deadline).await? {
                return Ok(outcome);
            }
            let request = wire::ProposeRequest {
                command: command.encode(),
                lazy,
                timeout_millis: millis(deadline.saturating_duration_since(Instant::now())),
                forwarded: false,
            };
            for (to, forwarded) in self.routes() {
                let request = wire::ProposeRequest { forwarded, ..request.clone() };
                let answer = tokio::time::timeout_at(deadline.into(), self.transport.propose(to, request)).await;
                let answer = answer.map_err(|_| RaftError::Deadline)?;
                if let Some(outcome) = answer.ok().and_then(|answer| serde_json::from_slice(&answer.outcome).ok()) {
                    return Ok(outcome);
                }
            }
            self.pause(deadline).await?;
        }
    }

    /// Serves a peer's proposal: as leader, or, unless it was passed on already, by passing it on once.
    ///
    /// # Errors
    ///
    /// When neither is possible.
    pub async fn serve_propose(&self, request: wire::ProposeRequest) -> Result<wire::ProposeResponse, RaftError> {
        let deadline = Instant::now() + duration(request.timeout_millis);
        let command = Command::decode(&request.command).map_err(|err| RaftError::Disk(err.to_string()))?;
        if let Some((index, outcome)) = self.propose_here(command, request.lazy, deadline).await? {
            let outcome = serde_json::to_vec(&outcome).expect("outcomes are plain data");
            return Ok(wire::ProposeResponse { index, outcome });
        }
        let leader = self.leader_elsewhere().filter(|_| !request.forwarded).ok_or(RaftError::NotLeader)?;
        let request = wire::ProposeRequest { forwarded: true, ..request };
        self.transport.propose(leader, request).await.map_err(|_| RaftError::NotLeader)
    }

    /// Waits until this node's state holds all that was committed anywhere when the call began.
    ///
    /// # Errors
    ///
    /// [`RaftError::Deadline`] without a majority.
    pub async fn barrier(&self, limit: Duration) -> Result<Arc<ClusterState>, RaftError> {
        let deadline = Instant::now() + limit;
        let index = loop {
            if let Some(index) = self.current_index() {
                break index;
            }
            let request = wire::ReadIndexRequest {
                timeout_millis: millis(deadline.saturating_duration_since(Instant::now())),
                reader: self.core().id.0,
                forwarded: false,
            };
            let mut found = None;
            for (to, forwarded) in self.routes() {
                let request = wire::ReadIndexRequest { forwarded, ..request };
                let answer = tokio::time::timeout_at(deadline.into(), self.transport.read_index(to, request)).await;
                if let Ok(answer) = answer.map_err(|_| RaftError::Deadline)? {
                    found = Some(answer.index);
                    break;
                }
            }
            match found {
                Some(index) => break index,
                None => self.pause(deadline).await?,
            }
        };
        let mut applied = self.watch_applied();
        let reached = tokio::time::timeout_at(deadline.into(), applied.wait_for(|applied| *applied >= index)).await;
        drop(reached.map_err(|_| RaftError::Deadline)?);
        self.state().ok_or(RaftError::Deadline)
    }

    /// Serves a peer's wish for a current index.
    ///
    /// # Errors
    ///
    /// When this node does not lead and may not pass it on, or holds no lease in time.
    pub async fn serve_read_index(
        &self,
        request: wire::ReadIndexRequest,
    ) -> Result<wire::ReadIndexResponse, RaftError> {
        let deadline = Instant::now() + duration(request.timeout_millis);
        loop {
            if let Some(index) = self.current_index() {
                // The reader waits for this index: do not let it wait for the next beat.
                self.wake_feeder(NodeId(request.reader));
                return Ok(wire::ReadIndexResponse { index });
            }
            if !self.core().is_leader() {
                break;
            }
            self.pause(deadline).await?;
        }
        let leader = self.leader_elsewhere().filter(|_| !request.forwarded).ok_or(RaftError::NotLeader)?;
        let request = wire::ReadIndexRequest { forwarded: true, ..request };
        self.transport.read_index(leader, request).await.map_err(|_| RaftError::NotLeader)
    }

    /// Serves a leader's entries.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn serve_append(&self, request: wire::AppendRequest) -> Result<wire::AppendResponse, RaftError> {
        self.with_core(|core, now| core.append(request, now))
    }

    /// Serves a candidate.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn serve_vote(&self, request: &wire::VoteRequest) -> Result<wire::VoteResponse, RaftError> {
        self.with_core(|core, now| core.vote(request, now))
    }

    /// Serves a leader that wants to be succeeded by this node.
    pub async fn serve_hand_over(&self, request: wire::HandOverRequest) {
        if self.core().term() == request.term {
            driver::elect(self, true).await;
        }
    }

    /// Gives leadership away, if this node has it, before it stops.
    pub async fn hand_over(&self) {
        let target = {
            let mut core = self.core();
            let Some(target) = core.successor(Instant::now()) else { return };
            let term = core.term();
            // Before anything is sent: the lease must end before a successor can begin.
            core.role = Role::Follower;
            core.leader = None;
            core.postpone_election(Instant::now());
            (target, term)
        };
        // A successor that does not answer is no worse than none: an election follows.
        drop(self.transport.hand_over(target.0, wire::HandOverRequest { term: target.1 }).await);
    }

    fn current_index(&self) -> Option<u64> {
        let core = self.core();
        core.lease_holds(Instant::now()).then(|| core.commit())
    }

    /// Proposes as leader; `None` if this node does not lead or lost the entry.
    async fn propose_here(
        &self,
        command: Command,
        lazy: bool,
        deadline: Instant,
    ) -> Result<Option<(u64, Outcome)>, RaftError> {
        let (waiter, done) = oneshot::channel();
        let leads = self.with_core(|core, _| match (&mut core.role, command, lazy) {
            (Role::Follower, ..) => Ok(false),
            (Role::Leader(leadership), Command::Heartbeats(heartbeats), true) if heartbeats.len() == 1 => {
                leadership.lazy.extend(heartbeats.into_iter().zip([waiter]));
                Ok(true)
            }
            (Role::Leader(_), command, _) => core.propose(command, waiter).map(|index| index.is_some()),
        })?;
        if !leads {
            return Ok(None);
        }
        if !lazy {
            self.wake_feeders();
        }
        match tokio::time::timeout_at(deadline.into(), done).await {
            Ok(outcome) => Ok(outcome.ok().flatten()),
            Err(_) => Err(RaftError::Deadline),
        }
    }

    /// Whom to ask: the leader, or else anybody connected, who may pass it on once.
    fn routes(&self) -> Vec<(NodeId, bool)> {
        let connected = self.transport.connected();
        match self.leader_elsewhere() {
            Some(leader) if connected.contains(&leader) => vec![(leader, true)],
            _ => connected.into_iter().map(|node| (node, false)).collect(),
        }
    }

    fn leader_elsewhere(&self) -> Option<NodeId> {
        let core = self.core();
        core.leader.filter(|leader| *leader != core.id)
    }

    async fn pause(&self, deadline: Instant) -> Result<(), RaftError> {
        let pause = self.timers.millis(200).max(Duration::from_millis(20));
        if Instant::now() + pause >= deadline {
            tokio::time::sleep_until(deadline.into()).await;
            return Err(RaftError::Deadline);
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().expect("no holder panics")
    }

    /// Works on the core, then tells everybody who waits for what changed.
    fn with_core<T>(&self, work: impl FnOnce(&mut Core, Instant) -> io::Result<T>) -> Result<T, RaftError> {
        let mut core = self.core();
        let led = core.is_leader();
        let outcome = work(&mut core, Instant::now()).map_err(|err| {
            crate::log::error("kv/kvserver/replica_raft.go:1", format!("disk failure: {err}"));
            RaftError::Disk(err.to_string())
        });
        let applied = core.applied();
        let changed = led != core.is_leader();
        drop(core);
        self.applied.send_if_modified(|seen| std::mem::replace(seen, applied) != applied);
        if changed {
            self.wake.notify_one();
        }
        outcome
    }

    fn wake_feeders(&self) {
        self.feeders.lock().expect("no holder panics").values().for_each(|feeder| feeder.notify_one());
    }

    fn wake_feeder(&self, node: NodeId) {
        if let Some(feeder) = self.feeders.lock().expect("no holder panics").get(&node) {
            feeder.notify_one();
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0)).min(Duration::from_secs(3600))
}
