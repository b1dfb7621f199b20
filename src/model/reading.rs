//! Reads an answer, whatever it turns out to be.

use super::events::EventParser;
use super::failure::Failure;
use crate::api::Piece;
use crate::api::upstream::{AnswerError, UpstreamReader};
use crate::plain;

/// How large a document may be.
pub(super) const MAX_BYTES: usize = 32 << 20;
/// Bytes at the beginning of an answer that are kept to tell what it is.
const BEGINNING: usize = 4 << 10;
/// Characters of a foreign text that are shown.
const MAX_LENGTH: usize = 300;

/// What an answer is, as its first character tells: servers say one thing in the head and send another.
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
    /// What came first, to be shown if it is no answer.
    beginning: Vec<u8>,
    document: Vec<u8>,
    parser: EventParser,
    has_events: bool,
    /// Whether the model has said something.
    has_begun: bool,
    /// The last piece.
    done: Option<Piece>,
    take: F,
}

impl<F: FnMut(Piece) -> bool> AnswerReader<F> {
    /// Nothing of it yet. `take` gets what is said, and tells whether more is wanted.
    pub fn new(reader: UpstreamReader, take: F) -> Self {
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

    /// Whether the model has said something.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether the answer is whole.
    pub fn is_done(&self) -> bool {
        self.reader.is_done()
    }

    /// Takes in what has come.
    pub fn data(&mut self, data: &[u8]) -> Result<(), Failure> {
        if !self.has_events {
            let room = BEGINNING.saturating_sub(self.beginning.len());
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
            Some(AnswerKind::Page) if self.beginning.len() == BEGINNING => self.end(),
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
        self.hand_on(pieces)
    }

    fn hand_on(&mut self, pieces: Vec<Piece>) -> Result<(), Failure> {
        for piece in pieces {
            self.has_begun = true;
            if matches!(piece, Piece::Done { .. }) {
                self.done = Some(piece);
            } else if !(self.take)(piece) {
                return Err(Failure::Unwanted);
            }
        }
        Ok(())
    }

    /// There is no more.
    pub fn end(&mut self) -> Result<(), Failure> {
        if self.kind == Some(AnswerKind::Document) {
            let pieces = self.reader.document(&self.document)?;
            return self.hand_on(pieces);
        }
        if self.kind != Some(AnswerKind::Page) {
            let mut parser = std::mem::take(&mut self.parser);
            parser.end(|event| self.event(event.name, event.data))?;
        }
        if !self.has_events {
            let beginning = String::from_utf8_lossy(&self.beginning);
            return Err(Failure::NoModel(shown(&beginning)));
        }
        if !self.reader.is_done() {
            let pieces = self.reader.end()?;
            self.hand_on(pieces)?;
        }
        Ok(())
    }

    /// The connection broke. What came may be whole all the same, but for what ends the stream.
    pub fn broken(&mut self) -> Result<(), Failure> {
        match self.kind {
            None => Err(Failure::NoAnswer),
            Some(AnswerKind::Events) => {
                let pieces = self.reader.end()?;
                self.hand_on(pieces)
            }
            Some(AnswerKind::Document | AnswerKind::Page) => Err(Failure::HungUp),
        }
    }

    /// Tells that there is no more.
    pub fn finish(mut self) -> Result<(), Failure> {
        let done = self.done.take().ok_or(Failure::HungUp)?;
        if (self.take)(done) {
            Ok(())
        } else {
            Err(Failure::Unwanted)
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

/// A foreign text for a person: on one line, not too long, and of a web page its title.
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
