//! Names of pools and members.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no name: 1 to 63 of a-z, 0-9 and `-`, with a letter or a digit at both ends")]
pub struct BadName {
    name: String,
}

fn checked(name: &str) -> Result<String, BadName> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_good =
        (1..=63).contains(&name.len()) && name.chars().all(is_inner) && !name.starts_with('-') && !name.ends_with('-');
    // Never more of a hostile name than an operator can read.
    let shown = || name.chars().take(80).collect();
    if is_good { Ok(name.to_owned()) } else { Err(BadName { name: shown() }) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(name: &str) -> Result<Self, BadName> {
                checked(name).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(name: String) -> Result<Self, BadName> {
                checked(&name).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Name of a pool: a DNS label.
    PoolName
}
name! {
    /// Name of a member within its pool: a DNS label, so that it is also a safe file name and tag.
    MemberId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_dns_label_and_so_never_a_path() {
        for name in ["uss1", "a", "us-east-prod", "0"] {
            assert!(name.parse::<MemberId>().is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "USS1", "../uss1", "a.b", "a/b", &"a".repeat(64)] {
            assert!(name.parse::<MemberId>().is_err(), "{name}");
        }
    }
}
