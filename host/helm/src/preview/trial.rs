//! Objects that are tried on the server, one by one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Effect, ObjectChange};
use crate::deploy::Deploy;
use crate::difference;
use crate::enlarge::Enlargement;
use crate::error::HelmError;
use crate::live::{Live, Tried};
use crate::manifest::{Manifest, Object};
use crate::ownership::{self, Owner};

/// Objects that are tried on the server, one after the other.
pub(super) struct Trial<'a> {
    pub(super) live: &'a Live<'a>,
    pub(super) wanted: &'a Deploy<'a>,
    /// Kinds that the chart itself defines.
    pub(super) defined: BTreeSet<String>,
}

impl Trial<'_> {
    pub(super) async fn change(&self, object: &Object, mut value: Value) -> Result<Option<ObjectChange>, HelmError> {
        let made = |effect| ObjectChange {
            object: object.clone(),
            effect,
            fields: Vec::new(),
            restarts: false,
            conflicts: Vec::new(),
        };
        if !self.live.serves(object) && self.defined.contains(&object.kind) {
            return Ok(Some(made(Effect::Create)));
        }
        ownership::mark(&mut value, self.wanted.release, self.wanted.namespace);
        let Some(before) = self.live.read(object).await? else {
            // Tried too: what is refused is refused now, and not half-way.
            self.live.try_apply(object, &value).await?;
            return Ok(Some(made(Effect::Create)));
        };
        if !before["metadata"]["deletionTimestamp"].is_null() {
            return Err(being_deleted(object, &before));
        }
        let owner = Owner::of(&before, self.wanted.release, self.wanted.namespace);
        let mut change = made(owner.map_or(Effect::Update, |owner| Effect::Adopt(owner.to_string())));
        let after = match self.live.try_apply(object, &value).await? {
            Tried::Accepted(after) => after,
            Tried::NoNamespace => return Ok(Some(change)),
            Tried::Immutable(why) => return self.remade(change, &before, &value, why).await.map(Some),
            Tried::Conflicts(owned) => {
                change.conflicts = owned;
                match self.live.take(object, &value).await? {
                    Tried::Accepted(after) => after,
                    Tried::Immutable(why) => return self.remade(change, &before, &value, why).await.map(Some),
                    Tried::NoNamespace | Tried::Conflicts(_) => return Ok(Some(change)),
                }
            }
        };
        let marked = self.marked(&before);
        let shown = if change.effect == Effect::Update { &before } else { &marked };
        change.fields = difference::between(shown, &after, object.kind == "Secret");
        change.restarts = replaces_pods(object, &before, &after);
        let is_change = !change.fields.is_empty() || change.effect != Effect::Update;
        Ok(is_change.then_some(change))
    }

    /// What comes of an object that cannot be changed in place: as if it were not there.
    async fn remade(
        &self,
        change: ObjectChange,
        before: &Value,
        value: &Value,
        why: String,
    ) -> Result<ObjectChange, HelmError> {
        let after = self.live.as_new(&change.object, value).await?;
        let fields = difference::between(&self.marked(before), &after, false);
        let restarts = change.object.kind != "StatefulSet";
        let effect = match Enlargement::of(before, &after).filter(|_| change.effect == Effect::Update) {
            Some(larger) => {
                larger.try_out(self.live.client(), self.wanted.namespace).await?;
                Effect::Enlarge
            }
            None => Effect::Remake(why),
        };
        Ok(ObjectChange { effect, fields, restarts, conflicts: Vec::new(), ..change })
    }

    /// Helm's own marks on what is adopted are said by the effect already.
    fn marked(&self, before: &Value) -> Value {
        let mut marked = before.clone();
        ownership::mark(&mut marked, self.wanted.release, self.wanted.namespace);
        marked
    }

    /// What was part of the release and is no more.
    pub(super) async fn removal(&self, object: &Object, before: &Manifest) -> Result<Option<ObjectChange>, HelmError> {
        let value = before.value(object)?;
        if ownership::is_hook(&value) || !self.live.serves(object) {
            return Ok(None);
        }
        let Some(live) = self.live.read(object).await? else { return Ok(None) };
        // Helm looks at the object itself, which somebody may have annotated since.
        let is_kept = ownership::is_kept(&value) || ownership::is_kept(&live);
        let effect = if is_kept { Effect::Leave } else { Effect::Delete };
        Ok(Some(ObjectChange {
            object: object.clone(),
            effect,
            fields: Vec::new(),
            restarts: false,
            conflicts: Vec::new(),
        }))
    }
}

/// What is applied to an object that is going would go with it.
fn being_deleted(object: &Object, before: &Value) -> HelmError {
    let finalizers = before["metadata"]["finalizers"].as_array().into_iter().flatten();
    let held_by = finalizers.filter_map(|name| name.as_str().map(ToOwned::to_owned)).collect();
    HelmError::BeingDeleted { object: object.to_string(), held_by }
}

/// Objects of one manifest that another does not have. A version of an API is no part of who an object is.
pub(super) fn gone<'a>(before: &'a Manifest, after: &Manifest) -> Vec<&'a Object> {
    let is_same = |one: &Object, other: &Object| {
        (&one.kind, &one.namespace, &one.name) == (&other.kind, &other.namespace, &other.name)
    };
    before.objects().filter(|one| !after.objects().any(|other| is_same(one, other))).collect()
}

/// Kinds that a manifest defines itself.
pub(super) fn defined(manifest: &Manifest) -> Result<BTreeSet<String>, HelmError> {
    let definitions = manifest.objects().filter(|object| object.kind == "CustomResourceDefinition");
    definitions
        .map(|object| Ok(manifest.value(object)?["spec"]["names"]["kind"].as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// Whether the pods of a workload are replaced by a change of it.
fn replaces_pods(object: &Object, before: &Value, after: &Value) -> bool {
    let template = |value: &Value| value["spec"]["template"].clone();
    let by_hand = after["spec"]["updateStrategy"]["type"] == json!("OnDelete");
    ["StatefulSet", "Deployment", "DaemonSet"].contains(&object.kind.as_str())
        && !by_hand
        && template(before) != template(after)
}
