//! The tags of a repository.

use registry_reference::{ByteSize, Tag};
use reqwest::header;
use serde::Deserialize;

use crate::{error::Failure, session::Session};

/// Tags asked for at once.
const PAGE: usize = 1000;
/// Enough for any repository that people keep; a registry that goes on for ever is stopped.
const MAX_PAGES: usize = 100;
const PAGE_BODY: ByteSize = ByteSize::mib(1);

#[derive(Deserialize)]
struct Page {
    /// Some registries say `null` for none.
    tags: Option<Vec<String>>,
}

/// Reads page after page, as "Listing Tags" of the distribution specification 1.1 says.
pub(crate) async fn list(session: &Session) -> Result<Vec<Tag>, Failure> {
    let what = format!("repository `{}`", session.repository.path);
    let mut tags: Vec<Tag> = Vec::new();
    let mut last = String::new();
    for _ in 0..MAX_PAGES {
        let after = if last.is_empty() { String::new() } else { format!("&last={last}") };
        let response = session.get(&format!("tags/list?n={PAGE}{after}"), "application/json", &what).await?;
        let has_more = response.headers().contains_key(header::LINK);
        let body = session.origin.body(response, "the list of tags", PAGE_BODY).await?;
        let page: Page = serde_json::from_slice(&body).map_err(|err| Failure::Protocol {
            host: session.origin.host.clone(),
            said: format!("its list of tags cannot be read: {err}"),
        })?;
        let page: Vec<Tag> = page.tags.unwrap_or_default().iter().filter_map(|tag| tag.parse().ok()).collect();
        let end = page.last().map(ToString::to_string);
        tags.extend(page);
        match end {
            Some(end) if has_more && end != last => last = end,
            _ => return Ok(tags),
        }
    }
    Ok(tags)
}
