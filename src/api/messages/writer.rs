//! Writes a message: the events of a stream, or the document.

use serde_json::{Map, Value, json};

use super::error_object;
use crate::api::{
    ApiError, Body, Ending, Frame, Ids, Phase, Reply, Request, ResponseWriter, Usage,
};

/// Converts replies into events, and keeps the message that they add up to.
pub struct MessagesWriter {
    ids: Ids,
    id: String,
    model: String,
    content: Vec<Value>,
    /// The text block that is being typed live; it is the next block.
    live: Option<(String, Phase)>,
    calls: bool,
    usage: Usage,
    ending: Option<Ending>,
}

impl MessagesWriter {
    /// A message in answer to `request`.
    pub fn new(request: &Request, mut ids: Ids) -> Self {
        Self {
            id: ids("msg"),
            ids,
            model: request.model.clone(),
            content: Vec::new(),
            live: None,
            calls: false,
            usage: Usage::default(),
            ending: None,
        }
    }

    fn message(&self, stop_reason: Option<&str>) -> Value {
        json!({
            "id": self.id, "type": "message", "role": "assistant", "model": self.model,
            "content": self.content, "stop_reason": stop_reason, "stop_sequence": null,
            "usage": self.usage_object(),
        })
    }

    fn usage_object(&self) -> Value {
        json!({
            "input_tokens": self.usage.input, "output_tokens": self.usage.output,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        })
    }

    fn stop_reason(&self) -> &'static str {
        match (&self.ending, self.calls) {
            (Some(Ending::OutOfTokens), _) => "max_tokens",
            (_, true) => "tool_use",
            (_, false) => "end_turn",
        }
    }

    fn start_block(&self, block: &Value) -> Frame {
        event(
            "content_block_start",
            json!({"index": self.content.len(), "content_block": block}),
        )
    }

    fn delta(&self, delta: Value) -> Frame {
        event(
            "content_block_delta",
            json!({"index": self.content.len(), "delta": delta}),
        )
    }

    fn stop_block(&mut self, block: Value, frames: &mut Vec<Frame>) {
        frames.push(event(
            "content_block_stop",
            json!({"index": self.content.len()}),
        ));
        self.content.push(block);
    }

    /// Writes a block of text. Notes end with a line break, because clients concatenate the blocks.
    fn text(&mut self, text: &str, is_note: bool, frames: &mut Vec<Frame>) {
        let mut text = text.to_owned();
        if is_note && !text.ends_with('\n') {
            text.push('\n');
        }
        frames.push(self.start_block(&json!({"type": "text", "text": ""})));
        for line in text.split_inclusive('\n') {
            frames.push(self.delta(json!({"type": "text_delta", "text": line})));
        }
        self.stop_block(json!({"type": "text", "text": text}), frames);
    }

    fn live(&mut self, delta: &str, phase: Phase, frames: &mut Vec<Frame>) {
        let (mut text, phase) = match self.live.take() {
            Some(live) => live,
            None => {
                frames.push(self.start_block(&json!({"type": "text", "text": ""})));
                (String::new(), phase)
            }
        };
        frames.push(self.delta(json!({"type": "text_delta", "text": delta})));
        text.push_str(delta);
        self.live = Some((text, phase));
    }

    fn close_live(&mut self, frames: &mut Vec<Frame>) {
        if let Some((mut text, phase)) = self.live.take() {
            if phase == Phase::Commentary && !text.ends_with('\n') {
                frames.push(self.delta(json!({"type": "text_delta", "text": "\n"})));
                text.push('\n');
            }
            self.stop_block(json!({"type": "text", "text": text}), frames);
        }
    }

    fn item(&mut self, item: &Body, frames: &mut Vec<Frame>) {
        match item {
            Body::Message { phase, .. } => {
                self.text(&item.words(), *phase == Some(Phase::Commentary), frames);
            }
            Body::Reasoning { .. } => self.thinking(&item.words(), frames),
            Body::FunctionCall {
                name, arguments, ..
            } => {
                let input = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
                self.tool_use(name, input, arguments, frames);
            }
            Body::CustomToolCall { name, input } => {
                let input = json!({"input": input});
                self.tool_use(name, input.clone(), &input.to_string(), frames);
            }
            Body::LocalShellCall { command, .. } => {
                let input = json!({"command": command});
                self.tool_use("local_shell", input.clone(), &input.to_string(), frames);
            }
            Body::ShellCall { commands, .. } => {
                let input = json!({"commands": commands});
                self.tool_use("shell", input.clone(), &input.to_string(), frames);
            }
        }
    }

    fn thinking(&mut self, thoughts: &str, frames: &mut Vec<Frame>) {
        let block =
            |thinking: &str| json!({"type": "thinking", "thinking": thinking, "signature": ""});
        frames.push(self.start_block(&block("")));
        frames.push(self.delta(json!({"type": "thinking_delta", "thinking": thoughts})));
        // Clients send the signature back, and some expect a `signature_delta`.
        frames.push(self.delta(json!({"type": "signature_delta", "signature": ""})));
        self.stop_block(block(thoughts), frames);
    }

    fn tool_use(&mut self, name: &str, input: Value, json: &str, frames: &mut Vec<Frame>) {
        let mut block = json!({"type": "tool_use", "id": (self.ids)("toolu"), "name": name,
            "input": {}});
        frames.push(self.start_block(&block));
        frames.push(self.delta(json!({"type": "input_json_delta", "partial_json": json})));
        block["input"] = input;
        self.stop_block(block, frames);
        self.calls = true;
    }

    fn failure(&self) -> Option<ApiError> {
        self.ending.as_ref()?.error()
    }
}

impl ResponseWriter for MessagesWriter {
    fn id(&self) -> &str {
        &self.id
    }

    fn start(&mut self) -> Vec<Frame> {
        vec![event(
            "message_start",
            json!({"message": self.message(None)}),
        )]
    }

    fn heartbeat(&mut self) -> Frame {
        event("ping", json!({}))
    }

    fn reply(&mut self, reply: &Reply, _now: u64, usage: Option<Usage>) -> Vec<Frame> {
        let mut frames = Vec::new();
        match reply {
            Reply::Live { delta, phase } => self.live(delta, *phase, &mut frames),
            Reply::Items(items) | Reply::End { items, .. } => {
                self.close_live(&mut frames);
                for item in items {
                    self.item(item, &mut frames);
                }
            }
        }
        let Reply::End { ending, .. } = reply else {
            return frames;
        };
        self.usage = usage.unwrap_or_default();
        self.ending = Some(ending.clone());
        match self.failure() {
            Some(error) => frames.push(Frame {
                event: Some("error"),
                data: error_object(&error).to_string().into(),
            }),
            None => {
                let delta = json!({"stop_reason": self.stop_reason(), "stop_sequence": null});
                let fields = json!({"delta": delta, "usage": self.usage_object()});
                frames.push(event("message_delta", fields));
                frames.push(event("message_stop", json!({})));
            }
        }
        frames
    }

    fn document(&self) -> Result<String, ApiError> {
        match self.failure() {
            Some(error) => Err(error),
            None => Ok(self.message(Some(self.stop_reason())).to_string()),
        }
    }
}

fn event(name: &'static str, fields: Value) -> Frame {
    let mut data = Map::new();
    data.insert("type".into(), name.into());
    if let Value::Object(fields) = fields {
        data.extend(fields);
    }
    Frame {
        event: Some(name),
        data: Value::Object(data).to_string().into(),
    }
}
