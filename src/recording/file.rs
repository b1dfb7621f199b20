//! The format of files; what it is stands at the top of the module.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Conversation, Recording, Said, Turn};
use crate::api::{Body, Ending, FailureCode, Format, Interner, Phase, Reply};
use crate::store::Known;

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
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        words: String,
    },
    /// There is no request in it.
    #[error("nothing was recorded here")]
    Empty,
}

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line {
    Recording {
        version: u32,
        #[serde(default)]
        program: String,
    },
    Conversation {
        conversation: i64,
        #[serde(default)]
        agent: String,
        #[serde(default)]
        title: String,
    },
    Request(Box<RequestLine>),
    Live {
        request: i64,
        at: Timestamp,
        phase: Phase,
        delta: String,
    },
    Said {
        request: i64,
        at: Timestamp,
        #[serde(default)]
        items: Vec<Body>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end: Option<End>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    Gone {
        request: i64,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Serialize, Deserialize)]
struct RequestLine {
    request: i64,
    conversation: i64,
    at: Timestamp,
    format: FormatName,
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

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FormatName {
    Responses,
    Compaction,
    Chat,
    Messages,
}

impl From<Format> for FormatName {
    fn from(format: Format) -> Self {
        match format {
            Format::Responses => Self::Responses,
            Format::Compaction => Self::Compaction,
            Format::Chat => Self::Chat,
            Format::Messages => Self::Messages,
        }
    }
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Responses => Self::Responses,
            FormatName::Compaction => Self::Compaction,
            FormatName::Chat => Self::Chat,
            FormatName::Messages => Self::Messages,
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    Completed,
    OutOfTokens,
    Failed,
}

/// Writes a recording.
///
/// # Errors
///
/// If it cannot be written.
pub fn write(recording: &Recording, out: &mut dyn Write) -> io::Result<()> {
    line(
        out,
        &Line::Recording {
            version: VERSION,
            program: concat!("humanllm ", env!("CARGO_PKG_VERSION")).into(),
        },
    )?;
    for Conversation { id, agent, title } in &recording.conversations {
        let (agent, title) = (agent.clone(), title.clone());
        let conversation = *id;
        line(
            out,
            &Line::Conversation {
                conversation,
                agent,
                title,
            },
        )?;
    }
    for turn in &recording.turns {
        line(out, &request_line(turn))?;
        for said in &turn.said {
            line(out, &said_line(turn.id, said))?;
        }
        if turn.gone {
            line(out, &Line::Gone { request: turn.id })?;
        }
    }
    Ok(())
}

fn line(out: &mut dyn Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn request_line(turn: &Turn) -> Line {
    let Known {
        earlier,
        references,
        thread,
        parent,
        chain,
    } = Known::of(&turn.request);
    Line::Request(Box::new(RequestLine {
        request: turn.id,
        conversation: turn.conversation,
        at: moment(turn.arrived),
        format: turn.request.format.into(),
        body: turn.request.whole(),
        earlier,
        references,
        thread,
        parent,
        chain,
    }))
}

fn said_line(request: i64, said: &Said) -> Line {
    let at = moment(said.at);
    let (mut code, mut message) = (None, None);
    let end = match &said.reply {
        Reply::Live { delta, phase } => {
            return Line::Live {
                request,
                at,
                phase: *phase,
                delta: delta.clone(),
            };
        }
        Reply::Items(_) => None,
        Reply::End { ending, .. } => Some(match ending {
            Ending::Completed => End::Completed,
            Ending::OutOfTokens => End::OutOfTokens,
            Ending::Failed {
                code: failure,
                message: words,
            } => {
                code = Some(failure.as_str().to_owned());
                message = Some(words.clone());
                End::Failed
            }
        }),
    };
    Line::Said {
        request,
        at,
        items: said.reply.items().to_vec(),
        end,
        code,
        message,
    }
}

/// Reads a recording.
///
/// # Errors
///
/// If it cannot be read, or it is none, or one of a newer version.
pub fn read(from: impl BufRead) -> Result<Recording, FileError> {
    let mut reading = Reading::default();
    let mut is_first = true;
    for (index, text) in from.lines().enumerate() {
        let text = text?;
        if text.trim().is_empty() {
            continue;
        }
        let line = serde_json::from_str(&text).map_err(|error| error.to_string());
        let taken = line.and_then(|line| match line {
            Line::Recording { version, .. } if version > VERSION => Err(format!(
                "a newer humanllm wrote this: version {version}, and this one reads up to {VERSION}"
            )),
            Line::Recording { .. } => Ok(()),
            _ if is_first => Err("this is no recording of humanllm".to_owned()),
            line => reading.take(line),
        });
        is_first = false;
        taken.map_err(|words| FileError::Line {
            line: index + 1,
            words,
        })?;
    }
    match reading.recording.turns.is_empty() {
        true => Err(FileError::Empty),
        false => Ok(reading.recording),
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    recording: Recording,
    /// Of each request, its place.
    places: HashMap<i64, usize>,
    interner: Interner,
}

impl Reading {
    /// Takes a line in; or says what is wrong with it.
    fn take(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Conversation {
                conversation,
                agent,
                title,
            } => self.recording.conversations.push(Conversation {
                id: conversation,
                agent,
                title,
            }),
            Line::Request(line) => self.request(*line)?,
            Line::Live {
                request,
                at,
                phase,
                delta,
            } => self.said(request, at, Reply::Live { delta, phase })?,
            Line::Said {
                request,
                at,
                items,
                end,
                code,
                message,
            } => {
                let reply = match end {
                    None => Reply::Items(items),
                    Some(end) => Reply::End {
                        items,
                        ending: ending(end, code.as_deref(), message.unwrap_or_default()),
                    },
                };
                self.said(request, at, reply)?;
            }
            Line::Gone { request } => self.turn(request)?.gone = true,
            Line::Recording { .. } | Line::Other => {}
        }
        Ok(())
    }

    fn request(&mut self, line: RequestLine) -> Result<(), String> {
        let known = Known {
            earlier: line.earlier,
            references: line.references,
            thread: line.thread,
            parent: line.parent,
            chain: line.chain,
        };
        let request = known.request(line.format.into(), line.body.as_bytes(), &self.interner);
        let request = request.map_err(|error| error.to_string())?;
        self.places.insert(line.request, self.recording.turns.len());
        self.recording.turns.push(Turn {
            id: line.request,
            conversation: line.conversation,
            request,
            arrived: line.at.as_millisecond(),
            said: Vec::new(),
            gone: false,
        });
        Ok(())
    }

    fn said(&mut self, request: i64, at: Timestamp, reply: Reply) -> Result<(), String> {
        let turn = self.turn(request)?;
        if turn.is_answered() {
            return Err(format!("request {request} has ended before this"));
        }
        let at = at.as_millisecond();
        turn.said.push(Said { at, reply });
        Ok(())
    }

    fn turn(&mut self, id: i64) -> Result<&mut Turn, String> {
        let place = self.places.get(&id);
        let turn = place.and_then(|place| self.recording.turns.get_mut(*place));
        turn.ok_or_else(|| format!("there is no request {id} before this"))
    }
}

fn ending(end: End, code: Option<&str>, message: String) -> Ending {
    match end {
        End::Completed => Ending::Completed,
        End::OutOfTokens => Ending::OutOfTokens,
        End::Failed => Ending::Failed {
            code: match code {
                Some("server_error") => FailureCode::ServerError,
                _ => FailureCode::InvalidPrompt,
            },
            message,
        },
    }
}

fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}
