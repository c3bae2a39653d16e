//! Signatures of version 4, by their documentation: written anew, so that it shares no mistake with who signs.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// One request, as far as a signature covers it.
pub(super) struct Signable<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Names and values, decoded, without the signature itself.
    pub(super) query: &'a [(String, String)],
    /// Lower-case names and values.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// What a signature is good for.
pub(super) struct Scope<'a> {
    /// Such as `20260131`.
    pub(super) day: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

impl Scope<'_> {
    fn text(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.day, self.region, self.service)
    }

    fn key(&self, secret: &str) -> Vec<u8> {
        let day = mac(format!("AWS4{secret}").as_bytes(), self.day);
        mac(&mac(&mac(&day, self.region), self.service), "aws4_request")
    }
}

impl Signable<'_> {
    /// The signature in hexadecimal. `at` is such as `20260131T235959Z`.
    pub(super) fn signature(&self, secret: &str, scope: &Scope<'_>, at: &str) -> String {
        let request = hex::encode(Sha256::digest(self.canonical()));
        hex::encode(mac(&scope.key(secret), &format!("{ALGORITHM}\n{at}\n{}\n{request}", scope.text())))
    }

    /// The header `authorization`.
    pub(super) fn authorization(&self, key: &super::AccessKey, scope: &Scope<'_>, at: &str) -> String {
        let signature = self.signature(key.secret(), scope, at);
        let (id, scope, headers) = (&key.id, scope.text(), self.signed_headers());
        format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={headers}, Signature={signature}")
    }

    fn signed_headers(&self) -> String {
        let mut names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.join(";")
    }

    fn canonical(&self) -> String {
        let mut query: Vec<(String, String)> =
            self.query.iter().map(|(name, value)| (encode(name), encode(value))).collect();
        query.sort_unstable();
        let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut headers = self.headers.to_vec();
        headers.sort_unstable();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", words(value))).collect();
        let body = hex::encode(Sha256::digest(self.body));
        let (method, path, signed) = (self.method, self.path, self.signed_headers());
        format!("{method}\n{path}\n{}\n{headers}\n{signed}\n{body}", query.join("&"))
    }
}

/// Everything but letters, digits and `-_.~`, as a query is written for a signature.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A header's value with one space between its words.
fn words(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's own documentation, "Create a signed AWS API request".
    #[test]
    fn the_documented_example_comes_out() {
        let query = [("Action".to_owned(), "ListUsers".to_owned()), ("Version".to_owned(), "2010-05-08".to_owned())];
        let request = Signable {
            method: "GET",
            path: "/",
            query: &query,
            headers: &[
                ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("host", "iam.amazonaws.com"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            body: b"",
        };
        let scope = Scope { day: "20150830", region: "us-east-1", service: "iam" };
        let signature = request.signature("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &scope, "20150830T123600Z");
        assert_eq!(signature, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    }

    #[test]
    fn what_is_not_plain_is_encoded() {
        assert_eq!(encode("a b/c+d~ü"), "a%20b%2Fc%2Bd~%C3%BC");
    }
}
