//! Tablet servers as the leading master knows them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use world_cockroach::net::HostPort;

/// Tablets that each server holds a copy of.
const TABLETS: u64 = 4;
/// How long one copy takes to move.
const MOVE: Duration = Duration::from_millis(250);
/// A server that was silent for longer is not alive.
const SILENCE: Duration = Duration::from_secs(10);

/// A tablet server, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// A number of its own, kept on its disk.
    pub uuid: String,
    /// Where it is reached, and where its pages are.
    pub address: HostPort,
    /// Port of its pages.
    pub web_port: u16,
    /// Port of SQL.
    pub sql_port: u16,
    /// Cloud, region and zone.
    pub place: [String; 3],
}

/// One server and when it was heard.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Who.
    pub server: Server,
    at: Instant,
    first: Instant,
}

/// All servers that this leader has heard since it leads.
#[derive(Debug, Default)]
pub struct Servers {
    heard: Mutex<BTreeMap<String, Heard>>,
}

/// Addresses that may hold nothing, and since when by this process's clock.
pub type Blacklist = BTreeMap<String, Instant>;

/// A cloud, a region of one, or a zone of that, in which one copy has to lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block(pub Vec<String>);

/// The tablet servers, and what decides who of them holds copies.
#[derive(Debug)]
pub struct Stock {
    /// Everybody who was heard.
    pub all: Vec<Heard>,
    /// Who may hold nothing.
    pub blacklist: Blacklist,
    /// Where copies have to lie; empty for anywhere.
    pub placement: Vec<Block>,
    /// Copies of everything.
    pub factor: usize,
}

impl Block {
    /// Reads `CLOUD.REGION.ZONE`, of which only the first is needed.
    pub fn parse(text: &str) -> Self {
        Self(text.split('.').map(str::to_owned).collect())
    }

    fn holds(&self, server: &Server) -> bool {
        self.0.iter().zip(&server.place).all(|(wanted, part)| wanted == part)
    }
}

impl Stock {
    fn is_listed(&self, one: &Heard) -> bool {
        self.blacklist.contains_key(&one.server.address.to_string())
    }

    fn is_placed(&self, one: &Heard) -> bool {
        self.placement.is_empty() || self.placement.iter().any(|block| block.holds(&one.server))
    }

    /// Whether those that may hold copies are enough, and each block has one.
    fn suffices(&self, mut may_hold: impl FnMut(&Heard) -> bool) -> bool {
        let holders: Vec<&Heard> = self.all.iter().filter(|one| may_hold(one)).collect();
        let has_one = |block: &Block| holders.iter().any(|one| block.holds(&one.server));
        holders.len() >= self.factor && self.placement.iter().all(has_one)
    }

    /// Copies that a server holds: all of them until it is on the blacklist and others can take them, then fewer and fewer; none outside
    /// of the blocks.
    pub fn tablets(&self, one: &Heard) -> u64 {
        if !self.is_placed(one) {
            return 0;
        }
        let Some(since) = self.blacklist.get(&one.server.address.to_string()) else { return TABLETS };
        if !self.suffices(|one| one.is_alive() && self.is_placed(one) && !self.is_listed(one)) {
            return TABLETS;
        }
        let moved = since.elapsed().as_millis() / MOVE.as_millis();
        TABLETS.saturating_sub(u64::try_from(moved).unwrap_or(u64::MAX))
    }

    /// Whether some tablets have fewer copies than they should, or none where one has to lie.
    pub fn is_short(&self) -> bool {
        !self.suffices(|one| one.is_alive() && self.tablets(one) > 0)
    }
}

impl Servers {
    /// Takes notice of a sign of life.
    pub fn hear(&self, server: Server) {
        let now = Instant::now();
        let mut heard = self.heard.lock().expect("no holder panics");
        let first = heard.get(&server.uuid).map_or(now, |known| known.first);
        heard.insert(server.uuid.clone(), Heard { server, at: now, first });
    }

    /// Everybody, by number.
    pub fn all(&self) -> Vec<Heard> {
        self.heard.lock().expect("no holder panics").values().cloned().collect()
    }
}

impl Heard {
    /// Whether it was heard lately.
    pub fn is_alive(&self) -> bool {
        self.at.elapsed() < SILENCE
    }

    /// Since it was last heard.
    pub fn silence(&self) -> Duration {
        self.at.elapsed()
    }

    /// Since it was first heard.
    pub fn uptime(&self) -> Duration {
        self.first.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stock(n: u8, listed: impl IntoIterator<Item = u8>, placement: &[&str]) -> Stock {
        let servers = Servers::default();
        for n in 0..n {
            let address = HostPort { host: format!("{n}.db.example.com"), port: 9100 };
            let place = ["dss".to_owned(), format!("uss{}", n / 2), "zone".to_owned()];
            servers.hear(Server { uuid: n.to_string(), address, web_port: 9000, sql_port: 5433, place });
        }
        let all = servers.all();
        let long_ago = Instant::now().checked_sub(Duration::from_secs(60)).expect("the machine runs for a minute");
        let blacklist =
            listed.into_iter().map(|n| (all[usize::from(n)].server.address.to_string(), long_ago)).collect();
        Stock { all, blacklist, placement: placement.iter().map(|block| Block::parse(block)).collect(), factor: 3 }
    }

    fn held(stock: &Stock) -> Vec<u64> {
        stock.all.iter().map(|one| stock.tablets(one)).collect()
    }

    #[test]
    fn copies_move_only_where_others_can_hold_them() {
        assert_eq!(held(&stock(4, [0], &[])), [0, TABLETS, TABLETS, TABLETS]);
        assert_eq!(held(&stock(4, [0, 1], &[])), [TABLETS; 4], "2 servers cannot hold 3 copies");
    }

    #[test]
    fn a_block_that_only_those_have_who_may_hold_nothing_keeps_them_from_going() {
        let all = ["dss.uss0", "dss.uss1", "dss.uss2"];
        assert_eq!(held(&stock(6, [0, 1], &all)), [TABLETS; 6]);
        assert_eq!(held(&stock(6, [0, 1], &all[1..])), [0, 0, TABLETS, TABLETS, TABLETS, TABLETS]);
        assert_eq!(held(&stock(6, [0, 1], &["dss"])), [0, 0, TABLETS, TABLETS, TABLETS, TABLETS]);
    }

    #[test]
    fn a_block_without_a_server_lacks_a_copy() {
        assert!(!stock(4, [], &["dss.uss0", "dss.uss1"]).is_short());
        assert!(stock(4, [], &["dss.uss0", "dss.uss1", "dss.uss2"]).is_short());
        assert!(stock(4, [], &["dss.uss0"]).is_short(), "2 servers cannot hold 3 copies");
    }
}
