//! What a model says, as a draft that the person sends or changes.

use serde_json::{Map, Value};

use super::{Call, Draft, Drafted, Editor, Origin, Part, ReplyKind, Source, Target};
use crate::api::{Body, Request};

impl Draft {
    /// The items of a draft of a model, in their order: the last of them is composed, those before
    /// it are parts. Thoughts are no words of the reply. A call is text here, as the model wrote it;
    /// whoever has forms shows it in one.
    pub fn of_items(items: &[Body], request: &Request, draft: i64, model: &str) -> Self {
        let maker = Maker {
            request,
            draft,
            model,
        };
        let mut parts = Vec::new();
        for (at, item) in items.iter().enumerate() {
            // What a call follows is a note on it, whatever the model calls it.
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

/// What all parts of a draft have in common.
struct Maker<'a> {
    request: &'a Request,
    draft: i64,
    model: &'a str,
}

impl Maker<'_> {
    fn add(&self, item: &Body, is_note: bool, parts: &mut Vec<Part>) {
        match item {
            Body::Reasoning { .. } => {}
            Body::Message { .. } => {
                let text = item.words();
                // A format that carries no notes takes them as messages.
                let kind = match is_note && self.request.format.carries_progress() {
                    true => ReplyKind::Progress,
                    false => ReplyKind::Send,
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

    /// A call of a function or of a free-form tool. Other calls are of shells that the request does
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
                let target = Target::Function {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    schema: schema.cloned().unwrap_or(Value::Bool(true)),
                };
                (target, arguments)
            }
            Body::CustomToolCall { name, input } => {
                (Target::Custom { name: name.clone() }, input)
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
                drafted: Some(Drafted {
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
