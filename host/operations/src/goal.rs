//! What a run wants of the pool.

use hangar_plan::strategy::intent::Goal as StrategyGoal;
use hangar_pool::{Heeds, Until};

/// Goal of an organisation whose nodes are of the pool's cluster already.
const ADOPT: &str = "adopt";

/// What a run wants of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Goal {
    Create,
    Join,
    /// A member's daily state.
    Operate,
    /// As above, until our vote is settled.
    Settle,
    /// Out of the pool; `consent` to a pool that survives less.
    Leave {
        consent: bool,
    },
    /// Look whether a member is dead, and say so.
    Witness {
        member: String,
    },
    /// Over to the authority with this fingerprint.
    RotateCa {
        authority: String,
    },
    /// Leaves that are older than this are replaced.
    RotateCerts {
        before_ms: u64,
    },
}

impl Goal {
    pub(crate) fn of_strategy(&self) -> StrategyGoal {
        match self {
            Self::Create => StrategyGoal::Create,
            Self::Join => StrategyGoal::Join,
            Self::Operate | Self::Settle => StrategyGoal::Operate,
            Self::Leave { .. } => StrategyGoal::Leave,
            Self::Witness { member } => {
                StrategyGoal::Other(("witness".into(), vec![("member".into(), member.clone())]))
            }
            Self::RotateCa { .. } => StrategyGoal::RotateCa,
            Self::RotateCerts { .. } => StrategyGoal::RotateLeaves,
        }
    }

    /// As above, of an organisation whose nodes other tools made: it proves what is there and touches nothing, until it is asked
    /// to take them over.
    pub(crate) fn of_strategy_for(&self, is_adopted: bool, takes_over: bool) -> StrategyGoal {
        match self {
            Self::Operate if takes_over => StrategyGoal::Operate,
            Self::Create | Self::Join | Self::Operate | Self::Settle if is_adopted => {
                StrategyGoal::Other((ADOPT.into(), Vec::new()))
            }
            _ => self.of_strategy(),
        }
    }

    /// What the strategy is told beyond the goal.
    pub(crate) fn facts(&self) -> Vec<(String, String)> {
        let fact = |name: &str, value: String| vec![(name.to_owned(), value)];
        match self {
            Self::Leave { consent: true } => fact("consent", "tolerance".into()),
            Self::RotateCa { authority } => fact("authority", authority.clone()),
            Self::RotateCerts { before_ms } => fact("renew-before", before_ms.to_string()),
            _ => Vec::new(),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Join => "join",
            Self::Operate | Self::Settle => "operate",
            Self::Leave { .. } => "leave",
            Self::Witness { .. } => "witness",
            Self::RotateCa { .. } => "rotate-ca",
            Self::RotateCerts { .. } => "rotate-certs",
        }
    }

    /// Whose word the run waits for.
    pub(crate) fn heeds(&self) -> Heeds {
        match self {
            Self::Witness { member } => member.parse().map_or(Heeds::All, Heeds::AllBut),
            Self::RotateCerts { .. } => Heeds::Nobody,
            _ => Heeds::All,
        }
    }

    /// When the run is over.
    pub(crate) fn until(&self) -> Until {
        match self {
            Self::Settle | Self::RotateCa { .. } => Until::Closed,
            Self::Leave { .. } => Until::Change,
            _ => Until::Goal,
        }
    }
}
