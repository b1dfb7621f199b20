//! Writes a request for Anthropic's Messages API.

use serde_json::{Map, Value, json};

use super::DraftContext;
use super::generation_options::{GenerationOptions, ToolUse};
use super::history::{AssistantTurn, HistoryPart, ModelCall, ModelHistory};
use crate::api::OutputFormat;

/// Default of `max_tokens`, which the format requires.
const MAX_TOKENS: u64 = 8_192;

/// System prompt that asks for JSON, because the format has no field for it.
const JSON_ONLY: &str = "Answer with one JSON object, and nothing before or behind it.";

/// The fields of the request.
pub(super) fn body(
    ask: &DraftContext<'_>,
    mut history: ModelHistory,
    terms: &GenerationOptions,
) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".into(), ask.model.into());
    body.insert("stream".into(), true.into());
    let most = terms.max_tokens.unwrap_or(MAX_TOKENS);
    body.insert("max_tokens".into(), most.into());
    if !terms.functions.is_empty() {
        let tools = terms.functions.iter().map(|function| {
            let mut schema = function.parameters.clone();
            if let Some(fields) = schema.as_object_mut() {
                fields.entry("type").or_insert_with(|| "object".into());
            }
            json!({"name": function.name, "description": function.description,
                "input_schema": schema})
        });
        body.insert("tools".into(), tools.collect());
    }
    if let Some(choice) = choice(terms) {
        body.insert("tool_choice".into(), choice);
    }
    match &terms.output {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => history.system.push(JSON_ONLY.into()),
        OutputFormat::JsonSchema { schema, .. } => {
            let format = json!({"type": "json_schema", "schema": schema});
            body.insert("output_config".into(), json!({"format": format}));
        }
    }
    let system = history.system.join("\n\n");
    if !system.is_empty() {
        body.insert("system".into(), system.into());
    }
    body.insert("messages".into(), messages(&history).into());
    // Blank stop sequences are rejected.
    let stop = terms.stop.iter().filter(|text| !text.trim().is_empty());
    let stop: Vec<&String> = stop.collect();
    if !stop.is_empty() {
        body.insert("stop_sequences".into(), json!(stop));
    }
    terms.insert_numbers(&["temperature", "top_p", "top_k"], &mut body);
    // The maximum is 1 in this format.
    if let Some(heat) = body.get_mut("temperature")
        && heat.as_f64().is_some_and(|degrees| degrees > 1.0)
    {
        *heat = json!(1);
    }
    body
}

fn choice(terms: &GenerationOptions) -> Option<Value> {
    let kind = match terms.choice {
        ToolUse::None => return Some(json!({"type": "none"})),
        ToolUse::Required => "any",
        ToolUse::Auto => "auto",
    };
    match (kind, terms.one_call) {
        ("auto", false) => None,
        (kind, false) => Some(json!({"type": kind})),
        (kind, true) => Some(json!({"type": kind, "disable_parallel_tool_use": true})),
    }
}

/// Alternating messages: outputs of calls come before the next text of the user.
fn messages(history: &ModelHistory) -> Vec<Value> {
    let mut messages = Vec::new();
    let mut outputs: Vec<Value> = Vec::new();
    for (place, turn) in history.turns.iter().enumerate() {
        let mut blocks = std::mem::take(&mut outputs);
        blocks.extend(turn.user.iter().map(block));
        if !blocks.is_empty() {
            messages.push(json!({"role": "user", "content": blocks}));
        }
        let is_last = place + 1 == history.turns.len();
        if !turn.assistant.is_empty() {
            let is_begun = is_last && history.is_prefilled;
            messages.push(json!({"role": "assistant", "content": said(&turn.assistant, is_begun)}));
        }
        outputs.extend(turn.assistant.calls.iter().map(output));
    }
    if !outputs.is_empty() {
        messages.push(json!({"role": "user", "content": outputs}));
    }
    messages
}

fn block(part: &HistoryPart) -> Value {
    let url = match part {
        HistoryPart::Text(text) => return json!({"type": "text", "text": text}),
        HistoryPart::Image(url) => url,
    };
    let data = url.strip_prefix("data:");
    let source = match data.and_then(|data| data.split_once(";base64,")) {
        Some((kind, data)) => json!({"type": "base64", "media_type": kind, "data": data}),
        None => json!({"type": "url", "url": url}),
    };
    json!({"type": "image", "source": source})
}

/// The blocks of the model, without its reasoning: that is accepted only with a signature of the
/// server that made it.
fn said(said: &AssistantTurn, is_begun: bool) -> Vec<Value> {
    let mut words: Vec<&str> = said.texts.iter().map(String::as_str).collect();
    // A prefilled answer must not end with white space.
    if let Some(last) = words.last_mut().filter(|_| is_begun) {
        *last = last.trim_end();
    }
    let words = words.into_iter();
    let texts = words.map(|text| json!({"type": "text", "text": text}));
    let calls = said.calls.iter().map(|call| {
        let input: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
    });
    texts.chain(calls).collect()
}

fn output(call: &ModelCall) -> Value {
    let content: Value = match &call.output {
        Some(parts) => parts.iter().map(block).collect(),
        None => call.output_words().into(),
    };
    json!({"type": "tool_result", "tool_use_id": call.id, "content": content})
}
