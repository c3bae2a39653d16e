//! The database's own word on its nodes, as one own gateway knows them.

use hangar_sdk::pooling::blocked;
use hangar_sdk::pooling_strategy::{Decision, Member, Observation, Probe};

use crate::database::Situation;
use crate::probes::{self, CLOCKS_SQL, NODES_SQL, RANGES_SQL};
use crate::release::Release;

/// One node of the database cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its number.
    pub(crate) id: String,
    /// Where others reach it; unknown once it is forgotten.
    pub(crate) address: Option<String>,
    /// Its locality tiers as it was started with them, such as `zone=uss1`; empty where it was given none.
    pub(crate) locality: String,
    pub(crate) is_live: bool,
    /// What it runs; unknown once it is forgotten.
    pub(crate) build: Option<String>,
    /// `active`, `decommissioning` or `decommissioned`.
    pub(crate) membership: String,
}

impl Known {
    /// Whether it counts as a node of the cluster.
    pub(crate) fn is_in(&self) -> bool {
        self.membership != "decommissioned"
    }

    /// The release that it runs.
    pub(crate) fn release(&self) -> Option<Release> {
        self.build.as_deref().and_then(Release::parse)
    }

    fn is_of(&self, member: &Member) -> bool {
        let address = self.address.as_deref();
        member.nodes.iter().any(|node| address == Some(&format!("{}:{}", node.host, node.port)))
    }
}

/// What a gateway says of nodes and ranges.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Known>,
    /// Ranges with fewer replicas than wanted, and without a majority.
    pub(crate) underreplicated: u64,
    pub(crate) unavailable: u64,
    /// Nodes whose clock is further from the others' than it may be, and by how many milliseconds.
    pub(crate) skewed: Vec<(String, i64)>,
}

/// Clocks further apart than this are mended before anything is touched: a node ends itself at four times as much, and what is
/// restarted or added then does not come back.
const CLOCK_MS: i64 = 100;

impl Cluster {
    /// As the first own node says; or the look, or the wait, that tells.
    pub(crate) fn seen(situation: &Situation<'_>) -> Result<Self, Decision> {
        let questions = questions(situation);
        if let Some(look) = situation.look(&questions) {
            return Err(look);
        }
        let read = || -> Option<Self> {
            let nodes = members(situation)?;
            let Some(Observation::Rows(ranges)) = situation.seen(&questions[1]) else { return None };
            let count = |column: usize| ranges.rows.first()?.get(column)?.as_deref()?.split('.').next()?.parse().ok();
            Some(Self {
                nodes,
                underreplicated: count(0)?,
                unavailable: count(1)?,
                skewed: skewed(situation, &questions[2]),
            })
        };
        read().ok_or_else(|| situation.wait(questions.clone(), "an own node to answer about the cluster"))
    }

    /// Nodes of a member that the cluster still counts.
    pub(crate) fn of(&self, member: &Member) -> Vec<&Known> {
        self.nodes.iter().filter(|node| node.is_in() && node.is_of(member)).collect()
    }

    /// A clock that is too far off: nothing that waits by itself.
    pub(crate) fn skew(&self) -> Option<Decision> {
        let (node, ms) = self.skewed.first()?;
        let message =
            format!("the clock of node {node} is {ms} ms away from those of the others, and {CLOCK_MS} is the most");
        let cure = "let the machines of all members follow the same NTP servers, then run the same command again";
        Some(blocked(format!("node:{node}"), message, cure, None))
    }

    /// What stands against touching any node now, in words.
    pub(crate) fn trouble(&self, apart: &[&Member]) -> Option<String> {
        if self.unavailable > 0 {
            return Some(format!("{} ranges have lost their majority", self.unavailable));
        }
        if self.underreplicated > 0 {
            return Some(format!("{} ranges lack replicas", self.underreplicated));
        }
        let others = || self.nodes.iter().filter(|node| node.is_in() && !apart.iter().any(|member| node.is_of(member)));
        if let Some(dead) = others().find(|node| !node.is_live) {
            return Some(format!("node {} is not live", dead.id));
        }
        let leaving = others().find(|node| node.membership != "active");
        leaving.map(|node| format!("node {} is {}", node.id, node.membership))
    }
}

pub(crate) fn questions(situation: &Situation<'_>) -> Vec<Probe> {
    let ordinal = situation.ordinals().next().unwrap_or_default();
    vec![
        probes::sql(&situation.database.names, ordinal, "nodes", NODES_SQL),
        probes::sql(&situation.database.names, ordinal, "ranges", RANGES_SQL),
        probes::sql(&situation.database.names, ordinal, "clocks", CLOCKS_SQL),
    ]
}

/// Nodes as the first own node has them in its memory, which it tells without a majority too; nothing where it tells nothing.
pub(crate) fn members(situation: &Situation<'_>) -> Option<Vec<Known>> {
    match situation.seen(&questions(situation)[0]) {
        Some(Observation::Rows(nodes)) => Some(nodes.rows.iter().filter_map(|row| known(row)).collect()),
        _ => None,
    }
}

/// What cannot be read is not known to be skewed: an old release has no such metric, and a node that has just come none yet.
fn skewed(situation: &Situation<'_>, probe: &Probe) -> Vec<(String, i64)> {
    let Some(Observation::Rows(rows)) = situation.seen(probe) else { return Vec::new() };
    let far = rows.rows.iter().filter_map(|row| {
        let cell = |column: usize| row.get(column).and_then(Option::as_deref);
        let nanos: f64 = cell(1)?.parse().ok()?;
        let ms = (nanos / 1e6) as i64;
        (ms.abs() > CLOCK_MS).then(|| Some((cell(0)?.to_owned(), ms)))?
    });
    far.collect()
}

fn known(row: &[Option<String>]) -> Option<Known> {
    let cell = |column: usize| row.get(column).and_then(Option::as_deref);
    Some(Known {
        id: cell(0)?.to_owned(),
        address: cell(1).map(ToOwned::to_owned),
        locality: cell(2).unwrap_or_default().to_owned(),
        build: cell(3).map(ToOwned::to_owned),
        is_live: cell(4) == Some("true"),
        membership: cell(5).unwrap_or("active").to_owned(),
    })
}
