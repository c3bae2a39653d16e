//! What goes wrong around this node: links to others, and its disk. Set over the [`control`](crate::control) socket.
//!
//! A link is an ordered pair: what *this* node dials. A cut link takes no new connection and carries nothing on those
//! that stand, in both directions, as behind a firewall that forgot them; whoever dials this node is not hindered.

pub mod shaped;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::net::HostPort;

/// One process is one node, so one set of faults.
static LINKS: LazyLock<Mutex<BTreeMap<String, Link>>> = LazyLock::new(Mutex::default);
static DISK_FULL: AtomicBool = AtomicBool::new(false);

/// Stands for every peer.
pub const EVERYBODY: &str = "*";

/// How a link behaves. The default is a good one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    #[serde(default)]
    pub cut: bool,
    /// What each thing sent waits before it goes.
    #[serde(default)]
    pub delay_ms: u64,
    /// How likely it is that a packet is lost and sent again, from 0 to 1.
    #[serde(default)]
    pub loss: f64,
}

impl Link {
    /// What one packet waits: the delay, and a growing time-out for each time it is lost, as TCP has it.
    pub fn wait(&self) -> Duration {
        let mut wait = Duration::from_millis(self.delay_ms);
        let mut again = Duration::from_millis(200);
        while again < Duration::from_secs(2) && chance() < self.loss {
            wait += again;
            again *= 2;
        }
        wait
    }
}

/// Sets the link to a host, as peers are dialled: a name, an address, or [`EVERYBODY`].
pub fn set_link(to: &str, link: Link) {
    let mut links = LINKS.lock().expect("no holder panics");
    if link == Link::default() {
        links.remove(to);
    } else {
        links.insert(to.to_owned(), link);
    }
}

/// Makes every link good.
pub fn heal() {
    LINKS.lock().expect("no holder panics").clear();
}

/// All links that are not good.
pub fn links() -> BTreeMap<String, Link> {
    LINKS.lock().expect("no holder panics").clone()
}

/// The link to an address.
pub fn link(to: &HostPort) -> Link {
    let links = LINKS.lock().expect("no holder panics");
    if links.is_empty() {
        return Link::default();
    }
    let found = links.get(&to.to_string()).or_else(|| links.get(&to.host)).or_else(|| links.get(EVERYBODY));
    found.copied().unwrap_or_default()
}

/// Fills the disk, or makes room. A full store takes no replica; what it has it keeps.
pub fn set_disk_full(full: bool) {
    DISK_FULL.store(full, Ordering::Relaxed);
}

/// Whether the disk is full.
pub fn disk_full() -> bool {
    DISK_FULL.load(Ordering::Relaxed)
}

/// From 0 to 1.
fn chance() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_by_address_by_host_and_for_everybody() {
        let to = |port| HostPort { host: "127.99.0.1".to_owned(), port };
        set_link("127.99.0.1", Link { cut: true, ..Link::default() });
        set_link("127.99.0.1:7", Link { delay_ms: 5, ..Link::default() });
        assert!(link(&to(1)).cut && !link(&to(7)).cut);
        assert_eq!(link(&to(7)).wait(), Duration::from_millis(5));
        heal();
        assert_eq!(link(&to(1)), Link::default());
    }

    #[test]
    fn a_lost_packet_waits_longer_each_time_but_not_for_ever() {
        let hopeless = Link { loss: 1.1, ..Link::default() };
        assert_eq!(hopeless.wait(), Duration::from_millis(200 + 400 + 800 + 1_600));
    }
}
