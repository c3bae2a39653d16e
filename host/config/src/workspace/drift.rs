//! `drift "address" { … }`.

use jiff::civil::Date;

use crate::{document::join, raw::RawDrift, workspace::check::Check};

/// A change made outside that somebody answers for, until a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedDrift {
    /// The resource, or with a final `*` all whose address begins so.
    pub address: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day on which it is allowed, in UTC.
    pub until: Date,
    /// Why it is as it should be.
    pub reason: String,
}

impl AllowedDrift {
    /// Whether it is about this resource.
    #[must_use]
    pub fn covers(&self, address: &str) -> bool {
        match self.address.strip_suffix('*') {
            Some(beginning) => address.starts_with(beginning),
            None => address == self.address,
        }
    }

    /// Whether its last day is over.
    #[must_use]
    pub fn is_over(&self, today: Date) -> bool {
        today > self.until
    }
}

pub(super) fn read(check: &mut Check<'_>) -> Vec<AllowedDrift> {
    let mut allowed = Vec::new();
    for (pointer, address) in check.labels("drift") {
        let Some(raw) = check.raw::<RawDrift>(&pointer) else { continue };
        if address.trim_end_matches('*').is_empty() {
            let finding = check.finding(&pointer, "an allowance for everything is none");
            check.push(finding.help("name a resource as `hangar drift` shows it".to_owned()));
            continue;
        }
        for (key, text) in [("owner", &raw.owner), ("reason", &raw.reason)] {
            if text.trim().is_empty() {
                check.refuse(&join(&pointer, key), format!("`{key}` is empty"), None);
            }
        }
        let at = join(&pointer, "until");
        let Ok(until) = raw.until.parse::<Date>() else {
            check.refuse(&at, format!("`{}` is no day", raw.until), "write it as `2026-12-31`".to_owned());
            continue;
        };
        allowed.push(AllowedDrift { address, owner: raw.owner, until, reason: raw.reason });
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_covers_what_it_names_and_until_its_last_day() {
        let until = Date::constant(2026, 12, 31);
        let allowed = |address: &str| AllowedDrift {
            address: address.into(),
            owner: "ana".into(),
            until,
            reason: "an exercise".into(),
        };
        assert!(allowed("a.b[0]").covers("a.b[0]") && !allowed("a.b").covers("a.b[0]"));
        assert!(allowed("module.m.*").covers("module.m.a.b") && !allowed("module.m.*").covers("module.n.a.b"));
        assert!(!allowed("a.b").is_over(until) && allowed("a.b").is_over(Date::constant(2027, 1, 1)));
    }
}
