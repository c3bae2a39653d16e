//! What a procedure has to ask of the database it is for.

use crate::pooling::{Situation, steps};
use crate::pooling_strategy::{CertificatePolicy, Check, Decision, Error, Intent, Member, Node, Probe, Roster, Step};

/// One kind of database, as the procedures that every database shares see it.
pub trait Database: Sized {
    /// Says which certificates an instance needs.
    fn policy(&self, intent: &Intent) -> CertificatePolicy;

    /// Name of the workload that its nodes are, such as a StatefulSet.
    fn workload(&self, intent: &Intent) -> String;

    /// Looks that tell whether one node of another member takes a leaf of our authority; one for each port that members call.
    fn accepts_us(&self, member: &Member, node: &Node) -> Vec<Probe>;

    /// Says which chart values make an instance part of its pool.
    ///
    /// # Errors
    ///
    /// [`Error`] where the intent does not allow it.
    fn values(&self, intent: &Intent, roster: &Roster) -> Result<serde_json::Value, Error>;

    /// Steps by which every own node loads the files of its changed Secret. `loaded` holds once the files are in every pod.
    ///
    /// A database that is told by the sidecars needs no more than the wait for them.
    fn load(&self, intent: &Intent, name: &str, loaded: Check, phase: &str, requires: &[Step]) -> Vec<Step> {
        vec![steps::reload(self.workload(intent), name, loaded, phase, requires)]
    }

    /// What has to be waited for before a node may be touched; nothing where all is well. `before` ends the sentence.
    fn unhealthy(situation: &Situation<'_, Self>, before: &str) -> Option<Decision>;

    /// What our own part of the database still lacks of a member whose nodes have just come; nothing once all of them live in it,
    /// where the member's record says.
    fn lacks(situation: &Situation<'_, Self>, member: &Member) -> Option<Decision>;

    /// What comes first where a bundle is about to leave a member out: nothing once the database counts no node of it any more.
    /// Only [`actor`](super::membership::actor) takes its nodes out.
    fn taken_out<'a>(situation: &Situation<'a, Self>, own: &'a Member, stranger: &Member) -> Option<Decision>;
}
