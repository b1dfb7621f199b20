//! Writes a response: the events of a stream, or the object of a plain answer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::object::{Checkpoint, ResponseObject, ResponseState, ResponseStatus, event};
use crate::api::{
    ApiError, Body, Ending, Frame, Ids, Phase, Reply, Request, ResponseWriter, Usage,
};

/// The data of the last server-sent event of a stream, which is not a JSON event.
pub const DONE: &str = "[DONE]";

/// Converts replies into the events of one response, in the order of the specification, and keeps
/// the response object that they add up to.
pub struct ResponsesWriter {
    ids: Ids,
    sequence_number: u64,
    response: ResponseObject,
    /// Whether the current item is the last one and was cut off.
    is_truncated: bool,
    /// The message that is being typed live, which becomes the next output item.
    live: Option<OpenMessage>,
}

/// A message that is being streamed.
#[derive(Debug, Serialize, Deserialize)]
struct OpenMessage {
    index: usize,
    id: String,
    phase: Phase,
    text: String,
}

impl OpenMessage {
    /// Adds the ids and indices of its only content part to the fields of an event.
    fn at(&self, mut fields: Value) -> Value {
        fields["item_id"] = json!(self.id);
        fields["output_index"] = json!(self.index);
        fields["content_index"] = json!(0);
        fields
    }

    /// The message as an output item.
    fn item(&self, status: &str, content: Value) -> Value {
        json!({
            "type": "message", "id": self.id, "status": status, "role": "assistant",
            "content": content, "phase": self.phase.as_str(),
        })
    }
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}

impl ResponsesWriter {
    /// A response to `request`, created at `created_at` (Unix seconds).
    pub fn new(request: &Request, created_at: u64, mut ids: Ids) -> Self {
        let response = ResponseObject::new(request, ids("resp"), created_at);
        Self {
            ids,
            sequence_number: 0,
            response,
            is_truncated: false,
            live: None,
        }
    }

    /// Resumes a response from a [`ResponseWriter::checkpoint`]; `None` if that cannot be read.
    pub(crate) fn resume(request: &Request, checkpoint: &str, ids: Ids) -> Option<Self> {
        let checkpoint: Checkpoint<ResponseState, OpenMessage> =
            serde_json::from_str(checkpoint).ok()?;
        Some(Self {
            ids,
            sequence_number: checkpoint.sequence_number,
            response: ResponseObject::resume(request, checkpoint.state),
            is_truncated: false,
            live: checkpoint.live,
        })
    }

    /// A checkpoint as JSON, to resume the response later.
    pub(crate) fn checkpoint(&self) -> String {
        Checkpoint::to_json(
            self.response.state(),
            self.sequence_number,
            self.live.as_ref(),
        )
    }

    /// Whether its first events have been written.
    pub(crate) fn has_started(&self) -> bool {
        self.sequence_number > 0
    }

    /// The events that are sent before the person has read the request.
    fn start_events(&mut self) -> Vec<Frame> {
        let mut events = Vec::new();
        self.snapshot("response.created", &mut events);
        if self.response.status() == ResponseStatus::Queued {
            self.snapshot("response.queued", &mut events);
            self.response.set_status(ResponseStatus::InProgress);
        }
        self.snapshot("response.in_progress", &mut events);
        events
    }

    /// The heartbeat event. Codex resets its idle timeout on events only, so a comment would not
    /// do.
    fn heartbeat_event(&mut self) -> Frame {
        let event = self.response.heartbeat(self.sequence_number);
        self.sequence_number += 1;
        event
    }

    /// The events of a reply. `now` is the time in Unix seconds; `usage` is sent with the last
    /// event.
    fn reply_events(&mut self, reply: &Reply, now: u64, usage: Option<Usage>) -> Vec<Frame> {
        let mut events = Vec::new();
        match reply {
            Reply::Live { delta, phase } => self.live(delta, *phase, &mut events),
            Reply::Items(items) | Reply::End { items, .. } => {
                // A message typed live is complete now.
                self.close_live(&mut events);
                let cut = match reply {
                    Reply::End { ending, .. } => *ending == Ending::OutOfTokens,
                    _ => false,
                };
                for (index, item) in items.iter().enumerate() {
                    self.is_truncated = cut && index + 1 == items.len();
                    self.item(item, &mut events);
                }
            }
        }
        if let Reply::End { ending, .. } = reply {
            if let Some(usage) = usage {
                self.response.set_usage(usage);
            }
            self.end(ending, now, &mut events);
        }
        events
    }

    fn end(&mut self, ending: &Ending, now: u64, events: &mut Vec<Frame>) {
        self.response.end(ending, now);
        let name = match ending {
            Ending::Completed => "response.completed",
            Ending::OutOfTokens => "response.incomplete",
            Ending::Failed { .. } => "response.failed",
        };
        self.snapshot(name, events);
    }

    fn item(&mut self, item: &Body, events: &mut Vec<Frame>) {
        let index = self.response.output().len();
        let done = match item {
            Body::Message { phase, .. } => {
                // A message without a phase is the answer.
                let phase = phase.unwrap_or(Phase::FinalAnswer);
                self.message(index, &item.words(), phase, events)
            }
            Body::FunctionCall {
                namespace,
                name,
                arguments,
            } => self.function_call(index, namespace.as_deref(), name, arguments, events),
            Body::Reasoning { .. } => self.reasoning(index, &item.words(), events),
            Body::CustomToolCall { name, input } => {
                self.custom_tool_call(index, name, input, events)
            }
            Body::LocalShellCall {
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
                self.item_added(index, &item, events);
                item["status"] = json!("completed");
                item
            }
            Body::ShellCall {
                commands,
                timeout_ms,
                max_output_length,
            } => {
                let limits = [
                    ("timeout_ms", *timeout_ms),
                    ("max_output_length", *max_output_length),
                ];
                self.shell_call(index, commands, limits, events)
            }
        };
        self.item_done(index, done, events);
    }

    fn item_done(&mut self, index: usize, item: Value, events: &mut Vec<Frame>) {
        let item: Arc<str> = item.to_string().into();
        let parts = format!("\"output_index\":{index},\"item\":{item}");
        self.raw_event("response.output_item.done", &parts, events);
        self.response.push(item);
    }

    fn message(
        &mut self,
        index: usize,
        text: &str,
        phase: Phase,
        events: &mut Vec<Frame>,
    ) -> Value {
        let mut message = self.open_message(index, phase, events);
        self.append_to_message(&mut message, text, events);
        self.close_message(message, events)
    }

    fn live(&mut self, delta: &str, phase: Phase, events: &mut Vec<Frame>) {
        let mut message = match self.live.take() {
            Some(message) => message,
            None => self.open_message(self.response.output().len(), phase, events),
        };
        self.append_to_message(&mut message, delta, events);
        self.live = Some(message);
    }

    fn close_live(&mut self, events: &mut Vec<Frame>) {
        if let Some(message) = self.live.take() {
            let index = message.index;
            let item = self.close_message(message, events);
            self.item_done(index, item, events);
        }
    }

    fn open_message(&mut self, index: usize, phase: Phase, events: &mut Vec<Frame>) -> OpenMessage {
        let message = OpenMessage {
            index,
            id: (self.ids)("msg"),
            phase,
            text: String::new(),
        };
        self.item_added(index, &message.item("in_progress", json!([])), events);
        let part = message.at(json!({"part": text_part("")}));
        self.event("response.content_part.added", part, events);
        message
    }

    fn append_to_message(
        &mut self,
        message: &mut OpenMessage,
        text: &str,
        events: &mut Vec<Frame>,
    ) {
        // Sent line by line, because Codex shows a line when its end arrives.
        for line in text.split_inclusive('\n') {
            let delta = message.at(json!({"delta": line, "logprobs": []}));
            self.event("response.output_text.delta", delta, events);
        }
        message.text.push_str(text);
    }

    fn close_message(&mut self, message: OpenMessage, events: &mut Vec<Frame>) -> Value {
        let text = message.text.as_str();
        let done = message.at(json!({"text": text, "logprobs": []}));
        self.event("response.output_text.done", done, events);
        let part = message.at(json!({"part": text_part(text)}));
        self.event("response.content_part.done", part, events);
        let status = if self.is_truncated {
            "incomplete"
        } else {
            "completed"
        };
        message.item(status, json!([text_part(text)]))
    }

    /// A reasoning item with its summary as one part, which Codex shows as thinking.
    fn reasoning(&mut self, index: usize, summary: &str, events: &mut Vec<Frame>) -> Value {
        let id = (self.ids)("rs");
        // The text of the specification wants a status in every item; the schema merely allows one
        // here.
        let mut item = json!({"type": "reasoning", "id": id, "status": "in_progress",
            "summary": []});
        self.item_added(index, &item, events);
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
        events: &mut Vec<Frame>,
    ) -> Value {
        let id = (self.ids)("ctc");
        let mut item = json!({
            "type": "custom_tool_call", "id": id, "call_id": (self.ids)("call"), "name": name,
            "input": "", "status": "in_progress",
        });
        self.item_added(index, &item, events);
        let delta = json!({"item_id": id, "output_index": index, "delta": input});
        self.event("response.custom_tool_call_input.delta", delta, events);
        let done = json!({"item_id": id, "output_index": index, "input": input});
        self.event("response.custom_tool_call_input.done", done, events);
        item["status"] = json!("completed");
        item["input"] = json!(input);
        item
    }

    /// A call of OpenAI's built-in shell. The public schema does not know it; it is sent only to a
    /// client that offered that tool.
    fn shell_call(
        &mut self,
        index: usize,
        commands: &[String],
        limits: [(&str, Option<u64>); 2],
        events: &mut Vec<Frame>,
    ) -> Value {
        let mut item = json!({
            "type": "shell_call", "id": (self.ids)("sh"), "call_id": (self.ids)("call"),
            "status": "in_progress", "action": {"commands": []},
            "environment": {"type": "local"},
        });
        for (name, limit) in limits {
            if let Some(limit) = limit {
                item["action"][name] = json!(limit);
            }
        }
        self.item_added(index, &item, events);
        for (at, command) in commands.iter().enumerate() {
            let place = |field: &str, text: &str| {
                let mut fields = json!({"output_index": index, "command_index": at});
                fields[field] = json!(text);
                fields
            };
            let name = "response.shell_call_command.added";
            self.event(name, place("command", ""), events);
            let name = "response.shell_call_command.delta";
            self.event(name, place("delta", command), events);
            let name = "response.shell_call_command.done";
            self.event(name, place("command", command), events);
        }
        item["status"] = json!("completed");
        item["action"]["commands"] = json!(commands);
        item
    }

    fn function_call(
        &mut self,
        index: usize,
        namespace: Option<&str>,
        name: &str,
        arguments: &str,
        events: &mut Vec<Frame>,
    ) -> Value {
        let id = (self.ids)("fc");
        let mut item = json!({
            "type": "function_call", "id": id, "call_id": (self.ids)("call"), "name": name,
            "arguments": "", "status": "in_progress",
        });
        if let Some(namespace) = namespace {
            item["namespace"] = json!(namespace);
        }
        self.item_added(index, &item, events);
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

    fn item_added(&mut self, index: usize, item: &Value, events: &mut Vec<Frame>) {
        self.event(
            "response.output_item.added",
            json!({"output_index": index, "item": item}),
            events,
        );
    }

    fn snapshot(&mut self, name: &'static str, events: &mut Vec<Frame>) {
        events.push(self.response.event(name, self.sequence_number));
        self.sequence_number += 1;
    }

    fn event(&mut self, name: &'static str, fields: Value, events: &mut Vec<Frame>) {
        let fields: Map<String, Value> = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let fields = Value::Object(fields).to_string();
        self.raw_event(name, &fields[1..fields.len() - 1], events);
    }

    /// An event with these fields, in JSON without the brackets around it.
    fn raw_event(&mut self, name: &'static str, fields: &str, events: &mut Vec<Frame>) {
        events.push(event(name, self.sequence_number, fields));
        self.sequence_number += 1;
    }
}

impl ResponseWriter for ResponsesWriter {
    fn id(&self) -> &str {
        self.response.id()
    }

    fn start(&mut self) -> Vec<Frame> {
        self.start_events()
    }

    fn heartbeat(&mut self) -> Frame {
        self.heartbeat_event()
    }

    fn reply(&mut self, reply: &Reply, now: u64, usage: Option<Usage>) -> Vec<Frame> {
        let mut frames = self.reply_events(reply, now, usage);
        frames.extend(reply.ends().then(|| Frame::data(DONE)));
        frames
    }

    fn document(&self) -> Result<String, ApiError> {
        Ok(self.response.to_json())
    }

    fn response(&self) -> Option<&ResponseObject> {
        Some(&self.response)
    }

    fn checkpoint(&self) -> Option<String> {
        Some(self.checkpoint())
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
