//! A pooling strategy, as this room sees it.

use async_trait::async_trait;
use hangar_plan::strategy::certificate::CertificatePolicy;
use hangar_plan::strategy::decision::{Decision, Phase};
use hangar_plan::strategy::intent::Intent;
use hangar_plan::strategy::member::Roster;
use hangar_plan::strategy::observation::Facts;
use hangar_plan::strategy::probe::Probe;

/// Why a strategy gave no answer: its own words, or the runtime's about it.
pub type StrategyFailure = Box<dyn std::error::Error + Send + Sync>;

/// Decides for one kind of database. Pure: equal arguments give equal answers; it never acts.
#[async_trait]
pub trait Strategy: Send + Sync {
    /// Says which certificates an instance needs.
    async fn certificates(&self, intent: &Intent) -> Result<CertificatePolicy, StrategyFailure>;

    /// Says what the procedure for the goal will do at most.
    async fn outline(&self, intent: &Intent, roster: &Roster) -> Result<Vec<Phase>, StrategyFailure>;

    /// Says what to do next.
    async fn decide(&self, intent: &Intent, roster: &Roster, facts: &Facts) -> Result<Decision, StrategyFailure>;

    /// Says what to look at for a status of the pool.
    async fn status_probes(&self, intent: &Intent, roster: &Roster) -> Result<Vec<Probe>, StrategyFailure>;
}
