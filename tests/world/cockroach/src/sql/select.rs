//! Runs queries: everything in memory, nothing clever.

mod from;
mod order;

use from::from;
use order::{SortKey, sort, sort_keys, sort_output};
use sqlparser::ast::{
    self, Expr, GroupByExpr, LimitClause, OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, SetOperator, SetQuantifier,
};

use super::error::SqlError;

use super::expr::{self, Env, Params};

use super::function;

use super::names;

use super::relation::{Field, Relation};

use super::view::View;

use crate::state::datum::{Datum, Kind};

/// The result of a query. While only described, it has columns and no rows.
///
/// # Errors
///
/// What the database would say.
pub fn query(view: &View, params: &Params, query: &Query) -> Result<Relation, SqlError> {
    if query.with.is_some() {
        return Err(SqlError::unsupported("WITH"));
    }
    let order: &[ast::OrderByExpr] = match query.order_by.as_ref().map(|order| &order.kind) {
        None => &[],
        Some(OrderByKind::Expressions(order)) => order,
        Some(OrderByKind::All(_)) => return Err(SqlError::unsupported("ORDER BY ALL")),
    };
    let mut relation = body(view, params, &query.body, order)?;
    if let Some(limit) = &query.limit_clause {
        limit_rows(view, params, limit, &mut relation)?;
    }
    Ok(relation)
}

fn body(view: &View, params: &Params, body: &SetExpr, order: &[ast::OrderByExpr]) -> Result<Relation, SqlError> {
    match body {
        SetExpr::Select(select) => select_rows(view, params, select, order),
        SetExpr::Query(inner) if order.is_empty() => query(view, params, inner),
        SetExpr::Query(inner) => sort_output(view, params, query(view, params, inner)?, order),
        SetExpr::Values(values) => {
            let rows: Vec<&[Expr]> = values.rows.iter().map(|row| row.content.as_slice()).collect();
            values_rows(view, params, &rows)
        }
        SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier, right } => {
            let mut all = self::body(view, params, left, &[])?;
            let other = self::body(view, params, right, &[])?;
            if all.fields.len() != other.fields.len() {
                return Err(SqlError::new("42601", "each UNION query must have the same number of columns"));
            }
            all.rows.extend(other.rows);
            if *set_quantifier != SetQuantifier::All {
                distinct(&mut all.rows);
            }
            sort_output(view, params, all, order)
        }
        other => Err(SqlError::unsupported(other)),
    }
}

fn values_rows(view: &View, params: &Params, rows: &[&[Expr]]) -> Result<Relation, SqlError> {
    let env = Env { view, params, fields: &[], row: &[], group: None };
    let mut relation = Relation::default();
    for (index, item) in rows.first().copied().unwrap_or_default().iter().enumerate() {
        let kind = expr::kind(env, item, None)?;
        relation.fields.push(Field { table: None, name: format!("column{}", index + 1), kind });
    }
    if !params.describe {
        for row in rows {
            relation.rows.push(row.iter().map(|item| expr::value(env, item)).collect::<Result<_, _>>()?);
        }
    }
    Ok(relation)
}

/// The columns that a list of `RETURNING` makes of rows.
///
/// # Errors
///
/// What the database would say.
pub fn project(view: &View, params: &Params, source: &Relation, items: &[SelectItem]) -> Result<Relation, SqlError> {
    let env = Env { view, params, fields: &source.fields, row: &[], group: None };
    let (fields, outputs) = projection(env, items)?;
    let mut result = Relation { fields, rows: Vec::new() };
    for row in source.rows.iter().filter(|_| !params.describe) {
        let values = outputs.iter().map(|output| match output {
            Output::Column(position) => Ok(row[*position].clone()),
            Output::Expr(expr) => expr::value(Env { row, ..env }, expr),
        });
        result.rows.push(values.collect::<Result<_, _>>()?);
    }
    Ok(result)
}

/// The columns a projection gives.
enum Output<'a> {
    Column(usize),
    Expr(&'a Expr),
}

fn select_rows(
    view: &View,
    params: &Params,
    select: &Select,
    order: &[ast::OrderByExpr],
) -> Result<Relation, SqlError> {
    let source = from(view, params, &select.from)?;
    let env = Env { view, params, fields: &source.fields, row: &[], group: None };
    let (fields, outputs) = projection(env, &select.projection)?;
    if let Some(condition) = &select.selection {
        let found = expr::kind(env, condition, Some(Kind::Bool))?;
        if found != Kind::Bool {
            return Err(SqlError::new(
                "42804",
                format!("argument of WHERE must be type bool, not type {}", found.name()),
            ));
        }
    }
    let grouping: &[Expr] = match &select.group_by {
        GroupByExpr::Expressions(grouping, _) => grouping,
        GroupByExpr::All(_) => return Err(SqlError::unsupported("GROUP BY ALL")),
    };
    let keys = sort_keys(&fields, &outputs, order);
    for expr in grouping.iter().chain(&select.having).chain(keys.iter().filter_map(|(key, _)| key.input())) {
        expr::kind(env, expr, None)?;
    }
    let mut result = Relation { fields, rows: Vec::new() };
    if params.describe {
        return Ok(result);
    }
    let mut rows = Vec::new();
    for row in source.rows.clone() {
        let kept = match &select.selection {
            Some(condition) => expr::value(Env { row: &row, ..env }, condition)? == Datum::Bool(true),
            None => true,
        };
        if kept {
            rows.push(row);
        }
    }
    let aggregated = !grouping.is_empty()
        || outputs.iter().any(|output| matches!(output, Output::Expr(expr) if function::has_aggregate(expr)));
    let groups: Vec<Vec<Vec<Datum>>> =
        if aggregated { group(env, grouping, rows)? } else { rows.into_iter().map(|row| vec![row]).collect() };
    let mut sortable: Vec<(Vec<Datum>, Vec<Datum>)> = Vec::new();
    for members in &groups {
        let row: &[Datum] = members.first().map_or(&[], Vec::as_slice);
        let env = Env { row, group: aggregated.then_some(members), ..env };
        if let Some(having) = &select.having
            && expr::value(env, having)? != Datum::Bool(true)
        {
            continue;
        }
        let output = outputs
            .iter()
            .map(|output| match output {
                Output::Column(position) => Ok(row.get(*position).cloned().unwrap_or(Datum::Null)),
                Output::Expr(expr) => expr::value(env, expr),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let key = keys
            .iter()
            .map(|(key, _)| match key {
                SortKey::Output(position) => Ok(output[*position].clone()),
                SortKey::Input(expr) => expr::value(env, expr),
            })
            .collect::<Result<Vec<_>, _>>()?;
        sortable.push((key, output));
    }
    sort(&mut sortable, &keys);
    result.rows = sortable.into_iter().map(|(_, output)| output).collect();
    if select.distinct.is_some() {
        distinct(&mut result.rows);
    }
    Ok(result)
}

fn group(env: Env<'_>, grouping: &[Expr], rows: Vec<Vec<Datum>>) -> Result<Vec<Vec<Vec<Datum>>>, SqlError> {
    if grouping.is_empty() {
        return Ok(vec![rows]);
    }
    let mut groups: Vec<(Vec<Datum>, Vec<Vec<Datum>>)> = Vec::new();
    for row in rows {
        let key =
            grouping.iter().map(|expr| expr::value(Env { row: &row, ..env }, expr)).collect::<Result<Vec<_>, _>>()?;
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    Ok(groups.into_iter().map(|(_, members)| members).collect())
}

fn projection<'a>(env: Env<'_>, items: &'a [SelectItem]) -> Result<(Vec<Field>, Vec<Output<'a>>), SqlError> {
    let mut fields = Vec::new();
    let mut outputs = Vec::new();
    for item in items {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                fields.push(Field { table: None, name: column_name(expr), kind: expr::kind(env, expr, None)? });
                outputs.push(Output::Expr(expr));
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                fields.push(Field { table: None, name: names::ident(alias), kind: expr::kind(env, expr, None)? });
                outputs.push(Output::Expr(expr));
            }
            SelectItem::Wildcard(_) => {
                for (position, field) in env.fields.iter().enumerate() {
                    fields.push(field.clone());
                    outputs.push(Output::Column(position));
                }
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let table = names::last(name)?;
                let before = outputs.len();
                for (position, field) in env.fields.iter().enumerate() {
                    if field.table.as_deref() == Some(&table) {
                        fields.push(field.clone());
                        outputs.push(Output::Column(position));
                    }
                }
                if outputs.len() == before {
                    return Err(SqlError::new("42P01", format!("no data source named {table:?}")));
                }
            }
            other => return Err(SqlError::unsupported(other)),
        }
    }
    Ok((fields, outputs))
}

/// The name of a column without alias.
fn column_name(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => names::ident(name),
        Expr::CompoundIdentifier(parts) => parts.last().map(names::ident).unwrap_or_default(),
        Expr::Function(call) => names::last(&call.name).unwrap_or_default(),
        Expr::Cast { expr, data_type, .. } => match column_name(expr).as_str() {
            "?column?" => data_type.to_string().to_lowercase(),
            name => name.to_owned(),
        },
        Expr::Nested(inner) => column_name(inner),
        Expr::Case { .. } => "case".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        _ => "?column?".to_owned(),
    }
}

fn distinct(rows: &mut Vec<Vec<Datum>>) {
    let mut seen: Vec<Vec<Datum>> = Vec::new();
    rows.retain(|row| {
        let fresh = !seen.contains(row);
        if fresh {
            seen.push(row.clone());
        }
        fresh
    });
}

fn limit_rows(view: &View, params: &Params, limit: &LimitClause, relation: &mut Relation) -> Result<(), SqlError> {
    let LimitClause::LimitOffset { limit, offset, .. } = limit else { return Err(SqlError::syntax(",")) };
    let env = Env { view, params, fields: &[], row: &[], group: None };
    let count = |expr: &Expr| -> Result<usize, SqlError> {
        expr::kind(env, expr, Some(Kind::Int8))?;
        if params.describe {
            return Ok(0);
        }
        match expr::value(env, expr)? {
            Datum::Int(value) => usize::try_from(value).map_err(|_| SqlError::new("2201W", "negative value for LIMIT")),
            _ => Err(SqlError::new("42804", "argument of LIMIT must be type int")),
        }
    };
    if let Some(offset) = offset {
        let skip = count(&offset.value)?.min(relation.rows.len());
        relation.rows.drain(..skip);
    }
    if let Some(limit) = limit {
        relation.rows.truncate(count(limit)?);
    }
    Ok(())
}
