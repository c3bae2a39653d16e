//! The control socket of a node: how a test sets its clock and its faults. No counterpart in the database.
//!
//! One JSON object a line, one answer a line. It is open only where [`ADDRESS_VARIABLE`] says so, on loopback, and its
//! address is left in the store as [`ADDRESS_FILE`].

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::faults::{self, Link};
use crate::net::HostPort;
use crate::{clock, log};

/// Environment variable with the port; 0 is any free one. Unset, there is no control socket.
pub const ADDRESS_VARIABLE: &str = "COCKROACH_WORLD_CONTROL_PORT";
/// The file in the store that says where the socket is.
pub const ADDRESS_FILE: &str = "world.control-addr";

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// What is set.
    Show,
    /// The clock's distance to the machine's.
    Clock { offset_ms: i64 },
    /// The link to a peer, by the host it is dialled by, or `*`.
    Link {
        to: String,
        #[serde(default)]
        cut: bool,
        #[serde(default)]
        delay_ms: u64,
        #[serde(default)]
        loss: f64,
    },
    /// All links are good again.
    Heal,
    /// Whether the disk is full.
    Disk { full: bool },
}

/// What is set, after what was asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    #[serde(default)]
    pub clock_offset_ms: i64,
    #[serde(default)]
    pub links: BTreeMap<String, Link>,
    #[serde(default)]
    pub disk_full: bool,
    /// Why nothing was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Opens the socket beside the node's own, if it is wanted, and serves it for ever.
///
/// # Errors
///
/// When the port is no number or taken.
pub async fn start(listen: &HostPort, store: &Path) -> io::Result<()> {
    let Some(port) = crate::environment::get(ADDRESS_VARIABLE) else { return Ok(()) };
    let port: u16 = port.parse().map_err(|err| io::Error::other(format!("{ADDRESS_VARIABLE}={port:?}: {err}")))?;
    // Whatever the node listens on, this is for the machine alone.
    let ip = listen.ip().filter(IpAddr::is_loopback).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let listener = TcpListener::bind((ip, port)).await?;
    std::fs::write(store.join(ADDRESS_FILE), listener.local_addr()?.to_string())?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A caller that goes away has what it wanted.
            tokio::spawn(async move { drop(converse(stream).await) });
        }
    });
    Ok(())
}

async fn converse(mut stream: TcpStream) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let mut answer = serde_json::to_vec(&serve(&line))?;
        answer.push(b'\n');
        write.write_all(&answer).await?;
    }
    Ok(())
}

fn serve(line: &str) -> Answer {
    let error = match serde_json::from_str::<Request>(line) {
        Ok(request) => {
            apply(&request);
            None
        }
        Err(err) => Some(err.to_string()),
    };
    let (clock_offset_ms, links) = (clock::offset_millis(), faults::links());
    Answer { clock_offset_ms, links, disk_full: faults::disk_full(), error }
}

fn apply(request: &Request) {
    if *request != Request::Show {
        log::info("world/control.go:1", format!("{request:?}"));
    }
    match request {
        Request::Show => {}
        Request::Clock { offset_ms } => clock::set_offset_millis(*offset_ms),
        Request::Link { to, cut, delay_ms, loss } => {
            faults::set_link(to, Link { cut: *cut, delay_ms: *delay_ms, loss: *loss });
        }
        Request::Heal => faults::heal(),
        Request::Disk { full } => faults::set_disk_full(*full),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_changes_nothing_and_is_said() {
        let answer = serve("{\"op\":\"disk\",\"full\":true,\"very\":1}");
        assert!(answer.error.is_some_and(|error| error.contains("very")) && !answer.disk_full);
        assert!(serve("nonsense").error.is_some());
        assert_eq!(serve("{\"op\":\"show\"}").error, None);
    }
}
