//! The pool as one member sees it, from its own nodes.

use hangar_plan::strategy::decision::Finding;
use hangar_plan::strategy::member::{AcknowledgementKind, Member, MemberState, Roster};
use hangar_plan::strategy::observation::{Fact, Observation, TlsOutcome};
use hangar_plan::strategy::probe::Question;
use serde::Serialize;

mod gaps;
mod gateway;
pub(crate) mod maintenance;
mod names;
mod proposal;
mod tally;

use gateway::{Gateway, Known};
pub(crate) use names::as_known;
pub use proposal::Proposal;
pub use tally::{Count, Tally};

/// The pool as one member sees it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PoolStatus {
    /// Pool.
    pub pool: String,
    /// Who looks.
    pub own: String,
    /// Who founded it.
    pub founder: String,
    /// Identity of the database cluster by the founder's record.
    pub cluster_id: Option<String>,
    /// Identities that own nodes have given, each once.
    pub identities: Vec<String>,
    /// Whether all own nodes that answered know the same nodes.
    pub gateways_agree: bool,
    /// The change all have voted for, in words.
    pub open: Option<String>,
    /// What is proposed and not over, and who has to do something about it.
    pub proposed: Vec<Proposal>,
    /// Members, by id.
    pub members: Vec<MemberStatus>,
    /// Ranges without enough replicas; none where nobody answered.
    pub underreplicated: Option<u64>,
    /// Ranges without a majority.
    pub unavailable: Option<u64>,
    /// Whether the strategy asks about ranges at all: not every database tells of them by the way.
    #[serde(skip)]
    pub asks_ranges: bool,
    /// Whether a leaf of our own nodes or clients is over, by which they are called by nobody.
    pub is_over: bool,
    /// What is not as it should be, each with the next command and the member who runs it.
    pub findings: Vec<Finding>,
}

/// One member.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MemberStatus {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: MemberState,
    /// Its locality, such as `zone=uss1`.
    pub locality: String,
    /// Its nodes, by ordinal.
    pub nodes: Vec<NodeStatus>,
    /// Whether its authority is loaded by every member that says so, and by how many.
    pub deployed_by: Vec<String>,
    /// For what it says that its nodes are being restarted; nobody else's may be meanwhile.
    pub maintenance: Option<String>,
    /// The first member by name whose authority has the same subject, as other tools make them.
    pub shares_subject_with: Option<String>,
}

/// One node.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NodeStatus {
    /// Public address.
    pub address: String,
    /// What the cluster calls it, where our nodes know it: a number, or a longer name.
    pub node_id: Option<String>,
    /// Own nodes of ours that call it live, of how many that answered.
    pub live: (usize, usize),
    /// Whether it takes a leaf of our authority; none for our own nodes.
    pub accepts_us: Option<bool>,
    /// Which certificate between it and us is over, where one is.
    pub over: Option<String>,
    /// What the cluster calls dead nodes that were at this address before, and that it still counts: this one lost its volume.
    pub former: Vec<String>,
}

impl NodeStatus {
    /// Whether every own node that answered calls it live.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live.1 > 0 && self.live.0 == self.live.1
    }
}

impl PoolStatus {
    /// Puts together what the records say and what was seen.
    #[must_use]
    pub fn new(pool: &str, roster: &Roster, proposed: Vec<Proposal>, facts: &[Fact], findings: Vec<Finding>) -> Self {
        let own = roster.members.iter().find(|member| member.is_self);
        let own = own.map(|member| member.id.clone()).unwrap_or_default();
        // What nobody else has to do is ours.
        let findings = findings.into_iter().map(|finding| {
            let whose = finding.whose.clone().or_else(|| Some(own.clone()));
            Finding { whose, ..finding }
        });
        let findings = findings.collect();
        let gateways: Vec<Gateway> = facts.iter().filter_map(Gateway::seen).collect();
        let members = roster.members.iter().map(|member| MemberStatus {
            id: member.id.clone(),
            state: member.state,
            locality: member.locality.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(","),
            nodes: member
                .nodes
                .iter()
                .map(|node| {
                    let address = format!("{}:{}", node.host, node.port);
                    let seen: Vec<&Known> = gateways.iter().filter_map(|gateway| gateway.nodes.get(&address)).collect();
                    let former = gateways.iter().find_map(|gateway| gateway.former.get(&address).cloned());
                    NodeStatus {
                        former: former.unwrap_or_default(),
                        node_id: seen.first().map(|known| known.node_id.clone()),
                        live: (seen.iter().filter(|known| known.is_live).count(), gateways.len()),
                        accepts_us: accepts(facts, &node.host),
                        over: over(facts, &node.host),
                        address,
                    }
                })
                .collect(),
            deployed_by: deployed_by(roster, &member.id),
            maintenance: maintenance::word(member).map(|word| word.reason.to_owned()),
            shares_subject_with: shares_subject_with(roster, member),
        });
        let ranges = facts.iter().find(|fact| fact.probe.id.starts_with("ranges/")).map(|fact| &fact.observation);
        Self {
            pool: pool.to_owned(),
            own,
            founder: roster.founder.clone(),
            cluster_id: cluster_id(roster),
            identities: identities(facts),
            gateways_agree: gateways.windows(2).all(|pair| pair[0].nodes.keys().eq(pair[1].nodes.keys())),
            open: roster.open.as_ref().map(|change| format!("{} {}", change.kind, change.subject)),
            proposed,
            members: members.collect(),
            underreplicated: ranges.and_then(|seen| number(seen, 0)),
            unavailable: ranges.and_then(|seen| number(seen, 1)),
            asks_ranges: ranges.is_some(),
            is_over: false,
            findings,
        }
    }

    /// Whether every node of every active member is live to every own node, and accepts us, and no range is without a majority.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let is_good = |node: &NodeStatus| node.is_live() && node.accepts_us != Some(false);
        let has_majorities = !self.asks_ranges || self.unavailable == Some(0);
        has_majorities && self.active().flat_map(|member| &member.nodes).all(is_good)
    }

    fn active(&self) -> impl Iterator<Item = &MemberStatus> {
        self.members.iter().filter(|member| member.state == MemberState::Active)
    }
}

/// Identity of the pool's database, as the founder's record says.
pub(crate) fn cluster_id(roster: &Roster) -> Option<String> {
    let founder = roster.members.iter().find(|member| member.id == roster.founder)?;
    founder.facts.iter().find(|(name, _)| name == "cluster-id").map(|(_, id)| id.clone())
}

fn identities(facts: &[Fact]) -> Vec<String> {
    let given = facts.iter().filter(|fact| fact.probe.id.starts_with("cluster-id/"));
    let mut all: Vec<String> = given
        .filter_map(|fact| match &fact.observation {
            Observation::Rows(rows) => rows.rows.first()?.first()?.clone(),
            _ => None,
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What was seen of the handshakes with a node.
fn handshakes<'a>(facts: &'a [Fact], host: &'a str) -> impl Iterator<Item = &'a Fact> {
    facts.iter().filter(move |fact| matches!(&fact.probe.question, Question::Tls(tls) if tls.host == host))
}

fn over(facts: &[Fact], host: &str) -> Option<String> {
    handshakes(facts, host).find_map(|fact| match &fact.observation {
        Observation::Tls(answer) if answer.outcome == TlsOutcome::Expired => Some(answer.detail.clone()),
        _ => None,
    })
}

/// A node accepts us if every process of it does that was asked.
fn accepts(facts: &[Fact], host: &str) -> Option<bool> {
    let mut asked = handshakes(facts, host).peekable();
    asked.peek()?;
    Some(asked.all(|fact| {
        matches!(&fact.observation, Observation::Tls(answer)
            if matches!(answer.outcome, TlsOutcome::Accepted | TlsOutcome::IdentityRefused))
    }))
}

fn deployed_by(roster: &Roster, id: &str) -> Vec<String> {
    use AcknowledgementKind::Deployed;
    let Some(subject) = roster.members.iter().find(|member| member.id == id) else { return Vec::new() };
    let has = |member: &&Member| {
        subject.authorities.iter().all(|authority| {
            member.acknowledgements.iter().any(|acknowledgement| {
                matches!(&acknowledgement.kind, Deployed(all) if all.contains(&authority.fingerprint))
            })
        })
    };
    roster.members.iter().filter(has).map(|member| member.id.clone()).collect()
}

fn shares_subject_with(roster: &Roster, member: &Member) -> Option<String> {
    let subjects = |of: &Member| of.authorities.iter().map(|one| one.subject.clone()).collect::<Vec<_>>();
    let own = subjects(member);
    let is_active = |other: &&Member| other.state == MemberState::Active && other.id < member.id;
    let mut before = roster.members.iter().filter(is_active);
    before.find(|other| subjects(other).iter().any(|one| own.contains(one))).map(|other| other.id.clone())
}

fn number(observation: &Observation, column: usize) -> Option<u64> {
    let Observation::Rows(rows) = observation else { return None };
    let text = rows.rows.first()?.get(column)?.as_deref()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of ranges")]
    text.parse::<f64>().ok().map(|number| number as u64)
}
