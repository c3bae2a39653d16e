//! Steps that more than one procedure takes.

use crate::pooling::{Database, Situation, probes};
use crate::pooling_strategy::{
    AcknowledgementKind, Action, Check, Error, Expectation, MemberState, PutSecret, SecretSource, Step, Verb,
};

/// For what is one request, or a file that the cluster carries to its pods.
pub const STEP_MS: u32 = 60_000;
/// Images are pulled and volumes bound in this time.
pub const ROLLOUT_MS: u32 = 10 * 60_000;

/// Puts every Secret with this instance's leaves and the bundle of the members it must trust. Profiles of one Secret are put
/// together.
pub fn put_secrets<D: Database>(situation: &Situation<'_, D>, phase: &str) -> Vec<Step> {
    let bundle = situation.bundle();
    let mut steps: Vec<Step> = Vec::new();
    for profile in situation.database.policy(situation.intent).profiles {
        let placement = profile.placement;
        let key = format!("put-secret/{}/{}", placement.secret, digest(&bundle));
        let at = steps.iter().position(|step| step.key == key).unwrap_or(steps.len());
        if at == steps.len() {
            steps.push(put_secret(key, placement.secret, &bundle, phase));
        }
        let Action::PutSecret(put) = &mut steps[at].action else { unreachable!("made above") };
        put.files.push((placement.certificate_file, SecretSource::Leaf(profile.id.clone())));
        put.files.push((placement.key_file, SecretSource::Key(profile.id)));
        if let Some(file) = placement.bundle_file
            && !put.files.iter().any(|(known, _)| *known == file)
        {
            put.files.push((file, SecretSource::Bundle(bundle.clone())));
        }
    }
    steps
}

/// Whether a step puts this Secret.
#[must_use]
pub fn puts(step: &Step, secret: &str) -> bool {
    matches!(&step.action, Action::PutSecret(put) if put.name == secret)
}

fn put_secret(key: String, name: String, bundle: &[String], phase: &str) -> Step {
    let has_bundle =
        Check { probe: probes::secret(name.clone()), expectation: Expectation::Authorities(bundle.to_vec()) };
    Step {
        key,
        title: format!("put certificates and the bundle of {} authorities into secret `{name}`", bundle.len()),
        requires: Vec::new(),
        already_done: Some(has_bundle.clone()),
        action: Action::PutSecret(PutSecret { name, files: Vec::new() }),
        verify: Some(has_bundle),
        deadline_ms: STEP_MS,
        phase: phase.into(),
    }
}

/// Applies the release with the values that follow from the roster. `overlay` adds to them.
///
/// # Errors
///
/// [`Error`] where the database has no values for this instance.
pub fn apply_release<D: Database>(
    situation: &Situation<'_, D>,
    phase: &str,
    key: &str,
    overlay: impl FnOnce(&mut serde_json::Value),
    requires: &[Step],
) -> Result<Step, Error> {
    let mut values = situation.database.values(situation.intent, situation.roster)?;
    overlay(&mut values);
    Ok(Step {
        key: format!("apply-release/{key}"),
        title: "apply the release of the services".into(),
        requires: requires.iter().map(|step| step.key.clone()).collect(),
        already_done: None,
        action: Action::ApplyRelease(values.to_string()),
        verify: Some(Check {
            probe: probes::workload(situation.database.workload(situation.intent)),
            expectation: Expectation::AllRunning,
        }),
        deadline_ms: ROLLOUT_MS,
        phase: phase.into(),
    })
}

/// Steps by which every own node loads exactly the bundle it must trust.
pub fn load_bundle<D: Database>(situation: &Situation<'_, D>, phase: &str, requires: &[Step]) -> Vec<Step> {
    let database = &situation.database;
    let bundle = situation.bundle();
    let loaded = Check {
        probe: probes::mounted(database.workload(situation.intent)),
        expectation: Expectation::Authorities(bundle.clone()),
    };
    database.load(situation.intent, &digest(&bundle), loaded, phase, requires)
}

/// Waits until every pod has what is checked for.
#[must_use]
pub fn reload(workload: String, name: &str, loaded: Check, phase: &str, requires: &[Step]) -> Step {
    Step {
        key: format!("reload/{name}"),
        title: match &loaded.expectation {
            Expectation::Authorities(bundle) => {
                format!("let every node of `{workload}` load the bundle of {} authorities", bundle.len())
            }
            _ => "let every node load its new certificate".into(),
        },
        requires: requires.iter().map(|step| step.key.clone()).collect(),
        already_done: Some(loaded.clone()),
        action: Action::Reload(workload),
        verify: Some(loaded),
        deadline_ms: 3 * STEP_MS,
        phase: phase.into(),
    }
}

/// Runs a verb of the database's own program.
#[must_use]
pub fn verb(key: String, title: String, name: &str, arguments: Vec<String>, deadline_ms: u32, phase: &str) -> Step {
    Step { deadline_ms, ..bookkeeping(key, title, Action::Verb(Verb { name: name.into(), arguments }), phase) }
}

/// No row begins with one of these values.
#[must_use]
pub fn none_of(values: Vec<String>) -> Expectation {
    Expectation::Other(("none-of".into(), values))
}

/// Publishes what this member has proved.
#[must_use]
pub fn acknowledge(kind: AcknowledgementKind, phase: &str) -> Step {
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

/// Publishes where this member stands.
#[must_use]
pub fn set_state(state: MemberState, phase: &str) -> Step {
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

/// Keeps the identity of the pool's database.
#[must_use]
pub fn record_cluster_id(id: &str, phase: &str) -> Step {
    let title = format!("keep {id} as the identity of the pool's database");
    bookkeeping(format!("record-cluster-id/{id}"), title, Action::RecordClusterId(id.into()), phase)
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
#[must_use]
pub fn digest(texts: &[String]) -> String {
    // FNV-1a: only told apart, never trusted.
    let hash = texts
        .iter()
        .flat_map(|text| text.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}
