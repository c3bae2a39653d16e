//! Organisations with keys and rosters, for tests.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use hangar_pki::{Authority, AuthorityRequest};
use hangar_plan::strategy::certificate::KeyAlgorithm;
use hangar_roster::next::{self, Beginning, NextError};
use hangar_roster::{
    Change, Datastore, Finding, Invitation, Kind, MemberId, Node, OrganisationKey, Phase, Presence, Proof, Record,
    Roster, SignedInvitation, SignedRecord, State, Tier,
};
use zeroize::Zeroizing;

pub(crate) const NOW: u64 = 1_800_000_000_000;
pub(crate) const LATER: u64 = NOW + 86_400_000;

pub(crate) fn key(seed: u8) -> OrganisationKey {
    OrganisationKey::from_seed(&Zeroizing::new([seed; 32]))
}

pub(crate) fn id(name: &str) -> MemberId {
    name.parse().expect("a name of these tests")
}

pub(crate) fn presence(name: &str) -> Presence {
    let request = AuthorityRequest {
        organisation: name,
        pool: "us-east",
        algorithm: KeyAlgorithm::EcdsaP256,
        lifetime_hours: 87_600,
    };
    let authority = Authority::found(request, NOW).expect("a fresh authority");
    Presence {
        endpoint: format!("https://dss.{name}.example.com"),
        authorities: vec![authority.certificate().to_pem()],
        nodes: vec![Node {
            ordinal: 0,
            host: format!("0.db.{name}.example.com"),
            port: 26257,
            addresses: vec!["192.0.2.1".parse().expect("an address")],
        }],
        egress: vec!["198.51.100.0/24".parse().expect("a range")],
        locality: vec![
            Tier { key: "region".to_owned(), value: "us-east".to_owned() },
            Tier { key: "zone".to_owned(), value: name.to_owned() },
        ],
        datastore: Datastore { kind: "cockroachdb".to_owned(), version: "v24.1.3".to_owned() },
        dss_version: "v0.22.0".to_owned(),
        flags: BTreeMap::new(),
        adopted: false,
    }
}

/// One organisation: its key, what it holds, and all it ever published.
pub(crate) struct Organisation {
    pub(crate) key: OrganisationKey,
    pub(crate) roster: Roster,
    pub(crate) published: Vec<SignedRecord>,
}

impl Clone for Organisation {
    fn clone(&self) -> Self {
        let key = OrganisationKey::from_secret_text(&self.key.to_secret_text()).expect("its own text");
        Self { key, roster: self.roster.clone(), published: self.published.clone() }
    }
}

impl Organisation {
    pub(crate) fn founder(name: &str, seed: u8) -> Self {
        Self::founder_at(name, seed, presence(name))
    }

    pub(crate) fn founder_at(name: &str, seed: u8, presence: Presence) -> Self {
        let record = next::genesis(beginning(name, seed, presence), "a test".to_owned(), NOW);
        Self::start(record.sign(&key(seed)), seed)
    }

    pub(crate) fn joiner(name: &str, seed: u8) -> Self {
        Self::joiner_at(name, seed, presence(name))
    }

    pub(crate) fn joiner_at(name: &str, seed: u8, presence: Presence) -> Self {
        Self::start(next::request(beginning(name, seed, presence), NOW).sign(&key(seed)), seed)
    }

    fn start(first: SignedRecord, seed: u8) -> Self {
        Self { key: key(seed), roster: Roster::start(first.clone()), published: vec![first] }
    }

    pub(crate) fn id(&self) -> MemberId {
        self.roster.own().clone()
    }

    pub(crate) fn latest(&self) -> &SignedRecord {
        self.roster.own_record()
    }

    /// Signs and publishes what a command asks for; nothing where it is so already.
    pub(crate) fn publish(&mut self, next: Result<Option<Record>, NextError>) -> Result<bool, NextError> {
        let Some(record) = next? else { return Ok(false) };
        let signed = record.sign(&self.key);
        self.roster.publish(signed.clone());
        self.published.push(signed);
        Ok(true)
    }

    pub(crate) fn take_in(&mut self, record: &SignedRecord) -> Vec<Finding> {
        let bytes = record.to_bytes();
        self.roster.take_in([("carrier", bytes.as_slice())])
    }

    pub(crate) fn invitation_for(&self, joiner: &MemberId, nonce: u8) -> Result<SignedInvitation> {
        let invitation =
            Invitation::new(&self.roster, joiner, [nonce; 16], LATER).context("the joiner's record is held")?;
        Ok(invitation.sign(&self.key))
    }

    /// Expects the joiner, reads its request, and invites it.
    pub(crate) fn invite(&mut self, joiner: &Self, nonce: u8) -> Result<SignedInvitation> {
        self.roster.expect_joiner(joiner.key.public().fingerprint());
        self.take_in(joiner.latest());
        let invitation = self.invitation_for(&joiner.id(), nonce)?;
        self.publish(next::invite(&self.roster, &invitation, NOW))?;
        Ok(invitation)
    }

    /// The change in this member's own slot.
    pub(crate) fn vote(&self) -> Option<(&Change, Phase)> {
        self.latest().record().vote.as_ref().map(|vote| (&vote.change, vote.phase))
    }

    /// All that follows without anybody's decision.
    pub(crate) fn follow(&mut self) {
        for _ in 0..10 {
            if !self.publish(next::due(&self.roster, NOW)).expect("not frozen") {
                return;
            }
        }
        panic!("`due` never comes to an end");
    }

    /// What a strategy and an attentive operator would do.
    pub(crate) fn do_its_part(&mut self) {
        self.follow();
        if let Some(change) = self.roster.open_change().cloned() {
            if change.subject == self.id() {
                self.enter_pool();
            } else {
                let mut authorities: Vec<_> = self
                    .roster
                    .in_pool()
                    .chain([&change.subject])
                    .filter_map(|member| self.roster.record(member))
                    .filter(|record| record.state != State::Gone)
                    .flat_map(|record| record.presence.fingerprints())
                    .collect();
                authorities.sort_unstable();
                authorities.dedup();
                self.publish(next::acknowledge(&self.roster, Proof::Deployed { authorities }, NOW)).expect("voted for");
                drop(self.publish(next::close(&self.roster, NOW)));
            }
        }
        self.follow();
    }

    fn enter_pool(&mut self) {
        drop(self.publish(next::state(&self.roster, State::Joining, NOW)));
        let ours = self.latest().record().presence.fingerprints();
        let members: Vec<_> = self.roster.in_pool().filter(|member| **member != self.id()).cloned().collect();
        for peer in members {
            let deployed = self.roster.record(&peer).is_some_and(|record| {
                record
                    .acknowledgements
                    .iter()
                    .any(|one| matches!(&one.proof, Proof::Deployed { authorities } if authorities.contains(&ours[0])))
            });
            if deployed {
                let proof = Proof::AcceptedBy { peer, authority: ours[0] };
                self.publish(next::acknowledge(&self.roster, proof, NOW)).expect("not frozen");
            }
        }
        drop(self.publish(next::state(&self.roster, State::Active, NOW)));
    }
}

/// A record that would rightly come after one.
pub(crate) fn after(former: &SignedRecord) -> Record {
    let then = former.record();
    Record { sequence: then.sequence + 1, previous: Some(former.digest()), ..then.clone() }
}

fn beginning(name: &str, seed: u8, presence: Presence) -> Beginning {
    Beginning {
        pool: "us-east".parse().expect("a name of these tests"),
        member: id(name),
        key: key(seed).public(),
        recovery_key: Some(key(seed + 100).public()),
        presence,
    }
}

/// Everybody reads everybody's latest record until nobody has anything new.
pub(crate) fn exchange(all: &mut [Organisation]) {
    for round in 0.. {
        assert!(round < 50, "never at rest");
        let latest: Vec<_> = all.iter().map(|one| one.latest().clone()).collect();
        let files: Vec<_> = latest.iter().map(SignedRecord::to_bytes).collect();
        for one in all.iter_mut() {
            drop(one.roster.take_in(files.iter().map(|bytes| ("carrier", bytes.as_slice()))));
            one.do_its_part();
        }
        if all.iter().zip(&latest).all(|(one, before)| one.latest() == before) {
            return;
        }
    }
}

/// Everybody reads the latest record of one.
pub(crate) fn tell(all: &mut [Organisation], from: usize) {
    let latest = all[from].latest().clone();
    all.iter_mut().for_each(|one| drop(one.take_in(&latest)));
}

/// Everybody reads everybody's latest record and opens what it may; nobody proves or closes anything.
pub(crate) fn hear(all: &mut [Organisation]) {
    for _ in 0..4 {
        let latest: Vec<_> = all.iter().map(|one| one.latest().clone()).collect();
        for one in all.iter_mut() {
            latest.iter().for_each(|record| drop(one.take_in(record)));
            one.follow();
        }
    }
}

/// One proposes something of its own, and all vote for it; nobody has opened it yet.
pub(crate) fn agreed(all: &mut [Organisation], subject: usize, kind: Kind) -> Result<Change> {
    let proposed = next::propose(&all[subject].roster, kind, LATER, NOW);
    all[subject].publish(proposed)?;
    let change = all[subject].vote().context("it has proposed")?.0.clone();
    let latest = all[subject].latest().clone();
    for other in all.iter_mut().filter(|one| one.id() != change.subject) {
        other.take_in(&latest);
        other.publish(next::accept(&other.roster, change.id, NOW))?;
    }
    Ok(change)
}

/// Brings a joiner in: the first of the pool invites, all others accept.
pub(crate) fn bring_in(pool: &mut Vec<Organisation>, mut joiner: Organisation) -> Result<()> {
    let inviter = &mut pool[0];
    let invitation = inviter.invite(&joiner, 1)?;
    joiner.roster.enter(&invitation, inviter.key.public().fingerprint(), NOW)?;
    let change = inviter.vote().context("the inviter has voted")?.0.id;
    pool.push(joiner);
    let latest: Vec<_> = pool.iter().map(|one| one.latest().clone()).collect();
    let n_members = pool.len() - 1;
    for member in &mut pool[1..n_members] {
        latest.iter().for_each(|record| drop(member.take_in(record)));
        member.publish(next::accept(&member.roster, change, NOW))?;
    }
    exchange(pool);
    Ok(())
}

/// A pool of this many members, all at rest.
pub(crate) fn pool(n_members: u8) -> Result<Vec<Organisation>> {
    let mut pool = vec![Organisation::founder("uss0", 1)];
    for i in 1..n_members {
        bring_in(&mut pool, Organisation::joiner(&format!("uss{i}"), i + 1))?;
    }
    Ok(pool)
}
