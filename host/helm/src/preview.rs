//! What a deploy would change in the cluster, tried on the server before anything is done.

mod trial;

use std::fmt;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use trial::{Trial, defined, gone};

use crate::beside::Neighbour;
use crate::deploy::Deploy;
use crate::difference::Field;
use crate::error::HelmError;
use crate::live::{Live, Owned};
use crate::manifest::{Manifest, Object};
use crate::ownership;
use crate::record;
use crate::releases::Releases;

/// Objects that are tried at the same time.
const AT_ONCE: usize = 8;

/// What a deploy would change in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preview {
    /// Objects that change, in Helm's order of installation; then those that go.
    pub changes: Vec<ObjectChange>,
    /// Objects that only run, whenever anything else changes: hooks of installs and upgrades.
    pub hooks: Vec<Object>,
    /// A release of this name that was not made by us, in words; to adopt it must be said.
    pub foreign: Option<String>,
    /// Objects of others that stay beside the release: those that it would double, and, where it takes something over, all.
    pub neighbours: Vec<Neighbour>,
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
    /// It is made anew, a set around the pods and volumes that it has, which stay; says why it cannot be changed in place.
    Remake(String),
    /// It is a set of ours whose volumes grow: claims ask for more, and it is made anew around the pods that it has.
    Enlarge,
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
                preview.hooks.extend(ownership::runs_at_deploy(&value).then(|| object.clone()));
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
        preview.neighbours = self.neighbours(wanted, manifest, &preview).await?;
        Ok(preview)
    }
}

impl Preview {
    /// Whether the cluster is as it would be afterwards.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.effect == Effect::Leave)
    }

    /// Whether something that others made becomes part of the release.
    pub(crate) fn takes_over(&self) -> bool {
        self.foreign.is_some() || self.changes.iter().any(|change| matches!(change.effect, Effect::Adopt(_)))
    }

    /// Refuses what a deploy must not do by itself: double a workload of others with empty volumes or take one away, overwrite
    /// fields of others, take over what others made, make a workload anew. All but the first two may be asked for (`adopt`).
    ///
    /// # Errors
    ///
    /// [`HelmError::Twin`], [`HelmError::VolumesLost`], [`HelmError::Foreign`], [`HelmError::NotOurs`], [`HelmError::Refused`],
    /// [`HelmError::FieldConflict`].
    pub fn allow(&self, release: &str, adopt: bool) -> Result<(), HelmError> {
        if let Some((neighbour, twin)) = self.neighbours.iter().find_map(|one| Some((one, one.twin.as_ref()?))) {
            return Err(HelmError::Twin {
                object: neighbour.object.to_string(),
                by: neighbour.by.clone(),
                program: twin.program.clone(),
                made: twin.of.to_string(),
            });
        }
        let is_lost = |change: &&ObjectChange| change.effect == Effect::Delete && holds_data(&change.object);
        if let Some(lost) = self.changes.iter().find(is_lost).filter(|_| self.foreign.is_some()) {
            let reason = "the chart has nothing of that name, so it would be taken away".to_owned();
            return Err(HelmError::VolumesLost { object: lost.object.to_string(), reason });
        }
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
            lines.extend(self.neighbours.iter().map(ToString::to_string));
        }
        lines
    }
}

/// Whether an object is, or alone keeps, what nobody can make again.
fn holds_data(object: &Object) -> bool {
    ["StatefulSet", "PersistentVolumeClaim"].contains(&object.kind.as_str())
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
            Effect::Remake(_) if object.kind == "StatefulSet" => {
                write!(f, "-/+ {object}, made anew; its pods and volumes stay")?;
            }
            Effect::Remake(_) => write!(f, "-/+ {object}, made anew")?,
            Effect::Enlarge => write!(f, "~ {object}, with larger volumes; its pods stay")?,
        }
        if *restarts { f.write_str(" (replaces its pods)") } else { Ok(()) }
    }
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` owns `{}`", self.manager, self.field)
    }
}
