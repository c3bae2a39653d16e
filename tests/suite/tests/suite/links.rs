//! Links between database nodes of different organisations, cut one after the other, each in one direction.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use test_support::{Workspace, is_set};
use test_world::OrganisationFile;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use walkdir::{DirEntry, WalkDir};

use crate::pooled::Stage;

/// How long a link is cut. A query whose way it was waits for longer.
const CUT: Duration = Duration::from_millis(1_200);
/// In the store of a node: where its control socket is.
const ADDRESS_FILE: &str = "world.control-addr";
const NODES: u8 = 3;

/// Makes the database nodes of a workspace open their control sockets once they start.
pub(crate) fn can_be_cut(workspace: &Workspace) -> Result<()> {
    let opened = "cockroachdb:\n  extraEnv: [{ name: COCKROACH_WORLD_CONTROL_PORT, value: \"0\" }]\n";
    workspace.edit("services.yaml", "cockroachdb:\n", opened)
}

/// What one node, or each of an organisation, dials.
struct Link {
    from: OrganisationFile,
    /// Which of its nodes; none: each.
    node: Option<usize>,
    hosts: Vec<String>,
}

/// Cuts one link after the other.
pub(crate) struct Cuts {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<usize>>,
}

impl Cuts {
    /// Begins with the links between these organisations: all of one organisation to another at once, or, with
    /// `HANGAR_SUITE_ALL_POINTS`, each by itself. Nodes that are not there yet are passed over.
    pub(crate) fn begin(stage: &Stage, organisations: &[&str]) -> Result<Self> {
        let mut links = Vec::new();
        for from in organisations {
            for to in organisations.iter().filter(|to| *to != from) {
                let hosts: Vec<_> = (0..NODES).map(|n| format!("{n}.db.dss.{to}.example.com")).collect();
                let from = stage.organisation(from)?;
                if is_set("HANGAR_SUITE_ALL_POINTS") {
                    let pairs = (0..usize::from(NODES)).flat_map(|node| hosts.iter().map(move |host| (node, host)));
                    let one = |(node, host): (usize, &String)| Link {
                        from: from.clone(),
                        node: Some(node),
                        hosts: vec![host.clone()],
                    };
                    links.extend(pairs.map(one));
                } else {
                    links.push(Link { from: from.clone(), node: None, hosts });
                }
            }
        }
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut pace = interval(CUT);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            pace.tick().await;
            let mut n_cut = 0;
            for (n, link) in links.iter().cycle().enumerate() {
                if asked.load(Ordering::Acquire) && n >= links.len() {
                    break;
                }
                let nodes = sockets(&link.from)?;
                let nodes: Vec<_> = match link.node {
                    Some(node) => nodes.into_iter().skip(node).take(1).collect(),
                    None => nodes,
                };
                for host in &link.hosts {
                    let cut = json!({"op": "link", "to": host, "cut": true});
                    for node in &nodes {
                        n_cut += usize::from(asks(node, &cut).await?);
                    }
                }
                pace.tick().await;
                for node in &nodes {
                    asks(node, &json!({"op": "heal"})).await?;
                }
            }
            Ok(n_cut)
        });
        Ok(Self { stop, task })
    }

    /// Ends once every link was cut at least once, with all of them whole, and says how many cuts a node has heard of.
    pub(crate) async fn end(self) -> Result<usize> {
        self.stop.store(true, Ordering::Release);
        self.task.await?
    }
}

/// The control sockets of an organisation's nodes, as their volumes tell.
fn sockets(organisation: &OrganisationFile) -> Result<Vec<String>> {
    let folder = organisation.egress_file.parent().context("the folder of an organisation")?;
    let is_volumes = |entry: &DirEntry| entry.file_name() == "volumes" && entry.file_type().is_dir();
    // What a node is at work on comes and goes while it is looked through.
    let entries = |folder: &Path, depth| WalkDir::new(folder).max_depth(depth).into_iter().filter_map(Result::ok);
    let volumes = entries(folder, 2).filter(is_volumes);
    let files =
        volumes.flat_map(|volumes| entries(volumes.path(), 3)).filter(|entry| entry.file_name() == ADDRESS_FILE);
    let mut all: Vec<_> = files.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect();
    all.sort();
    Ok(all)
}

/// Whether a node has heard it. One that is being started anew hears nothing.
async fn asks(address: &str, request: &Value) -> Result<bool> {
    let Ok(mut stream) = TcpStream::connect(address).await else { return Ok(false) };
    let mut answer = String::new();
    if stream.write_all(format!("{request}\n").as_bytes()).await.is_err() {
        return Ok(false);
    }
    if BufReader::new(stream).read_line(&mut answer).await.is_err() || answer.is_empty() {
        return Ok(false);
    }
    let answer: Value = serde_json::from_str(&answer)?;
    ensure!(answer["error"].is_null(), "{request}: {answer}");
    Ok(true)
}
