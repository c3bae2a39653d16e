//! Values: literals, and what literals are made into.

use std::ops::Range;

use hcl_edit::{
    Number, Span as _,
    expr::{Array, Expression, Object, ObjectKey, UnaryOperator},
    template::Element,
};
use serde_json::{Map, Value};

use crate::{document::Reader, document::join, finding::Finding, source::Place};

impl Reader {
    /// Turns a literal into JSON. Anything that would have to be computed is a finding.
    pub(super) fn literal(&mut self, expression: &Expression, pointer: &str) -> Option<Value> {
        let span = expression.span().unwrap_or_else(|| self.places[pointer].value.clone());
        match expression {
            Expression::Null(_) => Some(Value::Null),
            Expression::Bool(value) => Some((**value).into()),
            Expression::Number(value) => number(value.value()),
            Expression::String(value) => Some(value.as_str().into()),
            Expression::Array(array) => self.array(array, pointer),
            Expression::Object(object) => self.object(object, pointer),
            Expression::Parenthesis(inner) => self.literal(inner.inner(), pointer),
            Expression::StringTemplate(template) => self.text(template.iter(), &span),
            Expression::HeredocTemplate(heredoc) => self.text(heredoc.template.iter(), &span),
            Expression::UnaryOp(operation) => {
                match (operation.operator.value(), self.literal(&operation.expr, pointer)?) {
                    (UnaryOperator::Neg, Value::Number(number)) => negative(&number),
                    _ => self.refuse(&span, "an operator"),
                }
            }
            Expression::Variable(_) => self.refuse(&span, "a variable"),
            Expression::Conditional(_) => self.refuse(&span, "a condition"),
            Expression::FuncCall(_) => self.refuse(&span, "a function call"),
            Expression::Traversal(_) => self.refuse(&span, "a reference"),
            Expression::BinaryOp(_) => self.refuse(&span, "an operator"),
            Expression::ForExpr(_) => self.refuse(&span, "a `for` expression"),
        }
    }

    fn array(&mut self, array: &Array, pointer: &str) -> Option<Value> {
        let mut values = Some(Vec::new());
        for (i, expression) in array.iter().enumerate() {
            let at = join(pointer, &i.to_string());
            let span = expression.span().unwrap_or_else(|| self.places[pointer].value.clone());
            self.places.insert(at.clone(), Place::both(span));
            // Goes on after a finding, to find the next one too.
            let value = self.literal(expression, &at);
            values = values.zip(value).map(|(mut values, value)| {
                values.push(value);
                values
            });
        }
        values.map(Value::Array)
    }

    fn object(&mut self, object: &Object, pointer: &str) -> Option<Value> {
        let mut map = Some(Map::new());
        for (key, value) in object {
            let around = || self.places[pointer].value.clone();
            let (name, key) = match key {
                ObjectKey::Ident(ident) => (Some(ident.as_str().to_owned()), ident.span().unwrap_or_else(around)),
                ObjectKey::Expression(expression) => {
                    (expression.as_str().map(ToOwned::to_owned), expression.span().unwrap_or_else(around))
                }
            };
            let Some(name) = name else {
                self.refuse(&key, "a computed key");
                map = None;
                continue;
            };
            let at = join(pointer, &name);
            if map.as_ref().is_some_and(|map| map.contains_key(&name)) {
                self.twice(&format!("`{name}`"), &key, &at);
                continue;
            }
            let span = value.expr().span().unwrap_or_else(|| key.clone());
            self.places.insert(at.clone(), Place { key, value: span });
            let value = self.literal(value.expr(), &at);
            map = map.zip(value).map(|(mut map, value)| {
                map.insert(name, value);
                map
            });
        }
        map.map(Value::Object)
    }

    /// Joins the pieces of a text that holds nothing but text.
    fn text<'a>(&mut self, elements: impl Iterator<Item = &'a Element>, span: &Range<usize>) -> Option<Value> {
        let mut text = Some(String::new());
        for element in elements {
            match element {
                Element::Literal(literal) => text = text.map(|text| text + literal.as_str()),
                Element::Interpolation(interpolation) => {
                    text = None;
                    let span = interpolation.span().unwrap_or_else(|| span.clone());
                    self.refuse(&span, "an interpolation");
                }
                Element::Directive(directive) => {
                    text = None;
                    let span = directive.span().unwrap_or_else(|| span.clone());
                    self.refuse(&span, "a template directive");
                }
            }
        }
        text.map(Value::String)
    }

    fn refuse(&mut self, span: &Range<usize>, what: &str) -> Option<Value> {
        let finding = Finding::at(span, format!("{what} stands where a value has to")).label("not a literal");
        let help = "this file holds plain values: strings, numbers, true and false, lists, objects, heredocs; \
                    write `$${` for a `${` in a string";
        self.findings.push(finding.help(help.to_owned()));
        None
    }
}

fn number(number: &Number) -> Option<Value> {
    if let Some(n) = number.as_u64() {
        return Some(n.into());
    }
    if let Some(n) = number.as_i64() {
        return Some(n.into());
    }
    number.as_f64().and_then(serde_json::Number::from_f64).map(Value::Number)
}

fn negative(number: &serde_json::Number) -> Option<Value> {
    if let Some(n) = number.as_i64().and_then(i64::checked_neg) {
        return Some(n.into());
    }
    number.as_f64().and_then(|n| serde_json::Number::from_f64(-n)).map(Value::Number)
}
