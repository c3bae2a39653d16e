//! The demonstration: three organisations, a Kubernetes API and three database nodes each, one pool.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

use crate::{checkout::Checkout, program::Program, setup, tools::Purpose};

mod faults;
mod member;
mod place;
mod traffic;
mod world;

use member::Member;
use place::Place;
use world::World;

/// What is shown.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Options {
    /// Leave everything running until Enter is pressed
    #[arg(long)]
    keep: bool,
    /// Replace an authority and lose a member afterwards, while others write and read; needs `kubectl` and `psql`
    #[arg(long)]
    faults: bool,
    /// Put the organisations on AWS, Google Cloud and Azure in turn, in place of this machine
    ///
    /// Through real terraform: AWS by its own provider and an emulator, the others by stand-ins of their providers.
    #[arg(long)]
    clouds: bool,
    /// How many organisations there are; the first founds the pool
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=9))]
    members: u8,
}

/// Where they are with `--clouds`, and where they are without.
const CLOUDS: &[Place] = &[Place::Aws, Place::Google, Place::Azure];
const HERE: &[Place] = &[Place::Local];

/// Plugins of every organisation beside that of its infrastructure: the secret store and the database.
const PLUGINS: [&str; 2] = ["local", "cockroachdb"];

/// What every command of the demo needs.
pub(crate) struct Stage {
    hangar: PathBuf,
    folder: PathBuf,
    chart: PathBuf,
    variables: Vec<(String, PathBuf)>,
    started: Instant,
}

impl Stage {
    /// One command of `hangar`, with folders of the demo's own.
    fn hangar(&self) -> Program {
        Program::new(&self.hangar)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("HANGAR_CACHE_DIR", self.folder.join("cache"))
            .env("HANGAR_CONFIG_DIR", self.folder.join("config"))
            .env("CI", "true")
    }

    /// One line of what goes on.
    fn say(&self, who: &str, what: &str) {
        println!("{:6.1} s  {who:<5} {what}", self.started.elapsed().as_secs_f32());
    }
}

/// Does all set-up, brings the organisations up, pools them and draws the pool.
pub(crate) fn run(checkout: &Checkout, options: Options) -> Result<()> {
    if options.faults && options.members < 3 {
        bail!("--faults loses a member, which a pool of two does not survive: --members 3");
    }
    let (places, purpose) = if options.clouds { (CLOUDS, Purpose::Clouds) } else { (HERE, Purpose::Demo) };
    let ready = setup::for_demo(checkout, purpose)?;
    let folder = checkout.target.join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot clear `{}`", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let variables = ready.variables().into_iter().map(|(name, path)| (name.to_owned(), path));
    let stage = Stage {
        hangar: ready.program("hangar"),
        chart: checkout.root.join("deploy/services/helm/dss"),
        variables: variables.collect(),
        folder,
        started: Instant::now(),
    };
    let names: Vec<String> = (1..=options.members).map(|n| format!("uss{n}")).collect();
    let n = names.len();
    stage.say("world", &format!("{n} Kubernetes APIs, a registry, DNS and load balancers start"));
    let organisations = || names.iter().map(String::as_str).zip(places.iter().copied().cycle());
    let world = World::start(&stage, &ready.program("hangar-world"), organisations())?;
    push(&stage, &world, &ready.variables(), places)?;
    let members: Vec<Member> =
        organisations().map(|(name, place)| Member::lay_down(&stage, &world, name, place)).collect::<Result<_>>()?;
    together(&members, |member| {
        stage.say(&member.name, &format!("hangar init && hangar up, with plugin {}", member.place.plugin()));
        member.run(&stage, &["init", "--yes"])?;
        member.run(&stage, &["up", "--yes"])?;
        member.lead_out(&stage, &world)?;
        stage.say(&member.name, "is up");
        Ok(())
    })?;
    let [founder, joiners @ ..] = members.as_slice() else { bail!("a demo has members") };
    stage.say(&founder.name, "hangar pool create");
    let silence: &[&str] = if options.faults { &["--silence", faults::SILENCE] } else { &[] };
    let inviter = founder.identity(&stage, &[&["pool", "create", "--yes"], silence].concat())?;
    for (n, joiner) in joiners.iter().enumerate() {
        join(&stage, founder, &inviter, &joiners[..n], joiner)?;
    }
    stage.say("all", "one pool; as the founder sees it:");
    println!();
    founder.show(&stage, &["pool", "status"])?;
    println!();
    stage.say("done", &format!("{n} organisations, {} database nodes, one cluster that nobody owns alone", 3 * n));
    if options.faults {
        faults::show(&stage, &world, &members)?;
    }
    farewell(&stage, &world, options.keep)
}

/// The plugins go to the registry, from which each organisation pulls them.
fn push(stage: &Stage, world: &World, variables: &[(&str, PathBuf)], places: &[Place]) -> Result<()> {
    let plugins = variables.iter().find(|(name, _)| *name == "HANGAR_PLUGINS_DIR").map(|(_, path)| path);
    let plugins = plugins.context("set-up names no folder of plugins")?;
    let names: BTreeSet<&str> = places.iter().map(|place| place.plugin()).chain(PLUGINS).collect();
    for name in names {
        let reference = format!("oci://{}/hangar/{name}:0.1.0", world.registry);
        stage.say("world", &format!("hangar plugin push {name}"));
        let file = plugins.join(format!("{name}.wasm"));
        stage.hangar().args(["plugin", "push", "--dev"]).arg(&file).arg(&reference).read()?;
    }
    Ok(())
}

/// One joiner asks, one member invites, the others accept, the joiner joins: all at once, each in its own process.
fn join(stage: &Stage, founder: &Member, inviter: &str, others: &[Member], joiner: &Member) -> Result<()> {
    stage.say(&joiner.name, "hangar pool request");
    let asking = joiner.identity(stage, &["pool", "request"])?;
    stage.say(&founder.name, &format!("hangar pool invite --to {}…", &asking[..12]));
    thread::scope(|scope| {
        let invite = scope.spawn(|| founder.run(stage, &["pool", "invite", "--to", &asking]));
        founder.wait_for_invitation(stage, &joiner.name)?;
        let accepting: Vec<_> = others
            .iter()
            .map(|member| {
                stage.say(&member.name, &format!("hangar pool accept {}", joiner.name));
                scope.spawn(|| member.accept(stage, &joiner.name))
            })
            .collect();
        stage.say(&joiner.name, "hangar pool join: waits for both gates");
        let joined = joiner.run(stage, &["pool", "join", "--from", inviter]);
        for thread in accepting.into_iter().chain([invite]) {
            thread.join().expect("a command does not panic")?;
        }
        joined
    })?;
    stage.say(&joiner.name, "is in the pool");
    Ok(())
}

fn together(members: &[Member], work: impl Fn(&Member) -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let running: Vec<_> = members.iter().map(|member| scope.spawn(|| work(member))).collect();
        running.into_iter().try_for_each(|thread| thread.join().expect("a command does not panic"))
    })
}

/// How to look around, and how to do it for real.
fn farewell(stage: &Stage, world: &World, keep: bool) -> Result<()> {
    let workspace = |name: &str| stage.folder.join(name).display().to_string();
    println!(
        "\nTo do it for real: `hangar init aws`, edit hangar.hcl, `hangar init`, `hangar up`, `hangar pool create`."
    );
    if !keep {
        println!("To look around: `cargo xtask demo --keep` leaves everything running.");
        return Ok(());
    }
    println!("To look around, as long as this runs:");
    for (name, kubeconfig) in &world.kubeconfigs {
        println!("  KUBECONFIG={} kubectl -n dss get pods        # {name}", kubeconfig.display());
    }
    println!("  {} -C {} pool status", stage.hangar.display(), workspace("uss2"));
    println!("Press Enter to end it.");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("cannot wait for Enter")?;
    Ok(())
}

/// Where a member's workspace is.
fn workspace(stage: &Stage, name: &str) -> PathBuf {
    stage.folder.join(name)
}

/// A path as it stands in the workspace file.
fn quoted(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"")
}
