//! Tokens are made by the library that the vendor's own clients use, and checked by us.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::aws::AccessEntry;

const STS: &str = "https://sts.us-east-1.amazonaws.com";
const QUERY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// What a client signs.
struct Client<'a> {
    url: String,
    cluster: Option<&'a str>,
    service: &'a str,
    secret: &'a str,
    expires: u64,
    at: SystemTime,
}

impl Client<'_> {
    fn new() -> Self {
        Self {
            url: format!("{STS}/?{QUERY}"),
            cluster: Some("uss1"),
            service: "sts",
            secret: "its-secret",
            expires: 60,
            at: SystemTime::now(),
        }
    }

    fn presigned(&self) -> Url {
        let credentials = aws_credential_types::Credentials::new("AKIDEXAMPLE", self.secret, None, None, "tests");
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(self.expires));
        let parameters = v4::SigningParams::builder().identity(&identity).region("us-east-1").name(self.service);
        let parameters = parameters.time(self.at).settings(settings).build().expect("all is set").into();
        let headers = self.cluster.map(|cluster| ("x-k8s-aws-id", cluster));
        let request = SignableRequest::new("GET", &self.url, headers.into_iter(), SignableBody::Bytes(&[]));
        let (instructions, _) = sign(request.expect("a request"), &parameters).expect("signed").into_parts();
        let mut url = Url::parse(&self.url).expect("a URL");
        for (name, value) in instructions.params() {
            url.query_pairs_mut().append_pair(name, value);
        }
        url
    }

    fn token(&self) -> String {
        encoded(&self.presigned())
    }
}

fn encoded(url: &Url) -> String {
    format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url.as_str()))
}

fn authenticator() -> Authenticator {
    let eks = Eks {
        cluster: "uss1".into(),
        sts: STS.into(),
        keys: vec![AccessKey::new("AKIDEXAMPLE", "its-secret")],
        entries: vec![AccessEntry { principal: "arn:aws:iam::123456789012:user/ana".into(), groups: Vec::new() }],
    };
    Authenticator::new(eks, Url::parse(STS).expect("a URL"))
}

/// As far as it goes without a token service: the key that signed.
fn check(token: &str) -> Result<String, Refusal> {
    let authenticator = authenticator();
    let token = Token::parse(token, &authenticator.sts, Timestamp::now())?;
    authenticator.check_signature(&token).map(|(key, region)| format!("{} in {region}", key.id))
}

#[test]
fn a_token_for_this_cluster_is_taken() {
    assert_eq!(check(&Client::new().token()).as_deref(), Ok("AKIDEXAMPLE in us-east-1"));
}

#[test]
fn a_token_for_another_cluster_is_refused() {
    assert_eq!(check(&Client { cluster: Some("uss2"), ..Client::new() }.token()), Err(Refusal::Signature));
}

#[test]
fn a_token_that_names_no_cluster_is_refused() {
    assert_eq!(check(&Client { cluster: None, ..Client::new() }.token()), Err(Refusal::ClusterNotSigned));
}

#[test]
fn a_token_is_good_for_a_quarter_of_an_hour_whatever_it_says() {
    let ago = |minutes: u64| SystemTime::now() - Duration::from_secs(60 * minutes);
    assert!(check(&Client { at: ago(14), ..Client::new() }.token()).is_ok());
    assert_eq!(check(&Client { at: ago(16), expires: 900, ..Client::new() }.token()), Err(Refusal::Expired));
    assert_eq!(check(&Client { expires: 901, ..Client::new() }.token()), Err(Refusal::Expires));
    let later = SystemTime::now() + Duration::from_secs(600);
    assert_eq!(check(&Client { at: later, ..Client::new() }.token()), Err(Refusal::NotYet));
}

#[test]
fn a_tampered_token_is_refused() {
    let url = Client::new().presigned();
    let with = |from: &str, to: &str| {
        assert!(url.as_str().contains(from), "{url}");
        check(&encoded(&Url::parse(&url.as_str().replace(from, to)).expect("a URL")))
    };
    assert_eq!(with("X-Amz-Expires=60", "X-Amz-Expires=61"), Err(Refusal::Signature));
    assert_eq!(with("Version=2011-06-15", "Version=2011-06-16"), Err(Refusal::Signature));
    assert_eq!(with("us-east-1%2Fsts", "us-west-1%2Fsts"), Err(Refusal::Signature));
    assert_eq!(with("AKIDEXAMPLE", "AKIDANOTHER"), Err(Refusal::UnknownKey("AKIDANOTHER".into())));
    assert_eq!(with("host%3Bx-k8s-aws-id", "x-k8s-aws-id"), Err(Refusal::Signature));
    assert_eq!(with("host%3Bx-k8s-aws-id", "host%3Bx-k8s-aws-id%3Baccept"), Err(Refusal::Signature));
    let another = Client { secret: "another-secret", ..Client::new() };
    assert_eq!(check(&another.token()), Err(Refusal::Signature));
}

#[test]
fn a_call_of_anything_else_is_no_token() {
    let of = |url: &str| check(&Client { url: url.into(), ..Client::new() }.token());
    assert_eq!(of(&format!("https://sts.example.com/?{QUERY}")), Err(Refusal::Host("sts.example.com".into())));
    assert_eq!(of(&format!("{STS}:8443/?{QUERY}")), Err(Refusal::Host("sts.us-east-1.amazonaws.com:8443".into())));
    let with_user = "ana@sts.us-east-1.amazonaws.com";
    assert_eq!(of(&format!("https://{with_user}/?{QUERY}")), Err(Refusal::Host(with_user.into())));
    assert_eq!(of(&STS.replace("https", "http")), Err(Refusal::Scheme("http".into())));
    assert_eq!(of(&format!("{STS}/x?{QUERY}")), Err(Refusal::Path));
    assert_eq!(of(&format!("{STS}/?Action=AssumeRole&Version=2011-06-15")), Err(Refusal::Action));
    assert_eq!(of(&format!("{STS}/?{QUERY}&RoleArn=x")), Err(Refusal::Parameter("RoleArn".into())));
    assert_eq!(of(&format!("{STS}/?{QUERY}&action=GetCallerIdentity")), Err(Refusal::Repeated("action".into())));
    let scope = check(&Client { service: "iam", ..Client::new() }.token());
    assert!(matches!(scope, Err(Refusal::Scope(_))), "{scope:?}");
}

#[test]
fn what_has_not_the_form_of_a_token_is_refused() {
    assert_eq!(check("a-token"), Err(Refusal::Prefix));
    assert_eq!(check("k8s-aws-v1.%%%"), Err(Refusal::Encoding));
    assert_eq!(check("k8s-aws-v1.bm90IGEgdXJs"), Err(Refusal::Url));
    assert_eq!(check(&format!("k8s-aws-v1.{}", "a".repeat(4096))), Err(Refusal::TooLarge));
    let padded = format!("{}=", Client::new().token());
    assert_eq!(check(&padded), Err(Refusal::Encoding));
}
