//! A procedure of the pool, driven to its goal, and what is owed before it begins.

use std::sync::Arc;

use hangar_engine::Engine;
use hangar_plan::plan::{Envelope, Part, Plan};
use hangar_pool::{Drive, Heeds, Owed, OwnRecord, Strategy as _, Tell};
use hangar_roster::State;

use super::{Connected, Membership, pool, record, strategy};
use crate::failure::Failure;
use crate::goal::Goal;
use crate::means::Means;
use crate::pool_adopt;
use crate::pool_presence::{When, former_hosts};
use crate::restart::is_due;
use crate::session::Session;
use crate::up::work;

impl Session {
    /// Goes round until the goal is reached.
    pub(crate) async fn drive(
        &self,
        engine: &Engine,
        means: &Means,
        membership: Membership,
        goal: Goal,
    ) -> Result<(), Failure> {
        self.drive_attended(engine, means, membership, goal, &|_| ()).await
    }

    /// As above; `attend` does with our record what the goal asks for beyond the strategy, in every round.
    pub(crate) async fn drive_attended(
        &self,
        engine: &Engine,
        means: &Means,
        membership: Membership,
        goal: Goal,
        attend: &(dyn Fn(&OwnRecord) + Send + Sync),
    ) -> Result<(), Failure> {
        let Connected { mut hands, pooling, stands, is_adopted } = self.connected(means, Some(&membership.own)).await?;
        if let (Goal::RotateCerts { before_ms }, Some(hands)) = (&goal, Arc::get_mut(&mut hands)) {
            hands.renew_before = *before_ms;
        }
        let heeds = goal.heeds();
        if heeds != Heeds::Nobody {
            membership.own.refresh().map_err(record)?;
        }
        let follows = goal == Goal::Operate && is_at_rest(&membership.own);
        if follows {
            self.show_presence(&stands, &membership.own, &pooling.database, When::Before)?;
        }
        let mut intent = pooling.intent.clone();
        intent.goal = goal.of_strategy_for(is_adopted, self.adopt);
        intent.pool.facts.extend(goal.facts());
        let phases = pooling.strategy.outline(&intent, &membership.own.view()).await.map_err(strategy)?;
        let mut plan = Plan::new(intent.instance.name.clone());
        plan.parts.push(Part::Pool(Envelope {
            pool: intent.pool.name.clone(),
            goal: goal.name().into(),
            phases: phases.clone(),
        }));
        let operation = engine.begin(work(&format!("pool {}", goal.name()), &plan)).await?;
        let trusting = Arc::clone(&hands);
        let refreshed = |own: &OwnRecord| {
            // First, since it may put an authority into our record.
            attend(own);
            trusting.trust(own);
        };
        let drive = Drive {
            strategy: &pooling.strategy,
            hands,
            own: Arc::clone(&membership.own),
            operation: &operation,
            intent,
            phases,
            heeds,
            tell: &Waiting(self),
            cancel: self.site.cancel.clone(),
            refreshed: &refreshed,
        };
        let until = goal.until();
        let findings = drive.run(until).await.map_err(pool)?;
        for finding in &findings {
            (self.waiting)(&format!("{}: {}", finding.subject, finding.message));
        }
        operation.finish().await?;
        if is_adopted && self.adopt && goal == Goal::Operate {
            pool_adopt::remember(&means.journal, false).await?;
        }
        if follows {
            let has_former = !former_hosts(&stands, &membership.own).is_empty();
            let when = if has_former && is_due(&trusting.services).await? {
                (self.waiting)("our nodes go by their former names until `hangar restart`, and are found under both");
                When::ButForNames
            } else {
                When::After
            };
            self.show_presence(&stands, &membership.own, &pooling.database, when)?;
        }
        Ok(())
    }

    /// What a member owes now: each release and what of it changes in the cluster, and the envelope of it all. Nothing where
    /// it owes nothing.
    pub(crate) async fn pool_parts(&self, means: &Means) -> Result<Vec<Part>, Failure> {
        let Some(membership) = self.membership(&means.vault).await? else { return Ok(Vec::new()) };
        if !membership.is_active() {
            return Ok(Vec::new());
        }
        let (Connected { hands, pooling, .. }, owed) = self.owed(means, &membership).await?;
        if owed.phases.is_empty() && !owed.waits {
            return Ok(Vec::new());
        }
        let mut parts = Vec::new();
        for overlay in &owed.releases {
            parts.push(Part::Release(hands.services.part(overlay).await?));
        }
        let mut phases = pooling.strategy.outline(&pooling.intent, &membership.own.view()).await.map_err(strategy)?;
        // Whoever has to wait first is shown all that may follow.
        phases.retain(|phase| owed.waits || owed.phases.contains(&phase.name));
        parts.push(Part::Pool(Envelope { pool: pooling.pool_name(), goal: "operate".into(), phases }));
        Ok(parts)
    }

    /// What a member owes now, with what it was asked by.
    pub(crate) async fn owed(&self, means: &Means, membership: &Membership) -> Result<(Connected, Owed), Failure> {
        let mut connected = self.connected(means, Some(&membership.own)).await?;
        let Connected { hands, pooling, is_adopted, .. } = &mut connected;
        pooling.intent.goal = Goal::Operate.of_strategy_for(*is_adopted, self.adopt);
        membership.own.refresh().map_err(record)?;
        hands.trust(&membership.own);
        let owed = hangar_pool::owed(&pooling.strategy, &**hands, &membership.own, &pooling.intent).await;
        Ok((connected, owed.map_err(pool)?))
    }
}

/// In the pool, and neither on the way out nor frozen: its record may follow its nodes.
pub(crate) fn is_at_rest(own: &OwnRecord) -> bool {
    let roster = own.roster();
    roster.own_record().record().state == State::Active && roster.forks().is_empty()
}

/// Hears for whom a procedure waits.
struct Waiting<'a>(&'a Session);

impl Tell for Waiting<'_> {
    fn waiting(&self, what: &str) {
        (self.0.waiting)(&format!("waiting for {what}"));
    }
}
