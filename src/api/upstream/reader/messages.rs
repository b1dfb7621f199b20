//! Reads answers of Anthropic's Messages API.

use super::calls::CallDelta;
use super::speech::Speech;
use crate::api::messages::bodies;
use crate::api::{Fields, ItemBody, Usage};

/// Reads an event; returns whether it is the last.
pub(super) fn event(name: Option<&str>, event: &Fields<'_>, speech: &mut Speech) -> bool {
    let kind = event.text("type");
    let index = event.integer("index").ok().flatten();
    match kind.as_deref().or(name) {
        Some("message_start") => count(&event.object("message"), speech),
        Some("content_block_start") => begin(&event.object("content_block"), index, speech),
        Some("content_block_delta") => delta(&event.object("delta"), index, speech),
        // The text blocks of an answer are concatenated, as clients do.
        Some("content_block_stop") if speech.has_call(index, None) => speech.end_call(index, None),
        Some("message_delta") => {
            count(event, speech);
            stop(&event.object("delta"), speech);
        }
        Some("message_stop") => return true,
        _ => {}
    }
    false
}

/// Reads a message; returns whether the document is one.
pub(super) fn document(document: &Fields<'_>, speech: &mut Speech) -> bool {
    count(document, speech);
    let Some(content) = document.get("content") else {
        return false;
    };
    let reason = document.text("stop_reason");
    if is_limit(reason.as_deref()) {
        speech.cut_off();
    }
    for body in bodies("assistant", Some(content)) {
        if let ItemBody::Said { body, .. } = body {
            speech.item(body);
        }
    }
    true
}

fn begin(block: &Fields<'_>, index: Option<u64>, speech: &mut Speech) {
    match block.text("type").as_deref() {
        Some("tool_use") => {
            let (id, name) = (block.text("id"), block.text("name"));
            // Some servers send the whole arguments with the start of the block.
            let input = block.get("input").map(|input| input.get());
            let input = input.filter(|input| !is_empty(input));
            speech.call(CallDelta {
                index,
                id: id.as_deref(),
                name: name.as_deref(),
                arguments: input.unwrap_or_default(),
            });
        }
        Some("thinking") => {
            if speech.is_thinking() {
                speech.next_thought();
            }
            thought(block.text("thinking"), speech);
        }
        _ => text(block.text("text"), speech),
    }
}

/// Whether an object has nothing in it.
fn is_empty(object: &str) -> bool {
    object
        .bytes()
        .all(|byte| matches!(byte, b'{' | b'}') || byte.is_ascii_whitespace())
}

fn delta(delta: &Fields<'_>, index: Option<u64>, speech: &mut Speech) {
    text(delta.text("text"), speech);
    thought(delta.text("thinking"), speech);
    if let Some(arguments) = delta.text("partial_json") {
        speech.call(CallDelta {
            index,
            arguments: &arguments,
            ..CallDelta::default()
        });
    }
}

fn text(text: Option<String>, speech: &mut Speech) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        speech.text(&text);
    }
}

fn thought(text: Option<String>, speech: &mut Speech) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        speech.thought(&text);
    }
}

fn stop(delta: &Fields<'_>, speech: &mut Speech) {
    let reason = delta.text("stop_reason");
    if is_limit(reason.as_deref()) {
        speech.cut_off();
    }
    if reason.is_some() {
        speech.end();
    }
}

fn is_limit(reason: Option<&str>) -> bool {
    matches!(
        reason,
        Some("max_tokens" | "model_context_window_exceeded" | "length")
    )
}

/// Reads token counts. Input tokens come with the first event, and from some servers with the last.
fn count(event: &Fields<'_>, speech: &mut Speech) {
    let usage = event.object("usage");
    let number = |name| usage.integer(name).ok().flatten().unwrap_or(0);
    let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"];
    let input = number("input_tokens") + cached.into_iter().map(number).sum::<u64>();
    let known = speech.usage_so_far();
    speech.set_usage(Usage {
        input: input.max(known.input),
        output: number("output_tokens").max(known.output),
        reasoning: known.reasoning,
    });
}
