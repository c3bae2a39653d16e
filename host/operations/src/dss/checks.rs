//! What was seen of the services, held against the records.

use std::collections::BTreeMap;

use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::decision::Finding;
use hangar_plan::strategy::member::{Member, MemberState, Roster};
use hangar_plan::strategy::observation::{Failure, FailureClass, HttpAnswer, Observation};
use serde_json::Value;

use super::class::Class;
use super::{AUTHORITIES, HEALTHY, OPTIONS, PARTICIPANTS, POOL, RID, SCD, Seen, VERSION};
use crate::pool_status::PoolStatus;

type Answers = BTreeMap<&'static str, Observation>;

/// Everything that is amiss with the services of a pool.
pub(crate) fn findings(status: &PoolStatus, roster: &Roster, seen: &Seen) -> Vec<Finding> {
    let members: Vec<&Member> = roster.members.iter().filter(|member| member.state == MemberState::Active).collect();
    let mut found = database(status);
    for member in &members {
        if let Some(answers) = seen.services.get(&member.id) {
            found.extend(service(status, member, answers));
            found.extend(trust(member, &members, answers));
        }
    }
    found.extend(agreed(&members, seen));
    found.extend(tables(status, &members, seen));
    found
}

/// What our own nodes say of the database: identity, contradictions, quorum.
fn database(status: &PoolStatus) -> Vec<Finding> {
    let own = status.own.as_str();
    let mut found = Vec::new();
    let other = status.identities.iter().find(|id| status.cluster_id.as_ref().is_some_and(|pool| pool != *id));
    if let (Some(other), Some(pool)) = (other, &status.cluster_id) {
        let what = format!("an own node is of the database {other}, and the pool's is {pool}");
        found.push(Class::WrongPool.finding(Severity::Error, own, what));
    }
    if !status.gateways_agree {
        let what = "own nodes do not know the same nodes of the cluster";
        found.push(Class::DatabaseLies.finding(Severity::Warning, own, what));
    }
    if let Some(ranges) = status.unavailable.filter(|ranges| *ranges > 0) {
        found.push(Class::NoQuorum.finding(Severity::Error, own, format!("{ranges} ranges have lost their majority")));
    }
    let mut nodes = status.members.iter().filter(|member| member.id == own).flat_map(|member| &member.nodes);
    if nodes.clone().next().is_some() && nodes.all(|node| node.live.1 == 0) {
        found.push(Class::DatabaseDown.finding(Severity::Error, own, "no own node answers a statement"));
    }
    found
}

/// One service, from its health up.
fn service(status: &PoolStatus, member: &Member, answers: &Answers) -> Vec<Finding> {
    // From one machine a partner's endpoint may be out of reach, and be well for everybody else.
    let severity = if member.is_self { Severity::Error } else { Severity::Warning };
    let healthy = match answers.get(HEALTHY) {
        Some(Observation::Http(answer)) if answer.status == 200 => None,
        Some(Observation::Http(HttpAnswer { status: status @ (429 | 503), .. })) => {
            Some(Class::Overload.finding(severity, &member.id, format!("it answers with status {status}")))
        }
        Some(Observation::Http(answer)) => {
            let what = format!("{HEALTHY} of {} answers with status {}", member.endpoint, answer.status);
            Some(Class::HttpDown.finding(severity, &member.id, what))
        }
        Some(Observation::Failed(Failure { class: FailureClass::TimedOut, .. })) => {
            Some(Class::Overload.finding(severity, &member.id, "it accepts calls and does not answer in time"))
        }
        Some(Observation::Failed(failure)) => {
            Some(Class::HttpDown.finding(severity, &member.id, format!("{}: {}", member.endpoint, failure.detail)))
        }
        _ => return Vec::new(),
    };
    // Nothing above it can be told from what is not there.
    if let Some(finding) = healthy {
        return vec![finding];
    }
    let mut found = Vec::new();
    if version(answers).is_none() {
        let what = format!("it is healthy, and {VERSION} is not what a DSS answers");
        found.push(Class::ApiNotRouted.finding(Severity::Error, &member.id, what));
    }
    match answers.get(POOL) {
        Some(Observation::Http(answer)) if answer.status >= 500 => {
            let what = format!("it is healthy, and {POOL} answers with status {}", answer.status);
            found.push(Class::DatabaseDown.finding(Severity::Error, &member.id, what));
        }
        Some(Observation::Http(answer)) if answer.status == 200 => {
            let dar: Option<Value> = serde_json::from_str(&answer.body).ok();
            let dar = dar.as_ref().and_then(|dar| dar["dar_id"].as_str());
            if let (Some(dar), Some(pool)) = (dar, status.cluster_id.as_deref())
                && dar != pool
            {
                let what = format!("it is of the pool {dar}, and this one is {pool}");
                found.push(Class::WrongPool.finding(Severity::Error, &member.id, what));
            }
        }
        // Told to bearers of tokens alone: the database's own word, above, has to do.
        _ => {}
    }
    found
}

/// The authorities that a service accepts are those of all members.
fn trust(member: &Member, members: &[&Member], answers: &Answers) -> Vec<Finding> {
    let Some(accepted) = answered(answers, AUTHORITIES) else { return Vec::new() };
    let accepted = accepted["CAs"].as_array().cloned().unwrap_or_default();
    let accepted: Vec<String> = accepted
        .iter()
        .filter_map(|pem| hangar_pki::Certificate::from_pem(pem.as_str()?).ok())
        .map(|certificate| certificate.fingerprint().to_string())
        .collect();
    let lacks = |other: &&&Member| !other.authorities.iter().all(|one| accepted.contains(&one.fingerprint));
    let lacking = members.iter().filter(lacks);
    lacking
        .map(|other| Finding {
            severity: Severity::Warning,
            subject: format!("dss:{}", member.id),
            message: format!("its core-service does not accept every authority of `{}`", other.id),
            cure: Some("`hangar up`".into()),
            whose: Some(member.id.clone()),
        })
        .collect()
}

/// What all members must have alike: options and versions, held against ours.
fn agreed(members: &[&Member], seen: &Seen) -> Vec<Finding> {
    let Some(own) = members.iter().find(|member| member.is_self) else { return Vec::new() };
    let Some(ours) = seen.services.get(&own.id) else { return Vec::new() };
    let mut found = Vec::new();
    for member in members {
        let Some(theirs) = seen.services.get(&member.id) else { continue };
        let mut differs = |severity, message: String| {
            found.push(Finding {
                severity,
                subject: format!("dss:{}", member.id),
                message,
                cure: Some("let the workspaces of all members say the same, then `hangar up`".into()),
                whose: Some(member.id.clone()),
            });
        };
        if let (Some(ours), Some(theirs)) = (answered(ours, OPTIONS), answered(theirs, OPTIONS)) {
            for (name, value) in ours.as_object().into_iter().flatten().filter(|(name, value)| theirs[*name] != **value)
            {
                let message =
                    format!("option `{name}` is {} there and {value} here: all members need the same", theirs[name]);
                differs(Severity::Error, message);
            }
        }
        let record = member.facts.iter().find(|(name, _)| name == "dss-version").map(|(_, version)| version.as_str());
        if let (Some(runs), Some(record)) = (version(theirs), record)
            && !record.is_empty()
            && !runs.contains(record.trim_start_matches('v'))
        {
            differs(Severity::Warning, format!("it runs version {runs}, and its record says {record}"));
        }
    }
    found
}

/// The tables that all members share, from one of our nodes.
fn tables(status: &PoolStatus, members: &[&Member], seen: &Seen) -> Vec<Finding> {
    let own = status.own.as_str();
    let rows = match seen.tables.get(PARTICIPANTS) {
        Some(Observation::Rows(rows)) => rows,
        Some(Observation::Failed(failure)) if failure.class != FailureClass::Unreachable => {
            return vec![Class::NoTableAccess.finding(Severity::Error, own, &failure.detail)];
        }
        _ => return Vec::new(),
    };
    let mut found = Vec::new();
    for (name, statement) in [("rid", RID), ("scd", SCD)] {
        if let Some(Observation::Failed(failure)) = seen.tables.get(statement) {
            let what = format!("database `{name}`: {}", failure.detail);
            found.push(Class::PoolTableOnly.finding(Severity::Error, own, what));
        }
    }
    let cell = |row: &[Option<String>], n: usize| row.get(n).cloned().flatten().unwrap_or_default();
    let registered: BTreeMap<String, String> = rows.rows.iter().map(|row| (cell(row, 0), cell(row, 1))).collect();
    for member in members {
        let locality = member.locality.last().map(|(_, value)| value.clone()).unwrap_or_default();
        match registered.get(&locality) {
            None => {
                let what = "its core-service has never registered in the pool's table";
                found.push(Class::OtherPartsDown.finding(Severity::Warning, &member.id, what));
            }
            Some(endpoint) if endpoint.trim_end_matches('/') != member.endpoint.trim_end_matches('/') => {
                let is_anothers = members.iter().any(|other| other.id != member.id && other.endpoint == *endpoint);
                let class = if is_anothers { Class::ForeignInstance } else { Class::WrongBaseUrl };
                let what = format!("it tells others `{endpoint}`, and its record says `{}`", member.endpoint);
                found.push(class.finding(Severity::Error, &member.id, what));
            }
            Some(_) => {}
        }
    }
    found
}

/// The JSON of an answer that went well.
fn answered(answers: &Answers, path: &str) -> Option<Value> {
    match answers.get(path)? {
        Observation::Http(answer) if answer.status == 200 => serde_json::from_str(&answer.body).ok(),
        _ => None,
    }
}

fn version(answers: &Answers) -> Option<String> {
    let version = answered(answers, VERSION)?;
    Some(version["version"].as_str()?.to_owned())
}
