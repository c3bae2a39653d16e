//! SQL over the shared state: a parser, and relations in memory.

pub mod builtin;
pub mod dialect;
pub mod error;
pub mod expr;
pub mod function;
pub mod names;
pub mod parse;
pub mod relation;
pub mod select;
pub mod setting;
pub mod show;
pub mod slot;
pub mod txn;
pub mod vars;
pub mod view;
pub mod write;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use sqlparser::ast;

use crate::node::Node;
use crate::state::datum::Kind;
use error::SqlError;
use expr::Params;
use parse::Statement;
use relation::{Field, Relation};
use slot::Slot;
use txn::{OpenTxn, Wait};
use vars::Variables;
use view::View;
use write::Effect;

/// One client's session.
pub struct Session {
    pub vars: Variables,
    node: Arc<Node>,
    txn: Option<OpenTxn>,
    /// Held while a transaction is open.
    slot: Option<Slot>,
}

/// What a statement answers.
#[derive(Debug)]
pub enum Answer {
    Rows(Relation, &'static str),
    Done {
        tag: String,
        n_rows: Option<usize>,
    },
    /// A transaction begins.
    Begun,
    /// A transaction ends, with this tag.
    Ended(&'static str),
}

/// What a statement will answer, and what it takes.
#[derive(Debug, Default)]
pub struct Description {
    pub params: Vec<Kind>,
    pub fields: Vec<Field>,
}

impl Session {
    /// A session of `vars.user` on this node.
    pub fn new(node: Arc<Node>, vars: Variables) -> Self {
        Self { vars, node, txn: None, slot: None }
    }

    /// Runs one statement.
    ///
    /// # Errors
    ///
    /// What the client is told. An open transaction is aborted by it.
    pub async fn execute(&mut self, statement: &Statement, params: &Params) -> Result<Answer, SqlError> {
        if let Some(answer) = self.boundary(statement).await? {
            return Ok(answer);
        }
        if self.txn.as_ref().is_some_and(|txn| txn.failed) {
            return Err(SqlError::aborted());
        }
        let outcome = self.run_statement(statement, params).await;
        if let (Err(_), Some(txn)) = (&outcome, &mut self.txn) {
            txn.failed = true;
        }
        outcome
    }

    /// `BEGIN`, `COMMIT` and their kin.
    async fn boundary(&mut self, statement: &Statement) -> Result<Option<Answer>, SqlError> {
        let Statement::Ast(statement) = statement else { return Ok(None) };
        Ok(Some(match statement.as_ref() {
            ast::Statement::StartTransaction { .. } => {
                if self.txn.is_some() {
                    return Err(SqlError::new("25001", "there is already a transaction in progress"));
                }
                self.slot = Some(Slot::take(&self.node)?);
                self.txn = Some(OpenTxn::default());
                Answer::Begun
            }
            ast::Statement::Commit { .. } => match self.close() {
                None => Answer::Ended("COMMIT"),
                Some(txn) if txn.failed => Answer::Ended("ROLLBACK"),
                Some(txn) => {
                    let wait = self.wait();
                    match txn.commit(&self.node, &wait).await? {
                        true => Answer::Ended("COMMIT"),
                        false => return Err(SqlError::restart()),
                    }
                }
            },
            ast::Statement::Rollback { savepoint: None, .. } => {
                drop(self.close());
                Answer::Ended("ROLLBACK")
            }
            _ => return Ok(None),
        }))
    }

    /// The open transaction, which is no longer counted.
    fn close(&mut self) -> Option<OpenTxn> {
        self.slot = None;
        self.txn.take()
    }

    /// Whether a transaction is open.
    pub fn in_transaction(&self) -> bool {
        self.txn.is_some()
    }

    async fn run_statement(&mut self, statement: &Statement, params: &Params) -> Result<Answer, SqlError> {
        match statement {
            Statement::Nothing(tag) => Ok(done(tag)),
            Statement::SetVariable { name, value } if name.eq_ignore_ascii_case("database") => self.switch(value).await,
            Statement::Use(database) => self.switch(database).await,
            Statement::SetVariable { name, value } => self.vars.set(name, value).map(|()| done("SET")),
            Statement::ResetVariable(name) => self.vars.reset(name).map(|()| done("RESET")),
            Statement::SetClusterSetting { name, value } => self.set_cluster_setting(name, value.as_deref()).await,
            Statement::Show(show) => {
                let relation = self.look(true, |view| show::show(view, show)).await?;
                Ok(Answer::Rows(relation, "SHOW"))
            }
            Statement::Ast(statement) => match statement.as_ref() {
                ast::Statement::Query(query) => {
                    let relation = self.look(false, |view| select::query(view, params, query)).await?;
                    Ok(Answer::Rows(relation, "SELECT"))
                }
                ast::Statement::Savepoint { .. } => Ok(done("SAVEPOINT")),
                ast::Statement::ReleaseSavepoint { .. } => Ok(done("RELEASE")),
                other => self.change(other, params, false).await,
            },
            Statement::Upsert(statement) => self.change(statement, params, true).await,
        }
    }

    /// What a statement takes and answers, without running it.
    ///
    /// # Errors
    ///
    /// What the client is told.
    pub async fn describe(
        &mut self,
        statement: &Statement,
        kinds: BTreeMap<usize, Kind>,
    ) -> Result<Description, SqlError> {
        let params = Params::describing(kinds);
        let fields = match statement {
            Statement::Show(show) => self.look(true, |view| show::show(view, show)).await?.fields,
            Statement::Ast(statement) => match statement.as_ref() {
                ast::Statement::Query(query) => {
                    self.look(false, |view| select::query(view, &params, query)).await?.fields
                }
                other => self.describe_change(other, &params, false).await?,
            },
            Statement::Upsert(statement) => self.describe_change(statement, &params, true).await?,
            _ => Vec::new(),
        };
        let known = params.known();
        let n_params = known.keys().last().map_or(0, |last| last + 1).max(placeholders(statement));
        let params = (0..n_params).map(|index| known.get(&index).copied().unwrap_or(Kind::Text)).collect();
        Ok(Description { params, fields })
    }

    async fn describe_change(
        &mut self,
        statement: &ast::Statement,
        params: &Params,
        upsert: bool,
    ) -> Result<Vec<Field>, SqlError> {
        if !matches!(statement, ast::Statement::Insert(_) | ast::Statement::Update(_) | ast::Statement::Delete(_)) {
            return Ok(Vec::new());
        }
        let effect = self.look(false, |view| write::effect(view, params, statement, upsert)).await?;
        Ok(effect.and_then(|effect| effect.returned).map(|returned| returned.fields).unwrap_or_default())
    }

    async fn switch(&mut self, database: &str) -> Result<Answer, SqlError> {
        let exists = self.look(false, |view| Ok(view.has_database(database))).await?;
        if !exists {
            return Err(SqlError::undefined_database(database));
        }
        self.vars.database = database.to_owned();
        Ok(done("SET"))
    }

    async fn set_cluster_setting(&mut self, name: &str, value: Option<&str>) -> Result<Answer, SqlError> {
        if self.vars.user != "root" {
            return Err(SqlError::new(
                "42501",
                format!(
                    "only users with the MODIFYCLUSTERSETTING privilege are allowed to set cluster setting '{name}'"
                ),
            ));
        }
        if self.txn.is_some() {
            return Err(SqlError::new(
                "25001",
                "SET CLUSTER SETTING cannot be used inside a multi-statement transaction",
            ));
        }
        let current = self.look(true, |view| {
            view.touch_shared(true);
            Ok(builtin::kv::setting(view, name))
        });
        current.await?.ok_or_else(|| SqlError::new("42704", format!("unknown cluster setting '{name}'")))?;
        let command = setting::command(&self.node, name, value)?;
        let wait = self.wait();
        txn::propose(&self.node, command, &wait).await?;
        Ok(done("SET CLUSTER SETTING"))
    }

    async fn change(&mut self, statement: &ast::Statement, params: &Params, upsert: bool) -> Result<Answer, SqlError> {
        let wait = self.wait();
        let _alone = if self.txn.is_none() { Some(Slot::take(&self.node)?) } else { None };
        loop {
            let work = |view: &View| {
                let effect = write::effect(view, params, statement, upsert)?;
                effect.ok_or_else(|| SqlError::unsupported(statement))
            };
            if let Some(txn) = &mut self.txn {
                let effect = txn.run(&self.node, &self.vars, &wait, work).await?;
                return Ok(answer_of(effect));
            }
            // Alone, a statement is a transaction, and may be tried again when it lost a race.
            let mut alone = OpenTxn::default();
            let effect = alone.run(&self.node, &self.vars, &wait, work).await?;
            if alone.commit(&self.node, &wait).await? {
                return Ok(answer_of(effect));
            }
            if Instant::now() >= wait.deadline {
                return Err(SqlError::restart());
            }
        }
    }

    /// Runs a read: in the open transaction, or at the present.
    async fn look<T>(&mut self, exempt: bool, work: impl Fn(&View) -> Result<T, SqlError>) -> Result<T, SqlError> {
        let wait = self.wait();
        match &mut self.txn {
            Some(txn) => txn.look(&self.node, &self.vars, exempt, &wait, work).await,
            None => OpenTxn::default().look(&self.node, &self.vars, exempt, &wait, work).await,
        }
    }

    fn wait(&self) -> Wait {
        let now = Instant::now();
        match self.vars.statement_timeout() {
            Some(limit) => Wait { deadline: now + limit, by_client: true },
            None => Wait { deadline: now + self.node.breaker(), by_client: false },
        }
    }
}

fn done(tag: &str) -> Answer {
    Answer::Done { tag: tag.to_owned(), n_rows: None }
}

fn answer_of(effect: Effect) -> Answer {
    let Effect { tag, n_rows, returned, .. } = effect;
    match returned {
        Some(relation) if tag.starts_with("INSERT") => Answer::Rows(relation, "INSERT 0"),
        Some(relation) if tag == "UPDATE" => Answer::Rows(relation, "UPDATE"),
        Some(relation) => Answer::Rows(relation, "DELETE"),
        None => Answer::Done { tag, n_rows },
    }
}

/// How many placeholders a statement has, by its highest number.
fn placeholders(statement: &Statement) -> usize {
    let text = match statement {
        Statement::Ast(statement) | Statement::Upsert(statement) => statement.to_string(),
        _ => return 0,
    };
    let numbers = text.split('$').skip(1).map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().unwrap_or(0)
    });
    numbers.max().unwrap_or(0)
}
