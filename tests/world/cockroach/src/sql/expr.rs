//! Types and values of expressions.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Mutex;

use sqlparser::ast::{self, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator};

use super::error::SqlError;
use super::function;
use super::names;
use super::relation::Field;
use super::select;
use super::view::View;
use crate::state::datum::{Datum, Kind};

/// What the placeholders stand for.
#[derive(Debug, Default)]
pub struct Params {
    /// Types given by the client or found in the statement.
    kinds: Mutex<BTreeMap<usize, Kind>>,
    /// Values; empty while a statement is only described.
    pub values: Vec<Datum>,
    /// Only columns are wanted, no rows.
    pub describe: bool,
}

impl Params {
    /// For a statement that is only described.
    pub fn describing(kinds: BTreeMap<usize, Kind>) -> Self {
        Self { kinds: Mutex::new(kinds), values: Vec::new(), describe: true }
    }

    /// For a statement that runs with these values.
    pub fn with_values(values: Vec<Datum>, kinds: BTreeMap<usize, Kind>) -> Self {
        Self { kinds: Mutex::new(kinds), values, describe: false }
    }

    /// The types known so far.
    pub fn known(&self) -> BTreeMap<usize, Kind> {
        self.kinds.lock().expect("no holder panics").clone()
    }

    /// Takes over types found elsewhere.
    pub fn learn(&self, kinds: BTreeMap<usize, Kind>) {
        self.kinds.lock().expect("no holder panics").extend(kinds);
    }

    /// The type of a placeholder, which takes `hint` if nothing is known yet.
    fn kind_of(&self, index: usize, hint: Option<Kind>) -> Kind {
        let mut kinds = self.kinds.lock().expect("no holder panics");
        if let (None, Some(hint)) = (kinds.get(&index), hint) {
            kinds.insert(index, hint);
        }
        kinds.get(&index).copied().unwrap_or(Kind::Text)
    }
}

/// Where names are looked up, and in which rows.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    pub view: &'a View,
    pub params: &'a Params,
    pub fields: &'a [Field],
    pub row: &'a [Datum],
    /// The rows that an aggregate runs over.
    pub group: Option<&'a [Vec<Datum>]>,
}

impl Env<'_> {
    /// The position of a column.
    pub(crate) fn position(&self, table: Option<&str>, name: &str) -> Result<usize, SqlError> {
        let matches =
            |field: &Field| field.name == name && table.is_none_or(|table| field.table.as_deref() == Some(table));
        let mut found = self.fields.iter().enumerate().filter(|(_, field)| matches(field)).map(|(index, _)| index);
        let shown = || table.map_or_else(|| name.to_owned(), |table| format!("{table}.{name}"));
        let first = found.next().ok_or_else(|| SqlError::undefined_column(&shown()))?;
        if found.next().is_some() {
            return Err(SqlError::new("42702", format!("column reference {:?} is ambiguous", shown())));
        }
        Ok(first)
    }

    fn column(&self, expr: &Expr) -> Option<Result<usize, SqlError>> {
        match expr {
            Expr::Identifier(name) => Some(self.position(None, &names::ident(name))),
            Expr::CompoundIdentifier(parts) => {
                let (name, table) = parts.split_last()?;
                Some(self.position(table.last().map(names::ident).as_deref(), &names::ident(name)))
            }
            _ => None,
        }
    }
}

/// The number of a placeholder, from 0.
fn placeholder(expr: &Expr) -> Option<usize> {
    let Expr::Value(value) = expr else { return None };
    let ast::Value::Placeholder(text) = &value.value else { return None };
    text.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
}

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

/// A literal's value.
fn literal(value: &ast::Value) -> Result<Datum, SqlError> {
    Ok(match value {
        ast::Value::Null => Datum::Null,
        ast::Value::Boolean(value) => Datum::Bool(*value),
        ast::Value::SingleQuotedString(text)
        | ast::Value::EscapedStringLiteral(text)
        | ast::Value::DoubleQuotedString(text) => Datum::text(text),
        ast::Value::DollarQuotedString(text) => Datum::text(&text.value),
        ast::Value::Number(digits, _) => match digits.parse::<i64>() {
            Ok(number) => Datum::Int(number),
            Err(_) => Datum::Decimal(digits.parse().map_err(|_| SqlError::syntax(digits))?),
        },
        other => return Err(SqlError::unsupported(other)),
    })
}

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

/// The unnamed arguments of a call.
pub fn arguments(args: &FunctionArguments) -> Result<Vec<&Expr>, SqlError> {
    let FunctionArguments::List(list) = args else { return Ok(Vec::new()) };
    list.args
        .iter()
        .filter_map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(Ok(expr)),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => None,
            other => Some(Err(SqlError::unsupported(other))),
        })
        .collect()
}

/// Converts a value, as `::` does.
///
/// # Errors
///
/// `22P02` when the text is no such value, `42846` when there is no such cast.
pub fn cast(datum: &Datum, to: Kind) -> Result<Datum, SqlError> {
    datum.cast(to).ok_or_else(|| match datum {
        Datum::Text(text) => {
            let name = to.name();
            SqlError::new("22P02", format!("could not parse {text:?} as type {name}"))
        }
        other => {
            let from = other.kind().map_or("unknown", Kind::name);
            SqlError::new("42846", format!("invalid cast: {from} -> {}", to.name()))
        }
    })
}

/// Compares two values; a text is read as the other's type.
pub fn compare(left: &Datum, right: &Datum) -> Option<Ordering> {
    match (left, right) {
        (Datum::Text(_), Datum::Text(_)) => left.compare(right),
        (Datum::Text(_), other) => left.cast(other.kind()?)?.compare(right),
        (other, Datum::Text(_)) => left.compare(&right.cast(other.kind()?)?),
        _ => left.compare(right),
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
