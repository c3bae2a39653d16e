//! Variables of a session.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::SqlError;
use crate::build_info::{BuildInfo, Version};

/// The first release that knows `allow_unsafe_internals`.
const UNSAFE_INTERNALS_SINCE: Version = Version { major: 25, minor: 4 };
/// The first release in which that is off by default.
const UNSAFE_INTERNALS_OFF_SINCE: Version = Version { major: 26, minor: 1 };

const DEFAULTS: [(&str, &str); 31] = [
    ("application_name", ""),
    ("backslash_quote", "safe_encoding"),
    ("bytea_output", "hex"),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("datestyle", "ISO, MDY"),
    ("default_int_size", "8"),
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_priority", "normal"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_use_follower_reads", "off"),
    ("enable_implicit_transaction_for_batch_statements", "on"),
    ("escape_string_warning", "on"),
    ("extra_float_digits", "1"),
    ("idle_in_session_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("integer_datetimes", "on"),
    ("intervalstyle", "postgres"),
    ("lock_timeout", "0"),
    ("max_identifier_length", "128"),
    ("row_security", "off"),
    ("search_path", "\"$user\", public"),
    ("server_encoding", "UTF8"),
    ("server_version", "13.0.0"),
    ("server_version_num", "130000"),
    ("sql_safe_updates", "off"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("synchronous_commit", "on"),
    ("timezone", "UTC"),
    ("transaction_isolation", "serializable"),
];
const READ_ONLY: [&str; 7] = [
    "crdb_version",
    "integer_datetimes",
    "max_identifier_length",
    "node_id",
    "server_encoding",
    "server_version",
    "server_version_num",
];

/// A session's identity and settings.
#[derive(Debug, Clone)]
pub struct Variables {
    pub id: i32,
    pub user: String,
    pub database: String,
    version: Version,
    set: BTreeMap<String, String>,
    derived: BTreeMap<&'static str, String>,
}

impl Variables {
    /// A new session.
    pub fn new(id: i32, user: String, database: String, build: &BuildInfo, node_id: i32) -> Self {
        let derived = BTreeMap::from([
            ("crdb_version", build.sql_text()),
            ("node_id", node_id.to_string()),
            ("session_id", format!("{id:032x}")),
            ("session_user", user.clone()),
            ("is_superuser", if user == "root" { "on" } else { "off" }.to_owned()),
        ]);
        Self { id, user, database, version: build.version(), set: BTreeMap::new(), derived }
    }

    /// The value of a variable.
    ///
    /// # Errors
    ///
    /// `42704` for an unknown one.
    pub fn variable(&self, name: &str) -> Result<String, SqlError> {
        let name = name.to_lowercase();
        if name == "database" {
            return Ok(self.database.clone());
        }
        if let Some(value) = self.set.get(&name).or_else(|| self.derived.get(name.as_str())) {
            return Ok(value.clone());
        }
        self.default_of(&name).ok_or_else(|| unknown(&name))
    }

    /// Sets a variable.
    ///
    /// # Errors
    ///
    /// `42704` for an unknown one, `55P02` for one that cannot be set, `22023` for a bad value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SqlError> {
        let name = name.to_lowercase();
        if name == "database" {
            self.database = value.to_owned();
            return Ok(());
        }
        if READ_ONLY.contains(&name.as_str()) {
            return Err(SqlError::new("55P02", format!("parameter {name:?} cannot be changed")));
        }
        self.default_of(&name).ok_or_else(|| unknown(&name))?;
        if name.ends_with("_timeout") && parse_duration(value).is_none() {
            return Err(SqlError::new("22023", format!("invalid value for parameter {name:?}: {value:?}")));
        }
        self.set.insert(name, value.to_owned());
        Ok(())
    }

    /// Sets a variable back.
    ///
    /// # Errors
    ///
    /// `42704` for an unknown one.
    pub fn reset(&mut self, name: &str) -> Result<(), SqlError> {
        let name = name.to_lowercase();
        if name == "all" {
            self.set.clear();
            return Ok(());
        }
        self.default_of(&name).ok_or_else(|| unknown(&name))?;
        self.set.remove(&name);
        Ok(())
    }

    /// How long a statement may take, if that is limited.
    pub fn statement_timeout(&self) -> Option<Duration> {
        let value = self.set.get("statement_timeout")?;
        parse_duration(value).filter(|limit| !limit.is_zero())
    }

    /// Whether internals are open to this session.
    pub fn unsafe_internals(&self) -> bool {
        self.variable("allow_unsafe_internals").is_ok_and(|value| matches!(value.as_str(), "on" | "true" | "t" | "1"))
    }

    fn default_of(&self, name: &str) -> Option<String> {
        if name == "allow_unsafe_internals" && self.version >= UNSAFE_INTERNALS_SINCE {
            return Some(if self.version >= UNSAFE_INTERNALS_OFF_SINCE { "off" } else { "on" }.to_owned());
        }
        DEFAULTS.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }
}

fn unknown(name: &str) -> SqlError {
    SqlError::new("42704", format!("unrecognized configuration parameter {name:?}"))
}

/// A duration with a unit, or a number of milliseconds.
fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let split = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit.trim() {
        "" | "ms" => number / 1_000.0,
        "us" | "µs" => number / 1e6,
        "s" | "sec" | "second" | "seconds" => number,
        "m" | "min" | "minute" | "minutes" => number * 60.0,
        "h" | "hour" | "hours" => number * 3_600.0,
        // Go prints durations as `1m0s`.
        other => {
            return other
                .strip_prefix('m')
                .and_then(parse_duration)
                .map(|rest| rest + Duration::from_secs_f64(number * 60.0));
        }
    };
    Some(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(tag: &str) -> Variables {
        Variables::new(1, "root".into(), "defaultdb".into(), &BuildInfo::parse(tag).expect("well formed"), 1)
    }

    #[test]
    fn older_releases_do_not_know_allow_unsafe_internals() {
        assert_eq!(session("v24.1.3").set("allow_unsafe_internals", "true").map_err(|err| err.code), Err("42704"));
        assert!(session("v25.4.0").unsafe_internals());
        assert!(!session("v26.1.0").unsafe_internals());
    }

    #[test]
    fn timeouts_take_units() {
        let mut session = session("v24.1.3");
        for (text, limit) in [("10s", 10_000), ("250", 250), ("1m30s", 90_000)] {
            session.set("statement_timeout", text).expect("a duration");
            assert_eq!(session.statement_timeout(), Some(Duration::from_millis(limit)), "{text}");
        }
        assert_eq!(session.set("statement_timeout", "soon").map_err(|err| err.code), Err("22023"));
    }
}
