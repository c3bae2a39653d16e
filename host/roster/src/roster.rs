//! All members as one of them has verified them.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::ChangeId;
use crate::digest::KeyFingerprint;
use crate::finding::Finding;
use crate::name::{MemberId, PoolName};
use crate::record::{Genesis, Record, Seen, SignedRecord, State};

mod accept;
mod enter;
mod renewal;
pub(crate) mod stored;
mod succession;
mod take_in;
mod view;
mod witness;

use enter::Entered;

/// The latest verified record of each member, as held by one of them.
///
/// A record that is refused leaves the one that is held in force, so a carrier can at worst delay. What is held must be kept
/// between runs ([`Roster::to_bytes`]): who forgets what it has seen cannot tell that a carrier has gone back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    own: MemberId,
    pool: PoolName,
    founder: Option<MemberId>,
    records: BTreeMap<MemberId, SignedRecord>,
    /// The records before the held ones, so that an old one can be told from another history.
    past: BTreeMap<MemberId, Vec<Seen>>,
    /// Keys of members whose record is not held yet, as the invitation says.
    pinned: BTreeMap<MemberId, KeyFingerprint>,
    /// Members whose joining was open here, the founder, and those of the invitation.
    pub(crate) admitted: BTreeSet<MemberId>,
    /// Keys of joiners that the operator has named.
    invited: BTreeSet<KeyFingerprint>,
    /// The invitation by which this member came in.
    entered: Option<Entered>,
    /// Sequence of the own record in which this member last said that it asks, or asked for something else.
    request: u64,
    /// What proves that one key has signed two histories.
    pub(crate) forks: Vec<Finding>,
    /// When this member first saw each eviction that is proposed, by its own clock.
    pub(crate) observed: BTreeMap<ChangeId, u64>,
    /// Members that were put out and have not asked anew.
    pub(crate) expelled: BTreeSet<MemberId>,
}

impl Roster {
    /// Starts a roster with this member's own first record: a genesis for a founder, asking for everybody else.
    #[must_use]
    pub fn start(own: SignedRecord) -> Self {
        let member = own.record.member.clone();
        let is_founder = own.record.genesis.is_some();
        Self {
            pool: own.record.pool.clone(),
            founder: is_founder.then(|| member.clone()),
            request: own.record.sequence,
            records: BTreeMap::from([(member.clone(), own)]),
            past: BTreeMap::new(),
            pinned: BTreeMap::new(),
            admitted: is_founder.then(|| member.clone()).into_iter().collect(),
            invited: BTreeSet::new(),
            entered: None,
            forks: Vec::new(),
            observed: BTreeMap::new(),
            expelled: BTreeSet::new(),
            own: member,
        }
    }

    /// Whose roster it is.
    #[must_use]
    pub fn own(&self) -> &MemberId {
        &self.own
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &PoolName {
        &self.pool
    }

    /// Who founded the pool; not known to a joiner without an invitation.
    #[must_use]
    pub fn founder(&self) -> Option<&MemberId> {
        self.founder.as_ref()
    }

    /// How the pool began, once the founder's record is held.
    #[must_use]
    pub fn genesis(&self) -> Option<&Genesis> {
        self.founder().and_then(|founder| self.record(founder)).and_then(|record| record.genesis.as_ref())
    }

    /// This member's own latest record.
    #[must_use]
    pub fn own_record(&self) -> &SignedRecord {
        self.records.get(&self.own).expect("a roster starts with the own record and never drops it")
    }

    /// A member's latest record.
    #[must_use]
    pub fn record(&self, member: &MemberId) -> Option<&Record> {
        self.signed(member).map(|signed| &signed.record)
    }

    /// A member's latest record as signed.
    #[must_use]
    pub fn signed(&self, member: &MemberId) -> Option<&SignedRecord> {
        self.records.get(member)
    }

    /// All records held, by member.
    pub fn records(&self) -> impl Iterator<Item = &SignedRecord> {
        self.records.values()
    }

    /// Members in the pool: admitted, and neither still on the way in nor gone. One whose record is not held yet counts.
    pub fn in_pool(&self) -> impl Iterator<Item = &MemberId> {
        self.admitted.iter().filter(|member| {
            self.record(member).is_none_or(|record| matches!(record.state, State::Active | State::Leaving))
        })
    }

    /// Whether a member is in the pool.
    #[must_use]
    pub fn is_in_pool(&self, member: &MemberId) -> bool {
        self.in_pool().any(|other| other == member)
    }

    /// What proves that one key has signed two histories. While there is anything, no record is made and nothing may go on.
    #[must_use]
    pub fn forks(&self) -> &[Finding] {
        &self.forks
    }

    /// Lets a joiner with this key be read: the operator has named it.
    pub fn expect_joiner(&mut self, key: KeyFingerprint) {
        self.invited.insert(key);
    }

    /// Forgets a joiner that was not admitted, and its key.
    pub fn forget_joiner(&mut self, member: &MemberId) {
        if *member == self.own || self.admitted.contains(member) {
            return;
        }
        if let Some(record) = self.records.remove(member) {
            self.invited.remove(&record.record.key.fingerprint());
            self.past.remove(member);
        }
    }

    /// Whether a member's joining was open here, or it was in the pool before this member was.
    pub(crate) fn has_admitted(&self, member: &MemberId) -> bool {
        self.admitted.contains(member)
    }

    /// As above, or was put out since: what was seen of it stays seen.
    pub(crate) fn has_met(&self, member: &MemberId) -> bool {
        self.has_admitted(member) || self.own_record().record.seen.contains_key(member)
    }

    /// The record of `about` that a member says it has seen.
    pub(crate) fn seen_by(&self, member: &MemberId, about: &MemberId) -> Option<Seen> {
        self.record(member).and_then(|record| record.seen.get(about)).copied()
    }
}
