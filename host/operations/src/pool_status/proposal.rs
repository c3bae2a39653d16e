//! What is proposed, and for whom it waits.

use hangar_roster::{Change, Kind, Phase, Roster, Standing};
use serde::Serialize;

/// A change that is proposed and not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Proposal {
    /// Such as `join`.
    pub kind: String,
    /// Whom it is about.
    pub subject: String,
    /// Who proposes it.
    pub proposer: String,
    /// Members who have to run [`Proposal::command`].
    pub waits_for: Vec<String>,
    /// What they run.
    pub command: String,
}

impl Proposal {
    /// All that is proposed and not over, as the records held say.
    #[must_use]
    pub fn all(roster: &Roster) -> Vec<Self> {
        let changes = roster.changes().into_iter().chain(roster.evictions());
        changes.filter(|change| roster.is_alive(change)).map(|change| Self::of(roster, change)).collect()
    }

    fn of(roster: &Roster, change: &Change) -> Self {
        let subject = change.subject.to_string();
        let (waits_for, command) = match roster.standing(change) {
            Standing::Voting { missing } => {
                let verb = if change.kind == Kind::Evict { "evict" } else { "accept" };
                (missing, format!("hangar pool {verb} {subject}"))
            }
            // All have voted, or one has seen that they have: whoever is behind hears of it by its next command.
            _ => (behind(roster, change), "hangar up".to_owned()),
        };
        Self {
            kind: change.kind.to_string(),
            subject,
            proposer: change.proposer.to_string(),
            waits_for: waits_for.iter().map(ToString::to_string).collect(),
            command,
        }
    }
}

/// Voters whose own records do not say yet that it is open.
fn behind(roster: &Roster, change: &Change) -> Vec<hangar_roster::MemberId> {
    let is_open = |member: &&hangar_roster::MemberId| {
        let record = roster.record(member);
        let votes = record.into_iter().flat_map(|record| record.vote.iter().chain(&record.eviction));
        let mut own = votes.filter(|vote| vote.change.id == change.id);
        own.any(|vote| !matches!(vote.phase, Phase::Voted | Phase::Withdrawn))
    };
    roster.voters(change).into_iter().filter(|voter| !is_open(voter)).cloned().collect()
}
