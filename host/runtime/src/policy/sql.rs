//! Statements against the ones that are granted.
//!
//! No grammar is needed: a statement is cut into tokens, and must be one of the granted statements token for token,
//! where `?` stands for exactly one literal or name. So nothing can be added, left out or commented away.

/// Whether a statement is the granted one, whatever its white space.
pub(super) fn matches(statement: &str, granted: &str) -> bool {
    let (Some(statement), Some(granted)) = (tokens(statement), tokens(granted)) else { return false };
    statement.len() == granted.len()
        && statement
            .iter()
            .zip(&granted)
            .all(|(token, wanted)| token == wanted || (*wanted == "?" && is_operand(token)))
}

/// A literal or a name, as opposed to punctuation.
fn is_operand(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '\'' | '"'))
}

/// The tokens of one statement; none if it holds what this cannot cut: comments, a second statement, an open string.
fn tokens(text: &str) -> Option<Vec<&str>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("--") || rest.starts_with("/*") || matches!(first, ';' | '$' | '\\' | '\0') {
            return None;
        }
        let length = match first {
            '\'' | '"' => quoted(rest, first)?,
            c if is_word(c) => rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.')
}

/// Length of a quoted token; two quotes in a row are one inside it. A backslash means something in some strings and
/// nothing in others, so it is not taken.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            return None;
        }
        if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return Some(at + 1);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::matches;

    const GRANTED: &str = "ALTER DATABASE ? CONFIGURE ZONE USING num_replicas = ?";

    #[test]
    fn white_space_and_operands_are_free() {
        assert!(matches("ALTER  DATABASE rid\n CONFIGURE ZONE USING num_replicas=5", GRANTED));
        assert!(matches("ALTER DATABASE \"my db\" CONFIGURE ZONE USING num_replicas = 5 ", GRANTED));
    }

    #[test]
    fn nothing_can_be_added_or_put_into_an_operand() {
        for statement in [
            "ALTER DATABASE rid CONFIGURE ZONE USING num_replicas = 5; DROP DATABASE rid",
            "ALTER DATABASE rid CONFIGURE ZONE USING num_replicas = 5 -- more",
            "ALTER DATABASE rid CONFIGURE ZONE USING num_replicas = 5 /* more */",
            "ALTER DATABASE rid CONFIGURE ZONE USING num_replicas = 5, gc.ttlseconds = 1",
            "ALTER DATABASE rid CONFIGURE ZONE USING num_replicas = (SELECT 5)",
            "ALTER DATABASE rid CONFIGURE ZONE USING num_replicas = -",
            "ALTER DATABASE 'a\\' CONFIGURE ZONE USING num_replicas = 5",
            "ALTER DATABASE 'open CONFIGURE ZONE USING num_replicas = 5",
            "alter database rid configure zone using num_replicas = 5",
        ] {
            assert!(!matches(statement, GRANTED), "{statement}");
        }
    }

    #[test]
    fn a_quoted_quote_stays_inside() {
        assert!(matches("SET x = 'it''s; -- fine'", "SET x = ?"));
        assert!(!matches("SET x = 'it''s' 'two'", "SET x = ?"));
    }

    #[test]
    fn a_question_mark_is_no_operand() {
        assert!(!matches("SET x = $1", "SET x = ?"));
        assert!(matches("SET x = ?", "SET x = ?"));
    }
}
