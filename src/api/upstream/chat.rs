//! Writes a request for Chat Completions.

use serde_json::{Map, Value, json};

use super::DraftContext;
use super::generation_options::GenerationOptions;
use super::history::{AssistantTurn, HistoryPart, ModelCall, ModelHistory, words_of};
use super::tools::Function;

/// The fields of the request.
pub(super) fn body(
    ask: &DraftContext<'_>,
    mut history: ModelHistory,
    terms: &GenerationOptions,
) -> Map<String, Value> {
    history.pictures_to_user();
    let mut body = Map::new();
    body.insert("model".into(), ask.model.into());
    body.insert("stream".into(), true.into());
    body.insert("stream_options".into(), json!({"include_usage": true}));
    if !terms.functions.is_empty() {
        let tools = terms.functions.iter().map(tool);
        body.insert("tools".into(), tools.collect());
    }
    if let Some(choice) = terms.choice_word() {
        body.insert("tool_choice".into(), choice.into());
    }
    body.insert("messages".into(), messages(ask, &history).into());
    if terms.one_call {
        body.insert("parallel_tool_calls".into(), false.into());
    }
    if let Some(format) = terms.schema() {
        let format = nested(format);
        body.insert("response_format".into(), format);
    }
    if let Some(most) = terms.max_tokens {
        // Fewer servers know the newer `max_completion_tokens`.
        body.insert("max_tokens".into(), most.into());
    }
    if !terms.stop.is_empty() {
        body.insert("stop".into(), json!(terms.stop));
    }
    terms.insert_numbers(
        &[
            "temperature",
            "top_p",
            "presence_penalty",
            "frequency_penalty",
            "seed",
        ],
        &mut body,
    );
    body
}

/// The definition of a function.
pub(super) fn tool(function: &Function) -> Value {
    let mut known = json!({"name": function.name, "description": function.description,
        "parameters": function.parameters});
    if function.strict {
        known["strict"] = json!(true);
    }
    json!({"type": "function", "function": known})
}

/// `response_format`, with the schema nested as this format wants it.
fn nested(format: Value) -> Value {
    match format {
        Value::Object(mut fields) if fields.contains_key("schema") => {
            fields.shift_remove("type");
            json!({"type": "json_schema", "json_schema": fields})
        }
        other => other,
    }
}

pub(super) fn messages(ask: &DraftContext<'_>, history: &ModelHistory) -> Vec<Value> {
    let mut messages = Vec::new();
    let system = history.system.join("\n\n");
    if !system.is_empty() {
        messages.push(json!({"role": "system", "content": system}));
    }
    for turn in &history.turns {
        if !turn.user.is_empty() {
            messages.push(json!({"role": "user", "content": content(&turn.user)}));
        }
        if !turn.assistant.is_empty() {
            messages.push(assistant(&turn.assistant, ask.takes_thoughts));
        }
        messages.extend(turn.assistant.calls.iter().map(output));
    }
    messages
}

/// A string if possible: some servers do not accept content parts.
fn content(parts: &[HistoryPart]) -> Value {
    let part = |part: &HistoryPart| match part {
        HistoryPart::Text(text) => json!({"type": "text", "text": text}),
        HistoryPart::Image(url) => json!({"type": "image_url", "image_url": {"url": url}}),
    };
    if parts
        .iter()
        .any(|part| matches!(part, HistoryPart::Image(_)))
    {
        parts.iter().map(part).collect()
    } else {
        words_of(parts).into()
    }
}

fn assistant(said: &AssistantTurn, with_thoughts: bool) -> Value {
    let mut message = json!({"role": "assistant"});
    if with_thoughts && !said.thoughts.is_empty() {
        message["reasoning_content"] = json!(said.thoughts.join("\n\n"));
    }
    // An empty string, because some servers reject `null`.
    message["content"] = json!(said.texts.join("\n\n"));
    if !said.calls.is_empty() {
        let calls = said.calls.iter().map(|call| {
            json!({"id": call.id, "type": "function",
                "function": {"name": call.name, "arguments": call.arguments}})
        });
        message["tool_calls"] = calls.collect();
    }
    message
}

fn output(call: &ModelCall) -> Value {
    json!({"role": "tool", "tool_call_id": call.id, "content": call.output_words()})
}
