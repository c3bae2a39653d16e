//! Statements that one database has and another does not.

use super::error::SqlError;
use super::parse::{Show, Statement};
use crate::node::config::Dialect;

impl Dialect {
    /// Whether this database has such a statement.
    ///
    /// # Errors
    ///
    /// What a database that has not would say.
    pub fn admits(self, statement: &Statement) -> Result<(), SqlError> {
        if self == Self::Cockroach {
            return Ok(());
        }
        let foreign = match statement {
            Statement::Upsert(_) => Some("UPSERT"),
            Statement::Use(_) => Some("USE"),
            Statement::SetClusterSetting { .. } => Some("CLUSTER"),
            Statement::Show(Show::Variable(_)) => None,
            Statement::Show(_) => Some("SHOW"),
            Statement::Ast(statement) => {
                let text = statement.to_string();
                if text.contains("crdb_internal") {
                    return Err(SqlError::new("3F000", "schema \"crdb_internal\" does not exist"));
                }
                text.starts_with("CREATE DATABASE IF NOT EXISTS").then_some("NOT")
            }
            _ => None,
        };
        foreign.map_or(Ok(()), |word| Err(SqlError::new("42601", format!("syntax error at or near \"{word}\""))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse::parse;

    #[test]
    fn each_database_has_its_own_statements() {
        let code = |dialect: Dialect, text: &str| {
            parse(text).expect("well formed").iter().find_map(|one| dialect.admits(one).err()).map(|err| err.code)
        };
        for text in ["UPSERT INTO t VALUES (1)", "USE rid", "SHOW DATABASES", "CREATE DATABASE IF NOT EXISTS rid"] {
            assert_eq!(code(Dialect::Cockroach, text), None, "{text}");
            assert_eq!(code(Dialect::Yugabyte, text), Some("42601"), "{text}");
        }
        assert_eq!(code(Dialect::Yugabyte, "SELECT crdb_internal.cluster_id()"), Some("3F000"));
        assert_eq!(code(Dialect::Yugabyte, "CREATE DATABASE rid; SELECT 1; SHOW server_version"), None);
    }
}
