//! Reads the body of an answer, which may be a stream of events, a JSON document or a web page.

use super::events::EventParser;
use super::failure::Failure;
use crate::api::Piece;
use crate::api::upstream::{AnswerError, UpstreamReader};
use crate::plain;

/// Most bytes of a JSON document.
pub(super) const MAX_BYTES: usize = 32 << 20;
/// Bytes at the beginning of an answer that are kept to tell its kind, and for error messages.
const MAX_BEGINNING: usize = 4 << 10;
/// Most characters of a server's text that are shown.
const MAX_LENGTH: usize = 300;

/// The kind of an answer, told by its first character: some servers send another `Content-Type`
/// than it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AnswerKind {
    Events,
    Document,
    /// A web page.
    Page,
}

/// An answer that is being read.
pub(super) struct AnswerReader<F> {
    reader: UpstreamReader,
    kind: Option<AnswerKind>,
    /// The beginning, to be shown if it is no answer.
    beginning: Vec<u8>,
    document: Vec<u8>,
    parser: EventParser,
    has_events: bool,
    /// Whether the model has written anything.
    has_begun: bool,
    /// The last piece.
    done: Option<Piece>,
    take: F,
}

impl<F: FnMut(Piece) -> bool> AnswerReader<F> {
    /// A reader that passes pieces to `take`, until that returns false.
    pub(super) fn new(reader: UpstreamReader, take: F) -> Self {
        Self {
            reader,
            kind: None,
            beginning: Vec::new(),
            document: Vec::new(),
            parser: EventParser::default(),
            has_events: false,
            has_begun: false,
            done: None,
            take,
        }
    }

    /// Whether the model has written anything.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether the answer is complete.
    pub(super) fn is_done(&self) -> bool {
        self.reader.is_done()
    }

    /// Takes the next bytes of the body.
    pub(super) fn feed(&mut self, data: &[u8]) -> Result<(), Failure> {
        if !self.has_events {
            let room = MAX_BEGINNING.saturating_sub(self.beginning.len());
            self.beginning
                .extend_from_slice(&data[..room.min(data.len())]);
        }
        if self.kind.is_none() {
            self.kind = kind(&self.beginning);
        }
        match self.kind {
            None | Some(AnswerKind::Events) => self.events(data),
            Some(AnswerKind::Document) if self.document.len() + data.len() > MAX_BYTES => {
                Err(Failure::Answer(AnswerError::TooLong))
            }
            Some(AnswerKind::Document) => {
                self.document.extend_from_slice(data);
                Ok(())
            }
            // Enough to see its title.
            Some(AnswerKind::Page) if self.beginning.len() == MAX_BEGINNING => self.end(),
            Some(AnswerKind::Page) => Ok(()),
        }
    }

    fn events(&mut self, data: &[u8]) -> Result<(), Failure> {
        let mut parser = std::mem::take(&mut self.parser);
        let fed = parser.feed(data, |event| self.event(event.name, event.data));
        self.parser = parser;
        fed
    }

    fn event(&mut self, name: &str, data: &str) -> Result<(), Failure> {
        self.has_events = true;
        if self.reader.is_done() {
            return Ok(());
        }
        let name = (!name.is_empty()).then_some(name);
        let pieces = self.reader.event(name, data)?;
        self.emit(pieces)
    }

    fn emit(&mut self, pieces: Vec<Piece>) -> Result<(), Failure> {
        for piece in pieces {
            self.has_begun = true;
            if matches!(piece, Piece::Done { .. }) {
                self.done = Some(piece);
            } else if !(self.take)(piece) {
                return Err(Failure::Cancelled);
            }
        }
        Ok(())
    }

    /// Ends the body.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        if self.kind == Some(AnswerKind::Document) {
            let pieces = self.reader.document(&self.document)?;
            return self.emit(pieces);
        }
        if self.kind != Some(AnswerKind::Page) {
            let mut parser = std::mem::take(&mut self.parser);
            parser.end(|event| self.event(event.name, event.data))?;
        }
        if !self.has_events {
            let beginning = String::from_utf8_lossy(&self.beginning);
            return Err(Failure::NotAModel(shown(&beginning)));
        }
        if !self.reader.is_done() {
            let pieces = self.reader.end()?;
            self.emit(pieces)?;
        }
        Ok(())
    }

    /// Ends the body after the connection broke. The answer may be complete all the same, without
    /// the end of the stream.
    pub(super) fn connection_lost(&mut self) -> Result<(), Failure> {
        match self.kind {
            None => Err(Failure::NoAnswer),
            Some(AnswerKind::Events) => {
                let pieces = self.reader.end()?;
                self.emit(pieces)
            }
            Some(AnswerKind::Document | AnswerKind::Page) => Err(Failure::ConnectionLost),
        }
    }

    /// Passes on the last piece.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let done = self.done.take().ok_or(Failure::ConnectionLost)?;
        if (self.take)(done) {
            Ok(())
        } else {
            Err(Failure::Cancelled)
        }
    }
}

fn kind(beginning: &[u8]) -> Option<AnswerKind> {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    Some(match text.trim_ascii_start().first()? {
        b'{' | b'[' => AnswerKind::Document,
        b'<' => AnswerKind::Page,
        _ => AnswerKind::Events,
    })
}

/// A server's text for display: on one line, truncated, and the title only of a web page.
pub(super) fn shown(text: &str) -> String {
    let text = title(text).unwrap_or(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = plain::line(&words.join(" "));
    match text.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn title(text: &str) -> Option<&str> {
    if !text.trim_start().starts_with('<') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let length = lower[start..].find("</title>")?;
    Some(&text[start..start + length])
}
