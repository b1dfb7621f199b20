//! Writes a request for the Responses API.

use serde_json::{Map, Value, json};

use super::DraftContext;
use super::generation_options::GenerationOptions;
use super::history::{AssistantTurn, HistoryPart, ModelHistory};

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
    if !terms.functions.is_empty() {
        let tools = terms.functions.iter().map(|function| {
            // If absent, OpenAI assumes `true`, and rejects most schemas.
            json!({"type": "function", "name": function.name,
                "description": function.description, "parameters": function.parameters,
                "strict": function.strict})
        });
        body.insert("tools".into(), tools.collect());
    }
    if let Some(choice) = terms.choice_word() {
        body.insert("tool_choice".into(), choice.into());
    }
    let system = history.system.join("\n\n");
    if !system.is_empty() {
        body.insert("instructions".into(), system.into());
    }
    body.insert("input".into(), input(ask, &history).into());
    if terms.one_call {
        body.insert("parallel_tool_calls".into(), false.into());
    }
    if let Some(format) = terms.schema() {
        body.insert("text".into(), json!({"format": format}));
    }
    if let Some(most) = terms.max_tokens {
        body.insert("max_output_tokens".into(), most.into());
    }
    terms.insert_numbers(&["temperature", "top_p"], &mut body);
    body
}

fn input(ask: &DraftContext<'_>, history: &ModelHistory) -> Vec<Value> {
    let mut items = Vec::new();
    for turn in &history.turns {
        if !turn.user.is_empty() {
            let parts = turn.user.iter().map(|part| match part {
                HistoryPart::Text(text) => json!({"type": "input_text", "text": text}),
                HistoryPart::Image(url) => {
                    json!({"type": "input_image", "image_url": url, "detail": "auto"})
                }
            });
            let parts: Vec<Value> = parts.collect();
            items.push(json!({"type": "message", "role": "user", "content": parts}));
        }
        said(&turn.assistant, ask.takes_thoughts, &mut items);
    }
    items
}

fn said(said: &AssistantTurn, with_thoughts: bool, items: &mut Vec<Value>) {
    if with_thoughts && !said.is_empty() && !said.thoughts.is_empty() {
        let text = said.thoughts.join("\n\n");
        items.push(json!({"type": "reasoning", "summary": [],
            "content": [{"type": "reasoning_text", "text": text}]}));
    }
    if !said.texts.is_empty() {
        let text = said.texts.join("\n\n");
        items.push(
            json!({"type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}]}),
        );
    }
    for call in &said.calls {
        items.push(
            json!({"type": "function_call", "call_id": call.id, "name": call.name,
            "arguments": call.arguments, "status": "completed"}),
        );
    }
    for call in &said.calls {
        items.push(json!({"type": "function_call_output", "call_id": call.id,
            "output": call.output_words()}));
    }
}
