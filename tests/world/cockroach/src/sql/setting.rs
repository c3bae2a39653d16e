//! What a cluster setting accepts.

use std::time::Duration;

use super::error::SqlError;
use crate::build_info::Version;
use crate::license::License;
use crate::node::{Node, replicas, upgrade};
use crate::state::command::Command;
use crate::timers::parse_duration;

/// Settings that are durations, with the least that each takes.
const DURATIONS: [(&str, Duration); 6] = [
    ("kv.replica_circuit_breaker.slow_replication_threshold", Duration::ZERO),
    ("server.shutdown.initial_wait", Duration::ZERO),
    ("server.shutdown.lease_transfer_iteration.timeout", Duration::ZERO),
    ("server.shutdown.transactions.timeout", Duration::ZERO),
    ("server.time_after_store_suspect", Duration::ZERO),
    ("server.time_until_store_dead", Duration::from_secs(75)),
];

/// The entry of the log that sets `name`.
///
/// # Errors
///
/// Why the value is refused.
pub fn command(node: &Node, name: &str, value: Option<&str>) -> Result<Command, SqlError> {
    let refuse = |text: String| Err(SqlError::new("22023", text));
    if let Some(value) = value {
        match name {
            "version" => return version(node, value),
            "cluster.preserve_downgrade_option" if !value.is_empty() => {
                let active = node.active_version().map(|version| version.to_string()).unwrap_or_default();
                if value != active {
                    return refuse(format!("cannot set {name} to {value} (cluster version is {active})"));
                }
            }
            "enterprise.license" if !value.is_empty() => {
                License::parse(value).map_err(|text| SqlError::new("22023", text))?;
            }
            "kv.snapshot_rebalance.max_rate" if replicas::parse_size(value).is_none() => {
                return refuse(format!("could not parse {value:?} as type int: strconv.ParseInt: invalid syntax"));
            }
            _ => {}
        }
        if let Some((_, least)) = DURATIONS.iter().find(|(known, _)| *known == name) {
            let Some(given) = parse_duration(value) else {
                return refuse(format!("could not parse {value:?} as type interval: invalid input syntax"));
            };
            if given < *least {
                let seconds = least.as_secs();
                return refuse(format!("cannot set {name} to a value less than {seconds}s: {value}"));
            }
        }
    } else if name == "version" {
        return refuse("cannot RESET version cluster setting".to_owned());
    }
    Ok(Command::Setting { name: name.to_owned(), value: value.map(str::to_owned) })
}

fn version(node: &Node, value: &str) -> Result<Command, SqlError> {
    let wanted = Version::parse(value).ok_or_else(|| SqlError::new("22023", format!("invalid version {value}")))?;
    let state = node.state().ok_or_else(|| SqlError::new("XXUUU", "node is not part of a cluster"))?;
    upgrade::check(&state, wanted).map_err(|text| SqlError::new("XXUUU", text))?;
    Ok(Command::Version(wanted))
}
