//! A member leaves a pool, asks anew, and comes in again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use test_support::{Workspace, is_set, wait_for};
use test_world::OrganisationFile;
use tokio::task::JoinHandle;

use crate::cluster::{CLIENT_SECRET, scale_database, secret};
use crate::killed::dying_at;
use crate::pool::{is_still, live_nodes, verifies};
use crate::pooled::{Carrier, Pooled, Setting, accept, join, turn};
use crate::post::IN_TURN;
use crate::traffic::{Gateway, Traffic};

/// How the database counts the nodes of all: those that are in and those that are out for good.
const MEMBERSHIPS: &str = "SELECT membership FROM crdb_internal.gossip_liveness ORDER BY node_id";

#[tokio::test(flavor = "multi_thread")]
async fn a_member_leaves_under_load_and_is_refused_from_then_on() -> Result<()> {
    let _turn = turn().await;
    let pooled =
        Pooled::form(&Setting { name: "leave", carrier: Carrier::Post(IN_TURN), ..Setting::default() }).await?;
    let [first, second, third] = &pooled.members[..] else { anyhow::bail!("three members") };
    let [one, three] = [pooled.stage.organisation("uss1")?, pooled.stage.organisation("uss3")?];
    let traffic = Traffic::begin(&pooled.stage, &["uss1", "uss2"]).await?;
    let watch = Watch::begin(one).await?;
    tokio::try_join!(leaves(third), accept(first, "uss3"), accept(second, "uss3"))?;
    watch.ends_well().await?;
    traffic.ends_well(0).await?;
    is_out(&pooled, &[first, second]).await?;
    is_refused(one, three).await?;
    a_second_run_changes_nothing(first, third).await?;
    let early = third.run(&["pool", "request"]).await?.exits(4)?;
    ensure!(early.stderr.contains("the nodes that have left the pool still stand"), "{}", early.stderr);
    third.run(&["down", "--yes"]).await?.done()?;
    third.run(&["up", "--yes"]).await?.done()?;
    asks_anew_and_is_rejected(first, second, third).await?;
    nobody_is_let_in_while_a_node_is_down(&pooled, first, third).await?;
    comes_in_again(&pooled, first, second, third).await?;
    verifies(first).await?;
    pooled.post.as_ref().context("a post")?.has_been_bad()
}

/// Its host dies at its first look, with its nodes on their way out, and with each record kept that it has to write from there on,
/// which nobody has seen yet: in the end the one that says that it is gone.
async fn leaves(member: &Workspace) -> Result<()> {
    let leave = ["pool", "leave", "--lose-tolerance", "--yes"];
    if !is_set("HANGAR_SUITE_ALL_POINTS") {
        for point in ["kube.job.started", "kube.job.after:3"] {
            member.run_killed_at(point, &leave).await?;
        }
        let mut is_gone = false;
        while !is_gone {
            member.run_killed_at("pool.record.kept", &leave).await?;
            let status = member.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
            is_gone = state(&status, &member.name) == Some("gone");
        }
    }
    dying_at(&[], member, &leave).await?;
    Ok(())
}

/// The third member is out for the records, for the database and for every bundle.
pub(crate) async fn is_out(pooled: &Pooled, others: &[&Workspace]) -> Result<()> {
    for member in others {
        let status = wait_for("six live nodes and no change", async || {
            let status = member.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
            ensure!(live_nodes(&status) >= 6 && is_still(&status), "{status:#}");
            Ok(Some(status))
        })
        .await?;
        assert_eq!(state(&status, "uss3"), Some("gone"), "{status:#}");
        let organisation = pooled.stage.organisation(&member.name)?;
        assert_eq!(n_authorities(organisation).await?, 2, "the authority of who is out is in no bundle");
        let gateway = Gateway::to(organisation, organisation).await?;
        let memberships = gateway.ask(MEMBERSHIPS).await?;
        let n_out = memberships.iter().filter(|one| *one == "decommissioned").count();
        assert_eq!((memberships.len(), n_out), (9, 3), "{memberships:?}");
    }
    let file = pooled.stage.root.join("records.jsonl").display().to_string();
    others[0].run(&["pool", "export", &file]).await?.done()?;
    // By another program, from the file alone.
    let told = others[1].run(&["pool", "history", "--file", &file]).await?.done()?;
    ensure!(told.stdout.contains("of uss3"), "{}", told.stdout);
    Ok(())
}

/// A certificate of who is out opens nothing, not even from where the network lets it call.
async fn is_refused(owner: &OrganisationFile, out: &OrganisationFile) -> Result<()> {
    let gateway = Gateway::to(owner, out).await?.calling_from(owner)?;
    let answer = gateway.ask("SELECT 1").await;
    let err = answer.err().context("a root certificate of who is out was taken")?;
    let told = format!("{err:#}").to_lowercase().replace(' ', "");
    ensure!(told.contains("unknownca") || told.contains("unknowncertificateauthority"), "{err:#}");
    Ok(())
}

async fn a_second_run_changes_nothing(stays: &Workspace, left: &Workspace) -> Result<()> {
    let again = left.run(&["pool", "leave", "--lose-tolerance", "--yes"]).await?.done()?;
    assert!(again.stdout.contains("It was so already"), "{}", again.stdout);
    let up = stays.run(&["up", "--yes"]).await?.done()?;
    assert!(up.stdout.contains("nothing was done"), "{}", up.stdout);
    Ok(())
}

/// Whoever has left asks like anybody, and one member's no is enough.
async fn asks_anew_and_is_rejected(first: &Workspace, second: &Workspace, joiner: &Workspace) -> Result<()> {
    let nobody = second.run(&["pool", "reject", "uss3"]).await?.exits(4)?;
    assert!(nobody.stderr.contains("no member proposes anything about `uss3`"), "{}", nobody.stderr);
    let asked = joiner.run(&["pool", "request", "--json"]).await?.done()?.value("identity")?;
    let key = asked["fingerprint"].as_str().context("a fingerprint")?.to_owned();
    wait_for("the request", async || {
        let status = first.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
        Ok((state(&status, "uss3") == Some("asking")).then_some(()))
    })
    .await?;
    let invite = async {
        let invited = first.run(&["pool", "invite", "--to", &key]).await?.exits(4)?;
        ensure!(invited.stderr.contains("the join of `uss3` is taken back: `uss2` said no"), "{}", invited.stderr);
        Ok(())
    };
    let reject = async {
        // The inviter's own workspace can be looked at while its command waits there.
        wait_for("the proposal in a status beside the command", async || {
            let status = first.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
            Ok((status["proposed"] != serde_json::json!([])).then_some(()))
        })
        .await?;
        wait_for("a proposal to reject", async || {
            let run = second.run(&["pool", "reject", "uss3"]).await?;
            Ok(run.stdout.contains("Rejected").then_some(run))
        })
        .await
    };
    tokio::try_join!(invite, reject)?;
    let again = second.run(&["pool", "reject", "uss3"]).await?;
    assert!(matches!(again.code, Some(0 | 4)), "said again it changes nothing: {}", again.stderr);
    wait_for("every slot to be free again", async || {
        // What is taken back at one member has to come by at the other.
        for member in [second, first] {
            member.run(&["up", "--yes"]).await?.done()?;
        }
        let status = first.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
        ensure!(status["proposed"] == serde_json::json!([]), "{status:#}");
        ensure!(state(&status, "uss3") == Some("asking"), "{status:#}");
        Ok(Some(()))
    })
    .await
}

/// Who would invite waits, and has voted for nobody when it is stopped.
async fn nobody_is_let_in_while_a_node_is_down(pooled: &Pooled, inviter: &Workspace, joiner: &Workspace) -> Result<()> {
    let asked = joiner.run(&["pool", "request", "--json"]).await?.done()?.value("identity")?;
    let key = asked["fingerprint"].as_str().context("a fingerprint")?;
    let other = pooled.stage.organisation("uss2")?;
    scale_database(other, 2).await?;
    wait_for("a node to be down", async || {
        let status = inviter.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
        Ok((live_nodes(&status) == 5).then_some(()))
    })
    .await?;
    let mut invite = inviter.start(&["pool", "invite", "--to", key], &[])?;
    invite.says("before anybody is let in: 0 of 3 own nodes call `2.db.dss.uss2.example.com").await?;
    kill(Pid::from_raw(invite.pid()), Signal::SIGINT)?;
    invite.ended().await?.exits(3)?;
    let status = inviter.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
    ensure!(is_still(&status), "{status:#}");
    scale_database(other, 3).await
}

/// By an invitation of its own, since that of its former life is void: its inviter has invited it once more meanwhile.
async fn comes_in_again(pooled: &Pooled, first: &Workspace, second: &Workspace, joiner: &Workspace) -> Result<()> {
    // Said again, the command changes nothing and tells who we are.
    let founder = first.run(&["pool", "create", "--yes", "--json"]).await?.done()?.value("identity")?;
    let key = founder["fingerprint"].as_str().context("a fingerprint")?.to_owned();
    join(first, &key, std::slice::from_ref(second), joiner).await?;
    let organisation = pooled.stage.organisation("uss1")?;
    let memberships = Gateway::to(organisation, organisation).await?.ask(MEMBERSHIPS).await?;
    let n_in = memberships.iter().filter(|one| *one == "active").count();
    ensure!((memberships.len(), n_in) == (12, 9), "{memberships:?}");
    Ok(())
}

pub(crate) fn state<'a>(status: &'a Value, member: &str) -> Option<&'a str> {
    let mut members = status["members"].as_array().into_iter().flatten();
    members.find(|one| one["id"] == member).and_then(|one| one["state"].as_str())
}

pub(crate) async fn n_authorities(organisation: &OrganisationFile) -> Result<usize> {
    let files = secret(organisation, CLIENT_SECRET).await?;
    let bundle = files.get("ca.crt").context("a bundle")?;
    Ok(String::from_utf8_lossy(bundle).matches("BEGIN CERTIFICATE").count())
}

/// Looks again and again at the bundle of a member, and at what its database counts while it is the shorter one.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<()>>,
}

impl Watch {
    pub(crate) async fn begin(organisation: &OrganisationFile) -> Result<Self> {
        let gateway = Gateway::to(organisation, organisation).await?;
        let (organisation, stop) = (organisation.clone(), Arc::new(AtomicBool::new(false)));
        let asked = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_millis(150));
            loop {
                pace.tick().await;
                let is_last = asked.load(Ordering::Acquire);
                if n_authorities(&organisation).await? > 2 {
                    ensure!(!is_last, "the bundle never became shorter");
                    continue;
                }
                let memberships = gateway.ask(MEMBERSHIPS).await?;
                let n_in = memberships.iter().filter(|one| *one != "decommissioned").count();
                ensure!(n_in == 6, "the bundle is short and the database counts {n_in} nodes: {memberships:?}");
                return Ok(());
            }
        });
        Ok(Self { stop, task })
    }

    /// Says that when the bundle became shorter the database knew no node under it.
    pub(crate) async fn ends_well(self) -> Result<()> {
        self.stop.store(true, Ordering::Release);
        self.task.await?
    }
}
