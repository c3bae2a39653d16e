use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use kube::runtime::reflector::{self, Lookup, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::address::OrganisationAddresses;

/// What one organisation's cluster says of its network, followed as it changes.
#[derive(Clone, Debug)]
pub(crate) struct NetworkView {
    pub(crate) addresses: OrganisationAddresses,
    services: Store<Service>,
    slices: Store<EndpointSlice>,
    changes: watch::Receiver<u64>,
}

/// External DNS takes the public names of a Service from here, parted by commas.
const HOSTNAMES: &str = "external-dns.alpha.kubernetes.io/hostname";
const SERVICE_NAME: &str = "kubernetes.io/service-name";

impl NetworkView {
    pub(crate) fn follow(client: &Client, addresses: OrganisationAddresses, tasks: &mut JoinSet<()>) -> Self {
        let (sender, changes) = watch::channel(0);
        let sender = Arc::new(sender);
        let services = follow(Api::all(client.clone()), sender.clone(), tasks);
        let slices = follow(Api::all(client.clone()), sender, tasks);
        Self { addresses, services, slices, changes }
    }

    /// Changes its value whenever anything may have changed.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    pub(crate) fn services(&self) -> Vec<Arc<Service>> {
        self.services.state()
    }

    pub(crate) fn service(&self, namespace: &str, name: &str) -> Option<Arc<Service>> {
        self.services
            .find(|service| service.name_any() == name && service.metadata.namespace.as_deref() == Some(namespace))
    }

    /// Real addresses of the pods behind a Service; with `host`, only of the one that goes by that name.
    ///
    /// Which pods count is Kubernetes' own say: the ready ones, or all with an address where the Service publishes those too.
    pub(crate) fn pods(&self, namespace: &str, service: &str, host: Option<&str>) -> Vec<Ipv4Addr> {
        let slices = self.slices_of(namespace, service);
        let endpoints = slices.iter().flat_map(|slice| &slice.endpoints);
        let named = endpoints.filter(|endpoint| host.is_none_or(|host| endpoint.hostname.as_deref() == Some(host)));
        let mut addresses: Vec<Ipv4Addr> =
            named.filter(|endpoint| is_ready(endpoint)).flat_map(|endpoint| self.real(endpoint)).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// Where the pods behind a port of a Service listen.
    pub(crate) fn backends(&self, namespace: &str, service: &str, port: Option<&str>) -> Vec<SocketAddrV4> {
        let mut backends = Vec::new();
        for slice in self.slices_of(namespace, service) {
            let ports = slice.ports.iter().flatten();
            // A port without a name has an empty one in the slice.
            let fitting = ports.filter(|known| known.name.as_deref().unwrap_or("") == port.unwrap_or(""));
            for number in fitting.filter_map(|port| u16::try_from(port.port?).ok()) {
                let ready = slice.endpoints.iter().filter(|endpoint| is_ready(endpoint));
                backends.extend(
                    ready.flat_map(|endpoint| self.real(endpoint)).map(|address| SocketAddrV4::new(address, number)),
                );
            }
        }
        backends
    }

    /// Addresses that a public name leads to.
    pub(crate) fn public(&self, name: &str) -> Option<Vec<Ipv4Addr>> {
        let services = self.services.state();
        let bearing =
            services.iter().filter(|service| hostnames(service).any(|hostname| hostname.eq_ignore_ascii_case(name)));
        let addresses: Vec<Ipv4Addr> = bearing.flat_map(|service| load_balancer_addresses(service)).collect();
        (!addresses.is_empty()).then_some(addresses)
    }

    fn slices_of(&self, namespace: &str, service: &str) -> Vec<Arc<EndpointSlice>> {
        let is_of = |slice: &Arc<EndpointSlice>| {
            slice.metadata.namespace.as_deref() == Some(namespace)
                && slice.labels().get(SERVICE_NAME).is_some_and(|name| name == service)
        };
        let mut slices = self.slices.state();
        slices.retain(is_of);
        slices
    }

    fn real(&self, endpoint: &Endpoint) -> Vec<Ipv4Addr> {
        endpoint.addresses.iter().filter_map(|address| self.addresses.real(address.parse().ok()?)).collect()
    }
}

fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
}

fn hostnames(service: &Service) -> impl Iterator<Item = &str> {
    let is_public = service.spec.as_ref().and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer");
    let names = service.annotations().get(HOSTNAMES).filter(|_| is_public);
    names.into_iter().flat_map(|names| names.split(',')).map(|name| name.trim().trim_end_matches('.'))
}

pub(crate) fn load_balancer_addresses(service: &Service) -> Vec<Ipv4Addr> {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|status| status.ingress.as_ref());
    ingress.into_iter().flatten().filter_map(|ingress| ingress.ip.as_deref()?.parse().ok()).collect()
}

/// Keeps a copy of all objects of a kind, for as long as the tracker's tasks run.
pub(crate) fn follow<K>(api: Api<K>, changed: Arc<watch::Sender<u64>>, tasks: &mut JoinSet<()>) -> Store<K>
where
    K: Resource<DynamicType = ()> + Lookup<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    tasks.spawn(async move {
        let events = reflector::reflector(writer, watcher(api, watcher::Config::default())).default_backoff();
        let mut events = pin!(events);
        while let Some(event) = events.next().await {
            if let Err(err) = event {
                tracing::debug!(%err, "watch interrupted");
            }
            changed.send_modify(|count| *count += 1);
        }
    });
    store
}
