//! A plugin as a pooling strategy.

use hangar_plan::diagnostic::Diagnostic;
use hangar_plan::grant::Kind;
use hangar_plan::strategy::certificate::CertificatePolicy;
use hangar_plan::strategy::decision::{Decision, Phase, StrategyError};
use hangar_plan::strategy::intent::Intent;
use hangar_plan::strategy::member::Roster;
use hangar_plan::strategy::observation::Facts;
use hangar_plan::strategy::probe::Probe;
use serde_json::Value;

use super::Plugin;
use crate::bindings::pooling_strategy::PoolingStrategyPre;
use crate::bindings::pooling_strategy::hangar::pooling_strategy::types as wit;
use crate::call::Purity;
use crate::error::{Fault, PluginError};
use crate::lift::Translate;
use crate::policy::StrategyPolicy;

const KIND: Kind = Kind::PoolingStrategy;

/// A plugin as a pooling strategy. Every call is pure; what comes out of it was checked against the grant.
#[derive(Debug, Clone)]
pub struct Strategy {
    pub(super) plugin: Plugin,
}

/// Calls a function of the contract in an instance of its own.
macro_rules! call {
    ($self:ident, $name:literal, $function:ident($($argument:ident),*)) => {
        $self.plugin.call(KIND, $name, Purity::Pure, move |mut store, guest| async move {
            let guest = PoolingStrategyPre::new(guest)?.instantiate_async(&mut store).await?;
            guest.hangar_pooling_strategy_strategy().$function(&mut store, $(&$argument),*).await
        })
    };
}

impl Strategy {
    /// Checks the plugin's block beyond its schema; all findings at once.
    ///
    /// # Errors
    ///
    /// [`PluginError`] if there is no answer.
    pub async fn validate(&self, config: &Value) -> Result<Vec<Diagnostic>, PluginError> {
        let config = config.to_string();
        Ok(call!(self, "validate", call_validate(config)).await?.translate())
    }

    /// Says which certificates an instance needs.
    ///
    /// # Errors
    ///
    /// [`Fault::Strategy`] with the plugin's reason, [`Fault::Refused`] with everything that is not granted, otherwise
    /// why there is no answer.
    pub async fn certificates(&self, config: &Value, intent: &Intent) -> Result<CertificatePolicy, PluginError> {
        let (config, lowered): (_, wit::Intent) = (config.to_string(), intent.clone().translate());
        let answer = call!(self, "certificates", call_certificates(config, lowered)).await?;
        let policy: CertificatePolicy = self.answer("certificates", answer)?;
        self.policy(intent, None).check_certificates(&policy).map_err(self.plugin.refuse("certificates"))?;
        Ok(policy)
    }

    /// Says which chart values make the database part of this pool.
    ///
    /// # Errors
    ///
    /// As [`Self::certificates`].
    pub async fn values(&self, config: &Value, intent: &Intent, roster: &Roster) -> Result<Value, PluginError> {
        let (config, lowered, members) = lower(config, intent, roster);
        let answer = call!(self, "values", call_values(config, lowered, members)).await?;
        let values: String = self.answer("values", answer)?;
        self.policy(intent, Some(roster)).check_values(&values).map_err(self.plugin.refuse("values"))
    }

    /// Says what the procedure for the goal will do at most.
    ///
    /// # Errors
    ///
    /// As [`Self::certificates`].
    pub async fn outline(&self, config: &Value, intent: &Intent, roster: &Roster) -> Result<Vec<Phase>, PluginError> {
        let (config, lowered, members) = lower(config, intent, roster);
        let answer = call!(self, "outline", call_outline(config, lowered, members)).await?;
        self.answer("outline", answer)
    }

    /// Says what to do next.
    ///
    /// # Errors
    ///
    /// As [`Self::certificates`].
    pub async fn decide(
        &self,
        config: &Value,
        intent: &Intent,
        roster: &Roster,
        facts: &Facts,
    ) -> Result<Decision, PluginError> {
        let (config, lowered, members) = lower(config, intent, roster);
        let facts: wit::Facts = facts.clone().translate();
        let answer = call!(self, "decide", call_decide(config, lowered, members, facts)).await?;
        let decision: Decision = self.answer("decide", answer)?;
        self.policy(intent, Some(roster)).check_decision(&decision).map_err(self.plugin.refuse("decide"))?;
        Ok(decision)
    }

    /// Says what to look at for a status of the pool from this member's own nodes.
    ///
    /// # Errors
    ///
    /// As [`Self::certificates`].
    pub async fn status_probes(
        &self,
        config: &Value,
        intent: &Intent,
        roster: &Roster,
    ) -> Result<Vec<Probe>, PluginError> {
        let (config, lowered, members) = lower(config, intent, roster);
        let answer = call!(self, "status-probes", call_status_probes(config, lowered, members)).await?;
        let probes: Vec<Probe> = self.answer("status-probes", answer)?;
        self.policy(intent, Some(roster)).check_probes(&probes).map_err(self.plugin.refuse("status-probes"))?;
        Ok(probes)
    }

    fn policy<'a>(&'a self, intent: &'a Intent, roster: Option<&'a Roster>) -> StrategyPolicy<'a> {
        let grant = self.plugin.grant().pooling_strategy.as_ref().expect("checked when the kind was asked for");
        StrategyPolicy { grant, intent, roster }
    }

    fn answer<A: Translate<B>, B>(&self, call: &'static str, answer: Result<A, wit::Error>) -> Result<B, PluginError> {
        answer.map(Translate::translate).map_err(|err| {
            let err: StrategyError = err.translate();
            self.plugin.error(call, Fault::Strategy(err))
        })
    }
}

fn lower(config: &Value, intent: &Intent, roster: &Roster) -> (String, wit::Intent, wit::Roster) {
    (config.to_string(), intent.clone().translate(), roster.clone().translate())
}
