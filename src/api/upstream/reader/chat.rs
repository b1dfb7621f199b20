//! Reads answers of Chat Completions.

use serde_json::value::RawValue;

use super::calls::CallDelta;
use super::speech::Speech;
use crate::api::chat::bodies;
use crate::api::fields::{self, JsonKind, kind};
use crate::api::{Fields, ItemBody, Usage};

/// Reads a chunk; returns whether it is the last.
pub(super) fn event(event: &Fields<'_>, speech: &mut Speech) -> bool {
    if let Some(usage) = usage(event) {
        speech.set_usage(usage);
    }
    let choices = event.list("choices");
    let Some(choice) = first(&choices) else {
        return speech.has_ended() && event.get("usage").is_some();
    };
    if let Some(delta) = choice.get("delta") {
        read_delta(&Fields::of(delta), speech);
    } else if choice.get("message").is_some() {
        // Some servers send the whole message instead of deltas.
        read_message(&choice, speech);
    }
    end(&choice, speech);
    false
}

/// Reads a completion; returns whether the document is one.
pub(super) fn document(document: &Fields<'_>, speech: &mut Speech) -> bool {
    if let Some(usage) = usage(document) {
        speech.set_usage(usage);
    }
    let choices = document.list("choices");
    let Some(choice) = first(&choices) else {
        return false;
    };
    // An incomplete call is dropped.
    end_reason(&choice, speech);
    read_message(&choice, speech);
    true
}

/// The only choice that was asked for.
fn first<'a>(choices: &[&'a RawValue]) -> Option<Fields<'a>> {
    let mut choices = choices.iter().map(|choice| Fields::of(choice));
    choices.find(|choice| choice.integer("index").ok().flatten().unwrap_or(0) == 0)
}

fn read_message(choice: &Fields<'_>, speech: &mut Speech) {
    for body in bodies("assistant".into(), &choice.object("message")) {
        if let ItemBody::Said { body, .. } = body {
            speech.item(body);
        }
    }
}

fn read_delta(delta: &Fields<'_>, speech: &mut Speech) {
    // Some servers send the same text in both fields.
    let thoughts = ["reasoning_content", "reasoning"].iter();
    let mut thoughts = thoughts.filter_map(|name| delta.text(name));
    if let Some(thoughts) = thoughts.find(|text| !text.is_empty()) {
        speech.thought(&thoughts);
    }
    if let Some(content) = delta.get("content") {
        read_content(content, speech);
    }
    if let Some(refusal) = delta.text("refusal").filter(|text| !text.is_empty()) {
        speech.text(&refusal);
    }
    for call in delta.list("tool_calls") {
        let call = Fields::of(call);
        let id = call.text("id");
        let index = call.integer("index").ok().flatten();
        read_call(&call.object("function"), index, id.as_deref(), speech);
    }
    // The deprecated form with a single call.
    if let Some(call) = delta
        .get("function_call")
        .filter(|raw| kind(raw) == JsonKind::Object)
    {
        read_call(&Fields::of(call), Some(0), None, speech);
    }
}

/// Reads content: a string, or parts of which some are reasoning.
fn read_content(content: &RawValue, speech: &mut Speech) {
    if let Some(text) = fields::text(content) {
        if !text.is_empty() {
            speech.text(&text);
        }
        return;
    }
    for part in fields::list(content) {
        let part = Fields::of(part);
        match part.get("thinking") {
            Some(thoughts) => {
                let parts = fields::list(thoughts).into_iter();
                let texts = parts.filter_map(|part| Fields::of(part).text("text"));
                let all = fields::text(thoughts).into_iter().chain(texts);
                all.for_each(|text| speech.thought(&text));
            }
            None => part.text("text").iter().for_each(|text| speech.text(text)),
        }
    }
}

fn read_call(function: &Fields<'_>, index: Option<u64>, id: Option<&str>, speech: &mut Speech) {
    let name = function.text("name");
    let arguments = function.get("arguments").map(arguments);
    speech.call(CallDelta {
        index,
        id,
        name: name.as_deref(),
        arguments: arguments.as_deref().unwrap_or_default(),
    });
}

/// Arguments: a JSON string, or the object itself.
fn arguments(raw: &RawValue) -> String {
    fields::text(raw).unwrap_or_else(|| raw.get().to_owned())
}

fn end_reason(choice: &Fields<'_>, speech: &mut Speech) -> bool {
    let reason = choice.text("finish_reason").filter(|it| !it.is_empty());
    if matches!(
        reason.as_deref(),
        Some("length" | "content_filter" | "abort" | "error")
    ) {
        speech.cut_off();
    }
    reason.is_some()
}

fn end(choice: &Fields<'_>, speech: &mut Speech) {
    if end_reason(choice, speech) {
        speech.end();
    }
}

fn usage(event: &Fields<'_>) -> Option<Usage> {
    event.get("usage")?;
    let usage = event.object("usage");
    let number = |fields: &Fields<'_>, name| fields.integer(name).ok().flatten().unwrap_or(0);
    let details = usage.object("completion_tokens_details");
    Some(Usage {
        input: number(&usage, "prompt_tokens"),
        output: number(&usage, "completion_tokens"),
        reasoning: number(&details, "reasoning_tokens"),
    })
}
