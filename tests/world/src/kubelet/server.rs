use std::collections::HashMap;
use std::io::SeekFrom;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use k8s_openapi::api::core::v1::ContainerStatus;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::Node;
use super::logs::{self, Selection};
use super::pod_state::{PodState, Slot};
use crate::pki::KubeletPki;
use crate::{WorldError, tls_server};

const PORT: u16 = 10250;
const FOLLOW_EVERY: Duration = Duration::from_millis(100);

/// Serves the logs of the node's containers to whoever has a certificate of the kubelet's CA: the API server. Returns the port.
pub(super) async fn start(node: &Arc<Node>, pki: &KubeletPki, tasks: &mut JoinSet<()>) -> Result<u16, WorldError> {
    let acceptor = tls_server::acceptor("the kubelet", &pki.server, Some(&pki.ca))?;
    let listen = |err| WorldError::Listen { what: "the kubelet", address: node.addresses.node().to_string(), err };
    // Something else of the machine may listen on that port of all addresses.
    let listener = match TcpListener::bind((node.addresses.node(), PORT)).await {
        Err(_) => TcpListener::bind((node.addresses.node(), 0)).await.map_err(listen)?,
        Ok(listener) => listener,
    };
    let port = listener.local_addr().map_err(listen)?.port();
    let router = Router::new()
        .route("/containerLogs/{namespace}/{pod}/{container}", get(container_logs))
        .with_state(node.clone());
    tasks.spawn(tls_server::accept(listener, acceptor, router));
    Ok(port)
}

type Parameters = HashMap<String, String>;

async fn container_logs(
    State(node): State<Arc<Node>>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    Query(parameters): Query<Parameters>,
) -> Response {
    let known = node.pods().values().find(|known| known.namespace == namespace && known.name == pod).cloned();
    let Some(state) = known else {
        return (StatusCode::NOT_FOUND, format!("pod {pod:?} does not exist")).into_response();
    };
    let log = match find_log(&state, &container, is_on(&parameters, "previous")) {
        Ok(log) => log,
        Err(why) => return (StatusCode::BAD_REQUEST, why).into_response(),
    };
    let selection = selection(&parameters);
    if is_on(&parameters, "follow") {
        return Body::from_stream(follow(state, log, selection)).into_response();
    }
    let text = tokio::fs::read(&log.path).await.unwrap_or_default();
    selection.apply(&String::from_utf8_lossy(&text)).into_response()
}

/// One run of a container.
struct Log {
    slot: Slot,
    attempt: i32,
    path: PathBuf,
}

/// The wanted log, or in the kubelet's words why there is none.
fn find_log(state: &PodState, container: &str, previous: bool) -> Result<Log, String> {
    let facts = state.facts();
    let position = |statuses: &[ContainerStatus]| statuses.iter().position(|status| status.name == container);
    let slot = position(&facts.main).map(Slot::Main).or_else(|| position(&facts.init).map(Slot::Init));
    let slot = slot.ok_or_else(|| format!("container {container:?} is not valid for pod {:?}", state.name))?;
    let status = state.container(slot);
    let has_ended = status.last_state.as_ref().is_some_and(|last| last.terminated.is_some());
    let waiting = status.state.as_ref().and_then(|state| state.waiting.as_ref());
    let attempt = match (previous, waiting) {
        (true, _) if !has_ended => {
            return Err(format!("previous terminated container {container:?} in pod {:?} not found", state.name));
        }
        // Between two runs the last one is both the latest and the previous.
        (true, None) => status.restart_count - 1,
        (true, Some(_)) => status.restart_count,
        (false, Some(waiting)) if !has_ended => {
            let reason = waiting.reason.as_deref().unwrap_or("ContainerCreating");
            let waits = if reason.starts_with("ErrImage") || reason.starts_with("ImagePull") {
                "trying and failing to pull image".to_owned()
            } else {
                reason.to_owned()
            };
            return Err(format!("container {container:?} in pod {:?} is waiting to start: {waits}", state.name));
        }
        (false, _) => status.restart_count,
    };
    Ok(Log { slot, attempt, path: logs::path(&state.container_dir(container), attempt) })
}

fn is_on(parameters: &Parameters, name: &str) -> bool {
    parameters.get(name).is_some_and(|value| value == "true" || value == "1")
}

fn selection(parameters: &Parameters) -> Selection {
    let number = |name: &str| parameters.get(name).and_then(|value| value.parse::<i64>().ok());
    let ago = number("sinceSeconds")
        .and_then(|seconds| Timestamp::now().checked_sub(SignedDuration::from_secs(seconds)).ok());
    Selection {
        tail: number("tailLines").and_then(|lines| usize::try_from(lines).ok()),
        since: ago.or_else(|| parameters.get("sinceTime").and_then(|time| time.parse().ok())),
        timestamps: is_on(parameters, "timestamps"),
        limit_bytes: number("limitBytes").and_then(|bytes| usize::try_from(bytes).ok()),
    }
}

/// What is there, and then each line as it comes, until that run of the container has ended.
fn follow(
    state: Arc<PodState>,
    log: Log,
    selection: Selection,
) -> impl futures::Stream<Item = std::io::Result<String>> {
    struct Follower {
        state: Arc<PodState>,
        log: Log,
        selection: Selection,
        read: u64,
        is_over: bool,
    }
    let start = Follower { state, log, selection, read: 0, is_over: false };
    futures::stream::unfold(start, |mut follower| async move {
        loop {
            if follower.is_over {
                return None;
            }
            // Asked before reading: what the container wrote until its end is read then.
            let has_ended = !is_running(&follower.state.container(follower.log.slot), follower.log.attempt);
            let fresh = read_from(&follower.log.path, follower.read).await.unwrap_or_default();
            let n_whole = fresh.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let text = follower.selection.apply(&String::from_utf8_lossy(&fresh[..n_whole]));
            // The tail counts from the end of what was there at first.
            follower.selection.tail = None;
            follower.read += n_whole as u64;
            follower.is_over = has_ended;
            if !text.is_empty() {
                return Some((Ok(text), follower));
            }
            if !has_ended {
                tokio::time::sleep(FOLLOW_EVERY).await;
            }
        }
    })
}

async fn read_from(path: &std::path::Path, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut file = tokio::fs::File::open(path).await?;
    file.seek(SeekFrom::Start(offset)).await?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn is_running(status: &ContainerStatus, attempt: i32) -> bool {
    status.restart_count == attempt && status.state.as_ref().is_some_and(|state| state.running.is_some())
}
