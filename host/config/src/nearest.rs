//! The name that was probably meant.

/// Lists longer than this are no help.
const MAX_LISTED: usize = 12;

/// Finds the candidate nearest to `name`, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One slip for short words, one more for every four letters.
    let most = 1 + name.chars().count() / 4;
    let distance = |candidate: &str| strsim::damerau_levenshtein(name, candidate);
    let near = candidates.into_iter().map(|candidate| (distance(candidate), candidate));
    near.filter(|(distance, _)| *distance <= most).min().map(|(_, candidate)| candidate)
}

/// Says what was probably meant, or what there is.
pub(crate) fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = nearest(name, candidates.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let mut known: Vec<_> = candidates.into_iter().map(|candidate| format!("`{candidate}`")).collect();
    known.sort_unstable();
    (1..=MAX_LISTED).contains(&known.len()).then(|| format!("there is: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let keys = ["hostname", "db_suffix", "nodes"];
        assert_eq!(nearest("hostnam", keys), Some("hostname"));
        assert_eq!(nearest("hsotname", keys), Some("hostname"));
        assert_eq!(nearest("node", keys), Some("nodes"));
        assert_eq!(nearest("region", keys), None);
        assert_eq!(suggest("region", keys).as_deref(), Some("there is: `db_suffix`, `hostname`, `nodes`"));
        assert_eq!(suggest("region", []), None);
    }
}
