//! Questions to the world; reading only.

use serde::{Deserialize, Serialize};

/// From where a probe looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vantage {
    /// The host itself: the Kubernetes API of the own cluster, nothing of a database.
    Host,
    /// A short-lived Job in the own cluster, on the nodes' egress path.
    OwnCluster,
}

/// Who a TLS or RPC probe says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// A minutes-long leaf of the own authority that names nobody.
    Probe,
    /// No client certificate.
    Anonymous,
}

/// One question to the world. Reading only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Probe {
    /// Chosen by the strategy; equal ids mean the same question.
    pub id: String,
    /// From where it looks.
    pub vantage: Vantage,
    /// Milliseconds after which the look has failed.
    pub timeout_ms: u32,
    /// What is asked.
    pub question: Question,
}

/// Kinds of question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// One statement on one node as the instance's root client; answers `rows`.
    Sql(SqlQuestion),
    /// One GET on one node's HTTP address; answers `http`.
    Http(HttpQuestion),
    /// One handshake and an application-level call; answers `tls`.
    Tls(TlsQuestion),
    /// Pods of a workload; answers `workload`.
    Workload(String),
    /// Certificates in a Secret; answers `certificates`.
    Secret(String),
    /// Certificates mounted in each pod of a workload, by the reload sidecar; answers `mounted`.
    Mounted(String),
    /// State of a Helm release; answers `release`.
    Release(String),
    /// A question of a later host: name and parameters.
    Other((String, Vec<(String, String)>)),
}

/// Name of the host's own question after the certificate that a server shows, trusted or not; answers `certificates`.
pub const SHOWN_CERTIFICATE: &str = "shown-certificate";

impl Question {
    /// Asks which certificate a server shows. No strategy asks this.
    #[must_use]
    pub fn shown_certificate(host: &str, port: u16) -> Self {
        let parameters = [("host", host.to_owned()), ("port", port.to_string())];
        Self::Other((SHOWN_CERTIFICATE.to_owned(), parameters.map(|(name, value)| (name.to_owned(), value)).into()))
    }

    /// Whose certificate is asked for; none for any other question.
    #[must_use]
    pub fn as_shown_certificate(&self) -> Option<(&str, u16)> {
        let Self::Other((name, parameters)) = self else { return None };
        match parameters.as_slice() {
            [(host, server), (port, number)] if name == SHOWN_CERTIFICATE && host == "host" && port == "port" => {
                Some((server, number.parse().ok()?))
            }
            _ => None,
        }
    }
}

/// A statement and where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SqlQuestion {
    /// Name of a node of this instance.
    pub host: String,
    /// Port that speaks the database's SQL protocol.
    pub port: u16,
    /// Name to expect in the node's certificate; none: `host`.
    pub server_name: Option<String>,
    /// Database in which the statement runs.
    pub database: String,
    /// One statement; a probe's runs in a read-only transaction.
    pub statement: String,
}

/// An URL's parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpQuestion {
    /// Name of a node of the pool.
    pub host: String,
    /// Port that speaks HTTP.
    pub port: u16,
    /// Whether it speaks HTTPS.
    pub tls: bool,
    /// Name to expect in the node's certificate; none: `host`.
    pub server_name: Option<String>,
    /// Path and query, starting with `/`.
    pub path: String,
}

/// A handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TlsQuestion {
    /// Name of a node of the pool.
    pub host: String,
    /// Port that speaks TLS.
    pub port: u16,
    /// Name to expect in the node's certificate; none: `host`.
    pub server_name: Option<String>,
    /// Who the probe says it is.
    pub identity: Identity,
    /// What is called once the handshake is done. A server may refuse a client only then (TLS 1.3).
    pub call: TlsCall,
}

/// Application-level calls after a handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsCall {
    /// gRPC unary call with an empty message: full method, such as `/cockroach.server.serverpb.Admin/Health`.
    Grpc(String),
    /// HTTP/1.1 GET of a path.
    Http(String),
    /// None: the handshake alone, and one read.
    None,
    /// A call of a later host.
    Other(String),
}
