//! Values of expressions.

use std::cmp::Ordering;

use sqlparser::ast::{self, BinaryOperator, Expr, UnaryOperator};

use super::{Env, cast, compare, literal, placeholder};
use crate::sql::error::SqlError;
use crate::sql::{function, names, select};
use crate::state::datum::{Datum, Kind};

/// The value of an expression in one row.
///
/// # Errors
///
/// What the database would say of values that do not fit.
pub fn value(env: Env<'_>, expr: &Expr) -> Result<Datum, SqlError> {
    if let Some(index) = placeholder(expr) {
        let missing = || SqlError::new("08P01", format!("no value provided for placeholder: ${}", index + 1));
        return env.params.values.get(index).cloned().ok_or_else(missing);
    }
    if let Some(position) = env.column(expr) {
        return Ok(env.row.get(position?).cloned().unwrap_or(Datum::Null));
    }
    match expr {
        Expr::Nested(inner) => value(env, inner),
        Expr::Value(inner) => literal(&inner.value),
        Expr::Cast { expr, data_type, .. } => cast(&value(env, expr)?, names::kind(data_type)?),
        Expr::TypedString(typed) => {
            let text = typed.value.value.clone().into_string().unwrap_or_default();
            cast(&Datum::Text(text), names::kind(&typed.data_type)?)
        }
        Expr::UnaryOp { op, expr } => unary(op, value(env, expr)?),
        Expr::BinaryOp { left, op, right } => binary(env, left, op, right),
        Expr::IsNull(inner) => Ok(Datum::Bool(value(env, inner)?.is_null())),
        Expr::IsNotNull(inner) => Ok(Datum::Bool(!value(env, inner)?.is_null())),
        Expr::IsTrue(inner) => Ok(Datum::Bool(value(env, inner)? == Datum::Bool(true))),
        Expr::IsFalse(inner) => Ok(Datum::Bool(value(env, inner)? == Datum::Bool(false))),
        Expr::IsNotTrue(inner) => Ok(Datum::Bool(value(env, inner)? != Datum::Bool(true))),
        Expr::IsNotFalse(inner) => Ok(Datum::Bool(value(env, inner)? != Datum::Bool(false))),
        Expr::IsDistinctFrom(left, right) => Ok(Datum::Bool(!same(&value(env, left)?, &value(env, right)?))),
        Expr::IsNotDistinctFrom(left, right) => Ok(Datum::Bool(same(&value(env, left)?, &value(env, right)?))),
        Expr::Between { expr, negated, low, high } => {
            let (at, low, high) = (value(env, expr)?, value(env, low)?, value(env, high)?);
            let inside = compare(&at, &low).zip(compare(&at, &high)).map(|(low, high)| low.is_ge() && high.is_le());
            Ok(inside.map_or(Datum::Null, |inside| Datum::Bool(inside != *negated)))
        }
        Expr::Like { negated, expr, pattern, .. } => like(env, *negated, expr, pattern, false),
        Expr::ILike { negated, expr, pattern, .. } => like(env, *negated, expr, pattern, true),
        Expr::In { expr, target, negated, .. } => is_in(env, expr, target, *negated),
        Expr::AnyOp { left, right, .. } => any(&value(env, left)?, &value(env, right)?),
        Expr::Case { operand, conditions, else_result, .. } => {
            let operand = operand.as_ref().map(|operand| value(env, operand)).transpose()?;
            for when in conditions {
                let condition = value(env, &when.condition)?;
                let holds = match &operand {
                    Some(operand) => compare(operand, &condition) == Some(Ordering::Equal),
                    None => condition == Datum::Bool(true),
                };
                if holds {
                    return value(env, &when.result);
                }
            }
            else_result.as_ref().map_or(Ok(Datum::Null), |otherwise| value(env, otherwise))
        }
        Expr::Extract { field: ast::DateTimeField::Epoch, expr, .. } => {
            Ok(value(env, expr)?.cast(Kind::Decimal).and_then(|value| value.cast(Kind::Float)).unwrap_or(Datum::Null))
        }
        Expr::Floor { expr, .. } => Ok(rounded(value(env, expr)?, f64::floor)),
        Expr::Ceil { expr, .. } => Ok(rounded(value(env, expr)?, f64::ceil)),
        Expr::Exists { subquery, negated } => {
            Ok(Datum::Bool(select::query(env.view, env.params, subquery)?.rows.is_empty() == *negated))
        }
        Expr::Subquery(query) => {
            let relation = select::query(env.view, env.params, query)?;
            if relation.rows.len() > 1 {
                return Err(SqlError::new("21000", "more than one row returned by a subquery used as an expression"));
            }
            Ok(relation.rows.into_iter().next().and_then(|row| row.into_iter().next()).unwrap_or(Datum::Null))
        }
        Expr::Array(array) => {
            let items = array.elem.iter().map(|item| value(env, item)).collect::<Result<Vec<_>, _>>()?;
            let numbers: Option<Vec<i64>> =
                items.iter().map(|item| if let Datum::Int(value) = item { Some(*value) } else { None }).collect();
            let texts = || items.iter().filter_map(Datum::render).collect();
            Ok(numbers.map_or_else(|| Datum::TextArray(texts()), Datum::IntArray))
        }
        Expr::Function(call) => function::value(env, call),
        other => Err(SqlError::unsupported(other)),
    }
}

fn same(left: &Datum, right: &Datum) -> bool {
    (left.is_null() && right.is_null()) || compare(left, right) == Some(Ordering::Equal)
}

fn unary(op: &UnaryOperator, value: Datum) -> Result<Datum, SqlError> {
    Ok(match (op, value) {
        (_, Datum::Null) => Datum::Null,
        (UnaryOperator::Not, Datum::Bool(value)) => Datum::Bool(!value),
        (UnaryOperator::Minus, Datum::Int(value)) => Datum::Int(-value),
        (UnaryOperator::Minus, Datum::Float(value)) => Datum::Float(-value),
        (UnaryOperator::Minus, Datum::Decimal(value)) => Datum::Decimal(-value),
        (UnaryOperator::Plus, value) => value,
        (op, value) => return Err(SqlError::unsupported(format!("{op} {value:?}"))),
    })
}

fn binary(env: Env<'_>, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Datum, SqlError> {
    let left = value(env, left)?;
    // A side that decides is enough.
    match (op, &left) {
        (BinaryOperator::And, Datum::Bool(false)) => return Ok(Datum::Bool(false)),
        (BinaryOperator::Or, Datum::Bool(true)) => return Ok(Datum::Bool(true)),
        _ => {}
    }
    let right = value(env, right)?;
    let compared =
        |holds: fn(Ordering) -> bool| compare(&left, &right).map_or(Datum::Null, |order| Datum::Bool(holds(order)));
    Ok(match op {
        BinaryOperator::And => match (&left, &right) {
            (_, Datum::Bool(false)) => Datum::Bool(false),
            (Datum::Bool(true), Datum::Bool(true)) => Datum::Bool(true),
            _ => Datum::Null,
        },
        BinaryOperator::Or => match (&left, &right) {
            (_, Datum::Bool(true)) => Datum::Bool(true),
            (Datum::Bool(false), Datum::Bool(false)) => Datum::Bool(false),
            _ => Datum::Null,
        },
        BinaryOperator::Eq => compared(Ordering::is_eq),
        BinaryOperator::NotEq => compared(Ordering::is_ne),
        BinaryOperator::Lt => compared(Ordering::is_lt),
        BinaryOperator::LtEq => compared(Ordering::is_le),
        BinaryOperator::Gt => compared(Ordering::is_gt),
        BinaryOperator::GtEq => compared(Ordering::is_ge),
        BinaryOperator::StringConcat => match (left.render(), right.render()) {
            (Some(left), Some(right)) => Datum::Text(left + &right),
            _ => Datum::Null,
        },
        BinaryOperator::Arrow => json_get(&left, &right).map_or(Datum::Null, Datum::Json),
        BinaryOperator::LongArrow => match json_get(&left, &right) {
            None | Some(serde_json::Value::Null) => Datum::Null,
            Some(serde_json::Value::String(text)) => Datum::Text(text),
            Some(other) => Datum::Json(other).render().map_or(Datum::Null, Datum::Text),
        },
        op => return arithmetic(&left, op, &right),
    })
}

fn arithmetic(left: &Datum, op: &BinaryOperator, right: &Datum) -> Result<Datum, SqlError> {
    if let (Datum::Int(left), Datum::Int(right)) = (left, right) {
        let whole = match op {
            BinaryOperator::Plus => left.checked_add(*right),
            BinaryOperator::Minus => left.checked_sub(*right),
            BinaryOperator::Multiply => left.checked_mul(*right),
            BinaryOperator::Modulo if *right != 0 => left.checked_rem(*right),
            BinaryOperator::Divide if *right != 0 => return Ok(Datum::Decimal(*left as f64 / *right as f64)),
            BinaryOperator::Divide | BinaryOperator::Modulo => return Err(SqlError::new("22012", "division by zero")),
            other => return Err(SqlError::unsupported(format!("operator {other}"))),
        };
        return whole.map(Datum::Int).ok_or_else(|| SqlError::new("22003", "integer out of range"));
    }
    let (Some(first), Some(second)) = (left.number(), right.number()) else { return Ok(Datum::Null) };
    let result = match op {
        BinaryOperator::Plus => first + second,
        BinaryOperator::Minus => first - second,
        BinaryOperator::Multiply => first * second,
        BinaryOperator::Divide if second != 0.0 => first / second,
        BinaryOperator::Divide => return Err(SqlError::new("22012", "division by zero")),
        other => return Err(SqlError::unsupported(format!("operator {other}"))),
    };
    let float = matches!(left, Datum::Float(_)) || matches!(right, Datum::Float(_));
    Ok(if float { Datum::Float(result) } else { Datum::Decimal(result) })
}

fn rounded(value: Datum, round: fn(f64) -> f64) -> Datum {
    match value {
        Datum::Float(value) => Datum::Float(round(value)),
        Datum::Decimal(value) => Datum::Decimal(round(value)),
        other => other,
    }
}

fn json_get(json: &Datum, key: &Datum) -> Option<serde_json::Value> {
    let Datum::Json(json) = json else { return None };
    match key {
        Datum::Text(key) => json.get(key).cloned(),
        Datum::Int(index) => json.get(usize::try_from(*index).ok()?).cloned(),
        _ => None,
    }
}

fn like(env: Env<'_>, negated: bool, expr: &Expr, pattern: &Expr, fold: bool) -> Result<Datum, SqlError> {
    let (text, pattern) = (value(env, expr)?.render(), value(env, pattern)?.render());
    let Some((mut text, mut pattern)) = text.zip(pattern) else { return Ok(Datum::Null) };
    if fold {
        text = text.to_lowercase();
        pattern = pattern.to_lowercase();
    }
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    Ok(Datum::Bool(matches(&text, &pattern) != negated))
}

fn matches(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| matches(&text[skip..], rest)),
        ['\\', letter, rest @ ..] => text.first() == Some(letter) && matches(&text[1..], rest),
        ['_', rest @ ..] => !text.is_empty() && matches(&text[1..], rest),
        [letter, rest @ ..] => text.first() == Some(letter) && matches(&text[1..], rest),
    }
}

fn is_in(env: Env<'_>, expr: &Expr, target: &ast::InTarget, negated: bool) -> Result<Datum, SqlError> {
    let at = value(env, expr)?;
    let candidates = match target {
        ast::InTarget::List(list) => list.iter().map(|item| value(env, item)).collect::<Result<Vec<_>, _>>()?,
        ast::InTarget::Subquery(query) => {
            let rows = select::query(env.view, env.params, query)?.rows;
            rows.into_iter().filter_map(|row| row.into_iter().next()).collect()
        }
        other => return Err(SqlError::unsupported(format!("{other:?}"))),
    };
    if at.is_null() {
        return Ok(Datum::Null);
    }
    if candidates.iter().any(|candidate| compare(&at, candidate) == Some(Ordering::Equal)) {
        return Ok(Datum::Bool(!negated));
    }
    let unknown = candidates.iter().any(Datum::is_null);
    Ok(if unknown { Datum::Null } else { Datum::Bool(negated) })
}

fn any(at: &Datum, list: &Datum) -> Result<Datum, SqlError> {
    let items: Vec<Datum> = match list {
        Datum::Null => return Ok(Datum::Null),
        Datum::IntArray(items) => items.iter().copied().map(Datum::Int).collect(),
        Datum::TextArray(items) => items.iter().map(Datum::text).collect(),
        other => return Err(SqlError::unsupported(format!("ANY of {other:?}"))),
    };
    Ok(Datum::Bool(items.iter().any(|item| compare(at, item) == Some(Ordering::Equal))))
}
