//! What must never be shown.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// Shown in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Shorter secrets are not looked for: they would blot out ordinary words, and are no secrets.
const LEAST: usize = 6;

/// A registry of secrets, and the only place through which text that may hold one is shown.
///
/// Clones share one registry. A value is found as it is, in base64 (standard and URL alphabet, also inside other data),
/// percent-encoded, in hexadecimal and escaped as JSON; a value of several lines line by line too.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Registry>>);

#[derive(Default)]
struct Registry {
    values: BTreeSet<Vec<u8>>,
    /// Made when something is shown, not with each secret: most commands learn several and show nothing in between.
    finder: OnceLock<Finder>,
}

enum Finder {
    Nothing,
    Values(AhoCorasick),
    /// More than can be looked for, so nothing may be shown.
    Everything,
}

impl Registry {
    fn finder(&self) -> &Finder {
        self.finder.get_or_init(|| {
            if self.values.is_empty() {
                return Finder::Nothing;
            }
            // The form that is made fastest: few texts are short enough for a better one to pay.
            let built = AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::NoncontiguousNFA))
                .match_kind(MatchKind::LeftmostLongest)
                .build(&self.values);
            built.map_or(Finder::Everything, Finder::Values)
        })
    }
}

impl Redactor {
    /// Adds a secret. Registering it again changes nothing.
    pub fn register(&self, secret: &str) {
        self.register_bytes(secret.as_bytes());
        // A key in PEM is shown line by line as often as whole. Its armour is no secret.
        for line in secret.lines().map(str::trim).filter(|line| line.len() >= 24 && !line.starts_with("-----")) {
            self.register_bytes(line.as_bytes());
        }
    }

    /// Adds a secret that is not text.
    pub fn register_bytes(&self, secret: &[u8]) {
        if secret.len() < LEAST {
            return;
        }
        let mut registry = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = registry.values.len();
        registry.values.extend(spellings(secret));
        if registry.values.len() != before {
            registry.finder = OnceLock::new();
        }
    }

    /// Returns the text with every registered secret blotted out.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let registry = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let finder = match registry.finder() {
            Finder::Nothing => return Cow::Borrowed(text),
            Finder::Everything => return Cow::Borrowed(REDACTED),
            Finder::Values(finder) => finder,
        };
        if !finder.is_match(text) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        finder.replace_all_with(text, &mut out, |_, _, out| {
            out.push_str(REDACTED);
            true
        });
        Cow::Owned(out)
    }

    /// Whether the bytes hold a registered secret.
    #[must_use]
    pub fn finds(&self, bytes: &[u8]) -> bool {
        let registry = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        match registry.finder() {
            Finder::Nothing => false,
            Finder::Everything => true,
            Finder::Values(finder) => finder.is_match(bytes),
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

/// Every form in which a secret is usually met.
fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![secret.to_vec(), hex::encode(secret).into_bytes(), hex::encode_upper(secret).into_bytes()];
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        all.push(engine.encode(secret).into_bytes());
    }
    all.extend(inside_base64(secret));
    if let Ok(text) = std::str::from_utf8(secret) {
        let json = serde_json::Value::from(text).to_string();
        all.push(json.as_bytes()[1..json.len() - 1].to_vec());
        all.push(url::form_urlencoded::byte_serialize(secret).collect::<String>().into_bytes());
        all.push(percent(secret).into_bytes());
    }
    all.retain(|spelling| spelling.len() >= LEAST);
    all
}

/// The part of a base64 text that depends on the secret alone, for each place it can have in a longer text.
fn inside_base64(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for before in 0..3 {
        let mut data = vec![0; before];
        data.extend_from_slice(secret);
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&data);
            let first = [0, 2, 3][before];
            let last = data.len() / 3 * 4;
            if let Some(inner) = text.as_bytes().get(first..last).filter(|inner| inner.len() >= 8) {
                all.push(inner.to_vec());
            }
        }
    }
    all
}

/// Percent-encoding of everything that is not unreserved (RFC 3986).
fn percent(secret: &[u8]) -> String {
    let mut out = String::new();
    for byte in secret {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(*byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr3t/+ \"väl\"ue";

    fn redactor() -> Redactor {
        let redactor = Redactor::default();
        redactor.register(SECRET);
        redactor
    }

    #[test]
    fn a_secret_is_found_in_every_usual_spelling() {
        let redactor = redactor();
        let basic = STANDARD.encode(format!("user:{SECRET}"));
        let longer = STANDARD.encode(format!("ab{SECRET}cdef"));
        let json = serde_json::json!({ "v": SECRET }).to_string();
        let spellings = [
            SECRET.to_owned(),
            STANDARD.encode(SECRET),
            URL_SAFE_NO_PAD.encode(SECRET),
            hex::encode(SECRET),
            percent(SECRET.as_bytes()),
            url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect(),
            json,
            basic,
            longer,
        ];
        for spelling in spellings {
            let text = format!("before {spelling} after");
            let redacted = redactor.redact(&text);
            assert!(redacted.contains(REDACTED), "{spelling} is shown");
            assert!(redacted.starts_with("before ") && redacted.ends_with(" after"));
        }
    }

    #[test]
    fn a_key_is_found_line_by_line() {
        let redactor = Redactor::default();
        redactor.register("-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END KEY-----\n");
        assert_eq!(
            redactor.redact("line MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"),
            format!("line {REDACTED}")
        );
        assert_eq!(redactor.redact("-----BEGIN KEY-----"), "-----BEGIN KEY-----");
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        let redactor = redactor();
        redactor.register("abc");
        assert!(matches!(redactor.redact("abc def"), Cow::Borrowed("abc def")));
    }

    #[test]
    fn a_secret_that_is_learnt_late_is_found_too() {
        let redactor = redactor();
        assert_eq!(redactor.redact("hunter2hunter2"), "hunter2hunter2");
        redactor.register("hunter2hunter2");
        assert_eq!(redactor.redact(&format!("hunter2hunter2 {SECRET}")), format!("{REDACTED} {REDACTED}"));
    }

    #[test]
    fn clones_share_what_they_know() {
        let redactor = Redactor::default();
        let clone = redactor.clone();
        redactor.register("hunter2hunter2");
        assert!(clone.finds(b"x hunter2hunter2 y"));
    }
}
