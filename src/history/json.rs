//! The JSON output of `humanllm history`: one document, with the agents' own JSON embedded unchanged.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::provenance;
use super::text::state;
use super::{ConversationRows, ListedConversation, SearchResult, TurnMarks};
use crate::api::Assignment;
use crate::draft;
use crate::journal::{Blob, DecisionRow, ModelDraftRow, SaidRow, SaidState, TurnRow};

#[derive(Serialize)]
struct HeaderJson<'a> {
    id: i64,
    title: &'a str,
    agent: &'a str,
    state: &'static str,
    begun: Option<String>,
    active: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    automatic: Option<&'a str>,
    #[serde(flatten)]
    assigned: &'a Assignment,
}

#[derive(Serialize)]
struct MatchJson<'a> {
    #[serde(flatten)]
    header: HeaderJson<'a>,
    excerpt: &'a str,
}

#[derive(Serialize)]
struct ConversationJson<'a> {
    #[serde(flatten)]
    header: HeaderJson<'a>,
    requests: usize,
    said: Vec<ReplyJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<RawOrText<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_drafts: Vec<ModelDraftJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<DecisionJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_request: Option<RequestJson<'a>>,
}

#[derive(Serialize)]
struct ReplyJson<'a> {
    request: i64,
    at: Option<String>,
    state: &'static str,
    typed: &'a str,
    words: RawOrText<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<Provenance>,
}

/// The sources of a reply's text, as far as they are known.
#[derive(Serialize)]
struct Provenance {
    sender: draft::Sender,
    text: draft::Origin,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<draft::Origin>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<draft::DraftedCall>,
}

#[derive(Serialize)]
struct ModelDraftJson<'a> {
    id: i64,
    request: i64,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    begun: Option<String>,
    first_word: Option<String>,
    ended: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a str>,
    items: RawOrText<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<RawOrText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<RawOrText<'a>>,
    fate: &'static str,
    items_sent_by_themselves: i64,
}

#[derive(Serialize)]
struct DecisionJson<'a> {
    request: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<i64>,
    at: Option<String>,
    rule: &'a str,
    matched: &'a str,
    action: RawOrText<'a>,
    after_timeout: bool,
}

#[derive(Serialize)]
struct RequestJson<'a> {
    arrived: Option<String>,
    state: &'static str,
    envelope: RawOrText<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<RawOrText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<RawOrText<'a>>,
    items: Vec<RawOrText<'a>>,
}

/// JSON that is embedded unchanged, or a string if the text is no JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum RawOrText<'a> {
    Raw(&'a RawValue),
    Text(&'a str),
}

impl<'a> From<&'a str> for RawOrText<'a> {
    fn from(text: &'a str) -> Self {
        serde_json::from_str(text).map_or(Self::Text(text), Self::Raw)
    }
}

impl<'a> From<&'a Blob> for RawOrText<'a> {
    fn from(blob: &'a Blob) -> Self {
        (&*blob.text).into()
    }
}

#[derive(Serialize)]
struct MarksJson<'a> {
    #[serde(flatten)]
    header: HeaderJson<'a>,
    marks: Vec<MarkJson<'a>>,
}

#[derive(Serialize)]
struct MarkJson<'a> {
    turn: Option<usize>,
    labels: &'a [String],
    rating: Option<u8>,
    note: &'a str,
    excluded: bool,
    updated: Option<String>,
}

pub(super) fn list(list: &[ListedConversation]) -> String {
    let list: Vec<HeaderJson<'_>> = list.iter().map(header).collect();
    document(&list)
}

pub(super) fn found(found: &[SearchResult]) -> String {
    let found = found.iter().map(|found| MatchJson {
        header: header(&found.listed),
        excerpt: &found.hit.excerpt.text,
    });
    document(&found.collect::<Vec<_>>())
}

pub(super) fn show(whole: &ConversationRows) -> String {
    document(&ConversationJson {
        header: header(&whole.listed),
        requests: whole.turns.len(),
        said: whole.said.iter().map(reply).collect(),
        draft: whole.draft.as_ref().map(|draft| (&*draft.body).into()),
        model_drafts: whole.model_drafts.iter().map(model_draft).collect(),
        decisions: whole.decisions.iter().map(decision).collect(),
        newest_request: whole.newest.as_ref().map(request),
    })
}

pub(super) fn marks(marks: &TurnMarks) -> String {
    let all = marks.marks.iter().map(|(number, mark)| MarkJson {
        turn: *number,
        labels: &mark.labels,
        rating: mark.rating,
        note: &mark.note,
        excluded: mark.excluded,
        updated: time(mark.updated),
    });
    document(&MarksJson {
        header: header(&marks.listed),
        marks: all.collect(),
    })
}

fn header(ListedConversation { row, assigned }: &ListedConversation) -> HeaderJson<'_> {
    HeaderJson {
        id: row.id,
        title: &row.title,
        agent: &row.agent,
        state: state(row.state),
        begun: time(row.begun),
        active: time(row.active),
        thread: row.thread.as_deref(),
        automatic: row.automatic.as_deref(),
        assigned,
    }
}

fn reply(said: &SaidRow) -> ReplyJson<'_> {
    ReplyJson {
        request: said.turn,
        at: time(said.at),
        state: match said.state {
            SaidState::Sent => "sent",
            SaidState::Delivered => "delivered",
            SaidState::Undelivered => "undelivered",
        },
        typed: &said.typed,
        words: (&*said.words).into(),
        provenance: provenance(&said.typed),
    }
}

fn provenance(typed: &str) -> Option<Provenance> {
    let draft = draft::Draft::from_json(typed);
    let calls = provenance::drafted_calls(&draft).cloned().collect();
    let known = Provenance {
        calls,
        sender: draft.sender,
        text: draft.origin,
        parts: draft.parts.into_iter().map(|part| part.origin).collect(),
    };
    let is_known = !known.sender.is_person()
        || !known.text.is_empty()
        || !known.calls.is_empty()
        || known.parts.iter().any(|origin| !origin.is_empty());
    is_known.then_some(known)
}

fn model_draft(draft: &ModelDraftRow) -> ModelDraftJson<'_> {
    ModelDraftJson {
        id: draft.id,
        request: draft.turn,
        model: &draft.model,
        hint: draft.hint.as_deref(),
        begun: time(draft.begun),
        first_word: draft.first.and_then(time),
        ended: draft.ended.and_then(time),
        state: provenance::state(draft.state),
        failure: draft.failure.as_deref(),
        items: (&*draft.items).into(),
        partial: draft.partial.as_deref().map(RawOrText::from),
        usage: draft.usage.as_deref().map(RawOrText::from),
        fate: provenance::fate(draft.fate),
        items_sent_by_themselves: draft.sent,
    }
}

fn decision(decision: &DecisionRow) -> DecisionJson<'_> {
    DecisionJson {
        request: decision.turn,
        draft: decision.draft,
        at: time(decision.at),
        rule: &decision.rule,
        matched: &decision.matched,
        action: (&*decision.action).into(),
        after_timeout: decision.waited,
    }
}

fn request(turn: &TurnRow) -> RequestJson<'_> {
    RequestJson {
        arrived: time(turn.arrived),
        state: state(turn.state),
        envelope: (&turn.envelope).into(),
        instructions: turn.instructions.as_ref().map(RawOrText::from),
        tools: turn.tools.as_ref().map(RawOrText::from),
        items: turn.items.iter().map(RawOrText::from).collect(),
    }
}

pub(super) fn time(milliseconds: i64) -> Option<String> {
    let at = Timestamp::from_millisecond(milliseconds).ok()?;
    Some(at.to_string())
}

pub(super) fn document(value: &impl Serialize) -> String {
    // Strings, numbers and JSON values always serialize.
    let mut document = serde_json::to_string_pretty(value).unwrap_or_default();
    document.push('\n');
    document
}
