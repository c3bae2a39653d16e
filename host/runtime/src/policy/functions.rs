//! Functions in expressions: which are known to be harmless, and which files the others may read.

use hcl_edit::expr::{Expression, FuncCall, TraversalOperator};
use hcl_edit::template::{Element, ForTemplateExpr, Template};
use hcl_edit::visit::{Visit, visit_for_template_expr, visit_func_call};

use super::files::{Folder, join};
use super::tree::{Content, Item, templates};
use super::{Findings, Rule};

/// Functions of terraform and OpenTofu that only compute. Absent: what reads files, and `templatestring`, which runs
/// text that is not here to be read.
const HARMLESS: [&str; 110] = [
    "abs",
    "alltrue",
    "anytrue",
    "base64decode",
    "base64encode",
    "base64gunzip",
    "base64gzip",
    "base64sha256",
    "base64sha512",
    "basename",
    "bcrypt",
    "can",
    "ceil",
    "chomp",
    "chunklist",
    "cidrcontains",
    "cidrhost",
    "cidrnetmask",
    "cidrsubnet",
    "cidrsubnets",
    "coalesce",
    "coalescelist",
    "compact",
    "concat",
    "contains",
    "csvdecode",
    "dirname",
    "distinct",
    "element",
    "endswith",
    "ephemeralasnull",
    "flatten",
    "floor",
    "format",
    "formatdate",
    "formatlist",
    "indent",
    "index",
    "issensitive",
    "join",
    "jsondecode",
    "jsonencode",
    "keys",
    "length",
    "list",
    "log",
    "lookup",
    "lower",
    "map",
    "matchkeys",
    "max",
    "md5",
    "merge",
    "min",
    "nonsensitive",
    "one",
    "parseint",
    "plantimestamp",
    "pow",
    "range",
    "regex",
    "regexall",
    "replace",
    "reverse",
    "rsadecrypt",
    "sensitive",
    "setintersection",
    "setproduct",
    "setsubtract",
    "setunion",
    "sha1",
    "sha256",
    "sha512",
    "signum",
    "slice",
    "sort",
    "split",
    "startswith",
    "strcontains",
    "strrev",
    "substr",
    "sum",
    "textdecodebase64",
    "textencodebase64",
    "timeadd",
    "timecmp",
    "timestamp",
    "title",
    "tobool",
    "tolist",
    "tomap",
    "tonumber",
    "toset",
    "tostring",
    "transpose",
    "trim",
    "trimprefix",
    "trimspace",
    "trimsuffix",
    "try",
    "type",
    "upper",
    "urldecode",
    "urlencode",
    "uuid",
    "uuidv5",
    "values",
    "yamldecode",
    "yamlencode",
    "zipmap",
];

/// Functions that read the file their first argument names.
const READERS: [&str; 10] = [
    "file",
    "filebase64",
    "filebase64sha256",
    "filebase64sha512",
    "fileexists",
    "filemd5",
    "filesha1",
    "filesha256",
    "filesha512",
    "templatefile",
];

/// Looks at every function call in the items of a file.
pub(super) struct Functions<'a> {
    pub(super) folder: &'a Folder<'a>,
    /// The file, for findings.
    pub(super) place: &'a str,
    /// Its folder, which `path.module` stands for.
    pub(super) module: &'a str,
    /// Whether a local name is that of a granted provider, whose own functions are allowed.
    pub(super) is_provider: &'a dyn Fn(&str) -> bool,
    pub(super) findings: &'a mut Findings,
    /// Set inside a template file, which may read nothing.
    pub(super) in_template: bool,
}

impl Functions<'_> {
    /// Checks a block that stands in no other.
    pub(super) fn check(&mut self, block: &Item) {
        // A variable's type constraint looks like calls and is none: nothing is evaluated in it.
        let is_evaluated = |inner: &&Item| block.key != "variable" || inner.key != "type";
        block.body().iter().filter(is_evaluated).for_each(|inner| self.check_item(inner));
    }

    fn check_item(&mut self, item: &Item) {
        match &item.content {
            Content::Body(items) => items.iter().for_each(|inner| self.check_item(inner)),
            Content::Expression(expression) => self.visit_expr(expression),
            Content::Json(value) => templates(value, &mut |template| match template {
                Ok(template) => self.visit_template(&template),
                Err(err) => self.findings.add(Rule::Syntax, self.place, err),
            }),
        }
    }

    fn check_call(&mut self, call: &FuncCall) {
        let namespace: Vec<&str> = call.name.namespace.iter().map(|name| name.as_str()).collect();
        let name = call.name.name.as_str();
        match namespace.as_slice() {
            [] | ["core"] => self.check_core(name, call),
            ["provider", provider, ..] if (self.is_provider)(provider) => {}
            _ => self.refuse_unknown(&format!("{}::{name}", namespace.join("::"))),
        }
    }

    fn check_core(&mut self, name: &str, call: &FuncCall) {
        if HARMLESS.contains(&name) {
            return;
        }
        if name == "fileset" {
            return self.check_fileset(call);
        }
        if !READERS.contains(&name) {
            return self.refuse_unknown(name);
        }
        let path = call.args.iter().next().and_then(|argument| static_path(argument, self.module));
        let target = path.as_deref().and_then(|path| self.folder.files.get_key_value(path));
        match target {
            Some(_) if self.in_template => self.refuse_read(name, "a template may read no file"),
            Some((path, bytes)) if name == "templatefile" => self.check_template(path, bytes),
            Some(_) => {}
            None => self.refuse_read(
                name,
                "its path is no literal below `path.module` or `path.root` that names a rendered file",
            ),
        }
    }

    fn check_fileset(&mut self, call: &FuncCall) {
        let mut arguments = call.args.iter();
        let folder = arguments.next().and_then(|argument| static_path(argument, self.module));
        let inside = folder.is_some_and(|folder| self.folder.is_folder(&folder));
        let pattern = arguments.next().and_then(Expression::as_str).filter(|pattern| join("", pattern).is_some());
        if !inside || pattern.is_none() || self.in_template {
            self.refuse_read("fileset", "its path and pattern are no literals that stay inside the rendered folder");
        }
    }

    /// A template file is text that terraform runs: its functions count as if they stood in the module.
    fn check_template(&mut self, path: &str, bytes: &[u8]) {
        let template = std::str::from_utf8(bytes).map_err(|err| err.to_string());
        match template.and_then(|text| hcl_edit::parser::parse_template(text).map_err(|err| err.to_string())) {
            Ok(template) => {
                let mut inner = Functions {
                    folder: self.folder,
                    place: path,
                    module: self.module,
                    is_provider: self.is_provider,
                    findings: self.findings,
                    in_template: true,
                };
                inner.visit_template(&template);
            }
            Err(err) => self.findings.add(Rule::Syntax, path, err),
        }
    }

    fn refuse_unknown(&mut self, name: &str) {
        self.findings.add(
            Rule::Function,
            self.place,
            format!("function `{name}` is not among those that only compute"),
        );
    }

    fn refuse_read(&mut self, name: &str, why: &str) {
        self.findings.add(Rule::File, self.place, format!("function `{name}` may not be used here: {why}"));
    }
}

impl Visit for Functions<'_> {
    fn visit_func_call(&mut self, call: &FuncCall) {
        self.check_call(call);
        visit_func_call(self, call);
    }

    // The library passes over what a template loops over.
    fn visit_for_template_expr(&mut self, expression: &ForTemplateExpr) {
        self.visit_expr(&expression.collection_expr);
        visit_for_template_expr(self, expression);
    }
}

/// The rendered path that an expression names: a literal, or `${path.module}` or `${path.root}` and a literal.
pub(super) fn static_path(expression: &Expression, module: &str) -> Option<String> {
    match expression {
        Expression::String(text) => join("", text.as_str()),
        Expression::StringTemplate(template) => static_elements(template.iter().collect(), module),
        Expression::Parenthesis(inner) => static_path(inner.inner(), module),
        Expression::Traversal(_) => base(expression, module).map(str::to_owned),
        _ => None,
    }
}

/// The same for a string of the JSON syntax.
pub(super) fn static_template_path(template: &Template, module: &str) -> Option<String> {
    static_elements(template.iter().collect(), module)
}

fn static_elements(elements: Vec<&Element>, module: &str) -> Option<String> {
    match elements.as_slice() {
        [Element::Literal(text)] => join("", text.as_str()),
        [Element::Interpolation(interpolation)] => base(&interpolation.expr, module).map(str::to_owned),
        [Element::Interpolation(interpolation), Element::Literal(rest)] => {
            let rest = rest.as_str().strip_prefix('/')?;
            join(base(&interpolation.expr, module)?, rest)
        }
        _ => None,
    }
}

/// The folder that `path.module` or `path.root` stands for.
fn base<'a>(expression: &Expression, module: &'a str) -> Option<&'a str> {
    let Expression::Traversal(traversal) = expression else { return None };
    let Expression::Variable(variable) = &traversal.expr else { return None };
    let [operator] = traversal.operators.as_slice() else { return None };
    let TraversalOperator::GetAttr(attribute) = operator.value() else { return None };
    match (variable.as_str(), attribute.as_str()) {
        ("path", "module") => Some(module),
        ("path", "root") => Some(""),
        _ => None,
    }
}
