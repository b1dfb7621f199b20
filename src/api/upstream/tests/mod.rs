//! What goes to models, and what comes of them.

mod asks;
mod faults;
mod properties;
mod streams;
mod tools;

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::*;
use crate::api::{Interner, Piece, Usage};

/// Nothing but what the request says.
static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// A request as a client would send it.
fn request(format: Format, body: &Value) -> Request {
    format
        .parse(body.to_string().as_bytes(), &Interner::default())
        .unwrap()
}

/// What a model of a format is asked.
fn ask(request: &Request, format: Format) -> DraftContext<'_> {
    DraftContext {
        request,
        said: &[],
        continues: None,
        hint: None,
        model: "qwen3",
        format,
        continuing: Continuing::Prefill,
        takes_images: true,
        takes_thoughts: false,
        max_tokens: None,
        parameters: &NOTHING,
    }
}

fn body(asked: &UpstreamRequest) -> Value {
    serde_json::from_slice(&asked.body).unwrap()
}

/// The items of an answer and how it ended, with all that was streamed checked against the items.
fn read(reader: &mut UpstreamReader, events: &[Value]) -> (Vec<Body>, Option<Usage>, bool) {
    let mut pieces = Vec::new();
    for event in events {
        let (name, data) = match event {
            Value::String(text) => (None, text.clone()),
            event => (event["type"].as_str(), event.to_string()),
        };
        pieces.extend(reader.event(name, &data).unwrap());
    }
    pieces.extend(reader.end().unwrap());
    whole(pieces)
}

/// What pieces come to, which keep to the rules of [`Piece`].
fn whole(pieces: Vec<Piece>) -> (Vec<Body>, Option<Usage>, bool) {
    let mut items: Vec<Body> = Vec::new();
    let (mut text, mut thought, mut call) = (String::new(), String::new(), String::new());
    let mut done = None;
    for piece in pieces {
        assert_eq!(done, None, "nothing follows the end");
        match piece {
            Piece::Text(more) => {
                assert!(thought.is_empty() && call.is_empty());
                text.push_str(&more);
            }
            Piece::Thought(more) => {
                assert!(text.is_empty() && call.is_empty());
                thought.push_str(&more);
            }
            Piece::Call { arguments, .. } => {
                assert!(text.is_empty() && thought.is_empty());
                call.push_str(&arguments);
            }
            Piece::Item(item) => {
                match &item {
                    Body::Message { .. } => assert_eq!(item.words(), text.as_str()),
                    Body::Reasoning { .. } => assert_eq!(item.words(), thought.trim_end()),
                    Body::CustomToolCall { input, .. } => assert_eq!(*input, call),
                    _ => {}
                }
                for streamed in [&mut text, &mut thought, &mut call] {
                    streamed.clear();
                }
                items.push(item);
            }
            Piece::Done { usage, cut_off } => done = Some((usage, cut_off)),
        }
    }
    let (usage, cut_off) = done.expect("an end");
    if !cut_off {
        assert!(text.is_empty() && thought.is_empty() && call.is_empty());
    }
    (items, usage, cut_off)
}

/// The items alone.
fn items(format: Format, tools: &Value, events: &[Value]) -> Vec<Body> {
    let request = request(
        Format::Responses,
        &json!({"model": "m", "input": "hi", "tools": tools}),
    );
    let mut asked = ask(&request, format).write();
    read(&mut asked.reader, events).0
}

fn function(name: &str, arguments: &str) -> Body {
    Body::FunctionCall {
        namespace: None,
        name: name.into(),
        arguments: arguments.into(),
    }
}

/// The tools of Codex, in its own shapes.
fn codex_tools() -> Value {
    let text = json!({"type": "string"});
    json!([
        {"type": "function", "name": "exec_command", "description": "Runs a command in a PTY.",
            "strict": false,
            "parameters": {"type": "object", "additionalProperties": false, "required": ["cmd"],
                "properties": {"cmd": text, "workdir": text, "yield_time_ms": {"type": "number"}}}},
        {"type": "custom", "name": "apply_patch",
            "description": "Edits files. This is a FREEFORM tool, so do not wrap the patch in JSON.",
            "format": {"type": "grammar", "syntax": "lark",
                "definition": "start: \"*** Begin Patch\" LF hunk+ \"*** End Patch\" LF?"}},
        {"type": "namespace", "name": "multi_agent_v1", "description": "Sub-agents.", "tools": [
            {"type": "function", "name": "spawn_agent", "description": "Begins one.",
                "parameters": {"type": "object", "properties": {"prompt": text}}},
            {"type": "function", "name": "close_agent", "description": "Ends one.",
                "parameters": {"type": "object", "properties": {"id": text}}}]},
        {"type": "web_search", "external_web_access": false},
    ])
}

/// What a model of Chat Completions streams, from deltas of its only choice.
fn chat(deltas: &[Value], reason: &str) -> Vec<Value> {
    let chunk = |delta: &Value, reason: Value| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    };
    let mut events: Vec<Value> = deltas
        .iter()
        .map(|delta| chunk(delta, Value::Null))
        .collect();
    events.push(chunk(&json!({}), json!(reason)));
    events.push(json!("[DONE]"));
    events
}
