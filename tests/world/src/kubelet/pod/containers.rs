use k8s_openapi::api::core::v1::Container as Setting;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Stop, grace_of};
use crate::kubelet::container::{ContainerWorker, Ended, PodContext, Role};
use crate::kubelet::pod_state::Slot;

/// Init containers one after the other, then all others at once; sidecars from their turn until the others have ended.
pub(super) async fn run_containers(context: &PodContext, stop: &watch::Receiver<Stop>) {
    let spec = context.pod.spec.clone().unwrap_or_default();
    let (stop_sidecars, sidecars_stop) = watch::channel(None);
    let mut sidecars = JoinSet::new();
    let mut may_go_on = true;
    for (index, setting) in spec.init_containers.iter().flatten().enumerate() {
        let slot = Slot::Init(index);
        may_go_on = if setting.restart_policy.as_deref() == Some("Always") {
            begin_sidecar(context, setting, slot, &sidecars_stop, stop, &mut sidecars).await
        } else {
            let worker = ContainerWorker::new(context.clone(), setting.clone(), slot, Role::Init, stop.clone());
            worker.run().await == Ended::Code(0)
        };
        if !may_go_on {
            break;
        }
    }
    if may_go_on {
        let mut main = JoinSet::new();
        for (index, setting) in spec.containers.iter().enumerate() {
            let worker =
                ContainerWorker::new(context.clone(), setting.clone(), Slot::Main(index), Role::Main, stop.clone());
            main.spawn(worker.run());
        }
        main.join_all().await;
    }
    let deadline = stop.borrow().unwrap_or_else(|| Instant::now() + grace_of(&spec));
    stop_sidecars.send_replace(Some(deadline));
    sidecars.join_all().await;
}

/// Returns once the sidecar has started, or `false` if the pod has to stop first.
async fn begin_sidecar(
    context: &PodContext,
    setting: &Setting,
    slot: Slot,
    own_stop: &watch::Receiver<Stop>,
    stop: &watch::Receiver<Stop>,
    sidecars: &mut JoinSet<Ended>,
) -> bool {
    let worker = ContainerWorker::new(context.clone(), setting.clone(), slot, Role::Sidecar, own_stop.clone());
    sidecars.spawn(worker.run());
    let (mut changes, mut stop) = (context.state.changes(), stop.clone());
    loop {
        if context.state.container(slot).started == Some(true) {
            return true;
        }
        tokio::select! {
            _ = changes.changed() => {}
            _ = stop.wait_for(Option::is_some) => return false,
        }
    }
}
