//! Each class of failure, told by its name, its member and its next command; and a real server that is asked.

use hangar_pki::{Authority, AuthorityRequest};
use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::certificate::KeyAlgorithm;
use hangar_plan::strategy::decision::Finding;
use hangar_plan::strategy::member::{Authority as Known, Member};
use hangar_plan::strategy::observation::Rows;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::pool_status::{MemberStatus, NodeStatus, PoolStatus};

const POOL_ID: &str = "4a2c6f60-1111-2222-3333-444455556666";

/// A pool of two in which all is well, and its parts to spoil.
struct Pool {
    status: PoolStatus,
    roster: Roster,
    seen: Seen,
}

fn http(status: u16, body: impl ToString) -> Observation {
    Observation::Http(HttpAnswer { status, body: body.to_string() })
}

fn failed(class: FailureClass) -> Observation {
    Observation::Failed(Failed { class, detail: "said so".into() })
}

fn rows(rows: &[[&str; 2]]) -> Observation {
    let rows = rows.iter().map(|row| row.iter().map(|cell| Some((*cell).to_owned())).collect()).collect();
    Observation::Rows(Rows { columns: Vec::new(), rows })
}

fn pool() -> Pool {
    let now_ms = crate::clock::now_ms();
    let ids = ["uss1", "uss2"];
    let authority = |id: &str| {
        let request =
            AuthorityRequest { organisation: id, pool: "east", algorithm: KeyAlgorithm::EcdsaP256, lifetime_hours: 24 };
        Authority::found(request, now_ms).expect("a fresh authority").certificate().clone()
    };
    let certificates = ids.map(authority);
    let members = ids.iter().zip(&certificates).map(|(id, certificate)| Member {
        id: (*id).into(),
        is_self: *id == "uss1",
        state: MemberState::Active,
        endpoint: format!("https://dss.{id}.example.com"),
        locality: vec![("zone".into(), (*id).into())],
        datastore: ("cockroachdb".into(), "v24.1.3".into()),
        nodes: Vec::new(),
        egress: Vec::new(),
        authorities: vec![Known { ..hangar_pki::authority(certificate) }],
        acknowledgements: Vec::new(),
        facts: vec![("dss-version".into(), "v0.22.0".into())],
    });
    let members: Vec<Member> = members.collect();
    let pems: Vec<String> = certificates.iter().map(hangar_pki::Certificate::to_pem).collect();
    let answers = || {
        BTreeMap::from([
            (HEALTHY, http(200, "ok")),
            (VERSION, http(200, json!({"version": "v0.22.0"}))),
            (OPTIONS, http(200, json!({"scd_global_lock": false, "scd_hash_lock": false}))),
            (AUTHORITIES, http(200, json!({"CAs": pems}))),
            (POOL, http(200, json!({"dar_id": POOL_ID}))),
        ])
    };
    let node = || NodeStatus {
        address: "n:26257".into(),
        node_id: Some("1".into()),
        live: (1, 1),
        accepts_us: None,
        over: None,
        former: Vec::new(),
    };
    let member_status = |id: &str| MemberStatus {
        id: id.into(),
        state: MemberState::Active,
        locality: format!("zone={id}"),
        nodes: vec![node()],
        deployed_by: Vec::new(),
        maintenance: None,
        shares_subject_with: None,
    };
    let endpoints = [["uss1", "https://dss.uss1.example.com"], ["uss2", "https://dss.uss2.example.com"]];
    let seen = Seen {
        services: ids.iter().map(|id| ((*id).to_owned(), answers())).collect(),
        tables: BTreeMap::from([(PARTICIPANTS, rows(&endpoints)), (RID, rows(&[])), (SCD, rows(&[]))]),
    };
    let status = PoolStatus {
        pool: "east".into(),
        own: "uss1".into(),
        founder: "uss1".into(),
        cluster_id: Some(POOL_ID.into()),
        identities: vec![POOL_ID.into()],
        gateways_agree: true,
        open: None,
        proposed: Vec::new(),
        members: ids.map(member_status).to_vec(),
        underreplicated: Some(0),
        unavailable: Some(0),
        asks_ranges: true,
        is_over: false,
        findings: Vec::new(),
    };
    Pool { status, roster: Roster { members, founder: "uss1".into(), open: None }, seen }
}

impl Pool {
    fn findings(&self) -> Vec<Finding> {
        findings(&self.status, &self.roster, &self.seen)
    }

    /// What the service of a member answers.
    fn answers(&mut self, member: &str, path: &'static str, observation: Observation) {
        self.seen.services.get_mut(member).expect("a member").insert(path, observation);
    }

    /// The one finding: its class, whose it is and what it runs.
    fn one(&self) -> (String, String, String) {
        let found = self.findings();
        let [finding] = found.as_slice() else { panic!("not one finding: {found:#?}") };
        let class = finding.message.split_once(':').expect("a class").0.to_owned();
        (class, finding.whose.clone().unwrap_or_default(), finding.cure.clone().unwrap_or_default())
    }
}

/// Spoils a pool and returns the one finding.
fn spoilt(spoil: impl FnOnce(&mut Pool)) -> (String, String, String) {
    let mut pool = pool();
    spoil(&mut pool);
    pool.one()
}

fn told(class: &str, whose: &str, command: &str) -> (String, String, String) {
    (class.into(), whose.into(), format!("`{command}`"))
}

#[test]
fn a_pool_in_which_all_is_well_has_no_finding() {
    assert_eq!(pool().findings(), []);
}

#[test]
fn class_1_http_is_down() {
    let found = spoilt(|pool| pool.answers("uss2", HEALTHY, failed(FailureClass::Unreachable)));
    assert_eq!(found, told("HTTP is down (class 1)", "uss2", "hangar up"));
    let mut own = pool();
    own.answers("uss1", HEALTHY, http(404, ""));
    assert_eq!(own.findings()[0].severity, Severity::Error, "our own is seen from inside our cluster");
}

#[test]
fn class_2_the_database_is_down() {
    let found = spoilt(|pool| pool.answers("uss2", super::POOL, http(500, "{}")));
    assert_eq!(found, told("the database is down (class 2)", "uss2", "hangar up"));
    let found = spoilt(|pool| pool.status.members[0].nodes[0].live = (0, 0));
    assert_eq!(found, told("the database is down (class 2)", "uss1", "hangar up"));
}

#[test]
fn class_3_a_wrong_or_stand_alone_pool() {
    let found = spoilt(|pool| pool.answers("uss2", super::POOL, http(200, json!({"dar_id": "another"}))));
    assert_eq!(found, told("wrong or stand-alone pool (class 3)", "uss2", "hangar pool status"));
    let found = spoilt(|pool| pool.status.identities.push("another".into()));
    assert_eq!(found, told("wrong or stand-alone pool (class 3)", "uss1", "hangar pool status"));
}

#[test]
fn class_4_a_wrong_base_url() {
    let endpoints = [["uss1", "https://dss.uss1.example.com/"], ["uss2", "https://old.uss2.example.com"]];
    let found = spoilt(|pool| drop(pool.seen.tables.insert(PARTICIPANTS, rows(&endpoints))));
    assert_eq!(found, told("wrong base URL (class 4)", "uss2", "hangar up"));
}

#[test]
fn classes_5_and_6_tables_that_cannot_be_read() {
    let found = spoilt(|pool| drop(pool.seen.tables.insert(PARTICIPANTS, failed(FailureClass::Denied))));
    assert_eq!(found, told("no access to tables (class 5)", "uss1", "hangar up"));
    let found = spoilt(|pool| drop(pool.seen.tables.insert(SCD, failed(FailureClass::Database))));
    assert_eq!(found, told("access to the pool's table alone (class 6)", "uss1", "hangar up"));
}

#[test]
fn class_7_one_that_uses_anothers_instance() {
    let endpoints = [["uss1", "https://dss.uss1.example.com"], ["uss2", "https://dss.uss1.example.com"]];
    let found = spoilt(|pool| drop(pool.seen.tables.insert(PARTICIPANTS, rows(&endpoints))));
    assert_eq!(found, told("uses another's instance (class 7)", "uss2", "hangar up"));
}

#[test]
fn class_8_one_that_never_registered() {
    let endpoints = [["uss1", "https://dss.uss1.example.com"]];
    let found = spoilt(|pool| drop(pool.seen.tables.insert(PARTICIPANTS, rows(&endpoints))));
    assert_eq!(found, told("other parts are down (class 8)", "uss2", "hangar up"));
}

#[test]
fn class_9_a_database_that_contradicts_itself() {
    let found = spoilt(|pool| pool.status.gateways_agree = false);
    assert_eq!(found, told("the database contradicts itself (class 9)", "uss1", "hangar pool status --wait"));
}

#[test]
fn class_10_an_interface_that_is_off_or_not_routed() {
    let found = spoilt(|pool| pool.answers("uss2", VERSION, http(404, "<html>")));
    assert_eq!(found, told("the interface is off or not routed (class 10)", "uss2", "hangar up"));
}

#[test]
fn class_11_no_quorum() {
    let found = spoilt(|pool| pool.status.unavailable = Some(2));
    assert_eq!(found, told("no quorum (class 11)", "uss1", "hangar up"));
}

#[test]
fn class_12_overload() {
    for answer in [http(429, ""), http(503, ""), failed(FailureClass::TimedOut)] {
        let found = spoilt(|pool| pool.answers("uss2", HEALTHY, answer));
        assert_eq!(found, told("overload (class 12)", "uss2", "hangar pool status --wait"));
    }
}

#[test]
fn options_versions_and_authorities_that_differ_are_their_owners() {
    let mut pool = pool();
    pool.answers("uss2", OPTIONS, http(200, json!({"scd_global_lock": true, "scd_hash_lock": false})));
    pool.answers("uss2", VERSION, http(200, json!({"version": "v0.21.0"})));
    pool.answers("uss2", AUTHORITIES, http(200, json!({"CAs": []})));
    let found = pool.findings();
    let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "its core-service does not accept every authority of `uss1`",
            "its core-service does not accept every authority of `uss2`",
            "option `scd_global_lock` is true there and false here: all members need the same",
            "it runs version v0.21.0, and its record says v0.22.0",
        ]
    );
    assert!(found.iter().all(|finding| finding.whose.as_deref() == Some("uss2")));
}

/// What nobody may know without a token is left to the database's own word.
#[test]
fn a_service_that_wants_a_token_is_no_finding() {
    let mut pool = pool();
    pool.answers("uss2", super::POOL, http(401, json!({"message": "Missing access token"})));
    assert_eq!(pool.findings(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_asked_by_their_public_endpoints() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let server = tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                let n = stream.read(&mut head).await.unwrap_or_default();
                let is_version = String::from_utf8_lossy(&head[..n]).starts_with("GET /aux/v1/version ");
                let body = if is_version { r#"{"version":"v0.22.0"}"# } else { "ok" };
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                drop(stream.write_all(answer.as_bytes()).await);
            });
        }
    });
    let mut pool = pool();
    pool.roster.members[1].endpoint = format!("http://127.0.0.1:{port}/");
    let mut seen = Seen::default();
    seen.ask_others(&pool.roster).await;
    server.abort();
    assert_eq!(seen.services.keys().collect::<Vec<_>>(), ["uss2"], "we ask our own inside our cluster");
    assert_eq!(seen.services["uss2"][VERSION], http(200, r#"{"version":"v0.22.0"}"#));
    let mut again = Seen::default();
    again.ask_others(&pool.roster).await;
    assert!(matches!(&again.services["uss2"][HEALTHY], Observation::Failed(_)), "{again:?}");
}
