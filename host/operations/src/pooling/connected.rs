//! The drivers, put together for one instance and its pool.

use std::sync::{Arc, Mutex};

use hangar_engine::Journal;
use hangar_kube::jobs::SqlClient;
use hangar_kube::{Access, Cluster};
use hangar_pki::Bundle;
use hangar_plan::infrastructure::Infrastructure;
use hangar_plan::strategy::certificate::{KeyUsage, Placement, Profile};
use hangar_pool::OwnRecord;

use super::{Pooling, no_pool};
use crate::failure::{Cause, Failure};
use crate::hands::ClusterHands;
use crate::infrastructure;
use crate::means::Means;
use crate::organisation;
use crate::pool_adopt;
use crate::pool_presence;
use crate::services::{Images, Services};
use crate::session::Session;
use crate::site::no_infrastructure;
use crate::values::base_values;

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
    /// Connects to the cluster and puts the drivers together for this instance's pool. `own` is our record, where there is one
    /// by now.
    pub(crate) async fn connected(&self, means: &Means, own: Option<&OwnRecord>) -> Result<Connected, Failure> {
        if self.site.workspace.pool.is_none() {
            return Err(no_pool());
        }
        let standing = self.standing_services(means).await?;
        self.connected_by(means, own, standing).await
    }

    /// The infrastructure that stands, and the release in its cluster.
    pub(crate) async fn standing_services(&self, means: &Means) -> Result<(Infrastructure, Services), Failure> {
        let stands = self.standing(&means.journal).await?;
        let provider = self.site.provider(&means.runtime).await?;
        let (access, cluster) = self.connection(&provider, &stands).await?;
        let services = self.services(&means.journal, &stands, &cluster, &access).await?;
        Ok((stands, services))
    }

    /// The same over a release that was looked at already.
    pub(crate) async fn connected_by(
        &self,
        means: &Means,
        own: Option<&OwnRecord>,
        (stands, services): (Infrastructure, Services),
    ) -> Result<Connected, Failure> {
        let mut pooling = self.pooling(&means.runtime, &stands).await?.ok_or_else(no_pool)?;
        if let Some(own) = own {
            let former = pool_presence::former_hosts(&stands, own);
            pooling.intent.instance.facts.extend(former.into_iter().map(|host| ("former-host".to_owned(), host)));
        }
        let is_adopted = pool_adopt::stands(&means.journal).await?;
        if is_adopted {
            pooling.intent.instance.facts.push(("stands".to_owned(), "true".to_owned()));
        }
        let policy = pooling.certificates().await?;
        let authorities = organisation::read_authorities(&means.vault).await?;
        if authorities.is_empty() {
            return Err(
                Failure::refused("this organisation has no certificate authority yet").hint_is("`hangar up` makes one")
            );
        }
        let client = policy.profiles.iter().find(|profile| profile.usages == [KeyUsage::ClientAuth]).map(sql_client);
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
            services: Services { client: client.clone(), ..services },
            authorities,
            signing: Mutex::default(),
            renew_before: 0,
            policy,
            members: Mutex::new(Bundle::default()),
            agent_image: images.agent(&instance.agent_image.to_string()),
            database_image: images.located(&pooling.database.image.to_string()),
            pull_secrets: images.pull_secrets,
            client: client.unwrap_or_default(),
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
    ) -> Result<Services, Failure> {
        let workspace = &self.site.workspace;
        let release = hangar_helm::ReleaseName::new(workspace.instance.release.as_str())
            .map_err(|err| Failure::of(Cause::Refused, "the release cannot have this name", err))?;
        let (namespace, chart) = (workspace.instance.namespace.as_str(), self.site.chart().await?);
        let layers = base_values(workspace, stands)?;
        let services = self.release(journal, cluster, access, release, namespace, chart, layers).await?;
        Ok(Services { adopt: self.adopt, ..services })
    }
}

/// Who asks by SQL: the client of a certificate is the one that its common name says.
fn sql_client(profile: &Profile) -> SqlClient {
    let names = |attribute: &&(String, String)| attribute.0 == "CN";
    let user = profile.subject.iter().find(names).map(|(_, name)| name.clone()).unwrap_or_default();
    let Placement { secret, certificate_file, key_file, .. } = profile.placement.clone();
    SqlClient { secret, user, certificate_file, key_file }
}
