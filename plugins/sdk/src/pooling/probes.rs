//! Questions that no strategy asks differently.

use crate::pooling_strategy::{
    HttpQuestion, Identity, Member, Node, Probe, Question, SqlQuestion, TlsCall, TlsQuestion, Vantage,
};

/// A look at one address; a hang is a normal state of a database.
pub const LOOK_MS: u32 = 5_000;

fn probe(id: String, vantage: Vantage, question: Question) -> Probe {
    Probe { id, vantage, timeout_ms: LOOK_MS, question }
}

/// Certificates in a Secret.
#[must_use]
pub fn secret(name: String) -> Probe {
    probe(format!("secret/{name}"), Vantage::Host, Question::Secret(name))
}

/// Pods of a workload.
#[must_use]
pub fn workload(name: String) -> Probe {
    probe(format!("workload/{name}"), Vantage::Host, Question::Workload(name))
}

/// State of the release.
#[must_use]
pub fn release(name: &str) -> Probe {
    probe(format!("release/{name}"), Vantage::Host, Question::Release(name.into()))
}

/// What every pod of a workload has mounted and loaded, as its sidecar says.
#[must_use]
pub fn mounted(workload: String) -> Probe {
    probe(format!("mounted/{workload}"), Vantage::OwnCluster, Question::Mounted(workload))
}

/// One GET on an own node.
#[must_use]
pub fn http(id: String, question: HttpQuestion) -> Probe {
    probe(id, Vantage::OwnCluster, Question::Http(question))
}

/// One statement on an own node.
#[must_use]
pub fn sql(id: String, (host, port): (String, u16), database: &str, statement: &str) -> Probe {
    let question =
        SqlQuestion { host, port, server_name: None, database: database.into(), statement: statement.into() };
    probe(id, Vantage::OwnCluster, Question::Sql(question))
}

/// Whether one port of a node of another member takes a leaf of our own authority.
#[must_use]
pub fn accepts_us(member: &Member, node: &Node, port: u16, call: TlsCall) -> Probe {
    // The first port has the plain name, which nodes with one port alone have always had.
    let id = if port == node.port {
        format!("accepts/{}/{}", member.id, node.ordinal)
    } else {
        format!("accepts/{}/{}:{port}", member.id, node.ordinal)
    };
    let question = TlsQuestion { host: node.host.clone(), port, server_name: None, identity: Identity::Probe, call };
    probe(id, Vantage::OwnCluster, Question::Tls(question))
}
