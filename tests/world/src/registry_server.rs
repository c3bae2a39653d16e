use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::WorldError;
use crate::bound::{Bound, Server};
use crate::options::Tools;

/// The world's OCI registry: the real registry server of the distribution project, on a loopback port.
#[derive(Debug)]
pub(crate) struct RegistryServer {
    _process: Bound,
    address: String,
}

const DEADLINE: Duration = Duration::from_secs(20);
const ATTEMPTS: u32 = 5;
const NAME: &str = "registry";

impl RegistryServer {
    /// Starts it, empty, with its files in `dir`, and returns once it answers.
    pub(crate) async fn start(tools: &Tools, dir: &Path) -> Result<Self, WorldError> {
        std::fs::create_dir_all(dir).map_err(WorldError::file("make", dir))?;
        let mut attempt = 1;
        loop {
            match Self::try_start(tools, dir).await {
                // Somebody took the port between our look and its start.
                Err(WorldError::Ended { .. }) if attempt < ATTEMPTS => attempt += 1,
                other => return other,
            }
        }
    }

    async fn try_start(tools: &Tools, dir: &Path) -> Result<Self, WorldError> {
        let address = format!("127.0.0.1:{}", free_port()?);
        let config = dir.join("config.json");
        write_config(&config, dir, &address)?;
        let mut process = Bound::start(Server {
            runner: &tools.runner,
            program: &tools.registry,
            arguments: vec!["serve".into(), config.into()],
            variables: Vec::new(),
            log: dir.join("log"),
        })?;
        let (client, url, start) = (crate::images::http_client(), format!("http://{address}/v2/"), Instant::now());
        loop {
            let last_seen = match client.get(&url).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(Self { _process: process, address }),
                Ok(answer) => answer.status().to_string(),
                Err(err) => err.to_string(),
            };
            let organisation = "the world".to_owned();
            if let Some(status) = process.exited() {
                return Err(WorldError::Ended {
                    program: NAME,
                    organisation,
                    status,
                    last_words: process.last_words(),
                });
            }
            if start.elapsed() > DEADLINE {
                return Err(WorldError::NotReady {
                    program: NAME,
                    organisation,
                    seconds: DEADLINE.as_secs(),
                    last_seen,
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// JSON is YAML too, which is what the server reads.
fn write_config(path: &Path, dir: &Path, address: &str) -> Result<(), WorldError> {
    let config = json!({
        "version": "0.1",
        "log": { "level": "error", "accesslog": { "disabled": true } },
        "storage": { "filesystem": { "rootdirectory": dir.join("data") }, "delete": { "enabled": true } },
        "http": { "addr": address },
    });
    std::fs::write(path, config.to_string()).map_err(WorldError::file("write", path))
}

fn free_port() -> Result<u16, WorldError> {
    let listen = |err| WorldError::Listen { what: NAME, address: "127.0.0.1".to_owned(), err };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(listen)?;
    Ok(listener.local_addr().map_err(listen)?.port())
}
