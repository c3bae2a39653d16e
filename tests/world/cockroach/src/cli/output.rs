//! Tables in the formats of `--format`.

use std::io::IsTerminal as _;

use super::error::CliError;
use super::flags::Flags;

/// How rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Tsv,
    Csv,
    Table,
    Records,
    Json,
    Ndjson,
    Raw,
}

/// Rows to show.
#[derive(Debug)]
pub struct Table {
    pub headers: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// `l` or `r` for each column.
    pub align: String,
}

impl Format {
    /// The format asked for; a terminal gets a table, anything else tab-separated values.
    ///
    /// # Errors
    ///
    /// The database's complaint about an unknown one.
    pub fn of(flags: &Flags) -> Result<Self, CliError> {
        Ok(match flags.get("format") {
            None if std::io::stdout().is_terminal() => Self::Table,
            None | Some("tsv") => Self::Tsv,
            Some("csv") => Self::Csv,
            Some("table") => Self::Table,
            Some("records") => Self::Records,
            Some("json") => Self::Json,
            Some("ndjson") => Self::Ndjson,
            Some("raw") => Self::Raw,
            Some(other) => {
                return Err(CliError::new(format!(
                    "invalid argument {other:?} for \"--format\" flag: invalid table display format: {other} (possible \
                     values: tsv, csv, table, records, ndjson, json, raw)"
                )));
            }
        })
    }
}

impl Table {
    /// The text of the table.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Tsv => self.lines(|cells| cells.join("\t")),
            Format::Csv => self.lines(|cells| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",")),
            Format::Table => self.boxed(),
            Format::Records => self.records(),
            Format::Json => {
                let objects: Vec<String> = self.objects().iter().map(|object| format!("  {object}")).collect();
                if objects.is_empty() { "[\n]\n".to_owned() } else { format!("[\n{}\n]\n", objects.join(",\n")) }
            }
            Format::Ndjson => self.objects().iter().map(|object| format!("{object}\n")).collect(),
            Format::Raw => {
                let rows = self.rows.iter().enumerate().map(|(index, row)| {
                    let cells: String = row.iter().map(|cell| format!("## {}\n{cell}\n", cell.len())).collect();
                    format!("# row {}\n{cells}", index + 1)
                });
                let n_columns = self.headers.len();
                format!("# {n_columns} columns\n{}# {} rows\n", rows.collect::<String>(), self.rows.len())
            }
        }
    }

    fn lines(&self, line: impl Fn(&[String]) -> String) -> String {
        std::iter::once(&self.headers).chain(&self.rows).map(|cells| line(cells) + "\n").collect()
    }

    fn objects(&self) -> Vec<String> {
        let object = |row: &Vec<String>| {
            let fields = self.headers.iter().cloned().zip(row.iter().cloned().map(serde_json::Value::from));
            serde_json::Value::Object(fields.collect()).to_string()
        };
        self.rows.iter().map(object).collect()
    }

    fn boxed(&self) -> String {
        let widths: Vec<usize> = (0..self.headers.len())
            .map(|at| {
                std::iter::once(&self.headers).chain(&self.rows).map(|row| row[at].chars().count()).max().unwrap_or(0)
            })
            .collect();
        let header =
            self.headers.iter().zip(&widths).map(|(name, width)| format!("{name:^width$}")).collect::<Vec<_>>();
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
        let mut text = format!("  {}\n-{}\n", header.join(" | ").trim_end(), rule.join("+"));
        for row in &self.rows {
            let cells = row.iter().zip(&widths).zip(self.align.chars().chain(std::iter::repeat('l')));
            let cells: Vec<String> = cells
                .map(
                    |((cell, width), align)| {
                        if align == 'r' { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
                    },
                )
                .collect();
            text.push_str(&format!("  {}\n", cells.join(" | ").trim_end()));
        }
        let n_rows = self.rows.len();
        text + &format!("({n_rows} row{})\n", if n_rows == 1 { "" } else { "s" })
    }

    fn records(&self) -> String {
        let width = self.headers.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            text.push_str(&format!("-[ RECORD {} ]\n", index + 1));
            for (name, cell) in self.headers.iter().zip(row) {
                text.push_str(&format!("{name:<width$} | {cell}\n"));
            }
        }
        text
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            headers: vec!["id".into(), "address".into()],
            rows: vec![vec!["1".into(), "a,b".into()], vec!["10".into(), "c".into()]],
            align: "rl".into(),
        }
    }

    #[test]
    fn formats_are_those_of_the_database() {
        assert_eq!(table().render(Format::Tsv), "id\taddress\n1\ta,b\n10\tc\n");
        assert_eq!(table().render(Format::Csv), "id,address\n1,\"a,b\"\n10,c\n");
        assert_eq!(
            table().render(Format::Json),
            "[\n  {\"id\":\"1\",\"address\":\"a,b\"},\n  {\"id\":\"10\",\"address\":\"c\"}\n]\n"
        );
        assert_eq!(table().render(Format::Table), "  id | address\n-----+---------\n   1 | a,b\n  10 | c\n(2 rows)\n");
    }
}
