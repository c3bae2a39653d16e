//! Whether a step lies within what was approved.

use hangar_plan::strategy::action::{Action, Step};
use hangar_plan::strategy::decision::Phase;
use hangar_plan::strategy::member::{AcknowledgementKind, MemberState};

/// Says what a step wants beyond its phase; nothing if it fits.
pub(crate) fn excess(phases: &[Phase], step: &Step) -> Option<String> {
    let Some(phase) = phases.iter().find(|phase| phase.name == step.phase) else {
        return Some(format!("no phase `{}` was approved", step.phase));
    };
    let wanted = name(&step.action);
    (!phase.allowed.contains(&wanted)).then(|| format!("phase `{}` does not allow `{wanted}`", phase.name))
}

/// An action as an envelope spells it.
fn name(action: &Action) -> String {
    match action {
        Action::PutSecret(secret) => format!("put-secret {}", secret.name),
        Action::ApplyRelease(_) => "apply-release".into(),
        Action::Restart(workload) => format!("restart {workload}"),
        Action::Reload(workload) => format!("reload {workload}"),
        Action::Verb(verb) => format!("verb {}", verb.name),
        Action::Sql(sql) => format!("sql {}", sql.class),
        Action::Acknowledge(AcknowledgementKind::Deployed(_)) => "acknowledge deployed".into(),
        Action::Acknowledge(AcknowledgementKind::AcceptedBy(_)) => "acknowledge accepted-by".into(),
        Action::Acknowledge(AcknowledgementKind::Other((name, _))) => format!("acknowledge {name}"),
        Action::SetState(MemberState::Asking) => "set-state asking".into(),
        Action::SetState(MemberState::Joining) => "set-state joining".into(),
        Action::SetState(MemberState::Active) => "set-state active".into(),
        Action::SetState(MemberState::Leaving) => "set-state leaving".into(),
        Action::SetState(MemberState::Gone) => "set-state gone".into(),
        Action::RecordClusterId(_) => "record-cluster-id".into(),
        Action::Other((name, _)) => name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use hangar_plan::strategy::action::{PutSecret, Verb};

    use super::*;

    fn step(phase: &str, verb: &str) -> Step {
        Step {
            key: "x".into(),
            title: String::new(),
            requires: Vec::new(),
            already_done: None,
            action: Action::Verb(Verb { name: verb.into(), arguments: Vec::new() }),
            verify: None,
            deadline_ms: 1,
            phase: phase.into(),
        }
    }

    #[test]
    fn an_envelope_spells_each_action() {
        let says = |kind| Action::Acknowledge(kind);
        for (action, spelt) in [
            (Action::PutSecret(PutSecret { name: "a".into(), files: Vec::new() }), "put-secret a"),
            (Action::ApplyRelease("{}".into()), "apply-release"),
            (Action::Restart("db".into()), "restart db"),
            (Action::Reload("db".into()), "reload db"),
            (Action::Verb(Verb { name: "init".into(), arguments: Vec::new() }), "verb init"),
            (says(AcknowledgementKind::Deployed(Vec::new())), "acknowledge deployed"),
            (says(AcknowledgementKind::AcceptedBy(("a".into(), "b".into()))), "acknowledge accepted-by"),
            (says(AcknowledgementKind::Other(("seen-dead".into(), Vec::new()))), "acknowledge seen-dead"),
            (Action::SetState(MemberState::Asking), "set-state asking"),
            (Action::SetState(MemberState::Joining), "set-state joining"),
            (Action::SetState(MemberState::Active), "set-state active"),
            (Action::SetState(MemberState::Leaving), "set-state leaving"),
            (Action::SetState(MemberState::Gone), "set-state gone"),
            (Action::RecordClusterId("a".into()), "record-cluster-id"),
            (Action::Other(("paint".into(), Vec::new())), "paint"),
        ] {
            assert_eq!(name(&action), spelt);
        }
    }

    #[test]
    fn a_step_outside_of_its_phase_is_told() {
        let phases = [Phase {
            name: "found".into(),
            title: String::new(),
            allowed: vec!["verb init".into()],
            restarts: 0,
            actors: Vec::new(),
        }];
        assert_eq!(excess(&phases, &step("found", "init")), None);
        assert!(excess(&phases, &step("found", "drop")).is_some());
        assert!(excess(&phases, &step("serve", "init")).is_some());
    }
}
