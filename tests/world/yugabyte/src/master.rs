//! `yb-master`: one of the masters that keep a universe together.

pub mod changes;
pub mod forming;
pub mod listen;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use world_cockroach::net::HostPort;
use world_cockroach::node::config::{DEFAULT_MAX_OFFSET, Dialect, StartConfig};
use world_cockroach::node::{Node, Origin, founding, shutdown};
use world_cockroach::raft::RaftError;
use world_cockroach::rpc::services::routes;
use world_cockroach::sql::relation::Relation;
use world_cockroach::state::command::{Command, Outcome};
use world_cockroach::state::datum::{Datum, Kind};
use world_cockroach::state::descriptor::Locality;
use world_cockroach::state::member::Membership;
use world_cockroach::store::Store;

use crate::certs;
use crate::cli::EndError;
use crate::flags::Flags;
use crate::rpc::{self, Status};
use crate::say;
use crate::servers::{Blacklist, Block, Servers, Stock};

/// Port of RPC, and of pages.
pub const PORT: u16 = 7100;
const WEB_PORT: u16 = 7000;
/// For a change that a majority must agree to.
const AGREE: Duration = Duration::from_secs(10);
/// Settings of the shared log that are this database's own.
const FOUNDERS: &str = "yb.founders";
const BLACKLIST: &str = "yb.blacklist";
const PLACEMENT: &str = "yb.placement";

/// Flags that only a master has.
pub const FLAGS: &[&str] =
    &["master_addresses", "max_clock_skew_usec", "ysql_num_shards_per_tserver", "enable_automatic_tablet_splitting"];

/// A master, and what it was told.
pub struct Master {
    /// The log, the tables and the certificates.
    pub node: Arc<Node>,
    /// Masters by the command line.
    pub listed: Vec<HostPort>,
    /// Where others reach this one.
    pub own: HostPort,
    /// Copies of everything.
    pub factor: usize,
    /// Tablet servers, while this one leads.
    pub servers: Servers,
    /// Since when this process has known each address of the blacklist.
    since: Mutex<BTreeMap<String, Instant>>,
}

/// Runs until it is told to stop.
///
/// # Errors
///
/// When it cannot start.
pub async fn run(flags: &Flags) -> Result<(), EndError> {
    world_cockroach::clock::start();
    world_cockroach::log::start(world_cockroach::log::Sink::Stderr);
    let failed = |err: std::io::Error| EndError::Start(err.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let data = data_folder(flags, "master")?;
    let (bind, own) = own_addresses(flags, PORT)?;
    let listed = rpc::addresses(flags.needed("master_addresses")?, PORT).map_err(EndError::Flag)?;
    if !listed.contains(&own) {
        let text = "None of the local addresses are present in master_addresses";
        return Err(EndError::Flag(format!("{text}: {own}")));
    }
    let factor = flags.get("replication_factor").unwrap_or("3");
    let factor =
        factor.parse().map_err(|_| EndError::Flag(format!("illegal value '{factor}' for replication_factor")))?;
    let certs = certs::of_server(flags)?;
    let web = web_address(flags, WEB_PORT)?;
    let config = start_config(&data, &bind, &own, &web, &listed);
    let store = Store::open(&config.store).map_err(failed)?;
    let identity = store.identity().map_err(failed)?;
    let listeners = (bound(&bind).await?, bound(&web).await?);
    world_cockroach::control::start(&bind, &config.store).await.map_err(failed)?;
    let node = Node::new(config, certs, store);
    let since = Mutex::default();
    let master = Arc::new(Master { node, listed, own, factor, servers: Servers::default(), since });
    let known = Arc::downgrade(&master);
    let functions =
        move |name: &str| (name == "yb_servers").then(|| known.upgrade().map(|known| known.yb_servers()))?;
    drop(master.node.functions.set(Box::new(functions)));
    tokio::spawn(listen::serve(Arc::clone(&master), routes(&master.node), listeners.0));
    tokio::spawn(crate::pages::serve(listeners.1, {
        let master = Arc::clone(&master);
        move |path| {
            let master = Arc::clone(&master);
            async move { listen::page(&master, &path).await }
        }
    }));
    match identity {
        Some(identity) => {
            say('I', format!("master {} of universe {} starts again", master.own, identity.cluster_id));
            founding::adopt(&master.node, identity, Origin::Restarted).map_err(failed)?;
        }
        None => drop(tokio::spawn(forming::form(Arc::clone(&master)))),
    }
    tokio::spawn(forming::keep_founders(Arc::clone(&master)));
    let mut fate = master.node.fate.subscribe();
    tokio::select! {
        Ok(fate) = fate.wait_for(Option::is_some) => {
            let text = fate.as_ref().map(|fate| fate.text.clone()).unwrap_or_default();
            return Err(EndError::Start(text));
        }
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    shutdown::stop(&master.node).await;
    Ok(())
}

impl Master {
    /// What it says of itself.
    pub fn status(&self) -> Status {
        let read = |name: &str| self.node.setting(name).and_then(|text| serde_json::from_str(&text).ok());
        Status {
            universe: self.node.identity().filter(|_| !self.is_out()).map(|identity| identity.cluster_id.to_string()),
            listed: self.listed.clone(),
            founders: read(FOUNDERS).unwrap_or_default(),
            leader: self.leader(),
        }
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.node.raft().is_some_and(|raft| raft.leadership().0)
    }

    /// Who leads, as far as this master knows.
    pub fn leader(&self) -> Option<HostPort> {
        let leadership = self.node.raft()?.leadership();
        if leadership.0 {
            return Some(self.own.clone());
        }
        let descriptors = self.node.descriptors();
        descriptors.get(&leadership.1?).map(|descriptor| descriptor.address.clone())
    }

    /// Whether it was taken out of its universe.
    pub fn is_out(&self) -> bool {
        let membership = || {
            let own = self.node.identity()?.node_id;
            self.node.state()?.members.get(&own).map(|member| member.membership)
        };
        self.node.removal().is_some() || membership() == Some(Membership::Decommissioned)
    }

    /// Addresses that may hold nothing.
    pub fn blacklist(&self) -> Blacklist {
        let text = self.node.setting(BLACKLIST).unwrap_or_default();
        let listed: Vec<String> = serde_json::from_str(&text).unwrap_or_default();
        let mut since = self.since.lock().expect("no holder panics");
        since.retain(|address, _| listed.contains(address));
        for address in listed {
            since.entry(address).or_insert_with(Instant::now);
        }
        since.clone()
    }

    /// Where copies have to lie; empty for anywhere.
    pub fn placement(&self) -> Vec<Block> {
        let text = self.node.setting(PLACEMENT).unwrap_or_default();
        let blocks: Vec<String> = serde_json::from_str(&text).unwrap_or_default();
        blocks.iter().map(|block| Block::parse(block)).collect()
    }

    /// Every tablet server that was heard, and what it may hold.
    pub fn stock(&self) -> Stock {
        Stock { all: self.servers.all(), blacklist: self.blacklist(), placement: self.placement(), factor: self.factor }
    }

    /// Keeps a setting that all masters share.
    ///
    /// # Errors
    ///
    /// Without a majority.
    pub async fn keep<T: serde::Serialize>(&self, name: &str, value: &T) -> Result<(), RaftError> {
        let value = serde_json::to_string(value).expect("settings are plain data");
        self.propose(Command::Setting { name: name.to_owned(), value: Some(value) }).await.map(drop)
    }

    async fn propose(&self, command: Command) -> Result<Outcome, RaftError> {
        let Some(raft) = self.node.raft() else { return Err(RaftError::NotLeader) };
        raft.propose(command, false, self.node.timers.scale(AGREE)).await
    }

    /// The rows of `yb_servers()`: tablet servers that are alive.
    fn yb_servers(&self) -> Relation {
        let text = |name: &'static str| (name, Kind::Text);
        let number = |name: &'static str| (name, Kind::Int8);
        let mut relation = Relation::with_columns(&[
            text("host"),
            number("port"),
            number("num_connections"),
            text("node_type"),
            text("cloud"),
            text("region"),
            text("zone"),
            text("public_ip"),
            text("uuid"),
            text("universe_uuid"),
        ]);
        let universe = self.node.identity().map(|identity| identity.cluster_id.to_string()).unwrap_or_default();
        for heard in self.servers.all().into_iter().filter(crate::servers::Heard::is_alive) {
            let server = heard.server;
            let [cloud, region, zone] = server.place.map(Datum::Text);
            relation.push(vec![
                Datum::text(&server.address.host),
                Datum::Int(i64::from(server.sql_port)),
                Datum::Int(0),
                Datum::text("primary"),
                cloud,
                region,
                zone,
                Datum::text(""),
                Datum::Text(server.uuid),
                Datum::text(&universe),
            ]);
        }
        relation
    }
}

fn start_config(data: &Path, bind: &HostPort, own: &HostPort, web: &HostPort, listed: &[HostPort]) -> StartConfig {
    StartConfig {
        certs_dir: data.to_owned(),
        cert_principal_map: Vec::new(),
        store: data.join("wals"),
        join: listed.to_vec(),
        listen_addr: bind.clone(),
        advertise_addr: own.clone(),
        advertise_sql_addr: own.clone(),
        http_addr: web.clone(),
        advertise_http_addr: web.clone(),
        locality: Locality::default(),
        locality_advertise: Vec::new(),
        cluster_name: String::new(),
        disable_cluster_name_verification: false,
        attrs: Vec::new(),
        max_offset: DEFAULT_MAX_OFFSET,
        dialect: Dialect::Yugabyte,
    }
}

/// The folder of a server's data, as the real ones lay it out.
///
/// # Errors
///
/// [`EndError`] where there is none and it cannot be made.
pub fn data_folder(flags: &Flags, kind: &str) -> Result<PathBuf, EndError> {
    let first = flags.needed("fs_data_dirs")?.split(',').next().unwrap_or_default();
    let folder = Path::new(first).join("yb-data").join(kind);
    std::fs::create_dir_all(&folder)
        .map_err(|err| EndError::Start(format!("cannot make `{}`: {err}", folder.display())))?;
    Ok(folder)
}

/// Where a server listens, and where others reach it.
///
/// # Errors
///
/// [`EndError::Flag`].
pub fn own_addresses(flags: &Flags, port: u16) -> Result<(HostPort, HostPort), EndError> {
    let first = |name: &str, text: &str| {
        let mut all = rpc::addresses(text, port).map_err(EndError::Flag)?;
        if all.is_empty() { Err(EndError::Flag(format!("--{name} must be set"))) } else { Ok(all.swap_remove(0)) }
    };
    let bind = first("rpc_bind_addresses", flags.needed("rpc_bind_addresses")?)?;
    let own = match flags.get("server_broadcast_addresses") {
        Some(text) => first("server_broadcast_addresses", text)?,
        None => bind.clone(),
    };
    Ok((bind, own))
}

/// Where a server's pages are.
///
/// # Errors
///
/// [`EndError::Flag`].
pub fn web_address(flags: &Flags, port: u16) -> Result<HostPort, EndError> {
    let host = flags.get("webserver_interface").unwrap_or("127.0.0.1").to_owned();
    let given = flags.get("webserver_port").map(|text| text.parse().map_err(|_| text.to_owned())).transpose();
    let port =
        given.map_err(|text| EndError::Flag(format!("illegal value '{text}' for webserver_port")))?.unwrap_or(port);
    Ok(HostPort { host, port })
}

/// Listens.
///
/// # Errors
///
/// [`EndError::Start`].
pub async fn bound(address: &HostPort) -> Result<tokio::net::TcpListener, EndError> {
    let listener = world_cockroach::node::listen::bind(address).await;
    listener.map_err(|err| EndError::Start(format!("Network error: unable to bind {address}: {err}")))
}
