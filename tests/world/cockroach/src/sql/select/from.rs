//! The rows of a `FROM` clause.

use sqlparser::ast::{JoinConstraint, JoinOperator, TableFactor, TableWithJoins};

use super::query;
use crate::sql::error::SqlError;
use crate::sql::expr::{self, Env, Params};
use crate::sql::names;
use crate::sql::relation::Relation;
use crate::sql::view::View;
use crate::state::datum::{Datum, Kind};

/// The rows of a `FROM` clause; without one, a single row without columns.
pub(super) fn from(view: &View, params: &Params, tables: &[TableWithJoins]) -> Result<Relation, SqlError> {
    let mut all = Relation { fields: Vec::new(), rows: vec![Vec::new()] };
    for table in tables {
        let mut left = factor(view, params, &table.relation)?;
        for join in &table.joins {
            let right = factor(view, params, &join.relation)?;
            left = joined(view, params, left, right, &join.join_operator)?;
        }
        all = joined(view, params, all, left, &JoinOperator::CrossJoin(JoinConstraint::None))?;
    }
    Ok(all)
}

fn factor(view: &View, params: &Params, factor: &TableFactor) -> Result<Relation, SqlError> {
    match factor {
        TableFactor::Table { name, alias, args: None, .. } => {
            let known_as = match alias {
                Some(alias) => names::ident(&alias.name),
                None => names::last(name)?,
            };
            Ok(view.relation(name)?.named(&known_as))
        }
        TableFactor::Table { name, alias, args: Some(_), .. } => {
            let called = names::last(name)?;
            let known_as = alias.as_ref().map_or_else(|| called.clone(), |alias| names::ident(&alias.name));
            let rows = view.node.functions.get().and_then(|functions| functions(&called));
            Ok(rows.ok_or_else(|| SqlError::undefined_function(&called))?.named(&known_as))
        }
        TableFactor::Derived { subquery, alias, .. } => {
            let relation = query(view, params, subquery)?;
            Ok(match alias {
                Some(alias) => relation.named(&names::ident(&alias.name)),
                None => relation,
            })
        }
        TableFactor::NestedJoin { table_with_joins, .. } => from(view, params, std::slice::from_ref(table_with_joins)),
        other => Err(SqlError::unsupported(other)),
    }
}

fn joined(
    view: &View,
    params: &Params,
    left: Relation,
    right: Relation,
    operator: &JoinOperator,
) -> Result<Relation, SqlError> {
    let (constraint, outer) = match operator {
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) | JoinOperator::CrossJoin(constraint) => {
            (constraint, false)
        }
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (constraint, true),
        other => return Err(SqlError::unsupported(format!("{other:?}"))),
    };
    let using: Vec<String> = match constraint {
        JoinConstraint::Using(columns) => columns.iter().map(names::last).collect::<Result<_, _>>()?,
        _ => Vec::new(),
    };
    let env = |relation: &Relation| -> Result<Vec<usize>, SqlError> {
        let env = Env { view, params, fields: &relation.fields, row: &[], group: None };
        using.iter().map(|column| env.position(None, column)).collect()
    };
    let (left_keys, right_keys) = (env(&left)?, env(&right)?);
    // A column joined with USING appears once.
    let kept: Vec<usize> = (0..right.fields.len()).filter(|position| !right_keys.contains(position)).collect();
    let mut fields = left.fields.clone();
    fields.extend(kept.iter().map(|position| right.fields[*position].clone()));
    let condition = if let JoinConstraint::On(condition) = constraint { Some(condition) } else { None };
    if let Some(condition) = condition {
        expr::kind(Env { view, params, fields: &fields, row: &[], group: None }, condition, Some(Kind::Bool))?;
    }
    let mut result = Relation { fields, rows: Vec::new() };
    for left_row in &left.rows {
        let mut matched = false;
        for right_row in &right.rows {
            let equal = left_keys.iter().zip(&right_keys).all(|(left_key, right_key)| {
                expr::compare(&left_row[*left_key], &right_row[*right_key]) == Some(std::cmp::Ordering::Equal)
            });
            if !equal {
                continue;
            }
            let mut row = left_row.clone();
            row.extend(kept.iter().map(|position| right_row[*position].clone()));
            let env = Env { view, params, fields: &result.fields, row: &row, group: None };
            let holds = match condition {
                Some(condition) if !params.describe => expr::value(env, condition)? == Datum::Bool(true),
                _ => true,
            };
            if holds {
                matched = true;
                result.rows.push(row);
            }
        }
        if outer && !matched {
            let mut row = left_row.clone();
            row.extend(kept.iter().map(|_| Datum::Null));
            result.rows.push(row);
        }
    }
    Ok(result)
}
