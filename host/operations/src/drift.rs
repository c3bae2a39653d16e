//! What was changed outside, and whether somebody answers for it.

use hangar_config::AllowedDrift;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::infrastructure::explained;
use crate::prepared::OpenStack;
use crate::session::Session;
use crate::watch::Watch;

/// What was changed outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Drift {
    /// Changed resources, by address.
    pub changes: Vec<Drifted>,
    /// Allowances whose last day is over, or that nothing needs any more: to be taken out of the workspace file.
    pub idle: Vec<Allowance>,
}

/// One resource that was changed outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Drifted {
    /// Its address.
    pub address: String,
    /// What was done to it, in terraform's word.
    pub action: String,
    /// Who answers for it; none if nobody does.
    pub allowed: Option<Allowance>,
}

/// An allowance of the workspace file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Allowance {
    /// What it covers.
    pub address: String,
    /// Who answers for it.
    pub owner: String,
    /// Its last day.
    pub until: String,
    /// Why.
    pub reason: String,
}

impl Drift {
    /// Changes that nobody answers for.
    pub fn unanswered(&self) -> impl Iterator<Item = &Drifted> {
        self.changes.iter().filter(|change| change.allowed.is_none())
    }

    /// Puts changes and allowances together.
    fn of(found: Vec<(String, String)>, allowed: &[AllowedDrift], today: Date) -> Self {
        let good = |address: &str| allowed.iter().find(|one| one.covers(address) && !one.is_over(today));
        let mut changes: Vec<Drifted> = found
            .into_iter()
            .map(|(address, action)| Drifted { allowed: good(&address).map(Into::into), address, action })
            .collect();
        changes.sort_by(|one, other| one.address.cmp(&other.address));
        let is_needed =
            |one: &AllowedDrift| !one.is_over(today) && changes.iter().any(|change| one.covers(&change.address));
        let idle = allowed.iter().filter(|one| !is_needed(one)).map(Into::into).collect();
        Self { changes, idle }
    }
}

impl From<&AllowedDrift> for Allowance {
    fn from(allowed: &AllowedDrift) -> Self {
        Self {
            address: allowed.address.clone(),
            owner: allowed.owner.clone(),
            until: allowed.until.to_string(),
            reason: allowed.reason.clone(),
        }
    }
}

impl Session {
    /// Looks for what was changed outside. Changes nothing, not even the state.
    ///
    /// # Errors
    ///
    /// [`Failure`], if terraform could not look.
    pub async fn drift(&self) -> Result<Drift, Failure> {
        let runtime = self.site.runtime(self.program.clone())?;
        let OpenStack { engine: _held, provider, driver, scratch, .. } = self.open_stack("drift", &runtime).await?;
        let watch = Watch { cancel: &self.site.cancel, waiting: &*self.waiting };
        (self.waiting)("terraform reads what stands");
        let look = async {
            driver.init(&scratch.path().join("init"), &watch).await?;
            driver.drift(&scratch.path().join("look"), &watch).await
        };
        let found = match look.await {
            Ok(found) => found,
            Err(err) => return Err(explained(err, &provider).await),
        };
        let found = found.into_iter().map(|change| (change.address, change.action.to_string())).collect();
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        Ok(Drift::of(found, &self.site.workspace.drift, today))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(address: &str, until: Date) -> AllowedDrift {
        AllowedDrift { address: address.into(), owner: "ana".into(), until, reason: "an exercise".into() }
    }

    #[test]
    fn a_change_is_answered_for_until_the_last_day() {
        let today = Date::constant(2026, 11, 28);
        let allowances = [
            allowed("a.b", today),
            allowed("a.c", Date::constant(2026, 11, 27)),
            allowed("a.gone", Date::constant(2027, 1, 1)),
        ];
        let found = [("a.c", "delete"), ("a.b", "update"), ("a.d", "update")];
        let found = found.map(|(address, action)| (address.to_owned(), action.to_owned())).to_vec();
        let drift = Drift::of(found, &allowances, today);
        let unanswered: Vec<_> = drift.unanswered().map(|change| change.address.as_str()).collect();
        assert_eq!(unanswered, ["a.c", "a.d"]);
        assert_eq!(drift.changes[0].allowed.as_ref().map(|one| one.owner.as_str()), Some("ana"));
        let idle: Vec<_> = drift.idle.iter().map(|one| one.address.as_str()).collect();
        assert_eq!(idle, ["a.c", "a.gone"]);
    }
}
