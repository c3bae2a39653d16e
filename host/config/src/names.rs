//! Names, each with its own form.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {noun}: {rule}")]
pub struct NameError {
    /// The text.
    pub text: String,
    /// What it should have been.
    pub noun: &'static str,
    /// The form that one has.
    pub rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { text: text.to_owned(), noun: $noun, rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name!(
    /// Names an instance; part of the names of what is made for it.
    InstanceName,
    "name for an instance",
    "1 to 40 of `a-z`, `0-9` and `-`, beginning with a letter and not ending with `-`",
    |text| text.len() <= 40 && is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
);
name!(
    /// Names a plugin in this workspace.
    PluginName,
    "name for a plugin",
    "1 to 40 of `a-z`, `0-9` and `-`, beginning with a letter and not ending with `-`",
    |text| text.len() <= 40 && is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
);
name!(
    /// Names a credential that a plugin asked for.
    SlotName,
    "name for a credential slot",
    "1 to 40 of `a-z`, `0-9` and `-`, beginning with a letter and not ending with `-`",
    |text| text.len() <= 40 && is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
);
name!(
    /// Names a pool.
    PoolName,
    "name for a pool",
    "1 to 63 of `a-z`, `0-9` and `-`, not beginning or ending with `-`",
    |text| text.len() <= 63 && is_label(text)
);
name!(
    /// Names an instance inside its pool; the database places replicas by it, so it can hold no `=` or `,`.
    Locality,
    "locality",
    "1 to 63 of `a-z`, `0-9`, `-`, `_` and `.`, beginning and ending with a letter or digit",
    |text| text.len() <= 63
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
);
name!(
    /// A DNS name with at least one dot, in lower case, without a dot at the end.
    DnsName,
    "DNS name",
    "lower-case labels of up to 63 letters, digits and `-`, joined by dots, at least two",
    |text| text.len() <= 253 && text.contains('.') && text.split('.').all(|label| label.len() <= 63 && is_label(label))
);
name!(
    /// A Kubernetes name that is also a good Helm release: a DNS label of at most 53 characters.
    KubeName,
    "Kubernetes name",
    "1 to 53 of `a-z`, `0-9` and `-`, not beginning or ending with `-`",
    |text| text.len() <= 53 && is_label(text)
);

/// RFC 1123, in lower case.
fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_form() {
        assert!("uss1".parse::<InstanceName>().is_ok());
        for bad in ["", "1uss", "Uss1", "uss_1", "uss-", "a".repeat(41).as_str()] {
            assert!(bad.parse::<InstanceName>().is_err(), "{bad}");
        }
        assert!("zone.a_1-b".parse::<Locality>().is_ok());
        for bad in ["zone=a", "-a", "a.", "a,b", ""] {
            assert!(bad.parse::<Locality>().is_err(), "{bad}");
        }
        assert!("dss.uss1.example.com".parse::<DnsName>().is_ok());
        for bad in ["example", "Example.com", "a..b", "a.b.", "-a.b", "a b.c"] {
            assert!(bad.parse::<DnsName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_name_says_the_rule() {
        let err = "Uss_1".parse::<InstanceName>().expect_err("upper case");
        insta::assert_snapshot!(err, @"`Uss_1` is no name for an instance: 1 to 40 of `a-z`, `0-9` and `-`, beginning with a letter and not ending with `-`");
    }
}
