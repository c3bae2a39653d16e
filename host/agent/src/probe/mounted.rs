//! What each pod of a workload has mounted, as its reload sidecar says.

use hangar_plan::strategy::observation::{FailureClass, Mounted, Observation};

use crate::probe::{Round, chain, failed, http};
use crate::{Loaded, Target};

/// Asks the sidecar of every pod. One pod that does not answer makes the whole a failure: "deployed" is said of all.
pub(super) async fn look(round: &Round, workload: &str) -> Observation {
    let Some(targets) = round.spec.targets.get(workload) else {
        return failed(FailureClass::Other, format!("the specification names no pods of `{workload}`"));
    };
    let mut mounted = Vec::with_capacity(targets.len());
    for target in targets {
        match ask(round, target).await {
            Ok(loaded) => mounted.push(Mounted {
                pod: target.pod.clone(),
                certificates: loaded.certificates,
                signalled_ms: loaded.signalled_ms,
                pending: loaded.pending,
            }),
            Err((class, detail)) => return failed(class, format!("pod `{}`: {detail}", target.pod)),
        }
    }
    Observation::Mounted(mounted)
}

async fn ask(round: &Round, target: &Target) -> Result<Loaded, (FailureClass, String)> {
    let (host, port) = (target.address.as_str(), round.spec.reload_port);
    let stream = round.dialer.dial(host, port).await.map_err(|err| (FailureClass::Unreachable, chain(&err)))?;
    let answer = http::get(stream, (host, port), "/").await.map_err(|err| (FailureClass::Other, chain(&err)))?;
    if answer.status != 200 {
        return Err((FailureClass::Other, format!("the reload sidecar answered {}", answer.status)));
    }
    serde_json::from_str(&answer.body)
        .map_err(|err| (FailureClass::Other, format!("not the answer of a reload sidecar: {err}")))
}
