use k8s_openapi::jiff::Timestamp;
use url::Url;

use super::call::element;
use super::refusal::Refusal;
use super::signature::{Scope, Signable};
use super::token::{CLUSTER, Token};
use super::{AccessKey, Call, Eks, Identity, arn};

/// What stands between a cluster of EKS and IAM: it learns of the token service who made a token.
///
/// The rules are those of AWS's own authenticator (`aws-iam-authenticator`). It presents each token to the token service with the
/// name of *this* cluster in the signed header, so a token for another cluster has a wrong signature.
pub(crate) struct Authenticator {
    eks: Eks,
    sts: Url,
    client: reqwest::Client,
}

impl Authenticator {
    pub(super) fn new(eks: Eks, sts: Url) -> Self {
        Self { eks, sts, client: crate::images::http_client() }
    }

    /// Says whose token this is.
    pub(super) async fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, Refusal> {
        let token = Token::parse(token, &self.sts, now)?;
        let (key, region) = self.check_signature(&token)?;
        let mut identity = self.caller(key, region).await?;
        let principal = arn::principal(&identity.arn)?;
        let entry = self.eks.entries.iter().find(|entry| entry.principal == principal);
        identity.groups = entry.ok_or(Refusal::NoEntry(principal))?.groups.clone();
        Ok(identity)
    }

    /// The token service's part that the emulator lacks: the signature of the URL, over the name of this cluster.
    fn check_signature<'a>(&self, token: &'a Token) -> Result<(&AccessKey, &'a str), Refusal> {
        let credential = token.parameter("x-amz-credential");
        let wrong = || Refusal::Scope(credential.split_once('/').unwrap_or_default().1.to_owned());
        let parts: Vec<&str> = credential.split('/').collect();
        let [id, day, region, "sts", "aws4_request"] = parts[..] else { return Err(wrong()) };
        let at = token.parameter("x-amz-date");
        if !at.starts_with(day) || token.parameter("x-amz-algorithm") != "AWS4-HMAC-SHA256" {
            return Err(wrong());
        }
        let key = self.eks.keys.iter().find(|key| key.id == id);
        let key = key.ok_or_else(|| Refusal::UnknownKey(id.to_owned()))?;
        let mut headers = Vec::new();
        for name in token.signed_headers() {
            headers.push(match name {
                "host" => (name, token.url.authority()),
                CLUSTER => (name, self.eks.cluster.as_str()),
                // We present nothing else, so nothing else can have been signed.
                _ => return Err(Refusal::Signature),
            });
        }
        let query = token.signed_query();
        let request = Signable { method: "GET", path: "/", query: &query, headers: &headers, body: b"" };
        let signature = request.signature(key.secret(), &Scope { day, region, service: "sts" }, at);
        if headers.iter().any(|(name, _)| *name == "host") && signature == token.parameter("x-amz-signature") {
            return Ok((key, region));
        }
        Err(Refusal::Signature)
    }

    /// Asks the token service whose key that is, as itself would once the signature is right.
    async fn caller(&self, key: &AccessKey, region: &str) -> Result<Identity, Refusal> {
        let parameters = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
        let answer = Call::form("sts", region, &parameters).send(&self.client, &self.sts, key).await;
        let answer = answer.map_err(|err| Refusal::Service(err.to_string()))?;
        let part = |name: &str| {
            let found = element(&answer, name).map(ToOwned::to_owned);
            found.ok_or_else(|| Refusal::Service(format!("its answer has no `{name}`")))
        };
        Ok(Identity {
            arn: part("Arn")?,
            account: part("Account")?,
            user_id: part("UserId")?,
            key_id: key.id.clone(),
            groups: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests;
