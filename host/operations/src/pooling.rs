//! An instance in its pool: the strategy, our record, and the loop that ties them to the drivers.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hangar_engine::{Engine, Journal};
use hangar_kube::jobs::SqlClient;
use hangar_kube::{Access, Cluster};
use hangar_pki::{Bundle, Certificate};
use hangar_plan::grant::{Kind as PluginKind, StrategyGrant};
use hangar_plan::hint::Hint as _;
use hangar_plan::infrastructure::Infrastructure;
use hangar_plan::plan::{Envelope, Part, Plan};
use hangar_plan::strategy::certificate::{CertificatePolicy, Placement, Profile};
use hangar_plan::strategy::decision::Finding;
use hangar_plan::strategy::intent::{Goal as StrategyGoal, Instance, Intent, Node, Pool};
use hangar_pool::{Drive, OwnRecord, PoolError, Strategy as _, Tell};
use hangar_roster::State;
use hangar_runtime::Runtime;
use serde_json::Value;

use crate::adapters::PluginStrategy;
use crate::carriers::carrier;
use crate::database::Database;
use crate::failure::{Cause, Failure};
use crate::goal::Goal;
use crate::hands::ClusterHands;
use crate::infrastructure;
use crate::organisation;
use crate::pool_adopt;
use crate::pool_presence::{self, When};
use crate::services::Images;
use crate::session::Session;
use crate::site::{Site, no_infrastructure};
use crate::up::work;
use crate::values::base_values;
use crate::vault::Vault;

/// Domain of the Kubernetes cluster; every managed one has this.
const CLUSTER_DOMAIN: &str = "cluster.local";

/// Our place in a pool, as kept at home.
pub(crate) struct Membership {
    pub(crate) own: Arc<OwnRecord>,
}

impl Membership {
    /// Takes it up; none without a pool block, and before the first record.
    pub(crate) async fn open(site: &Site, vault: &Vault) -> Result<Option<Self>, Failure> {
        if kept_at(site).is_none() {
            return Ok(None);
        }
        let key = organisation::read_key(vault).await?.ok_or_else(unsigned)?;
        let held = key.public();
        let membership = Self::open_with(site, key)?;
        let is_signed = |membership: &Self| membership.own.roster().own_record().record().key == held;
        if membership.as_ref().is_none_or(is_signed) {
            return Ok(membership);
        }
        // A rotation was killed between our record and the store.
        organisation::take_next_key(vault).await?;
        let key = organisation::read_key(vault).await?;
        key.map_or(Ok(None), |key| Self::open_with(site, key))
    }

    /// The same to look only, also while another command is at work.
    pub(crate) async fn look(site: &Site, vault: &Vault) -> Result<Option<Self>, Failure> {
        let Some(path) = kept_at(site) else { return Ok(None) };
        for key in [organisation::read_key(vault).await?, organisation::read_next_key(vault).await?] {
            let Some(key) = key else { continue };
            let held = key.public();
            let Some(own) = OwnRecord::open_to_look(&path, key, carrier(site)?).map_err(record)? else {
                return Ok(None);
            };
            if own.roster().own_record().record().key == held {
                return Ok(Some(Self { own: Arc::new(own) }));
            }
        }
        Err(unsigned())
    }

    /// As above, with this key.
    pub(crate) fn open_with(site: &Site, key: hangar_roster::OrganisationKey) -> Result<Option<Self>, Failure> {
        let Some(path) = kept_at(site) else { return Ok(None) };
        let own = OwnRecord::open(&path, key, carrier(site)?).map_err(record)?;
        Ok(own.map(|own| Self { own: Arc::new(own) }))
    }

    pub(crate) fn is_active(&self) -> bool {
        let roster = self.own.roster();
        roster.is_in_pool(roster.own())
    }

    /// Other members in the pool.
    pub(crate) fn others(&self) -> usize {
        let roster = self.own.roster();
        if roster.is_in_pool(roster.own()) { roster.in_pool().count().saturating_sub(1) } else { 0 }
    }
}

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

/// Who asks by SQL: the client of a certificate is the one that its common name says.
fn sql_client(profile: &Profile) -> SqlClient {
    let names = |attribute: &&(String, String)| attribute.0 == "CN";
    let user = profile.subject.iter().find(names).map(|(_, name)| name.clone()).unwrap_or_default();
    let Placement { secret, certificate_file, key_file, .. } = profile.placement.clone();
    SqlClient { secret, user, certificate_file, key_file }
}

/// Everything a procedure needs, connected.
pub(crate) struct Connected {
    pub(crate) hands: Arc<ClusterHands>,
    pub(crate) pooling: Pooling,
    /// What it was put together for.
    pub(crate) stands: Infrastructure,
    /// Whether the nodes are as other tools made them.
    pub(crate) is_adopted: bool,
}

impl Session {
    /// Connects to the cluster and puts the drivers together for this instance's pool.
    pub(crate) async fn connected(
        &self,
        journal: &Journal,
        vault: &Vault,
        runtime: &Runtime,
    ) -> Result<Connected, Failure> {
        if self.site.workspace.pool.is_none() {
            return Err(no_pool());
        }
        let stands = self.standing(journal).await?;
        let provider = self.site.provider(runtime).await?;
        let (access, cluster) = self.connection(&provider, &stands).await?;
        let services = self.services(journal, &stands, &cluster, &access).await?;
        self.connected_by(journal, vault, runtime, stands, services).await
    }

    /// The same over a release that was looked at already.
    pub(crate) async fn connected_by(
        &self,
        journal: &Journal,
        vault: &Vault,
        runtime: &Runtime,
        stands: Infrastructure,
        services: crate::services::Services,
    ) -> Result<Connected, Failure> {
        let mut pooling = self.pooling(runtime, &stands).await?.ok_or_else(no_pool)?;
        if let Some(membership) = Membership::look(&self.site, vault).await? {
            let former = pool_presence::former_hosts(&stands, &membership.own);
            pooling.intent.instance.facts.extend(former.into_iter().map(|host| ("former-host".to_owned(), host)));
        }
        let is_adopted = pool_adopt::stands(journal).await?;
        if is_adopted {
            pooling.intent.instance.facts.push(("stands".to_owned(), "true".to_owned()));
        }
        let policy = pooling.certificates().await?;
        let authorities = organisation::read_authorities(vault).await?;
        if authorities.is_empty() {
            return Err(
                Failure::refused("this organisation has no certificate authority yet").hint_is("`hangar up` makes one")
            );
        }
        let client = policy
            .profiles
            .iter()
            .find(|profile| profile.usages == [hangar_plan::strategy::certificate::KeyUsage::ClientAuth])
            .map(sql_client)
            .unwrap_or_default();
        let instance = &self.site.workspace.instance;
        let expand = |text: &str| {
            text.replace("{release}", instance.release.as_str())
                .replace("{instance}", instance.name.as_str())
                .replace("{namespace}", instance.namespace.as_str())
                .replace("{pool}", &pooling.intent.pool.name)
        };
        let verbs = pooling.grant.verbs.iter().cloned().map(|mut verb| {
            verb.secret = verb.secret.as_deref().map(expand);
            verb
        });
        let images = Images::of(&services.layers);
        let hands = ClusterHands {
            cluster: services.cluster.clone(),
            namespace: instance.namespace.to_string(),
            services,
            authorities,
            signing: Mutex::default(),
            renew_before: 0,
            policy,
            members: Mutex::new(Bundle::default()),
            agent_image: images.agent(&instance.agent_image.to_string()),
            database_image: images.located(&pooling.database.image.to_string()),
            pull_secrets: images.pull_secrets,
            client,
            verbs: verbs.collect(),
        };
        Ok(Connected { hands: Arc::new(hands), pooling, stands, is_adopted })
    }

    /// What stands by the last `up`.
    pub(crate) async fn standing(&self, journal: &Journal) -> Result<Infrastructure, Failure> {
        infrastructure::stands(journal).await?.ok_or_else(no_infrastructure)
    }

    /// The release of the services as the workspace wants it.
    pub(crate) async fn services(
        &self,
        journal: &Journal,
        stands: &Infrastructure,
        cluster: &Cluster,
        access: &Access,
    ) -> Result<crate::services::Services, Failure> {
        let workspace = &self.site.workspace;
        let release = hangar_helm::ReleaseName::new(workspace.instance.release.as_str())
            .map_err(|err| Failure::of(Cause::Refused, "the release cannot have this name", err))?;
        let (namespace, chart) = (workspace.instance.namespace.as_str(), self.site.chart().await?);
        let layers = base_values(workspace, stands)?;
        let services = self.release(journal, cluster, access, release, namespace, chart, layers).await?;
        Ok(crate::services::Services { adopt: self.adopt, ..services })
    }

    /// Goes round until the goal is reached.
    pub(crate) async fn drive(
        &self,
        engine: &Engine,
        vault: &Vault,
        runtime: &Runtime,
        membership: Membership,
        goal: Goal,
    ) -> Result<(), Failure> {
        self.drive_attended(engine, vault, runtime, membership, goal, &|_| ()).await
    }

    /// As above; `attend` does with our record what the goal asks for beyond the strategy, in every round.
    pub(crate) async fn drive_attended(
        &self,
        engine: &Engine,
        vault: &Vault,
        runtime: &Runtime,
        membership: Membership,
        goal: Goal,
        attend: &(dyn Fn(&OwnRecord) + Send + Sync),
    ) -> Result<(), Failure> {
        let Connected { mut hands, pooling, stands, is_adopted } =
            self.connected(engine.journal(), vault, runtime).await?;
        if let (Goal::RotateCerts { before_ms }, Some(hands)) = (&goal, Arc::get_mut(&mut hands)) {
            hands.renew_before = *before_ms;
        }
        membership.own.refresh().map_err(record)?;
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
            pool_adopt::remember(engine, false).await?;
        }
        if follows {
            self.show_presence(&stands, &membership.own, &pooling.database, When::After)?;
        }
        Ok(())
    }

    /// What a member owes now: each release and what of it changes in the cluster, and the envelope of it all. Nothing where
    /// it owes nothing.
    pub(crate) async fn pool_parts(
        &self,
        engine: &Engine,
        vault: &Arc<Vault>,
        runtime: &Runtime,
    ) -> Result<Vec<Part>, Failure> {
        let Some(membership) = self.membership(vault).await? else { return Ok(Vec::new()) };
        if !membership.is_active() {
            return Ok(Vec::new());
        }
        let Connected { hands, mut pooling, is_adopted, .. } = self.connected(engine.journal(), vault, runtime).await?;
        pooling.intent.goal = Goal::Operate.of_strategy_for(is_adopted, self.adopt);
        membership.own.refresh().map_err(record)?;
        hands.trust(&membership.own);
        let owed =
            hangar_pool::owed(&pooling.strategy, &*hands, &membership.own, &pooling.intent).await.map_err(pool)?;
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
}

/// In the pool, and neither on the way out nor frozen: its record may follow its nodes.
fn is_at_rest(own: &OwnRecord) -> bool {
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

/// The authorities of all members, by their verified records.
pub(crate) fn bundle(own: &OwnRecord) -> Bundle {
    let roster = own.roster();
    let pems = roster.records().flat_map(|signed| signed.record().presence.authorities.clone());
    // Records whose authorities cannot be read were never taken in.
    pems.filter_map(|pem| Certificate::from_pem(&pem).ok()).collect()
}

/// The roster at home; none without a pool block, and before the first record.
fn kept_at(site: &Site) -> Option<PathBuf> {
    let (pool, _) = site.workspace.pool.as_ref()?;
    Some(site.roster_path(pool.name.as_str())).filter(|path| path.exists())
}

fn unsigned() -> Failure {
    Failure::person("there is a roster and no organisation key that signs it")
        .hint_is("restore the secret store, or `hangar pool rotate-key --recovery FILE`, or `--vouched`")
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
