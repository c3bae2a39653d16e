//! What a service account says of itself, and whether its key has signed that.

use serde_json::json;

use super::ServiceAccount;
use crate::jwt::{Parts, RS256, now_s};

/// A clock may be so much ahead.
const AHEAD_S: u64 = 60;
const LONGEST_S: u64 = 3600;

/// Checks everything that Google's own endpoint does, and says the first thing that is wrong in its words.
pub(super) fn check(assertion: &str, account: &ServiceAccount, audience: &str) -> Result<(), &'static str> {
    let unsigned = "Invalid JWT Signature.";
    let parts = Parts::of(assertion).filter(|parts| parts.is_signed_by(&account.key_pem, RS256)).ok_or(unsigned)?;
    if parts.header != json!({ "alg": "RS256", "typ": "JWT", "kid": account.key_id }) {
        return Err(unsigned);
    }
    if parts.claims["iss"] != account.email {
        return Err("Invalid grant: account not found");
    }
    if parts.claims["aud"] != audience {
        return Err("Invalid JWT: Failed audience check.");
    }
    if parts.claims["scope"].as_str().is_none_or(str::is_empty) {
        return Err("Invalid OAuth scope or ID token audience provided.");
    }
    let (issued, expires, now) = (parts.time("iat"), parts.time("exp"), now_s());
    if issued > now + AHEAD_S || expires <= now || expires.saturating_sub(issued) > LONGEST_S {
        return Err("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.");
    }
    Ok(())
}
