//! What of a pool is not whole: one next command for each, and the member who runs it.

use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::decision::Finding;

use super::maintenance::RESTART;
use super::{MemberStatus, NodeStatus, PoolStatus};

/// Replicas of a range, and so the fewest nodes that can hold all of them.
const REPLICAS: usize = 3;

impl PoolStatus {
    /// What of the pool is not whole, each with the next command and the member who runs it.
    #[must_use]
    pub fn gaps(&self) -> Vec<Finding> {
        let mut gaps = Vec::new();
        let active: Vec<&MemberStatus> = self.active().collect();
        let is_member = active.iter().any(|member| member.id == self.own);
        if is_member {
            gaps.extend(self.node_gaps(&active));
            gaps.extend(self.range_gaps(&active));
            gaps.extend(active.iter().filter_map(|member| maintenance_gap(member)));
            gaps.extend(active.iter().filter_map(|member| subject_gap(member)));
            if active.len() < 3 {
                let message = format!("{} organisations: the loss of one stops the pool", active.len());
                let command = "hangar pool invite --to FINGERPRINT";
                gaps.push(gap(Severity::Note, "pool".into(), message, command, &self.own));
            }
        }
        for proposal in &self.proposed {
            let what = format!("the {} of `{}`, proposed by `{}`", proposal.kind, proposal.subject, proposal.proposer);
            for member in &proposal.waits_for {
                let (subject, message) = (format!("member:{member}"), format!("{what}, waits for `{member}`"));
                gaps.push(gap(Severity::Note, subject, message, &proposal.command, member));
            }
        }
        gaps
    }

    /// What stands against letting anybody in now: a node that is down, ranges without a majority or on the way to all their
    /// replicas, nodes that are being restarted. Too few replicas are nothing against it where a newcomer is what gives room for
    /// them.
    #[must_use]
    pub fn obstacle_to_joining(&self) -> Option<Finding> {
        let active: Vec<&MemberStatus> = self.active().collect();
        let n_live = active.iter().flat_map(|member| &member.nodes).filter(|node| node.is_live()).count();
        let holds = |gap: &Finding| gap.severity == Severity::Error || n_live >= REPLICAS;
        let nodes = self.node_gaps(&active).into_iter().filter(|gap| gap.severity == Severity::Error);
        let ranges = self.range_gaps(&active).into_iter().filter(holds);
        nodes.chain(ranges).next().or_else(|| active.iter().find_map(|member| maintenance_gap(member)))
    }

    fn node_gaps(&self, active: &[&MemberStatus]) -> Vec<Finding> {
        let mut gaps = Vec::new();
        let nodes = || active.iter().flat_map(|member| member.nodes.iter().map(move |node| (*member, node)));
        if nodes().all(|(_, node)| node.live.1 == 0) {
            let (why, command) = match self.is_over {
                true => (", for certificates of ours are over", "hangar cert renew"),
                false => ("", "hangar up"),
            };
            let message = format!("no own node answers{why}: what the pool is like cannot be told from here");
            gaps.push(gap(Severity::Error, format!("member:{}", self.own), message, command, &self.own));
        } else {
            gaps.extend(nodes().filter_map(|(member, node)| node_gap(member, node)));
            gaps.extend(nodes().filter_map(|(member, node)| former_gap(member, node)));
        }
        for member in active {
            for other in active.iter().filter(|other| !member.deployed_by.contains(&other.id)) {
                let message = format!("`{}` has not loaded every authority of `{}`", other.id, member.id);
                gaps.push(gap(Severity::Warning, format!("member:{}", other.id), message, "hangar up", &other.id));
            }
        }
        gaps
    }

    fn range_gaps(&self, active: &[&MemberStatus]) -> Vec<Finding> {
        let mut gaps = Vec::new();
        if let Some(ranges) = self.unavailable.filter(|ranges| *ranges > 0) {
            // Whose nodes are down has the replicas that are missed.
            let is_down = |member: &&&MemberStatus| member.nodes.iter().any(|node| !node.is_live());
            let whose = active.iter().find(is_down).map_or(self.own.as_str(), |member| member.id.as_str());
            let message = format!("{ranges} ranges have no majority: what they hold can be neither read nor written");
            gaps.push(gap(Severity::Error, "pool".into(), message, "hangar up", whose));
        }
        if let Some(ranges) = self.underreplicated.filter(|ranges| *ranges > 0) {
            let message = format!("{ranges} ranges lack replicas: no node goes until they are copied");
            gaps.push(gap(Severity::Warning, "pool".into(), message, "hangar pool status --wait", &self.own));
        }
        gaps
    }
}

fn node_gap(member: &MemberStatus, node: &NodeStatus) -> Option<Finding> {
    let address = &node.address;
    if let Some(over) = &node.over {
        let message = format!("a certificate between `{address}` and us is over: {over}");
        return Some(gap(Severity::Error, format!("node:{address}"), message, "hangar cert renew", &member.id));
    }
    let message = if node.node_id.is_none() {
        format!("`{address}` is not known to the cluster; it may go by another name by now")
    } else if node.live.0 < node.live.1 {
        format!("{} of {} own nodes call `{address}` live", node.live.0, node.live.1)
    } else if node.accepts_us == Some(false) {
        format!("`{address}` does not take a certificate of ours")
    } else {
        return None;
    };
    Some(gap(Severity::Error, format!("node:{address}"), message, "hangar up", &member.id))
}

/// Until it is taken out, ranges wait for it.
fn former_gap(member: &MemberStatus, node: &NodeStatus) -> Option<Finding> {
    let (address, former) = (&node.address, node.former.join(", "));
    let message = format!("`{address}` has lost its volume: the dead node {former}, which it was before, still counts");
    let gap = || gap(Severity::Warning, format!("node:{address}"), message, "hangar up", &member.id);
    (!node.former.is_empty()).then(gap)
}

/// Its nodes are being restarted, or a run that did so ended early: nobody else's are touched until it is through.
fn maintenance_gap(member: &MemberStatus) -> Option<Finding> {
    let what = member.maintenance.as_ref()?;
    let message =
        format!("`{}` says that its nodes are being restarted ({what}): nobody else's are meanwhile", member.id);
    // Not every strategy ends what it has not begun.
    let command = if what == RESTART { "hangar restart" } else { "hangar up" };
    Some(gap(Severity::Note, format!("member:{}", member.id), message, command, &member.id))
}

fn subject_gap(member: &MemberStatus) -> Option<Finding> {
    let other = member.shares_subject_with.as_ref()?;
    let message =
        format!("the authorities of `{other}` and `{}` have one subject: only their keys tell them apart", member.id);
    Some(gap(Severity::Note, format!("member:{}", member.id), message, "hangar pool rotate-ca", &member.id))
}

fn gap(severity: Severity, subject: String, message: String, command: &str, whose: &str) -> Finding {
    Finding { severity, subject, message, cure: Some(format!("`{command}`")), whose: Some(whose.to_owned()) }
}

#[cfg(test)]
mod tests;
