//! `ORDER BY`.

use sqlparser::ast::{self, Expr};

use super::Output;
use crate::sql::error::SqlError;
use crate::sql::expr::{self, Env, Params};
use crate::sql::names;
use crate::sql::relation::{Field, Relation};
use crate::sql::view::View;
use crate::state::datum::Datum;

pub(super) enum SortKey<'a> {
    Output(usize),
    Input(&'a Expr),
}

impl<'a> SortKey<'a> {
    pub(super) fn input(&self) -> Option<&'a Expr> {
        match self {
            Self::Input(expr) => Some(expr),
            Self::Output(_) => None,
        }
    }
}

/// A sort key and whether it runs downwards.
pub(super) type Keys<'a> = Vec<(SortKey<'a>, bool)>;

pub(super) fn sort_keys<'a>(fields: &[Field], outputs: &[Output<'_>], order: &'a [ast::OrderByExpr]) -> Keys<'a> {
    order
        .iter()
        .map(|item| {
            let by_name = match &item.expr {
                Expr::Identifier(name) => fields.iter().position(|field| field.name == names::ident(name)),
                Expr::Value(value) => match &value.value {
                    ast::Value::Number(digits, _) => {
                        digits.parse::<usize>().ok().and_then(|ordinal| ordinal.checked_sub(1))
                    }
                    _ => None,
                },
                _ => None,
            };
            let key = match by_name.filter(|position| *position < outputs.len()) {
                Some(position) => SortKey::Output(position),
                None => SortKey::Input(&item.expr),
            };
            (key, matches!(item.options.sort, Some(ast::OrderBySort::Desc)))
        })
        .collect()
}

pub(super) fn sort(rows: &mut [(Vec<Datum>, Vec<Datum>)], keys: &Keys<'_>) {
    rows.sort_by(|(left, _), (right, _)| {
        let orders = left.iter().zip(right).zip(keys).map(|((left, right), (_, down))| {
            let order = left.sort_order(right);
            if *down { order.reverse() } else { order }
        });
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
}

pub(super) fn sort_output(
    view: &View,
    params: &Params,
    mut relation: Relation,
    order: &[ast::OrderByExpr],
) -> Result<Relation, SqlError> {
    let outputs: Vec<Output<'_>> = (0..relation.fields.len()).map(Output::Column).collect();
    let keys = sort_keys(&relation.fields, &outputs, order);
    let mut rows = Vec::new();
    for row in std::mem::take(&mut relation.rows) {
        let env = Env { view, params, fields: &relation.fields, row: &row, group: None };
        let key = keys
            .iter()
            .map(|(key, _)| match key {
                SortKey::Output(position) => Ok(row[*position].clone()),
                SortKey::Input(expr) => expr::value(env, expr),
            })
            .collect::<Result<Vec<_>, _>>()?;
        rows.push((key, row));
    }
    sort(&mut rows, &keys);
    relation.rows = rows.into_iter().map(|(_, row)| row).collect();
    Ok(relation)
}
