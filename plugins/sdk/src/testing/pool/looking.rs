//! What the world answers to a look.

use std::collections::BTreeSet;

use super::{DAY_MS, LEAF_MS, Play, Process, World, authority, deployed, is_of_clients, tls};
use crate::pooling_strategy::{
    Authority, Certificate, Check, Expectation, Mounted, Observation, Probe, Question, TlsAnswer, TlsOutcome,
    TlsQuestion,
};

impl<P: Play> World<P> {
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
            (Expectation::Contains(wanted), Observation::Http(answer)) => answer.body.contains(wanted.as_str()),
            (Expectation::Other((name, values)), Observation::Rows(rows)) if name == "none-of" => {
                !rows.rows.iter().any(|row| row[0].as_ref().is_some_and(|cell| values.contains(cell)))
            }
            (Expectation::Other((name, _)), Observation::Rows(rows)) if name == "all-zero" => {
                rows.rows[0].iter().all(|cell| cell.as_deref() == Some("0"))
            }
            (Expectation::Value(wanted), Observation::Rows(rows)) => rows.rows[0][0].as_ref() == Some(wanted),
            (Expectation::AllRunning, _) => self.organisations[id].deployed,
            (_, Observation::Absent | Observation::Failed(_)) => false,
            (expectation, seen) => panic!("no such check in this world: {expectation:?} of {seen:?}"),
        }
    }

    pub(super) fn look(&self, id: &str, probe: &Probe) -> Observation {
        let one = &self.organisations[id];
        match &probe.question {
            Question::Release(_) if one.deployed => deployed(),
            Question::Release(_) => Observation::Absent,
            Question::Secret(name) if is_of_clients(name) => {
                Observation::Certificates(self.certificates(id, &one.client))
            }
            Question::Secret(_) => Observation::Certificates(self.certificates(id, &one.secret)),
            Question::Mounted(_) => {
                let certificates = self.certificates(id, &one.mounted);
                let (pod, signalled_ms, pending) = ("db-0".into(), None, false);
                Observation::Mounted(vec![Mounted { pod, certificates, signalled_ms, pending }])
            }
            Question::Tls(question) => self.handshake(id, question),
            _ => P::look(self, id, probe),
        }
    }

    fn certificates(&self, id: &str, of: &Process) -> Vec<Certificate> {
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
        let signer = self.every_authority().find(|one| one.fingerprint == of.shows).map(|one| one.subject);
        let fingerprint = format!("leaf-of-{id}-by-{}-at-{}", of.shows, of.issued_ms);
        let mut leaf = certificate("node.crt", fingerprint, "CN=node".into(), signer.unwrap_or_default(), false);
        // Dated back.
        leaf.not_before_ms = of.issued_ms.saturating_sub(DAY_MS);
        leaf.not_after_ms = of.issued_ms + LEAF_MS;
        let bundle = of.trusts.iter().map(|one| certificate("ca.crt", one.clone(), String::new(), String::new(), true));
        std::iter::once(leaf).chain(bundle).collect()
    }

    fn every_authority(&self) -> impl Iterator<Item = Authority> {
        self.organisations.keys().flat_map(|id| [authority(id, 1), authority(id, 2)])
    }

    /// A process of another member answers a probe's leaf of the newest authority in our record.
    fn handshake(&self, id: &str, question: &TlsQuestion) -> Observation {
        let owner = self.members.iter().find(|member| member.nodes.iter().any(|node| node.host == question.host));
        let lives = owner.is_some_and(|owner| self.organisations[&owner.id].alive);
        let Some(there) = self.play.process(&question.host, question.port).filter(|_| lives) else {
            return tls(TlsOutcome::Unreachable);
        };
        let newest = self.member(id).authorities.last().map(|one| one.fingerprint.clone()).unwrap_or_default();
        let outcome = match there.trusts.contains(&newest) {
            _ if there.is_over(self.now_ms) => TlsOutcome::Expired,
            true => TlsOutcome::IdentityRefused,
            false => TlsOutcome::AuthorityUnknown,
        };
        let peer_authority = Some(there.shows.clone());
        Observation::Tls(TlsAnswer { outcome, peer_leaf: None, peer_authority, detail: String::new() })
    }
}
