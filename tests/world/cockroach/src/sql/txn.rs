//! Transactions: reads at one moment, changes kept aside, and a commit that holds only if what was read still stands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::error::SqlError;
use super::vars::Variables;
use super::view::{Touched, View};
use super::write::Effect;
use crate::node::Node;
use crate::raft::{Raft, RaftError};
use crate::state::catalog::{Catalog, Change};
use crate::state::command::{Command, Outcome};
use crate::state::ranges::Range;
use crate::state::txn::{Read, Txn};
use crate::state::{ClusterState, NodeId};

/// How long a statement may wait for a majority, and who set that limit.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    pub deadline: Instant,
    /// `statement_timeout`, not the circuit breaker.
    pub by_client: bool,
}

/// A transaction that is not committed.
#[derive(Default)]
pub struct OpenTxn {
    pub failed: bool,
    /// The state at the first read of something shared.
    base: Option<Arc<ClusterState>>,
    /// The base with the changes made so far.
    catalog: Option<Arc<Catalog>>,
    reads: Vec<Read>,
    changes: Vec<Change>,
}

impl OpenTxn {
    /// Looks at the state of the transaction: at this node's own copy if nothing shared is touched, otherwise at one
    /// that a majority confirmed.
    pub(super) async fn look<T>(
        &mut self,
        node: &Arc<Node>,
        vars: &Variables,
        exempt: bool,
        wait: &Wait,
        work: impl Fn(&View) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let (found, touched) = self.once(node, vars, exempt, &work);
        if !touched.shared {
            return found;
        }
        if self.base.is_some() {
            self.note(&touched);
            return found;
        }
        let state = current(node, &touched, wait).await?;
        self.catalog = Some(Arc::clone(&state.catalog));
        self.base = Some(state);
        let (found, touched) = self.once(node, vars, exempt, &work);
        self.note(&touched);
        found
    }

    /// Works out what a statement changes, and takes the changes into the transaction.
    pub(super) async fn run(
        &mut self,
        node: &Arc<Node>,
        vars: &Variables,
        wait: &Wait,
        work: impl Fn(&View) -> Result<Effect, SqlError>,
    ) -> Result<Effect, SqlError> {
        let mut effect = self.look(node, vars, false, wait, work).await?;
        let changes = std::mem::take(&mut effect.changes);
        let catalog = Arc::make_mut(self.catalog.get_or_insert_default());
        for change in &changes {
            catalog.apply(change.clone());
        }
        self.changes.extend(changes);
        Ok(effect)
    }

    /// Commits; says `false` when something read has changed since.
    pub(super) async fn commit(self, node: &Node, wait: &Wait) -> Result<bool, SqlError> {
        if self.changes.is_empty() {
            return Ok(true);
        }
        let txn = Txn { id: Uuid::new_v4(), reads: self.reads, changes: self.changes };
        Ok(propose(node, Command::Txn(txn), wait).await? == Outcome::Done)
    }

    fn once<T>(
        &self,
        node: &Arc<Node>,
        vars: &Variables,
        exempt: bool,
        work: &impl Fn(&View) -> Result<T, SqlError>,
    ) -> (Result<T, SqlError>, Touched) {
        let state = self.base.clone().or_else(|| node.state());
        let view = View::new(Arc::clone(node), vars.clone(), state, self.catalog.clone(), exempt);
        let found = work(&view);
        let touched = view.touched();
        (found, touched)
    }

    /// Remembers what was read before the transaction changed it itself.
    fn note(&mut self, touched: &Touched) {
        let subject = |read: &Read| match read {
            Read::Table { name, .. } => format!("{}.{}", name.database, name.table),
            Read::Database { name, .. } => name.clone(),
        };
        for read in touched.reads() {
            if !self.reads.iter().any(|known| subject(known) == subject(&read)) {
                self.reads.push(read);
            }
        }
    }
}

/// Proposes, with the waits and errors of SQL.
pub(super) async fn propose(node: &Node, command: Command, wait: &Wait) -> Result<Outcome, SqlError> {
    let raft = raft(node)?;
    let limit = wait.deadline.saturating_duration_since(Instant::now());
    raft.propose(command, false, limit).await.map_err(|err| timed_out(node, wait, err, node.state().as_deref()))
}

fn raft(node: &Node) -> Result<&Arc<Raft>, SqlError> {
    if let Some(removal) = node.removal() {
        let text = format!(
            "failed to send RPC: sending to all replicas failed; last error: rpc error: code = PermissionDenied desc = \
             {removal}"
        );
        return Err(SqlError::new("XXUUU", text));
    }
    node.raft().ok_or_else(|| SqlError::new("XXUUU", "node is not part of a cluster"))
}

/// A state that is current, and in which the ranges that were touched have a majority.
async fn current(node: &Node, touched: &Touched, wait: &Wait) -> Result<Arc<ClusterState>, SqlError> {
    let raft = raft(node)?;
    loop {
        let limit = wait.deadline.saturating_duration_since(Instant::now());
        let state = raft.barrier(limit).await.map_err(|err| timed_out(node, wait, err, node.state().as_deref()))?;
        let Some(problem) = problem(node, &state, touched) else { return Ok(state) };
        if Instant::now() >= wait.deadline {
            return Err(match problem {
                _ if wait.by_client => SqlError::timed_out(),
                Problem::NoQuorum(range) => {
                    node.tripped.lock().expect("no holder panics").insert(range.id);
                    lost_quorum(node, &range, Some(&state))
                }
                Problem::NoWay(why) => SqlError::new("58C01", why),
            });
        }
        tokio::time::sleep(node.timers.millis(200).max(Duration::from_millis(20))).await;
    }
}

/// What keeps a statement from a range.
enum Problem {
    NoQuorum(Range),
    /// Its leaseholder cannot be reached from here.
    NoWay(String),
}

/// The first problem of the ranges that were touched: each needs a majority, and a leaseholder that this gateway
/// reaches. A dead one's lease is taken over once its liveness has run out.
fn problem(node: &Node, state: &ClusterState, touched: &Touched) -> Option<Problem> {
    let now = crate::clock::now_nanos();
    let livenesses = node.livenesses();
    let own = node.identity().map(|identity| identity.node_id);
    let live = |id: NodeId| livenesses.get(&id).is_some_and(|(liveness, _)| liveness.is_live(now));
    let of_tables = touched.tables.iter().filter_map(|(name, seen)| {
        let (id, _) = (*seen)?;
        state.ranges.of_table(&name.database, id)
    });
    let of_system = state.ranges.liveness().into_iter().filter(|_| touched.system);
    let mut tripped = node.tripped.lock().expect("no holder panics");
    of_tables.chain(of_system).find_map(|range| {
        if !range.has_quorum(live) {
            return Some(Problem::NoQuorum(range.clone()));
        }
        tripped.remove(&range.id);
        if Some(range.lease) == own {
            return None;
        }
        let why = node.peers.channel(range.lease).err()?;
        Some(Problem::NoWay(format!(
            "failed to send RPC: sending to all replicas failed; last error: unable to dial n{}: {why}",
            range.lease
        )))
    })
}

fn timed_out(node: &Node, wait: &Wait, err: RaftError, state: Option<&ClusterState>) -> SqlError {
    match err {
        RaftError::Deadline if wait.by_client => SqlError::timed_out(),
        RaftError::Deadline => match state.and_then(|state| state.ranges.liveness().cloned()) {
            Some(range) => lost_quorum(node, &range, state),
            None => err.into(),
        },
        other => other.into(),
    }
}

fn lost_quorum(node: &Node, range: &Range, state: Option<&ClusterState>) -> SqlError {
    let now = crate::clock::now_nanos();
    let own = node.identity().map_or(NodeId(0), |identity| identity.node_id);
    let livenesses = node.livenesses();
    let down = |id: NodeId| id != own && !livenesses.get(&id).is_some_and(|(liveness, _)| liveness.is_live(now));
    let shown = |node: NodeId, id: i32| format!("(n{node},s{node}):{id}");
    let all: Vec<String> = range.replicas.iter().map(|replica| shown(replica.node, replica.id)).collect();
    let lost: Vec<String> = range
        .replicas
        .iter()
        .filter(|replica| down(replica.node))
        .map(|replica| shown(replica.node, replica.id))
        .collect();
    let here = range.replicas.iter().find(|replica| replica.node == own).map_or(0, |replica| replica.id);
    let threshold = node.breaker().as_secs_f64();
    let generation = state.map_or(0, |state| state.ranges.iter().count());
    SqlError::new(
        "58C00",
        format!(
            "replica unavailable: {} unable to serve request to r{}:{} [{}, next={}, gen={generation}]: lost quorum \
             (down: {}); closed timestamp: 0,0; raft status: {{}}: operation \"probe\" timed out after {threshold}s: \
             context deadline exceeded",
            shown(own, here),
            range.id,
            range.name,
            all.join(", "),
            range.next_replica,
            lost.join(","),
        ),
    )
}
