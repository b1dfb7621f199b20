//! Reads answers of models on other servers.

mod calls;
mod chat;
mod filters;
mod messages;
mod responses;
mod speech;

use serde_json::value::RawValue;

use self::speech::Speech;
use super::answer_error::{self, AnswerError};
use super::tools::Toolbox;
use crate::api::{Fields, Format, Piece};

/// Most bytes of an answer that are buffered.
const MAX_BUFFERED_BYTES: usize = 16 << 20;

/// Reads one answer, event by event as it is streamed, or as one document.
#[derive(Debug)]
pub struct UpstreamReader {
    format: Format,
    speech: Speech,
    responses: responses::ItemTracker,
    is_done: bool,
}

impl UpstreamReader {
    /// A reader for an answer in this format, by a model that was given these tools. `echo` is text
    /// that the model may repeat at the beginning; `limit` is the token limit of the request.
    pub(super) fn new(
        format: Format,
        toolbox: Toolbox,
        echo: Option<String>,
        limit: Option<u64>,
    ) -> Self {
        Self {
            format,
            speech: Speech::new(toolbox, echo),
            responses: responses::ItemTracker::new(limit),
            is_done: false,
        }
    }

    /// Reads a server-sent event: its name, if it has one, and its data. Events after the end are
    /// ignored.
    ///
    /// # Errors
    ///
    /// What went wrong. Nothing more can be read then.
    pub fn event(&mut self, name: Option<&str>, data: &str) -> Result<Vec<Piece>, AnswerError> {
        let data = data.trim();
        if self.is_done || data.is_empty() {
            return Ok(Vec::new());
        }
        if data == "[DONE]" {
            self.finish();
            return Ok(self.speech.take_pieces());
        }
        let raw = read_object(data)?;
        let event = Fields::of(raw);
        if let Some(message) = answer_error::error_in(&event, name == Some("error")) {
            return Err(AnswerError::Server(message));
        }
        let is_end = match self.format {
            Format::Chat => chat::event(&event, &mut self.speech),
            Format::Messages => messages::event(name, &event, &mut self.speech),
            Format::Responses | Format::Compaction => {
                responses::event(name, &event, &mut self.speech, &mut self.responses)?
            }
        };
        if self.speech.buffered_bytes() + self.responses.buffered_bytes() > MAX_BUFFERED_BYTES {
            return Err(AnswerError::TooLong);
        }
        if is_end {
            self.finish();
        }
        Ok(self.speech.take_pieces())
    }

    /// Reads the answer of a server that does not stream.
    ///
    /// # Errors
    ///
    /// As [`UpstreamReader::event`].
    pub fn document(&mut self, json: &[u8]) -> Result<Vec<Piece>, AnswerError> {
        if json.len() > MAX_BUFFERED_BYTES {
            return Err(AnswerError::TooLong);
        }
        let text = String::from_utf8_lossy(json);
        let fields = Fields::of(read_object(text.trim())?);
        if let Some(message) = answer_error::error_in(&fields, false) {
            return Err(AnswerError::Server(message));
        }
        let is_answer = match self.format {
            Format::Chat => chat::document(&fields, &mut self.speech),
            Format::Messages => messages::document(&fields, &mut self.speech),
            Format::Responses | Format::Compaction => {
                responses::document(&fields, &mut self.speech, &mut self.responses)?
            }
        };
        if !is_answer {
            return Err(AnswerError::Unreadable(answer_error::shown(&text)));
        }
        self.finish();
        Ok(self.speech.take_pieces())
    }

    /// The end of the stream.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Incomplete`] if the answer is not complete.
    pub fn end(&mut self) -> Result<Vec<Piece>, AnswerError> {
        if self.is_done {
            return Ok(Vec::new());
        }
        if !self.speech.has_ended() {
            return Err(AnswerError::Incomplete);
        }
        self.finish();
        Ok(self.speech.take_pieces())
    }

    /// Whether the answer is complete.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    fn finish(&mut self) {
        self.speech.end();
        self.speech.done();
        self.is_done = true;
    }
}

/// Parses a text that has to be a JSON object.
fn read_object(text: &str) -> Result<&RawValue, AnswerError> {
    let unreadable = || AnswerError::Unreadable(answer_error::shown(text));
    let raw: &RawValue = serde_json::from_str(text).map_err(|_| unreadable())?;
    match crate::api::fields::kind(raw) {
        crate::api::fields::JsonKind::Object => Ok(raw),
        _ => Err(unreadable()),
    }
}
