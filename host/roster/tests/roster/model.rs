//! The voting protocol, state by state, over the very functions that ship.
//!
//! Four members and two joiners. A state is what all six hold; whoever has held the same before answers as before, so each
//! answer of the roster is computed once and then remembered. Loss is a record that is never read, delay and duplication one
//! that is read late and again; a restart is made of every eighth of what anybody ever holds.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hangar_roster::next;
use hangar_roster::{ChangeId, Phase, Proof, RecordDigest, Roster, SignedInvitation, SignedRecord, State};

use crate::organisation::{NOW, Organisation, pool};

const N_MEMBERS: usize = 4;
const N_ALL: usize = 6;
/// Invitations, and votes against or taken back, on one path.
const INVITATIONS: u8 = 3;
const TURNS: u8 = 2;

/// States whose every successor is looked at, and states on random paths; `model_checked_far` looks at a hundred times as many.
const STATES: (usize, usize) = (40, 600);

/// What one organisation holds, as a number.
type Local = u32;

/// What all hold, and what the paths are bounded by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    locals: [Local; N_ALL],
    /// Invitations made for each joiner, by number.
    invitations: [Option<u32>; N_ALL - N_MEMBERS],
    n_invited: u8,
    n_turned: u8,
    /// A joiner has started before every member had opened its change and deployed its authority.
    started_early: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Event {
    Read { to: usize, from: usize, late: bool },
    Act(usize),
    Invite { member: usize, joiner: usize },
    Enter(usize),
    Accept { member: usize, id: ChangeId },
    Reject { member: usize, id: ChangeId },
    Withdraw(usize),
}

/// What happens to one organisation, by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Input {
    Read(RecordDigest),
    Act,
    Invite(RecordDigest),
    Enter(u32),
    Accept(ChangeId),
    Reject(ChangeId),
    Withdraw,
}

#[derive(Default)]
struct Known {
    organisations: Vec<Organisation>,
    numbers: HashMap<Vec<u8>, Local>,
    answers: HashMap<(Local, Input), Local>,
    records: HashMap<RecordDigest, SignedRecord>,
    invitations: Vec<SignedInvitation>,
}

impl Known {
    /// The number of what an organisation holds. It survives its file, and nobody honest ever forks.
    fn number(&mut self, one: Organisation) -> Local {
        let bytes = one.roster.to_bytes();
        if let Some(number) = self.numbers.get(&bytes) {
            return *number;
        }
        if self.organisations.len().is_multiple_of(8) {
            assert_eq!(Roster::from_bytes(&bytes).expect("its own bytes"), one.roster, "a restart changes nothing");
        }
        assert!(one.roster.forks().is_empty(), "honest members never fork: {:?}", one.roster.forks());
        self.records.extend(one.published.iter().map(|record| (record.digest(), record.clone())));
        let number = Local::try_from(self.organisations.len()).expect("few");
        self.organisations.push(one);
        self.numbers.insert(bytes, number);
        number
    }

    fn answer(&mut self, local: Local, input: Input) -> Local {
        if let Some(next) = self.answers.get(&(local, input.clone())) {
            return *next;
        }
        let mut one = self.organisations[local as usize].clone();
        match &input {
            Input::Read(digest) => {
                let record = self.records[digest].clone();
                one.take_in(&record);
            }
            Input::Act => one.do_its_part(),
            Input::Invite(digest) => {
                let joiner = self.records[digest].clone();
                one.roster.expect_joiner(joiner.record().key.fingerprint());
                one.take_in(&joiner);
                let nonce = u8::try_from(self.invitations.len() % 251).expect("small");
                if let Ok(invitation) = one.invitation_for(&joiner.record().member, nonce)
                    && let Ok(true) = one.publish(next::invite(&one.roster, &invitation, NOW))
                {
                    self.invitations.push(invitation);
                }
            }
            Input::Enter(number) => {
                let invitation = self.invitations[*number as usize].clone();
                let inviter = invitation.invitation().inviter_key.fingerprint();
                drop(one.roster.enter(&invitation, inviter, NOW));
            }
            Input::Accept(id) => drop(one.publish(next::accept(&one.roster, *id, NOW))),
            Input::Reject(id) => drop(one.publish(next::reject(&one.roster, *id, NOW))),
            Input::Withdraw => drop(one.publish(next::withdraw(&one.roster, NOW))),
        }
        let n_published = one.published.len();
        if n_published > 3 {
            // Older ones are not read any more.
            one.published.drain(..n_published - 3);
        }
        let next = self.number(one);
        self.answers.insert((local, input), next);
        next
    }

    fn record(&self, local: Local, late: bool) -> RecordDigest {
        let published = &self.organisations[local as usize].published;
        published[published.len().saturating_sub(1 + usize::from(late))].digest()
    }
}

struct Protocol {
    known: Mutex<Known>,
}

impl Protocol {
    fn new() -> Self {
        Self { known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, world: &World, event: &Event) -> Option<World> {
        let mut known = self.known();
        let mut next = world.clone();
        let (who, input) = match event {
            Event::Read { to, from, late } => (*to, Input::Read(known.record(world.locals[*from], *late))),
            Event::Act(who) => (*who, Input::Act),
            Event::Invite { member, joiner } => {
                next.n_invited += 1;
                (*member, Input::Invite(known.record(world.locals[*joiner], false)))
            }
            Event::Enter(joiner) => (*joiner, Input::Enter(world.invitations[joiner - N_MEMBERS]?)),
            Event::Accept { member, id } => (*member, Input::Accept(*id)),
            Event::Reject { member, id } => {
                next.n_turned += 1;
                (*member, Input::Reject(*id))
            }
            Event::Withdraw(member) => {
                next.n_turned += 1;
                (*member, Input::Withdraw)
            }
        };
        let local = known.answer(world.locals[who], input);
        if local == world.locals[who] {
            return None;
        }
        let was_active = state(&known, world.locals[who]) == State::Active;
        next.locals[who] = local;
        if let Event::Invite { joiner, .. } = event {
            let before = known.organisations[world.locals[who] as usize].latest().record().invitation;
            let made = known.organisations[local as usize].latest().record().invitation;
            let number = known.invitations.iter().rposition(|one| Some(one.digest()) == made);
            // One that was not made leaves the joiner with the one it has.
            if let Some(number) = number.filter(|_| made != before) {
                next.invitations[joiner - N_MEMBERS] = u32::try_from(number).ok();
            }
        }
        if !was_active && state(&known, local) == State::Active {
            next.started_early |= !may_start(&known, &next, who);
        }
        Some(next)
    }

    /// Faults end: everybody reads everything, everybody says yes, and somebody invites whoever is still out.
    fn comes_to_rest(&self, world: &World) -> bool {
        let mut world = world.clone();
        let go = |world: &mut World, event: Event| {
            if let Some(next) = self.step(world, &event) {
                *world = next;
            }
        };
        for round in 0..40 {
            for to in 0..N_ALL {
                for from in (0..N_ALL).filter(|from| *from != to) {
                    go(&mut world, Event::Read { to, from, late: false });
                }
                go(&mut world, Event::Act(to));
                if let Some(id) = self.smallest(&world, to) {
                    go(&mut world, Event::Accept { member: to, id });
                }
                if to >= N_MEMBERS {
                    go(&mut world, Event::Enter(to));
                }
            }
            let out = (N_MEMBERS..N_ALL).find(|one| state(&self.known(), world.locals[*one]) != State::Active);
            match out {
                None if self.votes(&world).iter().all(Option::is_none) => return !world.started_early,
                Some(joiner) if round % 5 == 4 => go(&mut world, Event::Invite { member: round % N_MEMBERS, joiner }),
                _ => {}
            }
        }
        false
    }

    fn smallest(&self, world: &World, who: usize) -> Option<ChangeId> {
        let known = self.known();
        let roster = &known.organisations[world.locals[who] as usize].roster;
        let alive = roster.changes().into_iter().find(|change| roster.is_alive(change));
        alive.filter(|_| roster.is_in_pool(roster.own())).map(|change| change.id)
    }

    fn votes(&self, world: &World) -> Vec<Option<(ChangeId, Phase)>> {
        let known = self.known();
        let vote =
            |local: &Local| known.organisations[*local as usize].vote().map(|(change, phase)| (change.id, phase));
        world.locals.iter().map(vote).collect()
    }
}

fn state(known: &Known, local: Local) -> State {
    known.organisations[local as usize].latest().record().state
}

/// Every real member has opened the joiner's change and says it has deployed its authority.
fn may_start(known: &Known, world: &World, joiner: usize) -> bool {
    let all: Vec<_> = world.locals.iter().map(|local| &known.organisations[*local as usize]).collect();
    let (subject, ours) = (all[joiner].id(), all[joiner].latest().record().presence.fingerprints());
    let others = all.iter().enumerate().filter(|(i, one)| *i != joiner && one.latest().record().state == State::Active);
    others.map(|(_, one)| one).all(|one| {
        let is_open = one.vote().is_some_and(|(change, phase)| change.subject == subject && phase == Phase::Open);
        let is_deployed = |proof: &Proof| matches!(proof, Proof::Deployed { authorities } if ours.iter().all(|ca| authorities.contains(ca)));
        is_open && one.latest().record().acknowledgements.iter().any(|said| is_deployed(&said.proof))
    })
}

impl Protocol {
    /// All at rest; both joiners invited at once by two members; and one of them voted for by all that have heard of it.
    fn init_states(&self) -> Vec<World> {
        let mut all = pool(u8::try_from(N_MEMBERS).expect("few")).expect("the ordinary way works");
        all.extend(
            (N_MEMBERS..N_ALL).map(|i| Organisation::joiner(&format!("uss{i}"), u8::try_from(i).expect("few") + 1)),
        );
        let locals: Vec<_> = all.into_iter().map(|one| self.known().number(one)).collect();
        let locals = locals.try_into().expect("as many as there are");
        let rest = World { locals, invitations: [None; 2], n_invited: 0, n_turned: 0, started_early: false };
        let after = |world: &World, events: &[Event]| {
            events.iter().fold(world.clone(), |world, event| self.step(&world, event).unwrap_or(world))
        };
        let invite = |member, joiner| Event::Invite { member, joiner };
        let both = after(&rest, &[invite(0, 4), invite(1, 5), Event::Enter(4), Event::Enter(5)]);
        let one = after(&rest, &[invite(0, 4), Event::Enter(4)]);
        let id = self.votes(&one)[0].expect("the inviter has voted").0;
        let read = |to, from| Event::Read { to, from, late: false };
        let voted: Vec<_> =
            (1..N_MEMBERS).flat_map(|to| [read(to, 0), read(to, 4), Event::Accept { member: to, id }]).collect();
        let voted = after(&one, &voted);
        let open = (0..N_MEMBERS).flat_map(|to| {
            (0..N_MEMBERS).filter(move |from| *from != to).map(move |from| read(to, from)).chain([Event::Act(to)])
        });
        let open = after(&voted, &open.collect::<Vec<_>>());
        vec![rest, both, voted, open]
    }

    fn actions(&self, world: &World, events: &mut Vec<Event>) {
        let known = self.known();
        for to in 0..N_ALL {
            events.push(Event::Act(to));
            for from in (0..N_ALL).filter(|from| *from != to) {
                events.extend([false, true].map(|late| Event::Read { to, from, late }));
            }
        }
        let may_turn = world.n_turned < TURNS;
        for member in 0..N_MEMBERS {
            let roster = &known.organisations[world.locals[member] as usize].roster;
            for change in roster.changes() {
                events.push(Event::Accept { member, id: change.id });
                if may_turn {
                    events.push(Event::Reject { member, id: change.id });
                }
            }
            if may_turn {
                events.push(Event::Withdraw(member));
            }
            if world.n_invited < INVITATIONS {
                events.extend((N_MEMBERS..N_ALL).map(|joiner| Event::Invite { member, joiner }));
            }
        }
        events.extend((N_MEMBERS..N_ALL).map(Event::Enter));
    }

    fn check(&self, world: &World, path: &[Event]) {
        let votes = self.votes(world);
        let mut open: Vec<_> =
            votes.iter().flatten().filter(|(_, phase)| *phase == Phase::Open).map(|(id, _)| id).collect();
        open.dedup();
        assert!(open.len() <= 1, "two changes are open after {path:?}");
        assert!(!world.started_early, "a joiner has started early after {path:?}");
        // Of every eighth state: each is the beginning of a long path.
        if world.locals.iter().sum::<u32>() % 8 == 0 {
            assert!(self.comes_to_rest(world), "not all is closed, or somebody is still out, after {path:?}");
        }
    }

    /// Every successor of this many states, nearest first.
    fn look_wide(&self, n_states: usize) {
        let mut seen: HashSet<World> = self.init_states().into_iter().collect();
        let mut todo: VecDeque<(World, Vec<Event>)> = seen.iter().map(|world| (world.clone(), Vec::new())).collect();
        for _ in 0..n_states {
            let Some((world, path)) = todo.pop_front() else { return };
            self.check(&world, &path);
            let mut events = Vec::new();
            self.actions(&world, &mut events);
            for event in events {
                let Some(next) = self.step(&world, &event) else { continue };
                if seen.insert(next.clone()) {
                    todo.push_back((next, path.iter().cloned().chain([event]).collect()));
                }
            }
        }
        for (world, path) in todo {
            let votes = self.votes(&world);
            assert!(!world.started_early, "a joiner has started early after {path:?}: {votes:?}");
        }
    }

    /// Random paths, far from the beginning.
    fn look_far(&self, n_states: usize) {
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 33).expect("31 bits")
        };
        let beginnings = self.init_states();
        let (mut world, mut path) = (beginnings[0].clone(), Vec::new());
        for n in 0..n_states {
            if n % 100 == 0 {
                (world, path) = (beginnings[n / 100 % beginnings.len()].clone(), Vec::new());
            }
            let mut events = Vec::new();
            self.actions(&world, &mut events);
            let event = events.swap_remove(next() % events.len());
            let Some(after) = self.step(&world, &event) else { continue };
            path.push(event);
            world = after;
            self.check(&world, &path);
        }
    }
}

#[test]
fn model_checked() {
    let protocol = Protocol::new();
    protocol.look_wide(STATES.0);
    protocol.look_far(STATES.1);
}

/// A hundred times as many states.
#[test]
#[ignore = "takes half an hour; `model_checked` looks at the first part of the same"]
fn model_checked_far() {
    let protocol = Protocol::new();
    protocol.look_wide(100 * STATES.0);
    protocol.look_far(100 * STATES.1);
}
