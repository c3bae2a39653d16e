//! `pool rotate-key | export | import | history`, and vouching for a key.

use std::path::Path;

use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::decision;
use hangar_pool::Archive;
use hangar_roster::history::{self, History};
use hangar_roster::{Finding, MemberId, OrganisationKey, Problem, Roster, next};

use crate::clock::now_ms;
use crate::failure::{Cause, Failure};
use crate::means::Means;
use crate::organisation;
use crate::pool_changes::member_id;
use crate::pool_commands::{Identity, fingerprint, in_none};
use crate::pooling::{Membership, record};
use crate::session::{Outcome, Session};

/// What a new organisation key is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChange<'a> {
    /// The key it replaces.
    Former,
    /// The recovery key in this file; for a key that is lost or stolen.
    Recovery(&'a Path),
    /// Nothing: most of the other members are to vouch for it.
    Vouched,
}

impl KeyChange<'_> {
    /// A recovery key that our record does not name signs nothing.
    fn refuse_other(self, membership: &Membership) -> Result<(), Failure> {
        let Self::Recovery(path) = self else { return Ok(()) };
        let named = membership.own.roster().own_record().record().recovery_key;
        if named == Some(recovery_key(path)?.public()) {
            return Ok(());
        }
        Err(Failure::refused(format!("`{}` is not the recovery key of our record", path.display())))
    }
}

impl Session {
    /// Replaces the organisation key. With the former one only once every member has seen the change before.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_rotate_key(&self, how: KeyChange<'_>) -> Result<Identity, Failure> {
        let (_engine, Means { vault, .. }) = self.begin("pool rotate-key").await?;
        let former = match how {
            KeyChange::Former => organisation::read_key(&vault).await?,
            // One that this installation cannot open is as lost as one that is not there.
            KeyChange::Vouched | KeyChange::Recovery(_) => organisation::read_key_if_opened(&vault).await?,
        };
        let membership = match (how, &former) {
            // Without a key nothing is signed but the one record, and that by the next key.
            (KeyChange::Vouched | KeyChange::Recovery(_), None) => {
                // What a killed rotation has left is replaced only once it is clear that this one can go on.
                let held = Membership::open_with(&self.site, organisation::random_key()?)?.ok_or_else(in_none)?;
                how.refuse_other(&held)?;
                Membership::open_with(&self.site, organisation::make_next_key(&vault).await?)?
            }
            _ => self.membership(&vault).await?,
        };
        let membership = membership.ok_or_else(in_none)?;
        how.refuse_other(&membership)?;
        membership.own.refresh().map_err(record)?;
        if how == KeyChange::Former {
            refuse_unseen(&membership.own.roster())?;
        }
        let next = organisation::make_next_key(&vault).await?;
        let signed = match (how, &former) {
            (KeyChange::Former, Some(former)) => membership.own.rotate_key(&[former, &next], &next, now_ms()),
            (KeyChange::Former, None) => {
                return Err(Failure::person("the organisation key is lost").hint_is(
                    "with the recovery key: --recovery FILE; without: --vouched, and the others vouch for it",
                ));
            }
            (KeyChange::Recovery(path), _) => {
                membership.own.rotate_key(&[&recovery_key(path)?, &next], &next, now_ms())
            }
            (KeyChange::Vouched, _) => membership.own.rotate_key(&[&next], &next, now_ms()),
        };
        signed.map_err(record)?;
        organisation::take_next_key(&vault).await?;
        Ok(Identity::of(&membership.own))
    }

    /// Vouches for the new key of a member that lost its own.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn pool_vouch(&self, member: &str, key: &str) -> Result<Outcome, Failure> {
        let key = fingerprint(key)?;
        let member = member_id(member)?;
        let (_engine, Means { vault, .. }) = self.begin("pool accept").await?;
        let membership = self.active_member(&vault).await?;
        membership.own.refresh().map_err(record)?;
        let changed = membership.own.step(|roster| next::vouch(roster, &member, key, now_ms())).map_err(record)?;
        membership.own.refresh().map_err(record)?;
        Ok(if changed { Outcome::Done } else { Outcome::Unchanged })
    }

    /// Writes every record that was ever held into one file, and returns how many there are.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn pool_export(&self, path: &Path) -> Result<usize, Failure> {
        let membership = self.held().await?;
        let mut archive = membership.own.history().map_err(record)?;
        let n_records = archive.files.len();
        // Under the names of a carrier as well: those are what others take in.
        let roster = membership.own.roster();
        let latest =
            roster.records().map(|signed| (format!("{}.record.json", signed.record().member), signed.to_bytes()));
        archive.files.extend(latest);
        hangar_durable::write(path, &archive.to_bytes())
            .map_err(|err| Failure::of(Cause::Outside, format!("cannot write `{}`", path.display()), err))?;
        Ok(n_records)
    }

    /// Takes in the records of a file that came by another way than the carrier.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn pool_import(&self, path: &Path) -> Result<Vec<decision::Finding>, Failure> {
        let (_engine, Means { vault, .. }) = self.begin("pool import").await?;
        let membership = self.in_pool(&vault).await?;
        let archive = archive(path)?;
        let cut = unreadable(path, &archive);
        // Records older than those held are no news; only what is newest of each member is looked at.
        let latest: Vec<_> = archive.files.into_iter().filter(|(name, _)| name.ends_with(".record.json")).collect();
        let mut found = membership.own.take_in(&latest).map_err(record)?;
        found.retain(|finding| !matches!(finding.problem, Problem::RolledBack { .. }));
        membership.own.duties(now_ms()).map_err(record)?;
        let told = |finding: &Finding| {
            let told = decision::Finding::from(finding);
            // Somebody may be asking whom nobody here has invited yet.
            let is_remark = finding.problem.is_remark() || matches!(finding.problem, Problem::UnknownKey { .. });
            let severity = if is_remark { Severity::Note } else { told.severity };
            decision::Finding { severity, ..told }
        };
        Ok(cut.iter().chain(&found).map(told).collect())
    }

    /// Verifies every record that was ever held here, or those of a file, and tells what each of them changed.
    ///
    /// # Errors
    ///
    /// [`Failure`] where they cannot be read; what is not in order is a finding.
    pub async fn pool_history(&self, path: Option<&Path>) -> Result<History, Failure> {
        let Some(path) = path else {
            // A line that a killed run has cut off at home is written again by the next.
            return Ok(verified(&self.held().await?.own.history().map_err(record)?));
        };
        let archive = archive(path)?;
        let mut history = verified(&archive);
        history.findings.extend(unreadable(path, &archive));
        Ok(history)
    }

    /// Our place in the pool, for what needs neither cluster nor strategy.
    async fn held(&self) -> Result<Membership, Failure> {
        Ok(self.look().await?.membership)
    }
}

/// A member that has yet to see the former change of key would not know the key that signs the next.
fn refuse_unseen(roster: &Roster) -> Result<(), Failure> {
    let behind: Vec<&str> = roster.yet_to_see_our_key().into_iter().map(MemberId::as_str).collect();
    if behind.is_empty() {
        return Ok(());
    }
    Err(Failure::person(format!("our former change of key is not seen yet by {}", behind.join(", "))).hint_is(
        "wait until it has run any command of the pool, such as `hangar up`; where the key is stolen, or that member is dead: \
         `--recovery FILE`, or `--vouched`",
    ))
}

/// The records in a file; one that holds none is refused.
fn archive(path: &Path) -> Result<Archive, Failure> {
    let hint = "`hangar pool export FILE` writes one";
    if !path.is_file() {
        return Err(Failure::refused(format!("there is no file `{}`", path.display())).hint_is(hint));
    }
    let archive = Archive::read(path)
        .map_err(|err| Failure::of(Cause::Outside, format!("cannot read `{}`", path.display()), err))?;
    if archive.files.is_empty() {
        return Err(Failure::refused(format!("`{}` holds no record", path.display())).hint_is(hint));
    }
    Ok(archive)
}

/// Lines of a file that are no records: it was cut off, or changed on its way.
fn unreadable(path: &Path, archive: &Archive) -> Option<Finding> {
    let detail = format!("{} lines are no records", archive.n_unreadable);
    (archive.n_unreadable > 0).then(|| Finding {
        source: path.display().to_string(),
        member: None,
        problem: Problem::Unreadable { detail },
    })
}

/// The records of an archive, verified.
pub(crate) fn verified(archive: &Archive) -> History {
    history::verify(archive.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
}

/// Makes a recovery key in a file that its owner alone can read, unless it is there; returns its public half.
pub(crate) fn make_recovery_key(path: &Path) -> Result<hangar_roster::PublicKey, Failure> {
    let failed =
        |err| Failure::of(Cause::Refused, format!("cannot write the recovery key to `{}`", path.display()), err);
    if !path.exists() {
        let key: OrganisationKey = organisation::random_key()?;
        // Of two that make it at once both end with the same.
        hangar_durable::create_private(path, key.to_secret_text().as_bytes()).map_err(failed)?;
    }
    Ok(recovery_key(path)?.public())
}

/// Reads a recovery key.
pub(crate) fn recovery_key(path: &Path) -> Result<OrganisationKey, Failure> {
    let text = std::fs::read_to_string(path).map_err(|err| {
        Failure::of(Cause::Refused, format!("cannot read the recovery key `{}`", path.display()), err)
    })?;
    let text = zeroize::Zeroizing::new(text);
    OrganisationKey::from_secret_text(&text)
        .ok_or_else(|| Failure::refused(format!("`{}` holds no recovery key", path.display())))
}
