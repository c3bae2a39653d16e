use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::address::{AddressPool, Lease};
use crate::firewall::Firewall;
use crate::kubelet::events::{EventKind, Events};
use crate::network_view::{NetworkView, load_balancer_addresses};

mod forwarder;

use forwarder::{Forwarder, Gate, Route};

/// The load balancers of one organisation's cloud: an address and forwarders for each Service that asks for one.
pub(crate) struct LoadBalancers {
    client: Client,
    view: NetworkView,
    events: Events,
    pool: Arc<AddressPool>,
    firewall: Firewall,
    balancers: BTreeMap<String, Balancer>,
}

/// That of one Service, by the Service's identifier.
struct Balancer {
    lease: Lease,
    ports: BTreeMap<u16, Forwarder>,
    ranges: watch::Sender<Ranges>,
}

/// Who may connect; everybody when empty.
pub(crate) type Ranges = Vec<Ipv4Net>;

const RANGES_ANNOTATION: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
const ADDRESS_ANNOTATIONS: [&str; 2] = ["metallb.io/loadBalancerIPs", "metallb.universe.tf/loadBalancerIPs"];

impl LoadBalancers {
    pub(crate) fn new(client: Client, view: NetworkView, events: Events, firewall: Firewall) -> Self {
        let pool = AddressPool::load_balancers(view.addresses);
        Self { client, view, events, pool, firewall, balancers: BTreeMap::new() }
    }

    /// Follows the cluster until cancelled.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut changes = self.view.changes();
        loop {
            self.reconcile().await;
            tokio::select! {
                () = stop.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn reconcile(&mut self) {
        let mut services = self.view.services();
        services.retain(|service| is_wanted(service));
        let wanted: Vec<String> = services.iter().filter_map(|service| service.uid()).collect();
        self.balancers.retain(|uid, _| wanted.contains(uid));
        // Those that ask for an address of their own come first, lest another be given it.
        services.sort_by_key(|service| (asked_address(service).is_none(), service.creation_timestamp()));
        for service in services {
            if let Some(lease) = self.lease_for(&service) {
                self.serve(&service, lease);
                self.tell(&service).await;
            }
        }
    }

    /// A lease for a Service that has none yet or asks for another address by now, `Some(None)` if it keeps what it has, nothing if
    /// it cannot have any.
    fn lease_for(&mut self, service: &Service) -> Option<Option<Lease>> {
        let (uid, asked) = (service.uid()?, asked_address(service));
        if let Some(balancer) = self.balancers.get(&uid)
            && asked.as_ref().is_none_or(|asked| asked.parse() == Ok(balancer.lease.address()))
        {
            return Some(None);
        }
        let lease = match asked {
            None => self.pool.take(),
            Some(asked) => asked.parse().ok().and_then(|address| self.pool.take_this(address)),
        };
        if lease.is_none() {
            let asked = asked_address(service).unwrap_or_else(|| "any".to_owned());
            let note = format!(
                "Failed to allocate IP for {:?}: {asked} is not in {} or not free",
                service.name_any(),
                self.view.addresses.load_balancer_range()
            );
            self.events.publish(&service.object_ref(&()), EventKind::Warning, "AllocationFailed", &note);
        }
        lease.map(Some)
    }

    fn serve(&mut self, service: &Service, lease: Option<Lease>) {
        let (Some(uid), Some(namespace)) = (service.uid(), service.namespace()) else { return };
        if let Some(lease) = lease {
            // Whoever is connected by a former address is cut off with it.
            let new = Balancer { lease, ports: BTreeMap::new(), ranges: watch::Sender::new(Vec::new()) };
            self.balancers.insert(uid.clone(), new);
        }
        let Some(balancer) = self.balancers.get_mut(&uid) else { return };
        balancer.ranges.send_replace(ranges(service));
        let wanted: BTreeMap<u16, Option<String>> = tcp_ports(service).collect();
        balancer.ports.retain(|port, forwarder| wanted.get(port) == Some(&forwarder.port_name));
        for (port, port_name) in wanted {
            let address = balancer.lease.address();
            let route = Route {
                view: self.view.clone(),
                namespace: namespace.clone(),
                service: service.name_any(),
                port_name: port_name.clone(),
            };
            let gate = Gate { ranges: balancer.ranges.subscribe(), firewall: self.firewall.clone() };
            balancer.ports.entry(port).or_insert_with(|| Forwarder::start(address, port, route, gate));
        }
    }

    async fn tell(&self, service: &Service) {
        let (Some(uid), Some(namespace)) = (service.uid(), service.namespace()) else { return };
        let Some(balancer) = self.balancers.get(&uid) else { return };
        let address = balancer.lease.address();
        if load_balancer_addresses(service) == [address] {
            return;
        }
        let status = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": address.to_string() }] } } });
        let services: Api<Service> = Api::namespaced(self.client.clone(), &namespace);
        let name = service.name_any();
        match services.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await {
            Ok(_) => self.events.publish(
                &service.object_ref(&()),
                EventKind::Normal,
                "EnsuredLoadBalancer",
                "Ensured load balancer",
            ),
            // The Service may just be gone; if not, the next change tries again.
            Err(err) => tracing::debug!(%err, service = name, "load balancer status not written"),
        }
    }
}

fn is_wanted(service: &Service) -> bool {
    let is_balanced = service.spec.as_ref().and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer");
    is_balanced && service.metadata.deletion_timestamp.is_none()
}

fn asked_address(service: &Service) -> Option<String> {
    let spec = service.spec.as_ref().and_then(|spec| spec.load_balancer_ip.clone());
    let annotated = || ADDRESS_ANNOTATIONS.iter().find_map(|name| service.annotations().get(*name).cloned());
    spec.filter(|address| !address.is_empty()).or_else(annotated)
}

/// What cannot be read lets nobody in: an operator who misspells a range must not be left open.
fn ranges(service: &Service) -> Ranges {
    let from_spec = service
        .spec
        .as_ref()
        .and_then(|spec| spec.load_balancer_source_ranges.clone())
        .filter(|ranges| !ranges.is_empty());
    let annotated = || {
        service
            .annotations()
            .get(RANGES_ANNOTATION)
            .map(|text| text.split(',').map(|range| range.trim().to_owned()).collect())
    };
    let texts: Vec<String> = from_spec.or_else(annotated).unwrap_or_default();
    let nobody = Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 32);
    texts.iter().map(|text| text.parse().unwrap_or(nobody)).collect()
}

fn tcp_ports(service: &Service) -> impl Iterator<Item = (u16, Option<String>)> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let tcp = ports.filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP");
    tcp.filter_map(|port| Some((u16::try_from(port.port).ok()?, port.name.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(spec: serde_json::Value, annotations: serde_json::Value) -> Service {
        serde_json::from_value(json!({ "metadata": { "annotations": annotations }, "spec": spec })).expect("a Service")
    }

    #[test]
    fn a_range_that_cannot_be_read_lets_nobody_in() {
        let ranges = ranges(&service(json!({ "loadBalancerSourceRanges": ["127.64.1.0/44"] }), json!({})));
        assert!(!ranges.is_empty());
        assert!(!ranges.iter().any(|range| range.contains(&Ipv4Addr::new(127, 64, 1, 7))));
    }

    #[test]
    fn ranges_of_the_specification_beat_the_annotation() {
        let both = service(
            json!({ "loadBalancerSourceRanges": ["127.64.1.0/24"] }),
            json!({ RANGES_ANNOTATION: "0.0.0.0/0" }),
        );
        assert_eq!(ranges(&both), ["127.64.1.0/24".parse().expect("a range")]);
        let annotated = service(json!({}), json!({ RANGES_ANNOTATION: "127.64.1.0/24, 127.64.2.0/24" }));
        assert_eq!(ranges(&annotated).len(), 2);
    }

    #[test]
    fn an_address_may_be_asked_for_in_two_ways() {
        let by_field = service(json!({ "loadBalancerIP": "127.65.1.9" }), json!({}));
        let by_annotation = service(json!({}), json!({ "metallb.io/loadBalancerIPs": "127.65.1.9" }));
        assert_eq!(asked_address(&by_field), asked_address(&by_annotation));
    }
}
