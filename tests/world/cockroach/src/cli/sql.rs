//! `cockroach sql`: runs statements.

use std::io::Read as _;
use std::process::ExitCode;

use tokio_postgres::SimpleQueryMessage;

use super::client::{self, Target, sql_error, text_rows};
use super::error::CliError;
use super::flags::{Flags, Spec, Takes, value, values};
use super::output::{Format, Table};
use super::print_out;

/// Flags of `sql`.
pub const FLAGS: &[Spec] = &[
    client::CERTS_DIR,
    client::CLUSTER_NAME,
    client::DISABLE_VERIFICATION,
    Spec { name: "database", short: Some('d'), takes: Takes::Value },
    values("execute", Some('e')),
    Spec { name: "file", short: Some('f'), takes: Takes::Value },
    value("format"),
    client::HOST,
    client::LOG_TO_STDERR,
    client::PORT,
    Spec { name: "user", short: Some('u'), takes: Takes::Value },
];

/// Runs the statements of `-e`, of a file, or of standard input, and stops at the first that fails.
///
/// # Errors
///
/// As printed.
pub fn run(flags: &Flags) -> Result<ExitCode, CliError> {
    let target = Target::of(flags)?;
    let format = Format::of(flags)?;
    let texts = match (flags.all("execute"), flags.get("file")) {
        ([], None) => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|err| CliError::new(err.to_string()))?;
            vec![text]
        }
        ([], Some(path)) => {
            vec![std::fs::read_to_string(path).map_err(|err| CliError::new(format!("open {path}: {err}")))?]
        }
        (texts, _) => texts.to_vec(),
    };
    let user = flags.get("user").unwrap_or("root");
    let database = flags.get("database").unwrap_or("defaultdb");
    super::runtime()?.block_on(async {
        let client = target.sql(user, database, "$ cockroach sql").await?;
        for text in &texts {
            let messages = client.simple_query(text).await.map_err(|err| sql_error(&err))?;
            print_results(text, &messages, format);
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Each statement ends with its completion; what stood before it are its rows.
fn print_results(text: &str, messages: &[SimpleQueryMessage], format: Format) {
    let statements = crate::sql::parse::leading_words(text).unwrap_or_default();
    let mut statements = statements.iter();
    let mut start = 0;
    let mut headers: Option<Vec<String>> = None;
    for (at, message) in messages.iter().enumerate() {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                headers = Some(columns.iter().map(|column| column.name().to_owned()).collect());
                start = at;
            }
            SimpleQueryMessage::CommandComplete(n_rows) => {
                let statement = statements.next().map_or(&[] as &[String], Vec::as_slice);
                match headers.take() {
                    Some(headers) => {
                        let rows = text_rows(&messages[start..at]);
                        let align = "l".repeat(headers.len());
                        print_out(&Table { headers, rows, align }.render(format));
                    }
                    None => print_out(&format!("{}\n", tag(statement, *n_rows))),
                }
            }
            _ => {}
        }
    }
}

/// What the server said a statement did. The driver keeps only the number of rows.
fn tag(statement: &[String], n_rows: u64) -> String {
    let words: Vec<&str> = statement.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["insert" | "upsert", ..] => format!("INSERT 0 {n_rows}"),
        ["update", ..] => format!("UPDATE {n_rows}"),
        ["delete", ..] => format!("DELETE {n_rows}"),
        ["set" | "reset", "cluster", "setting", ..] => "SET CLUSTER SETTING".to_owned(),
        ["create" | "drop" | "alter", object, ..] => format!("{} {}", words[0], object).to_uppercase(),
        ["begin" | "start", ..] => "BEGIN".to_owned(),
        ["use", ..] => "SET".to_owned(),
        [first, ..] => first.to_uppercase(),
        [] => "OK".to_owned(),
    }
}
