//! Our place in a pool, as kept at home.

use std::path::PathBuf;
use std::sync::Arc;

use hangar_pool::OwnRecord;

use super::record;
use crate::carriers::carrier;
use crate::failure::Failure;
use crate::organisation;
use crate::site::Site;
use crate::vault::Vault;

/// Our place in a pool, as kept at home.
pub(crate) struct Membership {
    pub(crate) own: Arc<OwnRecord>,
}

impl Membership {
    /// Takes it up; none without a pool block, and before the first record.
    pub(crate) async fn open(site: &Site, vault: &Vault) -> Result<Option<Self>, Failure> {
        if kept_at(site).is_none() {
            return Ok(None);
        }
        let key = organisation::read_key(vault).await?.ok_or_else(unsigned)?;
        let held = key.public();
        let membership = Self::open_with(site, key)?;
        let is_signed = |membership: &Self| membership.own.roster().own_record().record().key == held;
        if membership.as_ref().is_none_or(is_signed) {
            return Ok(membership);
        }
        // A rotation was killed between our record and the store.
        organisation::take_next_key(vault).await?;
        let key = organisation::read_key(vault).await?;
        key.map_or(Ok(None), |key| Self::open_with(site, key))
    }

    /// The same to look only, also while another command is at work.
    pub(crate) async fn look(site: &Site, vault: &Vault) -> Result<Option<Self>, Failure> {
        let Some(path) = kept_at(site) else { return Ok(None) };
        for key in [organisation::read_key(vault).await?, organisation::read_next_key(vault).await?] {
            let Some(key) = key else { continue };
            let held = key.public();
            let Some(own) = OwnRecord::open_to_look(&path, key, carrier(site)?).map_err(record)? else {
                return Ok(None);
            };
            if own.roster().own_record().record().key == held {
                return Ok(Some(Self { own: Arc::new(own) }));
            }
        }
        Err(unsigned())
    }

    /// As above, with this key.
    pub(crate) fn open_with(site: &Site, key: hangar_roster::OrganisationKey) -> Result<Option<Self>, Failure> {
        let Some(path) = kept_at(site) else { return Ok(None) };
        let own = OwnRecord::open(&path, key, carrier(site)?).map_err(record)?;
        Ok(own.map(|own| Self { own: Arc::new(own) }))
    }

    pub(crate) fn is_active(&self) -> bool {
        let roster = self.own.roster();
        roster.is_in_pool(roster.own())
    }

    /// Other members in the pool.
    pub(crate) fn others(&self) -> usize {
        let roster = self.own.roster();
        if roster.is_in_pool(roster.own()) { roster.in_pool().count().saturating_sub(1) } else { 0 }
    }
}

/// The roster at home; none without a pool block, and before the first record.
fn kept_at(site: &Site) -> Option<PathBuf> {
    let (pool, _) = site.workspace.pool.as_ref()?;
    Some(site.roster_path(pool.name.as_str())).filter(|path| path.exists())
}

fn unsigned() -> Failure {
    Failure::person("there is a roster and no organisation key that signs it")
        .hint_is("restore the secret store, or `hangar pool rotate-key --recovery FILE`, or `--vouched`")
}
