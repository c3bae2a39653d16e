//! Another release of the database: one member after the other, and no way back is taken before all of them run it.
//!
//! It begins when an organisation's image is of another release than its record says. The founder goes first and the others follow
//! by name. A cluster goes over to a new series by itself once its last node runs it: that is held back by a setting before the first
//! node changes, and let go by the first member once every record shows the new series. Whoever is in the middle of it goes on to
//! whatever release is wanted by then, so that an image that does not come up can be corrected or taken back.

use hangar_sdk::pooling::{blocked, steps as shared};
use hangar_sdk::pooling_strategy::{
    AcknowledgementKind, Awaiting, Check, Decision, Error, Expectation, Member, MemberState, Probe, Step,
};

use crate::cluster::{self, Cluster};
use crate::database::Situation;
use crate::maintenance::{self, in_order};
use crate::probes::{self, HELD_SQL, RANGES_SQL, VERSION_SQL};
use crate::release::{FIRST_HELD, Release, Series};
use crate::steps;

/// Phase of all of it.
pub(crate) const PHASE: &str = "upgrade";
/// Name of the acknowledgement with the series that this member has gone from and to.
pub(crate) const UPGRADE: &str = "upgrade";

/// What comes next on the way to the release of our image; nothing where there is nothing to do.
///
/// # Errors
///
/// [`Error`] where the database has no values for this instance.
pub(crate) fn decide<'a>(situation: &Situation<'a>, own: &'a Member) -> Result<Option<Decision>, Error> {
    let wanted = Release::of_image(&situation.intent.instance.image);
    let (Some(wanted), Some(shown)) = (wanted, of_record(own)) else {
        // What has to wait does so once nothing else is owed: that may be what brings the nodes back.
        let goes_on = |decision: &Decision| matches!(decision, Decision::Look(_) | Decision::Steps(_));
        return Ok(maintenance::left_behind(situation, own).filter(goes_on));
    };
    let word = maintenance::of(own);
    let has_begun = maintenance::has_begun(own);
    if wanted == shown && word.is_none() {
        return Ok(finished(situation, own, wanted.series));
    }
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Ok(Some(look)),
    };
    let questions = cluster::questions(situation);
    let n_done = cluster.of(own).into_iter().filter(|node| node.is_live && node.release() == Some(wanted)).count();
    let is_done = n_done == situation.intent.instance.nodes.len();
    if is_done && word.is_none() {
        // The host takes it into our record.
        return Ok(finished(situation, own, wanted.series));
    }
    if is_done {
        return Ok(Some(maintenance::ended(situation, own, &cluster)));
    }
    let reason = wanted.to_string();
    let stands_against = if !has_begun {
        let obstacle = || unfit(situation, own, wanted).or_else(|| not_yet(situation, own, &cluster, wanted));
        maintenance::turn(situation, own, &reason, PHASE, obstacle)
    } else if word.is_some_and(|word| word.reason != reason) {
        // What is down is ours, for all that is known, and comes back by going on.
        unfit(situation, own, wanted)
    } else {
        None
    };
    if stands_against.is_some() {
        return Ok(stands_against);
    }
    let key = format!("upgrade/{wanted}");
    if situation.did(&format!("restart/{wanted}")) {
        let message = format!("{n_done} of {} own nodes run {wanted}", situation.intent.instance.nodes.len());
        return Ok(Some(situation.wait(questions, message)));
    }
    begun(situation, wanted, &key).map(|steps| Some(Decision::Steps(steps)))
}

/// Why the release is none for this cluster; nothing if it is.
fn unfit(situation: &Situation<'_>, own: &Member, wanted: Release) -> Option<Decision> {
    let version = version(situation);
    if let Some(look) = situation.look(std::slice::from_ref(&version)) {
        return Some(look);
    }
    let Some(active) = situation.value(&version).and_then(Series::parse) else {
        return Some(situation.wait(vec![version], "the cluster's version"));
    };
    let subject = format!("member:{}", own.id);
    if wanted.series < active {
        let message = format!("{wanted} is older than the cluster, which is at {active}: its nodes would be refused");
        return Some(blocked(subject, message, "set `database_image` of the instance to a later release", None));
    }
    if !active.may_become(wanted.series) {
        let message = format!("{wanted} is too new for the cluster, which is at {active}: releases are not skipped");
        return Some(blocked(subject, message, "take the release in between first, in the whole pool", None));
    }
    if wanted.series != active && active < FIRST_HELD {
        let message = format!("a cluster at {active} cannot be held back by a setting that stays");
        return Some(blocked(subject, message, "upgrade by hand to 23.2 first", None));
    }
    None
}

/// Why our nodes may not be touched yet; nothing if they may.
fn not_yet(situation: &Situation<'_>, own: &Member, cluster: &Cluster, wanted: Release) -> Option<Decision> {
    let behind = |member: &&Member| cluster.of(member).iter().any(|node| node.release() < Some(wanted));
    let first: Vec<String> = in_order(situation)
        .take_while(|member| member.id != own.id)
        .filter(behind)
        .map(|member| member.id.clone())
        .collect();
    if !first.is_empty() {
        return Some(awaiting(first, format!("run {wanted}: one member after the other, the founder first")));
    }
    if let Some(decision) = cluster.skew() {
        return Some(decision);
    }
    let trouble = cluster.trouble(&[])?;
    Some(situation.wait(cluster::questions(situation), format!("a healthy cluster before an upgrade: {trouble}")))
}

/// An image of another release that `up` has yet to bring in, which no other procedure does in passing.
pub(crate) fn pending(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
    let wanted = Release::of_image(&situation.intent.instance.image)?;
    let shown = of_record(own)?;
    if wanted == shown || own.state != MemberState::Active {
        return None;
    }
    let message = format!("our nodes are of {shown} by our record, and the image is of {wanted}");
    Some(blocked(
        format!("member:{}", own.id),
        message,
        "`hangar up` brings the release in, node by node; then go on",
        None,
    ))
}

/// The end held back where the series changes, our word that we are at it, and the release.
fn begun(situation: &Situation<'_>, wanted: Release, key: &str) -> Result<Vec<Step>, Error> {
    let active = situation.value(&version(situation)).and_then(Series::parse);
    let mut all = Vec::new();
    if let Some(active) = active.filter(|active| *active != wanted.series) {
        let held = Check { probe: one(situation, "held", HELD_SQL), expectation: Expectation::Value("false".into()) };
        all.push(setting(situation, "hold-upgrade", "hold the end of the upgrade back", held));
        let values = vec![active.to_string(), wanted.series.to_string()];
        all.push(said("upgrade/series", "changes the series", values));
    }
    let title = "publish that the upgrade of our nodes begins";
    all.push(maintenance::say("upgrade/begin", title, vec![wanted.to_string()], PHASE));
    let mut former = None;
    for step in &mut all {
        step.requires.extend(former.replace(step.key.clone()));
    }
    // A node that the former template does not let run is brought back by the restart, and not by the release.
    let release = Step { verify: None, ..shared::apply_release(situation, PHASE, key, |_| {}, &all)? };
    let workload = situation.database.names.workload();
    // Asked for only while own nodes run something else.
    let title = format!("restart the nodes of `{workload}` with {wanted}, one by one");
    let restart = steps::restart(situation, format!("restart/{wanted}"), title, &release);
    all.extend([release, restart]);
    Ok(all)
}

/// Once every record shows the new series and every node runs it, the first member lets the cluster go over to it.
fn finished<'a>(situation: &Situation<'a>, own: &'a Member, series: Series) -> Option<Decision> {
    if !is_to_finish(situation, own, series) {
        return None;
    }
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Some(look),
    };
    if lacking(&cluster, series).is_some() {
        return None;
    }
    let over = Check { probe: version(situation), expectation: Expectation::Value(series.to_string()) };
    let title = format!("let the cluster go over to {series}, from which there is no way back");
    let finish = setting(situation, "finish-upgrade", &title, over);
    let mut over = said("upgrade/over", "is over", vec![series.to_string(), series.to_string()]);
    over.requires.push(finish.key.clone());
    Some(Decision::Steps(vec![finish, over]))
}

/// What a first member with nothing else to do waits for before the cluster can go over; nothing where it has gone, or is held
/// back by a member whose record does not show the series yet.
pub(crate) fn unfinished<'a>(situation: &Situation<'a>, own: &'a Member) -> Option<Decision> {
    let series = of_record(own)?.series;
    if !is_to_finish(situation, own, series) {
        return None;
    }
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Some(look),
    };
    let trouble = lacking(&cluster, series)?;
    Some(
        situation
            .wait(cluster::questions(situation), format!("{trouble}, and the cluster goes over to {series} with it")),
    )
}

/// Whether we are the first member, and every member's record shows the series that the cluster has yet to go over to.
fn is_to_finish<'a>(situation: &Situation<'a>, own: &'a Member, series: Series) -> bool {
    let Some([from, to]) = situation.said(own, UPGRADE) else { return false };
    let is_first = in_order(situation).next().is_some_and(|first| first.id == own.id);
    let all_show = situation.peers().all(|peer| of_record(peer).is_some_and(|release| release.series == series));
    from != to && *to == series.to_string() && is_first && all_show
}

/// A node that keeps the cluster from going over to a series.
fn lacking(cluster: &Cluster, series: Series) -> Option<String> {
    let mut nodes = cluster.nodes.iter().filter(|node| node.is_in());
    nodes.find_map(|node| match (node.is_live, node.release()) {
        (false, _) => Some(format!("node {} is not live", node.id)),
        (true, Some(release)) if release.series == series => None,
        (true, _) => Some(format!("node {} does not run {series}", node.id)),
    })
}

/// Why a joiner's release is none for this pool; nothing if it is.
pub(crate) fn before_joining(situation: &Situation<'_>, own: &Member) -> Option<Decision> {
    let ours = Release::of_image(&situation.intent.instance.image)?.series;
    let theirs: Vec<(&str, Series)> =
        situation.peers().filter_map(|peer| Some((peer.id.as_str(), of_record(peer)?.series))).collect();
    let newest = theirs.iter().map(|(_, series)| *series).max()?;
    let behind: Vec<String> =
        theirs.iter().filter(|(_, series)| *series < newest).map(|(id, _)| (*id).to_owned()).collect();
    if !behind.is_empty() {
        return Some(awaiting(behind, format!("run {newest}: nobody joins in the middle of an upgrade")));
    }
    let message = format!("this instance's database is {ours}, and the pool's is {newest}");
    let cure = format!("set `database_image` of the instance to a release of {newest}");
    (ours != newest).then(|| blocked(format!("member:{}", own.id), message, &cure, None))
}

/// The release that a member's record says its nodes run.
pub(crate) fn of_record(member: &Member) -> Option<Release> {
    Release::parse(&member.datastore.1)
}

fn version(situation: &Situation<'_>) -> Probe {
    one(situation, "version", VERSION_SQL)
}

/// Every range has all its replicas, as an own node says: the next node may go.
pub(crate) fn replicated(situation: &Situation<'_>) -> Check {
    let expectation = Expectation::Other(("all-zero".into(), Vec::new()));
    Check { probe: one(situation, "ranges", RANGES_SQL), expectation }
}

/// A question to the own node that is asked.
fn one(situation: &Situation<'_>, what: &str, statement: &str) -> Probe {
    probes::sql(&situation.database.names, cluster::gateway(situation), what, statement)
}

fn setting(situation: &Situation<'_>, verb: &str, title: &str, check: Check) -> Step {
    let host = situation.database.names.pod_host(cluster::gateway(situation));
    let arguments = vec![format!("--host={host}")];
    let step = shared::verb(verb.into(), title.into(), verb, arguments, 2 * shared::STEP_MS, PHASE);
    Step { already_done: Some(check.clone()), verify: Some(check), ..step }
}

/// Publishes from which series our nodes go to which.
fn said(key: &str, what: &str, values: Vec<String>) -> Step {
    let title = format!("publish that the upgrade of our nodes {what}");
    let step = shared::acknowledge(AcknowledgementKind::Other((UPGRADE.into(), values)), PHASE);
    Step { key: key.into(), title, ..step }
}

fn awaiting(members: Vec<String>, what: String) -> Decision {
    Decision::Awaiting(Awaiting { members, what, probes: Vec::new() })
}
