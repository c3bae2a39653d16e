//! The voting protocol under loss, delay, duplication and restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use hangar_roster::next;
use hangar_roster::{
    CaFingerprint, ChangeId, Kind, MemberId, Phase, Proof, Roster, SignedInvitation, SignedRecord, State,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::organisation::{NOW, Organisation, pool};

const N_MEMBERS: usize = 4;
const N_ALL: usize = 6;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    /// `to` reads a record of `from`: the latest, or one of the five before it.
    Read { to: usize, from: usize, back: usize },
    /// Somebody does what is due, and its part in an open change.
    Act(usize),
    /// A member invites a joiner.
    Invite { member: usize, joiner: usize },
    /// A joiner takes up the last invitation that was made for it.
    Enter(usize),
    /// A member accepts one of the changes it sees.
    Accept(usize, Index),
    /// A member rejects one of the changes it sees.
    Reject(usize, Index),
    /// A member takes its own proposal back.
    Withdraw(usize),
    /// Somebody is killed and starts again from what it keeps.
    Restart(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let (anyone, member, joiner) = (0..N_ALL, 0..N_MEMBERS, N_MEMBERS..N_ALL);
    prop_oneof![
        12 => (anyone.clone(), anyone.clone(), prop_oneof![2 => Just(0_usize), 1 => 1..6_usize])
            .prop_map(|(to, from, back)| Event::Read { to, from, back }),
        5 => anyone.clone().prop_map(Event::Act),
        2 => (member.clone(), joiner.clone()).prop_map(|(member, joiner)| Event::Invite { member, joiner }),
        1 => joiner.prop_map(Event::Enter),
        6 => (member.clone(), any::<Index>()).prop_map(|(member, which)| Event::Accept(member, which)),
        1 => (member.clone(), any::<Index>()).prop_map(|(member, which)| Event::Reject(member, which)),
        2 => member.prop_map(Event::Withdraw),
        1 => anyone.prop_map(Event::Restart),
    ]
}

struct World {
    all: Vec<Organisation>,
    /// Of each one's authorities, which do not change here.
    fingerprints: Vec<Vec<CaFingerprint>>,
    invitations: BTreeMap<usize, SignedInvitation>,
    nonce: u8,
    /// Changes that somebody has found settled without their being opened.
    buried: BTreeSet<ChangeId>,
}

impl World {
    fn new() -> Self {
        static AT_REST: OnceLock<Vec<Organisation>> = OnceLock::new();
        let all = AT_REST.get_or_init(Self::at_rest).clone();
        let fingerprints = all.iter().map(|one| one.latest().record().presence.fingerprints()).collect();
        Self { all, fingerprints, invitations: BTreeMap::new(), nonce: 0, buried: BTreeSet::new() }
    }

    fn at_rest() -> Vec<Organisation> {
        let n_members = u8::try_from(N_MEMBERS).expect("few");
        let mut all = pool(n_members).expect("the ordinary way works");
        all.extend((N_MEMBERS..N_ALL).map(|i| {
            let seed = u8::try_from(i).expect("few") + 1;
            Organisation::joiner(&format!("uss{i}"), seed)
        }));
        all
    }

    fn happen(&mut self, event: &Event) {
        let before: Vec<_> = self.all.iter().map(|one| one.latest().clone()).collect();
        match event {
            Event::Read { to, from, back } if to != from => {
                let published = &self.all[*from].published;
                let record = published[published.len().saturating_sub(1 + back)].clone();
                let reader = &mut self.all[*to];
                if reader.roster.signed(&record.record().member) != Some(&record) {
                    reader.take_in(&record);
                }
            }
            Event::Read { .. } => {}
            Event::Act(who) => self.all[*who].do_its_part(),
            Event::Invite { member, joiner } => self.invite(*member, *joiner),
            Event::Enter(joiner) => self.enter(*joiner),
            Event::Accept(member, which) => self.decide(*member, which, true),
            Event::Reject(member, which) => self.decide(*member, which, false),
            Event::Withdraw(member) => {
                let one = &mut self.all[*member];
                drop(one.publish(next::withdraw(&one.roster, NOW)));
            }
            Event::Restart(who) => {
                let one = &mut self.all[*who];
                one.roster = Roster::from_bytes(&one.roster.to_bytes()).expect("its own bytes");
            }
        }
        self.check(&before);
    }

    fn invite(&mut self, member: usize, joiner: usize) {
        let (key, record, id) = {
            let joiner = &self.all[joiner];
            (joiner.key.public().fingerprint(), joiner.latest().clone(), joiner.id())
        };
        self.nonce = self.nonce.wrapping_add(1);
        let inviter = &mut self.all[member];
        inviter.roster.expect_joiner(key);
        inviter.take_in(&record);
        let Ok(invitation) = inviter.invitation_for(&id, self.nonce) else { return };
        if let Ok(true) = inviter.publish(next::invite(&inviter.roster, &invitation, NOW)) {
            self.invitations.insert(joiner, invitation);
        }
    }

    fn enter(&mut self, joiner: usize) {
        let Some(invitation) = self.invitations.get(&joiner) else { return };
        let inviter = invitation.invitation().inviter_key.fingerprint();
        drop(self.all[joiner].roster.enter(invitation, inviter, NOW));
    }

    fn decide(&mut self, member: usize, which: &Index, accept: bool) {
        let one = &mut self.all[member];
        let ids: Vec<_> = one.roster.changes().iter().map(|change| change.id).collect();
        if ids.is_empty() {
            return;
        }
        let id = *which.get(&ids);
        let next = if accept { next::accept(&one.roster, id, NOW) } else { next::reject(&one.roster, id, NOW) };
        drop(one.publish(next));
    }

    /// What must hold of the real records, whoever has seen what.
    fn check(&mut self, before: &[SignedRecord]) {
        let mut open = BTreeSet::new();
        for one in &self.all {
            assert!(one.roster.forks().is_empty(), "honest members never fork: {:?}", one.roster.forks());
            open.extend(one.vote().filter(|(_, phase)| *phase == Phase::Open).map(|(change, _)| change.id));
        }
        assert!(open.len() <= 1, "two changes are open: {open:?}");
        assert!(open.is_disjoint(&self.buried), "a change was opened after it was found settled");
        for (one, former) in self.all.iter().zip(before) {
            let dropped = former.record().vote.as_ref().filter(|vote| vote.phase == Phase::Withdrawn);
            if let Some(vote) = dropped.filter(|_| one.vote().is_none()) {
                self.buried.insert(vote.change.id);
            }
        }
        for (i, former) in before.iter().enumerate() {
            self.check_closed(i, former);
            self.check_trust(i);
            if former.record().state != State::Active && self.is_active(i) {
                self.check_started(i);
            }
        }
    }

    /// Whoever has emptied its slot after a change was carried out has not left anybody behind.
    fn check_closed(&self, i: usize, former: &SignedRecord) {
        let vote = former.record().vote.as_ref().filter(|vote| vote.phase == Phase::Done);
        let Some(left) = vote.filter(|_| self.all[i].vote().is_none()) else { return };
        for one in &self.all {
            let behind = one.vote().filter(|(change, phase)| change.id == left.change.id && *phase != Phase::Done);
            assert_eq!(behind, None, "{} has gone on before {}", self.all[i].id(), one.id());
        }
    }

    /// Nobody says it has deployed the authority of one who is neither in the pool nor in its own open change.
    fn check_trust(&self, i: usize) {
        let one = &self.all[i];
        let open = one.roster.open_change().map(|change| change.subject.clone());
        for j in (N_MEMBERS..N_ALL).filter(|j| self.all[*j].latest().record().state == State::Asking) {
            let joiner = &self.all[j];
            if j != i && self.has_deployed(i, &self.fingerprints[j]) {
                assert_eq!(open, Some(joiner.id()), "{} trusts {} too early", one.id(), joiner.id());
            }
        }
    }

    fn has_deployed(&self, i: usize, wanted: &[CaFingerprint]) -> bool {
        self.all[i].latest().record().acknowledgements.iter().any(|one| {
            matches!(&one.proof, Proof::Deployed { authorities } if wanted.iter().all(|ca| authorities.contains(ca)))
        })
    }

    /// A joiner has just started: every real member must have opened its change and deployed its authority.
    fn check_started(&self, joiner: usize) {
        let (subject, ours) = (self.all[joiner].id(), &self.fingerprints[joiner]);
        for i in (0..N_ALL).filter(|i| *i != joiner) {
            let one = &self.all[i];
            if one.latest().record().state != State::Active {
                continue;
            }
            let vote = one.vote().filter(|(change, _)| change.kind == Kind::Join && change.subject == subject);
            assert_eq!(vote.map(|(_, phase)| phase), Some(Phase::Open), "{subject} started before {} opened", one.id());
            assert!(self.has_deployed(i, ours), "{subject} started before {} deployed", one.id());
        }
    }

    /// Faults end: everybody reads everything, everybody says yes, and somebody invites whoever is still out.
    fn calm(&mut self) {
        for round in 0..40 {
            for to in 0..N_ALL {
                for from in 0..N_ALL {
                    self.happen(&Event::Read { to, from, back: 0 });
                }
                self.happen(&Event::Act(to));
                if to < N_MEMBERS || self.is_active(to) {
                    self.accept_smallest(to);
                } else {
                    self.happen(&Event::Enter(to));
                }
            }
            let still_out = (N_MEMBERS..N_ALL).find(|joiner| !self.is_active(*joiner));
            match still_out {
                None if self.all.iter().all(|one| one.vote().is_none()) => return,
                None => {}
                Some(joiner) if round % 5 == 4 => self.invite(round % N_MEMBERS, joiner),
                Some(_) => {}
            }
        }
        let votes: Vec<_> = self.all.iter().map(|one| (one.id(), one.vote().map(|(c, p)| (c.id, p)))).collect();
        panic!("never at rest: {votes:?}");
    }

    fn is_active(&self, i: usize) -> bool {
        self.all[i].latest().record().state == State::Active
    }

    fn accept_smallest(&mut self, i: usize) {
        let before: Vec<_> = self.all.iter().map(|one| one.latest().clone()).collect();
        let one = &mut self.all[i];
        let alive = one.roster.changes().into_iter().find(|change| one.roster.is_alive(change)).map(|change| change.id);
        if let Some(id) = alive {
            drop(one.publish(next::accept(&one.roster, id, NOW)));
        }
        self.check(&before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two joiners, four members, any order of events: never two changes open, never a joiner started before its change is
    /// open and deployed everywhere, never a withdrawn change opened later; and once faults end, both are in.
    #[test]
    fn one_change_at_a_time_whatever_arrives_when(events in prop::collection::vec(event(), 0..160)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
        }
        world.calm();
        let members: Vec<MemberId> = world.all.iter().map(Organisation::id).collect();
        for one in &world.all {
            prop_assert_eq!(one.roster.in_pool().cloned().collect::<Vec<_>>(), members.clone());
        }
    }
}
