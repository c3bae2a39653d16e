//! The pool as one member sees it, from its own nodes.

use std::collections::BTreeMap;

use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::decision::Finding;
use hangar_plan::strategy::member::{MemberState, Roster};
use hangar_plan::strategy::observation::{Fact, Observation, TlsOutcome};
use hangar_plan::strategy::probe::Question;
use serde::Serialize;

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
    /// The change all have voted for, in words.
    pub open: Option<String>,
    /// Members, by id.
    pub members: Vec<MemberStatus>,
    /// Ranges without enough replicas; none where nobody answered.
    pub underreplicated: Option<u64>,
    /// Ranges without a majority.
    pub unavailable: Option<u64>,
    /// What is not as it should be.
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
}

/// One node.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NodeStatus {
    /// Public address.
    pub address: String,
    /// Its number in the cluster, where our nodes know it.
    pub node_id: Option<u64>,
    /// Own nodes of ours that call it live, of how many that answered.
    pub live: (usize, usize),
    /// Whether it takes a leaf of our authority; none for our own nodes.
    pub accepts_us: Option<bool>,
}

/// A node of the cluster as one gateway knows it.
struct Known {
    node_id: u64,
    is_live: bool,
}

impl PoolStatus {
    /// Puts together what the records say and what was seen.
    #[must_use]
    pub fn new(pool: &str, roster: &Roster, facts: &[Fact], findings: Vec<Finding>) -> Self {
        let own = roster.members.iter().find(|member| member.is_self);
        let gateways: Vec<BTreeMap<String, Known>> = facts.iter().filter_map(known_nodes).collect();
        let members = roster.members.iter().map(|member| MemberStatus {
            id: member.id.clone(),
            state: member.state,
            locality: member.locality.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(","),
            nodes: member
                .nodes
                .iter()
                .map(|node| {
                    let address = format!("{}:{}", node.host, node.port);
                    let seen: Vec<&Known> = gateways.iter().filter_map(|gateway| gateway.get(&address)).collect();
                    NodeStatus {
                        node_id: seen.first().map(|known| known.node_id),
                        live: (seen.iter().filter(|known| known.is_live).count(), gateways.len()),
                        accepts_us: accepts(facts, &node.host),
                        address,
                    }
                })
                .collect(),
            deployed_by: deployed_by(roster, &member.id),
        });
        let ranges = facts.iter().find(|fact| fact.probe.id.starts_with("ranges/")).map(|fact| &fact.observation);
        Self {
            pool: pool.to_owned(),
            own: own.map(|member| member.id.clone()).unwrap_or_default(),
            founder: roster.founder.clone(),
            cluster_id: cluster_id(roster),
            open: roster.open.as_ref().map(|change| format!("{} {}", change.kind, change.subject)),
            members: members.collect(),
            underreplicated: ranges.and_then(|seen| number(seen, 0)),
            unavailable: ranges.and_then(|seen| number(seen, 1)),
            findings,
        }
    }

    /// What of the pool is not whole, each with its cure and whose it is.
    #[must_use]
    pub fn gaps(&self) -> Vec<Finding> {
        let mut gaps = Vec::new();
        let mut gap = |severity, subject: String, message: String, cure: &str, whose: Option<&str>| {
            let (cure, whose) = (Some(cure.to_owned()), whose.map(ToOwned::to_owned));
            gaps.push(Finding { severity, subject, message, cure, whose });
        };
        let active: Vec<_> = self.members.iter().filter(|member| member.state == MemberState::Active).collect();
        for member in &active {
            let whose = Some(member.id.as_str());
            for node in &member.nodes {
                let subject = format!("node:{}", node.address);
                if node.node_id.is_none() {
                    let message = format!("`{}` is not known to the cluster", node.address);
                    gap(Severity::Error, subject, message, "its owner runs `hangar up`", whose);
                } else if node.live.0 < node.live.1 {
                    let message = format!("{} of {} own nodes call `{}` live", node.live.0, node.live.1, node.address);
                    gap(Severity::Error, subject, message, "its owner looks at the pod: `hangar status`", whose);
                } else if node.accepts_us == Some(false) {
                    let message = format!("`{}` does not take a certificate of ours", node.address);
                    gap(
                        Severity::Error,
                        subject,
                        message,
                        "its owner runs `hangar up`, which loads our authority",
                        whose,
                    );
                }
            }
            let behind: Vec<_> = active.iter().filter(|other| !member.deployed_by.contains(&other.id)).collect();
            for other in behind {
                let message = format!("`{}` has not loaded every authority of `{}`", other.id, member.id);
                let subject = format!("member:{}", other.id);
                gap(Severity::Warning, subject, message, "`hangar up` loads it", Some(other.id.as_str()));
            }
        }
        if active.len() < 3 {
            let message = format!("{} organisations: the loss of one stops the pool", active.len());
            gap(Severity::Note, "pool".into(), message, "three organisations survive the loss of any one", None);
        }
        if self.underreplicated.is_some_and(|ranges| ranges > 0) {
            let message = format!("{} ranges lack replicas", self.underreplicated.unwrap_or_default());
            gap(Severity::Warning, "pool".into(), message, "wait until they are copied; no node goes meanwhile", None);
        }
        gaps
    }

    /// Whether every node of every active member is live to every own node, and accepts us.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let active = self.members.iter().filter(|member| member.state == MemberState::Active);
        self.unavailable == Some(0)
            && active
                .flat_map(|member| &member.nodes)
                .all(|node| node.live.1 > 0 && node.live.0 == node.live.1 && node.accepts_us != Some(false))
    }
}

/// Identity of the pool's database, as the founder's record says.
pub(crate) fn cluster_id(roster: &Roster) -> Option<String> {
    let founder = roster.members.iter().find(|member| member.id == roster.founder)?;
    founder.facts.iter().find(|(name, _)| name == "cluster-id").map(|(_, id)| id.clone())
}

fn known_nodes(fact: &Fact) -> Option<BTreeMap<String, Known>> {
    if !fact.probe.id.starts_with("nodes/") {
        return None;
    }
    let Observation::Rows(rows) = &fact.observation else { return None };
    let known = rows.rows.iter().filter_map(|row| {
        let cell = |n: usize| row.get(n).and_then(Option::as_deref);
        let known = Known { node_id: cell(0)?.parse().ok()?, is_live: cell(4) == Some("true") };
        Some((cell(1)?.to_owned(), known))
    });
    Some(known.collect())
}

fn accepts(facts: &[Fact], host: &str) -> Option<bool> {
    let fact = facts.iter().find(|fact| matches!(&fact.probe.question, Question::Tls(tls) if tls.host == host))?;
    Some(matches!(&fact.observation, Observation::Tls(answer)
        if matches!(answer.outcome, TlsOutcome::Accepted | TlsOutcome::IdentityRefused)))
}

fn deployed_by(roster: &Roster, id: &str) -> Vec<String> {
    use hangar_plan::strategy::member::AcknowledgementKind::Deployed;
    let Some(subject) = roster.members.iter().find(|member| member.id == id) else { return Vec::new() };
    let has = |member: &&hangar_plan::strategy::member::Member| {
        subject.authorities.iter().all(|authority| {
            member.acknowledgements.iter().any(|acknowledgement| {
                matches!(&acknowledgement.kind, Deployed(all) if all.contains(&authority.fingerprint))
            })
        })
    };
    roster.members.iter().filter(has).map(|member| member.id.clone()).collect()
}

fn number(observation: &Observation, column: usize) -> Option<u64> {
    let Observation::Rows(rows) = observation else { return None };
    let text = rows.rows.first()?.get(column)?.as_deref()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of ranges")]
    text.parse::<f64>().ok().map(|number| number as u64)
}
