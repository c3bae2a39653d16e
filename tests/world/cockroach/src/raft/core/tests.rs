//! The consensus without tasks or sockets: messages are carried by hand.

use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::oneshot;

use super::super::storage::Storage;
use super::{Core, Role};
use crate::build_info::Version;
use crate::state::command::{Command, Outcome};
use crate::state::{ClusterState, NodeId};
use crate::timers::Timers;

const SECOND: Duration = Duration::from_secs(1);

/// Three voters with one founding state.
struct Three {
    cores: Vec<Core>,
    dirs: Vec<TempDir>,
    now: Instant,
}

impl Three {
    fn new() -> Self {
        let mut state = ClusterState::founded(uuid::Uuid::nil(), Version { major: 24, minor: 1 });
        state.apply(Command::AllocateNode);
        state.apply(Command::AllocateNode);
        state.apply(Command::Voters([1, 2, 3].map(NodeId).to_vec()));
        let now = Instant::now();
        let dirs: Vec<TempDir> = (0..3).map(|_| TempDir::new().expect("a temporary folder")).collect();
        let cores = dirs.iter().zip(1..).map(|(dir, id)| {
            let mut storage = Storage::open(dir.path()).expect("a writable folder");
            Core::found(&mut storage, state.clone()).expect("a writable folder");
            Core::open(NodeId(id), storage, Timers::scaled(1.0), now).expect("a readable folder")
        });
        Self { cores: cores.collect(), dirs, now }
    }

    /// Node `at` (from 0) asks `others` and leads if they agree.
    fn elect(&mut self, at: usize, others: &[usize]) -> bool {
        for trial in [true, false] {
            let request = self.cores[at].campaign(trial, false, self.now).expect("a disk");
            let answers: Vec<bool> = others
                .iter()
                .map(|other| self.cores[*other].vote(&request, self.now).expect("a disk").granted)
                .collect();
            if answers.iter().filter(|granted| **granted).count() < 1 {
                return false;
            }
        }
        let term = self.cores[at].term();
        self.cores[at].lead(term, self.now).expect("a disk")
    }

    /// Carries entries, and then the commit index, from a leader to a follower until both agree.
    fn feed(&mut self, from: usize, to: usize) {
        let term = self.cores[from].term();
        let id = self.cores[to].id;
        let mut more = true;
        for _ in 0..10 {
            let Some(request) = self.cores[from].next_append(id, term) else { return };
            let answer = self.cores[to].append(request, self.now).expect("a disk");
            let was_last = !more;
            more = self.cores[from].appended(id, &answer, self.now).expect("a disk");
            if was_last && !more {
                return;
            }
        }
        panic!("they never agree");
    }

    fn propose(&mut self, at: usize) -> oneshot::Receiver<Option<(u64, Outcome)>> {
        let (send, receive) = oneshot::channel();
        self.cores[at].propose(Command::AllocateNode, send).expect("a disk").expect("a leader");
        receive
    }

    fn next_node(&self, at: usize) -> i32 {
        self.cores[at].state().expect("founded").next_node
    }
}

#[test]
fn what_a_majority_has_is_applied_everywhere() {
    let mut three = Three::new();
    assert!(three.elect(0, &[1, 2]));
    let mut done = three.propose(0);
    three.feed(0, 1);
    assert_eq!(done.try_recv().map(|outcome| outcome.map(|(_, outcome)| outcome)), Ok(Some(Outcome::Node(NodeId(4)))));
    three.feed(0, 2);
    assert_eq!([0, 1, 2].map(|at| three.next_node(at)), [5, 5, 5]);
}

#[test]
fn a_leader_alone_commits_nothing_and_steps_down() {
    let mut three = Three::new();
    assert!(three.elect(0, &[1]));
    let mut done = three.propose(0);
    assert!(done.try_recv().is_err() && three.next_node(0) == 4);
    assert!(!three.cores[0].lease_holds(three.now));
    let later = three.now + 10 * SECOND;
    three.cores[0].check_quorum(later).expect("a disk");
    assert!(matches!(three.cores[0].role, Role::Follower));
}

#[test]
fn who_hears_a_leader_helps_nobody_else() {
    let mut three = Three::new();
    assert!(three.elect(0, &[1, 2]));
    three.feed(0, 1);
    three.feed(0, 2);
    assert!(three.cores[0].lease_holds(three.now));
    assert!(!three.elect(2, &[1]), "the second still hears the first");
    three.now += 4 * SECOND;
    assert!(!three.cores[0].lease_holds(three.now), "no lease outlives the silence after which others may lead");
    assert!(three.elect(2, &[1]));
}

#[test]
fn entries_that_no_majority_had_give_way() {
    let mut three = Three::new();
    assert!(three.elect(0, &[1, 2]));
    three.feed(0, 1);
    three.feed(0, 2);
    let mut lost = three.propose(0);
    three.now += 4 * SECOND;
    assert!(three.elect(1, &[2]));
    let mut kept = three.propose(1);
    three.feed(1, 2);
    assert!(kept.try_recv().is_ok_and(|outcome| outcome.is_some()));
    three.feed(1, 0);
    assert!(lost.try_recv().is_err(), "its entry is gone");
    assert_eq!([0, 1, 2].map(|at| three.next_node(at)), [5, 5, 5]);
}

#[test]
fn a_candidate_that_lacks_committed_entries_gets_no_vote() {
    let mut three = Three::new();
    assert!(three.elect(0, &[1]));
    drop(three.propose(0));
    three.feed(0, 1);
    three.now += 4 * SECOND;
    assert!(!three.elect(2, &[1]));
    assert!(three.elect(1, &[2]));
}

#[test]
fn a_joiner_without_anything_gets_a_snapshot() {
    let mut three = Three::new();
    assert!(three.elect(0, &[1]));
    three.feed(0, 1);
    let dir = TempDir::new().expect("a temporary folder");
    let storage = Storage::open(dir.path()).expect("a writable folder");
    let fresh = Core::open(NodeId(3), storage, Timers::scaled(1.0), three.now).expect("a readable folder");
    three.cores[2] = fresh;
    assert!(three.cores[2].state().is_none() && !three.cores[2].is_voter());
    three.feed(0, 2);
    assert_eq!(three.next_node(2), three.next_node(0));
}

#[test]
fn a_restart_forgets_nothing() {
    let mut three = Three::new();
    assert!(three.elect(0, &[1, 2]));
    drop(three.propose(0));
    three.feed(0, 1);
    let (term, commit) = (three.cores[1].term(), three.cores[0].commit());
    let storage = Storage::open(three.dirs[1].path()).expect("a writable folder");
    three.cores[1] = Core::open(NodeId(2), storage, Timers::scaled(1.0), three.now).expect("a readable folder");
    assert_eq!(three.cores[1].term(), term);
    three.now += 10 * SECOND;
    assert!(three.elect(1, &[2]));
    three.feed(1, 2);
    assert!(three.cores[1].commit() > commit, "what was committed still is");
    assert_eq!(three.next_node(1), 5);
}
