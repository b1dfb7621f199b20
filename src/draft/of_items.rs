//! Makes a draft of the items that a model wrote, for the person to send or change.

use serde_json::{Map, Value};

use super::{Call, CallTarget, Draft, DraftedCall, Editor, Origin, Part, ReplyKind, Source};
use crate::api::{Body, Request};

impl Draft {
    /// The draft of the items of a model, in their order: the last item goes into the composer, those before
    /// it become parts. Reasoning is left out. A call keeps its arguments as text; the terminal interface
    /// opens a form for it.
    pub(crate) fn of_items(items: &[Body], request: &Request, draft: i64, model: &str) -> Self {
        let maker = PartBuilder {
            request,
            draft,
            model,
        };
        let mut parts = Vec::new();
        for (at, item) in items.iter().enumerate() {
            // A message before a call is a note, whatever phase the model gave it.
            let is_note = items[at + 1..].iter().any(Body::is_call);
            maker.add(item, is_note, &mut parts);
        }
        let Some(last) = parts.pop() else {
            return Self::default();
        };
        Self {
            kind: last.kind,
            text: last.text,
            options: last.options,
            call: last.call,
            origin: last.origin,
            parts,
            ..Self::default()
        }
    }
}

/// Makes parts of a draft.
struct PartBuilder<'a> {
    request: &'a Request,
    draft: i64,
    model: &'a str,
}

impl PartBuilder<'_> {
    fn add(&self, item: &Body, is_note: bool, parts: &mut Vec<Part>) {
        match item {
            Body::Reasoning { .. } => {}
            Body::Message { .. } => {
                let text = item.words();
                // Formats without notes carry them as messages.
                let kind = if is_note && self.request.format.carries_commentary() {
                    ReplyKind::Progress
                } else {
                    ReplyKind::Send
                };
                if !text.trim().is_empty() {
                    parts.push(self.text(kind, &text, Map::new()));
                }
            }
            call => {
                let shell = self.request.tools.shell().ok();
                let commands = shell.and_then(|shell| shell.commands_of(call));
                match commands {
                    Some(commands) => {
                        let commands = commands.into_iter();
                        parts.extend(commands.map(|(command, options)| {
                            self.text(ReplyKind::Command, &command, options)
                        }));
                    }
                    None => parts.extend(self.call(call)),
                }
            }
        }
    }

    fn text(&self, kind: ReplyKind, text: &str, options: Map<String, Value>) -> Part {
        Part {
            kind,
            text: text.to_owned(),
            options,
            origin: Origin::of(
                text,
                Source::Model {
                    draft: self.draft,
                    model: self.model.to_owned(),
                },
            ),
            ..Part::default()
        }
    }

    /// A call of a function or free-form tool; `None` for a call of a built-in shell, which the request does
    /// not offer.
    fn call(&self, item: &Body) -> Option<Part> {
        let (target, text) = match item {
            Body::FunctionCall {
                namespace,
                name,
                arguments,
            } => {
                let mut tools = self.request.tools.tools().iter();
                let tool = tools.find(|tool| tool.name == *name && tool.namespace == *namespace);
                let schema = tool.and_then(|tool| tool.parameters());
                let target = CallTarget::Function {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    schema: schema.cloned().unwrap_or(Value::Bool(true)),
                };
                (target, arguments)
            }
            Body::CustomToolCall { name, input } => {
                (CallTarget::Custom { name: name.clone() }, input)
            }
            _ => return None,
        };
        Some(Part {
            kind: ReplyKind::Tool,
            call: Some(Call {
                target,
                editor: Editor::Text {
                    text: text.clone(),
                    cursor: None,
                },
                drafted: Some(DraftedCall {
                    draft: self.draft,
                    model: self.model.to_owned(),
                    arguments: text.clone(),
                    is_edited: false,
                }),
            }),
            ..Part::default()
        })
    }
}

impl Draft {
    /// This draft, continued by `more` where its text ends.
    pub(crate) fn continue_with(mut self, mut more: Self) -> Self {
        if more.is_empty() {
            return self;
        }
        let is_message = |kind| matches!(kind, ReplyKind::Send | ReplyKind::Progress);
        let (text, origin) = match more.parts.first_mut() {
            Some(first) if is_message(first.kind) => (&mut first.text, &mut first.origin),
            None if is_message(more.kind) => {
                more.kind = self.kind;
                (&mut more.text, &mut more.origin)
            }
            _ => {
                // The text before a call becomes a note.
                self.kind = ReplyKind::Progress;
                more.parts.splice(0..0, self.into_parts());
                return more;
            }
        };
        let mut whole = self.origin.slice(0..self.text.chars().count());
        whole.extend(origin);
        *origin = whole;
        text.insert_str(0, &self.text);
        more.parts.splice(0..0, self.parts);
        more.cut |= self.cut;
        more
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{Interner, Phase, messages, responses};

    fn codex() -> Request {
        let body = json!({"model": "m", "input": "hi", "tools": [
            {"type": "function", "name": "exec_command", "parameters": {"type": "object",
                "properties": {"cmd": {"type": "string"}, "workdir": {"type": "string"}},
                "required": ["cmd"]}},
            {"type": "custom", "name": "apply_patch"},
            {"type": "function", "name": "update_plan", "parameters": {"type": "object"}}]});
        responses::parse(body.to_string().as_bytes(), &Interner::default()).unwrap()
    }

    fn call(name: &str, arguments: &str) -> Body {
        Body::FunctionCall {
            namespace: None,
            name: name.into(),
            arguments: arguments.into(),
        }
    }

    fn draft(items: &[Body], request: &Request) -> Draft {
        Draft::of_items(items, request, 1, "qwen")
    }

    #[test]
    fn a_command_is_one_where_the_same_call_comes_of_it() {
        let request = codex();
        let found = draft(
            &[call("exec_command", r#"{"workdir": "/srv", "cmd": "ls"}"#)],
            &request,
        );
        assert_eq!(
            (found.kind, found.text.as_str()),
            (ReplyKind::Command, "ls")
        );
        assert_eq!(found.options["workdir"], "/srv");
        // What is no command that a person could have typed stays the call that it is.
        for arguments in [
            r#"{"cmd": 7}"#,
            "{\"cmd\": \"ls",
            "{}",
            r#"{"cmd": "ls\n"}"#,
        ] {
            let found = draft(&[call("exec_command", arguments)], &request);
            assert_eq!(found.kind, ReplyKind::Tool, "{arguments}");
            let call = found.call.expect("a call");
            let Editor::Text { text, .. } = call.editor else {
                panic!("a form");
            };
            assert_eq!(text, arguments);
        }
    }

    #[test]
    fn what_comes_before_a_call_is_a_note_and_thoughts_are_not_sent() {
        let items = [
            Body::reasoning("hm"),
            Body::message("I look.", Phase::FinalAnswer),
            call("exec_command", r#"{"cmd": "ls"}"#),
            call("update_plan", "{}"),
        ];
        let found = draft(&items, &codex());
        let kinds: Vec<ReplyKind> = found.parts.iter().map(|part| part.kind).collect();
        assert_eq!(kinds, [ReplyKind::Progress, ReplyKind::Command]);
        assert_eq!(found.kind, ReplyKind::Tool);
        assert!(draft(&[Body::reasoning("hm")], &codex()).is_empty());
    }

    #[test]
    fn the_shell_of_claude_code_gets_all_that_the_model_said() {
        let body = json!({"model": "m", "max_tokens": 100,
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"name": "Bash", "input_schema": {"type": "object", "required": ["command"],
                "properties": {"command": {"type": "string"}, "timeout": {"type": "number"},
                    "description": {"type": "string"},
                    "run_in_background": {"type": "boolean"}}}}]});
        let request = messages::parse(body.to_string().as_bytes(), &Interner::default()).unwrap();
        let said = r#"{"command": "ls", "description": "Lists files", "timeout": 5}"#;
        let found = draft(&[call("Bash", said)], &request);
        assert_eq!(
            (found.kind, found.text.as_str()),
            (ReplyKind::Command, "ls")
        );
        assert_eq!(found.options["description"], "Lists files");
        assert_eq!(found.options["timeout"], 5);
    }

    #[test]
    fn what_a_model_goes_on_with_is_one_text_of_two_hands() {
        let own = Draft {
            origin: Origin::of("It is ", Source::Typed),
            ..Draft::from("It is ")
        };
        let more = draft(&[Body::message("so.", Phase::FinalAnswer)], &codex());
        let whole = own.clone().continue_with(more);
        assert_eq!(whole.text, "It is so.");
        let spans = whole.origin.spans().iter();
        assert_eq!(spans.map(|span| span.chars).collect::<Vec<_>>(), [6, 3]);
        let more = draft(&[call("exec_command", r#"{"cmd": "ls"}"#)], &codex());
        let whole = own.continue_with(more);
        assert_eq!(
            (whole.kind, whole.parts[0].kind),
            (ReplyKind::Command, ReplyKind::Progress)
        );
        assert_eq!(whole.parts[0].text, "It is ");
    }
}
