//! Carriers that are reached over the network, and which one a workspace names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hangar_config::Carrier as Kind;
use hangar_pool::{Carrier, CarrierError, Folder, SingleFile};
use hangar_roster::CarrierFile;

use crate::failure::{Cause, Failure};
use crate::pooling::no_pool;
use crate::site::Site;

mod https;
mod oci;
mod server;
mod wire;

pub use server::{Carry, CarryError, Serving};

use https::Https;
use oci::Oci;

/// Shortest time between two looks at a carrier that others serve.
const PACE: Duration = Duration::from_secs(2);
/// The credential slot of a carrier that wants one.
const SLOT: &str = "roster";

/// How records travel, as the workspace says.
pub(crate) fn carrier(site: &Site) -> Result<Arc<dyn Carrier>, Failure> {
    let (_, roster) = site.workspace.pool.as_ref().ok_or_else(no_pool)?;
    let failed = |err: CarrierError| Failure::of(Cause::Refused, "the carrier of the roster cannot be used", err);
    Ok(match &roster.carrier {
        Kind::Folder(path) => Arc::new(Folder::new(path)),
        Kind::File(path) => Arc::new(SingleFile::new(path)),
        Kind::Oci(repository) => {
            let client = crate::plugin::client(roster.dev, &site.environment);
            let store = site.paths.state().join("roster").join("carrier");
            Arc::new(Paced::new(Oci::open(client, repository.clone(), &store).map_err(failed)?, PACE))
        }
        Kind::Https(base) => {
            let token = site.workspace.credentials.iter().find(|(slot, _)| slot.as_str() == SLOT);
            let token = token.map(|_| site.slots().read(SLOT)).transpose().map_err(|err| {
                Failure::of(Cause::Refused, "the credential of the roster's carrier cannot be read", err)
            })?;
            let authority = roster.ca_file.as_deref().map(read).transpose()?;
            Arc::new(Paced::new(Https::open(base, authority.as_deref(), token).map_err(failed)?, PACE))
        }
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|err| Failure::of(Cause::Refused, format!("cannot read `{}`", path.display()), err))
}

/// Records by name, and since when they are known.
type Look = (Instant, BTreeMap<String, Vec<u8>>);

/// A carrier that is not asked more often than its keeper would like. What we publish is seen at once.
struct Paced<C> {
    inner: C,
    pace: Duration,
    seen: Mutex<Option<Look>>,
}

impl<C> Paced<C> {
    fn new(inner: C, pace: Duration) -> Self {
        Self { inner, pace, seen: Mutex::default() }
    }
}

impl<C: Carrier> Carrier for Paced<C> {
    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, CarrierError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = match seen.take().filter(|(since, _)| since.elapsed() < self.pace) {
            Some(fresh) => fresh,
            None => (Instant::now(), self.inner.records()?.into_iter().collect()),
        };
        let (_, records) = seen.insert(fresh);
        Ok(records.iter().map(|(name, bytes)| (name.clone(), bytes.clone())).collect())
    }

    fn read(&self, file: &CarrierFile) -> Result<Option<Vec<u8>>, CarrierError> {
        self.inner.read(file)
    }

    fn publish(&self, file: &CarrierFile, bytes: &[u8]) -> Result<(), CarrierError> {
        self.inner.publish(file, bytes)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let (CarrierFile::Record(_), Some((_, records))) = (file, seen.as_mut()) {
            records.insert(file.to_string(), bytes.to_vec());
        }
        Ok(())
    }
}

/// What a carrier that others serve did not do.
fn remote(what: impl Into<String>, err: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CarrierError {
    CarrierError::Remote { what: what.into(), err: err.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how often it is asked.
    #[derive(Default)]
    struct Counted(Mutex<usize>);

    impl Carrier for Counted {
        fn records(&self) -> Result<Vec<(String, Vec<u8>)>, CarrierError> {
            *self.0.lock().expect("no panic") += 1;
            Ok(vec![("uss2.record.json".into(), b"two".to_vec())])
        }

        fn read(&self, _: &CarrierFile) -> Result<Option<Vec<u8>>, CarrierError> {
            Ok(None)
        }

        fn publish(&self, _: &CarrierFile, _: &[u8]) -> Result<(), CarrierError> {
            Ok(())
        }
    }

    #[test]
    fn a_carrier_of_others_is_asked_once_in_a_while_and_shows_what_we_published() {
        let paced = Paced::new(Counted::default(), Duration::from_hours(1));
        assert_eq!(paced.records().expect("readable").len(), 1);
        let own = CarrierFile::Record("uss1".parse().expect("a member"));
        paced.publish(&own, b"one").expect("writable");
        let wanted = [("uss1.record.json".to_owned(), b"one".to_vec()), ("uss2.record.json".into(), b"two".to_vec())];
        assert_eq!(paced.records().expect("readable"), wanted);
        assert_eq!(*paced.inner.0.lock().expect("no panic"), 1);
    }
}
