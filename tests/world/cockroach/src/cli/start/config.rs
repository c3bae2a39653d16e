//! From flags to settings.

use std::path::PathBuf;
use std::time::Duration;

use super::super::error::CliError;
use super::super::flags::Flags;
use crate::certs::principals;
use crate::net::{DEFAULT_HTTP_PORT, DEFAULT_PORT, HostPort};
use crate::node::config::{DEFAULT_MAX_OFFSET, Dialect, StartConfig};
use crate::state::descriptor::{Locality, Tier};

/// Reads the flags into settings; every bad value is refused.
///
/// # Errors
///
/// The database's complaint about the first.
pub(super) fn config(flags: &Flags) -> Result<StartConfig, CliError> {
    if let Some(extra) = flags.rest.first() {
        return Err(CliError::new(format!("unknown command {extra:?} for \"cockroach start\"")));
    }
    for name in ["cache", "max-sql-memory"] {
        check_size(flags, name)?;
    }
    let max_offset = duration(flags, "max-offset")?.unwrap_or(DEFAULT_MAX_OFFSET);
    let port = number(flags, "port", DEFAULT_PORT)?;
    let http_port = number(flags, "http-port", DEFAULT_HTTP_PORT)?;
    let listen_addr = address(flags, "listen-addr", "", port)?.unwrap_or(HostPort { host: String::new(), port });
    let host = if listen_addr.host.is_empty() { host_name() } else { listen_addr.host.clone() };
    let own = HostPort { host: host.clone(), port: listen_addr.port };
    let advertise = match address(flags, "advertise-addr", &host, listen_addr.port)? {
        Some(address) => Some(address),
        None => address(flags, "advertise-host", &host, listen_addr.port)?,
    };
    let advertise_addr = advertise.unwrap_or(own);
    let http_addr = address(flags, "http-addr", &listen_addr.host, http_port)?
        .unwrap_or_else(|| HostPort { host: listen_addr.host.clone(), port: http_port });
    let http_default = HostPort { host: advertise_addr.host.clone(), port: http_addr.port };
    let join = join(flags)?;
    let certs_dir = flags.get("certs-dir").map_or_else(default_certs_dir, PathBuf::from);
    let locality =
        flags.get("locality").map(Locality::parse).transpose().map_err(|err| invalid(flags, "locality", &err))?;
    let (store, attrs) =
        store(flags.get("store").unwrap_or("cockroach-data")).map_err(|err| invalid(flags, "store", &err))?;
    let map = flags.get("cert-principal-map").map(principals::parse_map).transpose();
    Ok(StartConfig {
        certs_dir,
        cert_principal_map: map.map_err(CliError::new)?.unwrap_or_default(),
        store,
        join,
        advertise_sql_addr: address(flags, "advertise-sql-addr", &advertise_addr.host, advertise_addr.port)?
            .unwrap_or_else(|| advertise_addr.clone()),
        advertise_http_addr: address(flags, "advertise-http-addr", &advertise_addr.host, http_addr.port)?
            .unwrap_or(http_default),
        listen_addr,
        advertise_addr,
        http_addr,
        locality: locality.unwrap_or_default(),
        locality_advertise: locality_advertise(flags)?,
        cluster_name: cluster_name(flags)?,
        disable_cluster_name_verification: flags.is_on("disable-cluster-name-verification"),
        attrs,
        max_offset,
        dialect: Dialect::Cockroach,
    })
}

fn invalid(flags: &Flags, name: &str, problem: &str) -> CliError {
    let given = flags.get(name).unwrap_or_default();
    CliError::new(format!("invalid argument {given:?} for \"--{name}\" flag: {problem}"))
}

fn address(flags: &Flags, name: &str, host: &str, port: u16) -> Result<Option<HostPort>, CliError> {
    let parsed = flags.get(name).map(|text| HostPort::parse(text, host, port)).transpose();
    parsed.map_err(|err| invalid(flags, name, &err))
}

fn number(flags: &Flags, name: &str, default: u16) -> Result<u16, CliError> {
    let parsed = flags.get(name).map(str::parse::<u16>).transpose();
    parsed.map(|port| port.unwrap_or(default)).map_err(|err| invalid(flags, name, &err.to_string()))
}

fn join(flags: &Flags) -> Result<Vec<HostPort>, CliError> {
    let addresses =
        flags.all("join").iter().flat_map(|list| list.split(',')).map(str::trim).filter(|text| !text.is_empty());
    let join: Vec<HostPort> = addresses
        .map(|text| HostPort::parse(text, "localhost", DEFAULT_PORT))
        .collect::<Result<_, _>>()
        .map_err(|err| invalid(flags, "join", &err))?;
    if join.is_empty() {
        return Err(CliError::new("no --join flags provided to 'cockroach start'")
            .with_hint("Consider using 'cockroach start-single-node' or 'cockroach demo' instead"));
    }
    Ok(join)
}

fn locality_advertise(flags: &Flags) -> Result<Vec<(Tier, HostPort)>, CliError> {
    let name = "locality-advertise-addr";
    let pairs = flags.all(name).iter().flat_map(|list| list.split(',')).filter(|text| !text.is_empty());
    let parsed = pairs.map(|pair| {
        let (tier, address) =
            pair.split_once('@').ok_or("invalid value for --locality-advertise-address".to_owned())?;
        Ok((Tier::parse(tier)?, HostPort::parse(address, "", DEFAULT_PORT)?))
    });
    parsed.collect::<Result<_, String>>().map_err(|err| invalid(flags, name, &err))
}

/// Letters, digits and dashes, as the flag's own check has it.
fn cluster_name(flags: &Flags) -> Result<String, CliError> {
    let Some(name) = flags.get("cluster-name") else { return Ok(String::new()) };
    let name = name.to_lowercase();
    let fine = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let starts = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    if name.len() > 256 {
        return Err(invalid(flags, "cluster-name", "cluster name can contain at most 256 characters"));
    }
    if !starts || !name.chars().all(fine) || name.ends_with('-') {
        return Err(invalid(
            flags,
            "cluster-name",
            "cluster name must contain only letters, numbers or the \"-\" and \".\" characters",
        ));
    }
    Ok(name)
}

fn store(text: &str) -> Result<(PathBuf, Vec<String>), String> {
    let mut path = None;
    let mut attrs = Vec::new();
    for field in text.split(',') {
        match field.split_once('=') {
            None | Some(("path", _)) => {
                let value = field.strip_prefix("path=").unwrap_or(field);
                if path.replace(PathBuf::from(value)).is_some() {
                    return Err("path field was used twice in store definition".to_owned());
                }
            }
            Some(("attrs", list)) => attrs.extend(list.split(':').map(str::to_owned)),
            Some(("size" | "ballast-size" | "provisioned-rate", _)) => {}
            Some((other, _)) => return Err(format!("{other} is not a valid store field")),
        }
    }
    Ok((path.filter(|path| !path.as_os_str().is_empty()).ok_or("no path specified")?, attrs))
}

fn check_size(flags: &Flags, name: &str) -> Result<(), CliError> {
    let Some(text) = flags.get(name) else { return Ok(()) };
    let split = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let units = ["", "%", "B", "KB", "KiB", "MB", "MiB", "GB", "GiB", "TB", "TiB"];
    let fine = digits.parse::<f64>().is_ok() && units.iter().any(|known| known.eq_ignore_ascii_case(unit.trim()));
    if fine { Ok(()) } else { Err(invalid(flags, name, "invalid byte size or percentage")) }
}

fn duration(flags: &Flags, name: &str) -> Result<Option<Duration>, CliError> {
    let Some(text) = flags.get(name) else { return Ok(None) };
    let refuse = || invalid(flags, name, &format!("time: invalid duration {text:?}"));
    crate::timers::parse_duration(text).map(Some).ok_or_else(refuse)
}

/// `${HOME}/.cockroach-certs`.
pub(in crate::cli) fn default_certs_dir() -> PathBuf {
    crate::environment::get("HOME").map(PathBuf::from).unwrap_or_default().join(".cockroach-certs")
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::FLAGS;
    use super::*;

    fn parse(args: &[&str]) -> Result<StartConfig, String> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let flags = Flags::parse(&args, FLAGS).map_err(|err| format!("ERROR: {err}"))?;
        config(&flags).map_err(|err| err.to_string())
    }

    #[test]
    fn addresses_default_to_one_another() {
        let config = parse(&["--join=a", "--listen-addr=127.66.0.1:5000"]).expect("well formed");
        assert_eq!(config.advertise_addr.to_string(), "127.66.0.1:5000");
        assert_eq!(config.http_addr.to_string(), "127.66.0.1:8080");
        assert_eq!(config.join[0].to_string(), "a:26257");
    }

    #[test]
    fn advertise_addr_wins_over_its_alias() {
        let config =
            parse(&["--join=a", "--advertise-host=b", "--advertise-addr=0.db.example.com"]).expect("well formed");
        assert_eq!(config.advertise_addr.to_string(), "0.db.example.com:26257");
    }

    #[test]
    fn bad_values_are_refused_with_their_flag() {
        assert_eq!(
            parse(&["--listen-addr=:1"]).err().as_deref(),
            Some(
                "ERROR: no --join flags provided to 'cockroach start'\nHINT: Consider using 'cockroach start-single-node' \
                 or 'cockroach demo' instead"
            )
        );
        for bad in ["--locality=zone", "--cache=much", "--max-offset=1", "--store=path=a,foo=b", "--cluster-name=a_b"] {
            assert!(parse(&["--join=a", bad]).is_err(), "{bad}");
        }
    }
}
