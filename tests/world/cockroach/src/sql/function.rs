//! Functions and aggregates.

use std::cmp::Ordering;

use sqlparser::ast::{self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments};
use uuid::Uuid;

use super::error::SqlError;
use super::expr::{self, Env};
use super::names;
use crate::state::datum::{Datum, Kind};

/// Whether an expression holds an aggregate.
pub fn has_aggregate(expr: &Expr) -> bool {
    match expr {
        Expr::Function(call) => {
            is_aggregate(call) || expr::arguments(&call.args).is_ok_and(|args| args.into_iter().any(has_aggregate))
        }
        Expr::Nested(inner)
        | Expr::Cast { expr: inner, .. }
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner) => has_aggregate(inner),
        Expr::BinaryOp { left, right, .. } => has_aggregate(left) || has_aggregate(right),
        Expr::Case { conditions, else_result, .. } => {
            conditions.iter().any(|when| has_aggregate(&when.condition) || has_aggregate(&when.result))
                || else_result.as_ref().is_some_and(|otherwise| has_aggregate(otherwise))
        }
        _ => false,
    }
}

fn is_aggregate(call: &ast::Function) -> bool {
    let name = call.name.to_string().to_lowercase();
    matches!(
        name.as_str(),
        "count" | "sum" | "min" | "max" | "avg" | "bool_and" | "bool_or" | "every" | "array_agg" | "string_agg"
    )
}

fn name_of(call: &ast::Function) -> Result<String, SqlError> {
    let name = names::parts(&call.name)?.join(".");
    Ok(name.strip_prefix("pg_catalog.").map_or(name.clone(), str::to_owned))
}

/// The type of a call.
///
/// # Errors
///
/// `42883` for an unknown function, and what is wrong with its arguments.
pub fn kind(env: Env<'_>, call: &ast::Function, hint: Option<Kind>) -> Result<Kind, SqlError> {
    let name = name_of(call)?;
    let args = expr::arguments(&call.args)?;
    let arg_hint = match name.as_str() {
        "split_part" | "lower" | "upper" | "length" | "char_length" | "concat" => Some(Kind::Text),
        "coalesce" | "ifnull" | "nullif" => hint,
        _ => None,
    };
    let kinds = args.iter().map(|arg| expr::kind(env, arg, arg_hint)).collect::<Result<Vec<_>, _>>()?;
    let first = kinds.first().copied();
    if name.starts_with("crdb_internal.") {
        env.view.check_internals()?;
    }
    Ok(match name.as_str() {
        "count" | "length" | "char_length" | "array_length" | "pg_backend_pid" | "crdb_internal.node_id" => Kind::Int8,
        "sum" => match first {
            Some(Kind::Float) => Kind::Float,
            _ => Kind::Decimal,
        },
        "avg" => {
            if first == Some(Kind::Float) {
                Kind::Float
            } else {
                Kind::Decimal
            }
        }
        "bool_and" | "bool_or" | "every" | "crdb_internal.is_admin" | "pg_is_in_recovery" => Kind::Bool,
        "array_agg" => {
            if first.is_some_and(Kind::is_number) {
                Kind::IntArray
            } else {
                Kind::TextArray
            }
        }
        "min" | "max" | "abs" | "round" | "greatest" | "least" | "coalesce" | "ifnull" | "nullif" => {
            // A NULL among the arguments says nothing about the type.
            let typed = args.iter().zip(&kinds).find(|(arg, _)| !is_null(arg)).map(|(_, kind)| *kind);
            typed.or(first).ok_or_else(|| SqlError::undefined_function(&name))?
        }
        "now" | "current_timestamp" | "transaction_timestamp" | "statement_timestamp" | "clock_timestamp" => {
            Kind::TimestampTz
        }
        "gen_random_uuid" | "uuid_generate_v4" | "crdb_internal.cluster_id" => Kind::Uuid,
        "random" => Kind::Float,
        "version"
        | "current_database"
        | "current_schema"
        | "current_user"
        | "session_user"
        | "user"
        | "split_part"
        | "lower"
        | "upper"
        | "concat"
        | "string_agg"
        | "current_setting"
        | "crdb_internal.node_executable_version"
        | "crdb_internal.cluster_name"
        | "crdb_internal.locality_value"
        | "pg_typeof" => Kind::Text,
        _ => return Err(SqlError::undefined_function(&name)),
    })
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == ast::Value::Null)
}

/// The value of a call in one row, or over the rows of a group.
///
/// # Errors
///
/// What the database would say.
pub fn value(env: Env<'_>, call: &ast::Function) -> Result<Datum, SqlError> {
    if is_aggregate(call) {
        let Some(group) = env.group else {
            return Err(SqlError::new("42803", format!("{}(): aggregate functions are not allowed here", call.name)));
        };
        return aggregate(env, call, group);
    }
    let name = name_of(call)?;
    let args = expr::arguments(&call.args)?;
    let args = args.into_iter().map(|arg| expr::value(env, arg)).collect::<Result<Vec<_>, _>>()?;
    let texts: Option<Vec<String>> = args.iter().map(Datum::render).collect();
    let view = env.view;
    Ok(match (name.as_str(), args.as_slice()) {
        ("version", _) => Datum::text(view.node.version_text()),
        ("now" | "current_timestamp" | "transaction_timestamp" | "statement_timestamp", _) => {
            Datum::TimestampTz(view.now / 1_000)
        }
        ("clock_timestamp", _) => Datum::TimestampTz(crate::clock::now_micros()),
        ("current_database", _) => Datum::text(&view.session.database),
        ("current_schema", _) => Datum::text("public"),
        ("current_user" | "session_user" | "user", _) => Datum::text(&view.session.user),
        ("gen_random_uuid" | "uuid_generate_v4", _) => Datum::Uuid(Uuid::new_v4()),
        ("random", _) => Datum::Float(f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)),
        ("pg_backend_pid", _) => Datum::Int(i64::from(view.session.id)),
        ("pg_is_in_recovery", _) => Datum::Bool(false),
        ("crdb_internal.is_admin", _) => Datum::Bool(view.session.user == "root"),
        ("crdb_internal.cluster_id", _) => view.identity().map_or(Datum::Null, |own| Datum::Uuid(own.cluster_id)),
        ("crdb_internal.node_id", _) => view.identity().map_or(Datum::Null, |own| Datum::Int(i64::from(own.node_id.0))),
        ("crdb_internal.node_executable_version", _) => Datum::text(view.node.build.version().to_string()),
        ("crdb_internal.cluster_name", _) => Datum::text(&view.node.config.cluster_name),
        ("crdb_internal.locality_value", [Datum::Text(key)]) => {
            let tier = view.node.config.locality.0.iter().find(|tier| tier.key == *key);
            tier.map_or(Datum::Null, |tier| Datum::text(&tier.value))
        }
        ("current_setting", [Datum::Text(name), ..]) => Datum::text(view.session.variable(name)?),
        ("pg_typeof", [value]) => value.kind().map_or(Datum::text("unknown"), |kind| Datum::text(kind.standard_name())),
        ("coalesce" | "ifnull", _) => args.iter().find(|arg| !arg.is_null()).cloned().unwrap_or(Datum::Null),
        ("nullif", [left, right]) => {
            if expr::compare(left, right) == Some(Ordering::Equal) {
                Datum::Null
            } else {
                left.clone()
            }
        }
        ("greatest", _) => extreme(&args, Ordering::Greater),
        ("least", _) => extreme(&args, Ordering::Less),
        ("concat", _) => Datum::Text(args.iter().filter_map(Datum::render).collect()),
        ("abs", [Datum::Int(value)]) => Datum::Int(value.abs()),
        ("abs", [Datum::Float(value)]) => Datum::Float(value.abs()),
        ("abs", [Datum::Decimal(value)]) => Datum::Decimal(value.abs()),
        ("round", [Datum::Float(value), ..]) => Datum::Float(value.round()),
        ("round", [Datum::Decimal(value), ..]) => Datum::Decimal(value.round()),
        ("round", [value, ..]) => value.clone(),
        ("array_length", [Datum::IntArray(items), ..]) => Datum::Int(i64::try_from(items.len()).unwrap_or(i64::MAX)),
        ("array_length", [Datum::TextArray(items), ..]) => Datum::Int(i64::try_from(items.len()).unwrap_or(i64::MAX)),
        (name, _) => {
            let Some(texts) = texts else { return Ok(Datum::Null) };
            text_function(name, &texts)?
        }
    })
}

fn text_function(name: &str, args: &[String]) -> Result<Datum, SqlError> {
    Ok(match (name, args) {
        ("lower", [text]) => Datum::Text(text.to_lowercase()),
        ("upper", [text]) => Datum::Text(text.to_uppercase()),
        ("length" | "char_length", [text]) => Datum::Int(i64::try_from(text.chars().count()).unwrap_or(i64::MAX)),
        ("split_part", [text, separator, field]) => {
            let field: usize =
                field.parse().map_err(|_| SqlError::new("22023", "field position must be greater than zero"))?;
            let part = text.split(separator.as_str()).nth(field.saturating_sub(1));
            Datum::text(part.unwrap_or_default())
        }
        _ => return Err(SqlError::undefined_function(name)),
    })
}

fn extreme(values: &[Datum], wanted: Ordering) -> Datum {
    let known = values.iter().filter(|value| !value.is_null());
    let best = known.reduce(|best, value| if expr::compare(value, best) == Some(wanted) { value } else { best });
    best.cloned().unwrap_or(Datum::Null)
}

fn aggregate(env: Env<'_>, call: &ast::Function, group: &[Vec<Datum>]) -> Result<Datum, SqlError> {
    let name = name_of(call)?;
    let args = expr::arguments(&call.args)?;
    let count = |n: usize| Datum::Int(i64::try_from(n).unwrap_or(i64::MAX));
    let Some(arg) = args.first() else {
        let star = matches!(&call.args, FunctionArguments::List(list)
            if list.args.iter().any(|arg| matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::Wildcard))));
        return if name == "count" && star { Ok(count(group.len())) } else { Err(SqlError::undefined_function(&name)) };
    };
    let mut values = Vec::new();
    for row in group {
        let kept = match &call.filter {
            Some(filter) => expr::value(Env { row, group: None, ..env }, filter)? == Datum::Bool(true),
            None => true,
        };
        if kept {
            values.push(expr::value(Env { row, group: None, ..env }, arg)?);
        }
    }
    values.retain(|value| !value.is_null());
    let distinct = matches!(&call.args, FunctionArguments::List(list)
        if list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct));
    if distinct {
        values.sort_by(Datum::sort_order);
        values.dedup();
    }
    if name == "count" {
        return Ok(count(values.len()));
    }
    if values.is_empty() {
        return Ok(Datum::Null);
    }
    let bools = || values.iter().map(|value| *value == Datum::Bool(true));
    let float = values.iter().any(|value| matches!(value, Datum::Float(_)));
    let number = |value: f64| if float { Datum::Float(value) } else { Datum::Decimal(value) };
    let sum: f64 = values.iter().filter_map(Datum::number).sum();
    Ok(match name.as_str() {
        "sum" => number(sum),
        "avg" => number(sum / values.len() as f64),
        "min" => extreme(&values, Ordering::Less),
        "max" => extreme(&values, Ordering::Greater),
        "bool_and" | "every" => Datum::Bool(bools().all(|value| value)),
        "bool_or" => Datum::Bool(bools().any(|value| value)),
        "array_agg" => {
            let numbers: Option<Vec<i64>> =
                values.iter().map(|value| if let Datum::Int(value) = value { Some(*value) } else { None }).collect();
            let texts = || values.iter().filter_map(Datum::render).collect();
            numbers.map_or_else(|| Datum::TextArray(texts()), Datum::IntArray)
        }
        "string_agg" => {
            let separator = args.get(1).map(|arg| expr::value(env, arg)).transpose()?.and_then(|value| value.render());
            let texts: Vec<String> = values.iter().filter_map(Datum::render).collect();
            Datum::Text(texts.join(&separator.unwrap_or_default()))
        }
        _ => return Err(SqlError::undefined_function(&name)),
    })
}
