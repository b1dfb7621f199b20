//! Describes the sources of replies and the fate of drafts in words.

use crate::draft::{Draft, DraftedCall, Sender, Source};
use crate::journal::{DraftFate, ModelDraftRow, ModelDraftState};
use crate::plain;

/// The sources of a reply's text and its sender, such as `12 typed, 34 of draft 3 (qwen)`; empty if the
/// person typed and sent all of it. Plain output has no colours that tell the sources apart, so this says
/// more than [`Contribution`](crate::draft::Contribution): the number of characters, the draft, and pasted
/// or recalled text.
pub(super) fn summary(draft: &Draft) -> String {
    let mut counted: Vec<(&Source, usize)> = Vec::new();
    let parts = draft.parts.iter().map(|part| &part.origin);
    for span in parts
        .chain([&draft.origin])
        .flat_map(|origin| origin.spans())
    {
        match counted
            .iter_mut()
            .find(|(source, _)| *source == &span.source)
        {
            Some((_, chars)) => *chars += span.chars,
            None => counted.push((&span.source, span.chars)),
        }
    }
    let is_typed = counted.iter().all(|(source, _)| **source == Source::Typed);
    let counted = counted.iter().filter(|_| !is_typed);
    let mut facts: Vec<String> = counted
        .map(|(source, chars)| format!("{chars} {}", of(source)))
        .collect();
    let calls = drafted_calls(draft);
    facts.extend(calls.map(|call| format!("a call of draft {} ({})", call.draft, call.model)));
    match &draft.sender {
        Sender::Person => {}
        Sender::Auto { .. } => facts.push("sent by itself".into()),
        Sender::Rule(name) => facts.push(format!("sent by the rule `{name}`")),
        Sender::Script => facts.push("sent by a script".into()),
    }
    plain::line(&facts.join(", "))
}

fn of(source: &Source) -> String {
    match source {
        Source::Typed => "typed".into(),
        Source::Pasted => "pasted".into(),
        Source::Snippet(name) => format!("of the snippet `{name}`"),
        Source::Recalled => "of an earlier reply".into(),
        Source::Template => "of a template".into(),
        Source::Model { draft, model } => format!("of draft {draft} ({model})"),
        Source::Rule(name) => format!("of the rule `{name}`"),
        Source::Script => "of a script".into(),
    }
}

/// The calls in a composed draft that models drafted.
pub(super) fn drafted_calls(draft: &Draft) -> impl Iterator<Item = &DraftedCall> {
    let parts = draft.parts.iter().map(|part| part.call.as_ref());
    let calls = parts.chain([draft.call.as_ref()]).flatten();
    calls.filter_map(|call| call.drafted.as_ref())
}

/// The time to the first word and to the end of a draft, as far as they are known.
pub(super) fn times(draft: &ModelDraftRow) -> String {
    let seconds = |at: i64| (at - draft.begun) as f64 / 1e3;
    let first = draft
        .first
        .map(|at| format!(" · first word after {:.1} s", seconds(at)));
    let ended = draft
        .ended
        .map(|at| format!(" · ended after {:.1} s", seconds(at)));
    [first, ended].into_iter().flatten().collect()
}

pub(super) fn state(state: ModelDraftState) -> &'static str {
    match state {
        ModelDraftState::Streaming => "being made",
        ModelDraftState::Complete => "complete",
        ModelDraftState::CutOff => "cut off",
        ModelDraftState::Failed => "failed",
        ModelDraftState::Cancelled => "cancelled",
    }
}

pub(super) fn fate(fate: DraftFate) -> &'static str {
    match fate {
        DraftFate::Open => "open",
        DraftFate::Sent => "sent as it was",
        DraftFate::Edited => "sent edited",
        DraftFate::Automatic => "sent by itself",
        DraftFate::Unused => "unused",
    }
}
