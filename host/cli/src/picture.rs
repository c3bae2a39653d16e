//! The pool, drawn.

use std::fmt::Write as _;

use hangar_operations::{MemberStatus, PoolStatus};
use hangar_plan::strategy::member::MemberState;
use owo_colors::OwoColorize as _;

/// Width of one organisation's box, its frame included.
const WIDTH: usize = 38;

/// Draws a pool: a box for each organisation, a sign and a word for each node.
pub(crate) fn draw(status: &PoolStatus, colour: bool) -> String {
    let mut text = format!("pool {}", status.pool);
    if let Some(id) = &status.cluster_id {
        let _ = write!(text, "  ·  cluster {id}");
    }
    text.push('\n');
    for member in &status.members {
        text.push_str(&boxed(member, member.id == status.own, member.id == status.founder, colour));
    }
    let ranges = match (status.underreplicated, status.unavailable) {
        (Some(under), Some(unavailable)) => {
            format!("ranges: {under} under-replicated, {unavailable} unavailable\n")
        }
        _ if status.asks_ranges => "ranges: no own node answers\n".to_owned(),
        _ => String::new(),
    };
    text.push_str(&ranges);
    if let Some(open) = &status.open {
        let _ = writeln!(text, "open change: {open}");
    }
    for one in status.proposed.iter().filter(|one| !one.waits_for.is_empty()) {
        let _ = writeln!(
            text,
            "proposed by {}: {} {}, waits for {}",
            one.proposer,
            one.kind,
            one.subject,
            one.waits_for.join(", ")
        );
    }
    let whole = status.is_whole();
    let verdict = if whole { "✔ whole: every node is live and accepts us" } else { "✘ not whole" };
    let _ = writeln!(text, "{}", paint(verdict, whole, colour));
    for finding in &status.findings {
        let _ = writeln!(text, "! {}: {}", finding.subject, finding.message);
        if let Some(cure) = &finding.cure {
            let whose = finding.whose.as_deref().map(|whose| format!("{whose}: ")).unwrap_or_default();
            let _ = writeln!(text, "  {whose}{cure}");
        }
    }
    text
}

fn boxed(member: &MemberStatus, own: bool, founder: bool, colour: bool) -> String {
    let mut marks = vec![state(member.state).to_owned()];
    if founder {
        marks.push("founder".into());
    }
    if own {
        marks.push("us".into());
    }
    let title = format!(" {} ({}) ", member.id, marks.join(", "));
    let mut text = format!("╭─{title}{}╮\n", "─".repeat(WIDTH.saturating_sub(title.chars().count() + 3)));
    let _ = writeln!(text, "{}", line(&format!(" {}", member.locality), None, colour));
    for node in &member.nodes {
        let live = node.live.1 > 0 && node.live.0 == node.live.1;
        let good = live && node.accepts_us != Some(false);
        let id = name_of(node.node_id.as_deref());
        let word = match (live, node.accepts_us) {
            (true, Some(false)) => "live, refuses us",
            (true, _) => "live",
            (false, Some(true)) => "not live, accepts us",
            (false, _) => "not live",
        };
        let host = node.address.split(':').next().unwrap_or_default();
        let host: String = host.chars().take(20).collect();
        let sign = if good { '●' } else { '○' };
        let _ = writeln!(text, "{}", line(&format!(" {sign} {id:<4}{host:<21}{word}"), Some(good), colour));
    }
    let _ = writeln!(text, "╰{}╯", "─".repeat(WIDTH - 2));
    text
}

/// A number as it is, of a longer name its beginning.
fn name_of(node_id: Option<&str>) -> String {
    match node_id {
        None => "n?".to_owned(),
        Some(id) if id.bytes().all(|byte| byte.is_ascii_digit()) => format!("n{id}"),
        Some(id) => id.chars().take(3).collect(),
    }
}

fn line(content: &str, good: Option<bool>, colour: bool) -> String {
    let cut: String = content.chars().take(WIDTH - 2).collect();
    let padded = format!("{cut:<width$}", width = WIDTH - 2);
    match good {
        Some(good) => format!("│{}│", paint(&padded, good, colour)),
        None => format!("│{padded}│"),
    }
}

fn paint(text: &str, good: bool, colour: bool) -> String {
    match (colour, good) {
        (false, _) => text.to_owned(),
        (true, true) => text.green().to_string(),
        (true, false) => text.red().to_string(),
    }
}

fn state(state: MemberState) -> &'static str {
    match state {
        MemberState::Asking => "asking",
        MemberState::Joining => "joining",
        MemberState::Active => "active",
        MemberState::Leaving => "leaving",
        MemberState::Gone => "gone",
    }
}
