//! HCL as one JSON value, with the place of everything in it.
//!
//! Blocks become objects, as in HCL's own JSON syntax: `plugin "aws" { source = "…" }` is
//! `{"plugin": {"aws": {"source": "…"}}}`, and a block without labels is the object itself. A block that
//! stands twice under the same name and labels is refused, so nothing is ever merged or lost.

use std::{collections::BTreeMap, ops::Range};

use hcl_edit::{
    Span as _,
    structure::{Attribute, Block, Body, Structure},
};
use serde_json::{Map, Value};

use crate::{
    finding::Finding,
    nearest::{nearest, suggest},
    source::{Place, Source},
};

mod literal;

/// A kind of top-level block.
pub(crate) struct BlockKind {
    pub(crate) name: &'static str,
    /// What its label names; none if it has no label.
    pub(crate) label: Option<&'static str>,
    /// Whether there may be several, each with a label of its own.
    several: bool,
}

/// All kinds of top-level block.
pub(crate) const BLOCKS: [BlockKind; 13] = [
    BlockKind { name: "instance", label: Some("instance"), several: false },
    BlockKind { name: "plugin", label: Some("plugin"), several: true },
    BlockKind { name: "infra", label: Some("plugin"), several: false },
    BlockKind { name: "secrets", label: Some("plugin"), several: false },
    BlockKind { name: "pool", label: Some("plugin"), several: false },
    BlockKind { name: "credential", label: Some("slot"), several: true },
    BlockKind { name: "roster", label: None, several: false },
    BlockKind { name: "services", label: None, several: false },
    BlockKind { name: "cluster", label: None, several: false },
    BlockKind { name: "terraform", label: None, several: false },
    BlockKind { name: "tools", label: None, several: false },
    BlockKind { name: "state", label: Some("backend"), several: false },
    BlockKind { name: "drift", label: Some("address"), several: true },
];

/// The only top-level key that is no block.
const VERSION: &str = "version";

/// Values and places of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Document {
    pub(crate) value: Value,
    /// Whether it is a whole file and not a part of one.
    pub(crate) is_file: bool,
    places: BTreeMap<String, Place>,
}

impl Document {
    /// Reads a file. What cannot be read is a finding and left out.
    pub(crate) fn read(source: &Source) -> (Self, Vec<Finding>) {
        let mut reader = Reader::default();
        let value = match hcl_edit::parser::parse_body(source.text()) {
            Ok(body) => reader.file(&body),
            Err(err) => {
                reader.findings.push(syntax_error(source.text(), &err));
                Map::new()
            }
        };
        // What is missing in the whole file is missing at its end.
        let end = source.text().trim_end().len();
        reader.places.insert(String::new(), Place::both(end.saturating_sub(1)..end));
        (Self { value: Value::Object(value), is_file: true, places: reader.places }, reader.findings)
    }

    /// Returns the place of a value, or of the nearest thing around it that has one.
    pub(crate) fn place(&self, pointer: &str) -> &Place {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return place;
            }
            pointer = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }

    /// Tells whether something stands in the file, even if its value was refused.
    pub(crate) fn mentions(&self, pointer: &str) -> bool {
        self.places.contains_key(pointer)
    }

    /// Cuts out one value, with pointers that begin at it.
    pub(crate) fn part(&self, pointer: &str) -> Self {
        let value = self.value.pointer(pointer).cloned().unwrap_or_default();
        let inside = self.places.iter().filter_map(|(at, place)| {
            let rest = at.strip_prefix(pointer)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (rest.to_owned(), place.clone()))
        });
        let mut places: BTreeMap<_, _> = inside.collect();
        places.entry(String::new()).or_insert_with(|| self.place(pointer).clone());
        Self { value, is_file: false, places }
    }

    /// Removes one key from an object at the root.
    pub(crate) fn without(mut self, key: &str) -> Self {
        if let Some(object) = self.value.as_object_mut() {
            object.shift_remove(key);
        }
        self
    }
}

/// Adds one step to a JSON pointer (RFC 6901).
pub(crate) fn join(pointer: &str, step: &str) -> String {
    format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"))
}

fn syntax_error(text: &str, err: &hcl_edit::parser::Error) -> Finding {
    let start = err.location().offset().min(text.len());
    let rest = &text[start..];
    let word = rest.len() - rest.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-')).len();
    let end = start + word.max(rest.chars().next().map_or(0, char::len_utf8).min(rest.len()));
    // The parser's words for it are about its grammar.
    if err.message().contains("found redefined") {
        return Finding::at(&(start..end), format!("`{}` is set twice", &text[start..end])).label("the second time");
    }
    let message = err.message().replace('\n', ", ");
    Finding::at(&(start..end), format!("this is no HCL: {message}")).label("unexpected")
}

/// Turns HCL into JSON and notes places and findings.
#[derive(Default)]
struct Reader {
    places: BTreeMap<String, Place>,
    findings: Vec<Finding>,
}

impl Reader {
    fn file(&mut self, body: &Body) -> Map<String, Value> {
        let mut file = Map::new();
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => self.top_attribute(attribute, &mut file),
                Structure::Block(block) => self.top_block(block, &mut file),
            }
        }
        file
    }

    fn top_attribute(&mut self, attribute: &Attribute, file: &mut Map<String, Value>) {
        let name = attribute.key.as_str();
        let span = attribute.key.span().unwrap_or_default();
        if name == VERSION {
            return self.attribute(attribute, "", file);
        }
        let finding = match BLOCKS.iter().find(|kind| kind.name == name) {
            Some(kind) => {
                self.places.insert(join("", name), Place::both(span.clone()));
                let label = kind.label.map(|label| format!("\"{}\" ", label.to_uppercase())).unwrap_or_default();
                let finding = Finding::at(&span, format!("`{name}` is a block, not a key"));
                finding.help(format!("write `{name} {label}{{ … }}`, without `=`"))
            }
            None => self.unknown_top(name, &span),
        };
        self.findings.push(finding);
    }

    fn top_block(&mut self, block: &Block, file: &mut Map<String, Value>) {
        let name = block.ident.as_str();
        let span = block.ident.span().unwrap_or_default();
        let Some(kind) = BLOCKS.iter().find(|kind| kind.name == name) else {
            let finding = if name == VERSION {
                Finding::at(&span, "`version` is a key, not a block").help("write `version = 1`".to_owned())
            } else {
                self.unknown_top(name, &span)
            };
            return self.findings.push(finding);
        };
        if block.labels.len() != usize::from(kind.label.is_some()) {
            self.places.insert(join("", name), Place::both(header(block)));
            let wanted = match kind.label {
                Some(label) => format!("one label, the name of its {label}"),
                None => "no label".into(),
            };
            let message = format!("block `{name}` has {wanted}, and {} here", count(block.labels.len()));
            return self.findings.push(Finding::at(&header(block), message));
        }
        if let Some(finding) = self.too_many(kind, block, file) {
            return self.findings.push(finding);
        }
        self.block(block, "", file);
    }

    /// A second block of a kind of which there is one. Not read any further: it has to go anyway.
    fn too_many(&self, kind: &BlockKind, block: &Block, file: &Map<String, Value>) -> Option<Finding> {
        let label = block.labels.first()?.as_str();
        let first = file.get(kind.name)?.as_object()?.keys().next()?;
        if kind.several || first == label {
            return None;
        }
        let message = format!("one `{}` block is enough, `{label}` is another", kind.name);
        let place = self.places.get(&join(&join("", kind.name), first))?;
        Some(Finding::at(&header(block), message).label("another").other(place.key.clone(), "the first"))
    }

    fn unknown_top(&mut self, name: &str, span: &Range<usize>) -> Finding {
        let known = BLOCKS.iter().map(|kind| kind.name).chain([VERSION]);
        if let Some(meant) = nearest(name, known.clone()) {
            // What was meant is there, only misspelt: it is not also missing.
            self.places.entry(join("", meant)).or_insert_with(|| Place::both(span.clone()));
        }
        Finding::at(span, format!("unknown block `{name}`")).label("not known").help(suggest(name, known))
    }

    fn body(&mut self, body: &Body, pointer: &str) -> Map<String, Value> {
        let mut object = Map::new();
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => self.attribute(attribute, pointer, &mut object),
                Structure::Block(block) => self.block(block, pointer, &mut object),
            }
        }
        object
    }

    fn attribute(&mut self, attribute: &Attribute, pointer: &str, object: &mut Map<String, Value>) {
        let name = attribute.key.as_str();
        let at = join(pointer, name);
        let key = attribute.key.span().unwrap_or_default();
        if object.contains_key(name) {
            return self.twice(&format!("`{name}`"), &key, &at);
        }
        let value = attribute.value.span().unwrap_or_else(|| key.clone());
        self.places.insert(at.clone(), Place { key, value });
        if let Some(value) = self.literal(&attribute.value, &at) {
            object.insert(name.to_owned(), value);
        }
    }

    fn block(&mut self, block: &Block, pointer: &str, object: &mut Map<String, Value>) {
        let span = header(block);
        let names: Vec<&str> =
            std::iter::once(block.ident.as_str()).chain(block.labels.iter().map(|label| label.as_str())).collect();
        let (last, outer) = names.split_last().expect("a block has a name");
        let mut pointer = pointer.to_owned();
        let mut object = object;
        for name in outer {
            pointer = join(&pointer, name);
            self.places.entry(pointer.clone()).or_insert_with(|| Place::both(span.clone()));
            let inner = object.entry(name.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = inner else {
                return self.twice(&format!("`{name}`"), &span, &pointer);
            };
            object = inner;
        }
        pointer = join(&pointer, last);
        if object.contains_key(*last) {
            let labels: String = block.labels.iter().map(|label| format!(" \"{}\"", label.as_str())).collect();
            return self.twice(&format!("block `{}{labels}`", block.ident.as_str()), &span, &pointer);
        }
        self.places.insert(pointer.clone(), Place::both(span));
        let body = self.body(&block.body, &pointer);
        object.insert((*last).to_owned(), Value::Object(body));
    }

    fn twice(&mut self, what: &str, span: &Range<usize>, pointer: &str) {
        let finding = Finding::at(span, format!("{what} stands twice")).label("the second time");
        self.findings.push(match self.places.get(pointer) {
            Some(first) => finding.other(first.key.clone(), "the first time"),
            None => finding,
        });
    }
}

/// From the name of a block to its last label.
fn header(block: &Block) -> Range<usize> {
    let start = block.ident.span().unwrap_or_default();
    let last = block.labels.last().and_then(|label| match label {
        hcl_edit::structure::BlockLabel::Ident(ident) => ident.span(),
        hcl_edit::structure::BlockLabel::String(string) => string.span(),
    });
    start.start..last.map_or(start.end, |last| last.end)
}

fn count(n: usize) -> String {
    match n {
        0 => "none".into(),
        1 => "one".into(),
        n => n.to_string(),
    }
}
