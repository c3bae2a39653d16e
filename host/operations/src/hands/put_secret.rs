//! Leaves, keys and bundles, put where the chart mounts them.

use std::collections::BTreeMap;

use hangar_engine::StepError;
use hangar_kube::secrets::{self, Files};
use hangar_pki::{Bundle, Certificate, Fingerprint, Key, KeyPem, Leaf, check};
use hangar_plan::strategy::action::{PutSecret, SecretSource};
use hangar_plan::strategy::certificate::Profile;

use super::{ClusterHands, outside};
use crate::clock::now_ms;

const HOUR_MS: u64 = 3_600_000;

impl ClusterHands {
    /// Puts the files by compare-and-swap. A leaf that is there and good stays: issuing is not repeated.
    pub(super) async fn put_secret(&self, wanted: &PutSecret) -> Result<(), StepError> {
        let live = secrets::read(&self.cluster, &self.namespace, &wanted.name).await.map_err(outside)?;
        let mut files = Files::default();
        let mut issued: BTreeMap<&str, Leaf> = BTreeMap::new();
        for (file, source) in &wanted.files {
            match source {
                SecretSource::Bundle(fingerprints) => {
                    files = files.with(file, self.chosen(fingerprints)?.to_pem().into_bytes());
                }
                SecretSource::Text(text) => files = files.with(file, text.as_bytes()),
                SecretSource::Leaf(id) | SecretSource::Key(id) => {
                    let profile = self.profile(id)?;
                    if live.as_ref().is_some_and(|live| self.is_good(live, profile)) {
                        continue;
                    }
                    if !issued.contains_key(profile.id.as_str()) {
                        let leaf = self.leaves_by().issue(profile, &self.policy.reserved_names, now_ms());
                        issued.insert(&profile.id, leaf.map_err(StepError::refused)?);
                    }
                    let leaf = &issued[profile.id.as_str()];
                    files = match source {
                        SecretSource::Leaf(_) => files.with(file, leaf.certificate.to_pem().into_bytes()),
                        _ => files.with(file, leaf.key.to_pem().expose().as_bytes()),
                    };
                }
            }
        }
        let swapped = secrets::put(&self.cluster, &self.namespace, &wanted.name, &BTreeMap::new(), &files).await;
        swapped.map(drop).map_err(outside)
    }

    /// Whether the leaves of a Secret are good: what a strategy's check of authorities does not see.
    pub(super) async fn holds_secret(&self, wanted: &PutSecret) -> Result<bool, StepError> {
        let live = secrets::read(&self.cluster, &self.namespace, &wanted.name).await.map_err(outside)?;
        let Some(live) = live else { return Ok(false) };
        for (_, source) in &wanted.files {
            if let SecretSource::Leaf(id) = source
                && !self.is_good(&live, self.profile(id)?)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn profile(&self, id: &str) -> Result<&Profile, StepError> {
        let profile = self.policy.profiles.iter().find(|profile| profile.id == id);
        profile.ok_or_else(|| StepError::refused(format!("the strategy names no certificate `{id}`")))
    }

    /// The certificates of a bundle, out of the verified records and nothing else.
    fn chosen(&self, fingerprints: &[String]) -> Result<Bundle, StepError> {
        let known = self.bundle();
        let find = |text: &String| {
            let fingerprint: Fingerprint = text.parse().map_err(StepError::refused)?;
            let unknown = || StepError::refused(format!("no member's record holds authority {text}"));
            known.get(fingerprint).cloned().ok_or_else(unknown)
        };
        fingerprints.iter().map(find).collect()
    }

    /// Whether the leaf of a profile is there with its key, of our authority, and good for a while.
    fn is_good(&self, live: &Files, profile: &Profile) -> bool {
        let text = |file: &str| live.get(file).and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        let placement = &profile.placement;
        let (Some(leaf), Some(key)) = (text(&placement.certificate_file), text(&placement.key_file)) else {
            return false;
        };
        let (Ok(leaf), Ok(key)) = (Certificate::from_pem(&leaf), Key::from_pem(&KeyPem::from(key))) else {
            return false;
        };
        // A leaf is dated back for clocks that are late, and ends to the second after its lifetime.
        let issued_ms = leaf.not_after_ms().saturating_sub(u64::from(profile.lifetime_hours) * HOUR_MS);
        if self.renew_before > 0 && !(self.renew_before..=now_ms()).contains(&issued_ms) {
            return false;
        }
        let own: Bundle = std::iter::once(self.leaves_by().certificate().clone()).collect();
        check::leaf(&leaf, Some(&key), profile, &own, &self.policy.reserved_names, now_ms()).is_empty()
    }
}
