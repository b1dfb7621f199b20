//! Writes a response: the events of a stream, or the object of a plain answer.

use serde_json::{Map, Value, json};

use super::object;
use crate::api::{Ending, OutputItem, Phase, Reply, Request};

/// One server-sent event of a response.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The name, equal to `type` in the data.
    pub name: &'static str,
    /// The data.
    pub data: Value,
}

/// Makes identifiers: given a prefix such as `msg`, something like `msg_0198…`.
pub type Ids = Box<dyn FnMut(&str) -> String + Send>;

/// Turns what the person says into the events of one response, in the order of the
/// specification, and keeps the response object that they add up to.
pub struct Writer {
    ids: Ids,
    sequence_number: u64,
    response: Map<String, Value>,
    output: Vec<Value>,
}

impl Writer {
    /// A response to `request`, created at `created_at` (Unix seconds).
    pub fn new(request: &Request, created_at: u64, mut ids: Ids) -> Self {
        let mut response = Map::new();
        response.insert("id".into(), ids("resp").into());
        response.insert("object".into(), "response".into());
        response.insert("created_at".into(), created_at.into());
        response.insert("completed_at".into(), Value::Null);
        response.insert("status".into(), "in_progress".into());
        response.insert("incomplete_details".into(), Value::Null);
        response.insert("error".into(), Value::Null);
        response.insert("usage".into(), Value::Null);
        response.extend(object::echo(&request.params));
        Self {
            ids,
            sequence_number: 0,
            response,
            output: Vec::new(),
        }
    }

    /// The id of the response.
    pub fn id(&self) -> &str {
        self.response
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The events that leave before anybody has read the request.
    pub fn start(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.snapshot("response.created", &mut events);
        self.snapshot("response.in_progress", &mut events);
        events
    }

    /// The event that tells the client that somebody is still thinking. Codex counts events only,
    /// so that a comment would not keep it waiting.
    pub fn heartbeat(&mut self) -> Event {
        let mut events = Vec::with_capacity(1);
        self.snapshot("response.in_progress", &mut events);
        events.remove(0)
    }

    /// The events of a reply. `now` is the time in Unix seconds.
    pub fn reply(&mut self, reply: &Reply, now: u64) -> Vec<Event> {
        let mut events = Vec::new();
        for item in reply.items() {
            self.item(item, &mut events);
        }
        if let Reply::End { ending, .. } = reply {
            self.end(ending, now, &mut events);
        }
        events
    }

    /// The response object as it stands.
    pub fn response(&self) -> Value {
        let mut response = self.response.clone();
        response.insert("output".into(), self.output.clone().into());
        Value::Object(response)
    }

    fn end(&mut self, ending: &Ending, now: u64, events: &mut Vec<Event>) {
        let name = match ending {
            Ending::Completed => {
                self.set("status", json!("completed"));
                self.set("completed_at", json!(now));
                "response.completed"
            }
            Ending::Failed { code, message } => {
                self.set("status", json!("failed"));
                self.set("error", json!({"code": code.as_str(), "message": message}));
                "response.failed"
            }
        };
        self.snapshot(name, events);
    }

    fn item(&mut self, item: &OutputItem, events: &mut Vec<Event>) {
        let index = self.output.len();
        let done = match item {
            OutputItem::Message { text, phase } => self.message(index, text, *phase, events),
            OutputItem::FunctionCall {
                namespace,
                name,
                arguments,
            } => self.function_call(index, namespace.as_deref(), name, arguments, events),
            OutputItem::LocalShellCall {
                command,
                working_directory,
            } => {
                let mut item = json!({
                    "type": "local_shell_call", "id": (self.ids)("lsh"),
                    "call_id": (self.ids)("call"), "status": "in_progress",
                    "action": {"type": "exec", "command": command, "env": {}},
                });
                if let Some(directory) = working_directory {
                    item["action"]["working_directory"] = json!(directory);
                }
                self.added(index, &item, events);
                item["status"] = json!("completed");
                item
            }
        };
        self.event(
            "response.output_item.done",
            json!({"output_index": index, "item": done}),
            events,
        );
        self.output.push(done);
    }

    fn message(
        &mut self,
        index: usize,
        text: &str,
        phase: Phase,
        events: &mut Vec<Event>,
    ) -> Value {
        let id = (self.ids)("msg");
        let mut item = json!({
            "type": "message", "id": id, "status": "in_progress", "role": "assistant",
            "content": [], "phase": phase.as_str(),
        });
        self.added(index, &item, events);
        let at = |mut fields: Value| {
            fields["item_id"] = json!(id);
            fields["output_index"] = json!(index);
            fields["content_index"] = json!(0);
            fields
        };
        let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
        self.event(
            "response.content_part.added",
            at(json!({"part": part("")})),
            events,
        );
        // Codex shows a line when its end arrives, so lines are what the text is sent by.
        for line in text.split_inclusive('\n') {
            let delta = at(json!({"delta": line, "logprobs": []}));
            self.event("response.output_text.delta", delta, events);
        }
        let done = at(json!({"text": text, "logprobs": []}));
        self.event("response.output_text.done", done, events);
        self.event(
            "response.content_part.done",
            at(json!({"part": part(text)})),
            events,
        );
        item["status"] = json!("completed");
        item["content"] = json!([part(text)]);
        item
    }

    fn function_call(
        &mut self,
        index: usize,
        namespace: Option<&str>,
        name: &str,
        arguments: &str,
        events: &mut Vec<Event>,
    ) -> Value {
        let id = (self.ids)("fc");
        let mut item = json!({
            "type": "function_call", "id": id, "call_id": (self.ids)("call"), "name": name,
            "arguments": "", "status": "in_progress",
        });
        if let Some(namespace) = namespace {
            item["namespace"] = json!(namespace);
        }
        self.added(index, &item, events);
        self.event(
            "response.function_call_arguments.delta",
            json!({"item_id": id, "output_index": index, "delta": arguments}),
            events,
        );
        self.event(
            "response.function_call_arguments.done",
            json!({"item_id": id, "output_index": index, "arguments": arguments}),
            events,
        );
        item["status"] = json!("completed");
        item["arguments"] = json!(arguments);
        item
    }

    fn added(&mut self, index: usize, item: &Value, events: &mut Vec<Event>) {
        self.event(
            "response.output_item.added",
            json!({"output_index": index, "item": item}),
            events,
        );
    }

    fn snapshot(&mut self, name: &'static str, events: &mut Vec<Event>) {
        let response = self.response();
        self.event(name, json!({"response": response}), events);
    }

    fn event(&mut self, name: &'static str, fields: Value, events: &mut Vec<Event>) {
        let mut data = Map::new();
        data.insert("type".into(), name.into());
        data.insert("sequence_number".into(), self.sequence_number.into());
        if let Value::Object(fields) = fields {
            data.extend(fields);
        }
        self.sequence_number += 1;
        events.push(Event {
            name,
            data: Value::Object(data),
        });
    }

    fn set(&mut self, key: &str, value: Value) {
        self.response.insert(key.into(), value);
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
