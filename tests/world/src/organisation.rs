use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::address::OrganisationAddresses;
use crate::aws::Webhook;
use crate::block::Block;
use crate::cloud::RunningCloud;
use crate::control_plane::{ControlPlane, Plan};
use crate::firewall::{self, Firewall};
use crate::images::{Registry, Store};
use crate::kubelet::events::Events;
use crate::kubelet::{Kubelet, KubeletOptions};
use crate::load_balancer::LoadBalancers;
use crate::nat::{self, Nat};
use crate::network_view::NetworkView;
use crate::options::Tools;
use crate::world_file::OrganisationFile;
use crate::{Options, WorldError, first_objects, resizer};

/// One organisation's part of the world: its Kubernetes, its node, its load balancers.
pub(crate) struct Organisation {
    pub(crate) name: String,
    pub(crate) addresses: OrganisationAddresses,
    pub(crate) view: NetworkView,
    plane: ControlPlane,
    client: kube::Client,
    egress_file: PathBuf,
    refused_file: PathBuf,
    cloud: Option<RunningCloud>,
    kubelet: Option<Kubelet>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// What all organisations share.
pub(crate) struct Shared<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) block: &'a Block,
    pub(crate) dir: &'a Path,
    pub(crate) options: &'a Options,
    pub(crate) registry: &'a str,
    pub(crate) store: Arc<Store>,
    pub(crate) nat: Nat,
}

impl Shared<'_> {
    /// Where an organisation's address outside is written, by the order of the organisations.
    pub(crate) fn nat(block: &Block, dir: &Path, organisations: &[String]) -> Nat {
        let numbered = organisations.iter().zip(1..);
        Nat::new(numbered.map(|(name, index)| (block.organisation(index).pod_range(), egress_file(dir, name))))
    }
}

fn egress_file(dir: &Path, organisation: &str) -> PathBuf {
    dir.join(organisation).join(nat::FILE)
}

impl Organisation {
    /// Starts the control plane, with what a cluster as bought has. No pod runs yet.
    pub(crate) async fn start(shared: &Shared<'_>, name: &str, index: u8) -> Result<Self, WorldError> {
        let addresses = shared.block.organisation(index);
        let mut tasks = JoinSet::new();
        let (wanted, dir) = (shared.options.clouds.get(name).copied(), shared.dir.join(name));
        let cloud = match wanted {
            Some(wanted) => Some(RunningCloud::start(wanted, name, &dir, addresses).await?),
            None => None,
        };
        let of_cloud = cloud.as_ref().and_then(|cloud| cloud.eks.as_ref());
        let token_webhook = match shared.options.eks.get(name).or(of_cloud) {
            Some(eks) => Some(Webhook::start(eks, name, &dir, &mut tasks).await?.config),
            None => None,
        };
        let plan = Plan {
            tools: shared.tools,
            organisation: name,
            dir,
            addresses,
            block: shared.block.number(),
            ttl: shared.options.ttl,
            token_webhook,
        };
        let plane = ControlPlane::start(plan).await?;
        let client = plane.client(&plane.pki.tokens.world).await?;
        first_objects::apply(&client, name).await?;
        if let Some(wanted) = wanted {
            wanted.furnish(&client, name).await?;
        }
        let view = NetworkView::follow(&client, addresses, &mut tasks);
        Ok(Self {
            name: name.to_owned(),
            addresses,
            view,
            plane,
            client,
            egress_file: egress_file(shared.dir, name),
            refused_file: shared.dir.join(name).join(firewall::FILE),
            cloud,
            kubelet: None,
            stop: CancellationToken::new(),
            tasks,
        })
    }

    /// Brings up the node and the load balancers.
    pub(crate) async fn run_pods(&mut self, shared: &Shared<'_>, resolver: SocketAddr) -> Result<(), WorldError> {
        let kubelet = Kubelet::start(KubeletOptions {
            client: self.client.clone(),
            organisation: &self.name,
            addresses: self.addresses,
            dir: shared.dir.join(&self.name).join("kubelet"),
            runner: shared.tools.runner.clone(),
            registry: Registry::new(shared.registry.to_owned()),
            store: shared.store.clone(),
            pki: &self.plane.pki.kubelet,
            api_port: self.plane.port(),
            resolver,
            backoff_factor: shared.options.backoff_factor,
        });
        self.kubelet = Some(kubelet.await?);
        let events = Events::new(self.client.clone(), "service-controller", &self.name, &mut self.tasks);
        let firewall = Firewall::new(shared.nat.clone(), self.refused_file.clone());
        let balancers = LoadBalancers::new(self.client.clone(), self.view.clone(), events, firewall);
        self.tasks.spawn(balancers.run(self.stop.clone()));
        self.tasks.spawn(resizer::run(self.client.clone(), self.stop.clone()));
        Ok(())
    }

    /// For `world.json`.
    pub(crate) fn describe(&self, resolver: SocketAddr) -> OrganisationFile {
        OrganisationFile {
            name: self.name.clone(),
            index: self.addresses.index(),
            api_endpoint: self.plane.endpoint(),
            ca_file: self.plane.pki.ca_file(),
            token_file: self.plane.operator_token(),
            kubeconfig: self.plane.kubeconfig(),
            pod_range: self.addresses.pod_range().to_string(),
            load_balancer_range: self.addresses.load_balancer_range().to_string(),
            resolver: resolver.to_string(),
            egress_file: self.egress_file.clone(),
            refused_file: self.refused_file.clone(),
            cloud: self.cloud.as_ref().map(|cloud| cloud.file.clone()),
        }
    }

    /// Kills the pods, and returns what is left to drop: the control plane.
    pub(crate) async fn stop(mut self) -> ControlPlane {
        self.stop.cancel();
        if let Some(kubelet) = self.kubelet.take() {
            kubelet.stop().await;
        }
        self.tasks.shutdown().await;
        self.plane
    }
}
