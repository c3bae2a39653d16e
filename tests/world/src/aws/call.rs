use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::signature::{Scope, Signable, encode};
use super::{AccessKey, AwsError};

/// One call of an API of AWS.
#[derive(Clone, Debug)]
pub struct Call {
    service: &'static str,
    region: String,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

impl Call {
    /// A call with parameters in a form, the action first (EC2, IAM, STS).
    pub fn form(service: &'static str, region: &str, parameters: &[(&str, &str)]) -> Self {
        let body: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        Self::new(service, region, "POST", "/", &[("content-type", FORM)], body.join("&"))
    }

    /// A call that names its action in a header and its parameters in JSON (KMS, ACM, Secrets Manager).
    pub fn json(service: &'static str, region: &str, target: &str, body: &serde_json::Value) -> Self {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        Self::new(service, region, "POST", "/", &headers, body.to_string())
    }

    /// A call by method and path (EKS, Route 53, S3).
    pub fn rest(service: &'static str, region: &str, method: &'static str, path: &str, body: &str) -> Self {
        // S3 alone wants to be told what was signed.
        let digest = hex::encode(Sha256::digest(body));
        let headers = [("x-amz-content-sha256", digest.as_str())];
        let headers: &[_] = if service == "s3" { &headers } else { &[] };
        Self::new(service, region, method, path, headers, body.to_owned())
    }

    fn new(
        service: &'static str,
        region: &str,
        method: &'static str,
        path: &str,
        headers: &[(&'static str, &str)],
        body: String,
    ) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { service, region: region.to_owned(), method, path: path.to_owned(), headers, body }
    }

    fn name(&self) -> String {
        let action = self.body.strip_prefix("Action=").and_then(|rest| rest.split('&').next());
        let target = self.headers.iter().find(|(name, _)| *name == "x-amz-target").map(|(_, target)| target.as_str());
        format!("{} {}", self.service, action.or(target).unwrap_or(&self.path))
    }

    /// Signs the call, sends it and returns the body of the answer.
    pub(super) async fn send(
        &self,
        client: &reqwest::Client,
        endpoint: &Url,
        key: &AccessKey,
    ) -> Result<String, AwsError> {
        let at = Timestamp::now().to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
        let host = endpoint.authority().to_owned();
        let mut headers: Vec<(&str, &str)> = vec![("host", &host), ("x-amz-date", &at)];
        headers.extend(self.headers.iter().map(|(name, value)| (*name, value.as_str())));
        let signable = Signable {
            method: self.method,
            path: &self.path,
            query: &[],
            headers: &headers,
            body: self.body.as_bytes(),
        };
        let scope = Scope { day: &at[..8], region: &self.region, service: self.service };
        let authorization = signable.authorization(key, &scope, &at);
        let failed = |err| AwsError::Send { call: self.name(), err };
        let url = format!("{}{}", endpoint.as_str().trim_end_matches('/'), self.path);
        let method = self.method.parse().expect("a method of HTTP");
        let mut request = client.request(method, url).header("authorization", authorization).body(self.body.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let body = answer.text().await.map_err(failed)?;
        if status.is_success() {
            return Ok(body);
        }
        Err(AwsError::Refused { call: self.name(), status: status.as_u16(), body })
    }
}

/// The first text between a pair of tags.
pub(super) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}
