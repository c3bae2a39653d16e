//! Add-ons that we have installed, as the journal keeps them, and how one that nobody names any more goes away.

use std::collections::BTreeSet;
use std::path::Path;

use async_trait::async_trait;
use hangar_engine::{Attempt, Engine, Seen, Step, StepContext, StepError, Steps};
use hangar_helm::{Marks, ReleaseName, Releases};
use hangar_kube::{Cluster, namespace};
use hangar_plan::infrastructure::{AddOn, Infrastructure};
use hangar_plan::plan::{Part, Release};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{DEADLINE, MADE_FOR};
use crate::down::CLOUD_REMOVES;
use crate::failure::{Cause, Failure};
use crate::hands::outside;
use crate::infrastructure::{Provider, unkept};
use crate::services::{HELM_DEADLINE, failed};
use crate::session::{Session, key};

/// Where the journal keeps what we have installed, or were about to.
const SCOPE: &str = "add-ons";

/// One add-on as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Installed {
    namespace: String,
    name: String,
    chart: String,
    /// Its place among those that were installed with it: the last goes first.
    place: usize,
}

impl Installed {
    fn of(add_on: &AddOn, place: usize) -> Self {
        let AddOn { namespace, name, chart, .. } = add_on.clone();
        Self { namespace, name, chart, place }
    }

    /// Its key in the journal: a release is one by its namespace and its name.
    fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Takes an add-on of ours away, and then the namespace that was made for it, if nothing else of ours is in it.
///
/// Probe: no release of this name stands that we made. Act: one `uninstall`. What others have put in its place stays.
pub(crate) struct RemoveAddOn {
    installed: Installed,
    release: ReleaseName,
    releases: Releases,
    cluster: Cluster,
    marks: Marks,
    /// Whether the namespace goes too if it was made for add-ons of ours.
    is_last_there: bool,
}

impl RemoveAddOn {
    async fn stands(&self) -> Result<bool, StepError> {
        let (namespace, release) = (self.installed.namespace.as_str(), &self.release);
        let is_there = self.releases.latest(namespace, release).await.map_err(failed)?.is_some();
        Ok(is_there && self.releases.foreign(namespace, release, &self.marks).await.map_err(failed)?.is_none())
    }

    async fn takes_namespace(&self) -> Result<bool, StepError> {
        let bears = namespace::bears(&self.cluster, &self.installed.namespace, MADE_FOR, &self.marks.lineage);
        Ok(self.is_last_there && bears.await.map_err(outside)?)
    }

    async fn remove(&self, folder: &Path) -> Result<(), StepError> {
        let namespace = self.installed.namespace.as_str();
        if self.stands().await? {
            let gone = self.releases.uninstall(namespace, &self.release, folder, HELM_DEADLINE).await;
            gone.map_err(failed)?;
        }
        if self.takes_namespace().await? {
            namespace::delete(&self.cluster, namespace, CLOUD_REMOVES).await.map_err(outside)?;
        }
        Ok(())
    }

    /// What of it there is to do, for the plan; none if nothing is left of it.
    async fn part(&self) -> Result<Option<Part>, StepError> {
        let Installed { namespace, name, chart, .. } = self.installed.clone();
        let mut changes = Vec::new();
        if self.stands().await? {
            changes.push("uninstall: nothing asks for it any more".to_owned());
        }
        if self.takes_namespace().await? {
            changes.push(format!("remove namespace `{namespace}`, which was made for it"));
        }
        Ok((!changes.is_empty()).then_some(Part::Release(Release { name, namespace, chart, changes })))
    }
}

#[async_trait]
impl Step for RemoveAddOn {
    const NAME: &'static str = "remove-add-on";
    type Output = ();

    fn input(&self) -> Value {
        json!({ "name": self.installed.name, "namespace": self.installed.namespace })
    }

    fn deadline(&self) -> std::time::Duration {
        DEADLINE
    }

    async fn settle(&self, _cx: &StepContext, earlier: &Attempt) -> Result<(), StepError> {
        hangar_helm::settle(&earlier.folder, HELM_DEADLINE).await.map(drop).map_err(failed)
    }

    async fn probe(&self, _cx: &StepContext) -> Result<Seen<()>, StepError> {
        let is_gone = !self.stands().await? && !self.takes_namespace().await?;
        Ok(if is_gone { Seen::Done(()) } else { Seen::NotDone })
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        cx.waiting(format!("add-on `{}` is uninstalled", self.installed.name));
        self.remove(&cx.folder().map_err(StepError::outside)?).await
    }
}

/// What there is to take away, for the plan.
pub(crate) async fn parts(leftovers: &[RemoveAddOn]) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    for leftover in leftovers {
        parts.extend(leftover.part().await?);
    }
    Ok(parts)
}

/// As steps, one after the other.
pub(crate) fn steps(leftovers: Vec<RemoveAddOn>) -> Result<Steps, Failure> {
    let named = leftovers.into_iter().map(|step| Ok((key(&format!("remove-add-on/{}", step.installed.key()))?, step)));
    Ok(Steps::in_turn(named.collect::<Result<Vec<_>, Failure>>()?))
}

/// Keeps what is about to be installed, before anything of it is, and forgets what went.
pub(crate) async fn remember(engine: &Engine, stands: &Infrastructure) -> Result<(), Failure> {
    let wanted: Vec<Installed> =
        stands.add_ons.iter().enumerate().map(|(place, add_on)| Installed::of(add_on, place)).collect();
    for gone in installed(engine).await?.iter().filter(|one| wanted.iter().all(|other| other.key() != one.key())) {
        engine.journal().set_fact(SCOPE, &gone.key(), None).await.map_err(unkept)?;
    }
    for one in &wanted {
        let value =
            serde_json::to_vec(one).map_err(|err| Failure::of(Cause::Bug, "an add-on has no JSON form", err))?;
        engine.journal().set_fact(SCOPE, &one.key(), Some(&value)).await.map_err(unkept)?;
    }
    Ok(())
}

/// The last of each run first.
async fn installed(engine: &Engine) -> Result<Vec<Installed>, Failure> {
    let facts = engine.journal().facts(SCOPE).await.map_err(unkept)?;
    let read = |(_, fact): &(String, hangar_engine::Fact)| serde_json::from_slice::<Installed>(&fact.value);
    let mut all: Vec<Installed> = facts
        .iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(|err| Failure::of(Cause::Bug, "the journal's word on the add-ons cannot be read", err))?;
    all.sort_by_key(|one| std::cmp::Reverse(one.place));
    Ok(all)
}

/// Those that nobody names any more, in their order.
fn unnamed(all: Vec<Installed>, wanted: &[AddOn]) -> Vec<Installed> {
    let is_named =
        |one: &Installed| wanted.iter().any(|other| (&other.namespace, &other.name) == (&one.namespace, &one.name));
    all.into_iter().filter(|one| !is_named(one)).collect()
}

impl Session {
    /// What we have installed and what stands does not ask for.
    pub(crate) async fn leftover_add_ons(
        &self,
        engine: &Engine,
        provider: &Provider,
        stands: &Infrastructure,
    ) -> Result<Vec<RemoveAddOn>, Failure> {
        let leftovers = unnamed(installed(engine).await?, &stands.add_ons);
        let kept = stands.add_ons.iter().map(|add_on| add_on.namespace.clone()).collect();
        self.removals(engine, provider, stands, leftovers, kept).await
    }

    /// Takes all of them away: what stands asks for, and what it once asked for.
    pub(crate) async fn remove_add_ons(
        &self,
        engine: &Engine,
        provider: &Provider,
        stands: &Infrastructure,
    ) -> Result<(), Failure> {
        let mut all = unnamed(installed(engine).await?, &stands.add_ons);
        all.extend(stands.add_ons.iter().enumerate().rev().map(|(place, add_on)| Installed::of(add_on, place)));
        for removal in self.removals(engine, provider, stands, all, BTreeSet::new()).await? {
            (self.waiting)(&format!("add-on `{}` is uninstalled", removal.installed.name));
            removal.remove(&self.site.paths.state().join("uninstall").join(&removal.installed.name)).await?;
        }
        remember(engine, &Infrastructure { add_ons: Vec::new(), ..stands.clone() }).await
    }

    /// A namespace goes with the last of those in it, unless it is kept or that of the services.
    async fn removals(
        &self,
        engine: &Engine,
        provider: &Provider,
        stands: &Infrastructure,
        leftovers: Vec<Installed>,
        mut kept: BTreeSet<String>,
    ) -> Result<Vec<RemoveAddOn>, Failure> {
        if leftovers.is_empty() {
            return Ok(Vec::new());
        }
        kept.insert(self.site.workspace.instance.namespace.to_string());
        let (access, cluster) = self.connection(provider, stands).await?;
        let mut removals = Vec::new();
        for (n, installed) in leftovers.iter().enumerate() {
            let namespace = &installed.namespace;
            let is_last = leftovers[n + 1..].iter().all(|other| other.namespace != *namespace);
            removals.push(RemoveAddOn {
                release: ReleaseName::new(installed.name.as_str())
                    .map_err(|err| Failure::of(Cause::Bug, "an add-on was installed under no name", err))?,
                releases: self.releases(&cluster, &access, namespace).await?,
                cluster: cluster.clone(),
                marks: self.marks(engine.journal()),
                is_last_there: is_last && !kept.contains(namespace),
                installed: installed.clone(),
            });
        }
        Ok(removals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_on(namespace: &str, name: &str) -> AddOn {
        let text = String::new;
        AddOn { name: name.into(), namespace: namespace.into(), chart: text(), values: text(), identity: None }
    }

    #[test]
    fn an_add_on_is_named_by_its_namespace_and_its_name() {
        let all = [add_on("a", "x"), add_on("b", "x"), add_on("a", "y")];
        let all = all.iter().enumerate().map(|(place, one)| Installed::of(one, place)).collect();
        let left = unnamed(all, &[add_on("a", "x"), add_on("c", "y")]);
        assert_eq!(left.iter().map(Installed::key).collect::<Vec<_>>(), ["b/x", "a/y"]);
    }
}
