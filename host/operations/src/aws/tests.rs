//! AWS's chain against servers that are strict: who asks shows what AWS wants to be shown, or gets AWS's own refusal.
//!
//! AWS's library reads the variables of its process, so it is asked in one that has those of the test and no other.

mod amazon;
mod failing;
mod renewed;

use std::path::Path;
use std::process::Stdio;

use hangar_config::{AwsChain, AwsProfile};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::chain;
use amazon::Amazon;

const CHAIN: &str = "HANGAR_TEST_CHAIN";
const ANSWER: &str = "HANGAR_TEST_ANSWER";
const ROLE: &str = "arn:aws:iam::123456789012:role/deploy";

/// A home with AWS's files, and the cloud around it.
struct Home {
    folder: TempDir,
    amazon: Amazon,
}

impl Home {
    async fn new(config: &str) -> Self {
        let home = Self { folder: tempfile::tempdir().expect("a temporary folder"), amazon: Amazon::start().await };
        home.write(".aws/config", config);
        home
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it is below the home")).expect("the folder is ours");
        std::fs::write(&path, text).expect("the folder is ours");
        path.display().to_string()
    }

    /// Follows a chain (`default`, `instance`, .. or `profile NAME`) and returns what it gives: keys, or words.
    #[expect(clippy::disallowed_methods, reason = "this very program, which no tool of the host is")]
    async fn ask(&self, from: &str, variables: &[(&str, &str)]) -> Value {
        let (answer, url) = (self.path().join("answer"), self.amazon.url());
        let mut child = Command::new(std::env::current_exe().expect("this program"));
        child.args(["aws::tests::child", "--exact", "--ignored"]).env_clear();
        child.env("HOME", self.path()).env("PATH", "/usr/bin:/bin").env(CHAIN, from).env(ANSWER, &answer);
        for service in ["STS", "SSO", "SSO_OIDC"] {
            child.env(format!("AWS_ENDPOINT_URL_{service}"), &url);
        }
        child.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url);
        child.envs(variables.iter().copied()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        let status = child.status().await.expect("it starts");
        assert!(status.success(), "{status}");
        serde_json::from_slice(&std::fs::read(answer).expect("an answer")).expect("JSON")
    }

    async fn gives(&self, from: &str, variables: &[(&str, &str)]) -> (String, String) {
        let answer = self.ask(from, variables).await;
        let text = |key: &str| answer[key].as_str().unwrap_or_else(|| panic!("no keys: {answer}")).to_owned();
        (text("id"), text("link").replace(&self.path().display().to_string(), "HOME"))
    }

    async fn says(&self, from: &str, variables: &[(&str, &str)]) -> String {
        let answer = self.ask(from, variables).await;
        let said = answer["err"].as_str().unwrap_or_else(|| panic!("it gives keys: {answer}"));
        said.replace(&self.path().display().to_string(), "HOME").replace(&self.amazon.url(), "AMAZON")
    }
}

#[tokio::test]
#[ignore = "run by the tests around it"]
#[expect(clippy::disallowed_methods, reason = "it is told so what to ask")]
async fn child() {
    let from = std::env::var(CHAIN).expect("it is run by a test");
    let from = match from.as_str() {
        "default" => AwsChain::Default,
        "web_identity" => AwsChain::WebIdentity,
        "container" => AwsChain::Container,
        "instance" => AwsChain::Instance,
        profile => {
            let name = profile.strip_prefix("profile ").expect("a profile").to_owned();
            AwsChain::Profile(AwsProfile { name, config_file: None, credentials_file: None })
        }
    };
    let answer = match chain::keys(&from).await {
        Err(err) => json!({ "err": err.words() }),
        Ok(keys) => {
            let left = keys.expires.and_then(|expires| expires.duration_since(std::time::SystemTime::now()).ok());
            json!({ "id": keys.access_key_id, "link": keys.link, "left_s": left.map(|left| left.as_secs()) })
        }
    };
    std::fs::write(std::env::var(ANSWER).expect("it is run by a test"), answer.to_string()).expect("it is writable");
}

#[tokio::test]
async fn the_default_chain_takes_the_first_link_that_is_set_up() {
    let home = Home::new("[default]\naws_access_key_id = PROFILE\naws_secret_access_key = s\n").await;
    let keys = [("AWS_ACCESS_KEY_ID", "ENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", "s")];
    assert_eq!(home.gives("default", &keys).await, ("ENVIRONMENT".into(), "the environment".into()));
    let of_profile = home.gives("default", &[]).await;
    assert_eq!(of_profile, ("PROFILE".into(), "profile `default` (keys of `default`)".into()));

    let home = Home::new("").await;
    let token = home.write("token", "of-the-cluster");
    let web_identity = [("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()), ("AWS_ROLE_ARN", ROLE)];
    let beside = home.amazon.url() + "/container";
    let container =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", beside.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod-token")];
    assert_eq!(home.gives("default", &[web_identity, container].concat()).await.0, "ASIAWEB");
    assert_eq!(home.gives("default", &container).await.0, "ASIACONTAINER");
    let instance = home.gives("default", &[]).await;
    assert_eq!(instance, ("ASIAINSTANCE".into(), "the instance's role (IMDSv2)".into()));
}

#[tokio::test]
async fn a_profile_of_sso_gives_the_role_of_whoever_is_signed_in() {
    let home = Home::new(
        "[profile new]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = deploy\n\
         [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = https://corp.example.com/start\n\
         [profile old]\nsso_start_url = https://corp.example.com/start\nsso_region = eu-central-1\n\
         sso_account_id = 123456789012\nsso_role_name = deploy\n\
         [profile above]\nrole_arn = arn:aws:iam::123456789012:role/deploy\nsource_profile = new\n",
    )
    .await;
    home.amazon.sign_in(home.path(), "corp", 3600);
    home.amazon.sign_in(home.path(), "https://corp.example.com/start", 3600);
    let new = home.ask("profile new", &[]).await;
    assert_eq!(new["id"], "ASIASSO");
    assert_eq!(new["link"], "profile `new` (SSO `corp`, role `deploy` of account 123456789012)");
    assert!(new["left_s"].as_u64().is_some_and(|left| (3500..=3600).contains(&left)), "{new}");
    assert_eq!(home.gives("profile old", &[]).await.0, "ASIASSO");
    let (id, link) = home.gives("profile above", &[]).await;
    assert_eq!(id, "ASIAROLE");
    assert_eq!(
        link,
        "profile `above` (SSO `corp`, role `deploy` of account 123456789012, then role \
         `arn:aws:iam::123456789012:role/deploy`)"
    );
}

#[tokio::test]
async fn an_sso_session_is_renewed_by_what_the_sign_in_left() {
    let home = Home::new(
        "[profile new]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = deploy\n\
         [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = https://corp.example.com/start\n",
    )
    .await;
    home.amazon.sign_in_renewable(home.path(), "corp", -60);
    assert_eq!(home.gives("profile new", &[]).await.0, "ASIASSO");
    assert!(home.amazon.seen().iter().any(|path| path == "POST /token"), "{:?}", home.amazon.seen());
}

#[tokio::test]
async fn a_role_is_taken_by_way_of_other_profiles_with_its_external_id() {
    let home = Home::new(
        "[profile prod]\nrole_arn = arn:aws:iam::123456789012:role/deploy\nsource_profile = hub\nexternal_id = uss1\n\
         [profile hub]\nrole_arn = arn:aws:iam::123456789012:role/hub\nsource_profile = keys\n\
         [profile keys]\naws_access_key_id = AKIAKEYS\naws_secret_access_key = s\n\
         [profile machine]\nrole_arn = arn:aws:iam::123456789012:role/hub\ncredential_source = Ec2InstanceMetadata\n",
    )
    .await;
    let (id, link) = home.gives("profile prod", &[]).await;
    assert_eq!(id, "ASIAROLE");
    assert_eq!(
        link,
        "profile `prod` (keys of `keys`, then role `arn:aws:iam::123456789012:role/hub`, then role \
         `arn:aws:iam::123456789012:role/deploy`)"
    );
    assert_eq!(home.amazon.asked_by(), ["AKIAKEYS", "ASIAHUB"]);
    let (id, link) = home.gives("profile machine", &[]).await;
    assert_eq!(id, "ASIAHUB");
    assert!(link.contains("`credential_source = Ec2InstanceMetadata`"), "{link}");
    assert_eq!(home.amazon.asked_by()[2..], ["ASIAINSTANCE"]);
}

#[tokio::test]
async fn a_process_that_a_profile_names_is_asked() {
    let home = Home::new("").await;
    let answer = r#"{"Version": 1, "AccessKeyId": "ASIAPROCESS", "SecretAccessKey": "s", "SessionToken": "t"}"#;
    let answer = home.write("answer.json", answer);
    home.write(".aws/config", &format!("[profile process]\ncredential_process = cat {answer}\n"));
    let process = home.gives("profile process", &[]).await;
    assert_eq!(process, ("ASIAPROCESS".into(), "profile `process` (its `credential_process`)".into()));
}

#[tokio::test]
async fn a_token_of_a_cluster_is_exchanged_for_its_role() {
    let home = Home::new("").await;
    let token = home.write("token", "of-the-cluster");
    home.write(".aws/config", &format!("[profile ci]\nrole_arn = {ROLE}\nweb_identity_token_file = {token}\n"));
    let of_pod = [("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()), ("AWS_ROLE_ARN", ROLE), ("AWS_REGION", "eu-west-1")];
    let (id, link) = home.gives("web_identity", &of_pod).await;
    assert_eq!((id.as_str(), link), ("ASIAWEB", format!("web identity (token `HOME/token` for role `{ROLE}`)")));
    assert_eq!(home.gives("profile ci", &[]).await.0, "ASIAWEB");
    // Nobody signs that call: the token alone proves it.
    assert_eq!(home.amazon.asked_by(), [""; 2]);
}

#[tokio::test]
async fn a_pod_shows_the_token_of_its_file() {
    let home = Home::new("").await;
    let (token, url) = (home.write("pod", "pod-token"), home.amazon.url() + "/container");
    let pod = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.as_str()),
    ];
    let answer = home.ask("container", &pod).await;
    assert_eq!(answer["id"], "ASIACONTAINER");
    assert!(answer["left_s"].as_u64().is_some_and(|left| left > 3000), "{answer}");
}
