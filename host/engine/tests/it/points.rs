//! The table of fail points.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Texts in quotes that look like the name of a point of this room.
fn named_in(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            named_in(&path, names);
        } else if path.file_name().unwrap() != "lib.rs" {
            let source = fs::read_to_string(&path).unwrap();
            let is_point = |text: &&str| {
                (text.starts_with("engine.") || text.starts_with("journal.")) && text.matches('.').count() == 2
            };
            names.extend(source.split('"').filter(is_point).map(str::to_owned));
        }
    }
}

#[test]
fn every_point_stands_in_the_table() {
    let mut named = BTreeSet::new();
    named_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut named);
    let mut listed: BTreeSet<_> = hangar_engine::FAIL_POINTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    // The only one that is passed while the journal has no kinds of entries yet.
    assert!(listed.contains("journal.create.inside"));
    named.retain(|name| !name.ends_with(".db"));
    listed.retain(|name| !name.ends_with(".db"));
    assert_eq!(named, listed);
}
