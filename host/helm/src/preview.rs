//! What a deploy would change in the cluster, tried on the server before anything is done.

use std::collections::BTreeSet;
use std::fmt;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use crate::deploy::Deploy;
use crate::difference::{self, Field};
use crate::error::HelmError;
use crate::live::{Live, Owned, Tried};
use crate::manifest::{Manifest, Object};
use crate::ownership::{self, Owner};
use crate::record;
use crate::releases::Releases;

/// Objects that are tried at the same time.
const AT_ONCE: usize = 8;

/// What a deploy would change in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preview {
    /// Objects that change, in Helm's order of installation; then those that go.
    pub changes: Vec<ObjectChange>,
    /// Objects that only run, whenever anything else changes: hooks.
    pub hooks: Vec<Object>,
    /// A release of this name that was not made by us, in words; to adopt it must be said.
    pub foreign: Option<String>,
}

/// What happens to one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectChange {
    /// The object.
    pub object: Object,
    /// What happens to it.
    pub effect: Effect,
    /// Fields that change; empty for what comes or goes.
    pub fields: Vec<Field>,
    /// Whether the pods that it makes are replaced by it.
    pub restarts: bool,
    /// Fields that would change and that others own.
    pub conflicts: Vec<Owned>,
}

/// What happens to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It comes.
    Create,
    /// It changes.
    Update,
    /// It goes.
    Delete,
    /// It leaves the release and stays, since its own annotation says so.
    Leave,
    /// It is there, made by others (in words), and becomes part of the release.
    Adopt(String),
    /// It is made anew around the pods and volumes that it has, which stay; says why it cannot be changed in place.
    Remake(String),
}

impl Releases {
    /// Says what [`Self::deploy`] would change in the cluster, object by object and field by field. Changes nothing, and
    /// finds out what the API server would refuse.
    ///
    /// # Errors
    ///
    /// As for rendering, and what the API server refuses, with the object.
    pub async fn preview(&self, wanted: &Deploy<'_>) -> Result<Preview, HelmError> {
        let manifest = self.helm.render(&wanted.to_render(), wanted.cache).await?;
        record::check_size(wanted.chart, wanted.values, &manifest)?;
        self.preview_of(wanted, &manifest).await
    }

    pub(crate) async fn preview_of(&self, wanted: &Deploy<'_>, manifest: &Manifest) -> Result<Preview, HelmError> {
        let latest = self.latest(wanted.namespace, wanted.release).await?;
        let before = self.standing(wanted.namespace, wanted.release).await?;
        let live = Live::of(&self.client, wanted.namespace, manifest.objects().chain(before.objects())).await?;
        let trial = Trial { live: &live, wanted, defined: defined(manifest)? };
        let mut preview =
            Preview { foreign: latest.as_ref().and_then(|record| record.foreign(wanted.marks)), ..Preview::default() };
        let mut tried = Vec::new();
        for object in manifest.objects() {
            let value = manifest.value(object)?;
            if ownership::is_hook(&value) {
                preview.hooks.push(object.clone());
            } else {
                tried.push((object, value));
            }
        }
        let mut trials: Vec<BoxFuture<'_, Result<Option<ObjectChange>, HelmError>>> = Vec::new();
        for (object, value) in tried {
            trials.push(trial.change(object, value).boxed());
        }
        let changes: Vec<_> = futures::stream::iter(trials).buffered(AT_ONCE).try_collect().await?;
        preview.changes.extend(changes.into_iter().flatten());
        for object in gone(&before, manifest) {
            preview.changes.extend(trial.removal(object, &before).await?);
        }
        Ok(preview)
    }
}

/// Objects that are tried on the server, one after the other.
struct Trial<'a> {
    live: &'a Live<'a>,
    wanted: &'a Deploy<'a>,
    /// Kinds that the chart itself defines.
    defined: BTreeSet<String>,
}

impl Trial<'_> {
    async fn change(&self, object: &Object, mut value: Value) -> Result<Option<ObjectChange>, HelmError> {
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
        let owner = Owner::of(&before, self.wanted.release, self.wanted.namespace);
        let mut change = made(owner.map_or(Effect::Update, |owner| Effect::Adopt(owner.to_string())));
        let after = match self.live.try_apply(object, &value).await? {
            Tried::Accepted(after) => after,
            Tried::NoNamespace => return Ok(Some(change)),
            Tried::Immutable(why) => {
                change.effect = Effect::Remake(why);
                return Ok(Some(change));
            }
            Tried::Conflicts(owned) => {
                change.conflicts = owned;
                match self.live.take(object, &value).await? {
                    Tried::Accepted(after) => after,
                    Tried::Immutable(why) => {
                        (change.effect, change.conflicts) = (Effect::Remake(why), Vec::new());
                        return Ok(Some(change));
                    }
                    Tried::NoNamespace | Tried::Conflicts(_) => return Ok(Some(change)),
                }
            }
        };
        // Helm's own marks on what is adopted are said by the effect already.
        let mut marked = before.clone();
        ownership::mark(&mut marked, self.wanted.release, self.wanted.namespace);
        let shown = if change.effect == Effect::Update { &before } else { &marked };
        change.fields = difference::between(shown, &after, object.kind == "Secret");
        change.restarts = replaces_pods(object, &before, &after);
        let is_change = !change.fields.is_empty() || change.effect != Effect::Update;
        Ok(is_change.then_some(change))
    }

    /// What was part of the release and is no more.
    async fn removal(&self, object: &Object, before: &Manifest) -> Result<Option<ObjectChange>, HelmError> {
        let value = before.value(object)?;
        if ownership::is_hook(&value) || !self.live.serves(object) || self.live.read(object).await?.is_none() {
            return Ok(None);
        }
        let effect = if ownership::is_kept(&value) { Effect::Leave } else { Effect::Delete };
        Ok(Some(ObjectChange {
            object: object.clone(),
            effect,
            fields: Vec::new(),
            restarts: false,
            conflicts: Vec::new(),
        }))
    }
}

/// Objects of one manifest that another does not have. A version of an API is no part of who an object is.
fn gone<'a>(before: &'a Manifest, after: &Manifest) -> Vec<&'a Object> {
    let is_same = |one: &Object, other: &Object| {
        (&one.kind, &one.namespace, &one.name) == (&other.kind, &other.namespace, &other.name)
    };
    before.objects().filter(|one| !after.objects().any(|other| is_same(one, other))).collect()
}

/// Kinds that a manifest defines itself.
fn defined(manifest: &Manifest) -> Result<BTreeSet<String>, HelmError> {
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

impl Preview {
    /// Whether the cluster is as it would be afterwards.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.effect == Effect::Leave)
    }

    /// Refuses what a deploy must not do by itself: overwrite fields of others, take over what others made, make a
    /// workload anew. The last two may be asked for (`adopt`).
    ///
    /// # Errors
    ///
    /// [`HelmError::Foreign`], [`HelmError::NotOurs`], [`HelmError::Refused`], [`HelmError::FieldConflict`].
    pub fn allow(&self, release: &str, adopt: bool) -> Result<(), HelmError> {
        if adopt {
            return Ok(());
        }
        if let Some(by) = &self.foreign {
            return Err(HelmError::Foreign { release: release.to_owned(), by: by.clone() });
        }
        for change in &self.changes {
            let object = &change.object;
            match &change.effect {
                Effect::Adopt(owner) => {
                    return Err(HelmError::NotOurs { detail: format!("{object}, made by {owner}") });
                }
                Effect::Remake(why) => return Err(HelmError::Refused { detail: why.clone() }),
                _ => {}
            }
            if !change.conflicts.is_empty() {
                let owned: Vec<_> = change.conflicts.iter().map(ToString::to_string).collect();
                return Err(HelmError::FieldConflict { detail: format!("{object}: {}", owned.join(", ")) });
            }
        }
        Ok(())
    }

    /// One line for each object and each field, as a plan shows them.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(by) = &self.foreign {
            lines.push(format!("! the release is there already, made by {by}"));
        }
        for change in &self.changes {
            lines.push(change.to_string());
            lines.extend(change.fields.iter().map(|field| format!("    {field}")));
            lines.extend(change.conflicts.iter().map(|owned| format!("    ! {owned}")));
        }
        if !self.is_empty() {
            lines.extend(self.hooks.iter().map(|hook| format!("> {hook} runs")));
        }
        lines
    }
}

impl fmt::Display for ObjectChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, effect, restarts, .. } = self;
        match effect {
            Effect::Create => write!(f, "+ {object}")?,
            Effect::Update => write!(f, "~ {object}")?,
            Effect::Delete => write!(f, "- {object}")?,
            Effect::Leave => write!(f, "= {object} leaves the release and stays")?,
            Effect::Adopt(owner) => write!(f, "~ {object}, adopted from {owner}")?,
            Effect::Remake(_) => write!(f, "-/+ {object}, made anew; its pods and volumes stay")?,
        }
        if *restarts { f.write_str(" (replaces its pods)") } else { Ok(()) }
    }
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` owns `{}`", self.manager, self.field)
    }
}
