//! The table of rooms.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::tidy::arrows::Crate;

/// Which room may use which.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// Names of crates by what they are about.
    topics: BTreeMap<String, Vec<String>>,
    #[serde(rename = "room")]
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Row {
    path: String,
    uses: Vec<String>,
    #[serde(default)]
    tests_use: Vec<String>,
    #[serde(default)]
    knows_no: Vec<String>,
}

impl Table {
    pub(crate) fn of_workspace() -> Self {
        Self::parse(include_str!("rooms.toml")).expect("the table is part of this program")
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let table: Self = toml::from_str(text)?;
        let topics = table.rows.iter().flat_map(|row| &row.knows_no);
        match topics.into_iter().find(|topic| !table.topics.contains_key(*topic)) {
            Some(topic) => Err(serde::de::Error::custom(format!("no topic is called `{topic}`"))),
            None => Ok(table),
        }
    }

    /// Every arrow that the table does not have.
    pub(crate) fn check(&self, crates: &[Crate]) -> Vec<String> {
        crates.iter().flat_map(|found| self.check_one(found)).collect()
    }

    fn check_one(&self, found: &Crate) -> Vec<String> {
        let room = &found.room;
        let Some(row) = self.rows.iter().find(|row| matches(&row.path, room)) else {
            return vec![format!("`{room}` stands in no row of the table of rooms")];
        };
        let arrows =
            found.uses.iter().filter(|used| !row.allows(used)).map(|used| format!("`{room}` must not use `{used}`"));
        let tests = found.tests_use.iter().filter(|used| !row.allows_tests(used));
        let tests = tests.map(|used| format!("tests of `{room}` must not use `{used}`"));
        let known = row.knows_no.iter().flat_map(|topic| {
            let names = self.topics[topic].iter().filter(|name| found.brings.contains(*name));
            names.map(move |name| format!("`{room}` must know nothing of {topic}, but brings the crate `{name}`"))
        });
        arrows.chain(tests).chain(known).collect()
    }
}

impl Row {
    fn allows(&self, room: &str) -> bool {
        self.uses.iter().any(|pattern| matches(pattern, room))
    }

    fn allows_tests(&self, room: &str) -> bool {
        self.allows(room) || self.tests_use.iter().any(|pattern| matches(pattern, room)) || room.starts_with("tests/")
    }
}

/// Whether a pattern means this room: `host/*` is each room right below `host`.
fn matches(pattern: &str, room: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(folder) => room.strip_prefix(folder).is_some_and(|name| !name.contains('/')),
        None => pattern == room,
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, matches};
    use crate::tidy::arrows::Crate;

    const TABLE: &str = r#"
        [topics]
        network = ["reqwest"]
        [[room]]
        path = "host/plan"
        uses = []
        knows-no = ["network"]
        [[room]]
        path = "host/*"
        uses = ["host/plan"]
    "#;

    fn check(room: &str, uses: &[&str], tests_use: &[&str], brings: &[&str]) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let found = Crate {
            room: room.to_owned(),
            uses: owned(uses),
            tests_use: owned(tests_use),
            brings: owned(brings).into_iter().collect(),
        };
        Table::parse(TABLE).expect("it is a table").check(&[found])
    }

    #[test]
    fn an_arrow_of_the_table_is_fine_and_any_other_is_named() {
        assert_eq!(check("host/engine", &["host/plan"], &[], &[]), [""; 0]);
        assert_eq!(check("host/plan", &["host/engine"], &[], &[]), ["`host/plan` must not use `host/engine`"]);
    }

    #[test]
    fn tests_may_use_what_is_there_for_tests_and_no_other_room() {
        assert_eq!(check("host/engine", &[], &["tests/support"], &[]), [""; 0]);
        assert_eq!(check("host/engine", &[], &["host/kube"], &[]), ["tests of `host/engine` must not use `host/kube`"]);
        assert_eq!(check("host/engine", &["tests/support"], &[], &[]), ["`host/engine` must not use `tests/support`"]);
    }

    #[test]
    fn a_crate_of_a_forbidden_topic_is_named_wherever_it_comes_from() {
        let problems = check("host/plan", &[], &[], &["serde", "reqwest"]);
        assert_eq!(problems, ["`host/plan` must know nothing of network, but brings the crate `reqwest`"]);
        assert_eq!(check("host/engine", &[], &[], &["reqwest"]), [""; 0]);
    }

    #[test]
    fn a_room_that_nobody_thought_of_is_named() {
        assert_eq!(check("attic", &[], &[], &[]), ["`attic` stands in no row of the table of rooms"]);
    }

    #[test]
    fn a_pattern_means_one_level() {
        assert!(matches("host/*", "host/plan"));
        assert!(!matches("host/*", "host/plan/deep"));
        assert!(!matches("tests/*", "tests/world/dss"));
    }

    #[test]
    fn a_table_with_a_misspelt_key_or_topic_is_refused() {
        assert!(Table::parse("[topics]\n[[room]]\npath = 'a'\nuses = []\nknows = []").is_err());
        let error =
            Table::parse("[topics]\n[[room]]\npath = 'a'\nuses = []\nknows-no = ['love']").expect_err("no such topic");
        assert!(error.to_string().contains("no topic is called `love`"), "{error}");
    }
}
