//! Which releases are throttled without a licence, and when.
//!
//! From 24.3.0 on, and from certain patches of earlier releases, a cluster without a valid key lets five transactions
//! be open at a gateway once a week has passed since it was founded.

use prost::Message;

use crate::build_info::{BuildInfo, Version};

/// Open transactions that a throttled gateway allows.
pub const MOST_OPEN: usize = 5;

const DAY: i64 = 86_400_000_000_000;
/// Free days of a new cluster.
const GRACE_AFTER_INIT: i64 = 7 * DAY;
/// The first patch under the licence, by release.
const SINCE: [(i32, i32, u32); 4] = [(23, 1, 29), (23, 2, 15), (24, 1, 7), (24, 2, 5)];
const PREFIX: &str = "crl-0-";

/// What a key holds, as far as it matters here.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct License {
    #[prost(int64, tag = "2")]
    pub valid_until_unix_sec: i64,
    /// 1 enterprise, 2 evaluation, 3 free, 4 trial.
    #[prost(int32, tag = "3")]
    pub kind: i32,
}

impl License {
    /// Reads a key as it is set.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(key: &str) -> Result<Self, String> {
        let body = key.strip_prefix(PREFIX).ok_or("invalid license string")?;
        let bytes = base64(body).ok_or("invalid license string")?;
        Self::decode(bytes.as_slice()).map_err(|_| "invalid license string".to_owned())
    }

    /// When the key stops to keep the throttle away; `None` for a key that never does.
    fn ends(&self) -> Option<i64> {
        let grace = match self.kind {
            3 => 30 * DAY,
            4 => 7 * DAY,
            _ => return None,
        };
        Some(self.valid_until_unix_sec.saturating_mul(1_000_000_000).saturating_add(grace))
    }
}

/// Whether a release is throttled at all.
pub fn applies(build: &BuildInfo) -> bool {
    let version = build.version();
    if version >= (Version { major: 24, minor: 3 }) {
        return true;
    }
    SINCE
        .iter()
        .any(|(major, minor, patch)| version == Version { major: *major, minor: *minor } && build.patch() >= *patch)
}

/// Why a sixth transaction is refused; `None` while there is no throttle. Times are nanoseconds since 1970.
pub fn throttle(build: &BuildInfo, key: &str, founded_at: i64, now: i64) -> Option<String> {
    const REST: &str = "The maximum number of concurrently open transactions has been reached.";
    if !applies(build) {
        return None;
    }
    match License::parse(key) {
        Err(_) => (now > founded_at.saturating_add(GRACE_AFTER_INIT)).then(|| format!("No license installed. {REST}")),
        Ok(license) => license.ends().filter(|ends| now > *ends).map(|_| {
            let at =
                crate::state::datum::timestamp::render_time(license.valid_until_unix_sec * 1_000_000, " +0000 UTC");
            format!("License expired on {at}. {REST}")
        }),
    }
}

/// Standard base64, with or without its padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut n_bits) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let six = LETTERS.iter().position(|known| *known == letter)?;
        bits = (bits << 6) | u32::try_from(six).ok()?;
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push(u8::try_from((bits >> n_bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(tag: &str) -> BuildInfo {
        BuildInfo::parse(tag).expect("well formed")
    }

    #[test]
    fn the_release_of_the_dss_predates_the_licence_and_later_patches_do_not() {
        let under: Vec<bool> = ["v24.1.3", "v24.1.7", "v23.1.28", "v23.2.15", "v24.3.0", "v26.2.1"]
            .map(|tag| applies(&build(tag)))
            .to_vec();
        assert_eq!(under, [false, true, false, true, true, true]);
    }

    #[test]
    fn a_week_is_free_and_a_key_ends_when_it_says() {
        let build = build("v24.3.1");
        assert_eq!(throttle(&build, "", 0, 6 * DAY), None);
        assert!(throttle(&build, "", 0, 8 * DAY).is_some_and(|text| text.starts_with("No license installed. ")));
        // Enterprise until 1970-01-02, then trial until then.
        let enterprise = throttle(&build, "crl-0-EICjBRgB", 0, 900 * DAY);
        assert_eq!(enterprise, None);
        let trial = throttle(&build, "crl-0-EICjBRgE", 0, 900 * DAY);
        assert!(trial.is_some_and(|text| text.starts_with("License expired on 1970-01-02 00:00:00 +0000 UTC. ")));
        assert!(License::parse("nonsense").is_err());
    }
}
