/// Replaces `$(NAME)` as Kubernetes does in commands, arguments and environment values: a name without a value stays
/// as it is, `$$` is one `$`.
pub(super) fn expand<'a>(text: &str, value_of: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match value_of(name) {
                Some(value) => out.push_str(value),
                None => out.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        expand(text, |name| match name {
            "POD_IP" => Some("127.64.1.2"),
            "EMPTY" => Some(""),
            _ => None,
        })
    }

    #[test]
    fn expansion_is_that_of_kubernetes() {
        assert_eq!(expanded("--listen-addr=$(POD_IP):26257"), "--listen-addr=127.64.1.2:26257");
        assert_eq!(expanded("$(MISSING) $(EMPTY)|"), "$(MISSING) |");
        assert_eq!(expanded("$$(POD_IP)"), "$(POD_IP)");
        assert_eq!(expanded("$POD_IP ${POD_IP} $("), "$POD_IP ${POD_IP} $(");
        assert_eq!(expanded("a$"), "a$");
    }
}
