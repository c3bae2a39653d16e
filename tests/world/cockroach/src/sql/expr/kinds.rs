//! Types of expressions.

use sqlparser::ast::{self, BinaryOperator, Expr, UnaryOperator};

use super::{Env, literal, placeholder};
use crate::sql::error::SqlError;
use crate::sql::{function, names, select};
use crate::state::datum::Kind;

/// The type of an expression. A placeholder takes `hint` if nothing is known about it; unknown names are found here,
/// even when there is no row.
///
/// # Errors
///
/// `42703`, `42883` and their kin.
pub fn kind(env: Env<'_>, expr: &Expr, hint: Option<Kind>) -> Result<Kind, SqlError> {
    if let Some(index) = placeholder(expr) {
        return Ok(env.params.kind_of(index, hint));
    }
    if let Some(position) = env.column(expr) {
        return Ok(env.fields[position?].kind);
    }
    match expr {
        Expr::Nested(inner) => kind(env, inner, hint),
        Expr::Value(value) => literal(&value.value).map(|datum| datum.kind().or(hint).unwrap_or(Kind::Text)),
        Expr::Cast { expr, data_type, .. } => {
            let to = names::kind(data_type)?;
            kind(env, expr, Some(to))?;
            Ok(to)
        }
        Expr::TypedString(typed) => names::kind(&typed.data_type),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => kind(env, expr, Some(Kind::Bool)).map(|_| Kind::Bool),
        Expr::UnaryOp { expr, .. } => kind(env, expr, hint),
        Expr::BinaryOp { left, op, right } => binary_kind(env, left, op, right),
        Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsNotFalse(inner) => kind(env, inner, None).map(|_| Kind::Bool),
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
            pair(env, left, right).map(|_| Kind::Bool)
        }
        Expr::Between { expr, low, high, .. } => {
            let of = kind(env, expr, None)?;
            kind(env, low, Some(of))?;
            kind(env, high, Some(of)).map(|_| Kind::Bool)
        }
        Expr::Like { expr, pattern, .. } | Expr::ILike { expr, pattern, .. } => {
            kind(env, expr, Some(Kind::Text))?;
            kind(env, pattern, Some(Kind::Text)).map(|_| Kind::Bool)
        }
        Expr::In { expr, target, .. } => in_kind(env, expr, target),
        Expr::AnyOp { left, right, .. } => {
            let hint = match kind(env, left, None)? {
                Kind::Int8 | Kind::Int4 => Kind::IntArray,
                _ => Kind::TextArray,
            };
            kind(env, right, Some(hint)).map(|_| Kind::Bool)
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            let compared = operand.as_ref().map(|operand| kind(env, operand, None)).transpose()?;
            let mut result = hint;
            for when in conditions {
                kind(env, &when.condition, compared.or(Some(Kind::Bool)))?;
                let of = kind(env, &when.result, result)?;
                result = result.or(Some(of));
            }
            if let Some(otherwise) = else_result {
                let of = kind(env, otherwise, result)?;
                result = result.or(Some(of));
            }
            Ok(result.unwrap_or(Kind::Text))
        }
        Expr::Extract { expr, .. } => kind(env, expr, Some(Kind::TimestampTz)).map(|_| Kind::Float),
        Expr::Floor { expr, .. } | Expr::Ceil { expr, .. } => kind(env, expr, Some(Kind::Float)),
        Expr::Exists { subquery, .. } => select::query(env.view, env.params, subquery).map(|_| Kind::Bool),
        Expr::Subquery(query) => {
            let relation = select::query(env.view, env.params, query)?;
            relation.fields.first().map(|field| field.kind).ok_or_else(|| SqlError::syntax(")"))
        }
        Expr::Array(array) => {
            let of = array.elem.iter().map(|item| kind(env, item, None)).collect::<Result<Vec<_>, _>>()?;
            Ok(if of.first().is_some_and(|kind| kind.is_number()) { Kind::IntArray } else { Kind::TextArray })
        }
        Expr::Function(call) => function::kind(env, call, hint),
        other => Err(SqlError::unsupported(other)),
    }
}

fn pair(env: Env<'_>, left: &Expr, right: &Expr) -> Result<(Kind, Kind), SqlError> {
    if placeholder(left).is_some() {
        let right_kind = kind(env, right, None)?;
        return Ok((kind(env, left, Some(right_kind))?, right_kind));
    }
    let left_kind = kind(env, left, None)?;
    Ok((left_kind, kind(env, right, Some(left_kind))?))
}

fn binary_kind(env: Env<'_>, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Kind, SqlError> {
    match op {
        BinaryOperator::And | BinaryOperator::Or => {
            kind(env, left, Some(Kind::Bool))?;
            kind(env, right, Some(Kind::Bool)).map(|_| Kind::Bool)
        }
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq => {
            let (left_kind, right_kind) = pair(env, left, right)?;
            let comparable = left_kind == right_kind
                || (left_kind.is_number() && right_kind.is_number())
                || is_string(left)
                || is_string(right)
                || matches!(
                    (left_kind, right_kind),
                    (Kind::Timestamp | Kind::TimestampTz, Kind::Timestamp | Kind::TimestampTz)
                );
            if !comparable {
                let (left_name, right_name) = (left_kind.name(), right_kind.name());
                return Err(SqlError::new(
                    "22023",
                    format!("unsupported comparison operator: <{left_name}> {op} <{right_name}>"),
                ));
            }
            Ok(Kind::Bool)
        }
        BinaryOperator::StringConcat => {
            let (left_kind, _) = pair(env, left, right)?;
            Ok(if matches!(left_kind, Kind::TextArray | Kind::IntArray | Kind::Json) { left_kind } else { Kind::Text })
        }
        BinaryOperator::Arrow | BinaryOperator::HashArrow => pair(env, left, right).map(|_| Kind::Json),
        BinaryOperator::LongArrow | BinaryOperator::HashLongArrow => {
            kind(env, left, Some(Kind::Json))?;
            kind(env, right, Some(Kind::Text)).map(|_| Kind::Text)
        }
        BinaryOperator::Divide => {
            pair(env, left, right).map(|(of, _)| if of == Kind::Float { of } else { Kind::Decimal })
        }
        BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply | BinaryOperator::Modulo => {
            let (left_kind, right_kind) = pair(env, left, right)?;
            Ok(if matches!(right_kind, Kind::Float | Kind::Decimal) { right_kind } else { left_kind })
        }
        other => Err(SqlError::unsupported(format!("operator {other}"))),
    }
}

fn in_kind(env: Env<'_>, expr: &Expr, target: &ast::InTarget) -> Result<Kind, SqlError> {
    let of = kind(env, expr, None)?;
    match target {
        ast::InTarget::List(list) => {
            for item in list {
                kind(env, item, Some(of))?;
            }
        }
        ast::InTarget::Subquery(query) => drop(select::query(env.view, env.params, query)?),
        other => return Err(SqlError::unsupported(format!("{other:?}"))),
    }
    Ok(Kind::Bool)
}

fn is_string(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, ast::Value::SingleQuotedString(_) | ast::Value::Null))
}
