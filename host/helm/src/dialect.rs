//! The YAML that Helm and Kubernetes read is 1.1: `0440` is a number there, and `yes` is true. Ours is 1.2.

use std::fmt::Write as _;

/// Words that 1.1 takes for a truth value and 1.2 for a text.
const TRUE: [&str; 6] = ["yes", "Yes", "YES", "on", "On", "ON"];
const FALSE: [&str; 6] = ["no", "No", "NO", "off", "Off", "OFF"];

/// Rewrites plain scalars of YAML 1.1 so that a reader of 1.2 reads the same. Texts in quotes and blocks stay as they are.
pub(crate) fn to_1_2(text: &str) -> String {
    let (mut out, mut block) = (String::with_capacity(text.len()), None);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if block.is_some_and(|above| indent > above || line.trim().is_empty()) {
            out.push_str(line);
        } else {
            block = opens_block(line).then_some(indent);
            match rewritten(line) {
                Some((before, value)) => {
                    let _ = write!(out, "{before}{value}");
                }
                None => out.push_str(line),
            }
        }
        out.push('\n');
    }
    out
}

/// Whether the lines below are a text, by its sign at the end: `key: |-`.
fn opens_block(line: &str) -> bool {
    let last = line.split_whitespace().last().unwrap_or_default();
    let sign = last.trim_end_matches(|letter: char| letter.is_ascii_digit() || "+-".contains(letter));
    sign == "|" || sign == ">"
}

/// The line up to its plain value, and the value as 1.2 spells it; none where both read the same.
fn rewritten(line: &str) -> Option<(&str, String)> {
    let at = line
        .rfind(": ")
        .map(|at| at + 2)
        .or_else(|| line.trim_start().starts_with("- ").then(|| line.find("- "))?.map(|at| at + 2))?;
    let (before, value) = (&line[..at], line[at..].trim());
    if before.contains(['"', '\'', '#', '{']) {
        return None;
    }
    let digits = value.strip_prefix('0').filter(|rest| !rest.is_empty());
    if let Some(number) = digits.and_then(|digits| u64::from_str_radix(digits, 8).ok()) {
        return Some((before, number.to_string()));
    }
    let truth = [(TRUE, "true"), (FALSE, "false")];
    truth.iter().find(|(words, _)| words.contains(&value)).map(|(_, word)| (before, (*word).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_truths_are_read_as_helm_reads_them() {
        let text =
            "mode: 0440\nlist:\n  - 0644\n  - \"0644\"\nenabled: yes\nquoted: 'yes'\nzero: 0\nport: 8080\nid: 0x1F\n";
        let wanted =
            "mode: 288\nlist:\n  - 420\n  - \"0644\"\nenabled: true\nquoted: 'yes'\nzero: 0\nport: 8080\nid: 0x1F\n";
        assert_eq!(to_1_2(text), wanted);
    }

    #[test]
    fn texts_in_blocks_stay_as_they_are() {
        let text = "data:\n  conf: |-\n    mode: 0440\n\n    on: yes\n  mode: 0440\n";
        assert_eq!(to_1_2(text), text.replace("\n  mode: 0440", "\n  mode: 288"));
    }
}
