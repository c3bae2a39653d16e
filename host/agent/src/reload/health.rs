//! What a database's own page says of its copies, for one whose metrics say nothing of them.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::probe::get;

const PATH: &str = "/api/v1/health-check";
/// Whoever reads metrics waits about ten seconds in all.
const PATIENCE: Duration = Duration::from_secs(3);
/// What stands before the tablets, in a page that was cut and is no JSON any more.
const LIST: &str = "\"under_replicated_tablets\":[";

#[derive(Deserialize)]
struct Page {
    under_replicated_tablets: Vec<String>,
}

/// Tablets with fewer copies than they should have, as the master at this address says; none if it says nothing of them.
pub(super) async fn under_replicated(master: SocketAddr) -> Option<usize> {
    let asked = async {
        let stream = TcpStream::connect(master).await.ok()?;
        let host = master.ip().to_string();
        let answer = get(stream, (&host, master.port()), PATH).await.ok()?;
        (answer.status == 200).then(|| count(&answer.body)).flatten()
    };
    timeout(PATIENCE, asked).await.ok().flatten()
}

fn count(body: &str) -> Option<usize> {
    if let Ok(page) = serde_json::from_str::<Page>(body) {
        return Some(page.under_replicated_tablets.len());
    }
    // A page too long to be read whole tells of very many: those that were read are enough.
    let begun = body.split_once(LIST)?.1;
    Some(begun.matches('"').count().div_ceil(2)).filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn tablets_are_counted_even_in_a_page_that_was_cut() {
        let page =
            |list: &str| format!(r#"{{"dead_nodes":["d"],"most_recent_uptime":1,"under_replicated_tablets":{list}"#);
        assert_eq!(count(&page("[]}")), Some(0));
        assert_eq!(count(&page(r#"["a","b"]}"#)), Some(2));
        assert_eq!(count(&page(r#"["a","b","#)), Some(2));
        assert_eq!(count(&page(r#"["a","b"#)), Some(2));
        assert_eq!(count(r#"{"error":"no leader"}"#), None);
        assert_eq!(count("<html>"), None);
    }
}
