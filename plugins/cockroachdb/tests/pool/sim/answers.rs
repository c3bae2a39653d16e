//! What the world answers to a look.

use std::collections::BTreeSet;

use hangar_sdk::pooling_strategy::{
    Authority, Certificate, Check, Expectation, Mounted, Observation, Probe, Question, Rows, TlsAnswer, TlsOutcome,
};

use super::{Node, World, authority};
use crate::site::{CLUSTER, deployed, http, value};

const DAY_MS: u64 = 24 * 3_600_000;

impl World {
    /// Whether the world is as a step wants it, as the host would find out.
    pub(super) fn holds(&self, id: &str, check: &Check) -> bool {
        let authorities = |seen: &[Certificate]| -> BTreeSet<String> {
            seen.iter().filter(|one| one.is_authority).map(|one| one.fingerprint.clone()).collect()
        };
        match (&check.expectation, self.look(id, &check.probe)) {
            (Expectation::Authorities(wanted), Observation::Certificates(seen)) => {
                authorities(&seen) == wanted.iter().cloned().collect()
            }
            (Expectation::Authorities(wanted), Observation::Mounted(pods)) => {
                pods.iter().all(|pod| authorities(&pod.certificates) == wanted.iter().cloned().collect())
            }
            (Expectation::Fingerprints(wanted), Observation::Mounted(pods)) => pods
                .iter()
                .all(|pod| wanted.iter().all(|one| pod.certificates.iter().any(|held| held.fingerprint == *one))),
            (Expectation::Status(wanted), Observation::Http(answer)) => answer.status == *wanted,
            (Expectation::AllRunning, _) => self.organisations[id].deployed,
            (expectation, seen) => panic!("no such check in this world: {expectation:?} of {seen:?}"),
        }
    }

    pub(super) fn look(&self, id: &str, probe: &Probe) -> Observation {
        let one = &self.organisations[id];
        match &probe.question {
            Question::Release(_) if one.deployed => deployed(),
            Question::Http(_) if one.initialised => http(200, "{}"),
            Question::Http(_) if one.deployed => http(503, "node is waiting for cluster initialization"),
            Question::Sql(question) if one.initialised && question.statement.contains("cluster_id") => value(CLUSTER),
            Question::Sql(question) if one.initialised && question.statement.contains("gossip_liveness") => {
                self.known()
            }
            Question::Sql(_) if one.initialised => Self::ranges(),
            Question::Secret(_) => {
                Observation::Certificates(self.certificates(&one.issuer, one.issued_ms, &one.secret, id))
            }
            Question::Mounted(_) => {
                let certificates = self.certificates(&one.shown, one.shown_issued_ms, &one.loaded, id);
                Observation::Mounted(vec![Mounted {
                    pod: "db-0".into(),
                    certificates,
                    signalled_ms: None,
                    pending: false,
                }])
            }
            Question::Tls(question) => self.handshake(id, &question.host),
            _ => Observation::Absent,
        }
    }

    fn known(&self) -> Observation {
        let row = |node: &Node| {
            let live = self.organisations[&node.owner].alive;
            [
                node.id.to_string(),
                node.address.clone(),
                String::new(),
                String::new(),
                live.to_string(),
                node.membership.into(),
            ]
            .map(Some)
            .to_vec()
        };
        Observation::Rows(Rows { columns: Vec::new(), rows: self.nodes.iter().map(row).collect() })
    }

    fn ranges() -> Observation {
        // A dead node's replicas were rebuilt elsewhere by the time somebody asks.
        Observation::Rows(Rows { columns: Vec::new(), rows: vec![vec![Some("0".into()), Some("0".into())]] })
    }

    fn certificates(&self, issuer: &str, issued_ms: u64, bundle: &BTreeSet<String>, id: &str) -> Vec<Certificate> {
        let certificate =
            |file: &str, fingerprint: String, subject: String, issuer: String, is_authority| Certificate {
                file: file.into(),
                fingerprint,
                subject,
                issuer,
                alternatives: Vec::new(),
                not_before_ms: 0,
                not_after_ms: u64::MAX,
                is_authority,
            };
        let name = |fingerprint: &str| {
            self.every_authority().find(|one| one.fingerprint == fingerprint).map(|one| one.subject)
        };
        let signed_by = name(issuer).unwrap_or_default();
        let fingerprint = format!("leaf-of-{id}-by-{issuer}-at-{issued_ms}");
        let mut leaf = certificate("node.crt", fingerprint, "CN=node".into(), signed_by, false);
        // Dated back, and good for a year from when it was issued.
        leaf.not_before_ms = issued_ms.saturating_sub(DAY_MS);
        leaf.not_after_ms = issued_ms + 365 * DAY_MS;
        let bundle = bundle.iter().map(|one| certificate("ca.crt", one.clone(), String::new(), String::new(), true));
        std::iter::once(leaf).chain(bundle).collect()
    }

    fn every_authority(&self) -> impl Iterator<Item = Authority> {
        self.organisations.keys().flat_map(|id| [authority(id, 1), authority(id, 2)])
    }

    /// A node of the host's owner answers a probe's leaf of the newest authority in our record.
    fn handshake(&self, id: &str, host: &str) -> Observation {
        let owner = self.members.iter().find(|member| member.nodes.iter().any(|node| node.host == host));
        let Some(owner) =
            owner.filter(|owner| self.organisations[&owner.id].alive && self.organisations[&owner.id].deployed)
        else {
            return crate::site::tls(TlsOutcome::Unreachable);
        };
        let there = &self.organisations[&owner.id];
        let newest = self.member(id).authorities.last().map(|one| one.fingerprint.clone()).unwrap_or_default();
        let outcome =
            if there.loaded.contains(&newest) { TlsOutcome::IdentityRefused } else { TlsOutcome::AuthorityUnknown };
        Observation::Tls(TlsAnswer {
            outcome,
            peer_leaf: None,
            peer_authority: Some(there.shown.clone()),
            detail: String::new(),
        })
    }
}
