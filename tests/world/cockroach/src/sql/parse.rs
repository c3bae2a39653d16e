//! Splits a query text into statements. What the parser does not know of the database's own grammar is read here.

use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::error::SqlError;

/// One statement.
#[derive(Debug, Clone)]
pub enum Statement {
    /// What the parser knows.
    Ast(Box<ast::Statement>),
    /// `INSERT` that replaces rows with the same primary key.
    Upsert(Box<ast::Statement>),
    Show(Show),
    /// `value` is `None` for the default.
    SetClusterSetting {
        name: String,
        value: Option<String>,
    },
    SetVariable {
        name: String,
        value: String,
    },
    ResetVariable(String),
    Use(String),
    /// Accepted, and without effect here.
    Nothing(&'static str),
}

/// The kinds of `SHOW`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Show {
    ClusterSetting(String),
    AllClusterSettings,
    Databases,
    Tables(Option<String>),
    Ranges(RangesOf),
    Locality,
    Regions,
    Users,
    Variable(String),
}

/// Whose ranges `SHOW RANGES` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangesOf {
    Cluster,
    CurrentDatabase,
    Database(String),
    Table(String),
}

/// Reads all statements of a text.
///
/// # Errors
///
/// `42601` for what is no SQL.
pub fn parse(text: &str) -> Result<Vec<Statement>, SqlError> {
    split(text)?.into_iter().map(one).collect()
}

/// The first three words of each statement, in lower case: enough to name what it does.
///
/// # Errors
///
/// `42601` for what has no tokens of SQL.
pub fn leading_words(text: &str) -> Result<Vec<Vec<String>>, SqlError> {
    let statements = split(text)?;
    Ok(statements.iter().map(|tokens| tokens.iter().take(3).map(word).collect()).collect())
}

fn split(text: &str) -> Result<Vec<Vec<Token>>, SqlError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
        .tokenize()
        .map_err(|err| SqlError::new("42601", format!("lexical error: {err}")))?;
    let statements = tokens.split(|token| *token == Token::SemiColon);
    let bare = |tokens: &[Token]| -> Vec<Token> {
        tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).cloned().collect()
    };
    Ok(statements.map(bare).filter(|tokens| !tokens.is_empty()).collect())
}

fn one(tokens: Vec<Token>) -> Result<Statement, SqlError> {
    let words: Vec<String> = tokens.iter().map(word).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["show", rest @ ..] => return show(rest, &tokens[1..]),
        ["set", "cluster", "setting", ..] => return set_cluster_setting(&tokens[3..]),
        ["reset", "cluster", "setting", ..] => {
            return Ok(Statement::SetClusterSetting { name: joined(&tokens[3..]), value: None });
        }
        ["set", "session", "characteristics", ..] | ["set", "transaction", ..] => return Ok(Statement::Nothing("SET")),
        ["set", "time", "zone", ..] => return Ok(variable("timezone", &tokens[3..])),
        ["set", "session" | "local", _, "=" | "to", ..] => return Ok(variable(words[2], &tokens[4..])),
        ["set", _, "=" | "to", ..] => return Ok(variable(words[1], &tokens[3..])),
        ["reset", name] => return Ok(Statement::ResetVariable((*name).to_owned())),
        ["use", _] => return Ok(Statement::Use(literal(&tokens[1]))),
        ["discard", ..] | ["deallocate", ..] => return Ok(Statement::Nothing("DISCARD ALL")),
        ["grant", ..] => return Ok(Statement::Nothing("GRANT")),
        ["upsert", ..] => {
            let mut tokens = tokens;
            tokens[0] = Token::make_keyword("INSERT");
            return ast(tokens).map(|statement| Statement::Upsert(Box::new(statement)));
        }
        _ => {}
    }
    ast(tokens).map(|statement| Statement::Ast(Box::new(statement)))
}

fn ast(tokens: Vec<Token>) -> Result<ast::Statement, SqlError> {
    let first = tokens.first().map(ToString::to_string).unwrap_or_default();
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect).with_tokens(tokens);
    let statement = parser.parse_statement().map_err(|_| SqlError::syntax(&near(&parser, &first)))?;
    match parser.peek_token().token {
        Token::EOF => Ok(statement),
        token => Err(SqlError::syntax(&token.to_string())),
    }
}

fn near(parser: &Parser<'_>, first: &str) -> String {
    match parser.peek_token().token {
        Token::EOF => "EOF".to_owned(),
        token if token.to_string().is_empty() => first.to_owned(),
        token => token.to_string().to_lowercase(),
    }
}

fn show(words: &[&str], tokens: &[Token]) -> Result<Statement, SqlError> {
    let show = match words {
        ["cluster", "setting", ..] => Show::ClusterSetting(joined(&tokens[2..])),
        ["all", "cluster", "settings"] | ["cluster", "settings"] | ["public", "cluster", "settings"] => {
            Show::AllClusterSettings
        }
        ["databases", ..] => Show::Databases,
        ["tables"] => Show::Tables(None),
        ["tables", "from", _, ..] => Show::Tables(Some(literal(&tokens[2]))),
        ["cluster", "ranges", ..] => Show::Ranges(RangesOf::Cluster),
        ["ranges"] => Show::Ranges(RangesOf::CurrentDatabase),
        ["ranges", "from", "current", "catalog", ..] => Show::Ranges(RangesOf::CurrentDatabase),
        ["ranges", "from", "database", _, ..] => Show::Ranges(RangesOf::Database(literal(&tokens[3]))),
        ["ranges", "from", "table", ..] => Show::Ranges(RangesOf::Table(joined(&tokens[3..]))),
        ["locality"] => Show::Locality,
        ["regions", ..] => Show::Regions,
        ["users" | "roles"] => Show::Users,
        ["session", name] | [name] => Show::Variable((*name).to_owned()),
        ["time", "zone"] => Show::Variable("timezone".to_owned()),
        ["transaction", "isolation", "level"] => Show::Variable("transaction_isolation".to_owned()),
        [] => return Err(SqlError::syntax("EOF")),
        [first, ..] => return Err(SqlError::syntax(first)),
    };
    Ok(Statement::Show(show))
}

fn set_cluster_setting(tokens: &[Token]) -> Result<Statement, SqlError> {
    let is_sign = |token: &Token| *token == Token::Eq || word(token) == "to";
    let sign = tokens.iter().position(is_sign).ok_or_else(|| SqlError::syntax("EOF"))?;
    let value = match &tokens[sign + 1..] {
        [] => return Err(SqlError::syntax("EOF")),
        [token] if word(token) == "default" => None,
        rest => Some(rest.iter().map(literal).collect::<String>()),
    };
    Ok(Statement::SetClusterSetting { name: joined(&tokens[..sign]), value })
}

fn variable(name: &str, value: &[Token]) -> Statement {
    match value {
        [token] if word(token) == "default" => Statement::ResetVariable(name.to_owned()),
        _ => Statement::SetVariable {
            name: name.to_owned(),
            value: value
                .iter()
                .map(|token| if *token == Token::Comma { ", ".to_owned() } else { literal(token) })
                .collect(),
        },
    }
}

/// A word in lower case, or the sign itself.
fn word(token: &Token) -> String {
    match token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_lowercase(),
        Token::Word(word) => word.value.clone(),
        other => other.to_string(),
    }
}

/// A name or a value without its quotes.
fn literal(token: &Token) -> String {
    match token {
        Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) => text.clone(),
        other => word(other),
    }
}

fn joined(tokens: &[Token]) -> String {
    tokens.iter().map(literal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Statement {
        let mut all = parse(text).expect(text);
        assert_eq!(all.len(), 1, "{text}");
        all.remove(0)
    }

    #[test]
    fn the_databases_own_statements_are_read() {
        assert!(
            matches!(only("SHOW CLUSTER SETTING version"), Statement::Show(Show::ClusterSetting(name)) if name == "version")
        );
        assert!(matches!(
            only("set cluster setting cluster.organization = 'x y'"),
            Statement::SetClusterSetting { name, value: Some(value) } if name == "cluster.organization" && value == "x y"
        ));
        assert!(matches!(
            only("SHOW RANGES FROM DATABASE rid WITH DETAILS"),
            Statement::Show(Show::Ranges(RangesOf::Database(name))) if name == "rid"
        ));
        assert!(matches!(only("UPSERT INTO t VALUES (1)"), Statement::Upsert(_)));
        assert!(matches!(
            only("SET statement_timeout TO '3s'"),
            Statement::SetVariable { name, value } if name == "statement_timeout" && value == "3s"
        ));
    }

    #[test]
    fn a_text_may_hold_several_statements() {
        assert_eq!(parse("SELECT 1; SELECT ';' ;").map(|all| all.len()), Ok(2));
    }

    #[test]
    fn nonsense_is_a_syntax_error() {
        assert_eq!(parse("SELEC 1").map(|all| all.len()).map_err(|err| err.code), Err("42601"));
    }
}
