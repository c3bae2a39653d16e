//! The scenario that most cases look at: organisations of one world, three of which form a pool.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use futures::future::try_join_all;
use test_support::{Access, Database, Description, Plugin, Workspace, needed, scratch, wait_for};
use test_world::{Options, OrganisationFile, World};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, OnceCell, Semaphore, SemaphorePermit};

use crate::faults::join_on_bad_ways;
use crate::links::can_be_cut;
use crate::pool::is_still;
use crate::post::{Fate, Post};

/// The members of the pool; the first founds it.
pub(crate) const MEMBERS: [&str; 3] = ["uss1", "uss2", "uss3"];
/// An organisation of the same world that is in no pool.
pub(crate) const ALONE: &str = "uss4";
/// Where the founder's recovery key is.
pub(crate) const RECOVERY: &str = "recovery.key";
const PLUGINS: [&str; 2] = ["local", "cockroachdb"];
/// What `hangar` and the world read by themselves: asked for here, so that a missing one is told before anything starts.
const NEEDED: [&str; 4] = ["HANGAR_HELM", "HANGAR_TERRAFORM", "HANGAR_KUBEONE", "HANGAR_REGISTRY"];

/// Three organisations, deployed and joined.
pub(crate) struct Pooled {
    pub(crate) stage: Arc<Stage>,
    pub(crate) members: Vec<Workspace>,
    /// Carries their records, where nothing else does.
    pub(crate) post: Option<Post>,
}

/// The world that most cases share, with the plugins in its registry. It goes with the process.
static SHARED: OnceCell<Result<Arc<Stage>, String>> = OnceCell::const_new();
static POOLED: Mutex<Option<Result<Pooled, String>>> = Mutex::const_new(None);
static APART: Mutex<()> = Mutex::const_new(());
/// A world fills a processor.
static WORLDS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));

/// Waits until nobody else is at the pool that cases of this process share; the first to ask makes it.
pub(crate) async fn pooled() -> Result<MappedMutexGuard<'static, Pooled>> {
    let mut turn = POOLED.lock().await;
    if turn.is_none() {
        let setting = Setting { name: "shared", ..Setting::default() };
        let made = async { Pooled::form_in(shared().await?, &setting).await };
        *turn = Some(made.await.map_err(|err| format!("{err:#}")));
    }
    MutexGuard::try_map(turn, |made| made.as_mut().and_then(|made| made.as_mut().ok())).map_err(|turn| {
        let why = turn.as_ref().and_then(|made| made.as_ref().err()).cloned();
        anyhow!("there is no pool: {}", why.unwrap_or_default())
    })
}

/// Waits until nobody else is at [`ALONE`], the organisation beside the pool.
pub(crate) async fn alone() -> Result<Apart> {
    let turn = APART.lock().await;
    Ok(Apart { stage: shared().await?, _turn: turn })
}

/// Waits for a turn of a case with a world of its own.
pub(crate) async fn turn() -> SemaphorePermit<'static> {
    WORLDS.acquire().await.expect("nobody closes it")
}

async fn shared() -> Result<Arc<Stage>> {
    let made = SHARED.get_or_init(async || {
        let made = async { Stage::start("shared", &[&MEMBERS[..], &[ALONE]].concat()).await?.published().await };
        made.await.map(Arc::new).map_err(|err| format!("{err:#}"))
    });
    made.await.clone().map_err(|why| anyhow!("there is no world: {why}"))
}

/// The organisation beside the pool, for one case alone.
pub(crate) struct Apart {
    pub(crate) stage: Arc<Stage>,
    _turn: MutexGuard<'static, ()>,
}

/// What one pool has apart from others.
#[derive(Default)]
pub(crate) struct Setting<'a> {
    /// Name of its folder.
    pub(crate) name: &'a str,
    /// Further arguments of `pool create`.
    pub(crate) create: &'a [&'a str],
    /// By what records travel.
    pub(crate) carrier: Carrier<'a>,
}

/// By what the records of a pool travel.
#[derive(Default)]
pub(crate) enum Carrier<'a> {
    /// A folder that all members see.
    #[default]
    Folder,
    /// This repository of the world's registry.
    Registry(&'a str),
    /// A post that deals out these fates. The ways of such a pool are bad in other respects too: links between its nodes are
    /// cut while the third member joins, and one member's firewall forgets that member for a while.
    Post(&'static [Fate]),
}

impl Pooled {
    /// Deploys three organisations in a world of their own and joins them.
    pub(crate) async fn form(setting: &Setting<'_>) -> Result<Self> {
        let stage = Stage::start(setting.name, &MEMBERS).await?.published().await?;
        Self::form_in(Arc::new(stage), setting).await
    }

    async fn form_in(stage: Arc<Stage>, setting: &Setting<'_>) -> Result<Self> {
        let carrier = |name: &str| match setting.carrier {
            Carrier::Folder => None,
            Carrier::Registry(path) => Some(format!("oci://{}/{path}", stage.world.file().registry)),
            Carrier::Post(_) => Some(Post::carrier(name)),
        };
        let members = MEMBERS.iter().map(|name| stage.member_by(name, carrier(name)));
        let members: Vec<_> = members.collect::<Result<_>>()?;
        members.iter().try_for_each(can_be_cut)?;
        let post = match setting.carrier {
            Carrier::Post(fates) => Some(Post::begin(&stage.root, &MEMBERS, fates)?),
            Carrier::Folder | Carrier::Registry(_) => None,
        };
        try_join_all(members.iter().map(deploy)).await?;
        let recovery = stage.root.join(RECOVERY).display().to_string();
        let create = [&["pool", "create", "--yes", "--json", "--recovery", &recovery], setting.create].concat();
        let founded = members[0].run(&create).await?.done()?;
        let founder = founded.value("identity")?["fingerprint"].as_str().unwrap_or_default().to_owned();
        join(&members[0], &founder, &[], &members[1]).await?;
        if post.is_some() {
            quiet(&members[..2]).await?;
            join_on_bad_ways(&stage, &founder, &members).await?;
            quiet(&members).await?;
        } else {
            join(&members[0], &founder, &members[1..2], &members[2]).await?;
        }
        Ok(Self { stage, members, post })
    }
}

/// A newcomer's first two commands.
pub(crate) async fn deploy(member: &Workspace) -> Result<()> {
    member.run(&["init", "--yes"]).await?.done()?;
    member.run(&["up", "--yes"]).await?.done()?;
    Ok(())
}

/// One asks, one invites, the others accept, the joiner joins: all at once, as on machines of their own.
pub(crate) async fn join(
    inviter: &Workspace,
    inviter_key: &str,
    others: &[Workspace],
    joiner: &Workspace,
) -> Result<()> {
    join_by(inviter, inviter_key, others, joiner, &["pool", "request", "--json"]).await
}

/// The same, asked for by this command.
pub(crate) async fn join_by(
    inviter: &Workspace,
    inviter_key: &str,
    others: &[Workspace],
    joiner: &Workspace,
    request: &[&str],
) -> Result<()> {
    let asked = joiner.run(request).await?.done()?;
    let key = asked.value("identity")?["fingerprint"].as_str().unwrap_or_default().to_owned();
    let invite = invite(inviter, &key);
    let enter = async {
        let join = wait_for("the invitation", async || {
            let run = joiner.run(&["pool", "join", "--from", inviter_key]).await?;
            Ok((!run.stderr.contains("shows no invitation for us")).then_some(run))
        });
        join.await?.done()
    };
    let accept = try_join_all(others.iter().map(|other| accept(other, &joiner.name)));
    tokio::try_join!(invite, enter, accept)?;
    Ok(())
}

/// Invites once the request has come by.
pub(crate) async fn invite(member: &Workspace, key: &str) -> Result<()> {
    wait_for("a request to answer", async || {
        let run = member.run(&["pool", "invite", "--to", key]).await?;
        Ok((!run.stderr.contains("shows no request signed with the key")).then_some(run))
    })
    .await?
    .done()?;
    Ok(())
}

/// Waits until each of them has heard that nothing is under way any more: a bad post may tell some late.
pub(crate) async fn quiet(members: &[Workspace]) -> Result<()> {
    for member in members {
        wait_for("no change to be open", async || {
            let status = member.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
            Ok(is_still(&status).then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// Accepts once somebody proposes, and the record of whom that is about has come, which a bad post may bring later.
pub(crate) async fn accept(member: &Workspace, joiner: &str) -> Result<()> {
    wait_for("a proposal to accept", async || {
        let run = member.run(&["pool", "accept", joiner]).await?;
        let is_early = run.stderr.contains("no member proposes")
            || run.stderr.contains("no record of")
            || run.stdout.contains("It was so already");
        Ok((!is_early).then_some(run))
    })
    .await?
    .done()?;
    Ok(())
}

/// A world, and a folder for the workspaces of its organisations.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) root: PathBuf,
}

impl Stage {
    /// Starts a world of these organisations.
    pub(crate) async fn start(name: &str, organisations: &[&str]) -> Result<Self> {
        let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), name)?;
        Self::start_in(root, organisations, |_| {}).await
    }

    /// Starts a world in a folder that is there, with options that are not everybody's.
    pub(crate) async fn start_in(
        root: PathBuf,
        organisations: &[&str],
        set: impl FnOnce(&mut Options),
    ) -> Result<Self> {
        for variable in NEEDED {
            needed(variable)?;
        }
        let mut options = Options::new(root.join("world"));
        options.organisations = organisations.iter().map(|name| (*name).to_owned()).collect();
        options.images_dir = Some(needed("HANGAR_IMAGES_DIR")?);
        options.backoff_factor = 0.1;
        // Longer than all cases take that share one, on a slow machine and with all points.
        options.ttl = Duration::from_hours(3);
        set(&mut options);
        let world = World::start(options).await.context("the world does not start: `cargo xtask test`")?;
        Ok(Self { world, root })
    }

    /// What the operator of an organisation was given.
    pub(crate) fn organisation(&self, name: &str) -> Result<&OrganisationFile> {
        self.world.organisation(name).with_context(|| format!("the world has no `{name}`"))
    }

    /// A workspace whose plugins come from the world's registry.
    pub(crate) fn member(&self, name: &str) -> Result<Workspace> {
        self.laid_down(name, Database::default(), None)
    }

    /// The same, with records that travel by this carrier.
    fn member_by(&self, name: &str, carrier: Option<String>) -> Result<Workspace> {
        self.laid_down(name, Database::default(), carrier)
    }

    /// The same, with this database.
    pub(crate) fn member_of(&self, name: &str, database: Database) -> Result<Workspace> {
        self.laid_down(name, database, None)
    }

    fn laid_down(&self, name: &str, database: Database, carrier: Option<String>) -> Result<Workspace> {
        let registry = &self.world.file().registry;
        let mut description = self.description(name)?;
        description.database = database;
        description.plugins = ["local", database.plugin()].map(|plugin| Plugin::of_registry(registry, plugin)).into();
        description.infra = "local".into();
        description.pool = Some("east".into());
        description.carrier = carrier;
        Workspace::lay_down(&self.root, &description)
    }

    /// An instance of an organisation, with neither plugins nor a pool yet.
    pub(crate) fn description(&self, name: &str) -> Result<Description> {
        let organisation = self.organisation(name)?;
        let range = &organisation.load_balancer_range;
        let Some((prefix, _)) = range.rsplit_once('.') else { bail!("`{range}` is no range") };
        Ok(Description {
            name: name.to_owned(),
            infra: String::new(),
            secrets: None,
            plugins: Vec::new(),
            block: None,
            addresses: (10..13).map(|n| format!("{prefix}.{n}")).collect(),
            egress: organisation.pod_range.clone(),
            access: Access {
                endpoint: organisation.api_endpoint.clone(),
                ca_file: organisation.ca_file.clone(),
                token_file: organisation.token_file.clone(),
            },
            entry: None,
            pool: None,
            carrier: None,
            database: Database::default(),
        })
    }

    /// With the plugins in the world's registry.
    pub(crate) async fn published(self) -> Result<Self> {
        let description = self.description(self.world.file().organisations[0].name.as_str())?;
        self.push(&Workspace::lay_down(&self.root.join("publisher"), &description)?).await?;
        Ok(self)
    }

    /// Pushes the plugins to the world's registry.
    pub(crate) async fn push(&self, workspace: &Workspace) -> Result<()> {
        self.push_all(workspace, &PLUGINS).await
    }

    /// Pushes these plugins to the world's registry.
    pub(crate) async fn push_all(&self, workspace: &Workspace, plugins: &[&str]) -> Result<()> {
        let folder = needed("HANGAR_PLUGINS_DIR")?;
        for plugin in plugins {
            let file = folder.join(format!("{plugin}.wasm")).display().to_string();
            let reference = Plugin::of_registry(&self.world.file().registry, plugin).source;
            workspace.run(&["plugin", "push", &file, &reference, "--dev"]).await?.done()?;
        }
        Ok(())
    }
}
