//! The API of an organisation, asked again and again while its certificates change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use test_world::OrganisationFile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::cluster::{NAMESPACE, client};

const PORT: u16 = 8080;
const PACE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks every pod that a Service would lead to what only the database knows, each time on a new connection to that.
pub(crate) struct Asking {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<Asked>>,
}

#[derive(Default)]
struct Asked {
    n_answers: usize,
    failures: Vec<String>,
}

impl Asking {
    pub(crate) async fn begin(organisation: &OrganisationFile) -> Result<Self> {
        let (client, stop) = (client(organisation).await?, Arc::new(AtomicBool::new(false)));
        let task = tokio::spawn(ask_on(client, Arc::clone(&stop)));
        Ok(Self { stop, task })
    }

    /// Ends, and says that there was a pod to ask all the time and that every answer was good.
    pub(crate) async fn ends_well(self) -> Result<()> {
        self.stop.store(true, Ordering::Release);
        let asked = self.task.await??;
        ensure!(asked.n_answers > 5, "hardly asked: {} answers", asked.n_answers);
        ensure!(asked.failures.is_empty(), "{} failed: {:#?}", asked.failures.len(), asked.failures);
        Ok(())
    }
}

async fn ask_on(client: Client, stop: Arc<AtomicBool>) -> Result<Asked> {
    let pods: Api<Pod> = Api::namespaced(client, NAMESPACE);
    let mut asked = Asked::default();
    let mut before: Vec<(String, String)> = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let mut ready = ready(&pods).await?;
        if ready.is_empty() {
            // One that was ready may be late to say so again; it is asked all the same. One that has to go has another before.
            for one in &before {
                if !is_going(&pods, &one.0).await? {
                    ready.push(one.clone());
                }
            }
        }
        if ready.is_empty() {
            asked.failures.push("no pod is ready".to_owned());
        }
        before.clone_from(&ready);
        for (name, address) in ready {
            match timeout(PATIENCE, get(&address, "/aux/v1/pool")).await.context("no answer in time").flatten() {
                Ok(answer) if answer.starts_with("HTTP/1.1 200") => asked.n_answers += 1,
                // One that is going gets no more requests by the Service.
                _ if is_going(&pods, &name).await? => {}
                Ok(answer) => asked.failures.push(format!("{name}: {answer}")),
                Err(err) => asked.failures.push(format!("{name}: {err:#}")),
            }
        }
        tokio::time::sleep(PACE).await;
    }
    Ok(asked)
}

/// Names and addresses of the pods that a Service leads to.
async fn ready(pods: &Api<Pod>) -> Result<Vec<(String, String)>> {
    let of_api = ListParams::default().labels("app.kubernetes.io/name=core-service");
    let address = |pod: Pod| {
        let status = pod.status?;
        let is_ready = status.conditions?.iter().any(|one| one.type_ == "Ready" && one.status == "True");
        (is_ready && pod.metadata.deletion_timestamp.is_none()).then_some((pod.metadata.name?, status.pod_ip?))
    };
    Ok(pods.list(&of_api).await?.into_iter().filter_map(address).collect())
}

async fn is_going(pods: &Api<Pod>, name: &str) -> Result<bool> {
    let pod = pods.get_opt(name).await?;
    Ok(pod.is_none_or(|pod| pod.metadata.deletion_timestamp.is_some()))
}

async fn get(address: &str, path: &str) -> Result<String> {
    // The API shows an address of the world as one of a cluster.
    let address = address.replacen("10.", "127.", 1);
    let mut stream = TcpStream::connect((address.as_str(), PORT)).await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer any\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
