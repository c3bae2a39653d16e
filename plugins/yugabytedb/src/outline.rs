//! What a procedure will do at most, for the operator to approve before it starts.

use hangar_sdk::pooling::membership::{SEEN_DEAD, WITNESS};
use hangar_sdk::pooling::rotation::PRESENTS;
use hangar_sdk::pooling::trusted;
use hangar_sdk::pooling_strategy::{Error, Goal, Intent, Phase, Roster};

use crate::names::Names;

/// Says what the procedure for the goal will do at most.
///
/// # Errors
///
/// [`Error::Unsupported`] for a goal this version does not know.
pub fn outline(_config: &str, intent: &Intent, roster: &Roster) -> Result<Vec<Phase>, Error> {
    let names = Names::new(&intent.instance);
    let own: Vec<String> =
        roster.members.iter().filter(|member| member.is_self).map(|member| member.id.clone()).collect();
    let peers: Vec<String> = trusted(roster).filter(|member| !member.is_self).map(|member| member.id.clone()).collect();
    let phase = |name: &str, title: &str, allowed: &[&str], actors: &[String]| Phase {
        name: name.into(),
        title: title.into(),
        allowed: allowed.iter().map(|&action| action.to_owned()).collect(),
        restarts: 0,
        actors: actors.to_vec(),
    };
    let secrets = [format!("put-secret {}", names.node_secret()), format!("put-secret {}", names.client_secret())];
    let secrets = [secrets[0].as_str(), secrets[1].as_str()];
    let reload = format!("reload {}", names.workload());
    let reload = [reload.as_str(), "verb reload-certificates"];
    let certificates = phase("certificates", "issue leaves and put them into the cluster", &secrets, &own);
    let release = phase("release", "start the database nodes; the API stays down", &["apply-release"], &own);
    let trust = [&secrets[..], &reload, &["apply-release", "acknowledge deployed"]].concat();
    let presents = format!("acknowledge {PRESENTS}");
    let daily = [
        phase("trust", "let in the members of the roster", &trust, &own),
        phase(
            "proof",
            "prove that new members accept us, and that new authorities are in use",
            &["acknowledge accepted-by", presents.as_str()],
            &own,
        ),
        phase(
            "evict",
            "take the nodes of who is put out out of the universe",
            &["verb change-placement", "verb change-blacklist", "verb change-masters"],
            &peers,
        ),
    ];
    let renewed = phase(
        "certificates",
        "issue new leaves, replace the pods of the API one by one, and let every node load them",
        &[&secrets[..], &["apply-release"], &reload].concat(),
        &own,
    );
    let mut phases = match &intent.goal {
        Goal::Create => vec![
            certificates,
            release,
            phase("found", "keep the identity of the universe", &["record-cluster-id"], &own),
            phase("serve", "lay down the schema and start the API", &["apply-release"], &own),
        ],
        Goal::Join => vec![
            phase(
                "gate",
                "wait until every member has loaded our authority and accepts us",
                &["acknowledge accepted-by", "set-state joining"],
                &peers,
            ),
            certificates,
            release,
            phase(
                "join",
                "add our masters to the universe, one by one, and let copies lie here too",
                &["verb change-masters", "verb change-placement"],
                &own,
            ),
            phase(
                "serve",
                "start the API once every member is accepted by our nodes",
                &["apply-release", "set-state active"],
                &peers,
            ),
        ],
        Goal::Operate => Vec::new(),
        Goal::Leave => {
            let allowed = [
                "apply-release",
                "set-state leaving",
                "verb change-placement",
                "verb change-blacklist",
                "verb change-masters",
                "set-state gone",
            ];
            let title = "stop the API, take our nodes out of the universe, and publish that we are gone";
            return Ok(vec![phase("leave", title, &allowed, &peers)]);
        }
        Goal::RotateLeaves => return Ok(vec![renewed]),
        Goal::RotateCa => vec![renewed],
        Goal::Other((name, _)) if name == WITNESS => {
            let title = "look whether the member is dead, and publish what was seen";
            return Ok(vec![phase("evict", title, &[format!("acknowledge {SEEN_DEAD}").as_str()], &own)]);
        }
        Goal::Other((name, _)) => return Err(Error::Unsupported(name.clone())),
    };
    phases.extend(daily);
    Ok(phases)
}
