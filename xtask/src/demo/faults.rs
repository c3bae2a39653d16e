//! What a pool lives through, shown: an authority that is replaced and a member that is lost, while others write and read.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::{Member, Stage, World, together, traffic::Traffic};

/// How long the founder lets a member be silent, so that nobody has to wait for it here.
pub(crate) const SILENCE: &str = "5s";
/// For the database to call lost nodes dead.
const PATIENCE: Duration = Duration::from_secs(120);
const DATABASE: &str = "dss-cockroachdb";

/// Shows it, with the first two members writing and reading.
pub(crate) fn show(stage: &Stage, world: &World, members: &[Member]) -> Result<()> {
    let [first, second, .., last] = members else { bail!("faults need three members") };
    let traffic = Traffic::begin(stage, world, &[first.name.as_str(), second.name.as_str()])?;
    stage.say("all", &format!("a writer and a reader begin, at {} and {}", first.name, second.name));
    rotate(stage, second, members)?;
    stage.say("all", &format!("the old authority is out of every bundle: {}", traffic.so_far()));

    stage.say(&last.name, "loses every database node at once");
    lose(world, &last.name)?;
    let n_before = traffic.n_failed();
    wait_until_dead(stage, first, &last.name)?;
    wait_until_dead(stage, second, &last.name)?;
    let n_lost_with_nodes = traffic.n_failed();
    stage.say(
        "all",
        &format!("its nodes are dead: {} ({} since the loss)", traffic.so_far(), n_lost_with_nodes - n_before),
    );
    println!();
    first.show(stage, &["pool", "status"])?;
    println!();
    let rest = &members[..members.len() - 1];
    together(rest, |member| {
        stage.say(&member.name, &format!("hangar pool evict {}", last.name));
        member.run(stage, &["pool", "evict", &last.name, "--yes"])
    })?;
    stage.say("all", &format!("{} is out of the database and of every bundle", last.name));
    let told = traffic.end(n_lost_with_nodes)?;
    stage.say("all", &format!("the writer and the reader end: {told}"));
    println!();
    first.show(stage, &["pool", "status"])
}

fn rotate(stage: &Stage, owner: &Member, members: &[Member]) -> Result<()> {
    stage.say(&owner.name, "hangar pool rotate-ca");
    thread::scope(|scope| {
        let rotating = scope.spawn(|| owner.run(stage, &["pool", "rotate-ca", "--yes"]));
        let others = members.iter().filter(|member| member.name != owner.name);
        let accepting: Vec<_> = others
            .map(|member| {
                scope.spawn(|| {
                    wait_until(stage, member, "the proposal", |status| {
                        let proposed = status["proposed"].as_array().into_iter().flatten();
                        proposed.into_iter().any(|one| one["subject"] == owner.name.as_str())
                    })?;
                    stage.say(&member.name, &format!("hangar pool accept {}", owner.name));
                    member.accept(stage, &owner.name)
                })
            })
            .collect();
        accepting.into_iter().chain([rotating]).try_for_each(|thread| thread.join().expect("a command does not panic"))
    })
}

fn lose(world: &World, name: &str) -> Result<()> {
    world.kubectl(name)?.args(["scale", "statefulset", DATABASE, "--replicas=0"]).read()?;
    let pods: Vec<String> = (0..3).map(|ordinal| format!("{DATABASE}-{ordinal}")).collect();
    let delete = world.kubectl(name)?.args(["delete", "pod", "--ignore-not-found", "--grace-period=0", "--force"]);
    delete.args(pods).read().map(drop)
}

/// Waits until a member's own nodes call every node of the lost one dead.
fn wait_until_dead(stage: &Stage, member: &Member, lost: &str) -> Result<()> {
    wait_until(stage, member, "the lost nodes to be called dead", |status| {
        let members = status["members"].as_array().into_iter().flatten();
        let mut nodes =
            members.filter(|one| one["id"] == lost).flat_map(|one| one["nodes"].as_array().into_iter().flatten());
        nodes.all(|node| node["live"][0] == 0 && node["accepts-us"] == false)
    })
}

/// Waits until a member's status shows it.
fn wait_until(stage: &Stage, member: &Member, what: &str, shows: impl Fn(&Value) -> bool) -> Result<()> {
    let since = Instant::now();
    loop {
        let status = member.value(stage, &["pool", "status"], "pool-status")?;
        if shows(&status) {
            return Ok(());
        }
        if since.elapsed() > PATIENCE {
            bail!("`{}` waited for {what} in vain: {status:#}", member.name);
        }
        thread::sleep(Duration::from_millis(500));
    }
}
