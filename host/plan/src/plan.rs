//! What would be done, and why: one value that is shown, approved and then run exactly.

use serde::{Deserialize, Serialize};

use crate::strategy::decision::Phase;

mod text;

/// Everything one command would do.
///
/// Exact parts are run as they stand. Envelopes bound what depends on others: what is decided later must fit them. What
/// cannot be known yet says after which step it will be. Equal states of the world give equal plans, so a plan can be
/// compared with one that was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Plan {
    /// Version of this form: 1.
    pub version: u32,
    /// Instance it is about.
    pub instance: String,
    /// Parts, in the order they are done.
    pub parts: Vec<Part>,
}

/// One part of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Part {
    /// Exact: the saved plan of one terraform stack.
    Infrastructure(Infrastructure),
    /// Exact: keys and certificates that will be made.
    Keys(Keys),
    /// Exact: a Kubernetes namespace that will be made.
    Namespace(Namespace),
    /// Exact: a Helm release and what of it changes.
    Release(Release),
    /// An envelope: the phases of a pooling procedure.
    Pool(Envelope),
    /// Not known yet.
    KnownAfter(KnownAfter),
}

/// The saved plan of one terraform stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Infrastructure {
    /// Stack.
    pub stack: String,
    /// Plugin that rendered it.
    pub provider: String,
    /// Changes, by what they mean and then by address.
    pub changes: Vec<ResourceChange>,
    /// What it is likely to cost, in words; none where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
}

/// What a change means to an operator, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Data, or an address that partners were told, goes away.
    AtRisk,
    /// An address or a name that partners must be told.
    Told,
    /// A node, or what nodes stand in, is replaced or removed.
    Nodes,
    /// Anything else.
    #[default]
    Other,
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ResourceChange {
    /// Resource address.
    pub address: String,
    /// Terraform's word: `create`, `update`, `replace`, `delete`, ..
    pub action: String,
    /// Why, where terraform says.
    pub reason: Option<String>,
    /// What it means to an operator.
    #[serde(default)]
    pub effect: Effect,
    /// Whether it is done only if asked for by its address.
    #[serde(default)]
    pub guarded: bool,
}

/// Keys and certificates that will be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Keys {
    /// What is made, such as `organisation key`.
    pub made: Vec<String>,
    /// Secret store that takes them.
    pub store: String,
}

/// A Kubernetes namespace that will be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Namespace {
    /// Its name.
    pub name: String,
}

/// A Helm release and what of it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Chart.
    pub chart: String,
    /// Changed objects, such as `+ Service dss-gateway`.
    pub changes: Vec<String>,
}

/// The phases of a pooling procedure: the most that it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Envelope {
    /// Pool.
    pub pool: String,
    /// What is wanted, such as `join`.
    pub goal: String,
    /// Phases, in order.
    pub phases: Vec<Phase>,
}

/// What cannot be known yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KnownAfter {
    /// What.
    pub what: String,
    /// The step after which it will be.
    pub step: String,
}

impl Plan {
    /// A plan without parts.
    #[must_use]
    pub fn new(instance: impl Into<String>) -> Self {
        Self { version: 1, instance: instance.into(), parts: Vec::new() }
    }

    /// Whether nothing would be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(Part::is_empty)
    }
}

impl Part {
    /// Whether this part does nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Infrastructure(part) => part.changes.is_empty(),
            Self::Keys(part) => part.made.is_empty(),
            Self::Release(part) => part.changes.is_empty(),
            Self::Pool(part) => part.phases.is_empty(),
            Self::Namespace(_) | Self::KnownAfter(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One with an exact part, one that is short and one that is not known yet.
    pub(super) fn plan() -> Plan {
        let mut plan = Plan::new("uss1");
        plan.parts.push(Part::Infrastructure(Infrastructure {
            stack: "infrastructure".into(),
            provider: "local".into(),
            changes: vec![ResourceChange {
                address: "terraform_data.node[0]".into(),
                action: "create".into(),
                reason: None,
                effect: Effect::Other,
                guarded: false,
            }],
            cost: None,
        }));
        plan.parts.push(Part::Namespace(Namespace { name: "dss".into() }));
        plan.parts
            .push(Part::KnownAfter(KnownAfter { what: "API endpoint".into(), step: "infrastructure/apply".into() }));
        plan
    }

    #[test]
    fn a_plan_survives_its_json_form() {
        let text = serde_json::to_string(&plan()).expect("a plan has a JSON form");
        assert_eq!(serde_json::from_str::<Plan>(&text).expect("its own form"), plan());
    }
}
