//! The database's own word on its nodes, as one own master's leader knows them.

use std::collections::BTreeMap;

use hangar_sdk::pooling::trusted;
use hangar_sdk::pooling_strategy::{Decision, Member, Observation, Probe};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::database::Situation;
use crate::probes;

/// A master of the universe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Master {
    pub(crate) host: String,
    pub(crate) is_leader: bool,
    /// Whether it takes part: it leads or follows.
    pub(crate) is_in: bool,
}

/// A tablet server of the universe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TabletServer {
    pub(crate) host: String,
    pub(crate) is_alive: bool,
    /// Tablets it holds a copy of.
    pub(crate) n_tablets: u64,
}

/// What a leader says of its universe.
pub(crate) struct Universe {
    pub(crate) masters: Vec<Master>,
    pub(crate) tablet_servers: Vec<TabletServer>,
    n_underreplicated: usize,
}

#[derive(Deserialize)]
struct MastersPage {
    #[serde(default)]
    masters: Vec<MasterEntry>,
}

#[derive(Deserialize)]
struct MasterEntry {
    #[serde(default)]
    registration: Registration,
    #[serde(default)]
    role: String,
}

#[derive(Deserialize, Default)]
struct Registration {
    #[serde(default)]
    broadcast_addresses: Vec<Address>,
    #[serde(default)]
    private_rpc_addresses: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    host: String,
}

#[derive(Deserialize)]
struct ServerEntry {
    status: String,
    #[serde(default)]
    user_tablets_total: u64,
    #[serde(default)]
    system_tablets_total: u64,
}

#[derive(Deserialize)]
struct HealthPage {
    under_replicated_tablets: Vec<String>,
}

impl Universe {
    /// As the first own master says; or the look, or the wait, that tells.
    pub(crate) fn seen(situation: &Situation<'_>) -> Result<Self, Decision> {
        let questions = questions(situation);
        if let Some(look) = situation.look(&questions) {
            return Err(look);
        }
        let read = || -> Option<Self> {
            let masters = masters(situation, &questions[0])?;
            let servers: BTreeMap<String, BTreeMap<String, ServerEntry>> = page(situation, &questions[1])?;
            let health: HealthPage = page(situation, &questions[2])?;
            Some(Self {
                masters,
                tablet_servers: servers
                    .into_values()
                    .flatten()
                    .map(|(address, one)| tablet_server(&address, &one))
                    .collect(),
                n_underreplicated: health.under_replicated_tablets.len(),
            })
        };
        read().ok_or_else(|| situation.wait(questions.clone(), "an own master to answer about the universe"))
    }

    /// Tablet servers of a member that the universe knows.
    pub(crate) fn tablet_servers_of(&self, member: &Member) -> Vec<&TabletServer> {
        self.tablet_servers.iter().filter(|one| is_of(member, &one.host)).collect()
    }

    /// What the universe lacks of a member whose nodes have just come; nothing where each tablet server is alive at its address.
    pub(crate) fn lacks(&self, situation: &Situation<'_>, member: &Member) -> Option<Decision> {
        let n_alive = self.tablet_servers_of(member).into_iter().filter(|one| one.is_alive).count();
        let n_all = member.nodes.len();
        let message = || format!("{n_alive} of {n_all} tablet servers of `{}` to be alive in the universe", member.id);
        (n_alive < n_all).then(|| situation.wait(questions(situation), message()))
    }

    /// Masters of a member that the universe counts.
    pub(crate) fn masters_of(&self, member: &Member) -> Vec<&Master> {
        self.masters.iter().filter(|one| is_of(member, &one.host)).collect()
    }

    /// What stands against touching any node now, in words.
    ///
    /// A tablet server of who has left is dead for the universe for ever. It is missed by nobody: only one that holds copies is, or one of
    /// a member.
    pub(crate) fn trouble(&self, situation: &Situation<'_>) -> Option<String> {
        if !self.masters.iter().any(|master| master.is_leader) {
            return Some("no master leads".into());
        }
        if let Some(out) = self.masters.iter().find(|master| !master.is_in) {
            return Some(format!("the master of `{}` takes no part", out.host));
        }
        let is_members = |host: &str| trusted(situation.roster).any(|member| is_of(member, host));
        let is_missed = |one: &&TabletServer| !one.is_alive && (one.n_tablets > 0 || is_members(&one.host));
        if let Some(dead) = self.tablet_servers.iter().find(is_missed) {
            return Some(format!("the tablet server of `{}` is not alive", dead.host));
        }
        (self.n_underreplicated > 0).then(|| format!("{} tablets lack copies", self.n_underreplicated))
    }
}

pub(crate) fn questions(situation: &Situation<'_>) -> Vec<Probe> {
    let names = &situation.database.names;
    let ordinal = situation.ordinals().next().unwrap_or_default();
    vec![probes::masters(names, ordinal), probes::tablet_servers(names, ordinal), probes::health(names, ordinal)]
}

/// The masters of a page; none where it was no such page.
pub(crate) fn masters(situation: &Situation<'_>, probe: &Probe) -> Option<Vec<Master>> {
    let MastersPage { masters } = page(situation, probe)?;
    let known = masters.into_iter().filter_map(|entry| {
        let Registration { broadcast_addresses, private_rpc_addresses } = entry.registration;
        let address = broadcast_addresses.into_iter().chain(private_rpc_addresses).next()?;
        let is_leader = entry.role == "LEADER";
        Some(Master { host: address.host, is_leader, is_in: is_leader || entry.role == "FOLLOWER" })
    });
    Some(known.collect())
}

fn tablet_server(address: &str, entry: &ServerEntry) -> TabletServer {
    TabletServer {
        host: address.rsplit_once(':').map_or(address, |(host, _)| host).to_owned(),
        is_alive: entry.status == "ALIVE",
        n_tablets: entry.user_tablets_total + entry.system_tablets_total,
    }
}

fn page<T: DeserializeOwned>(situation: &Situation<'_>, probe: &Probe) -> Option<T> {
    match situation.seen(probe) {
        Some(Observation::Http(answer)) if answer.status == 200 => serde_json::from_str(&answer.body).ok(),
        _ => None,
    }
}

fn is_of(member: &Member, host: &str) -> bool {
    member.nodes.iter().any(|node| node.host == host)
}
