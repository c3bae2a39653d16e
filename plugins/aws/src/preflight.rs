//! A look at the cloud before anything exists.

use hangar_sdk::http::Request;
use hangar_sdk::infra_provider::{Error, Finding, Instance, Progress, Severity};

use crate::SLOT;
use crate::config::Config;

/// Looks at who the credentials are, which the token service tells without any permission.
///
/// # Errors
///
/// [`Error::Invalid`] about the block; [`Error::Unavailable`] where the token service cannot be reached.
pub fn preflight(config: &str, _instance: &Instance, _token: Option<&str>) -> Result<Progress, Error> {
    let config = Config::parse(config)?;
    let default = format!("https://sts.{}.amazonaws.com", config.region);
    let base = config.endpoints.get("sts").unwrap_or(&default).trim_end_matches('/');
    let request = Request::new("POST", format!("{base}/"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("Action=GetCallerIdentity&Version=2011-06-15")
        .sigv4(SLOT, "sts", &config.region);
    let response = request.send().map_err(|err| Error::Unavailable(format!("{err:?}")))?;
    let finding = |severity, message, cure| Finding { severity, subject: "identity".into(), message, cure };
    let text = response.text();
    let arn = text.split_once("<Arn>").and_then(|(_, rest)| rest.split_once("</Arn>")).map(|(arn, _)| arn.to_owned());
    Ok(Progress::Done(vec![match arn {
        Some(arn) if response.is_success() => finding(Severity::Note, format!("signed in as {arn}"), None),
        _ => finding(
            Severity::Error,
            format!("the token service answered {}", response.status),
            Some("check the credentials of slot `aws`".into()),
        ),
    }]))
}
