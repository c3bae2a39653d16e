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

    /// Copies it holds: all of them until it is on the blacklist and others can take them, then fewer and fewer.
    pub fn tablets(&self, blacklist: &Blacklist, all: &[Self], factor: usize) -> u64 {
        let address = self.server.address.to_string();
        let Some(since) = blacklist.get(&address) else { return TABLETS };
        let may_hold = |one: &&Self| one.is_alive() && !blacklist.contains_key(&one.server.address.to_string());
        if all.iter().filter(may_hold).count() < factor {
            return TABLETS;
        }
        let moved = since.elapsed().as_millis() / MOVE.as_millis();
        TABLETS.saturating_sub(u64::try_from(moved).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(n: u8) -> Server {
        let address = HostPort { host: format!("{n}.db.example.com"), port: 9100 };
        let place = ["dss", "uss1", "zone"].map(str::to_owned);
        Server { uuid: n.to_string(), address, web_port: 9000, sql_port: 5433, place }
    }

    #[test]
    fn copies_move_only_where_others_can_hold_them() {
        let servers = Servers::default();
        (0..4).for_each(|n| servers.hear(server(n)));
        let all = servers.all();
        let long_ago = Instant::now().checked_sub(Duration::from_secs(60)).expect("the machine runs for a minute");
        let one: Blacklist = [(all[0].server.address.to_string(), long_ago)].into();
        assert_eq!(all[0].tablets(&one, &all, 3), 0);
        assert_eq!(all[1].tablets(&one, &all, 3), TABLETS);
        let two: Blacklist = all.iter().take(2).map(|heard| (heard.server.address.to_string(), long_ago)).collect();
        assert_eq!(all[0].tablets(&two, &all, 3), TABLETS, "2 servers cannot hold 3 copies");
    }
}
