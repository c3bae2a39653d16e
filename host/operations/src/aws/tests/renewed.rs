//! Keys that expire are made anew in time, for us and for a tool that asks for them.

use std::path::PathBuf;
use std::sync::Arc;

use hangar_config::{AwsChain, AwsProfile};
use hangar_runtime::Redactor;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::amazon::after;
use crate::aws::{Endpoint, Keyring};
use crate::scratch::Scratch;

/// A profile whose process gives the keys of a file, and says how often it was asked.
struct Source {
    folder: TempDir,
    profile: AwsChain,
}

impl Source {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let command = format!("echo . >> {}; cat {}", at("asked").display(), at("keys").display());
        let config = at("config");
        std::fs::write(&config, format!("[profile p]\ncredential_process = {command}\n")).expect("the folder is ours");
        let profile =
            AwsChain::Profile(AwsProfile { name: "p".into(), config_file: Some(config), credentials_file: None });
        Self { folder, profile }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// From now on it gives these, good for `left_s` seconds.
    fn gives(&self, id: &str, left_s: i64) {
        let keys = json!({
            "Version": 1, "AccessKeyId": id, "SecretAccessKey": format!("secret-of-{id}"), "SessionToken": "session",
            "Expiration": after(left_s),
        });
        std::fs::write(self.at("keys"), keys.to_string()).expect("the folder is ours");
    }

    fn n_asked(&self) -> usize {
        std::fs::read_to_string(self.at("asked")).map_or(0, |text| text.lines().count())
    }
}

#[tokio::test]
async fn keys_are_kept_while_they_are_good_and_made_anew_before_they_are_not() {
    let (source, keyring) = (Source::new(), Keyring::default());
    source.gives("ONE", 3600);
    let both = tokio::join!(keyring.keys(&source.profile), keyring.keys(&source.profile));
    assert_eq!(both.0.expect("keys").access_key_id, "ONE");
    assert_eq!(both.1.expect("keys").access_key_id, "ONE");
    assert_eq!(source.n_asked(), 1);

    // Whatever has less than five minutes left is not kept.
    let (source, keyring) = (Source::new(), Keyring::default());
    source.gives("SHORT", 120);
    assert_eq!(keyring.keys(&source.profile).await.expect("keys").access_key_id, "SHORT");
    source.gives("NEXT", 3600);
    assert_eq!(keyring.keys(&source.profile).await.expect("keys").access_key_id, "NEXT");
    assert_eq!(source.n_asked(), 2);
}

#[tokio::test]
async fn what_is_still_good_outlives_a_failure_to_make_it_anew() {
    let (source, keyring) = (Source::new(), Keyring::default());
    source.gives("SHORT", 120);
    keyring.keys(&source.profile).await.expect("keys");
    std::fs::remove_file(source.at("keys")).expect("it is there");
    assert_eq!(keyring.keys(&source.profile).await.expect("keys").access_key_id, "SHORT");

    let (source, keyring) = (Source::new(), Keyring::default());
    source.gives("SPENT", 30);
    keyring.keys(&source.profile).await.expect("keys, as they come");
    std::fs::remove_file(source.at("keys")).expect("it is there");
    let said = keyring.keys(&source.profile).await.expect_err("they are spent").words();
    assert!(said.contains("run the profile's `credential_process` by hand"), "{said}");
}

#[tokio::test]
async fn a_tool_gets_new_keys_as_often_as_it_asks_and_nobody_else_gets_any() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (source, folder) = (Source::new(), tempfile::tempdir().expect("a temporary folder"));
    let (redactor, scratch) = (Redactor::default(), Scratch::at(folder));
    source.gives("ONE", 120);
    let endpoint = Endpoint::start(source.profile.clone(), Arc::default(), redactor.clone(), scratch).await;
    let endpoint = endpoint.expect("a free port");
    let [(_, url), (_, file)] = endpoint.variables().expect("its folder is writable");
    let token = std::fs::read_to_string(&file).expect("the tool reads it");
    let client = reqwest::Client::new();
    let ask = async |token: &str| {
        let answer = client.get(&url).header("authorization", token).send().await.expect("it answers");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let (status, first) = ask(&token).await;
    assert_eq!((status, &first["AccessKeyId"], &first["Token"]), (200, &json!("ONE"), &json!("session")));
    assert!(first["Expiration"].as_str().is_some_and(|until| until.ends_with('Z')), "{first}");
    source.gives("TWO", 3600);
    assert_eq!(ask(&token).await.1["AccessKeyId"], "TWO");
    let (status, refused) = ask("guess").await;
    assert_eq!((status, &refused["code"]), (403, &json!("AccessDenied")));
    assert_eq!(redactor.redact(&format!("{token} secret-of-TWO")), "[redacted] [redacted]");

    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(endpoint);
    assert!(!std::path::Path::new(&file).exists());
    client.get(&url).send().await.expect_err("nobody is there any more");
}

#[tokio::test]
async fn a_tool_is_told_why_there_are_no_keys() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (source, folder) = (Source::new(), tempfile::tempdir().expect("a temporary folder"));
    let scratch = Scratch::at(folder);
    let endpoint = Endpoint::start(source.profile.clone(), Arc::default(), Redactor::default(), scratch).await;
    let endpoint = endpoint.expect("a free port");
    let [(_, url), (_, file)] = endpoint.variables().expect("its folder is writable");
    let token = std::fs::read_to_string(file).expect("the tool reads it");
    let answer = reqwest::Client::new().get(url).header("authorization", token).send().await.expect("it answers");
    assert_eq!(answer.status().as_u16(), 502);
    let said = answer.text().await.expect("text");
    assert!(said.contains("profile `p` (its `credential_process`) gives no keys"), "{said}");
}
