//! Reads answers of the Responses API.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::super::answer_error::{self, AnswerError};
use super::calls::CallDelta;
use super::speech::Speech;
use crate::api::responses::read_item;
use crate::api::{Body, Fields, ItemBody, Phase, Usage};

/// The items of a response that were read so far.
#[derive(Debug, Default)]
pub(super) struct ItemTracker {
    /// Items whose text or reasoning was streamed.
    streamed: ItemSet,
    /// Items that are complete.
    complete: ItemSet,
    /// Token limit of the response.
    limit: Option<u64>,
}

/// A set of items, by id or index.
#[derive(Debug, Default)]
struct ItemSet {
    ids: HashSet<String>,
    indices: HashSet<u64>,
    count: usize,
    bytes: usize,
}

impl ItemSet {
    /// Bytes counted for each item besides its id.
    const OVERHEAD: usize = 128;

    fn add(&mut self, index: Option<u64>, id: Option<&str>) {
        self.count += 1;
        let mut is_new = false;
        if let Some(id) = id.filter(|id| !self.ids.contains(*id)) {
            is_new = self.ids.insert(id.to_owned());
            self.bytes += id.len();
        }
        is_new |= index.is_some_and(|index| self.indices.insert(index));
        if is_new {
            self.bytes += Self::OVERHEAD;
        }
    }

    fn has(&self, index: Option<u64>, id: Option<&str>) -> bool {
        id.is_some_and(|id| self.ids.contains(id))
            || index.is_some_and(|index| self.indices.contains(&index))
    }
}

impl ItemTracker {
    /// No items yet, of a response with this token limit.
    pub(super) fn new(limit: Option<u64>) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Bytes buffered so far.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.streamed.bytes + self.complete.bytes
    }

    /// Whether a response of so many tokens has reached its limit. llama.cpp reports it as
    /// completed.
    fn is_full(&self, tokens: u64) -> bool {
        self.limit.is_some_and(|limit| tokens >= limit)
    }

    /// Whether the text of an item was streamed. If the server sends neither ids nor indices, the
    /// item is taken for the current one, if `is_speaking`.
    fn is_streamed(&self, index: Option<u64>, id: Option<&str>, is_speaking: bool) -> bool {
        let has_names = !self.streamed.ids.is_empty() || !self.streamed.indices.is_empty();
        self.streamed.has(index, id) || is_speaking && !has_names
    }

    /// Whether the item at this index of the output was complete before.
    fn is_complete(&self, place: usize, id: Option<&str>) -> bool {
        let whole = &self.complete;
        whole.has(u64::try_from(place).ok(), id) || whole.indices.is_empty() && place < whole.count
    }
}

/// Reads an event; returns whether it is the last.
pub(super) fn event(
    name: Option<&str>,
    event: &Fields<'_>,
    speech: &mut Speech,
    items: &mut ItemTracker,
) -> Result<bool, AnswerError> {
    let kind = event.text("type");
    let kind = kind.as_deref().or(name).unwrap_or_default();
    let index = event.integer("output_index").ok().flatten();
    let id = event.text("item_id");
    let id = id.as_deref();
    let delta = || event.text("delta").filter(|delta| !delta.is_empty());
    match kind {
        "response.output_item.added" => begin(&event.object("item"), index, speech),
        "response.output_text.delta" | "response.refusal.delta" => {
            if let Some(delta) = delta() {
                items.streamed.add(index, id);
                speech.text(&delta);
            }
        }
        "response.reasoning_summary_part.added" => speech.next_thought(),
        "response.reasoning_text.delta"
        | "response.reasoning_summary_text.delta"
        | "response.reasoning.delta"
        | "response.reasoning_summary.delta" => {
            if let Some(delta) = delta() {
                items.streamed.add(index, id);
                speech.thought(&delta);
            }
        }
        "response.function_call_arguments.delta" => {
            if let Some(delta) = delta() {
                speech.call(CallDelta {
                    index,
                    id,
                    name: None,
                    arguments: &delta,
                });
            }
        }
        "response.output_item.done" => {
            if let Some(raw) = event.get("item") {
                item_done(raw, index, speech, items);
            }
        }
        "response.completed" | "response.incomplete" | "response.done" => {
            let response = event.object("response");
            if kind == "response.incomplete" {
                speech.cut_off();
            }
            read_response(&response, speech, items);
            return Ok(true);
        }
        "response.failed" | "response.cancelled" => return Err(failure(&event.object("response"))),
        _ => {}
    }
    Ok(false)
}

/// Reads a response; returns whether the document is one.
pub(super) fn document(
    document: &Fields<'_>,
    speech: &mut Speech,
    items: &mut ItemTracker,
) -> Result<bool, AnswerError> {
    let status = document.text("status");
    if matches!(status.as_deref(), Some("failed" | "cancelled")) {
        return Err(failure(document));
    }
    read_response(document, speech, items);
    Ok(document.get("output").is_some())
}

fn failure(response: &Fields<'_>) -> AnswerError {
    AnswerError::Server(answer_error::error_in(response, true).unwrap_or_default())
}

/// Reads items of the final response that had no events of their own.
fn read_response(response: &Fields<'_>, speech: &mut Speech, items: &mut ItemTracker) {
    if response.text("status").as_deref() == Some("incomplete") {
        speech.cut_off();
    }
    let usage = response.object("usage");
    let number = |fields: &Fields<'_>, name| fields.integer(name).ok().flatten().unwrap_or(0);
    if items.is_full(number(&usage, "output_tokens")) {
        speech.cut_off();
    }
    speech.set_usage(Usage {
        input: number(&usage, "input_tokens"),
        output: number(&usage, "output_tokens"),
        reasoning: number(&usage.object("output_tokens_details"), "reasoning_tokens"),
    });
    for (place, raw) in response.list("output").into_iter().enumerate() {
        let id = id(&Fields::of(raw));
        if !items.is_complete(place, id.as_deref()) {
            let index = u64::try_from(place).ok();
            item_done(raw, index, speech, items);
        }
    }
}

fn begin(item: &Fields<'_>, index: Option<u64>, speech: &mut Speech) {
    match item.text("type").as_deref() {
        Some("message") => speech.begin_message(phase(item)),
        Some("function_call") => {
            let (id, name) = (id(item), item.text("name"));
            let arguments = item.text("arguments");
            speech.call(CallDelta {
                index,
                id: id.as_deref(),
                name: name.as_deref(),
                arguments: arguments.as_deref().unwrap_or_default(),
            });
        }
        _ => {}
    }
}

/// The id of an item in events; llama.cpp uses the `call_id`.
fn id(item: &Fields<'_>) -> Option<String> {
    let mut ids = ["id", "call_id"].iter().filter_map(|name| item.text(name));
    ids.find(|id| !id.is_empty())
}

fn phase(item: &Fields<'_>) -> Option<Phase> {
    Phase::of_name(&item.text("phase")?)
}

/// An item is complete. What was streamed of it is not given out again.
fn item_done(raw: &RawValue, index: Option<u64>, speech: &mut Speech, items: &mut ItemTracker) {
    let item = Fields::of(raw);
    let id = id(&item);
    let id = id.as_deref();
    items.complete.add(index, id);
    let ItemBody::Said { body, .. } = read_item(raw.get()) else {
        return;
    };
    match body {
        Body::Message { .. } if items.is_streamed(index, id, speech.has_words()) => {
            // Otherwise it was closed when something else began.
            if speech.has_words() {
                speech.end_message(phase(&item));
            }
        }
        Body::Reasoning { .. } if items.is_streamed(index, id, speech.is_thinking()) => {
            if speech.is_thinking() {
                speech.close();
            }
        }
        Body::FunctionCall { .. } if speech.is_call_closed(index, id) => {}
        Body::FunctionCall {
            ref name,
            ref arguments,
            ..
        } if speech.has_call(index, id) => {
            let is_known = speech.has_arguments(index, id);
            let arguments = Some(arguments.as_str()).filter(|_| !is_known);
            speech.call(CallDelta {
                index,
                id,
                name: Some(name.as_str()).filter(|_| !is_known),
                arguments: arguments.unwrap_or_default(),
            });
            speech.end_call(index, id);
        }
        body => speech.item(body),
    }
}
