//! The state that a tool prints where it can write it nowhere.

use serde::de::IgnoredAny;
use serde_json::Deserializer;

/// What both tools say before it; `a_state_that_can_be_written_nowhere_is_kept_and_shown_to_nobody` fails when a new one says it otherwise.
const MESSAGE: &str = "\"@message\":\"Emergency state dump";

/// Members of a line come sorted, those with an `@` first: the message stands this near to its start.
const HEAD: usize = 160;

/// What is left of such a line, and of one that was torn.
const TAKEN_OUT: &str = r#"{"@message":"taken out by hangar","type":"taken_out"}"#;

/// Whether a line holds a whole state, whole or torn itself.
pub(crate) fn is_dump(line: &str) -> bool {
    line.starts_with('{') && line[..line.floor_char_boundary(HEAD)].contains(MESSAGE)
}

/// Whether a line was torn: by a full disk, a kill, or because it is longer than any line may be. It may hold anything.
pub(crate) fn is_torn(line: &str) -> bool {
    line.starts_with("{\"@") && serde_json::from_str::<IgnoredAny>(line).is_err()
}

/// The state in such a line, to the letter; none where it was torn.
pub(crate) fn dumped(line: &str) -> Option<&str> {
    if !is_dump(line) {
        return None;
    }
    let (_, state) = line.split_once("\"state\":")?;
    let mut values = Deserializer::from_str(state).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(state[..values.byte_offset()].trim()).filter(|state| state.starts_with('{'))
}

/// A line without what nobody may read; none if there is nothing to take out.
pub(crate) fn without_state(line: &str) -> Option<String> {
    let has_secrets = is_dump(line) || line.contains("\"sensitive\"") && is_torn(line);
    has_secrets.then(|| TAKEN_OUT.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"@level":"info","@message":"Emergency state dump","@module":"terraform.ui","@timestamp":"2026-11-28T14:44:05.601153Z","state":{"version":4,"serial":3,"outputs":{"pw":{"value":"CANARY \"state\":","sensitive":true}},"n":1.50},"type":"log"}"#;

    #[test]
    fn a_whole_state_is_taken_out_to_the_letter() {
        let state =
            r#"{"version":4,"serial":3,"outputs":{"pw":{"value":"CANARY \"state\":","sensitive":true}},"n":1.50}"#;
        assert_eq!(dumped(LINE), Some(state));
        let left = without_state(LINE).unwrap_or_default();
        assert!(!left.is_empty() && !left.contains("CANARY"), "{left}");
        assert_eq!(without_state(&left), None, "once is enough");
    }

    #[test]
    fn a_torn_one_is_known_wherever_it_was_torn() {
        for end in (0..LINE.len()).filter(|end| *end > "{\"@level\":\"info\",\"@message\":\"Emergency state dump".len())
        {
            assert!(is_dump(&LINE[..end]), "{end}");
            assert!(without_state(&LINE[..end]).is_some(), "{end}");
        }
        assert_eq!(dumped(&LINE[..LINE.len() - 40]), None);
    }

    #[test]
    fn what_only_speaks_of_one_is_none() {
        for line in [
            r#"{"@level":"error","@message":"Error: x","diagnostic":{"detail":"as a fallback, the state is in the Emergency state dump above, which is far from the start of this line, as it is in every diagnostic"}}"#,
            "Emergency state dump",
            r#"{"@level":"info","@message":"Outputs: 1","outputs":{"a":{"sensitive":false,"value":1}}}"#,
        ] {
            assert_eq!((is_dump(line), without_state(line)), (false, None), "{line}");
        }
    }

    #[test]
    fn a_torn_line_may_hold_anything() {
        let torn = r#"{"@level":"info","@message":"Outputs: 1","outputs":{"a":{"sensitive":true,"value":"CAN"#;
        assert!(is_torn(torn) && without_state(torn).is_some());
        assert!(!is_torn("Warning: Unable to open CLI configuration file"));
    }
}
