use std::net::Ipv4Addr;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::downward::{NODE_CPU, NODE_MEMORY};
use crate::first_objects::FIELD_MANAGER;

const PODS: &str = "250";
const HEARTBEAT: Duration = Duration::from_secs(10);
const LEASE_SECONDS: i32 = 40;

/// Makes the node known, with room for whatever a test may want, and Ready.
pub(super) async fn register(
    client: &Client,
    name: &str,
    address: Ipv4Addr,
    kubelet_port: u16,
) -> Result<(), kube::Error> {
    let nodes: Api<Node> = Api::all(client.clone());
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/arch": go_name(std::env::consts::ARCH),
                "kubernetes.io/os": "linux",
                "kubernetes.io/hostname": name,
                "topology.kubernetes.io/region": "world",
                "topology.kubernetes.io/zone": "world-a",
            },
        },
    });
    nodes.patch(name, &params, &Patch::Apply(node)).await?;
    let room = json!({ "cpu": NODE_CPU, "memory": NODE_MEMORY, "pods": PODS, "ephemeral-storage": "256Gi" });
    let status = json!({
        "addresses": [{ "type": "InternalIP", "address": address.to_string() }, { "type": "Hostname", "address": name }],
        "allocatable": room,
        "capacity": room,
        "conditions": conditions(),
        "daemonEndpoints": { "kubeletEndpoint": { "Port": kubelet_port } },
        "nodeInfo": {
            "architecture": go_name(std::env::consts::ARCH), "operatingSystem": "linux", "osImage": "hangar offline world",
            "containerRuntimeVersion": "hangar-world://0.1", "kubeletVersion": "v1.34.3", "kubeProxyVersion": "",
            "kernelVersion": "", "machineID": "", "systemUUID": "", "bootID": "",
        },
    });
    nodes.patch_status(name, &PatchParams::default(), &Patch::Merge(json!({ "status": status }))).await?;
    beat(client, name).await
}

/// Renews the node's heartbeat until dropped.
pub(super) async fn keep_ready(client: Client, name: String) {
    let nodes: Api<Node> = Api::all(client.clone());
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let mut conditions = conditions();
        // Nothing changed: only the heartbeat is new.
        conditions
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .for_each(|known| drop(known.remove("lastTransitionTime")));
        let status = Patch::Strategic(json!({ "status": { "conditions": conditions } }));
        let written = nodes.patch_status(&name, &PatchParams::default(), &status).await.map(drop);
        let beaten = beat(&client, &name).await;
        if let Err(err) = written.and(beaten) {
            tracing::debug!(%err, node = name, "no heartbeat");
        }
    }
}

async fn beat(client: &Client, name: &str) -> Result<(), kube::Error> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-node-lease");
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": name },
        "spec": { "holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": MicroTime(Timestamp::now()) },
    });
    leases.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(lease)).await.map(drop)
}

fn conditions() -> Vec<Value> {
    let now = Time(Timestamp::now());
    let condition = |type_: &str, status: &str, reason: &str, message: &str| json!({ "type": type_, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": now, "lastTransitionTime": now });
    vec![
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ]
}

/// As Go, and so Kubernetes, names processors.
fn go_name(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
