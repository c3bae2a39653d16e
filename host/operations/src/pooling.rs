//! An instance in its pool: the strategy, our record, and the loop that ties them to the drivers.

use hangar_pki::{Bundle, Certificate};
use hangar_plan::grant::{Kind as PluginKind, StrategyGrant};
use hangar_plan::hint::Hint as _;
use hangar_plan::infrastructure::Infrastructure;
use hangar_plan::strategy::certificate::CertificatePolicy;
use hangar_plan::strategy::decision::Finding;
use hangar_plan::strategy::intent::{Goal as StrategyGoal, Instance, Intent, Node, Pool};
use hangar_pool::{OwnRecord, PoolError, Strategy as _};
use hangar_runtime::Runtime;
use serde_json::Value;

use crate::adapters::PluginStrategy;
use crate::database::Database;
use crate::failure::{Cause, Failure};
use crate::infrastructure;
use crate::site::Site;

mod connected;
mod driven;
mod membership;

pub(crate) use connected::Connected;
pub(crate) use driven::is_at_rest;
pub(crate) use membership::Membership;

/// Domain of the Kubernetes cluster; every managed one has this.
const CLUSTER_DOMAIN: &str = "cluster.local";

/// The strategy of a workspace, and what it is told of the instance.
pub(crate) struct Pooling {
    pub(crate) strategy: PluginStrategy,
    pub(crate) intent: Intent,
    pub(crate) grant: StrategyGrant,
    pub(crate) database: Database,
}

impl Pooling {
    /// Loads the strategy and checks its block; none without a pool block.
    pub(crate) async fn load(site: &Site, runtime: &Runtime, stands: &Infrastructure) -> Result<Option<Self>, Failure> {
        let Some((pool, _)) = &site.workspace.pool else { return Ok(None) };
        let block = &pool.block;
        let plugin = site.load_plugin(runtime, PluginKind::PoolingStrategy, block).await?;
        site.check_block(&plugin, PluginKind::PoolingStrategy, block)?;
        let strategy = plugin.strategy().map_err(infrastructure::failed)?;
        let said = strategy.validate(&block.config).await.map_err(infrastructure::failed)?;
        site.refuse(block, &said)?;
        let lock = site.lock()?;
        let locked = lock.plugins.get(&block.plugin);
        let grant = locked.and_then(|locked| locked.grant.pooling_strategy.clone()).unwrap_or_default();
        let database = site.database(runtime).await?.ok_or_else(no_pool)?;
        let instance = &site.workspace.instance;
        let intent = Intent {
            goal: StrategyGoal::Operate,
            instance: Instance {
                name: instance.name.to_string(),
                namespace: instance.namespace.to_string(),
                release: instance.release.to_string(),
                cluster_domain: CLUSTER_DOMAIN.into(),
                image: database.image.to_string(),
                nodes: stands.nodes.iter().map(node).collect(),
                facts: Vec::new(),
            },
            pool: Pool {
                name: pool.name.to_string(),
                locality: pool.locality.to_string(),
                cluster_id: None,
                facts: Vec::new(),
            },
        };
        Ok(Some(Self { strategy: PluginStrategy { strategy, config: block.config.clone() }, intent, grant, database }))
    }

    pub(crate) fn pool_name(&self) -> String {
        self.intent.pool.name.clone()
    }

    pub(crate) async fn certificates(&self) -> Result<CertificatePolicy, Failure> {
        self.strategy.certificates(&self.intent).await.map_err(strategy)
    }
}

fn node(address: &hangar_plan::infrastructure::NodeAddress) -> Node {
    Node {
        ordinal: address.ordinal,
        host: address.host.clone(),
        port: address.port,
        addresses: address.addresses.clone(),
    }
}

/// The authorities of all members, by their verified records.
pub(crate) fn bundle(own: &OwnRecord) -> Bundle {
    let roster = own.roster();
    let pems = roster.records().flat_map(|signed| signed.record().presence.authorities.clone());
    // Records whose authorities cannot be read were never taken in.
    pems.filter_map(|pem| Certificate::from_pem(&pem).ok()).collect()
}

pub(crate) fn no_pool() -> Failure {
    Failure::refused("the workspace file names no pool").hint_is("add the blocks `pool \"cockroachdb\"` and `roster`")
}

pub(crate) fn strategy(err: hangar_pool::StrategyFailure) -> Failure {
    Failure::of(Cause::Refused, "the pooling strategy gave no answer", err)
}

pub(crate) fn record(err: hangar_pool::RecordError) -> Failure {
    let hint = err.hint();
    let cause = if matches!(err, hangar_pool::RecordError::Next(_)) { Cause::Person } else { Cause::Outside };
    Failure::of(cause, "our record cannot be written", err).hint_maybe(hint)
}

pub(crate) fn pool(err: PoolError) -> Failure {
    let hint = err.hint();
    let cause = match &err {
        PoolError::Blocked(_)
        | PoolError::Frozen(_)
        | PoolError::TakenBack { .. }
        | PoolError::OutsideEnvelope { .. } => Cause::Person,
        PoolError::Record(hangar_pool::RecordError::Next(_)) => Cause::Person,
        PoolError::Interrupted => Cause::Interrupted,
        PoolError::Undecided(_) | PoolError::Repeats { .. } | PoolError::Strategy(_) => Cause::Refused,
        PoolError::Engine(_) | PoolError::Deadline { .. } | PoolError::Look(_) | PoolError::Record(_) => Cause::Outside,
    };
    Failure::of(cause, "the procedure of the pool is not complete", err).hint_maybe(hint)
}

/// Findings of the roster, as a status shows them.
pub(crate) fn findings(found: &[hangar_roster::Finding]) -> Vec<Finding> {
    found.iter().map(Into::into).collect()
}

/// A value of a YAML file as JSON.
pub(crate) fn yaml(text: &str) -> Result<Value, serde_norway::Error> {
    serde_norway::from_str(text)
}
