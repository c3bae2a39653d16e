//! Planning over what a crash has left: what was made and then lost is taken back by its id.

use std::path::Path;

use hangar_engine::{Attempt, Ended};
use hangar_exec::Exit;

use crate::driver::{Driver, Earlier, Planning};
use crate::error::TerraformError;
use crate::forgotten::{Forgotten, propose_imports, unheard_of};
use crate::observer::Observer;
use crate::plan::StackPlan;
use crate::stream::Diagnostic;

/// What both tools call an import of what is gone; `what_is_gone_is_not_taken_back` fails when a new one says it otherwise.
const GONE: &str = "Cannot import non-existent remote object";

/// Lies in the folder of an attempt whose resources were destroyed since.
const SETTLED: &str = "settled";

impl Driver {
    /// Waits for an apply that an earlier life has started in `folder`, and keeps the state that it could write nowhere.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Unkept`] if there is still no room for it.
    pub async fn hear_out(&self, folder: &Path, observer: &dyn Observer) -> Result<(), TerraformError> {
        self.settle(folder, observer).await.map(drop)
    }

    /// What an earlier attempt to apply has made, by its stream, and the state does not know. Waits for a tool that still
    /// works. Nothing for an attempt that ended well, or whose tool ended by itself and could save what it did.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Read`] if its stream or the state cannot be read.
    pub async fn lost_by(
        &self,
        attempt: &Attempt,
        folder: &Path,
        observer: &dyn Observer,
    ) -> Result<Vec<Forgotten>, TerraformError> {
        match self.unsaved(attempt, observer).await? {
            Some(earlier) => self.forgotten(&earlier, folder).await,
            None => Ok(Vec::new()),
        }
    }

    /// What an earlier attempt was making when its tool was killed, and nobody has told since: it may stand at its provider, by no
    /// id that anybody knows.
    ///
    /// # Errors
    ///
    /// As [`lost_by`](Self::lost_by).
    pub async fn unheard_of(
        &self,
        attempt: &Attempt,
        folder: &Path,
        observer: &dyn Observer,
    ) -> Result<Vec<String>, TerraformError> {
        match self.unsaved(attempt, observer).await? {
            Some(earlier) => Ok(unheard_of(self.state(folder).await?.as_ref(), &earlier.told)),
            None => Ok(Vec::new()),
        }
    }

    /// What an earlier attempt came to, if its state may not tell all of it.
    async fn unsaved(&self, attempt: &Attempt, observer: &dyn Observer) -> Result<Option<Earlier>, TerraformError> {
        if attempt.ended == Some(Ended::Well) || attempt.folder.join(SETTLED).exists() {
            return Ok(None);
        }
        let earlier = self.settle(&attempt.folder, observer).await?;
        Ok(earlier.filter(|earlier| !matches!(earlier.exit, Exit::Code(_)) || earlier.told.is_unsaved()))
    }

    /// Remembers that everything of the stack was destroyed after this attempt, so that nothing of it is taken back.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Write`].
    pub fn set_settled(&self, attempt: &Attempt) -> Result<(), TerraformError> {
        if !attempt.folder.is_dir() {
            return Ok(());
        }
        Ok(hangar_durable::write(&attempt.folder.join(SETTLED), b"")?)
    }

    /// Plans as [`plan`](Self::plan), with an import block for each lost resource. One that is gone by now is let go.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Lost`] if they cannot be imported by these ids, or if all is to be destroyed: they would be left
    /// standing. Otherwise as [`plan`](Self::plan).
    pub async fn plan_taking_back(
        &self,
        planning: Planning,
        mut lost: Vec<Forgotten>,
        folder: &Path,
        observer: &dyn Observer,
    ) -> Result<StackPlan, TerraformError> {
        let stack = self.stack().name();
        if planning == Planning::Destroy && !lost.is_empty() {
            let folder = self.stack().dir().to_owned();
            return Err(TerraformError::Lost { stack: stack.clone(), folder, lost, said: None });
        }
        for round in 0.. {
            propose_imports(self.stack(), &lost)?;
            match self.plan(planning, &folder.join(format!("round-{round}")), observer).await {
                Err(TerraformError::Plan { diagnostics, .. }) if !lost.is_empty() => {
                    propose_imports(self.stack(), &[])?;
                    let n_before = lost.len();
                    lost.retain(|one| !is_gone(one, &diagnostics));
                    if lost.len() == n_before {
                        let folder = self.stack().dir().to_owned();
                        let (lost, said) = refused(lost, &diagnostics);
                        return Err(TerraformError::Lost { stack: stack.clone(), folder, lost, said: Some(said) });
                    }
                }
                planned => return planned,
            }
        }
        unreachable!("each round but the last lets something go")
    }
}

/// Those of the lost that the tool does not take back, and what it says; all of them if it does not say which.
fn refused(lost: Vec<Forgotten>, diagnostics: &[Diagnostic]) -> (Vec<Forgotten>, String) {
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    let is_named = |one: &Forgotten| {
        errors.iter().any(|error| {
            error.address.as_deref() == Some(&one.address)
                || [&error.summary, &error.detail]
                    .iter()
                    .any(|text| text.contains(&one.address) || text.contains(&one.id))
        })
    };
    let said = errors.first().map_or_else(String::new, |error| match error.detail.lines().next() {
        Some(detail) if !detail.is_empty() => format!("{}: {detail}", error.summary),
        _ => error.summary.clone(),
    });
    let (named, others): (Vec<_>, Vec<_>) = lost.into_iter().partition(|one| is_named(one));
    (if named.is_empty() { others } else { named }, said)
}

fn is_gone(one: &Forgotten, diagnostics: &[Diagnostic]) -> bool {
    let about_it = |diagnostic: &Diagnostic| {
        diagnostic.address.as_deref() == Some(&one.address) || diagnostic.detail.contains(&one.address)
    };
    diagnostics.iter().any(|diagnostic| diagnostic.summary == GONE && about_it(diagnostic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Severity;

    fn lost(address: &str, id: &str) -> Forgotten {
        Forgotten { address: address.into(), id: id.into() }
    }

    fn error(summary: &str, detail: &str) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            summary: summary.into(),
            detail: detail.into(),
            address: None,
            range: None,
        }
    }

    #[test]
    fn of_what_was_lost_only_that_is_told_which_cannot_be_taken_back() {
        let all = || vec![lost("aws_vpc.a", "vpc-1"), lost("aws_route_table_association.b[\"x\"]", "rtbassoc-2")];
        let said = "unexpected format of ID (rtbassoc-2), expected subnet-id/route-table-id";
        let (told, words) = refused(all(), &[error(said, "")]);
        assert_eq!((told.as_slice(), words.as_str()), (&all()[1..], said));
        // Where it does not say which, nobody knows better.
        assert_eq!(
            refused(all(), &[error("it failed", "somehow\nand more")]),
            (all(), "it failed: somehow".to_owned())
        );
    }
}
