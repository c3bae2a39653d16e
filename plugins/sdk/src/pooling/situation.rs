//! What is known, and what can be read from it.

use crate::pooling::{Database, probes};
use crate::pooling_strategy::{
    AcknowledgementKind, Authority, Decision, Error, Fact, Facts, Finding, Intent, Member, MemberState, Observation,
    Probe, Roster, Severity, TlsOutcome, Waiting,
};

/// An answer older than this is asked for again before anything is built on it.
const FRESH_MS: u64 = 15_000;
/// Pause between two looks at something that should change soon.
const PAUSE_MS: u32 = 500;
/// How long the world may take for what should happen by itself.
const PATIENCE_MS: u64 = 10 * 60_000;

/// Everything a decision stands on.
pub struct Situation<'a, D> {
    /// The database, and what the operator says of it.
    pub database: D,
    /// What is wanted.
    pub intent: &'a Intent,
    /// Who is in the pool.
    pub roster: &'a Roster,
    /// What was seen and done.
    pub facts: &'a Facts,
}

impl<'a, D: Database> Situation<'a, D> {
    /// This organisation's own record.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] where the roster has none.
    pub fn own(&self) -> Result<&'a Member, Error> {
        let own = self.roster.members.iter().find(|member| member.is_self);
        own.ok_or_else(|| Error::Other("the roster has no record of this organisation".into()))
    }

    /// Own nodes.
    pub fn ordinals(&self) -> impl Iterator<Item = u32> + use<'a, D> {
        self.intent.instance.nodes.iter().map(|node| node.ordinal)
    }

    /// Members in the pool, this one apart.
    pub fn peers(&self) -> impl Iterator<Item = &'a Member> + use<'a, D> {
        self.roster.members.iter().filter(|member| !member.is_self && member.state == MemberState::Active)
    }

    /// A member by its id.
    pub fn member(&self, id: &str) -> Option<&'a Member> {
        self.roster.members.iter().find(|member| member.id == id)
    }

    /// Whether the open change is of this kind and about this member.
    pub fn is_open(&self, kind: &str, subject: &str) -> bool {
        self.roster.open.as_ref().is_some_and(|change| change.kind == kind && change.subject == subject)
    }

    /// What the host says of the pool beyond the roster.
    pub fn fact(&self, name: &str) -> Option<&'a str> {
        self.intent.pool.facts.iter().find(|(fact, _)| fact == name).map(|(_, value)| value.as_str())
    }

    /// Whether a fact of the pool has this value.
    pub fn has(&self, (name, value): (&str, &str)) -> bool {
        self.fact(name) == Some(value)
    }

    /// Whether a step of this key was done in this operation.
    pub fn did(&self, key: &str) -> bool {
        self.facts.done.iter().any(|done| done == key)
    }

    /// The values of a member's acknowledgement of this name.
    pub fn said(&self, member: &'a Member, name: &str) -> Option<&'a [String]> {
        said(member, name)
    }

    /// Authorities that a member says all its nodes have loaded.
    pub fn deployed_by(&self, member: &'a Member) -> &'a [String] {
        let deployed = member.acknowledgements.iter().find_map(|acknowledgement| match &acknowledgement.kind {
            AcknowledgementKind::Deployed(fingerprints) => Some(fingerprints.as_slice()),
            _ => None,
        });
        deployed.unwrap_or_default()
    }

    /// Authorities this instance must trust, own first, then by member.
    pub fn bundle(&self) -> Vec<String> {
        let (own, others): (Vec<_>, Vec<_>) = trusted(self.roster).partition(|member| member.is_self);
        let mut others = others;
        others.sort_by(|a, b| a.id.cmp(&b.id));
        let authorities = own.into_iter().chain(others).flat_map(|member| &member.authorities);
        authorities.map(|authority| authority.fingerprint.clone()).collect()
    }

    /// The latest answer to a probe that is fresh enough to build on.
    pub fn seen(&self, probe: &Probe) -> Option<&'a Observation> {
        let fact: &Fact = self.facts.observations.iter().find(|fact| fact.probe.id == probe.id)?;
        (fact.at_ms + FRESH_MS >= self.facts.now_ms).then_some(&fact.observation)
    }

    /// Probes of these that have no fresh answer; empty when all have.
    pub fn unseen(&self, probes: &[Probe]) -> Vec<Probe> {
        probes.iter().filter(|probe| self.seen(probe).is_none()).cloned().collect()
    }

    /// The look that tells about these, if one is due.
    ///
    /// A round of looks may take longer than an answer is good for. So what was seen before and will not last is asked for in the
    /// same round, and all of it where an answer did not last: else of two that are built on, one is always too old.
    pub fn look(&self, probes: &[Probe]) -> Option<Decision> {
        let mut due = self.unseen(probes);
        if due.is_empty() {
            return None;
        }
        let observations = &self.facts.observations;
        let is_slow = due.iter().any(|probe| observations.iter().any(|fact| fact.probe.id == probe.id));
        for fact in observations {
            // The latest of each comes first, and that is what counts.
            let is_ageing = fact.at_ms + FRESH_MS / 3 < self.facts.now_ms;
            let is_latest = observations.iter().find(|other| other.probe.id == fact.probe.id) == Some(fact);
            if (is_slow || is_ageing) && is_latest && !due.iter().any(|probe| probe.id == fact.probe.id) {
                due.push(fact.probe.clone());
            }
        }
        Some(Decision::Look(due))
    }

    /// The single text value of a query's answer.
    pub fn value(&self, probe: &Probe) -> Option<&'a str> {
        let Some(Observation::Rows(rows)) = self.seen(probe) else { return None };
        rows.rows.first()?.first()?.as_deref()
    }

    /// Whether the peer's node answered a leaf of our authority, if only to refuse its identity.
    pub fn proved(&self, probe: &Probe) -> bool {
        matches!(self.seen(probe), Some(Observation::Tls(answer))
            if matches!(answer.outcome, TlsOutcome::Accepted | TlsOutcome::IdentityRefused))
    }

    /// Every look at whether the nodes of a member take a leaf of our authority.
    pub fn accepts_us(&self, member: &Member) -> Vec<Probe> {
        member.nodes.iter().flat_map(|node| self.database.accepts_us(member, node)).collect()
    }

    /// Whether the release of the services stands; `Err` is the look that tells.
    ///
    /// # Errors
    ///
    /// What to look at, or to wait for, first.
    pub fn deployed(&self) -> Result<bool, Decision> {
        let applied = |key: &String| key.starts_with("apply-release/");
        if self.facts.done.iter().any(applied) {
            return Ok(true);
        }
        let probe = probes::release(&self.intent.instance.release);
        if let Some(look) = self.look(std::slice::from_ref(&probe)) {
            return Err(look);
        }
        match self.seen(&probe) {
            Some(Observation::Release(release)) => Ok(release.status == "deployed"),
            Some(Observation::Absent) => Ok(false),
            _ => Err(self.wait(vec![probe], "the release's state")),
        }
    }

    /// Waits for the world, which should change soon and by itself.
    pub fn wait(&self, probes: Vec<Probe>, message: impl Into<String>) -> Decision {
        let until_ms = self.facts.now_ms + PATIENCE_MS;
        Decision::Wait(Waiting { probes, after_ms: PAUSE_MS, until_ms, message: message.into() })
    }
}

/// Members whose authorities are, or must be, in every bundle.
pub fn trusted(roster: &Roster) -> impl Iterator<Item = &Member> {
    let subject_of =
        |kind: &str| roster.open.as_ref().filter(|change| change.kind == kind).map(|change| change.subject.as_str());
    let (subject, put_out) = (subject_of("join"), subject_of("evict"));
    roster.members.iter().filter(move |member| put_out != Some(member.id.as_str())).filter(move |member| {
        match member.state {
            MemberState::Active | MemberState::Joining | MemberState::Leaving => true,
            // A change that all have voted for opens the door; asking alone does not.
            MemberState::Asking => member.is_self || subject == Some(member.id.as_str()),
            MemberState::Gone => false,
        }
    })
}

/// The values of a member's acknowledgement of this name.
#[must_use]
pub fn said<'a>(member: &'a Member, name: &str) -> Option<&'a [String]> {
    member.acknowledgements.iter().find_map(|acknowledgement| match &acknowledgement.kind {
        AcknowledgementKind::Other((said, values)) if said == name => Some(values.as_slice()),
        _ => None,
    })
}

/// Whether a member says that all its nodes have loaded this authority.
#[must_use]
pub fn has_deployed(member: &Member, authority: &Authority) -> bool {
    member.acknowledgements.iter().any(|acknowledgement| {
        matches!(&acknowledgement.kind, AcknowledgementKind::Deployed(fingerprints)
            if fingerprints.contains(&authority.fingerprint))
    })
}

/// Whether `by` says that all nodes of `member` accepted a leaf of `authority`.
#[must_use]
pub fn accepted_by(by: &Member, member: &str, authority: &Authority) -> bool {
    by.acknowledgements.iter().any(|acknowledgement| {
        matches!(&acknowledgement.kind, AcknowledgementKind::AcceptedBy((peer, fingerprint))
            if peer == member && *fingerprint == authority.fingerprint)
    })
}

/// Says that it cannot go on without a person: what about, why, what to do, and whose move it is.
pub fn blocked(subject: impl Into<String>, message: impl Into<String>, cure: &str, whose: Option<&str>) -> Decision {
    Decision::Blocked(vec![Finding {
        severity: Severity::Error,
        subject: subject.into(),
        message: message.into(),
        cure: Some(cure.into()),
        whose: whose.map(Into::into),
    }])
}
