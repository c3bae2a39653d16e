//! The consensus itself: what a node does with each message and each moment. No tasks, no sockets.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::log::{Entry, Log};
use super::storage::{HardState, Snapshot, Storage};
use crate::state::command::{Command, Outcome};
use crate::state::member::Heartbeat;
use crate::state::{ClusterState, NodeId};
use crate::timers::Timers;
use crate::wire::world::replication as wire;

/// Entries in one append.
const BATCH: usize = 256;
/// Entries applied since the last snapshot before the next one is taken.
const SNAPSHOT_EVERY: u64 = 1_000;

/// What a proposer waits for; `None` when the entry was replaced by another.
pub type Waiter = oneshot::Sender<Option<(u64, Outcome)>>;

/// One node's part in the consensus.
#[derive(Debug)]
pub struct Core {
    pub id: NodeId,
    pub role: Role,
    pub leader: Option<NodeId>,
    /// When a follower stands for election.
    pub election_at: Instant,
    timers: Timers,
    hard: HardState,
    log: Log,
    commit: u64,
    applied: u64,
    /// Absent in a joiner that has heard from no leader yet.
    state: Option<Arc<ClusterState>>,
    heard: Option<Instant>,
    waiters: BTreeMap<u64, (u64, Waiter)>,
    storage: Storage,
}

/// What a node is at the moment.
#[derive(Debug)]
pub enum Role {
    Follower,
    Leader(Leadership),
}

/// What a leader keeps in mind.
#[derive(Debug)]
pub struct Leadership {
    /// Index of the entry that opened this term.
    pub opening: u64,
    pub progress: BTreeMap<NodeId, Progress>,
    /// Heartbeats that wait for the next beat, with those who wait for them.
    pub lazy: Vec<(Heartbeat, Waiter)>,
    pub since: Instant,
}

/// How far a follower is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    pub next: u64,
    pub matched: u64,
    pub sent_commit: u64,
    /// When the last answered append was sent.
    pub acked: Option<Instant>,
}

impl Core {
    /// Starts from what the storage holds.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn open(id: NodeId, storage: Storage, timers: Timers, now: Instant) -> io::Result<Self> {
        let (hard, snapshot, entries) = storage.load()?;
        let (index, term) = snapshot.as_ref().map_or((0, 0), |snapshot| (snapshot.index, snapshot.term));
        let mut core = Self {
            id,
            role: Role::Follower,
            leader: None,
            election_at: now,
            timers,
            hard,
            log: Log::after(index, term, entries),
            commit: index,
            applied: index,
            state: snapshot.map(|snapshot| snapshot.state),
            heard: None,
            waiters: BTreeMap::new(),
            storage,
        };
        // Alone, nobody else could win.
        if core.voters() != [id] {
            core.postpone_election(now);
        }
        Ok(core)
    }

    /// Writes the state of a new cluster as the first snapshot.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn found(storage: &mut Storage, state: ClusterState) -> io::Result<()> {
        storage.write_hard(HardState { term: 1, voted_for: None })?;
        storage.write_snapshot(&Snapshot { index: 1, term: 1, state: Arc::new(state) }, &[])
    }

    /// The applied state.
    pub fn state(&self) -> Option<&Arc<ClusterState>> {
        self.state.as_ref()
    }

    /// The last applied index.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The last committed index.
    pub fn commit(&self) -> u64 {
        self.commit
    }

    /// The current term.
    pub fn term(&self) -> u64 {
        self.hard.term
    }

    /// Who votes, by the latest entry, committed or not.
    pub fn voters(&self) -> Vec<NodeId> {
        let applied = self.state.as_ref().map_or(&[] as &[NodeId], |state| &state.voters);
        self.log.voters_after(self.applied).unwrap_or(applied).to_vec()
    }

    /// Whether this node votes.
    pub fn is_voter(&self) -> bool {
        self.voters().contains(&self.id)
    }

    /// Whether this node leads.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Sets the next election, at random between one and two election times from `now`.
    pub fn postpone_election(&mut self, now: Instant) {
        let shortest = self.timers.election();
        let random = f64::from(u16::from_le_bytes([0, 1].map(|at| uuid::Uuid::new_v4().as_bytes()[at]))) / 65_536.0;
        self.election_at = now + shortest + shortest.mul_f64(random);
    }

    // ---- following ----

    /// Takes entries from a leader.
    ///
    /// # Errors
    ///
    /// When the disk refuses; nothing may be answered then.
    pub fn append(&mut self, request: wire::AppendRequest, now: Instant) -> io::Result<wire::AppendResponse> {
        if request.term < self.hard.term {
            return Ok(self.refusal(0));
        }
        self.follow(request.term, Some(NodeId(request.leader)))?;
        self.heard = Some(now);
        self.postpone_election(now);
        if let Some(snapshot) = request.snapshot {
            self.install(&snapshot)?;
        }
        let (last, _) = self.log.last();
        match self.log.term(request.previous_index) {
            Some(term) if term == request.previous_term => {}
            // What is in the snapshot is committed and cannot differ.
            None if request.previous_index < self.log.base_index() => {}
            _ => return Ok(self.refusal(request.previous_index.min(last + 1).max(1))),
        }
        let agreed = request.entries.last().map_or(request.previous_index, |entry| entry.index);
        self.take(request.entries)?;
        self.commit_to(request.commit.min(agreed.max(self.commit)))?;
        Ok(wire::AppendResponse { term: self.hard.term, accepted: true, index: agreed })
    }

    fn refusal(&self, index: u64) -> wire::AppendResponse {
        wire::AppendResponse { term: self.hard.term, accepted: false, index }
    }

    fn take(&mut self, entries: Vec<wire::Entry>) -> io::Result<()> {
        let mut fresh = Vec::new();
        let mut cut = false;
        for entry in entries {
            match self.log.term(entry.index) {
                Some(term) if term == entry.term => continue,
                None if entry.index <= self.log.base_index() => continue,
                Some(_) => {
                    self.log.truncate_from(entry.index);
                    // Those who wait for replaced entries learn that they are gone.
                    drop(self.waiters.split_off(&entry.index));
                    cut = true;
                }
                None => {}
            }
            let command = Command::decode(&entry.command)?;
            let entry = Entry { index: entry.index, term: entry.term, command };
            self.log.push(entry.clone());
            fresh.push(entry);
        }
        if cut { self.storage.rewrite(self.log.entries()) } else { self.storage.append(&fresh) }
    }

    fn install(&mut self, snapshot: &wire::Snapshot) -> io::Result<()> {
        if snapshot.index <= self.commit {
            return Ok(());
        }
        let state: Arc<ClusterState> = Arc::new(serde_json::from_slice(&snapshot.state)?);
        let kept = Snapshot { index: snapshot.index, term: snapshot.term, state: Arc::clone(&state) };
        self.log = Log::after(snapshot.index, snapshot.term, Vec::new());
        self.storage.write_snapshot(&kept, &[])?;
        self.state = Some(state);
        self.commit = snapshot.index;
        self.applied = snapshot.index;
        self.waiters.clear();
        Ok(())
    }

    /// Becomes a follower in `term`.
    fn follow(&mut self, term: u64, leader: Option<NodeId>) -> io::Result<()> {
        if term > self.hard.term {
            self.hard = HardState { term, voted_for: None };
            self.storage.write_hard(self.hard)?;
        }
        if self.is_leader() {
            self.role = Role::Follower;
        }
        self.leader = leader;
        Ok(())
    }

    // ---- elections ----

    /// Answers a request for a vote.
    ///
    /// # Errors
    ///
    /// When the disk refuses; nothing may be answered then.
    pub fn vote(&mut self, request: &wire::VoteRequest, now: Instant) -> io::Result<wire::VoteResponse> {
        let refused = wire::VoteResponse { term: self.hard.term, granted: false };
        // A node that hears from a leader does not help to replace it: this is what makes the leader's lease sound,
        // and what keeps a half-connected node from disturbing the rest.
        let hears = self.heard.is_some_and(|heard| now < heard + self.timers.election()) && self.leader.is_some();
        if !request.handed_over && (hears || self.lease_holds(now)) {
            return Ok(refused);
        }
        let fresh = (request.last_term, request.last_index) >= {
            let (index, term) = self.log.last();
            (term, index)
        };
        if request.trial {
            return Ok(wire::VoteResponse { granted: fresh && request.term > self.hard.term, ..refused });
        }
        if request.term < self.hard.term {
            return Ok(refused);
        }
        if request.term > self.hard.term {
            self.follow(request.term, None)?;
        }
        let candidate = NodeId(request.candidate);
        let free = self.hard.voted_for.is_none_or(|voted| voted == candidate);
        let granted = fresh && free && !self.is_leader();
        if granted {
            self.hard.voted_for = Some(candidate);
            self.storage.write_hard(self.hard)?;
            self.postpone_election(now);
        }
        Ok(wire::VoteResponse { term: self.hard.term, granted })
    }

    /// Prepares to ask for votes. A trial changes nothing here; otherwise a new term begins with our own vote.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn campaign(&mut self, trial: bool, handed_over: bool, now: Instant) -> io::Result<wire::VoteRequest> {
        self.postpone_election(now);
        if !trial {
            self.hard = HardState { term: self.hard.term + 1, voted_for: Some(self.id) };
            self.storage.write_hard(self.hard)?;
            self.leader = None;
        }
        let (last_index, last_term) = self.log.last();
        Ok(wire::VoteRequest {
            term: self.hard.term + u64::from(trial),
            candidate: self.id.0,
            last_index,
            last_term,
            trial,
            handed_over,
        })
    }

    /// Takes notice of a term met elsewhere.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn notice(&mut self, term: u64) -> io::Result<()> {
        if term > self.hard.term { self.follow(term, None) } else { Ok(()) }
    }

    /// Begins to lead, after a majority voted in `term`. Opens the term with an entry of its own.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn lead(&mut self, term: u64, now: Instant) -> io::Result<bool> {
        if term != self.hard.term || self.is_leader() {
            return Ok(false);
        }
        let opening = self.log.last().0 + 1;
        self.leader = Some(self.id);
        self.role = Role::Leader(Leadership { opening, progress: BTreeMap::new(), lazy: Vec::new(), since: now });
        self.push(Command::Noop)?;
        self.advance_commit()?;
        Ok(true)
    }

    // ---- leading ----

    /// Adds an entry as leader; `None` if this node does not lead.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn propose(&mut self, command: Command, waiter: Waiter) -> io::Result<Option<u64>> {
        if !self.is_leader() {
            return Ok(None);
        }
        let index = self.push(command)?;
        self.waiters.insert(index, (self.hard.term, waiter));
        self.advance_commit()?;
        Ok(Some(index))
    }

    /// Puts the heartbeats that wait into one entry.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn flush_lazy(&mut self) -> io::Result<()> {
        let Role::Leader(leadership) = &mut self.role else { return Ok(()) };
        let lazy = std::mem::take(&mut leadership.lazy);
        if lazy.is_empty() {
            return Ok(());
        }
        let (heartbeats, waiters): (Vec<Heartbeat>, Vec<Waiter>) = lazy.into_iter().unzip();
        let (all, done) = oneshot::channel();
        tokio::spawn(async move {
            let outcome = done.await.ok().flatten();
            for waiter in waiters {
                // A proposer may have given up.
                drop(waiter.send(outcome.clone()));
            }
        });
        self.propose(Command::Heartbeats(heartbeats), all).map(drop)
    }

    fn push(&mut self, command: Command) -> io::Result<u64> {
        let entry = Entry { index: self.log.last().0 + 1, term: self.hard.term, command };
        self.storage.append(std::slice::from_ref(&entry))?;
        let index = entry.index;
        self.log.push(entry);
        Ok(index)
    }

    /// Who gets appends: all remaining members, and voters not applied yet.
    pub fn followers(&self) -> Vec<NodeId> {
        let mut all: Vec<NodeId> = self
            .state
            .iter()
            .flat_map(|state| state.remaining())
            .map(|member| member.id)
            .chain(self.voters())
            .collect();
        all.sort();
        all.dedup();
        all.retain(|node| *node != self.id);
        all
    }

    /// The next append for a follower; `None` if this node does not lead in `term`.
    pub fn next_append(&mut self, to: NodeId, term: u64) -> Option<wire::AppendRequest> {
        if term != self.hard.term {
            return None;
        }
        let (last, _) = self.log.last();
        let Role::Leader(leadership) = &mut self.role else { return None };
        let fresh = Progress { next: last + 1, matched: 0, sent_commit: 0, acked: None };
        let progress = leadership.progress.entry(to).or_insert(fresh);
        progress.sent_commit = self.commit;
        let next = progress.next;
        let snapshot = (next <= self.log.base_index()).then(|| wire::Snapshot {
            index: self.applied,
            term: self.log.term(self.applied).unwrap_or_default(),
            state: self
                .state
                .as_deref()
                .map(|state| serde_json::to_vec(state).expect("states are plain data"))
                .unwrap_or_default(),
        });
        let next = if snapshot.is_some() { self.applied + 1 } else { next };
        let entries = self.log.from(next, BATCH);
        Some(wire::AppendRequest {
            term,
            leader: self.id.0,
            previous_index: next - 1,
            previous_term: self.log.term(next - 1).unwrap_or_default(),
            entries: entries
                .iter()
                .map(|entry| wire::Entry { index: entry.index, term: entry.term, command: entry.command.encode() })
                .collect(),
            commit: self.commit,
            snapshot,
        })
    }

    /// Takes the answer to an append sent at `sent`. Says whether there is more to send.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn appended(&mut self, to: NodeId, answer: &wire::AppendResponse, sent: Instant) -> io::Result<bool> {
        if answer.term > self.hard.term {
            self.follow(answer.term, None)?;
            return Ok(false);
        }
        let (last, _) = self.log.last();
        let commit = self.commit;
        let Role::Leader(leadership) = &mut self.role else { return Ok(false) };
        let Some(progress) = leadership.progress.get_mut(&to) else { return Ok(false) };
        progress.acked = Some(sent);
        if answer.accepted {
            progress.matched = progress.matched.max(answer.index);
            progress.next = progress.matched + 1;
        } else {
            progress.next = answer.index.clamp(1, progress.next.max(1));
        }
        let more = progress.next <= last || progress.sent_commit < commit;
        self.advance_commit()?;
        Ok(more)
    }

    /// Followers that do not know the commit index yet.
    pub fn behind_commit(&self) -> Vec<NodeId> {
        let Role::Leader(leadership) = &self.role else { return Vec::new() };
        let behind = leadership.progress.iter().filter(|(_, progress)| progress.sent_commit < self.commit);
        behind.map(|(node, _)| *node).collect()
    }

    fn advance_commit(&mut self) -> io::Result<()> {
        let Role::Leader(leadership) = &self.role else { return Ok(()) };
        let (last, _) = self.log.last();
        let mut matched: Vec<u64> =
            self.voters()
                .iter()
                .map(|voter| {
                    if *voter == self.id { last } else { leadership.progress.get(voter).map_or(0, |seen| seen.matched) }
                })
                .collect();
        matched.sort_unstable_by(|left, right| right.cmp(left));
        let Some(&agreed) = matched.get(matched.len() / 2) else { return Ok(()) };
        // Only an entry of the own term proves that the majority will never lose it.
        if self.log.term(agreed) == Some(self.hard.term) { self.commit_to(agreed) } else { Ok(()) }
    }

    /// Whether a majority answered so lately that no other leader can exist, and this term's first entry is
    /// committed: then reads at the commit index are current.
    pub fn lease_holds(&self, now: Instant) -> bool {
        let Role::Leader(leadership) = &self.role else { return false };
        if self.commit < leadership.opening {
            return false;
        }
        self.majority_acked(leadership, now).is_some_and(|acked| now < acked + self.timers.election().mul_f64(0.8))
    }

    /// Steps down when no majority has answered for two election times.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn check_quorum(&mut self, now: Instant) -> io::Result<()> {
        let Role::Leader(leadership) = &self.role else { return Ok(()) };
        let limit = 2 * self.timers.election();
        let acked = self.majority_acked(leadership, now).unwrap_or(leadership.since);
        if now > acked.max(leadership.since) + limit {
            self.follow(self.hard.term, None)?;
            self.postpone_election(now);
        }
        Ok(())
    }

    fn majority_acked(&self, leadership: &Leadership, now: Instant) -> Option<Instant> {
        let mut acked: Vec<Option<Instant>> =
            self.voters()
                .iter()
                .map(|voter| {
                    if *voter == self.id {
                        Some(now)
                    } else {
                        leadership.progress.get(voter).and_then(|seen| seen.acked)
                    }
                })
                .collect();
        acked.sort_unstable_by(|left, right| right.cmp(left));
        acked.get(acked.len() / 2).copied().flatten()
    }

    /// A voter to hand leadership to: the most caught up that answered lately.
    pub fn successor(&self, now: Instant) -> Option<NodeId> {
        let Role::Leader(leadership) = &self.role else { return None };
        let recent = |seen: &Progress| seen.acked.is_some_and(|acked| now < acked + self.timers.election());
        let candidates = self.voters().into_iter().filter_map(|voter| Some((voter, leadership.progress.get(&voter)?)));
        candidates.filter(|(_, seen)| recent(seen)).max_by_key(|(_, seen)| seen.matched).map(|(voter, _)| voter)
    }

    /// Whether a member that does not vote has caught up.
    pub fn caught_up(&self, node: NodeId, now: Instant) -> bool {
        let Role::Leader(leadership) = &self.role else { return false };
        leadership.progress.get(&node).is_some_and(|seen| {
            seen.matched >= leadership.opening
                && seen.matched + 64 > self.commit
                && seen.acked.is_some_and(|acked| now < acked + self.timers.election())
        })
    }

    // ---- applying ----

    fn commit_to(&mut self, index: u64) -> io::Result<()> {
        self.commit = self.commit.max(index.min(self.log.last().0));
        while self.applied < self.commit {
            let Some(entry) = self.log.get(self.applied + 1).cloned() else { break };
            let Some(state) = self.state.as_mut() else { break };
            let outcome = Arc::make_mut(state).apply(entry.command);
            self.applied = entry.index;
            if let Some((term, waiter)) = self.waiters.remove(&entry.index) {
                let answer = (term == entry.term).then_some((entry.index, outcome));
                // A proposer may have given up.
                drop(waiter.send(answer));
            }
        }
        if self.applied >= self.log.base_index() + SNAPSHOT_EVERY {
            self.take_snapshot()?;
        }
        Ok(())
    }

    fn take_snapshot(&mut self) -> io::Result<()> {
        let (Some(state), Some(term)) = (self.state.as_ref(), self.log.term(self.applied)) else { return Ok(()) };
        let snapshot = Snapshot { index: self.applied, term, state: Arc::clone(state) };
        self.log.compact(self.applied, term);
        self.storage.write_snapshot(&snapshot, self.log.entries())
    }

    /// The shortest silence after which another leader may come.
    pub fn election_time(&self) -> Duration {
        self.timers.election()
    }
}
