use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::jiff::civil::DateTime;
use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use url::Url;

use super::refusal::Refusal;

const PREFIX: &str = "k8s-aws-v1.";
const MOST_BYTES: usize = 4096;
/// The header that names the cluster.
pub(super) const CLUSTER: &str = "x-k8s-aws-id";
/// The only parameters that a token may have.
const PARAMETERS: [&str; 9] = [
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];
/// Whatever a token says itself, the token service takes it for this long.
const LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// Clocks may differ by this much.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
const LONGEST_EXPIRY: u32 = 900;

/// A token of EKS that has the right form: a pre-signed call of the token service.
pub(super) struct Token {
    pub(super) url: Url,
    /// By lower-case name.
    parameters: BTreeMap<String, String>,
}

impl Token {
    /// Takes a token apart and checks all that can be checked without asking anybody, in the order of AWS's own authenticator.
    pub(super) fn parse(token: &str, sts: &Url, now: Timestamp) -> Result<Self, Refusal> {
        if token.len() > MOST_BYTES {
            return Err(Refusal::TooLarge);
        }
        let encoded = token.strip_prefix(PREFIX).ok_or(Refusal::Prefix)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Refusal::Encoding)?;
        let text = String::from_utf8(bytes).map_err(|_| Refusal::Url)?;
        let url = Url::parse(&text).map_err(|_| Refusal::Url)?;
        if url.scheme() != sts.scheme() {
            return Err(Refusal::Scheme(url.scheme().to_owned()));
        }
        if url.authority() != sts.authority() {
            return Err(Refusal::Host(url.authority().to_owned()));
        }
        if url.path() != "/" {
            return Err(Refusal::Path);
        }
        let token = Self { parameters: parameters(&url)?, url };
        token.check(now)?;
        Ok(token)
    }

    fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.parameter("action") != "GetCallerIdentity" {
            return Err(Refusal::Action);
        }
        if !self.signed_headers().any(|name| name.eq_ignore_ascii_case(CLUSTER)) {
            return Err(Refusal::ClusterNotSigned);
        }
        let expires: Option<u32> = self.parameter("x-amz-expires").parse().ok();
        if expires.is_none_or(|expires| expires > LONGEST_EXPIRY) {
            return Err(Refusal::Expires);
        }
        let made = self.made()?;
        if now.duration_since(made) > LIFETIME {
            return Err(Refusal::Expired);
        }
        if made.duration_since(now) > AHEAD {
            return Err(Refusal::NotYet);
        }
        Ok(())
    }

    fn made(&self) -> Result<Timestamp, Refusal> {
        let date = DateTime::strptime("%Y%m%dT%H%M%SZ", self.parameter("x-amz-date")).map_err(|_| Refusal::Date)?;
        date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|_| Refusal::Date)
    }

    /// Empty where there is none.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    pub(super) fn signed_headers(&self) -> impl Iterator<Item = &str> {
        self.parameter("x-amz-signedheaders").split(';')
    }

    /// As typed, without the signature: what the signature covers.
    pub(super) fn signed_query(&self) -> Vec<(String, String)> {
        let pairs = self.url.query_pairs().filter(|(name, _)| !name.eq_ignore_ascii_case("x-amz-signature"));
        pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
    }
}

fn parameters(url: &Url) -> Result<BTreeMap<String, String>, Refusal> {
    let mut parameters = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        let lower = name.to_lowercase();
        if !PARAMETERS.contains(&lower.as_str()) {
            return Err(Refusal::Parameter(name.into_owned()));
        }
        if parameters.insert(lower, value.into_owned()).is_some() {
            return Err(Refusal::Repeated(name.into_owned()));
        }
    }
    Ok(parameters)
}
