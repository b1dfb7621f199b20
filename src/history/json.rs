//! The journal for programs: one JSON document, in which what agents sent is as they sent it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::text::state;
use super::{Found, Marks, Whole};
use crate::journal::{Blob, Conversation, Said, SaidState, Turn};

#[derive(Serialize)]
struct Header<'a> {
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
}

#[derive(Serialize)]
struct Match<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    excerpt: &'a str,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    requests: usize,
    said: Vec<Words<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_request: Option<Request<'a>>,
}

#[derive(Serialize)]
struct Words<'a> {
    at: Option<String>,
    state: &'static str,
    typed: &'a str,
    words: Json<'a>,
}

#[derive(Serialize)]
struct Request<'a> {
    arrived: Option<String>,
    state: &'static str,
    envelope: Json<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Json<'a>>,
    items: Vec<Json<'a>>,
}

/// JSON to the digit, or text that is none.
#[derive(Serialize)]
#[serde(untagged)]
enum Json<'a> {
    Raw(&'a RawValue),
    Text(&'a str),
}

impl<'a> From<&'a str> for Json<'a> {
    fn from(text: &'a str) -> Self {
        serde_json::from_str(text).map_or(Self::Text(text), Self::Raw)
    }
}

impl<'a> From<&'a Blob> for Json<'a> {
    fn from(blob: &'a Blob) -> Self {
        (&*blob.text).into()
    }
}

#[derive(Serialize)]
struct Marked<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    marks: Vec<Mark<'a>>,
}

#[derive(Serialize)]
struct Mark<'a> {
    turn: Option<usize>,
    labels: &'a [String],
    rating: Option<u8>,
    note: &'a str,
    excluded: bool,
    updated: Option<String>,
}

pub(super) fn list(list: &[Conversation]) -> String {
    let list: Vec<Header<'_>> = list.iter().map(header).collect();
    document(&list)
}

pub(super) fn found(found: &[Found]) -> String {
    let found = found.iter().map(|found| Match {
        header: header(&found.conversation),
        excerpt: &found.hit.excerpt.text,
    });
    document(&found.collect::<Vec<_>>())
}

pub(super) fn show(whole: &Whole) -> String {
    document(&Shown {
        header: header(&whole.conversation),
        requests: whole.turns.len(),
        said: whole.said.iter().map(words).collect(),
        draft: whole.draft.as_ref().map(|draft| (&*draft.body).into()),
        newest_request: whole.newest.as_ref().map(request),
    })
}

pub(super) fn marks(marks: &Marks) -> String {
    let all = marks.marks.iter().map(|(number, mark)| Mark {
        turn: *number,
        labels: &mark.labels,
        rating: mark.rating,
        note: &mark.note,
        excluded: mark.excluded,
        updated: time(mark.updated),
    });
    document(&Marked {
        header: header(&marks.conversation),
        marks: all.collect(),
    })
}

fn header(row: &Conversation) -> Header<'_> {
    Header {
        id: row.id,
        title: &row.title,
        agent: &row.agent,
        state: state(row.state),
        begun: time(row.begun),
        active: time(row.active),
        thread: row.thread.as_deref(),
        automatic: row.automatic.as_deref(),
    }
}

fn words(said: &Said) -> Words<'_> {
    Words {
        at: time(said.at),
        state: match said.state {
            SaidState::Sent => "sent",
            SaidState::Delivered => "delivered",
            SaidState::Undelivered => "undelivered",
        },
        typed: &said.typed,
        words: (&*said.words).into(),
    }
}

fn request(turn: &Turn) -> Request<'_> {
    Request {
        arrived: time(turn.arrived),
        state: state(turn.state),
        envelope: (&turn.envelope).into(),
        instructions: turn.instructions.as_ref().map(Json::from),
        tools: turn.tools.as_ref().map(Json::from),
        items: turn.items.iter().map(Json::from).collect(),
    }
}

fn time(milliseconds: i64) -> Option<String> {
    let at = Timestamp::from_millisecond(milliseconds).ok()?;
    Some(at.to_string())
}

fn document(value: &impl Serialize) -> String {
    // Texts, numbers and JSON that was read: nothing of it could fail.
    let mut document = serde_json::to_string_pretty(value).unwrap_or_default();
    document.push('\n');
    document
}
