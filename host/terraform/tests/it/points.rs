//! The table of fail points.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn named_in(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            named_in(&path, names);
        } else if path.file_name().unwrap() != "lib.rs" {
            let source = fs::read_to_string(&path).unwrap();
            let is_point = |text: &&str| text.starts_with("terraform.") && text.matches('.').count() == 2;
            names.extend(source.split('"').filter(is_point).map(str::to_owned));
        }
    }
}

#[test]
fn every_point_stands_in_the_table() {
    let mut named = BTreeSet::new();
    named_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut named);
    let listed: BTreeSet<_> = hangar_terraform::FAIL_POINTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(named, listed);
}
