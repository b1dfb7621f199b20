//! Writes a response: the events of a stream, or the object of a plain answer.

use serde_json::{Map, Value, json};

use super::object;
use super::request::background;
use crate::api::{
    ApiError, Ending, Frame, Ids, OutputItem, Phase, Reply, Request, ResponseWriter, Usage,
};

/// The data of the last server-sent event of a stream, which is no event of the response.
pub const DONE: &str = "[DONE]";
/// The status of a background response that nobody has been asked for yet.
const QUEUED: &str = "queued";
/// The status of a response that waits for the person.
const IN_PROGRESS: &str = "in_progress";

/// One server-sent event of a response.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The name, equal to `type` in the data.
    pub name: &'static str,
    /// The data.
    pub data: Value,
}

/// Turns what the person says into the events of one response, in the order of the
/// specification, and keeps the response object that they add up to.
pub struct Writer {
    ids: Ids,
    sequence_number: u64,
    response: Map<String, Value>,
    output: Vec<Value>,
    /// Whether the item in hand is the last one, and was cut off.
    cut: bool,
    /// The message that is being typed live, which becomes the next output item.
    live: Option<OpenMessage>,
}

/// A message that has begun and not ended.
struct OpenMessage {
    index: usize,
    id: String,
    item: Value,
    text: String,
}

impl OpenMessage {
    /// The fields of an event about its only part.
    fn at(&self, mut fields: Value) -> Value {
        fields["item_id"] = json!(self.id);
        fields["output_index"] = json!(self.index);
        fields["content_index"] = json!(0);
        fields
    }
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}

pub(super) fn usage_object(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    })
}

impl Writer {
    /// A response to `request`, created at `created_at` (Unix seconds).
    pub fn new(request: &Request, created_at: u64, mut ids: Ids) -> Self {
        let mut response = Map::new();
        response.insert("id".into(), ids("resp").into());
        response.insert("object".into(), "response".into());
        response.insert("created_at".into(), created_at.into());
        response.insert("completed_at".into(), Value::Null);
        let is_background = background(&request.params);
        let status = if is_background { QUEUED } else { IN_PROGRESS };
        response.insert("status".into(), status.into());
        response.insert("incomplete_details".into(), Value::Null);
        response.insert("error".into(), Value::Null);
        response.insert("usage".into(), Value::Null);
        response.extend(object::echo(&request.params));
        Self {
            ids,
            sequence_number: 0,
            response,
            output: Vec::new(),
            cut: false,
            live: None,
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
        if self.response.get("status") == Some(&json!(QUEUED)) {
            self.snapshot("response.queued", &mut events);
            self.set("status", json!(IN_PROGRESS));
        }
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

    /// The events of a reply. `now` is the time in Unix seconds; `usage` is told at the end.
    pub fn reply(&mut self, reply: &Reply, now: u64, usage: Option<Usage>) -> Vec<Event> {
        let mut events = Vec::new();
        match reply {
            Reply::Live { delta, phase } => self.live(delta, *phase, &mut events),
            Reply::Items(items) | Reply::End { items, .. } => {
                // What was typed live is a message of its own, and is complete now.
                self.close_live(&mut events);
                let cut = match reply {
                    Reply::End { ending, .. } => *ending == Ending::OutOfTokens,
                    _ => false,
                };
                for (index, item) in items.iter().enumerate() {
                    self.cut = cut && index + 1 == items.len();
                    self.item(item, &mut events);
                }
            }
        }
        if let Reply::End { ending, .. } = reply {
            if let Some(usage) = usage {
                self.set("usage", usage_object(usage));
            }
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
            Ending::OutOfTokens => {
                self.set("status", json!("incomplete"));
                self.set("incomplete_details", json!({"reason": "max_output_tokens"}));
                "response.incomplete"
            }
            Ending::Failed { code, message } => {
                self.set("status", json!("failed"));
                // The type is more than the format asks for. Without it, the AI SDK 7 takes the
                // whole document for broken and shows nobody the message.
                let kind = ending.error().map(|error| error.kind);
                let error = json!({"code": code.as_str(), "message": message, "type": kind});
                self.set("error", error);
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
            OutputItem::Reasoning { summary } => self.reasoning(index, summary, events),
            OutputItem::CustomToolCall { name, input } => {
                self.custom_tool_call(index, name, input, events)
            }
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
        self.done(index, done, events);
    }

    fn done(&mut self, index: usize, item: Value, events: &mut Vec<Event>) {
        let fields = json!({"output_index": index, "item": item});
        self.event("response.output_item.done", fields, events);
        self.output.push(item);
    }

    fn message(
        &mut self,
        index: usize,
        text: &str,
        phase: Phase,
        events: &mut Vec<Event>,
    ) -> Value {
        let mut message = self.open_message(index, phase, events);
        self.grow_message(&mut message, text, events);
        self.close_message(message, events)
    }

    fn live(&mut self, delta: &str, phase: Phase, events: &mut Vec<Event>) {
        let mut message = match self.live.take() {
            Some(message) => message,
            None => self.open_message(self.output.len(), phase, events),
        };
        self.grow_message(&mut message, delta, events);
        self.live = Some(message);
    }

    fn close_live(&mut self, events: &mut Vec<Event>) {
        if let Some(message) = self.live.take() {
            let index = message.index;
            let item = self.close_message(message, events);
            self.done(index, item, events);
        }
    }

    fn open_message(&mut self, index: usize, phase: Phase, events: &mut Vec<Event>) -> OpenMessage {
        let id = (self.ids)("msg");
        let item = json!({
            "type": "message", "id": id, "status": "in_progress", "role": "assistant",
            "content": [], "phase": phase.as_str(),
        });
        self.added(index, &item, events);
        let message = OpenMessage {
            index,
            id,
            item,
            text: String::new(),
        };
        let part = message.at(json!({"part": text_part("")}));
        self.event("response.content_part.added", part, events);
        message
    }

    fn grow_message(&mut self, message: &mut OpenMessage, text: &str, events: &mut Vec<Event>) {
        // Codex shows a line when its end arrives, so lines are what the text is sent by.
        for line in text.split_inclusive('\n') {
            let delta = message.at(json!({"delta": line, "logprobs": []}));
            self.event("response.output_text.delta", delta, events);
        }
        message.text.push_str(text);
    }

    fn close_message(&mut self, message: OpenMessage, events: &mut Vec<Event>) -> Value {
        let text = message.text.as_str();
        let done = message.at(json!({"text": text, "logprobs": []}));
        self.event("response.output_text.done", done, events);
        let part = message.at(json!({"part": text_part(text)}));
        self.event("response.content_part.done", part, events);
        let mut item = message.item.clone();
        item["status"] = json!(if self.cut { "incomplete" } else { "completed" });
        item["content"] = json!([text_part(text)]);
        item
    }

    /// A reasoning item with its summary as one part, which Codex shows as thinking.
    fn reasoning(&mut self, index: usize, summary: &str, events: &mut Vec<Event>) -> Value {
        let id = (self.ids)("rs");
        // The prose wants a status in every item; the schema only leaves room for it here.
        let mut item = json!({"type": "reasoning", "id": id, "status": "in_progress",
            "summary": []});
        self.added(index, &item, events);
        let at = |mut fields: Value| {
            fields["item_id"] = json!(id);
            fields["output_index"] = json!(index);
            fields["summary_index"] = json!(0);
            fields
        };
        let part = |text: &str| json!({"type": "summary_text", "text": text});
        let name = "response.reasoning_summary_part.added";
        self.event(name, at(json!({"part": part("")})), events);
        for line in summary.split_inclusive('\n') {
            let name = "response.reasoning_summary_text.delta";
            self.event(name, at(json!({"delta": line})), events);
        }
        let name = "response.reasoning_summary_text.done";
        self.event(name, at(json!({"text": summary})), events);
        let name = "response.reasoning_summary_part.done";
        self.event(name, at(json!({"part": part(summary)})), events);
        item["summary"] = json!([part(summary)]);
        item["status"] = json!("completed");
        item
    }

    /// A call of a free-form tool. The public schema does not know it; it is sent only to a client
    /// that offered such a tool.
    fn custom_tool_call(
        &mut self,
        index: usize,
        name: &str,
        input: &str,
        events: &mut Vec<Event>,
    ) -> Value {
        let id = (self.ids)("ctc");
        let mut item = json!({
            "type": "custom_tool_call", "id": id, "call_id": (self.ids)("call"), "name": name,
            "input": "", "status": "in_progress",
        });
        self.added(index, &item, events);
        let delta = json!({"item_id": id, "output_index": index, "delta": input});
        self.event("response.custom_tool_call_input.delta", delta, events);
        let done = json!({"item_id": id, "output_index": index, "input": input});
        self.event("response.custom_tool_call_input.done", done, events);
        item["status"] = json!("completed");
        item["input"] = json!(input);
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

/// The same events as they are written.
impl ResponseWriter for Writer {
    fn id(&self) -> &str {
        self.id()
    }

    fn start(&mut self) -> Vec<Frame> {
        self.start().iter().map(Event::frame).collect()
    }

    fn heartbeat(&mut self) -> Frame {
        self.heartbeat().frame()
    }

    fn reply(&mut self, reply: &Reply, now: u64, usage: Option<Usage>) -> Vec<Frame> {
        let events = self.reply(reply, now, usage);
        let frames = events.iter().map(Event::frame);
        let last = reply.ends().then(|| Frame::data(DONE));
        frames.chain(last).collect()
    }

    fn document(&self) -> Result<Value, ApiError> {
        Ok(self.response())
    }
}

impl Event {
    fn frame(&self) -> Frame {
        Frame {
            event: Some(self.name),
            data: self.data.to_string(),
        }
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
