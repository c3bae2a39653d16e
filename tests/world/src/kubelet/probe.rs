mod grpc;

use std::net::Ipv4Addr;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, ExecAction, HTTPGetAction, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use reqwest::Client;
use tokio::net::TcpStream;

use crate::runtime::{ExecSpec, RuntimeError, exec_in};

/// What probes and hooks act on: one running container.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) http: Client,
    pub(super) runner: std::path::PathBuf,
    /// The pod's real address.
    pub(super) address: Ipv4Addr,
    pub(super) container: Container,
    /// For commands; its arguments are replaced.
    pub(super) exec: ExecSpec,
}

/// Why a probe failed, in the words of the kubelet.
pub(super) type Failure = String;

/// A probe with its numbers, defaults filled in (Kubernetes API reference, Probe).
pub(super) struct Rhythm {
    pub(super) delay: Duration,
    pub(super) period: Duration,
    pub(super) successes: i32,
    pub(super) failures: i32,
    timeout: Duration,
}

impl Rhythm {
    pub(super) fn of(probe: &Probe) -> Self {
        let seconds = |value: Option<i32>, default: u64| {
            Duration::from_secs(value.map_or(default, |value| u64::try_from(value).unwrap_or(default)))
        };
        Self {
            delay: seconds(probe.initial_delay_seconds, 0),
            period: seconds(probe.period_seconds, 10).max(Duration::from_secs(1)),
            timeout: seconds(probe.timeout_seconds, 1).max(Duration::from_secs(1)),
            successes: probe.success_threshold.unwrap_or(1),
            failures: probe.failure_threshold.unwrap_or(3),
        }
    }
}

impl Target {
    /// Asks once.
    pub(super) async fn ask(&self, probe: &Probe) -> Result<(), Failure> {
        let timeout = Rhythm::of(probe).timeout;
        match (&probe.http_get, &probe.tcp_socket, &probe.exec, &probe.grpc) {
            (Some(get), ..) => self.http_get(get, timeout).await,
            (_, Some(socket), ..) => self.connect(socket, timeout).await,
            (_, _, Some(exec), _) => self.execute(exec, timeout).await,
            (_, _, _, Some(action)) => grpc::ask(self.address, action, timeout).await,
            _ => Ok(()),
        }
    }

    /// Any answer from 200 to 399 is well.
    pub(super) async fn http_get(&self, get: &HTTPGetAction, timeout: Duration) -> Result<(), Failure> {
        let scheme = get.scheme.as_deref().unwrap_or("HTTP").to_ascii_lowercase();
        let host = get.host.clone().filter(|host| !host.is_empty()).unwrap_or_else(|| self.address.to_string());
        let path = get.path.as_deref().unwrap_or("/");
        let slash = if path.starts_with('/') { "" } else { "/" };
        let url = format!("{scheme}://{host}:{}{slash}{path}", self.port(&get.port)?);
        let mut request = self.http.get(&url).timeout(timeout).header("User-Agent", "kube-probe/1.34");
        for header in get.http_headers.iter().flatten() {
            request = request.header(&header.name, &header.value);
        }
        let answer = request.send().await.map_err(|err| format!("Get {url:?}: {}", root_cause(&err)))?;
        let status = answer.status().as_u16();
        if (200..400).contains(&status) { Ok(()) } else { Err(format!("HTTP probe failed with statuscode: {status}")) }
    }

    async fn connect(&self, socket: &TCPSocketAction, timeout: Duration) -> Result<(), Failure> {
        let host = socket.host.clone().filter(|host| !host.is_empty()).unwrap_or_else(|| self.address.to_string());
        let address = format!("{host}:{}", self.port(&socket.port)?);
        match tokio::time::timeout(timeout, TcpStream::connect(&address)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(err)) => Err(format!("dial tcp {address}: connect: {err}")),
            Err(_) => Err(format!("dial tcp {address}: i/o timeout")),
        }
    }

    pub(super) async fn execute(&self, action: &ExecAction, timeout: Duration) -> Result<(), Failure> {
        let mut spec = self.exec.clone();
        spec.process.arguments = action.command.clone().unwrap_or_default();
        match exec_in(&self.runner, &spec, timeout).await {
            Ok((exit, _)) if exit.code == 0 => Ok(()),
            Ok((exit, output)) if output.is_empty() => Err(format!("command exited with {}", exit.code)),
            Ok((_, output)) => Err(output),
            Err(RuntimeError::Container(why) | RuntimeError::Machine(why)) => Err(why),
            Err(err) => Err(err.to_string()),
        }
    }

    /// A port by number, or by the name that the container gave it.
    fn port(&self, port: &IntOrString) -> Result<i32, Failure> {
        match port {
            IntOrString::Int(number) => Ok(*number),
            IntOrString::String(name) => {
                let named = self.container.ports.iter().flatten().find(|known| known.name.as_ref() == Some(name));
                let number = named.map(|known| known.container_port).or_else(|| name.parse().ok());
                number.ok_or_else(|| format!("couldn't find port: {name}"))
            }
        }
    }
}

fn root_cause(err: &dyn std::error::Error) -> String {
    let mut cause = err;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
