//! The kubelet: what a node does, over the real API, with containers as processes of this machine.

mod backoff;
mod container;
mod container_files;
mod downward;
mod environment;
pub(crate) mod events;
mod expansion;
mod hook;
mod images;
mod logs;
mod node;
mod objects;
mod pod;
mod pod_state;
mod probe;
pub(crate) mod quantity;
mod security;
mod server;
mod status;
mod volumes;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::WorldError;
use crate::address::{AddressPool, OrganisationAddresses};
use crate::images::{Registry, Store};
use crate::pki::KubeletPki;
use backoff::Pace;
use events::Events;
use images::Images;
use objects::Objects;
use pod::PodWorker;
use pod_state::PodState;

/// What a kubelet is made of.
pub(crate) struct KubeletOptions<'a> {
    pub(crate) client: Client,
    pub(crate) organisation: &'a str,
    pub(crate) addresses: OrganisationAddresses,
    /// Its own; made if absent.
    pub(crate) dir: PathBuf,
    pub(crate) runner: PathBuf,
    pub(crate) registry: Registry,
    pub(crate) store: Arc<Store>,
    pub(crate) pki: &'a KubeletPki,
    pub(crate) api_port: u16,
    pub(crate) resolver: SocketAddr,
    pub(crate) backoff_factor: f64,
}

/// What every pod of the node shares.
struct Node {
    client: Client,
    name: String,
    addresses: OrganisationAddresses,
    pool: Arc<AddressPool>,
    dir: PathBuf,
    runner: PathBuf,
    images: Images,
    objects: Objects,
    events: Events,
    api_port: u16,
    resolver: SocketAddr,
    pace: Pace,
    /// For HTTP probes, which take any certificate.
    http: reqwest::Client,
    pods: Mutex<HashMap<String, Arc<PodState>>>,
}

/// The node of one organisation.
pub(crate) struct Kubelet {
    stop: CancellationToken,
    main: JoinHandle<()>,
    _tasks: JoinSet<()>,
}

impl Kubelet {
    /// Registers the node and begins to run what is bound to it.
    pub(crate) async fn start(options: KubeletOptions<'_>) -> Result<Self, WorldError> {
        std::fs::create_dir_all(&options.dir).map_err(WorldError::file("make", &options.dir))?;
        let mut tasks = JoinSet::new();
        let name = format!("{}-node-1", options.organisation);
        let http = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build();
        let http = http.map_err(|err| WorldError::Tls { what: "probes", err: err.into() })?;
        let node = Arc::new(Node {
            events: Events::new(options.client.clone(), "kubelet", &name, &mut tasks),
            objects: Objects::follow(&options.client, &mut tasks),
            images: Images::new(options.registry, options.store),
            pace: Pace::new(options.backoff_factor),
            pool: AddressPool::pods(options.addresses),
            client: options.client,
            addresses: options.addresses,
            dir: options.dir,
            runner: options.runner,
            api_port: options.api_port,
            resolver: options.resolver,
            http,
            pods: Mutex::default(),
            name,
        });
        let port = server::start(&node, options.pki, &mut tasks).await?;
        let registration = node::register(&node.client, &node.name, node.addresses.node(), port).await;
        registration.map_err(WorldError::kube(options.organisation, "register the node"))?;
        tasks.spawn(node::keep_ready(node.client.clone(), node.name.clone()));
        let stop = CancellationToken::new();
        let main = tokio::spawn(follow_pods(node, stop.clone()));
        Ok(Self { stop, main, _tasks: tasks })
    }

    /// Kills all containers and returns when they are gone.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        drop(self.main.await);
    }
}

/// A pod being looked after.
struct Running {
    updates: watch::Sender<Arc<Pod>>,
    /// The API knows the pod no more, or the world ends: kill without grace.
    gone: CancellationToken,
    task: JoinHandle<()>,
}

async fn follow_pods(node: Arc<Node>, stop: CancellationToken) {
    let config = watcher::Config::default().fields(&format!("spec.nodeName={}", node.name));
    let events = watcher(Api::<Pod>::all(node.client.clone()), config).default_backoff();
    let mut events = pin!(events);
    let mut pods: HashMap<String, Running> = HashMap::new();
    let mut listed = Vec::new();
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => break,
            event = events.next() => event,
        };
        pods.retain(|_, running| !running.task.is_finished());
        match event {
            Some(Ok(Event::Apply(pod))) => drop(place(&node, &mut pods, pod)),
            Some(Ok(Event::InitApply(pod))) => listed.extend(place(&node, &mut pods, pod)),
            Some(Ok(Event::Delete(pod))) => {
                let uid = pod.uid().unwrap_or_default();
                pods.get(&uid).inspect(|running| running.gone.cancel());
            }
            Some(Ok(Event::Init)) => listed.clear(),
            Some(Ok(Event::InitDone)) => {
                pods.iter().filter(|(uid, _)| !listed.contains(uid)).for_each(|(_, running)| running.gone.cancel())
            }
            Some(Err(err)) => tracing::debug!(%err, "pod watch interrupted"),
            None => break,
        }
    }
    for running in pods.values() {
        running.gone.cancel();
    }
    for running in pods.into_values() {
        // A worker that hangs is left to the end of the runtime, which drops its containers too.
        drop(tokio::time::timeout(Duration::from_secs(5), running.task).await);
    }
}

/// Hands a pod to its worker, a new one if need be, and returns the pod's identifier.
fn place(node: &Arc<Node>, pods: &mut HashMap<String, Running>, pod: Pod) -> Option<String> {
    let (uid, pod) = (pod.uid()?, Arc::new(pod));
    match pods.get(&uid) {
        Some(running) => drop(running.updates.send_replace(pod)),
        None => drop(pods.insert(uid.clone(), begin(node, &uid, pod))),
    }
    Some(uid)
}

fn begin(node: &Arc<Node>, uid: &str, pod: Arc<Pod>) -> Running {
    let gone = CancellationToken::new();
    let state = Arc::new(PodState::new(&pod, node.dir.join(uid)));
    let (updates, receiver) = watch::channel(pod);
    node.pods().insert(uid.to_owned(), state.clone());
    let worker = PodWorker::new(node.clone(), receiver, state, gone.clone());
    let (node, uid) = (node.clone(), uid.to_owned());
    let task = tokio::spawn(async move {
        worker.run().await;
        node.pods().remove(&uid);
    });
    Running { updates, gone, task }
}

impl Node {
    fn pods(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<PodState>>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
