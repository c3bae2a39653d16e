//! A plan as people read it: a stable form that can be compared with one that was approved.

use std::fmt;

use super::{Effect, Part, Plan};

impl Effect {
    /// As a heading.
    fn title(self) -> &'static str {
        match self {
            Self::AtRisk => "data or known addresses at risk",
            Self::Told => "addresses and names that partners must be told",
            Self::Nodes => "nodes replaced or removed",
            Self::Other => "everything else",
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "Instance `{}` is as it should be: nothing to do.", self.instance);
        }
        writeln!(f, "Plan for instance `{}`:", self.instance)?;
        for part in self.parts.iter().filter(|part| !part.is_empty()) {
            write!(f, "\n{part}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Infrastructure(part) => {
                writeln!(f, "  infrastructure by `{}`: {} resources change", part.provider, part.changes.len())?;
                let mut effect = None;
                // A heading over everything says nothing.
                let has_groups = part.changes.iter().any(|change| change.effect != Effect::Other);
                for change in &part.changes {
                    if has_groups && effect != Some(change.effect) {
                        writeln!(f, "   {}:", change.effect.title())?;
                        effect = Some(change.effect);
                    }
                    let reason = change.reason.as_deref().map(|reason| format!("  ({reason})")).unwrap_or_default();
                    let guarded = if change.guarded { "  needs --allow-replace" } else { "" };
                    writeln!(f, "    {} {}{reason}{guarded}", sign(&change.action), change.address)?;
                }
                part.cost.iter().try_for_each(|cost| writeln!(f, "   cost: {cost}"))
            }
            Self::Keys(part) => {
                writeln!(f, "  into secret store `{}`:", part.store)?;
                part.made.iter().try_for_each(|made| writeln!(f, "    + {made}"))
            }
            Self::Namespace(part) => writeln!(f, "  + namespace `{}`", part.name),
            Self::Release(part) => {
                writeln!(f, "  release `{}` in namespace `{}` of chart {}:", part.name, part.namespace, part.chart)?;
                part.changes.iter().try_for_each(|change| writeln!(f, "    {change}"))
            }
            Self::Pool(part) => {
                writeln!(f, "  {} pool `{}`, at most:", part.goal, part.pool)?;
                for phase in &part.phases {
                    let actors = match phase.actors.as_slice() {
                        [] => "whoever the roster names then".into(),
                        actors => actors.join(", "),
                    };
                    writeln!(
                        f,
                        "    {}: {} (by {actors}; at most {} restarts)",
                        phase.name, phase.title, phase.restarts
                    )?;
                    phase.allowed.iter().try_for_each(|allowed| writeln!(f, "      {allowed}"))?;
                }
                Ok(())
            }
            Self::KnownAfter(part) => writeln!(f, "  {}: known after {}", part.what, part.step),
        }
    }
}

/// A sign beside terraform's word, so that colour never carries the meaning alone.
fn sign(action: &str) -> String {
    match action {
        "create" => "+ create".into(),
        "delete" => "- delete".into(),
        "update" => "~ update".into(),
        "replace" => "-/+ replace".into(),
        "read" => "<= read".into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan;
    use super::super::{Envelope, Infrastructure, ResourceChange};
    use super::*;
    use crate::strategy::decision::Phase;

    #[test]
    fn a_plan_has_a_stable_text() {
        assert_eq!(
            plan().to_string(),
            "Plan for instance `uss1`:\n\n  infrastructure by `local`: 1 resources change\n    + create \
             terraform_data.node[0]\n\n  + namespace `dss`\n\n  API endpoint: known after infrastructure/apply\n"
        );
    }

    #[test]
    fn changes_stand_under_what_they_mean() {
        let change = |address: &str, action: &str, effect, guarded| ResourceChange {
            address: address.into(),
            action: action.into(),
            reason: None,
            effect,
            guarded,
        };
        let part = Part::Infrastructure(Infrastructure {
            stack: "infrastructure".into(),
            provider: "aws".into(),
            changes: vec![
                change("aws_eip.node[0]", "replace", Effect::AtRisk, true),
                change("aws_eip.node[1]", "create", Effect::Told, false),
                change("aws_vpc.this", "update", Effect::Other, false),
            ],
            cost: Some("about 312.00 USD a month".into()),
        });
        assert_eq!(
            part.to_string(),
            "  infrastructure by `aws`: 3 resources change\n   data or known addresses at risk:\n    -/+ replace \
             aws_eip.node[0]  needs --allow-replace\n   addresses and names that partners must be told:\n    + create \
             aws_eip.node[1]\n   everything else:\n    ~ update aws_vpc.this\n   cost: about 312.00 USD a month\n"
        );
    }

    #[test]
    fn a_phase_names_who_acts_in_it_or_says_that_the_roster_will() {
        let phase = |name: &str, actors: &[&str]| Phase {
            name: name.into(),
            title: name.to_uppercase(),
            allowed: vec![format!("verb {name}")],
            restarts: 0,
            actors: actors.iter().map(|actor| (*actor).to_owned()).collect(),
        };
        let part = Part::Pool(Envelope {
            pool: "east".into(),
            goal: "create".into(),
            phases: vec![phase("found", &["uss1"]), phase("evict", &[])],
        });
        assert_eq!(
            part.to_string(),
            "  create pool `east`, at most:\n    found: FOUND (by uss1; at most 0 restarts)\n      verb found\n    \
             evict: EVICT (by whoever the roster names then; at most 0 restarts)\n      verb evict\n"
        );
    }
}
