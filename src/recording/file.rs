//! Reads and writes files of recordings.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};

use serde::Deserialize;
use serde_json::Value;

use super::line::{
    ConversationLine, RecordingLine, RequestLine, SaidLine, VERSION, json_or_text, timestamp,
};
use super::{JournalReply, RecordedConversation, RecordedTurn, Recording};
use crate::api::Interner;
use crate::inbox::ReplyContent;
use crate::store::Context;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A line is not valid.
    #[error("line {line}: {words}")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong.
        words: String,
    },
    /// The file has no requests.
    #[error("nothing was recorded here")]
    Empty,
}

/// Writes a recording as JSON Lines.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn write(recording: &Recording, out: &mut dyn Write) -> io::Result<()> {
    for RecordedConversation { id, agent, title } in &recording.conversations {
        write_line(out, &ConversationLine::line(*id, title, agent, None))?;
    }
    for turn in &recording.turns {
        write_line(out, &request_line(turn))?;
        for row in &turn.rows {
            write_line(out, &said_line(turn, row))?;
        }
    }
    Ok(())
}

fn write_line(out: &mut dyn Write, line: &RecordingLine) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn request_line(turn: &RecordedTurn) -> RecordingLine {
    let request = &turn.request;
    RecordingLine::Request(Box::new(RequestLine {
        conversation: turn.conversation,
        turn: turn.number,
        at: timestamp(turn.arrived),
        format: Some(request.format).into(),
        state: turn.state.into(),
        body: Some(request.raw_body()),
        context: Context::of(request),
        assigned: request.assignment.as_deref().cloned().unwrap_or_default(),
        phase: None,
        mark: None,
    }))
}

fn said_line(turn: &RecordedTurn, row: &JournalReply) -> RecordingLine {
    RecordingLine::Said(SaidLine {
        conversation: turn.conversation,
        turn: turn.number,
        at: timestamp(row.at),
        delivery: row.state.into(),
        ticket: row.ticket,
        words: serde_json::to_value(&row.content).unwrap_or_default(),
        typed: json_or_text(&row.typed),
    })
}

/// Reads a recording.
///
/// # Errors
///
/// If the file cannot be read, is not a recording, or has a newer version.
pub(crate) fn read(from: impl BufRead) -> Result<Recording, FileError> {
    let mut reading = FileReader::default();
    for (index, text) in from.lines().enumerate() {
        let text = text?;
        if text.trim().is_empty() {
            continue;
        }
        let line = serde_json::from_str(&text).map_err(|error| error.to_string());
        let taken = line.and_then(|line| reading.add_line(line));
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

/// The state while a file is read.
#[derive(Default)]
struct FileReader {
    recording: Recording,
    /// The index of each turn, by conversation and number; `None` if its request cannot be read.
    turn_indexes: HashMap<(i64, usize), Option<usize>>,
    interner: Interner,
}

impl FileReader {
    /// Adds a line; returns what is wrong with it.
    fn add_line(&mut self, line: RecordingLine) -> Result<(), String> {
        match line {
            RecordingLine::Conversation(line) if line.recording > VERSION => Err(format!(
                "a newer humanllm wrote this: version {}, and this one reads up to {VERSION}",
                line.recording
            )),
            RecordingLine::Conversation(line) => {
                self.recording.conversations.push(RecordedConversation {
                    id: line.conversation,
                    agent: line.agent,
                    title: line.title,
                });
                Ok(())
            }
            RecordingLine::Request(line) => self.request(*line),
            RecordingLine::Said(line) => self.said(line),
            RecordingLine::Other => Ok(()),
        }
    }

    fn request(&mut self, mut line: RequestLine) -> Result<(), String> {
        let key = (line.conversation, line.turn);
        let assigned = line.take_assigned();
        let (Some(format), Some(body)) = (line.format.format(), line.body) else {
            self.turn_indexes.insert(key, None);
            return Ok(());
        };
        let request = line
            .context
            .request(format, body.as_bytes(), &self.interner);
        let mut request = request.map_err(|error| error.to_string())?;
        request.assignment = assigned;
        self.turn_indexes
            .insert(key, Some(self.recording.turns.len()));
        self.recording.turns.push(RecordedTurn {
            number: line.turn,
            conversation: line.conversation,
            request,
            arrived: line.at.as_millisecond(),
            state: line.state.into(),
            rows: Vec::new(),
        });
        Ok(())
    }

    fn said(&mut self, line: SaidLine) -> Result<(), String> {
        let (conversation, number) = (line.conversation, line.turn);
        let place = match self.turn_indexes.get(&(conversation, number)) {
            Some(Some(place)) => *place,
            // The request of this reply could not be read.
            Some(None) => return Ok(()),
            None => {
                return Err(format!(
                    "there is no request {number} of conversation {conversation} before this"
                ));
            }
        };
        let words = ReplyContent::deserialize(line.words).map_err(|error| error.to_string())?;
        self.recording.turns[place].rows.push(JournalReply {
            at: line.at.as_millisecond(),
            ticket: line.ticket,
            state: line.delivery.into(),
            content: words,
            typed: match line.typed {
                Value::String(text) => text,
                Value::Null => String::new(),
                other => other.to_string(),
            },
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{Body, Phase};
    use crate::draft::Draft;
    use crate::journal::TurnState;

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
                "body": body, "earlier": earlier, "thread": "t", "participant": "p07",
                "condition": "slow"}),
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
        assert_eq!(first.request.raw_body(), lines[1]["body"].as_str().unwrap());
        let items: Vec<String> = first.request.items.iter().map(|item| item.text()).collect();
        assert_eq!(
            (items, first.request.earlier),
            (vec!["Hello".into(), "And now?".into()], 1)
        );
        let answer = ReplyContent::Item(Body::message("Later", Phase::FinalAnswer));
        assert_eq!(first.rows[0].content, answer);
        let waited = first.replies()[0].at - first.arrived;
        assert_eq!((waited, first.is_answered()), (4377, true));
        assert_eq!((second.state, second.rows.len()), (TurnState::Gone, 0));
        let assigned = first
            .request
            .assignment
            .as_deref()
            .cloned()
            .unwrap_or_default();
        assert_eq!(assigned.participant.as_deref(), Some("p07"));

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
    fn what_could_not_be_read_any_more_is_passed_over_with_what_was_said_to_it() {
        let mut lines = lines();
        lines[1]["body"] = Value::Null;
        let recording = read(text(&lines).as_bytes()).expect("a recording");
        assert_eq!(recording.turns.len(), 1);
        assert_eq!(recording.turns[0].number, 3);
        lines[4]["format"] = json!("of tomorrow");
        let told = read(text(&lines).as_bytes()).unwrap_err().to_string();
        assert_eq!(told, "nothing was recorded here");
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
