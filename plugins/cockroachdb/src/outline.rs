//! What a procedure will do at most, for the operator to approve before it starts.

use hangar_sdk::pooling::membership::{SEEN_DEAD, WITNESS};
use hangar_sdk::pooling::rotation::PRESENTS;
use hangar_sdk::pooling::trusted;
use hangar_sdk::pooling_strategy::{Error, Goal, Intent, MemberState, Phase, Roster};

use crate::adopt::{self, ADOPT};
use crate::config::Config;
use crate::leave::LEAVING_NODES;
use crate::names::Names;
use crate::{maintenance, takeover, upgrade};

/// Says what the procedure for the goal will do at most.
///
/// # Errors
///
/// [`Error::Unsupported`] for a goal this version does not know, [`Error::Invalid`] about the block.
pub fn outline(config: &str, intent: &Intent, roster: &Roster) -> Result<Vec<Phase>, Error> {
    let names = Names::new(&intent.instance, Config::parse(config)?.layout);
    let secrets = [format!("put-secret {}", names.node_secret()), format!("put-secret {}", names.client_secret())];
    let phase = |name: &str, title: &str, allowed: Vec<String>, actors: Vec<String>| Phase {
        name: name.into(),
        title: title.into(),
        allowed,
        restarts: 0,
        actors,
    };
    let own = || roster.members.iter().filter(|member| member.is_self).map(|member| member.id.clone()).collect();
    let peers = || trusted(roster).filter(|member| !member.is_self).map(|member| member.id.clone()).collect();
    let certificates = || phase("certificates", "issue leaves and put them into the cluster", secrets.to_vec(), own());
    let release =
        || phase("release", "start the database nodes; the API stays down", vec!["apply-release".into()], own());
    let daily = || {
        let trust = secrets.iter().cloned().chain([
            "apply-release".into(),
            format!("reload {}", names.workload()),
            "acknowledge deployed".into(),
        ]);
        let taken_over = takeover::is_due(intent).then(|| Phase {
            restarts: u32::try_from(intent.instance.nodes.len()).unwrap_or(u32::MAX),
            ..phase(
                takeover::PHASE,
                "take over the nodes that other tools made: certificates of ours, our release, and a restart of one after the other",
                secrets
                    .iter()
                    .cloned()
                    .chain([
                        "apply-release".into(),
                        format!("restart {}", names.workload()),
                        format!("acknowledge {}", maintenance::MAINTENANCE),
                    ])
                    .collect(),
                peers(),
            )
        });
        let rest = vec![
            phase(
                "shrink",
                "take our own nodes that go, and those that lost their volume, out of the cluster",
                vec!["verb decommission".into()],
                own(),
            ),
            Phase {
                // Each node once, for its new program.
                restarts: u32::try_from(intent.instance.nodes.len()).unwrap_or(u32::MAX),
                ..phase(
                    upgrade::PHASE,
                    "where the image is of another release: restart our nodes with it, one by one, after the members before us; \
                     the first member lets the cluster go over to it once all run it",
                    vec![
                        "verb hold-upgrade".into(),
                        "verb finish-upgrade".into(),
                        "apply-release".into(),
                        format!("restart {}", names.workload()),
                        format!("acknowledge {}", upgrade::UPGRADE),
                        format!("acknowledge {}", maintenance::MAINTENANCE),
                    ],
                    peers(),
                )
            },
            phase("trust", "let in the members of the roster", trust.collect(), own()),
            phase(
                "proof",
                "prove that new members accept us, and that new authorities are in use",
                vec!["acknowledge accepted-by".into(), format!("acknowledge {PRESENTS}")],
                own(),
            ),
            phase(
                "evict",
                "take the nodes of who is put out out of the cluster",
                vec!["verb decommission".into()],
                peers(),
            ),
        ];
        taken_over.into_iter().chain(rest).collect::<Vec<_>>()
    };
    let leave = || {
        phase(
            "leave",
            "ask the database whether it can do without our nodes, stop the API, take our nodes out of the cluster, and publish \
             that we are gone",
            vec![
                "verb check-decommission".into(),
                "apply-release".into(),
                format!("acknowledge {LEAVING_NODES}"),
                "set-state leaving".into(),
                "verb decommission".into(),
                "set-state gone".into(),
            ],
            peers(),
        )
    };
    let is_leaving = roster.members.iter().any(|member| member.is_self && member.state == MemberState::Leaving);
    let renewed = || {
        let allowed = secrets.iter().cloned().chain(["apply-release".into(), format!("reload {}", names.workload())]);
        let title = "issue new leaves, replace the pods of the API one by one, and let every node load them";
        phase("certificates", title, allowed.collect(), own())
    };
    let mut phases = match &intent.goal {
        Goal::Create => vec![
            certificates(),
            release(),
            phase(
                "found",
                "initialise the cluster once and keep its identity",
                vec!["verb init".into(), "record-cluster-id".into()],
                own(),
            ),
            phase("serve", "lay down the schema and start the API", vec!["apply-release".into()], own()),
        ],
        Goal::Join => vec![
            phase(
                "gate",
                "wait until every member has loaded our authority and accepts us",
                vec!["acknowledge accepted-by".into(), "set-state joining".into()],
                peers(),
            ),
            certificates(),
            release(),
            phase(
                "serve",
                "start the API once every member is accepted by our nodes",
                vec!["apply-release".into(), "set-state active".into()],
                peers(),
            ),
        ],
        // A leave that has begun is gone on with.
        Goal::Operate if is_leaving => vec![leave()],
        Goal::Operate => daily(),
        Goal::Leave => vec![leave()],
        Goal::RotateLeaves => vec![renewed()],
        Goal::RotateCa => daily().into_iter().chain([renewed()]).collect(),
        Goal::Other((name, _)) if name == WITNESS => vec![phase(
            "evict",
            "look whether the member is dead, and publish what was seen",
            vec![format!("acknowledge {SEEN_DEAD}")],
            own(),
        )],
        Goal::Other((name, _)) if name == ADOPT => adopt::outline(secrets.to_vec(), own(), peers()),
        Goal::Other((name, _)) => return Err(Error::Unsupported(name.clone())),
    };
    if matches!(intent.goal, Goal::Create | Goal::Join) {
        phases.extend(daily());
    }
    Ok(phases)
}
