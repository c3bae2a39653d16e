//! How steps take effect, and what the host does beside them.

use super::{Organisation, Play, Process, World, authority, is_of_clients};
use crate::pooling_strategy::{
    Acknowledgement, AcknowledgementKind, Action, Goal, Member, MemberState, PutSecret, SecretSource, Step,
};

impl<P: Play> World<P> {
    /// Authorities of our record: the new one once its change is open, the old one gone once all have seen the new.
    pub(super) fn host_duties(&mut self, id: &str) {
        let facts = &self.organisations[id].facts;
        let target = facts.iter().find(|(name, _)| name == "authority").map(|(_, value)| value.clone());
        let is_open = self.open.as_ref().is_some_and(|change| change.kind == "rotate-ca" && change.subject == id);
        let Some(target) = target.filter(|_| is_open) else { return };
        let own: Vec<String> = self.member(id).authorities.iter().map(|one| one.fingerprint.clone()).collect();
        let wanted = vec![id.to_owned(), target.clone()];
        let has_seen = |member: &Member| {
            member.acknowledgements.iter().any(|said| {
                matches!(&said.kind, AcknowledgementKind::Other((name, values)) if name == "presents" && *values == wanted)
            })
        };
        let all_have = self.members.iter().filter(|member| member.state == MemberState::Active).all(has_seen);
        if !own.contains(&target) {
            self.member_mut(id).authorities.push(authority(id, 2));
        } else if own.len() == 2 && all_have {
            self.member_mut(id).authorities.remove(0);
        }
    }

    /// Says `done` where the change is carried out and nothing of who is out is deployed; the last one closes it.
    pub(super) fn close(&mut self, id: &str) {
        let one = self.organisation(id);
        one.ended = true;
        // The host keeps that they are taken over.
        one.stands &= one.goal != Goal::Operate;
        // The host takes up what runs now.
        if let Some((_, tag)) = self.organisations[id].image.clone().as_deref().and_then(|image| image.rsplit_once(':'))
        {
            tag.clone_into(&mut self.member_mut(id).datastore.1);
        }
        let Some(change) = self.open.clone() else { return };
        let subject = self.member(&change.subject).clone();
        let is_out = subject.state == MemberState::Gone || change.kind == "evict";
        let has_its = self.member(id).acknowledgements.iter().any(|said| {
            matches!(&said.kind, AcknowledgementKind::Deployed(all)
                if subject.authorities.iter().any(|one| all.contains(&one.fingerprint)))
        });
        let may = match change.kind.as_str() {
            "join" => subject.state == MemberState::Active,
            "leave" => is_out && !has_its,
            "evict" => !has_its,
            _ => change.subject == id || self.closed.contains(&change.subject),
        };
        if may && !(is_out && change.subject == id) {
            self.closed.insert(id.into());
        }
        let voters = self.members.iter().filter(|member| member.state == MemberState::Active);
        let mut voters = voters.filter(|member| change.kind != "evict" || member.id != change.subject);
        let has_closed = |member: &Member| {
            self.closed.contains(&member.id) || (change.kind == "join" && member.id == change.subject)
        };
        if voters.all(has_closed) {
            if change.kind == "evict" {
                self.member_mut(&change.subject).state = MemberState::Gone;
            }
            self.open = None;
        }
    }

    pub(super) fn take(&mut self, id: &str, steps: &[Step], n_steps: usize) {
        let mut taken: Vec<&str> = Vec::new();
        for step in steps.iter().take(n_steps) {
            let done = &self.organisations[id].done;
            let met = step.requires.iter().all(|key| taken.contains(&key.as_str()) || done.contains(key));
            assert!(met, "{} before what it requires", step.key);
            let is_done = step.already_done.as_ref().is_some_and(|check| self.holds(id, check));
            if !(is_done && self.is_done(id, &step.action)) {
                self.act(id, &step.action);
            }
            assert!(step.verify.as_ref().is_none_or(|check| self.holds(id, check)), "{} has come to nothing", step.key);
            taken.push(&step.key);
            self.organisation(id).done.push(step.key.clone());
            self.check();
            self.n_steps += 1;
            if self.killed_after == Some(self.n_steps) {
                return self.crash(id);
            }
        }
    }

    /// What the host knows beyond the check of a strategy: whether leaves are good.
    fn is_done(&self, id: &str, action: &Action) -> bool {
        let Action::PutSecret(put) = action else { return true };
        let one = &self.organisations[id];
        let secret = if is_of_clients(&put.name) { &one.client } else { &one.secret };
        secret.shows == self.signing(id) && secret.issued_ms >= one.renew_before().max(1)
    }

    /// The pods of the API follow the release, which names the leaf of its clients: one after the other, a new one ready before an
    /// old one goes.
    fn roll(&mut self, id: &str, values: &serde_json::Value) {
        let one = self.organisation(id);
        if values["coreService"]["enabled"] == serde_json::json!(false) {
            one.api = None;
            return;
        }
        let leaf = |process: &Process| (process.shows.clone(), process.issued_ms);
        if one.api.as_ref().map(leaf) == Some(leaf(&one.client)) {
            return;
        }
        one.n_rolls += usize::from(one.api.is_some());
        let new = one.client.clone();
        one.api = Some(new.clone());
        let is_over = |process: &Process| process.is_over(self.now_ms);
        let gets_in = self.own_processes(id).all(|node| !is_over(node) && !new.refuses(node, self.now_ms));
        assert!(gets_in && !is_over(&new), "the new pods of {id}'s API never become ready");
    }

    fn act(&mut self, id: &str, action: &Action) {
        match action {
            Action::PutSecret(put) => self.put_secret(id, put),
            Action::ApplyRelease(values) => {
                let values = serde_json::from_str(values).expect("values are JSON");
                P::applied(self, id, &values);
                self.roll(id, &values);
                let one = self.organisation(id);
                let is_first = !std::mem::replace(&mut one.deployed, true);
                if is_first && !one.stands {
                    one.mounted = one.secret.clone();
                    P::started(self, id, &values);
                }
            }
            Action::Reload(_) => {
                let one = self.organisation(id);
                one.mounted = one.secret.clone();
                P::reloaded(self, id);
            }
            Action::Restart(_) => {
                let one = self.organisation(id);
                one.mounted = one.secret.clone();
                P::restarted(self, id);
            }
            Action::Verb(verb) => P::verb(self, id, &verb.name, &verb.arguments),
            Action::Acknowledge(kind) => {
                let mut newer = kind.clone();
                // A record keeps them in an order of its own.
                if let AcknowledgementKind::Deployed(all) = &mut newer {
                    all.sort_unstable_by(|a, b| b.cmp(a));
                }
                let member = self.member_mut(id);
                member.acknowledgements.retain(|said| !replaces(&newer, &said.kind));
                member.acknowledgements.insert(0, Acknowledgement { kind: newer, at_ms: 0 });
            }
            Action::SetState(state) => self.member_mut(id).state = *state,
            Action::RecordClusterId(id) => self.cluster_id = Some(id.clone()),
            other => panic!("no such action in this world: {other:?}"),
        }
    }

    fn put_secret(&mut self, id: &str, put: &PutSecret) {
        let (newest, now_ms) = (self.signing(id), self.now_ms);
        let one = self.organisation(id);
        let before = one.renew_before();
        let secret = if is_of_clients(&put.name) { &mut one.client } else { &mut one.secret };
        for (_, source) in &put.files {
            if let SecretSource::Bundle(all) = source {
                secret.trusts = all.iter().cloned().collect();
            }
        }
        // A leaf that is good stays.
        if secret.shows != newest || secret.issued_ms == 0 || secret.issued_ms < before {
            (secret.shows, secret.issued_ms) = (newest, now_ms);
        }
    }

    /// The newest authority of ours that every member says it has loaded, we among them.
    fn signing(&self, id: &str) -> String {
        let in_pool = || self.members.iter().filter(|member| member.state == MemberState::Active);
        let has = |member: &Member, wanted: &String| {
            member
                .acknowledgements
                .iter()
                .any(|said| matches!(&said.kind, AcknowledgementKind::Deployed(all) if all.contains(wanted)))
        };
        let own = &self.member(id).authorities;
        let loaded = own.iter().rev().find(|one| in_pool().all(|member| has(member, &one.fingerprint)));
        loaded.or(own.first()).map(|one| one.fingerprint.clone()).unwrap_or_default()
    }
}

impl Organisation {
    /// Leaves that were issued before are none that are good.
    fn renew_before(&self) -> u64 {
        let fact = self.facts.iter().find(|(name, _)| name == "renew-before");
        fact.and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
    }
}

fn replaces(newer: &AcknowledgementKind, older: &AcknowledgementKind) -> bool {
    match (newer, older) {
        (AcknowledgementKind::Deployed(_), AcknowledgementKind::Deployed(_)) => true,
        (AcknowledgementKind::Other((a, _)), AcknowledgementKind::Other((b, _))) => a == b,
        (a, b) => a == b,
    }
}
