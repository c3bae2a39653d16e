//! What another implementation makes of our certificates.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use hangar_pki::{Authority, AuthorityRequest, Bundle, Certificate, Key, KeyPem};
use hangar_plan::strategy::certificate::{KeyAlgorithm, KeyUsage, Placement, Profile, Reload, SubjectAlternative};

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    u64::try_from(since.as_millis()).expect("fits for ages")
}

#[expect(clippy::disallowed_methods, reason = "the test's own foreign tool")]
fn openssl(args: &[&str], dir: &Path) -> Result<Output> {
    Command::new("openssl")
        .args(args)
        .current_dir(dir)
        .output()
        .context("cannot start `openssl`: `apt-get install openssl`")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn authority(organisation: &str, algorithm: KeyAlgorithm) -> Result<Authority> {
    let request = AuthorityRequest { organisation, pool: "us-east", algorithm, lifetime_hours: 87_600 };
    Ok(Authority::found(request, now_ms())?)
}

fn node(algorithm: KeyAlgorithm) -> Profile {
    Profile {
        id: "node".to_owned(),
        subject: vec![("O".to_owned(), "Cockroach".to_owned()), ("CN".to_owned(), "node".to_owned())],
        alternatives: vec![
            SubjectAlternative::Dns("localhost".to_owned()),
            SubjectAlternative::Dns("*.cockroachdb.dss.svc.cluster.local".to_owned()),
            SubjectAlternative::Dns("0.db.uss1.example.com".to_owned()),
            SubjectAlternative::Ip("127.0.0.1".to_owned()),
            SubjectAlternative::Uri("crdb://tenant/1/user/node".to_owned()),
        ],
        usages: vec![KeyUsage::ServerAuth, KeyUsage::ClientAuth],
        algorithm,
        lifetime_hours: 8760,
        placement: Placement {
            secret: "cockroachdb-node".to_owned(),
            certificate_file: "node.crt".to_owned(),
            key_file: "node.key".to_owned(),
            bundle_file: Some("ca.crt".to_owned()),
        },
        workload: "cockroachdb".to_owned(),
        reload: Reload::Signal("cockroach".to_owned()),
    }
}

#[test]
fn openssl_verifies_the_chain_of_each_kind_of_key() -> Result<()> {
    let dir = tempfile::tempdir()?;
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519] {
        let ours = authority("uss1", algorithm)?;
        let others = authority("uss2", KeyAlgorithm::EcdsaP256)?;
        let bundle: Bundle = [others.certificate().clone(), ours.certificate().clone()].into_iter().collect();
        std::fs::write(dir.path().join("ca.crt"), bundle.to_pem())?;
        std::fs::write(dir.path().join("stranger.crt"), others.certificate().to_pem())?;
        let leaf = ours.issue(&node(algorithm), &["node".to_owned()], now_ms())?;
        std::fs::write(dir.path().join("node.crt"), leaf.certificate.to_pem())?;
        for purpose in ["sslserver", "sslclient"] {
            let strict = ["verify", "-x509_strict", "-CAfile", "ca.crt", "-purpose", purpose, "node.crt"];
            let verified = openssl(&strict, dir.path())?;
            assert!(verified.status.success(), "{algorithm:?} as {purpose}: {}", text(&verified));
        }
        let stranger = openssl(&["verify", "-CAfile", "stranger.crt", "node.crt"], dir.path())?;
        assert!(!stranger.status.success(), "{}", text(&stranger));
    }
    Ok(())
}

/// What `cockroach cert create-ca` leaves: an RSA key in the form of PKCS #1.
#[test]
fn an_authority_of_other_tools_signs_on() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let made = openssl(&["genrsa", "-traditional", "-out", "ca.key", "2048"], dir.path())?;
    assert!(made.status.success(), "{}", text(&made));
    let subject = ["-subj", "/O=Cockroach/CN=Cockroach CA", "-days", "3650"];
    let usage = ["-addext", "keyUsage=digitalSignature,keyEncipherment,nonRepudiation,keyCertSign"];
    let request = [&["req", "-x509", "-new", "-key", "ca.key", "-out", "ca.crt"][..], &subject, &usage].concat();
    let made = openssl(&request, dir.path())?;
    assert!(made.status.success(), "{}", text(&made));
    let key = std::fs::read_to_string(dir.path().join("ca.key"))?;
    assert!(key.starts_with("-----BEGIN RSA PRIVATE KEY-----"), "another form than the vendor's");
    let certificate = Certificate::from_pem(&std::fs::read_to_string(dir.path().join("ca.crt"))?)?;
    let adopted = Authority::load(certificate, Key::from_pem(&KeyPem::from(key))?)?;
    // It is kept in the one form that all keys have, and read again.
    let kept = adopted.key_pem();
    assert!(kept.expose().starts_with("-----BEGIN PRIVATE KEY-----"));
    let adopted = Authority::load(adopted.certificate().clone(), Key::from_pem(&kept)?)?;
    let leaf = adopted.issue(&node(KeyAlgorithm::EcdsaP256), &["node".to_owned()], now_ms())?;
    std::fs::write(dir.path().join("node.crt"), leaf.certificate.to_pem())?;
    for purpose in ["sslserver", "sslclient"] {
        let verified = openssl(&["verify", "-CAfile", "ca.crt", "-purpose", purpose, "node.crt"], dir.path())?;
        assert!(verified.status.success(), "as {purpose}: {}", text(&verified));
    }
    Ok(())
}

#[test]
fn openssl_reads_the_names_usages_and_identifiers_we_meant() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let ours = authority("uss1", KeyAlgorithm::EcdsaP256)?;
    let leaf = ours.issue(&node(KeyAlgorithm::EcdsaP256), &["node".to_owned()], now_ms())?;
    std::fs::write(dir.path().join("node.crt"), leaf.certificate.to_pem())?;
    std::fs::write(dir.path().join("ca.crt"), ours.certificate().to_pem())?;
    let shown = text(&openssl(&["x509", "-in", "node.crt", "-noout", "-text", "-nameopt", "RFC2253"], dir.path())?);
    for part in [
        "Subject: CN=node,O=Cockroach",
        "TLS Web Server Authentication, TLS Web Client Authentication",
        "Digital Signature, Key Encipherment",
        "DNS:localhost, DNS:*.cockroachdb.dss.svc.cluster.local, DNS:0.db.uss1.example.com, IP Address:127.0.0.1, URI:crdb://tenant/1/user/node",
        "CA:FALSE",
        "X509v3 Authority Key Identifier",
        "X509v3 Subject Key Identifier",
    ] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    let shown = text(&openssl(&["x509", "-in", "ca.crt", "-noout", "-text", "-nameopt", "RFC2253"], dir.path())?);
    let subject = format!("Subject: {}", ours.certificate().subject());
    for part in [
        subject.as_str(),
        "CA:TRUE, pathlen:0",
        "Digital Signature, Non Repudiation, Key Encipherment, Certificate Sign",
        "X509v3 Authority Key Identifier",
        "X509v3 Subject Key Identifier",
    ] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    for (kind, name, is_match) in [
        ("-checkhost", "0.db.uss1.example.com", true),
        ("-checkhost", "crdb-2.cockroachdb.dss.svc.cluster.local", true),
        ("-checkhost", "1.db.uss1.example.com", false),
        ("-checkip", "127.0.0.1", true),
    ] {
        let answer = text(&openssl(&["x509", "-in", "node.crt", "-noout", kind, name], dir.path())?);
        assert_eq!(answer.contains("does match"), is_match, "{answer}");
    }
    Ok(())
}

#[test]
fn fingerprints_are_those_that_openssl_shows() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let ours = authority("uss1", KeyAlgorithm::EcdsaP256)?;
    std::fs::write(dir.path().join("ca.crt"), ours.certificate().to_pem())?;
    let shown = text(&openssl(&["x509", "-in", "ca.crt", "-noout", "-fingerprint", "-sha256"], dir.path())?);
    let (_, fingerprint) = shown.trim().split_once('=').context("`NAME=FINGERPRINT`")?;
    assert_eq!(ours.certificate().fingerprint(), fingerprint.parse()?);
    Ok(())
}

#[test]
fn openssl_reads_our_keys_and_we_read_its_keys() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let ours = authority("uss1", KeyAlgorithm::EcdsaP256)?;
    std::fs::write(dir.path().join("ours.key"), ours.key_pem().expose())?;
    let public = text(&openssl(&["pkey", "-in", "ours.key", "-pubout"], dir.path())?);
    std::fs::write(dir.path().join("ca.crt"), ours.certificate().to_pem())?;
    let of_certificate = text(&openssl(&["x509", "-in", "ca.crt", "-noout", "-pubkey"], dir.path())?);
    assert_eq!(public, of_certificate);

    let made = openssl(
        &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "theirs.key"],
        dir.path(),
    )?;
    assert!(made.status.success(), "{}", text(&made));
    let request = [
        "req",
        "-x509",
        "-new",
        "-key",
        "theirs.key",
        "-subj",
        "/O=Cockroach/CN=Cockroach CA",
        "-days",
        "9",
        "-out",
        "theirs.crt",
    ];
    let made = openssl(&request, dir.path())?;
    assert!(made.status.success(), "{}", text(&made));
    let key = Key::from_pem(&KeyPem::from(std::fs::read_to_string(dir.path().join("theirs.key"))?))?;
    let theirs =
        Authority::load(Certificate::from_pem(&std::fs::read_to_string(dir.path().join("theirs.crt"))?)?, key)?;
    let leaf = theirs.issue(&Profile { lifetime_hours: 24, ..node(KeyAlgorithm::EcdsaP256) }, &[], now_ms())?;
    std::fs::write(dir.path().join("node.crt"), leaf.certificate.to_pem())?;
    let verified = openssl(&["verify", "-CAfile", "theirs.crt", "node.crt"], dir.path())?;
    assert!(verified.status.success(), "{}", text(&verified));
    Ok(())
}
