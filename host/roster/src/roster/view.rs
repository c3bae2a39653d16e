//! The roster as a strategy sees it.

use hangar_plan::strategy::member;

use crate::change::{Change, Kind, Phase, Standing};
use crate::name::MemberId;
use crate::record::{Record, State};
use crate::roster::Roster;

/// Facts of a member that have no field of their own.
const DSS_VERSION: &str = "dss-version";
const SEQUENCE: &str = "record-sequence";
const DIGEST: &str = "record-digest";
const CLUSTER_ID: &str = "cluster-id";
const FLAG: &str = "flag:";
const ADOPTED: &str = "adopted";

impl Roster {
    /// Lifts the roster into what a strategy decides on. `describe` reads a certificate in PEM; one that it cannot read is left
    /// out, though records with such were never taken in.
    ///
    /// States are those that votes bear out: who says more of itself is shown as still asking.
    pub fn view(&self, describe: impl Fn(&str) -> Option<member::Authority>) -> member::Roster {
        member::Roster {
            members: self.records.values().map(|signed| self.member(signed.record(), &describe)).collect(),
            founder: self.founder.as_ref().map(ToString::to_string).unwrap_or_default(),
            open: self.open_change().map(|change| member::Change {
                id: change.id.to_string(),
                kind: change.kind.to_string(),
                subject: change.subject.to_string(),
                authority: self.newest_authority(change),
            }),
        }
    }

    /// The authority that its subject goes over to.
    fn newest_authority(&self, change: &Change) -> Option<String> {
        let presence = &self.record(&change.subject).filter(|_| change.kind == Kind::RotateCa)?.presence;
        presence.fingerprints().last().map(ToString::to_string)
    }

    /// Where a member stands as votes bear it out.
    #[must_use]
    pub fn state(&self, member: &MemberId) -> Option<State> {
        let record = self.record(member)?;
        if self.is_expelled(member) {
            return Some(State::Gone);
        }
        // All have given it up: what was done for it is taken back.
        let vote = self.slot(&self.own).filter(|vote| vote.change.subject == *member);
        if vote.is_some_and(|vote| crate::next::is_given_up(self, &vote.change)) {
            return Some(State::Asking);
        }
        match record.state {
            State::Joining | State::Active | State::Leaving if !self.admitted.contains(member) => Some(State::Asking),
            // Once its change is open a joiner may be told so before it says so itself.
            State::Asking if self.admitted.contains(member) => Some(State::Joining),
            state => Some(state),
        }
    }

    /// The change this member is to do its part in: its own vote says open, or it is the joiner and a voter has opened it.
    ///
    /// An open eviction comes first: everything else waits for it.
    #[must_use]
    pub fn open_change(&self) -> Option<&Change> {
        if let Some(eviction) = self.open_eviction() {
            return Some(eviction);
        }
        if let Some(vote) = self.slot(&self.own).filter(|_| self.is_in_pool(&self.own)) {
            return matches!(vote.phase, Phase::Open | Phase::Done).then_some(&vote.change);
        }
        let about = self.changes().into_iter().filter(|change| change.subject == self.own);
        about.into_iter().find(|change| self.standing(change) == Standing::Open)
    }

    fn member(&self, record: &Record, describe: &impl Fn(&str) -> Option<member::Authority>) -> member::Member {
        let presence = &record.presence;
        member::Member {
            id: record.member.to_string(),
            is_self: record.member == self.own,
            state: self.state(&record.member).unwrap_or(record.state).into(),
            endpoint: presence.endpoint.clone(),
            locality: presence.locality.iter().map(|tier| (tier.key.clone(), tier.value.clone())).collect(),
            datastore: (presence.datastore.kind.clone(), presence.datastore.version.clone()),
            nodes: presence.nodes.iter().map(Into::into).collect(),
            egress: presence.egress.iter().map(ToString::to_string).collect(),
            authorities: presence.authorities.iter().filter_map(|pem| describe(pem)).collect(),
            acknowledgements: record.acknowledgements.iter().map(Into::into).collect(),
            facts: self.facts(record),
        }
    }

    fn facts(&self, record: &Record) -> Vec<(String, String)> {
        let mut facts = vec![
            (DSS_VERSION.to_owned(), record.presence.dss_version.clone()),
            (SEQUENCE.to_owned(), record.sequence.to_string()),
        ];
        facts.extend(self.signed(&record.member).map(|signed| (DIGEST.to_owned(), signed.digest().to_string())));
        let cluster_id = record.genesis.as_ref().and_then(|genesis| genesis.cluster_id.clone());
        facts.extend(cluster_id.map(|id| (CLUSTER_ID.to_owned(), id)));
        if record.presence.adopted {
            facts.push((ADOPTED.to_owned(), "true".to_owned()));
        }
        facts.extend(record.presence.flags.iter().map(|(name, value)| (format!("{FLAG}{name}"), value.clone())));
        facts
    }
}
