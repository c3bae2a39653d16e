//! What the world's DNS says, for plugins that are granted `GET` of [`HOST`] or of another resolver.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::http::{Error, Request};
use crate::infra_provider::{Finding, Severity};

/// The host to be granted: DNS over HTTPS in JSON, as anybody is answered.
pub const HOST: &str = "dns.google";
/// By which key of a block's `endpoints` another is named.
pub const ENDPOINT: &str = "resolver";
const RESOLVER: &str = "https://dns.google/resolve";
/// What some resolvers want to be asked for, and the others do not look at.
const JSON: &str = "application/dns-json";
/// The code for a name that does not exist (RFC 1035 section 4.1.1).
const NXDOMAIN: u64 = 3;

/// Looks whether the world asks a zone about its names: whether its parent names one of the zone's own `servers`. What cannot
/// be asked is a warning, with what to look at by hand. `resolver` is the URL of another than [`HOST`], without a query.
pub fn delegation<'name>(resolver: Option<&str>, zone: &str, servers: impl IntoIterator<Item = &'name str>) -> Finding {
    let ours = names(servers);
    let finding = |severity, message: String, cure: Option<String>| Finding {
        severity,
        subject: "dns:delegation".into(),
        message,
        cure,
    };
    let wrong = |message| {
        let cure = format!("at the registrar or in the parent zone, name for `{zone}`: {}", list(&ours));
        finding(Severity::Error, message, Some(cure))
    };
    match name_servers(resolver.unwrap_or(RESOLVER), zone) {
        Ok(theirs) if !theirs.is_disjoint(&ours) => {
            finding(Severity::Note, format!("`{zone}` is delegated to this zone"), None)
        }
        Ok(theirs) if theirs.is_empty() => wrong(format!("nobody delegates `{zone}`")),
        Ok(theirs) => wrong(format!("`{zone}` is delegated to {}, not to this zone", list(&theirs))),
        Err(why) => finding(Severity::Warning, why, Some(format!("`dig NS {zone}` must show: {}", list(&ours)))),
    }
}

/// Whom the parent of `domain` names for it; none if it is delegated to nobody.
fn name_servers(resolver: &str, domain: &str) -> Result<BTreeSet<String>, String> {
    let question = Request::get(format!("{resolver}?name={domain}&type=NS")).header("accept", JSON);
    let answer = question.send().map_err(|err| format!("the resolver cannot be asked: {}", words(err)))?;
    if !answer.is_success() {
        return Err(format!("the resolver answered {}", answer.status));
    }
    let answer: Value = answer.json().map_err(|_| "the resolver's answer is no JSON".to_owned())?;
    // A resolver that fails to find out has not found that there is nobody.
    match answer["Status"].as_u64() {
        Some(0 | NXDOMAIN) => {}
        Some(code) => return Err(format!("the resolver could not find out: its code is {code}")),
        None => return Err("the resolver's answer has no code".to_owned()),
    }
    let records = answer["Answer"].as_array().into_iter().flatten();
    Ok(names(records.filter_map(|record| record["data"].as_str())))
}

fn words(err: Error) -> String {
    match err {
        Error::Unresolved(name) => format!("`{name}` has no address"),
        Error::TimedOut(bound) => format!("no answer within {bound} ms"),
        Error::TooLarge(bound) => format!("an answer of over {bound} bytes"),
        Error::Denied(why) | Error::Connection(why) | Error::Tls(why) | Error::Credential(why) | Error::Other(why) => {
            why
        }
    }
}

/// Names as they can be compared: without the final dot, in lower case.
fn names<'name>(texts: impl IntoIterator<Item = &'name str>) -> BTreeSet<String> {
    texts.into_iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect()
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Response;
    use crate::testing::{FakeHost, with};

    const OURS: [&str; 2] = ["ns-1.example.org.", "ns-2.example.org."];

    fn asked(answer: impl Fn() -> Result<Response, Error> + 'static) -> Finding {
        with(FakeHost::default().answering(move |_| answer()), || delegation(None, "uss1.example.com", OURS)).0
    }

    fn says(status: u16, body: &'static str) -> Finding {
        asked(move || Ok(Response { status, headers: Vec::new(), body: body.into() }))
    }

    #[test]
    fn a_zone_is_asked_if_its_parent_names_one_of_its_servers() {
        let here = says(200, r#"{"Status":0,"Answer":[{"type":2,"data":"NS-2.Example.org."}]}"#);
        assert_eq!(here.message, "`uss1.example.com` is delegated to this zone");
        let elsewhere = says(200, r#"{"Status":0,"Answer":[{"type":2,"data":"ns.registrar.example."}]}"#);
        assert_eq!(elsewhere.message, "`uss1.example.com` is delegated to ns.registrar.example, not to this zone");
        assert!(
            elsewhere.cure.is_some_and(|cure| cure.ends_with("`uss1.example.com`: ns-1.example.org, ns-2.example.org"))
        );
        assert_eq!(says(200, r#"{"Status":3}"#).message, "nobody delegates `uss1.example.com`");
    }

    #[test]
    fn that_there_is_no_answer_is_not_that_nobody_is_named() {
        let failed = says(200, r#"{"Status":2}"#);
        for unanswered in [
            failed,
            says(503, ""),
            says(200, "<html>"),
            says(200, "{}"),
            asked(|| Err(Error::Denied("not granted".into()))),
        ] {
            assert_eq!(unanswered.severity, Severity::Warning, "{unanswered:?}");
            assert!(unanswered.cure.is_some_and(|cure| cure.starts_with("`dig NS uss1.example.com`")));
        }
    }

    #[test]
    fn another_resolver_is_asked_where_one_is_named() {
        let host =
            FakeHost::default().answering(|_| Ok(Response { status: 503, headers: Vec::new(), body: Vec::new() }));
        let (_, host) = with(host, || delegation(Some("https://doh.example.net/dns-query"), "uss1.example.com", OURS));
        let [request] = &host.requests[..] else { panic!("{:?}", host.requests) };
        assert_eq!(request.url, "https://doh.example.net/dns-query?name=uss1.example.com&type=NS");
        assert!(request.headers.contains(&("accept".to_owned(), JSON.to_owned())), "{:?}", request.headers);
    }
}
