//! The format of files; what it is stands at the top of the module.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{KeptReply, RecordedConversation, RecordedTurn, Recording};
use crate::api::{Format, Interner};
use crate::inbox::Words;
use crate::journal::{SaidState, State};
use crate::store::Context;

/// The version that is written, and the newest that is read.
const VERSION: u32 = 1;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A line is not what it should be.
    #[error("line {line}: {words}")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong.
        words: String,
    },
    /// There is no request in it.
    #[error("nothing was recorded here")]
    Empty,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FileLine {
    Conversation {
        /// Files of `export` do not say it.
        #[serde(default)]
        recording: u32,
        conversation: i64,
        #[serde(default)]
        title: String,
        #[serde(default)]
        agent: String,
        #[serde(default)]
        version: String,
    },
    Request(Box<RequestLine>),
    Said(SaidLine),
    #[serde(other)]
    Other,
}

#[derive(Debug, Serialize, Deserialize)]
struct RequestLine {
    conversation: i64,
    turn: usize,
    at: Timestamp,
    format: FormatName,
    state: StateName,
    body: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    references: Vec<(usize, Arc<str>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chain: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SaidLine {
    conversation: i64,
    turn: usize,
    at: Timestamp,
    #[serde(default)]
    delivery: DeliveryName,
    #[serde(default)]
    ticket: i64,
    words: Words,
    #[serde(default)]
    typed: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum FormatName {
    #[serde(rename = "responses")]
    Responses,
    #[serde(rename = "responses/compact")]
    Compaction,
    #[serde(rename = "chat/completions")]
    Chat,
    #[serde(rename = "messages")]
    Messages,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateName {
    Waiting,
    Answered,
    ClientGone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DeliveryName {
    Sent,
    #[default]
    Delivered,
    Undelivered,
}

/// What is told by a name, with the name.
const FORMATS: [(FormatName, Format); 4] = [
    (FormatName::Responses, Format::Responses),
    (FormatName::Compaction, Format::Compaction),
    (FormatName::Chat, Format::Chat),
    (FormatName::Messages, Format::Messages),
];

const STATES: [(StateName, State); 3] = [
    (StateName::Waiting, State::Waiting),
    (StateName::Answered, State::Answered),
    (StateName::ClientGone, State::Gone),
];

const DELIVERIES: [(DeliveryName, SaidState); 3] = [
    (DeliveryName::Sent, SaidState::Sent),
    (DeliveryName::Delivered, SaidState::Delivered),
    (DeliveryName::Undelivered, SaidState::Undelivered),
];

/// Writes a recording.
///
/// # Errors
///
/// If it cannot be written.
pub fn write(recording: &Recording, out: &mut dyn Write) -> io::Result<()> {
    for RecordedConversation { id, agent, title } in &recording.conversations {
        let line = FileLine::Conversation {
            recording: VERSION,
            conversation: *id,
            title: title.clone(),
            agent: agent.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
        };
        write_line(out, &line)?;
    }
    for turn in &recording.turns {
        write_line(out, &request_line(turn))?;
        for row in &turn.rows {
            write_line(out, &said_line(turn, row))?;
        }
    }
    Ok(())
}

fn write_line(out: &mut dyn Write, line: &FileLine) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn request_line(turn: &RecordedTurn) -> FileLine {
    let Context {
        earlier,
        references,
        thread,
        parent,
        chain,
    } = Context::of(&turn.request);
    FileLine::Request(Box::new(RequestLine {
        conversation: turn.conversation,
        turn: turn.number,
        at: moment(turn.arrived),
        format: there(&FORMATS, turn.request.format, FormatName::Responses),
        state: there(&STATES, turn.state, StateName::Waiting),
        body: turn.request.whole(),
        earlier,
        references,
        thread,
        parent,
        chain,
    }))
}

fn said_line(turn: &RecordedTurn, row: &KeptReply) -> FileLine {
    FileLine::Said(SaidLine {
        conversation: turn.conversation,
        turn: turn.number,
        at: moment(row.at),
        delivery: there(&DELIVERIES, row.state, DeliveryName::Sent),
        ticket: row.ticket,
        words: row.words.clone(),
        typed: serde_json::from_str(&row.typed)
            .unwrap_or_else(|_| Value::String(row.typed.clone())),
    })
}

/// Reads a recording.
///
/// # Errors
///
/// If it cannot be read, or it is none, or one of a newer version.
pub fn read(from: impl BufRead) -> Result<Recording, FileError> {
    let mut reading = FileReader::default();
    for (index, text) in from.lines().enumerate() {
        let text = text?;
        if text.trim().is_empty() {
            continue;
        }
        let line = serde_json::from_str(&text).map_err(|error| error.to_string());
        let taken = line.and_then(|line| reading.take(line));
        taken.map_err(|words| FileError::Line {
            line: index + 1,
            words,
        })?;
    }
    if reading.recording.turns.is_empty() {
        Err(FileError::Empty)
    } else {
        Ok(reading.recording)
    }
}

/// What was read so far.
#[derive(Default)]
struct FileReader {
    recording: Recording,
    /// Of each request, by its conversation and number, the place.
    places: HashMap<(i64, usize), usize>,
    interner: Interner,
}

impl FileReader {
    /// Takes a line in; or says what is wrong with it.
    fn take(&mut self, line: FileLine) -> Result<(), String> {
        match line {
            FileLine::Conversation { recording, .. } if recording > VERSION => Err(format!(
                "a newer humanllm wrote this: version {recording}, and this one reads up to {VERSION}"
            )),
            FileLine::Conversation {
                conversation,
                title,
                agent,
                ..
            } => {
                let id = conversation;
                let conversation = RecordedConversation { id, agent, title };
                self.recording.conversations.push(conversation);
                Ok(())
            }
            FileLine::Request(line) => self.request(*line),
            FileLine::Said(line) => self.said(line),
            FileLine::Other => Ok(()),
        }
    }

    fn request(&mut self, line: RequestLine) -> Result<(), String> {
        let context = Context {
            earlier: line.earlier,
            references: line.references,
            thread: line.thread,
            parent: line.parent,
            chain: line.chain,
        };
        let format = back(&FORMATS, line.format, Format::Responses);
        let request = context.request(format, line.body.as_bytes(), &self.interner);
        let request = request.map_err(|error| error.to_string())?;
        let key = (line.conversation, line.turn);
        self.places.insert(key, self.recording.turns.len());
        self.recording.turns.push(RecordedTurn {
            number: line.turn,
            conversation: line.conversation,
            request,
            arrived: line.at.as_millisecond(),
            state: back(&STATES, line.state, State::Waiting),
            rows: Vec::new(),
        });
        Ok(())
    }

    fn said(&mut self, line: SaidLine) -> Result<(), String> {
        let key = (line.conversation, line.turn);
        let place = self.places.get(&key);
        let turn = place.and_then(|place| self.recording.turns.get_mut(*place));
        let missing = || {
            let (conversation, number) = key;
            format!("there is no request {number} of conversation {conversation} before this")
        };
        turn.ok_or_else(missing)?.rows.push(KeptReply {
            at: line.at.as_millisecond(),
            ticket: line.ticket,
            state: back(&DELIVERIES, line.delivery, SaidState::Sent),
            words: line.words,
            typed: match line.typed {
                Value::String(text) => text,
                Value::Null => String::new(),
                other => other.to_string(),
            },
        });
        Ok(())
    }
}

/// The name of what stands in a table.
fn there<N: Copy, T: PartialEq>(table: &[(N, T)], value: T, other: N) -> N {
    let mut rows = table.iter();
    let found = rows.find(|(_, known)| *known == value);
    found.map_or(other, |(name, _)| *name)
}

/// What has this name in a table.
fn back<N: PartialEq, T: Copy>(table: &[(N, T)], name: N, other: T) -> T {
    let mut rows = table.iter();
    let found = rows.find(|(known, _)| *known == name);
    found.map_or(other, |(_, value)| *value)
}

fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{Body, Phase};
    use crate::draft::Draft;

    /// What a file had that this version wrote first.
    fn lines() -> [Value; 5] {
        let body = r#"{ "model":"human", "previous_response_id":"resp_1","input":"And now?"}"#;
        let earlier = [r#"{"role":"user",  "content":"Hello"}"#];
        let typed: Value = serde_json::from_str(&Draft::from("Later").to_json()).expect("JSON");
        [
            json!({"type": "conversation", "recording": 1, "conversation": 7, "title": "Hello",
                "agent": "Codex/0.169.0", "version": "0.1.0"}),
            json!({"type": "request", "conversation": 7, "turn": 2,
                "at": "2026-11-29T21:00:00.123Z", "format": "responses", "state": "answered",
                "body": body, "earlier": earlier, "thread": "t"}),
            json!({"type": "said", "conversation": 7, "turn": 2, "at": "2026-11-29T21:00:04.5Z",
                "delivery": "delivered", "ticket": 0,
                "words": {"Item": {"Message": {"text": "Later", "phase": "FinalAnswer"}}},
                "typed": typed}),
            json!({"type": "draft", "conversation": 7, "turn": 2, "model": "m"}),
            json!({"type": "request", "conversation": 7, "turn": 3, "new": true,
                "at": "2026-11-29T21:01:00Z", "format": "messages", "state": "client_gone",
                "body": "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[]}"}),
        ]
    }

    fn text(lines: &[Value]) -> String {
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn what_is_written_is_read_byte_for_byte() {
        let lines = lines();
        let recording = read(text(&lines).as_bytes()).expect("a recording");
        let [first, second] = recording.turns.as_slice() else {
            panic!("{recording:?}");
        };
        assert_eq!(first.request.whole(), lines[1]["body"].as_str().unwrap());
        let items: Vec<String> = first.request.items.iter().map(|item| item.text()).collect();
        assert_eq!(
            (items, first.request.earlier),
            (vec!["Hello".into(), "And now?".into()], 1)
        );
        let answer = Words::Item(Body::message("Later", Phase::FinalAnswer));
        assert_eq!(first.rows[0].words, answer);
        let waited = first.replies()[0].at - first.arrived;
        assert_eq!((waited, first.is_answered()), (4377, true));
        assert_eq!((second.state, second.rows.len()), (State::Gone, 0));

        let mut written = Vec::new();
        write(&recording, &mut written).expect("written");
        let written = String::from_utf8(written).expect("UTF-8");
        let known: Vec<Value> = [0, 1, 2].map(|at| lines[at].clone()).into();
        assert!(written.starts_with(&text(&known)), "{written}");
        let again = read(written.as_bytes()).expect("a recording");
        assert_eq!(again.turns.len(), 2);
        assert_eq!(again.turns[0].rows, recording.turns[0].rows);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let lines = lines();
        let told = |lines: &[Value]| read(text(lines).as_bytes()).unwrap_err().to_string();
        let before = told(&[lines[0].clone(), lines[2].clone()]);
        assert_eq!(
            before,
            "line 2: there is no request 2 of conversation 7 before this"
        );
        let mut newer = lines[0].clone();
        newer["recording"] = json!(9);
        assert!(told(&[newer]).starts_with("line 1: a newer humanllm wrote this"));
        assert_eq!(told(&lines[..1]), "nothing was recorded here");
        let broken = read("{\"type\":\"request\"\n".as_bytes()).unwrap_err();
        assert!(broken.to_string().starts_with("line 1: "), "{broken}");
    }
}
