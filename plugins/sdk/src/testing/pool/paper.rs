//! What stands in records, wishes and answers, as short as a test may say it.

use super::Play;
use crate::pooling_strategy::{
    Authority, Goal, HttpAnswer, Instance, Intent, Member, MemberState, Node, Observation, Pool, Release, Rows,
    TlsAnswer, TlsOutcome,
};

/// What an organisation wants, as the host would say it.
pub fn intent<P: Play>(id: &str, goal: Goal) -> Intent {
    let instance = Instance {
        name: id.into(),
        namespace: "dss".into(),
        release: "dss".into(),
        cluster_domain: "cluster.local".into(),
        image: P::IMAGE.into(),
        nodes: nodes(id),
        facts: Vec::new(),
    };
    let pool = Pool { name: "east".into(), locality: id.into(), cluster_id: None, facts: Vec::new() };
    Intent { goal, instance, pool }
}

/// Three nodes of an organisation.
#[must_use]
pub fn nodes(id: &str) -> Vec<Node> {
    let node =
        |ordinal| Node { ordinal, host: format!("{ordinal}.db.{id}.example.com"), port: 26257, addresses: Vec::new() };
    (0..3).map(node).collect()
}

/// A member with one authority, whose fingerprint is its id.
#[must_use]
pub fn member<P: Play>(id: &str, state: MemberState) -> Member {
    Member {
        id: id.into(),
        is_self: false,
        state,
        endpoint: format!("https://dss.{id}.example.com"),
        locality: vec![("zone".into(), id.into())],
        datastore: (P::DATASTORE.0.into(), P::DATASTORE.1.into()),
        nodes: nodes(id),
        egress: vec![format!("192.0.2.{}/32", id.len())],
        authorities: vec![Authority { fingerprint: fingerprint(id), subject: format!("CN={id}"), ..authority(id, 1) }],
        acknowledgements: Vec::new(),
        facts: Vec::new(),
    }
}

/// The fingerprint of the authority of [`member`].
#[must_use]
pub fn fingerprint(id: &str) -> String {
    format!("{id:0>64}")
}

/// The first, second, .. authority of an organisation.
#[must_use]
pub fn authority(id: &str, number: u32) -> Authority {
    Authority {
        fingerprint: format!("{:0>64}", format!("{id}-{number}")),
        subject: format!("CN={id}.{number}"),
        not_before_ms: 0,
        not_after_ms: u64::MAX,
        pem: String::new(),
    }
}

/// An HTTP answer.
#[must_use]
pub fn http(status: u16, body: &str) -> Observation {
    Observation::Http(HttpAnswer { status, body: body.into() })
}

/// The end of a handshake.
#[must_use]
pub fn tls(outcome: TlsOutcome) -> Observation {
    Observation::Tls(TlsAnswer { outcome, peer_leaf: None, peer_authority: None, detail: String::new() })
}

/// One value of a query.
#[must_use]
pub fn value(text: &str) -> Observation {
    Observation::Rows(Rows { columns: vec!["value".into()], rows: vec![vec![Some(text.into())]] })
}

/// A release that stands.
#[must_use]
pub fn deployed() -> Observation {
    Observation::Release(Release {
        status: "deployed".into(),
        revision: 1,
        chart_version: "0.1.0".into(),
        values_digest: None,
    })
}
