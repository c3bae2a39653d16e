//! Terraform files in one form, whichever syntax they are written in.

mod unique;

use hcl_edit::expr::Expression;
use hcl_edit::structure::{BlockLabel, Body, Structure};
use hcl_edit::template::{Element, Template};
use serde_json::Value;

use unique::Unique;

/// Blocks that a module may hold, with the number of their labels.
const BLOCKS: [(&str, usize); 11] = [
    ("terraform", 0),
    ("provider", 1),
    ("variable", 1),
    ("locals", 0),
    ("output", 1),
    ("resource", 2),
    ("data", 2),
    ("module", 1),
    ("moved", 0),
    ("removed", 0),
    ("check", 1),
];

/// A named thing in a file: a block with labels, or an attribute without.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) key: String,
    pub(super) labels: Vec<String>,
    pub(super) content: Content,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A block.
    Body(Vec<Item>),
    /// An expression of the native syntax.
    Expression(Box<Expression>),
    /// A value of the JSON syntax, in which blocks and attributes look alike and every string is a template.
    Json(Value),
}

/// Why a file could not be taken apart.
#[derive(Debug)]
pub(super) enum Unreadable {
    Syntax(String),
    /// A block that is not among the known ones.
    Block(String),
}

/// The number of labels of a block that a module may hold.
pub(super) fn n_labels(block: &str) -> Option<usize> {
    BLOCKS.iter().find(|(name, _)| *name == block).map(|(_, n)| *n)
}

/// Takes a file of the native syntax apart.
pub(super) fn read_native(text: &str) -> Result<Vec<Item>, Unreadable> {
    let body = hcl_edit::parser::parse_body(text).map_err(|err| Unreadable::Syntax(err.to_string()))?;
    let items = native_items(&body);
    for item in &items {
        match (&item.content, n_labels(&item.key)) {
            (Content::Body(_), Some(n)) if n == item.labels.len() => {}
            (Content::Body(_), Some(n)) => {
                return Err(Unreadable::Syntax(format!("`{}` has {} labels, not {n}", item.key, item.labels.len())));
            }
            (Content::Body(_), None) => return Err(Unreadable::Block(item.key.clone())),
            _ => return Err(Unreadable::Syntax(format!("`{}` stands outside all blocks", item.key))),
        }
    }
    Ok(items)
}

fn native_items(body: &Body) -> Vec<Item> {
    body.iter()
        .map(|structure| match structure {
            Structure::Attribute(attribute) => Item {
                key: attribute.key.as_str().to_owned(),
                labels: Vec::new(),
                content: Content::Expression(Box::new(attribute.value.clone())),
            },
            Structure::Block(block) => Item {
                key: block.ident.as_str().to_owned(),
                labels: block.labels.iter().map(BlockLabel::as_str).map(str::to_owned).collect(),
                content: Content::Body(native_items(&block.body)),
            },
        })
        .collect()
}

/// Takes a file of the JSON syntax apart.
pub(super) fn read_json(text: &str) -> Result<Vec<Item>, Unreadable> {
    let Unique(value) = serde_json::from_str(text).map_err(|err| Unreadable::Syntax(err.to_string()))?;
    let mut items = Vec::new();
    for object in objects(&value)? {
        for (key, value) in object {
            // Terraform ignores this one, for comments.
            if key == "//" {
                continue;
            }
            let n = n_labels(key).ok_or_else(|| Unreadable::Block(key.clone()))?;
            expand(key, value, n, &mut Vec::new(), &mut items)?;
        }
    }
    Ok(items)
}

/// Turns nested objects into one item for each block: `{"a": {"b": {..}}}` of two labels is one block `a` `b`.
pub(super) fn expand(
    key: &str,
    value: &Value,
    n_labels: usize,
    labels: &mut Vec<String>,
    items: &mut Vec<Item>,
) -> Result<(), Unreadable> {
    for object in objects(value)? {
        if labels.len() == n_labels {
            let body = object.iter().filter(|(key, _)| *key != "//").map(|(key, value)| Item {
                key: key.clone(),
                labels: Vec::new(),
                content: Content::Json(value.clone()),
            });
            items.push(Item { key: key.to_owned(), labels: labels.clone(), content: Content::Body(body.collect()) });
            continue;
        }
        for (label, value) in object {
            labels.push(label.clone());
            expand(key, value, n_labels, labels, items)?;
            labels.pop();
        }
    }
    Ok(())
}

/// An object, or the objects of a list: the JSON syntax takes both for blocks.
fn objects(value: &Value) -> Result<Vec<&serde_json::Map<String, Value>>, Unreadable> {
    let wrong = || Unreadable::Syntax("a block is neither an object nor a list of objects".into());
    match value {
        Value::Object(object) => Ok(vec![object]),
        Value::Array(items) => items.iter().map(|item| item.as_object().ok_or_else(wrong)).collect(),
        Value::Null => Ok(Vec::new()),
        _ => Err(wrong()),
    }
}

impl Item {
    /// The items of a block; none of an attribute.
    pub(super) fn body(&self) -> &[Item] {
        match &self.content {
            Content::Body(items) => items,
            _ => &[],
        }
    }

    /// The attribute or block of a name.
    pub(super) fn get(&self, key: &str) -> Option<&Item> {
        self.body().iter().find(|item| item.key == key)
    }
}

impl Content {
    /// The text of a string in which nothing is computed.
    pub(super) fn literal(&self) -> Option<String> {
        match self {
            Self::Expression(expression) => literal(expression),
            Self::Json(Value::String(text)) => {
                let template = hcl_edit::parser::parse_template(text).ok()?;
                template.iter().map(|element| element.as_literal().map(|literal| literal.as_str().to_owned())).collect()
            }
            _ => None,
        }
    }

    /// Names and contents of an object that is written out.
    pub(super) fn entries(&self) -> Option<Vec<(String, Content)>> {
        match self {
            Self::Body(items) => Some(items.iter().map(|item| (item.key.clone(), item.content.clone())).collect()),
            Self::Json(Value::Object(object)) => {
                Some(object.iter().map(|(key, value)| (key.clone(), Self::Json(value.clone()))).collect())
            }
            Self::Json(Value::Array(items)) => {
                let entries = items.iter().map(|item| Self::Json(item.clone()).entries());
                entries.collect::<Option<Vec<_>>>().map(|lists| lists.into_iter().flatten().collect())
            }
            Self::Expression(expression) => {
                let Expression::Object(object) = &**expression else { return None };
                object
                    .iter()
                    .map(|(key, value)| {
                        let key = match key {
                            hcl_edit::expr::ObjectKey::Ident(name) => name.as_str().to_owned(),
                            hcl_edit::expr::ObjectKey::Expression(key) => literal(key)?,
                        };
                        Some((key, Self::Expression(Box::new(value.expr().clone()))))
                    })
                    .collect()
            }
            Self::Json(_) => None,
        }
    }

    /// The first name of a reference, such as `aws` of `aws.east`; in JSON references are strings.
    pub(super) fn reference(&self) -> Option<String> {
        match self {
            Self::Expression(expression) => match &**expression {
                Expression::Variable(name) => Some(name.as_str().to_owned()),
                Expression::Traversal(traversal) => match &traversal.expr {
                    Expression::Variable(name) => Some(name.as_str().to_owned()),
                    _ => None,
                },
                other => literal(other).map(first_name),
            },
            Self::Json(_) => self.literal().map(first_name),
            Self::Body(_) => None,
        }
    }
}

fn first_name(text: String) -> String {
    text.split('.').next().unwrap_or_default().to_owned()
}

fn literal(expression: &Expression) -> Option<String> {
    match expression {
        Expression::String(text) => Some(text.as_str().to_owned()),
        Expression::StringTemplate(template) => literal_elements(template.iter()),
        Expression::HeredocTemplate(heredoc) => literal_elements(heredoc.template.iter()),
        Expression::Parenthesis(inner) => literal(inner.inner()),
        _ => None,
    }
}

fn literal_elements<'a>(elements: impl Iterator<Item = &'a Element>) -> Option<String> {
    elements.map(|element| element.as_literal().map(|literal| literal.as_str().to_owned())).collect()
}

/// Every string in a JSON value, keys included, as the template that terraform makes of it.
pub(super) fn templates(value: &Value, visit: &mut impl FnMut(Result<Template, String>)) {
    match value {
        Value::String(text) => template(text, visit),
        Value::Array(items) => items.iter().for_each(|item| templates(item, visit)),
        Value::Object(object) => {
            for (key, value) in object {
                template(key, visit);
                templates(value, visit);
            }
        }
        _ => {}
    }
}

/// Text without any of a template's marks is only text.
fn template(text: &str, visit: &mut impl FnMut(Result<Template, String>)) {
    if text.contains("${") || text.contains("%{") {
        visit(hcl_edit::parser::parse_template(text).map_err(|err| err.to_string()));
    }
}
