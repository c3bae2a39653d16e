use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::block::Block;
use crate::dns::{Dns, Names};
use crate::images::{Store, push_folder};
use crate::options::Tools;
use crate::organisation::{Organisation, Shared};
use crate::registry_server::RegistryServer;
use crate::world_file::{OrganisationFile, WorldFile};
use crate::world_folder::WorldFolder;
use crate::{Options, WorldError, runtime};

/// A running world. It ends when this is dropped, when it is stopped, or after its time to live; whichever way, all its
/// processes are gone then.
///
/// It runs on threads of its own, so it needs no particular runtime and may be dropped anywhere.
#[derive(Debug)]
pub struct World {
    file: WorldFile,
    dir: PathBuf,
    thread: WorldThread,
}

const SHUTDOWN: Duration = Duration::from_secs(2);
const MOST_ORGANISATIONS: usize = 250;

impl World {
    /// Starts everything, writes `world.json`, and returns when all of it is ready. Cancelling takes it all back.
    ///
    /// # Errors
    ///
    /// [`WorldError`] by what failed; nothing is left running then.
    pub async fn start(options: Options) -> Result<Self, WorldError> {
        install_crypto();
        check(&options)?;
        let tools = Tools::find(&options)?;
        let dir = options.dir.clone();
        let (ready, is_ready) = oneshot::channel();
        let thread = WorldThread::start(options, tools, ready)?;
        let file = is_ready.await.map_err(|_| WorldError::ThreadGone)??;
        Ok(Self { file, dir, thread })
    }

    /// What `world.json` says.
    pub fn file(&self) -> &WorldFile {
        &self.file
    }

    /// The folder of `world.json`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the operator of an organisation is given.
    pub fn organisation(&self, name: &str) -> Option<&OrganisationFile> {
        self.file.organisations.iter().find(|organisation| organisation.name == name)
    }

    /// Returns when the world has ended, which it does by itself after its time to live.
    pub async fn ended(&self) {
        let mut ended = self.thread.ended.clone();
        // An error means that the thread is gone, which is the same.
        drop(ended.wait_for(|ended| *ended).await);
    }

    /// Ends the world, and returns when all its processes are gone.
    pub fn stop(self) {
        drop(self);
    }
}

/// The thread a world lives on. Dropping this ends the world and waits for it.
#[derive(Debug)]
struct WorldThread {
    stop: Option<oneshot::Sender<()>>,
    ended: watch::Receiver<bool>,
    thread: Option<JoinHandle<()>>,
}

impl WorldThread {
    fn start(options: Options, tools: Tools, ready: Ready) -> Result<Self, WorldError> {
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = watch::channel(false);
        let thread = std::thread::Builder::new().name("world".to_owned()).spawn(move || {
            live(options, tools, ready, stopped);
            end.send_replace(true);
        });
        let thread = thread.map_err(|err| WorldError::Spawn { program: "a thread".into(), err })?;
        Ok(Self { stop: Some(stop), ended, thread: Some(thread) })
    }
}

impl Drop for WorldThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// TLS is by `ring` everywhere; whoever sets the process's default first has set the same.
pub(crate) fn install_crypto() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

fn check(options: &Options) -> Result<(), WorldError> {
    let wrong = |why: String| Err(WorldError::Options(why));
    let names = &options.organisations;
    if names.is_empty() || names.len() > MOST_ORGANISATIONS {
        return wrong(format!("{} organisations, wanted 1 to {MOST_ORGANISATIONS}", names.len()));
    }
    let is_label = |name: &str| {
        let inner = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        inner && !name.is_empty() && name.len() <= 40 && !name.starts_with('-') && !name.ends_with('-')
    };
    if let Some(name) = names.iter().find(|name| !is_label(name)) {
        return wrong(format!("`{name}` is no DNS label of at most 40 characters"));
    }
    let clusters = options.eks.keys().chain(options.clouds.keys()).chain(options.kubeones.keys());
    if let Some(name) = clusters.into_iter().find(|name| !names.contains(name)) {
        return wrong(format!("a cloud is for `{name}`, which is no organisation"));
    }
    let mut unique = names.clone();
    unique.sort();
    unique.dedup();
    if unique.len() < names.len() { wrong("two organisations of one name".to_owned()) } else { Ok(()) }
}

type Ready = oneshot::Sender<Result<WorldFile, WorldError>>;

fn live(options: Options, tools: Tools, ready: Ready, stopped: oneshot::Receiver<()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("world").enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(err) => return drop(ready.send(Err(WorldError::Spawn { program: "a runtime".into(), err }))),
    };
    runtime.block_on(live_on_runtime(options, tools, ready, stopped));
    runtime.shutdown_timeout(SHUTDOWN);
}

async fn live_on_runtime(options: Options, tools: Tools, ready: Ready, mut stopped: oneshot::Receiver<()>) {
    let ttl = options.ttl;
    let started = tokio::select! {
        started = Parts::start(options, tools) => started,
        _ = &mut stopped => return,
    };
    let parts = match started {
        Ok(parts) => parts,
        Err(err) => return drop(ready.send(Err(err))),
    };
    if ready.send(Ok(parts.file.clone())).is_ok() {
        tokio::select! {
            _ = &mut stopped => {}
            () = tokio::time::sleep(ttl) => tracing::warn!("the world's time to live is over"),
        }
    }
    parts.stop().await;
}

/// Everything that makes up a world. Fields are dropped in this order.
struct Parts {
    file: WorldFile,
    organisations: Vec<Organisation>,
    _dns: Vec<Dns>,
    _registry: RegistryServer,
    _folder: WorldFolder,
    _block: Block,
}

impl Parts {
    async fn start(options: Options, tools: Tools) -> Result<Self, WorldError> {
        let block = Block::acquire()?;
        let folder = WorldFolder::take(&options.dir, &options.organisations)?;
        let dir = folder.path.clone();
        let machine = runtime::check_machine(&tools.runner, &dir.join("check")).await;
        machine.map_err(|err| WorldError::NoContainers(err.to_string()))?;
        let registry = RegistryServer::start(&tools, &dir.join("registry")).await?;
        let store = Store::new(dir.join("images")).map_err(WorldError::file("make", dir.join("images")))?;
        let shared = Shared {
            tools: &tools,
            block: &block,
            dir: &dir,
            options: &options,
            registry: registry.address(),
            store: Arc::new(store),
            nat: Shared::nat(&block, &dir, &options.organisations),
        };
        let images = async {
            match &options.images_dir {
                Some(images) => push_folder(registry.address(), images).await.map(drop).map_err(WorldError::from),
                None => Ok(()),
            }
        };
        let planes = futures::future::try_join_all(
            options.organisations.iter().zip(1..).map(|(name, index)| Organisation::start(&shared, name, index)),
        );
        let (mut organisations, ()) = tokio::try_join!(planes, images)?;
        let public: Arc<Vec<_>> =
            Arc::new(organisations.iter().map(|organisation| organisation.view.clone()).collect());
        let dns = Dns::start(block.dns(), Names { cluster: None, public: public.clone() }).await?;
        let address = dns.address().to_string();
        let mut resolvers = vec![dns];
        for organisation in &organisations {
            let names = Names { cluster: Some(organisation.view.clone()), public: public.clone() };
            resolvers.push(Dns::start(organisation.addresses.resolver(), names).await?);
        }
        let begun = organisations
            .iter_mut()
            .zip(&resolvers[1..])
            .map(|(organisation, resolver)| organisation.run_pods(&shared, resolver.address()));
        futures::future::try_join_all(begun).await?;
        let described = organisations
            .iter()
            .zip(&resolvers[1..])
            .map(|(organisation, resolver)| organisation.describe(resolver.address()));
        let file =
            WorldFile { registry: registry.address().to_owned(), dns: address, organisations: described.collect() };
        file.write(&dir)?;
        Ok(Self { file, organisations, _dns: resolvers, _registry: registry, _folder: folder, _block: block })
    }

    async fn stop(mut self) {
        let organisations = std::mem::take(&mut self.organisations);
        let mut planes = tokio::task::JoinSet::new();
        for plane in futures::future::join_all(organisations.into_iter().map(Organisation::stop)).await {
            // Dropping one waits until its processes are gone: side by side, then.
            planes.spawn_blocking(move || drop(plane));
        }
        planes.join_all().await;
    }
}
