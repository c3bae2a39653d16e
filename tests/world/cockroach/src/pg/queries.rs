//! Simple and extended queries.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{Sink, stream};
use pgwire::api::portal::{Format, Portal};
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::api::results::{
    DescribePortalResponse, DescribeStatementResponse, FieldInfo, QueryResponse, Response, Tag,
};
use pgwire::api::stmt::{QueryParser, StoredStatement};
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore, Type};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;

use super::encoding::{decode, encode_row, field, kind_of};
use super::{Handler, error};
use crate::node::config::Dialect;
use crate::sql::error::SqlError;
use crate::sql::expr::Params;
use crate::sql::parse::{Statement, parse};
use crate::sql::relation::Relation;
use crate::sql::{Answer, Description};
use crate::state::datum::Kind;

/// A prepared statement, with the parameter types the client gave.
#[derive(Debug, Clone)]
pub struct Prepared {
    statement: Arc<Statement>,
    given: BTreeMap<usize, Kind>,
}

/// Turns texts into statements.
#[derive(Debug, Clone, Copy)]
pub struct Reader(pub Dialect);

#[async_trait]
impl QueryParser for Reader {
    type Statement = Prepared;

    async fn parse_sql<C>(&self, _: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let mut statements = parse(sql)?;
        for statement in &statements {
            self.0.admits(statement)?;
        }
        if statements.len() > 1 {
            let text = "prepared statement had several statements";
            return Err(SqlError::new("42601", text).into());
        }
        let given =
            types.iter().enumerate().filter_map(|(index, given)| Some((index, kind_of(given.as_ref()?)?))).collect();
        Ok(statements.pop().map(|statement| Prepared { statement: Arc::new(statement), given }))
    }

    fn get_parameter_types(&self, _: &Prepared) -> PgWireResult<Vec<Type>> {
        Ok(Vec::new())
    }

    fn get_result_schema(&self, _: &Prepared, _: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        Ok(Vec::new())
    }
}

impl Handler {
    async fn run(&self, statement: &Statement, params: &Params) -> Result<Answer, SqlError> {
        let mut session = self.session.lock().await;
        let session = session.as_mut().ok_or_else(|| SqlError::new("08P01", "not authenticated"))?;
        session.execute(statement, params).await
    }

    async fn described(&self, prepared: &Prepared) -> Result<Description, SqlError> {
        let mut session = self.session.lock().await;
        let session = session.as_mut().ok_or_else(|| SqlError::new("08P01", "not authenticated"))?;
        session.describe(&prepared.statement, prepared.given.clone()).await
    }
}

#[async_trait]
impl SimpleQueryHandler for Handler {
    async fn do_query<C>(&self, _: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let mut responses = Vec::new();
        let statements = parse(query)?;
        for statement in &statements {
            self.node.config.dialect.admits(statement)?;
        }
        for statement in statements {
            match self.run(&statement, &Params::default()).await {
                Ok(answer) => responses.push(response(answer, &Format::UnifiedText)?),
                Err(err) => {
                    // What came before has happened and is told; what comes after does not happen.
                    responses.push(Response::Error(Box::new(error(&err))));
                    break;
                }
            }
        }
        Ok(responses)
    }
}

#[async_trait]
impl ExtendedQueryHandler for Handler {
    type Statement = Prepared;
    type QueryParser = Reader;

    fn query_parser(&self) -> Arc<Reader> {
        Arc::new(Reader(self.node.config.dialect))
    }

    async fn do_describe_statement<C>(
        &self,
        _: &mut C,
        target: &StoredStatement<Prepared>,
    ) -> PgWireResult<DescribeStatementResponse>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let description = self.described(&target.statement).await?;
        let types = description.params.iter().map(|kind| super::encoding::type_of(*kind)).collect();
        let fields = description.fields.iter().map(|column| field(column, &Format::UnifiedText, 0)).collect();
        Ok(DescribeStatementResponse::new(types, fields))
    }

    async fn do_describe_portal<C>(&self, _: &mut C, target: &Portal<Prepared>) -> PgWireResult<DescribePortalResponse>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let description = self.described(&target.statement.statement).await?;
        let format = &target.result_column_format;
        let fields = description.fields.iter().enumerate().map(|(index, column)| field(column, format, index));
        Ok(DescribePortalResponse::new(fields.collect()))
    }

    async fn do_query<C>(&self, _: &mut C, portal: &Portal<Prepared>, _: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &portal.statement.statement;
        let kinds = if portal.parameters.is_empty() { Vec::new() } else { self.described(prepared).await?.params };
        let mut values = Vec::new();
        for (index, bytes) in portal.parameters.iter().enumerate() {
            let kind = kinds.get(index).copied().unwrap_or(Kind::Text);
            values.push(decode(bytes.as_deref(), kind, portal.parameter_format.is_binary(index))?);
        }
        let known = kinds.into_iter().enumerate().collect();
        let answer = self.run(&prepared.statement, &Params::with_values(values, known)).await?;
        response(answer, &portal.result_column_format)
    }
}

fn response(answer: Answer, format: &Format) -> PgWireResult<Response> {
    Ok(match answer {
        Answer::Done { tag, n_rows } => {
            let tag = Tag::new(&tag);
            Response::Execution(match n_rows {
                Some(n_rows) => tag.with_rows(n_rows),
                None => tag,
            })
        }
        Answer::Begun => Response::TransactionStart(Tag::new("BEGIN")),
        Answer::Ended(tag) => Response::TransactionEnd(Tag::new(tag)),
        Answer::Rows(Relation { fields, rows }, tag) => {
            let infos: Vec<FieldInfo> =
                fields.iter().enumerate().map(|(index, column)| field(column, format, index)).collect();
            let encoded: Vec<_> = rows.iter().map(|row| encode_row(row, &fields, format)).collect();
            let mut response = QueryResponse::new(Arc::new(infos), stream::iter(encoded));
            response.set_command_tag(tag);
            Response::Query(response)
        }
    })
}
