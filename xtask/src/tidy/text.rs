//! Words and sizes of files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::{checkout::Checkout, program::Program, tidy::Findings};

/// A longer file is mostly two things that have grown together.
const LONG: usize = 400;

/// What no file of ours may say, and why.
const WORDS: [(&str, &str); 4] = [
    ("TODO", "unfinished work belongs into an issue"),
    ("FIXME", "unfinished work belongs into an issue"),
    ("<<<<<<< ", "left over from a merge"),
    (">>>>>>> ", "left over from a merge"),
];

/// This file says all of it, and what tools write says what it likes.
const EXEMPT: [&str; 5] = ["text.rs", "Cargo.lock", "go.sum", "go.mod", "moto-requirements.txt"];

pub(crate) fn check(checkout: &Checkout, findings: &mut Findings) -> Result<()> {
    let machine = paths_of_machine(checkout);
    for path in files(checkout)? {
        // A file may be gone since git listed it, or be no text.
        let Ok(text) = fs::read_to_string(checkout.root.join(&path)) else { continue };
        if !EXEMPT.iter().any(|name| path.ends_with(name)) {
            let written = WORDS.iter().map(|(word, reason)| (*word, *reason));
            let machine = machine.iter().map(|path| (path.as_str(), "a path of this machine"));
            findings.problems.extend(words(&path, &text, &written.chain(machine).collect::<Vec<_>>()));
        }
        findings.warnings.extend(length(&path, &text));
    }
    Ok(())
}

/// What git tracks and what it would.
fn files(checkout: &Checkout) -> Result<Vec<PathBuf>> {
    let git = Program::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let names = git.folder(&checkout.root).read()?;
    Ok(names.split_terminator('\0').map(PathBuf::from).collect())
}

/// Where this clone and the caches of its tools lie; another machine has none of them.
fn paths_of_machine(checkout: &Checkout) -> Vec<String> {
    let home = checkout.environment.path("HOME").into_iter();
    let caches = home.flat_map(|home| [".cargo", ".rustup", ".cache"].map(|folder| home.join(folder)));
    let root = checkout.root.clone();
    // One level below `/` is too little to tell a path from a word.
    let telling = caches.chain([root]).filter(|path| path.components().count() > 2);
    telling.map(|path| path.display().to_string()).collect()
}

fn words(path: &Path, text: &str, forbidden: &[(&str, &str)]) -> Vec<String> {
    let lines = text.lines().enumerate();
    let found = lines.flat_map(|(index, line)| {
        let words = forbidden.iter().filter(move |(word, _)| line.contains(word));
        words.map(move |(word, reason)| format!("{}:{}: `{}`: {reason}", path.display(), index + 1, word.trim()))
    });
    found.collect()
}

fn length(path: &Path, text: &str) -> Option<String> {
    let n_lines = text.lines().count();
    let is_long = path.extension().is_some_and(|extension| extension == "rs") && n_lines > LONG;
    is_long.then(|| format!("{}: {n_lines} lines; split it along its nouns", path.display()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{LONG, length, words};
    use crate::checkout::Checkout;

    #[test]
    fn a_word_is_found_with_its_place_and_reason() {
        let found = words(Path::new("a/b.rs"), "fine\n// TODO: more\n", &super::WORDS);
        assert_eq!(found, ["a/b.rs:2: `TODO`: unfinished work belongs into an issue"]);
    }

    #[test]
    fn paths_of_this_machine_are_words_too() {
        let checkout = Checkout {
            root: "/srv/builds/clone".into(),
            target: "/srv/builds/target".into(),
            environment: [("HOME", "/h")].into_iter().collect(),
        };
        assert_eq!(super::paths_of_machine(&checkout), ["/h/.cargo", "/h/.rustup", "/h/.cache", "/srv/builds/clone"]);
    }

    #[test]
    fn only_sources_are_long() {
        let text = "\n".repeat(LONG + 1);
        assert!(length(Path::new("a.rs"), &text).is_some());
        assert!(length(Path::new("a.txt"), &text).is_none());
        assert!(length(Path::new("a.rs"), &"\n".repeat(LONG)).is_none());
    }
}
