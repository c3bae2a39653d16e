//! `pool create | request`: the first record of an organisation.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hangar_pki::Authority;
use hangar_plan::plan::{Envelope, Part, Plan};
use hangar_plan::strategy::observation::Observation;
use hangar_pool::{OwnRecord, Strategy as _};
use hangar_roster::next::{self, Beginning};
use hangar_roster::{Presence, Record, Roster, State};

use super::Identity;
use crate::carriers::carrier;
use crate::clock::now_ms;
use crate::failure::{Cause, Failure};
use crate::goal::Goal;
use crate::means::Means;
use crate::organisation;
use crate::pool_adopt::{self, Adoption};
use crate::pool_records::{make_recovery_key, recovery_key};
use crate::pooling::{Connected, Membership, no_pool, record, strategy};
use crate::session::Session;

impl Session {
    /// Founds the pool; nothing where the operator says no. The only command that ever leads to an initialised database.
    /// `silence` is how long a member of the pool may leave the question unanswered whether it lives; it never changes. With
    /// `adoption` the database runs already: it gets a roster, and neither an `init` nor another pod.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_create(
        &self,
        recovery: Option<&Path>,
        silence: Option<Duration>,
        adoption: Option<&Adoption<'_>>,
    ) -> Result<Option<Identity>, Failure> {
        let (engine, means) = self.begin("pool create").await?;
        let membership = match self.membership(&means.vault).await? {
            Some(membership) => {
                if membership.own.roster().own_record().record().genesis.is_none() {
                    let what = "this instance has asked to join a pool, so it cannot found that one";
                    return Err(Failure::person(what).hint_is(
                        "`hangar pool join --from FINGERPRINT` goes on; a pool of your own has another `name` in the \
                         workspace file",
                    ));
                }
                refuse_other(&membership.own, recovery, silence)?;
                membership
            }
            None => {
                let made = self.adopted(&means, adoption).await?;
                let (key, beginning) = self.beginning(&means, made.as_ref()).await?;
                let by = if made.is_some() { "hangar pool create --adopt" } else { "hangar pool create" };
                let mut record = next::genesis(beginning, by.into(), now_ms());
                if let (Some(genesis), Some(silence)) = (&mut record.genesis, silence) {
                    genesis.silence_ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
                }
                if !self.approve_goal(&means, &key, &record, Goal::Create).await? {
                    return Ok(None);
                }
                record.recovery_key = recovery.map(make_recovery_key).transpose()?;
                if let Some(made) = &made {
                    pool_adopt::keep(&means, made).await?;
                }
                self.begin_record(key, record)?
            }
        };
        let identity = Identity::of(&membership.own);
        self.drive(&engine, &means, membership, Goal::Create).await?;
        Ok(Some(identity))
    }

    /// Asks to join: publishes our first record, which is public data and nothing else. With `adoption` our nodes are of the
    /// pool's cluster already, and none of them is touched.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn pool_request(
        &self,
        recovery: Option<&Path>,
        adoption: Option<&Adoption<'_>>,
    ) -> Result<Identity, Failure> {
        let (_engine, means) = self.begin("pool request").await?;
        let membership = match self.membership(&means.vault).await? {
            Some(membership) if membership.is_active() => {
                return Err(Failure::refused("this instance is in the pool already").hint_is("`hangar pool status`"));
            }
            Some(membership) => {
                refuse_other(&membership.own, recovery, None)?;
                membership.own.refresh().map_err(record)?;
                let mut stands = pool_adopt::stands(&means.journal).await?;
                if adoption.is_some() && !stands {
                    refuse_voted(&membership.own)?;
                    if let Some(made) = self.adopted(&means, adoption).await? {
                        // Nothing is kept that our record may not say.
                        let (_, beginning) = self.beginning(&means, Some(&made)).await?;
                        let presence = next::presence(&membership.own.roster(), beginning.presence, now_ms());
                        presence.map_err(|err| record(err.into()))?;
                        pool_adopt::keep(&means, &made).await?;
                        stands = true;
                    }
                }
                let made = if stands { organisation::read_authority(&means.vault).await? } else { None };
                let (_, beginning) = self.beginning(&means, made.as_ref()).await?;
                if is_out(&membership.own.roster()) {
                    self.refuse_former_nodes(&means).await?;
                }
                ask_anew(&membership.own)?;
                membership.own.step(|roster| next::presence(roster, beginning.presence, now_ms())).map_err(record)?;
                membership
            }
            None => {
                let made = self.adopted(&means, adoption).await?;
                let (key, mut beginning) = self.beginning(&means, made.as_ref()).await?;
                beginning.recovery_key = recovery.map(make_recovery_key).transpose()?;
                if let Some(made) = &made {
                    pool_adopt::keep(&means, made).await?;
                }
                self.begin_record(key, next::request(beginning, now_ms()))?
            }
        };
        Ok(Identity::of(&membership.own))
    }

    /// Nodes that have left are out of the database for good, whatever their volumes hold, and would never join.
    async fn refuse_former_nodes(&self, means: &Means) -> Result<(), Failure> {
        let (_, services) = self.standing_services(means).await?;
        match services.observe(self.site.workspace.instance.release.as_str()).await? {
            Observation::Absent => Ok(()),
            _ => Err(Failure::person("the nodes that have left the pool still stand, and come into none again")
                .hint_is("`hangar down` takes them and their volumes; then `hangar up`, and ask anew")),
        }
    }

    async fn adopted(&self, means: &Means, adoption: Option<&Adoption<'_>>) -> Result<Option<Authority>, Failure> {
        match adoption {
            Some(adoption) => self.made_by_others(means, adoption).await.map(Some),
            None => Ok(None),
        }
    }

    /// What our first record says of us; `made` is the authority that other tools made, which our nodes have.
    async fn beginning(
        &self,
        means: &Means,
        made: Option<&Authority>,
    ) -> Result<(hangar_roster::OrganisationKey, Beginning), Failure> {
        let database = self.site.database(&means.runtime).await?.ok_or_else(no_pool)?;
        let stands = self.standing(&means.journal).await?;
        let (settings, _) = self.site.workspace.pool.as_ref().ok_or_else(no_pool)?;
        let not_yet =
            || Failure::refused("this organisation has no key and authority yet").hint_is("`hangar up` makes them");
        let key = organisation::read_key(&means.vault).await?.ok_or_else(not_yet)?;
        let kept = organisation::read_authority(&means.vault).await?.ok_or_else(not_yet)?;
        let authority = made.unwrap_or(&kept);
        let name = |err: hangar_roster::BadName| Failure::of(Cause::Refused, "this name cannot stand in a record", err);
        let beginning = Beginning {
            pool: settings.name.as_str().parse().map_err(name)?,
            member: self.site.workspace.instance.name.as_str().parse().map_err(name)?,
            key: key.public(),
            recovery_key: None,
            presence: Presence {
                adopted: made.is_some(),
                ..self.presence(&stands, &authority.certificate().to_pem(), &database)?
            },
        };
        Ok((key, beginning))
    }

    fn begin_record(&self, key: hangar_roster::OrganisationKey, first: Record) -> Result<Membership, Failure> {
        let path = self.site.roster_path(first.pool.as_str());
        let own = OwnRecord::begin(&path, key, carrier(&self.site)?, first).map_err(record)?;
        Ok(Membership { own: Arc::new(own) })
    }

    /// Shows the envelope of a goal before the first record is written.
    async fn approve_goal(
        &self,
        means: &Means,
        key: &hangar_roster::OrganisationKey,
        first: &Record,
        goal: Goal,
    ) -> Result<bool, Failure> {
        let Connected { pooling, .. } = self.connected(means, None).await?;
        let roster = Roster::start(first.clone().sign(key));
        let describe = |pem: &str| {
            hangar_pki::Certificate::from_pem(pem).ok().map(|certificate| hangar_pki::authority(&certificate))
        };
        let mut intent = pooling.intent.clone();
        intent.goal = goal.of_strategy_for(first.presence.adopted, false);
        let phases = pooling.strategy.outline(&intent, &roster.view(describe)).await.map_err(strategy)?;
        let mut plan = Plan::new(intent.instance.name.clone());
        plan.parts.push(Part::Pool(Envelope { pool: pooling.pool_name(), goal: goal.name().into(), phases }));
        (self.approve)(&plan)
    }
}

/// Whoever has left, or was put out, asks again.
fn ask_anew(own: &OwnRecord) -> Result<(), Failure> {
    if is_out(&own.roster()) {
        own.step(|roster| next::state(roster, State::Gone, now_ms())).map_err(record)?;
        own.step(|roster| next::state(roster, State::Asking, now_ms())).map_err(record)?;
    }
    Ok(())
}

fn is_out(roster: &Roster) -> bool {
    roster.own_record().record().state == State::Gone || roster.is_expelled(roster.own())
}

/// What only a first record says, and this one says otherwise: it would be taken for done.
fn refuse_other(own: &OwnRecord, recovery: Option<&Path>, silence: Option<Duration>) -> Result<(), Failure> {
    let roster = own.roster();
    let record = roster.own_record().record();
    let named = record.recovery_key;
    let hint = "run the command again without `--recovery`: a record names its recovery key once and for all";
    if let Some(path) = recovery {
        let shown = path.display();
        if !path.exists() {
            let what = format!("our first record is out, and there is no `{shown}` to hold against the key in it");
            return Err(Failure::person(what).hint_is(hint));
        }
        if Some(recovery_key(path)?.public()) != named {
            let what = format!("our first record is out, and `{shown}` is not the recovery key in it");
            return Err(Failure::person(what).hint_is(hint));
        }
    }
    let period = record.genesis.as_ref().map(|genesis| genesis.silence_ms);
    match silence.map(|silence| u64::try_from(silence.as_millis()).unwrap_or(u64::MAX)) {
        Some(asked) if period != Some(asked) => {
            Err(Failure::person("the pool is founded, with another period of silence than that")
                .hint_is("run the command again without `--silence`: it never changes"))
        }
        _ => Ok(()),
    }
}

/// What others have voted for stays as it is, and who has left has no nodes of the pool's cluster.
fn refuse_voted(own: &OwnRecord) -> Result<(), Failure> {
    let roster = own.roster();
    if is_out(&roster) {
        return Err(Failure::person(
            "this organisation has left the pool, and its nodes are out of the database for good",
        )
        .hint_is("ask anew without `--adopt`"));
    }
    let is_asking = roster.own_record().record().state == State::Asking;
    if is_asking && roster.changes().iter().all(|change| change.subject != *roster.own()) {
        return Ok(());
    }
    Err(Failure::person("others have voted for us as we asked, with nodes that are to be made")
        .hint_is("whoever invited us takes that back first: `hangar pool reject US`"))
}
