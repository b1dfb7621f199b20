//! Writes a chat completion: the chunks of a stream, or the document.

use serde_json::{Map, Value, json};

use crate::api::fields::Fields;
use crate::api::{
    ApiError, Body, Ending, Frame, Ids, Phase, Reply, Request, ResponseWriter, Usage,
};

/// Converts replies into chunks, and keeps the message that they add up to.
pub struct ChatWriter {
    ids: Ids,
    id: String,
    model: String,
    created: u64,
    include_usage: bool,
    /// Whether the client uses the deprecated `functions`, so that the call is sent as
    /// `function_call`.
    legacy_functions: bool,
    content: String,
    /// Sent as `reasoning_content`: the format itself has no place for reasoning, and most clients
    /// know this field.
    reasoning: String,
    calls: Vec<Value>,
    usage: Option<Usage>,
    ending: Option<Ending>,
    /// Whether the last text was a note, after which the next one begins on a new line.
    after_note: bool,
    /// The phase of the message that is being typed live.
    live: Option<Phase>,
}

impl ChatWriter {
    /// A completion for `request`, created at `created` (Unix seconds).
    pub fn new(request: &Request, created: u64, mut ids: Ids) -> Self {
        let fields = Fields::of_text(request.envelope.text());
        let options = fields.object("stream_options");
        let include_usage = options.flag("include_usage").ok().flatten();
        Self {
            id: ids("chatcmpl"),
            ids,
            model: request.model.clone(),
            created,
            include_usage: include_usage.unwrap_or(false),
            legacy_functions: request.tools.are_functions(),
            content: String::new(),
            reasoning: String::new(),
            calls: Vec::new(),
            usage: None,
            ending: None,
            after_note: false,
            live: None,
        }
    }

    fn chunk(&self, delta: Value, finish_reason: Option<&str>) -> Frame {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null,
            "finish_reason": finish_reason});
        self.object("chat.completion.chunk", json!([choice]), Value::Null)
    }

    fn object(&self, kind: &str, choices: Value, usage: Value) -> Frame {
        Frame::data(self.document_of(kind, choices, usage))
    }

    fn document_of(&self, kind: &str, choices: Value, usage: Value) -> Value {
        let mut object = json!({"id": self.id, "object": kind, "created": self.created,
            "model": self.model, "choices": choices, "system_fingerprint": null});
        if kind == "chat.completion" || self.include_usage {
            object["usage"] = usage;
        }
        object
    }

    fn finish_reason(&self) -> &'static str {
        if self.ending == Some(Ending::OutOfTokens) {
            return "length";
        }
        match (self.calls.is_empty(), self.legacy_functions) {
            (true, _) => "stop",
            (false, false) => "tool_calls",
            (false, true) => "function_call",
        }
    }

    /// Adds to the content. A completion has a single message, so notes become lines of it.
    fn text(&mut self, text: &str, is_note: bool, frames: &mut Vec<Frame>) {
        let mut added = String::new();
        if self.after_note && !self.content.ends_with('\n') {
            added.push('\n');
        }
        added.push_str(text);
        if is_note && !text.ends_with('\n') {
            added.push('\n');
        }
        self.after_note = is_note;
        for line in added.split_inclusive('\n') {
            frames.push(self.chunk(json!({"content": line}), None));
        }
        self.content.push_str(&added);
    }

    /// Adds reasoning, each on lines of its own.
    fn write_thoughts(&mut self, thoughts: &str, frames: &mut Vec<Frame>) {
        let mut added = String::new();
        if !self.reasoning.is_empty() {
            added.push('\n');
        }
        added.push_str(thoughts);
        for line in added.split_inclusive('\n') {
            frames.push(self.chunk(json!({"reasoning_content": line}), None));
        }
        self.reasoning.push_str(&added);
    }

    fn item(&mut self, item: &Body, frames: &mut Vec<Frame>) {
        let call = match item {
            Body::Message { phase, .. } => {
                let is_note = *phase == Some(Phase::Commentary);
                return self.text(&item.words(), is_note, frames);
            }
            Body::Reasoning { .. } => return self.write_thoughts(&item.words(), frames),
            Body::FunctionCall {
                name, arguments, ..
            } => {
                json!({"type": "function", "function": {"name": name, "arguments": arguments}})
            }
            Body::CustomToolCall { name, input } => {
                json!({"type": "custom", "custom": {"name": name, "input": input}})
            }
            Body::LocalShellCall { command, .. } => {
                let arguments = json!({"command": command}).to_string();
                json!({"type": "function",
                    "function": {"name": "local_shell", "arguments": arguments}})
            }
            Body::ShellCall { commands, .. } => {
                let arguments = json!({"commands": commands}).to_string();
                json!({"type": "function", "function": {"name": "shell", "arguments": arguments}})
            }
        };
        let mut whole = Map::new();
        whole.insert("id".into(), (self.ids)("call").into());
        if let Value::Object(call) = call {
            whole.extend(call);
        }
        let delta = if self.legacy_functions {
            json!({"function_call": whole.get("function")})
        } else {
            let mut part = Map::new();
            part.insert("index".into(), self.calls.len().into());
            part.extend(whole.clone());
            json!({"tool_calls": [part]})
        };
        frames.push(self.chunk(delta, None));
        self.calls.push(Value::Object(whole));
    }

    fn usage_object(&self) -> Value {
        let Some(usage) = self.usage else {
            return Value::Null;
        };
        json!({
            "prompt_tokens": usage.input,
            "completion_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning,
                "audio_tokens": 0, "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0},
        })
    }

    fn failure(&self) -> Option<ApiError> {
        self.ending.as_ref()?.error()
    }
}

impl ResponseWriter for ChatWriter {
    fn id(&self) -> &str {
        &self.id
    }

    fn start(&mut self) -> Vec<Frame> {
        vec![self.chunk(
            json!({"role": "assistant", "content": "", "refusal": null}),
            None,
        )]
    }

    /// A chunk with an empty delta: the format has no event for a heartbeat, and clients accept
    /// this one.
    fn heartbeat(&mut self) -> Frame {
        self.chunk(json!({}), None)
    }

    fn reply(&mut self, reply: &Reply, _now: u64, usage: Option<Usage>) -> Vec<Frame> {
        let mut frames = Vec::new();
        if let Reply::Live { delta, phase } = reply {
            self.text(delta, false, &mut frames);
            self.live.get_or_insert(*phase);
        } else if let Some(phase) = self.live.take() {
            self.after_note = phase == Phase::Commentary;
        }
        for item in reply.items() {
            self.item(item, &mut frames);
        }
        let Reply::End { ending, .. } = reply else {
            return frames;
        };
        (self.usage, self.ending) = (usage, Some(ending.clone()));
        match self.failure() {
            Some(error) => frames.push(Frame::data(error.to_json())),
            None => {
                frames.push(self.chunk(json!({}), Some(self.finish_reason())));
                if self.include_usage {
                    let usage = self.usage_object();
                    frames.push(self.object("chat.completion.chunk", json!([]), usage));
                }
            }
        }
        frames.push(Frame::data("[DONE]"));
        frames
    }

    fn document(&self) -> Result<String, ApiError> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        let has_content = !self.content.is_empty() || self.calls.is_empty();
        let content = if has_content {
            json!(self.content)
        } else {
            Value::Null
        };
        let mut message = json!({"role": "assistant", "content": content, "refusal": null,
            "annotations": []});
        if !self.reasoning.is_empty() {
            message["reasoning_content"] = json!(self.reasoning);
        }
        match self.calls.first() {
            Some(call) if self.legacy_functions => {
                message["function_call"] = call["function"].clone()
            }
            Some(_) => message["tool_calls"] = json!(self.calls),
            None => {}
        }
        let choice = json!({"index": 0, "message": message, "logprobs": null,
            "finish_reason": self.finish_reason()});
        let document = self.document_of("chat.completion", json!([choice]), self.usage_object());
        Ok(document.to_string())
    }
}
