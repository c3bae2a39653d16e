//! Reading the lines.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::diagnostic::Diagnostic;
use super::dump::{is_dump, is_torn};
use super::event::{Action, Event, Resource};
use super::outputs::Outputs;
use crate::plan::{Change, OutputChange, Summary};

/// Reads the lines of one stream.
///
/// Never fails on a line; [`unknown_ui`](Self::unknown_ui) tells of a stream that must not be trusted.
#[derive(Debug, Default)]
pub struct Parser {
    unknown_ui: Option<String>,
}

impl Parser {
    /// Reads one line. Sensitive outputs are dropped here, a state that was printed, and lines of the stream that were torn.
    pub fn read(&mut self, line: &str) -> Event {
        if is_dump(line) {
            return Event::Dumped;
        }
        let Ok(head) = serde_json::from_str::<Head<'_>>(line) else {
            let torn = || Event::Other { kind: "torn".to_owned(), message: String::new() };
            return if is_torn(line) { torn() } else { Event::Raw { text: line.to_owned() } };
        };
        // None for kinds that are not known, and for known ones without what they must have.
        let known = match at_work(&head.kind) {
            Some(event) => serde_json::from_str::<Hooked<'_>>(line).ok().map(|line| event(line.hook.into_resource())),
            None => serde_json::from_str::<Line>(line).ok().and_then(|line| line.into_event(&head)),
        };
        if let Some(Event::Version { ui, .. }) = &known {
            self.check(ui);
        }
        known.unwrap_or_else(|| Event::Other { kind: head.kind.into_owned(), message: head.message.into_owned() })
    }

    /// Version of the stream, if its meaning may have changed.
    #[must_use]
    pub fn unknown_ui(&self) -> Option<&str> {
        self.unknown_ui.as_deref()
    }

    fn check(&mut self, ui: &str) {
        // Minor versions add; a new major one may mean something else by the same words.
        if ui.split('.').next() != Some("1") {
            self.unknown_ui = Some(ui.to_owned());
        }
    }
}

/// What every line has. Borrowed from it: nearly all lines of a long run are of resources at work, and each is read twice,
/// which is still far cheaper than a tree of values.
#[derive(Deserialize)]
struct Head<'line> {
    #[serde(rename = "@message", default, borrow)]
    message: Cow<'line, str>,
    #[serde(rename = "type", default, borrow)]
    kind: Cow<'line, str>,
}

/// A line about a resource at work.
#[derive(Deserialize)]
struct Hooked<'line> {
    #[serde(borrow)]
    hook: Hook<'line>,
}

/// Members that are not as they should be are passed by, but for the address.
#[derive(Deserialize)]
struct Hook<'line> {
    #[serde(borrow)]
    resource: Named<'line>,
    #[serde(default)]
    action: Option<Value>,
    #[serde(default)]
    id_value: Option<Value>,
    #[serde(default)]
    elapsed_seconds: Option<Value>,
}

#[derive(Deserialize)]
struct Named<'line> {
    #[serde(borrow)]
    addr: Cow<'line, str>,
}

impl Hook<'_> {
    fn into_resource(self) -> Resource {
        let id = match self.id_value {
            Some(Value::String(id)) => Some(id),
            _ => None,
        };
        Resource {
            address: self.resource.addr.into_owned(),
            action: self.action.as_ref().and_then(Value::as_str).map(Action::named),
            id,
            elapsed_s: self.elapsed_seconds.as_ref().and_then(Value::as_f64),
        }
    }
}

/// The event that a line about a resource at work is.
fn at_work(kind: &str) -> Option<fn(Resource) -> Event> {
    Some(match kind {
        "refresh_start" => Event::Refreshing,
        "refresh_complete" => Event::Refreshed,
        "apply_start" => Event::Started,
        "apply_progress" => Event::Running,
        "apply_complete" => Event::Completed,
        "apply_errored" => Event::Errored,
        _ => return None,
    })
}

/// Any other line; which members are there depends on its type.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    terraform: Option<String>,
    #[serde(default)]
    tofu: Option<String>,
    #[serde(default)]
    ui: Option<String>,
    #[serde(default)]
    change: Option<Value>,
    #[serde(default)]
    changes: Option<Summary>,
    #[serde(default)]
    diagnostic: Option<Value>,
    #[serde(default)]
    outputs: Option<Map<String, Value>>,
}

impl Line {
    fn into_event(self, head: &Head<'_>) -> Option<Event> {
        Some(match head.kind.as_ref() {
            "version" => self.version()?,
            "init_output" => Event::Init { message: head.message.clone().into_owned() },
            "diagnostic" => Event::Diagnostic(Diagnostic::deserialize(self.diagnostic.as_ref()?).ok()?),
            "planned_change" => Event::Planned(change(self.change.as_ref()?)?),
            "resource_drift" => Event::Drift(change(self.change.as_ref()?)?),
            "change_summary" => Event::Summary(self.changes.clone()?),
            "outputs" => outputs(self.outputs.as_ref()?),
            _ => return None,
        })
    }

    fn version(&self) -> Option<Event> {
        let (flavour, version) = match (&self.terraform, &self.tofu) {
            (Some(version), _) => ("terraform", version),
            (None, Some(version)) => ("tofu", version),
            (None, None) => return None,
        };
        Some(Event::Version { flavour: flavour.to_owned(), version: version.clone(), ui: self.ui.clone()? })
    }
}

/// Planned outputs have an action, real ones do not.
fn outputs(members: &Map<String, Value>) -> Event {
    let planned = |(name, member): (&String, &Value)| {
        let action = Action::deserialize(member.get("action")?).ok()?;
        Some(OutputChange { name: name.clone(), action })
    };
    let changes: Vec<_> = members.iter().filter_map(planned).collect();
    if changes.is_empty() { Event::Outputs(Outputs::from_tool(members)) } else { Event::PlannedOutputs { changes } }
}

fn address(of: &Value) -> Option<String> {
    of.get("addr")?.as_str().map(str::to_owned)
}

fn change(body: &Value) -> Option<Change> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Change {
        address: address(body.get("resource")?)?,
        previous_address: body.get("previous_resource").and_then(address),
        action: Action::deserialize(body.get("action")?).ok()?,
        reason: text("reason"),
        import_id: body.get("importing").and_then(|importing| importing.get("id")?.as_str().map(str::to_owned)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Event {
        Parser::default().read(line)
    }

    #[test]
    fn both_tools_introduce_themselves() {
        let version = |flavour: &str, ui: &str| Event::Version {
            flavour: flavour.into(),
            version: "1.2.3".into(),
            ui: ui.into(),
        };
        assert_eq!(read(r#"{"type":"version","terraform":"1.2.3","ui":"1.2"}"#), version("terraform", "1.2"));
        assert_eq!(read(r#"{"type":"version","tofu":"1.2.3","ui":"1.3"}"#), version("tofu", "1.3"));
    }

    #[test]
    fn only_an_unknown_major_version_is_not_trusted() {
        for (ui, is_known) in
            [("1.0", true), ("1.99", true), ("1", true), ("2.0", false), ("10.0", false), ("x", false)]
        {
            let mut parser = Parser::default();
            parser.read(&format!(r#"{{"type":"version","terraform":"9.9.9","ui":"{ui}"}}"#));
            assert_eq!(parser.unknown_ui().is_none(), is_known, "{ui}");
        }
    }

    #[test]
    fn lines_that_are_no_events_are_kept() {
        let raw = |text: &str| Event::Raw { text: text.into() };
        for line in
            ["Warning: Unable to open CLI configuration file", "", "{\"type\":\"apply_sta", "[1,2]", "17", "null"]
        {
            assert_eq!(read(line), raw(line));
        }
    }

    #[test]
    fn events_of_later_tools_are_passed_by() {
        let other = |kind: &str| Event::Other { kind: kind.into(), message: "m".into() };
        assert_eq!(read(r#"{"type":"action_start","@message":"m","hook":{"new":1}}"#), other("action_start"));
        // A known kind that lost a member is no error either.
        assert_eq!(read(r#"{"type":"apply_start","@message":"m"}"#), other("apply_start"));
        let renamed = read(r#"{"type":"planned_change","change":{"resource":{"addr":"a.b"},"action":"transmute"}}"#);
        assert!(matches!(renamed, Event::Planned(Change { action: Action::Other(name), .. }) if name == "transmute"));
    }

    #[test]
    fn a_resource_at_work_is_read_with_what_makes_sense_of_it() {
        let line = r#"{"type":"apply_complete","@message":"m \"q\"","hook":{"resource":{"addr":"m.x[\"k\"]"},"action":"create","id_key":"id","id_value":"i-1","elapsed_seconds":3.5}}"#;
        let resource = |action, id: Option<&str>, elapsed_s| Resource {
            address: "m.x[\"k\"]".into(),
            action,
            id: id.map(str::to_owned),
            elapsed_s,
        };
        assert_eq!(read(line), Event::Completed(resource(Some(Action::Create), Some("i-1"), Some(3.5))));
        let odd = r#"{"type":"apply_progress","hook":{"resource":{"addr":"m.x[\"k\"]"},"action":7,"id_value":{},"elapsed_seconds":"long"}}"#;
        assert_eq!(read(odd), Event::Running(resource(None, None, None)));
    }

    #[test]
    fn a_sensitive_output_never_leaves_the_parser() {
        let line = r#"{"type":"outputs","@message":"Outputs: 1","outputs":{"pw":{"sensitive":true,"type":"string","value":"CANARY"}}}"#;
        let event = read(line);
        assert!(!format!("{event:?}").contains("CANARY"));
        assert!(matches!(event, Event::Outputs(outputs) if outputs.sensitive == ["pw"]));
    }

    #[test]
    fn a_printed_state_and_a_torn_line_never_leave_the_parser() {
        let line = r#"{"@level":"info","@message":"Emergency state dump","state":{"outputs":{"pw":{"value":"CANARY"}}},"type":"log"}"#;
        assert_eq!(read(line), Event::Dumped);
        assert_eq!(read(&line[..line.len() - 20]), Event::Dumped);
        let torn = r#"{"@level":"info","@message":"Outputs: 1","outputs":{"pw":{"sensitive":true,"value":"CANARY"#;
        assert!(matches!(read(torn), Event::Other { message, .. } if message.is_empty()));
    }

    #[test]
    fn planned_outputs_are_told_from_real_ones() {
        let event = read(
            r#"{"type":"outputs","outputs":{"a":{"sensitive":false,"action":"noop"},"b":{"sensitive":true,"action":"create"}}}"#,
        );
        let change = |name: &str, action| OutputChange { name: name.into(), action };
        assert_eq!(
            event,
            Event::PlannedOutputs { changes: vec![change("a", Action::Noop), change("b", Action::Create)] }
        );
    }
}
