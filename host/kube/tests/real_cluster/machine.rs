//! One machine for the scheduler to put pods on, and our driver's view of the cluster.

use std::sync::OnceLock;

use anyhow::Result;
use hangar_kube::{Access, Cluster};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use crate::control_plane::{ADMIN, control_plane, new_namespace};
use crate::logs;

/// What our driver is given to connect with.
pub(crate) async fn access(token: &str) -> Result<Access> {
    let kubeconfig = control_plane()?.kubeconfig(token).to_string().into();
    Ok(Access::from_kubeconfig(&kubeconfig, "".as_ref(), None).await?)
}

/// The cluster with its machine.
pub(crate) async fn cluster() -> Result<Cluster> {
    static MACHINE: OnceLock<Result<(), String>> = OnceLock::new();
    let made = MACHINE.get_or_init(|| {
        let (sender, started) = std::sync::mpsc::channel();
        // Whoever serves the logs outlives each test.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            sender.send(runtime.block_on(start()).map_err(|err| format!("{err:#}"))).ok();
            runtime.block_on(std::future::pending::<()>());
        });
        started.recv().expect("the thread answers")
    });
    made.as_ref().map_err(|err| anyhow::anyhow!("no machine: {err}"))?;
    Ok(Cluster::connect(&access(ADMIN).await?)?)
}

/// The cluster with a namespace of its own for one test.
pub(crate) async fn fresh(namespace: &str) -> Result<Cluster> {
    let cluster = cluster().await?;
    new_namespace(cluster.client(), namespace).await?;
    Ok(cluster)
}

async fn start() -> Result<()> {
    let logs = logs::serve().await?;
    make_node(&control_plane()?.client(ADMIN).await?, logs).await
}

/// `logs` is where the API server asks for what containers wrote.
async fn make_node(client: &Client, logs: u16) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    let params = PatchParams::apply("stand-in").force();
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}});
    nodes.patch("node-1", &params, &Patch::Apply(node)).await?;
    let resources = json!({"cpu": "64", "memory": "256Gi", "pods": "1000"});
    let status = json!({"apiVersion": "v1", "kind": "Node", "status": {
        "capacity": resources, "allocatable": resources,
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": logs}},
        "conditions": [{"type": "Ready", "status": "True", "reason": "StandIn", "message": "",
            "lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
    }});
    nodes.patch_status("node-1", &params, &Patch::Apply(status)).await?;
    Ok(())
}
