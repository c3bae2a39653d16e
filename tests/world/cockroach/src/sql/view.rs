//! What one statement looks at: a moment of the shared state, and the session it runs in.
//!
//! A statement runs first on this node's own copy. If it then turns out to have looked at anything that needs a
//! majority, it runs again on a copy that is current ([`View::touched`] tells).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::SqlError;
use super::relation::Relation;
use super::vars::Variables;
use super::{builtin, names};
use crate::build_info::Version;
use crate::node::Node;
use crate::state::ClusterState;
use crate::state::catalog::{Catalog, Table, TableName};
use crate::state::txn::Read;
use crate::store::Identity;

/// From this release on, internals are closed unless a session opens them.
const CLOSED_INTERNALS: Version = Version { major: 26, minor: 1 };

/// A moment.
pub struct View {
    pub node: Arc<Node>,
    pub session: Variables,
    pub state: Option<Arc<ClusterState>>,
    /// As the state's, with the open transaction's own changes.
    pub catalog: Arc<Catalog>,
    /// Nanoseconds since 1970.
    pub now: i64,
    /// `SHOW` may look where `SELECT` may not.
    pub exempt: bool,
    touched: RefCell<Touched>,
}

/// What a statement looked at.
#[derive(Debug, Default, Clone)]
pub struct Touched {
    /// Something that only a majority knows for sure.
    pub shared: bool,
    /// Tables with number and version, `None` for those that do not exist.
    pub tables: BTreeMap<TableName, Option<(u32, u64)>>,
    pub databases: BTreeMap<String, bool>,
    /// The ranges of the system, as `crdb_internal.kv_*` reads them.
    pub system: bool,
}

impl View {
    /// A view of `state`, with the transaction's catalog if one is open.
    pub fn new(
        node: Arc<Node>,
        session: Variables,
        state: Option<Arc<ClusterState>>,
        catalog: Option<Arc<Catalog>>,
        exempt: bool,
    ) -> Self {
        let catalog = catalog.or_else(|| state.as_ref().map(|state| Arc::clone(&state.catalog))).unwrap_or_default();
        let now = crate::clock::now_nanos();
        Self { node, session, state, catalog, now, exempt, touched: RefCell::default() }
    }

    /// Who this node is.
    pub fn identity(&self) -> Option<&Identity> {
        self.node.identity()
    }

    /// What was looked at so far.
    pub fn touched(&self) -> Touched {
        self.touched.borrow().clone()
    }

    /// Notes that something shared was looked at, in the system's own ranges if `system`.
    pub fn touch_shared(&self, system: bool) {
        let mut touched = self.touched.borrow_mut();
        touched.shared = true;
        touched.system |= system;
    }

    /// Looks a database up.
    pub fn has_database(&self, name: &str) -> bool {
        let exists = self.catalog.database(name).is_some();
        let mut touched = self.touched.borrow_mut();
        touched.shared = true;
        touched.databases.insert(name.to_owned(), exists);
        exists
    }

    /// Looks a user table up.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        let found = self.catalog.table(name);
        let mut touched = self.touched.borrow_mut();
        touched.shared = true;
        touched.tables.insert(name.clone(), found.map(|table| (table.id, table.version)));
        found
    }

    /// What a name in a statement means: a table of the current database, or of the one named.
    ///
    /// # Errors
    ///
    /// For names with too many parts or an unknown schema.
    pub fn resolve(&self, name: &sqlparser::ast::ObjectName) -> Result<TableName, SqlError> {
        let parts = names::parts(name)?;
        let current = || self.session.database.clone();
        let (database, table) = match parts.as_slice() {
            [table] => (current(), table),
            [schema, table] if schema == "public" => (current(), table),
            [database, table] => (database.clone(), table),
            [database, schema, table] if schema == "public" => (database.clone(), table),
            _ => return Err(SqlError::undefined_table(&parts.join("."))),
        };
        Ok(TableName { database, table: table.clone() })
    }

    /// The rows a name in `FROM` stands for.
    ///
    /// # Errors
    ///
    /// `42P01`, `3D000`, or `42501` where internals are closed.
    pub fn relation(&self, name: &sqlparser::ast::ObjectName) -> Result<Relation, SqlError> {
        let parts = names::parts(name)?;
        if let Some(relation) = builtin::relation(self, &parts)? {
            return Ok(relation);
        }
        let full = self.resolve(name)?;
        let shown = parts.join(".");
        let explicit = parts.len() > 1 && parts[0] != "public";
        if explicit && !self.has_database(&full.database) {
            return Err(SqlError::undefined_table(&shown));
        }
        let table = self.table(&full).ok_or_else(|| SqlError::undefined_table(&shown))?;
        let columns: Vec<_> = table.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
        let mut relation = Relation::with_columns(&columns);
        relation.rows = table.rows().into_iter().map(|(_, row)| row.clone()).collect();
        Ok(relation)
    }

    /// Whether this session may look at internals.
    ///
    /// # Errors
    ///
    /// `42501` if not.
    pub fn check_internals(&self) -> Result<(), SqlError> {
        let closed = self.node.build.version() >= CLOSED_INTERNALS && !self.session.unsafe_internals();
        if closed && !self.exempt { Err(SqlError::unsafe_internals()) } else { Ok(()) }
    }
}

impl Touched {
    /// What a transaction relies on.
    pub fn reads(&self) -> Vec<Read> {
        let tables = self.tables.iter().map(|(name, seen)| Read::Table { name: name.clone(), seen: *seen });
        let databases =
            self.databases.iter().map(|(name, exists)| Read::Database { name: name.clone(), exists: *exists });
        tables.chain(databases).collect()
    }
}
