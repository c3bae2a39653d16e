//! A carrier over HTTPS, both ends of it, with real TLS.

use std::path::Path;

use hangar_config::CredentialValue;
use hangar_pki::{Authority, AuthorityRequest};
use hangar_plan::strategy::certificate::{KeyAlgorithm, KeyUsage, Placement, Profile, Reload, SubjectAlternative};
use tokio::task::JoinHandle;
use url::Url;

use super::super::https::Https;
use super::*;

/// A server on a free port, and who signed its certificate.
struct Site {
    base: Url,
    authority: Vec<u8>,
    task: JoinHandle<()>,
}

impl Site {
    async fn start(folder: &Path, token: Option<&str>) -> Self {
        let request = AuthorityRequest {
            organisation: "keeper",
            pool: "east",
            algorithm: KeyAlgorithm::EcdsaP256,
            lifetime_hours: 24,
        };
        let now_ms = crate::clock::now_ms();
        let authority = Authority::found(request, now_ms).expect("a fresh authority");
        let leaf = authority.issue(&profile(), &[], now_ms).expect("a leaf");
        let carry = Carry {
            folder: folder.to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            certificate: leaf.certificate.to_pem().into_bytes(),
            key: SecretString::from(leaf.key.to_pem().expose().to_owned()),
            token: token.map(SecretString::from),
        };
        let serving = carry.listen().await.expect("it listens");
        let port = serving.address().expect("an address").port();
        let base = format!("https://localhost:{port}/east").parse().expect("an address");
        Self { base, authority: authority.certificate().to_pem().into_bytes(), task: tokio::spawn(serving.run()) }
    }

    fn client(&self, token: Option<&str>) -> Https {
        let credential = token.map(|token| CredentialValue::Bearer(SecretString::from(token)));
        Https::open(&self.base, Some(&self.authority), credential).expect("it can be set up")
    }
}

fn profile() -> Profile {
    Profile {
        id: "web".into(),
        subject: vec![("CN".into(), "keeper".into())],
        alternatives: vec![SubjectAlternative::Dns("localhost".into())],
        usages: vec![KeyUsage::ServerAuth],
        algorithm: KeyAlgorithm::EcdsaP256,
        lifetime_hours: 1,
        placement: Placement {
            secret: "none".into(),
            certificate_file: "tls.crt".into(),
            key_file: "tls.key".into(),
            bundle_file: None,
        },
        workload: "none".into(),
        reload: Reload::Restart,
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn record(name: &str) -> CarrierFile {
    CarrierFile::Record(name.parse().expect("a member"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_holds_what_a_folder_would() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let site = Site::start(&folder.path().join("pool"), None).await;
    let (one, other) = (site.client(None), site.client(None));
    assert!(one.records().expect("an empty server answers").is_empty());
    one.publish(&record("uss1"), b"one\n").expect("it takes it");
    other.publish(&record("uss2"), b"two\n").expect("it takes it");
    let invitation = CarrierFile::Invitation("uss3".parse().expect("a member"));
    other.publish(&invitation, b"come\n").expect("it takes it");
    let wanted = [("uss1.record.json".to_owned(), b"one\n".to_vec()), ("uss2.record.json".into(), b"two\n".to_vec())];
    assert_eq!(one.records().expect("readable"), wanted);
    // Again, now that it knows them: the server says that nothing has changed.
    assert_eq!(one.records().expect("readable"), wanted);
    one.publish(&record("uss1"), b"three\n").expect("it replaces what it knows");
    assert_eq!(other.read(&record("uss1")).expect("readable").as_deref(), Some(b"three\n".as_slice()));
    assert_eq!(one.read(&invitation).expect("readable").as_deref(), Some(b"come\n".as_slice()));
    assert_eq!(one.read(&record("uss9")).expect("readable"), None);
}

/// Another installation that acts for the same member is not written over without a look.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_says_what_it_replaces() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let site = Site::start(folder.path(), None).await;
    let (one, other) = (site.client(None), site.client(None));
    one.publish(&record("uss1"), b"one").expect("it takes it");
    other.publish(&record("uss1"), b"other").expect("it looks first");
    one.publish(&record("uss1"), b"one again").expect("it looks again");
    assert_eq!(other.read(&record("uss1")).expect("readable").as_deref(), Some(b"one again".as_slice()));
    let client = crate::web::client(PATIENCE)
        .tls_certs_only(reqwest::Certificate::from_pem_bundle(&site.authority).expect("PEM"))
        .build()
        .expect("a client");
    let url = format!("{}/uss1.record.json", site.base);
    let stale = client.put(&url).header(IF_MATCH, "\"stale\"").body("x").send().await.expect("it answers");
    assert_eq!(stale.status(), reqwest::StatusCode::PRECONDITION_FAILED);
    let new = client.put(&url).header(IF_NONE_MATCH, "*").body("x").send().await.expect("it answers");
    assert_eq!(new.status(), reqwest::StatusCode::PRECONDITION_FAILED);
    for name in ["README.md", "..%2Fpasswd", "uss1.record.json.tmp"] {
        let put = client.put(format!("{}/{name}", site.base)).body("x").send().await.expect("it answers");
        assert_eq!(put.status(), reqwest::StatusCode::NOT_FOUND, "{name}");
    }
    let large = vec![b' '; 2 << 20];
    let put = client.put(&url).body(large).send().await;
    assert!(put.is_err() || put.is_ok_and(|answer| answer.status() == reqwest::StatusCode::PAYLOAD_TOO_LARGE));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_token_reads_and_does_not_write() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let site = Site::start(folder.path(), Some("let-me-in")).await;
    let wrong = site.client(Some("let-me")).publish(&record("uss1"), b"one").expect_err("a wrong token");
    let told = std::error::Error::source(&wrong).map(ToString::to_string).unwrap_or_default();
    assert!(told.contains("401"), "{told}");
    assert!(!format!("{wrong:?}").contains("let-me"), "no error shows a token");
    site.client(Some("let-me-in")).publish(&record("uss1"), b"one").expect("the right one");
    assert_eq!(site.client(None).records().expect("readable").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_vouches_for_is_not_talked_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (site, stranger) = (Site::start(folder.path(), None).await, Site::start(folder.path(), None).await);
    let client = Https::open(&site.base, Some(&stranger.authority), None).expect("it can be set up");
    assert!(matches!(client.records(), Err(CarrierError::Remote { .. })));
    let gone = site.client(None);
    drop(site);
    assert!(matches!(gone.publish(&record("uss1"), b"one"), Err(CarrierError::Remote { .. })));
}
