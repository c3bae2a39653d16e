//! The database's own word on its nodes, as one own gateway knows them.

use hangar_sdk::pooling::blocked;
use hangar_sdk::pooling_strategy::{Decision, Member, Observation, Probe};

use crate::database::Situation;
use crate::probes::{self, NODES_SQL, RANGES_SQL, STATUSES_SQL};
use crate::release::Release;

/// One node of the database cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its number.
    pub(crate) id: String,
    /// Where others reach it; unknown where neither the gateway remembers it nor its last status was seen.
    pub(crate) address: Option<String>,
    /// Its locality tiers as it was started with them, such as `zone=uss1`; empty where it was given none.
    pub(crate) locality: String,
    pub(crate) is_live: bool,
    /// What it runs; unknown as its address is.
    pub(crate) build: Option<String>,
    /// `active`, `decommissioning` or `decommissioned`.
    pub(crate) membership: String,
    /// Whether it has ever written a status of itself, and so was live once, as far as the statuses were seen.
    pub(crate) has_written: bool,
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

    /// The locality by a member's record, where the node was started with another.
    pub(crate) fn elsewhere(&self, member: &Member) -> Option<String> {
        let tiers: Vec<String> = member.locality.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let tiers = tiers.join(",");
        (!self.locality.is_empty() && self.locality != tiers).then_some(tiers)
    }

    /// Whether it is at an address of a member.
    pub(crate) fn is_of(&self, member: &Member) -> bool {
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
    /// Live nodes whose clock is further from the others' than it may be, and by how many milliseconds.
    pub(crate) skewed: Vec<(String, i64)>,
}

/// Replicas of each range, and so the fewest nodes that can hold all of them.
pub(crate) const REPLICAS: usize = 3;
/// Clocks further apart than this are mended before anything is touched: a node ends itself at four times as much, and what is
/// restarted or added then does not come back.
const CLOCK_MS: i64 = 100;

impl Cluster {
    /// As the first own node that answers says; or the look, or the wait, that tells.
    pub(crate) fn seen(situation: &Situation<'_>) -> Result<Self, Decision> {
        let questions = questions(situation);
        if let Some(look) = situation.look(&questions) {
            return Err(look);
        }
        let read = || -> Option<Self> {
            let nodes = members(situation)?;
            let Some(Observation::Rows(ranges)) = situation.seen(&questions[1]) else { return None };
            let count = |column: usize| ranges.rows.first()?.get(column)?.as_deref()?.split('.').next()?.parse().ok();
            let skewed = skewed(&nodes, statuses(situation));
            Some(Self { nodes, underreplicated: count(0)?, unavailable: count(1)?, skewed })
        };
        read().ok_or_else(|| situation.wait(questions.clone(), "an own node to answer about the cluster"))
    }

    /// Nodes of a member that the cluster still counts.
    pub(crate) fn of(&self, member: &Member) -> Vec<&Known> {
        self.nodes.iter().filter(|node| node.is_in() && node.is_of(member)).collect()
    }

    /// What the cluster lacks of a member whose nodes have just come: each lives at its address, and in its locality, by the member's
    /// record. Nothing where it has all of that.
    pub(crate) fn lacks(&self, situation: &Situation<'_>, member: &Member) -> Option<Decision> {
        let nodes = self.of(member);
        let (n_live, n_all) = (nodes.iter().filter(|node| node.is_live).count(), member.nodes.len());
        if n_live < n_all {
            let whose = &member.id;
            let message = format!("{n_live} of {n_all} nodes of `{whose}` to live in the cluster at their addresses");
            return Some(situation.wait(questions(situation), message));
        }
        let (node, tiers) = nodes.into_iter().find_map(|node| Some((node, node.elsewhere(member)?)))?;
        let message = format!(
            "node {} of `{}` has the locality `{}`, and its record says `{tiers}`",
            node.id, member.id, node.locality
        );
        let cure = "let `locality` of the pool, and `locality_key`, say what all have agreed on, then `hangar up`";
        let whose = (!member.is_self).then_some(member.id.as_str());
        Some(blocked(format!("node:{}", node.id), message, cure, whose))
    }

    /// What stands against saying that the cluster counts no more node of somebody: it counts one that may be anybody's. Where the
    /// statuses are told and this node has none, it ended before it wrote its first, and nothing will ever say where it was.
    pub(crate) fn nameless(&self, situation: &Situation<'_>, whose: &str) -> Option<Decision> {
        let nameless = self.nodes.iter().filter(|node| node.is_in() && node.address.is_none());
        let ids: Vec<&str> = nameless.map(|node| node.id.as_str()).collect();
        let (first, all) = (ids.first()?, ids.join(", "));
        if statuses(situation).is_empty() {
            let message =
                format!("the cluster to say where node {all} was, which it counts and which may be of {whose}");
            return Some(situation.wait(questions(situation), message));
        }
        let message = format!("the cluster counts node {all}, which may be of {whose} and has never said where it is");
        let cure = format!(
            "go on in a minute; if it has not come up by then it never will: `cockroach node decommission {}` at a node of the \
             pool, then go on",
            ids.join(" ")
        );
        Some(blocked(format!("node:{first}"), message, &cure, None))
    }

    /// The node that has come in place of a dead one: it lives at the same address. It has a later number since its volume is a
    /// new one. An earlier one is there again only with its former volume: who has just come, and is not called live yet while its
    /// predecessor still is, has written nothing.
    pub(crate) fn successor(&self, dead: &Known) -> Option<&Known> {
        let number = |node: &Known| node.id.parse::<u64>().ok();
        let follows = |node: &&Known| number(node) > number(dead) || dead.has_written;
        let mut live = self.nodes.iter().filter(|node| node.is_in() && node.is_live).filter(follows);
        live.find(|node| !dead.is_live && node.address.is_some() && node.address == dead.address)
    }

    /// A clock that is too far off: nothing that waits by itself.
    pub(crate) fn skew(&self) -> Option<Decision> {
        let (node, ms) = self.skewed.first()?;
        let message =
            format!("the clock of node {node} is {ms} ms away from those of the others, and {CLOCK_MS} is the most");
        let cure = "let the machines of all members follow the same NTP servers, then run the same command again";
        Some(blocked(format!("node:{node}"), message, cure, None))
    }

    /// What stands against touching any node now but those `apart`, in words.
    pub(crate) fn trouble(&self, apart: &[String]) -> Option<String> {
        self.ranges().or_else(|| self.away(|node| apart.contains(&node.id)))
    }

    /// What stands against taking these dead nodes out. Ranges may lack replicas for as long as the dead count: in a small cluster
    /// nothing else ends that. And what others have come in place of does not come back, whosever it is.
    pub(crate) fn trouble_with_dead(&self, ids: &[String]) -> Option<String> {
        self.lost().or_else(|| self.away(|node| ids.contains(&node.id) || self.successor(node).is_some()))
    }

    /// What stands against a member's word that it is done: ranges, and its own nodes. Those of others may wait for that word, and
    /// whoever goes on next looks for itself.
    pub(crate) fn trouble_of(&self, member: &Member) -> Option<String> {
        self.ranges().or_else(|| self.away(|node| !node.is_of(member) || self.successor(node).is_some()))
    }

    fn lost(&self) -> Option<String> {
        (self.unavailable > 0).then(|| format!("{} ranges have lost their majority", self.unavailable))
    }

    /// Ranges that lack replicas or a majority, in words.
    pub(crate) fn ranges(&self) -> Option<String> {
        let lacking = || (self.underreplicated > 0).then(|| format!("{} ranges lack replicas", self.underreplicated));
        self.lost().or_else(lacking)
    }

    /// A node that is dead, or on its way out, and none of those apart.
    fn away(&self, is_apart: impl Fn(&Known) -> bool) -> Option<String> {
        let others = || self.nodes.iter().filter(|node| node.is_in() && !is_apart(node));
        if let Some(dead) = others().find(|node| !node.is_live) {
            let successor = self.successor(dead).map(|node| {
                format!(": node {} has come in its place, and `hangar up` of its member takes it out", node.id)
            });
            return Some(format!("node {} is not live{}", dead.id, successor.unwrap_or_default()));
        }
        let leaving = others().find(|node| node.membership != "active");
        leaving.map(|node| format!("node {} is {}", node.id, node.membership))
    }
}

/// The own node that is asked: the first, or the first after it where that does not say who is there.
pub(crate) fn gateway(situation: &Situation<'_>) -> u32 {
    let fails = |ordinal: &u32| {
        situation.seen(&nodes(situation, *ordinal)).is_some_and(|seen| !matches!(seen, Observation::Rows(_)))
    };
    situation.ordinals().find(|ordinal| !fails(ordinal)).or(situation.ordinals().next()).unwrap_or_default()
}

fn nodes(situation: &Situation<'_>, ordinal: u32) -> Probe {
    probes::sql(&situation.database.names, ordinal, "nodes", NODES_SQL)
}

/// Who is there, how the ranges are, and what each node last wrote of itself.
pub(crate) fn questions(situation: &Situation<'_>) -> Vec<Probe> {
    let ordinal = gateway(situation);
    vec![
        nodes(situation, ordinal),
        probes::sql(&situation.database.names, ordinal, "ranges", RANGES_SQL),
        probes::sql(&situation.database.names, ordinal, "statuses", STATUSES_SQL),
    ]
}

/// Nodes as an own node has them in its memory, which it tells without a majority too; nothing where it tells nothing. What it
/// has forgotten is filled in from the statuses, where these were seen.
pub(crate) fn members(situation: &Situation<'_>) -> Option<Vec<Known>> {
    let Some(Observation::Rows(nodes)) = situation.seen(&questions(situation)[0]) else { return None };
    let statuses = statuses(situation);
    let status = |row: &[Option<String>]| statuses.iter().find(|status| status.first() == row.first());
    Some(nodes.rows.iter().filter_map(|row| known(row, status(row).map_or(&[], Vec::as_slice))).collect())
}

fn statuses<'a>(situation: &Situation<'a>) -> &'a [Vec<Option<String>>] {
    match situation.seen(&questions(situation)[2]) {
        Some(Observation::Rows(rows)) => &rows.rows,
        _ => &[],
    }
}

/// What cannot be read is not known to be skewed: an old release has no such metric, and a node that has just come none yet. Nor
/// is a dead node's clock, whatever it was: it is not what is touched.
fn skewed(nodes: &[Known], statuses: &[Vec<Option<String>>]) -> Vec<(String, i64)> {
    let far = statuses.iter().filter_map(|row| {
        let cell = |column: usize| row.get(column).and_then(Option::as_deref);
        let (id, nanos): (&str, f64) = (cell(0)?, cell(1)?.parse().ok()?);
        let is_live = nodes.iter().any(|node| node.id == id && node.is_live);
        let ms = (nanos / 1e6) as i64;
        (is_live && ms.abs() > CLOCK_MS).then(|| (id.to_owned(), ms))
    });
    far.collect()
}

fn known(row: &[Option<String>], status: &[Option<String>]) -> Option<Known> {
    let cell = |column: usize| row.get(column).and_then(Option::as_deref);
    let wrote = |column: usize| status.get(column).and_then(Option::as_deref);
    Some(Known {
        id: cell(0)?.to_owned(),
        address: cell(1).or(wrote(2)).map(ToOwned::to_owned),
        locality: cell(2).or(wrote(3)).unwrap_or_default().to_owned(),
        build: cell(3).or(wrote(4)).map(ToOwned::to_owned),
        is_live: cell(4) == Some("true"),
        membership: cell(5).unwrap_or("active").to_owned(),
        has_written: !status.is_empty(),
    })
}
