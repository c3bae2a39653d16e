//! Steps that more than one procedure takes.

use hangar_sdk::pooling_strategy::{
    AcknowledgementKind, Action, Check, Error, Expectation, MemberState, PutSecret, SecretSource, Step, Verb,
};

use crate::certificates;
use crate::probes;
use crate::situation::Situation;
use crate::values;

const STEP_MS: u32 = 60_000;
/// Images are pulled and volumes bound in this time.
const ROLLOUT_MS: u32 = 10 * 60_000;
/// Replicas are copied over the network in this time.
const DECOMMISSION_MS: u32 = 60 * 60_000;

/// Puts both Secrets with this instance's leaves and the bundle of the members it must trust.
pub(crate) fn put_secrets(situation: &Situation<'_>, phase: &str) -> Result<Vec<Step>, Error> {
    let config = serde_json::json!({
        "leaf_days": situation.config.leaf_days,
        "authority_days": situation.config.authority_days,
    });
    let policy = certificates::certificates(&config.to_string(), situation.intent)?;
    let bundle = situation.bundle();
    Ok(policy
        .profiles
        .into_iter()
        .map(|profile| {
            let placement = profile.placement;
            let has_bundle = Check {
                probe: probes::secret(placement.secret.clone()),
                expectation: Expectation::Authorities(bundle.clone()),
            };
            Step {
                key: format!("put-secret/{}/{}", placement.secret, digest(&bundle)),
                title: format!(
                    "put certificates and the bundle of {} authorities into secret `{}`",
                    bundle.len(),
                    placement.secret
                ),
                requires: Vec::new(),
                already_done: Some(has_bundle.clone()),
                action: Action::PutSecret(PutSecret {
                    name: placement.secret,
                    files: vec![
                        (placement.certificate_file, SecretSource::Leaf(profile.id.clone())),
                        (placement.key_file, SecretSource::Key(profile.id)),
                        ("ca.crt".into(), SecretSource::Bundle(bundle.clone())),
                    ],
                }),
                verify: Some(has_bundle),
                deadline_ms: STEP_MS,
                phase: phase.into(),
            }
        })
        .collect())
}

/// Applies the release with the values that follow from the roster. `overlay` adds to them.
pub(crate) fn apply_release(
    situation: &Situation<'_>,
    phase: &str,
    key: &str,
    overlay: impl FnOnce(&mut serde_json::Value),
    requires: &[Step],
) -> Result<Step, Error> {
    let mut values = values::database(&situation.config, situation.intent, situation.roster)?;
    overlay(&mut values);
    Ok(Step {
        key: format!("apply-release/{key}"),
        title: "apply the release of the services".into(),
        requires: requires.iter().map(|step| step.key.clone()).collect(),
        already_done: None,
        action: Action::ApplyRelease(values.to_string()),
        verify: Some(Check {
            probe: probes::workload(situation.names.workload()),
            expectation: Expectation::AllRunning,
        }),
        deadline_ms: ROLLOUT_MS,
        phase: phase.into(),
    })
}

/// Initialises the cluster. Asked for only when every own node was just seen waiting, and only by the founder.
pub(crate) fn init(situation: &Situation<'_>) -> Step {
    let mut arguments = vec![format!("--host={}", situation.names.pod_host(0))];
    if let Some(name) = &situation.config.cluster_name {
        arguments.push(format!("--cluster-name={name}"));
    }
    let serving = Check { probe: probes::ready(&situation.names, 0), expectation: Expectation::Status(200) };
    Step {
        key: "init".into(),
        title: "initialise the database cluster, once in the pool's life".into(),
        requires: Vec::new(),
        already_done: Some(serving.clone()),
        action: Action::Verb(Verb { name: "init".into(), arguments }),
        verify: Some(serving),
        deadline_ms: 2 * STEP_MS,
        phase: "found".into(),
    }
}

/// Takes nodes out of the cluster in one call, so that no replica moves twice. The database checks first whether what remains
/// can hold every range, and changes nothing where it cannot; said twice it is done once.
pub(crate) fn decommission(situation: &Situation<'_>, ids: &[String], server: &str, phase: &str) -> Step {
    let mut arguments = ids.to_vec();
    arguments.push(format!("--host={server}"));
    if let Some(name) = &situation.config.cluster_name {
        arguments.push(format!("--cluster-name={name}"));
    }
    Step {
        key: format!("decommission/{}", digest(ids)),
        title: format!("take nodes {} out of the cluster, once their replicas are elsewhere", ids.join(", ")),
        requires: Vec::new(),
        already_done: None,
        action: Action::Verb(Verb { name: "decommission".into(), arguments }),
        verify: None,
        deadline_ms: DECOMMISSION_MS,
        phase: phase.into(),
    }
}

/// Waits until every pod has loaded exactly this bundle.
pub(crate) fn reload(situation: &Situation<'_>, phase: &str, requires: &[Step]) -> Step {
    let workload = situation.names.workload();
    let bundle = situation.bundle();
    let loaded =
        Check { probe: probes::mounted(workload.clone()), expectation: Expectation::Authorities(bundle.clone()) };
    Step {
        key: format!("reload/{}", digest(&bundle)),
        title: format!("let every node of `{workload}` load the bundle of {} authorities", bundle.len()),
        requires: requires.iter().map(|step| step.key.clone()).collect(),
        already_done: Some(loaded.clone()),
        action: Action::Reload(workload),
        verify: Some(loaded),
        deadline_ms: 3 * STEP_MS,
        phase: phase.into(),
    }
}

pub(crate) fn acknowledge(kind: AcknowledgementKind, phase: &str) -> Step {
    let (key, title) = match &kind {
        AcknowledgementKind::Deployed(bundle) => (
            format!("acknowledge/deployed/{}", digest(bundle)),
            format!("publish that every node has loaded {} authorities", bundle.len()),
        ),
        AcknowledgementKind::AcceptedBy((member, authority)) => (
            format!("acknowledge/accepted-by/{member}/{}", &authority[..authority.len().min(16)]),
            format!("publish that every node of `{member}` accepted this organisation's authority"),
        ),
        AcknowledgementKind::Other((name, _)) => (format!("acknowledge/{name}"), format!("publish `{name}`")),
    };
    bookkeeping(key, title, Action::Acknowledge(kind), phase)
}

pub(crate) fn set_state(state: MemberState, phase: &str) -> Step {
    let name = match state {
        MemberState::Asking => "asking",
        MemberState::Joining => "joining",
        MemberState::Active => "active",
        MemberState::Leaving => "leaving",
        MemberState::Gone => "gone",
    };
    let title = format!("publish that this organisation is {name}");
    bookkeeping(format!("set-state/{name}"), title, Action::SetState(state), phase)
}

pub(crate) fn record_cluster_id(id: &str) -> Step {
    let title = format!("keep {id} as the identity of the pool's database");
    bookkeeping(format!("record-cluster-id/{id}"), title, Action::RecordClusterId(id.into()), "found")
}

fn bookkeeping(key: String, title: String, action: Action, phase: &str) -> Step {
    Step {
        key,
        title,
        requires: Vec::new(),
        already_done: None,
        action,
        verify: None,
        deadline_ms: STEP_MS,
        phase: phase.into(),
    }
}

/// A short stable name for a list of texts, so that a step for another bundle is another step.
pub(crate) fn digest(texts: &[String]) -> String {
    // FNV-1a: only told apart, never trusted.
    let hash = texts
        .iter()
        .flat_map(|text| text.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}
