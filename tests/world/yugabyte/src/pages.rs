//! What a leader shows: over HTTP as JSON, and to `yb-admin` as tables.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use world_cockroach::clock::now_nanos;
use world_cockroach::state::member::Membership;

use crate::master::Master;
use crate::servers::Block;

/// A master as its leader sees it.
struct Row {
    uuid: String,
    host: String,
    port: u16,
    is_live: bool,
    role: &'static str,
}

/// Serves plain HTTP for ever: a path in, a status and a text out.
pub async fn serve<F>(listener: TcpListener, answer: impl Fn(String) -> F + Clone + Send + 'static)
where
    F: Future<Output = (u16, String)> + Send + 'static,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: that passes.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let answer = answer.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let asked = answer(request.uri().path().to_owned());
            async move {
                let (status, text) = asked.await;
                let response = Response::builder().status(status).header("content-type", "application/json");
                Ok::<_, Infallible>(response.body(Full::new(Bytes::from(text))).expect("a status of three digits"))
            }
        });
        // How a connection ends is the caller's to report.
        tokio::spawn(async move {
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// A page of the master that leads.
pub fn of_leader(master: &Arc<Master>, name: &str) -> Option<String> {
    let page = match name {
        "masters" => json!({"masters": masters(master).iter().map(master_entry).collect::<Vec<_>>()}),
        "tablet-servers" => tablet_servers(master),
        "health-check" => health(master),
        "cluster-config" => cluster_config(master),
        _ => return None,
    };
    Some(page.to_string())
}

fn masters(master: &Master) -> Vec<Row> {
    let (livenesses, descriptors) = (master.node.livenesses(), master.node.descriptors());
    let leader = master.leader();
    let state = master.node.state();
    let members = state.iter().flat_map(|state| state.remaining());
    members
        .filter(|member| member.membership != Membership::Decommissioned)
        .filter_map(|member| {
            let address = descriptors.get(&member.id)?.address.clone();
            let is_live = livenesses.get(&member.id).is_some_and(|(liveness, _)| liveness.is_live(now_nanos()));
            let role = match (Some(&address) == leader.as_ref(), is_live) {
                (true, _) => "LEADER",
                (false, true) => "FOLLOWER",
                (false, false) => "UNKNOWN_ROLE",
            };
            Some(Row { uuid: format!("{:032x}", member.id.0), host: address.host, port: address.port, is_live, role })
        })
        .collect()
}

fn master_entry(row: &Row) -> Value {
    json!({
        "instance_id": {"permanent_uuid": row.uuid},
        "registration": {
            "private_rpc_addresses": [{"host": row.host, "port": row.port}],
            "broadcast_addresses": [{"host": row.host, "port": row.port}],
        },
        "role": row.role,
    })
}

fn tablet_servers(master: &Master) -> Value {
    let stock = master.stock();
    let entries: Map<String, Value> = stock
        .all
        .iter()
        .map(|heard| {
            let server = &heard.server;
            let n_tablets = stock.tablets(heard);
            let [cloud, region, zone] = &server.place;
            let entry = json!({
                "permanent_uuid": server.uuid,
                "time_since_hb_sec": heard.silence().as_secs_f64(),
                "uptime_seconds": heard.uptime().as_secs(),
                "status": if heard.is_alive() { "ALIVE" } else { "DEAD" },
                "user_tablets_total": n_tablets,
                "system_tablets_total": 0,
                "active_tablets": n_tablets,
                "cloud": cloud,
                "region": region,
                "zone": zone,
            });
            (format!("{}:{}", server.address.host, server.web_port), entry)
        })
        .collect();
    json!({"": entries})
}

/// Whoever was heard once and is silent counts as dead, for as long as this master leads, blacklisted or not.
fn health(master: &Master) -> Value {
    let stock = master.stock();
    let dead: Vec<&str> =
        stock.all.iter().filter(|heard| !heard.is_alive()).map(|heard| heard.server.uuid.as_str()).collect();
    let lacking: Vec<&str> = if stock.is_short() { vec!["00000000000000000000000000000001"] } else { Vec::new() };
    let uptime = stock.all.iter().map(crate::servers::Heard::uptime).min().unwrap_or_default();
    json!({"dead_nodes": dead, "most_recent_uptime": uptime.as_secs(), "under_replicated_tablets": lacking})
}

/// Where copies have to lie, and who may hold none.
fn cluster_config(master: &Master) -> Value {
    let blocks: Vec<Value> = master.placement().iter().map(placement_block).collect();
    let replication = (!blocks.is_empty())
        .then(|| json!({"live_replicas": {"num_replicas": master.factor, "placement_blocks": blocks}}));
    let listed: Vec<Value> = master
        .blacklist()
        .into_keys()
        .filter_map(|address| {
            let (host, port) = address.rsplit_once(':')?;
            Some(json!({"host": host, "port": port.parse::<u16>().ok()?}))
        })
        .collect();
    let universe = master.node.identity().map(|identity| identity.cluster_id.to_string());
    json!({
        "version": 1,
        "replication_info": replication,
        "server_blacklist": {"hosts": listed},
        "cluster_uuid": universe,
    })
}

fn placement_block(block: &Block) -> Value {
    let keys = ["placement_cloud", "placement_region", "placement_zone"];
    let info: Map<String, Value> =
        keys.into_iter().zip(&block.0).map(|(key, part)| (key.to_owned(), json!(part))).collect();
    json!({"cloud_info": info, "min_num_replicas": 1})
}

/// What `list_all_masters` prints.
pub fn masters_table(master: &Master) -> String {
    let mut lines = vec![format!("{:<32}\t{:<32}\t{:<10}\t{}", "Master UUID", "RPC Host/Port", "State", "Role")];
    lines.extend(masters(master).iter().map(|row| {
        let state = if row.is_live { "ALIVE" } else { "DEAD" };
        format!("{:<32}\t{:<32}\t{state:<10}\t{}", row.uuid, format!("{}:{}", row.host, row.port), row.role)
    }));
    lines.join("\n")
}

/// What `list_all_tablet_servers` prints.
pub fn servers_table(master: &Master) -> String {
    let mut lines =
        vec![format!("{:<32}\t{:<32}\t{:<12}\t{}", "Tablet Server UUID", "RPC Host/Port", "Heartbeat delay", "Status")];
    lines.extend(master.servers.all().iter().map(|heard| {
        let status = if heard.is_alive() { "ALIVE" } else { "DEAD" };
        let delay = format!("{:.2}s", heard.silence().as_secs_f64());
        format!("{:<32}\t{:<32}\t{delay:<12}\t{status}", heard.server.uuid, heard.server.address.to_string())
    }));
    lines.join("\n")
}

/// What `get_universe_config` prints.
pub fn universe_config(master: &Master) -> String {
    let blacklist: Vec<Value> = master.blacklist().into_keys().map(|address| json!(address)).collect();
    let universe = master.node.identity().map(|identity| identity.cluster_id.to_string());
    json!({
        "replicationInfo": {"liveReplicas": {"numReplicas": master.factor}},
        "serverBlacklist": {"hosts": blacklist},
        "universeUuid": universe,
    })
    .to_string()
}
