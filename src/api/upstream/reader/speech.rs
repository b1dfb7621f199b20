//! Makes pieces and items of what a model says, whatever format it came in.

use super::super::tools::Toolbox;
use super::calls::{CallDelta, Calls};
use super::words::{EchoFilter, Splitter, Spoken};
use crate::api::{Body, Phase, Piece, Usage};

/// What a model has said so far.
#[derive(Debug)]
pub(super) struct Speech {
    toolbox: Toolbox,
    pieces: Vec<Piece>,
    splitter: Splitter,
    echo: Option<EchoFilter>,
    /// Whether what comes first goes on with a message.
    is_continuing: bool,
    open: OpenItem,
    /// Space that nothing has followed yet.
    space: String,
    /// The phase that the server tells of the message in hand.
    phase: Option<Phase>,
    /// A message that is whole but for its phase, which what follows tells.
    held: Option<(String, Option<Phase>)>,
    calls: Calls,
    has_called: bool,
    usage: Option<Usage>,
    is_cut_off: bool,
    has_ended: bool,
    /// The bytes of all words that were kept.
    kept: usize,
}

/// The item that is being said.
#[derive(Debug, Default)]
enum OpenItem {
    #[default]
    Nothing,
    Text(String),
    Thought(String),
}

impl Speech {
    pub fn new(toolbox: Toolbox, echo: Option<String>) -> Self {
        Self {
            toolbox,
            pieces: Vec::new(),
            splitter: Splitter::default(),
            is_continuing: echo.is_some(),
            echo: echo.and_then(EchoFilter::of),
            open: OpenItem::Nothing,
            space: String::new(),
            phase: None,
            held: None,
            calls: Calls::default(),
            has_called: false,
            usage: None,
            is_cut_off: false,
            has_ended: false,
            kept: 0,
        }
    }

    /// The pieces since this was called last.
    pub fn take(&mut self) -> Vec<Piece> {
        std::mem::take(&mut self.pieces)
    }

    /// The bytes of all that was kept.
    pub fn kept(&self) -> usize {
        self.kept + self.calls.kept()
    }

    /// More words.
    pub fn text(&mut self, delta: &str) {
        self.kept += delta.len();
        for spoken in self.splitter.more(delta) {
            self.spoken(spoken);
        }
    }

    /// More thoughts, which came as such.
    pub fn thought(&mut self, delta: &str) {
        self.kept += delta.len();
        self.end_words();
        self.add_thought(delta);
    }

    /// The next part of the thoughts, which are one item all the same.
    pub(crate) fn next_thought(&mut self) {
        if let OpenItem::Thought(text) = &mut self.open {
            text.push_str("\n\n");
            self.pieces.push(Piece::Thought("\n\n".into()));
        }
    }

    /// Whether words of the message in hand were said.
    pub(crate) fn has_words(&self) -> bool {
        matches!(self.open, OpenItem::Text(_))
    }

    /// Whether thoughts are being told.
    pub(crate) fn is_thinking(&self) -> bool {
        matches!(self.open, OpenItem::Thought(_))
    }

    /// Whether a call is being made in this place or of this name.
    pub(crate) fn has_call(&self, index: Option<u64>, id: Option<&str>) -> bool {
        self.calls.has(index, id)
    }

    /// A message begins, of which the server may tell the phase.
    pub(crate) fn begin_message(&mut self, phase: Option<Phase>) {
        self.close();
        self.phase = phase;
    }

    /// The message in hand is whole.
    pub(crate) fn end_message(&mut self, phase: Option<Phase>) {
        self.phase = phase.or(self.phase);
        self.close();
        self.phase = None;
    }

    /// What is being said is whole.
    pub fn close(&mut self) {
        self.end_words();
        self.close_item();
        self.space.clear();
    }

    /// More of a call.
    pub fn call(&mut self, delta: CallDelta<'_>) {
        self.close();
        self.release(Phase::Commentary);
        self.has_called = true;
        self.calls.more(delta, &self.toolbox, &mut self.pieces);
    }

    /// Whether a call of this place or name is whole.
    pub fn is_called(&self, index: Option<u64>, id: Option<&str>) -> bool {
        self.calls.is_over(index, id)
    }

    /// Whether arguments of a call have come.
    pub(crate) fn has_arguments(&self, index: Option<u64>, id: Option<&str>) -> bool {
        self.calls.has_arguments(index, id)
    }

    /// A call is whole.
    pub(crate) fn end_call(&mut self, index: Option<u64>, id: Option<&str>) {
        self.calls.close(index, id, &self.toolbox, &mut self.pieces);
    }

    /// An item that came as a whole.
    pub fn item(&mut self, body: Body) {
        match body {
            Body::Message { ref content, phase } => {
                let words = content.iter().filter_map(|part| part.words());
                let words: Vec<&str> = words.collect();
                self.begin_message(phase);
                self.text(&words.join("\n"));
                self.end_message(phase);
            }
            Body::Reasoning { summary } => {
                self.thought(&summary.join("\n\n"));
                self.close();
            }
            Body::FunctionCall {
                name, arguments, ..
            } => {
                self.end_calls();
                self.call(CallDelta {
                    name: Some(&name),
                    arguments: &arguments,
                    ..CallDelta::default()
                });
                self.end_calls();
            }
            call => {
                self.kept += call.words().len();
                self.close();
                self.release(Phase::Commentary);
                self.end_calls();
                self.has_called = true;
                self.pieces.push(Piece::Item(call));
            }
        }
    }

    /// What the server counted.
    pub fn count(&mut self, usage: Usage) {
        if usage != Usage::default() {
            self.usage = Some(usage);
        }
    }

    /// What the server has counted so far.
    pub fn counted(&self) -> Usage {
        self.usage.unwrap_or_default()
    }

    /// It ended at a limit.
    pub fn cut_off(&mut self) {
        self.is_cut_off = true;
    }

    /// There is no more of it, though the server may still count.
    pub fn end(&mut self) {
        self.has_ended = true;
        self.close();
        let unsure = self.echo.take().map(EchoFilter::end);
        if let Some(words) = unsure.filter(|_| !self.has_called) {
            self.add_text(&words);
            self.close_item();
        }
        self.end_calls();
        self.release(if self.has_called {
            Phase::Commentary
        } else {
            Phase::FinalAnswer
        });
    }

    /// Whether there is no more of it.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The last piece.
    pub fn done(&mut self) {
        self.pieces.push(Piece::Done {
            usage: self.usage,
            cut_off: self.is_cut_off,
        });
    }

    fn end_calls(&mut self) {
        self.calls
            .end(self.is_cut_off, &self.toolbox, &mut self.pieces);
    }

    fn spoken(&mut self, spoken: Spoken) {
        match spoken {
            Spoken::Thought(delta) => self.add_thought(&delta),
            Spoken::Text(delta) => match &mut self.echo {
                None => self.add_text(&delta),
                Some(echo) => {
                    if let Some(other) = echo.more(&delta) {
                        self.echo = None;
                        self.add_text(&other);
                    }
                }
            },
        }
    }

    /// No more words come for now, whatever was held back of them.
    fn end_words(&mut self) {
        if let Some(rest) = self.splitter.end() {
            self.spoken(rest);
        }
    }

    fn add_thought(&mut self, delta: &str) {
        if let OpenItem::Thought(text) = &mut self.open {
            text.push_str(delta);
            self.pieces.push(Piece::Thought(delta.to_owned()));
        } else if let Some(begun) = Some(delta.trim_start()).filter(|begun| !begun.is_empty()) {
            let begun = begun.to_owned();
            self.begin();
            self.pieces.push(Piece::Thought(begun.clone()));
            self.open = OpenItem::Thought(begun);
        }
    }

    fn add_text(&mut self, delta: &str) {
        if let OpenItem::Text(text) = &mut self.open {
            text.push_str(delta);
            self.pieces.push(Piece::Text(delta.to_owned()));
            return;
        }
        self.space.push_str(delta);
        if delta.trim_start().is_empty() {
            return;
        }
        let words = self.space.trim_start();
        // Lines without words stand before many answers; how far the first line is moved in stays.
        let space = &self.space[..self.space.len() - words.len()];
        let from = if self.is_continuing {
            0
        } else {
            space.rfind('\n').map_or(0, |at| at + 1)
        };
        let begun = self.space[from..].to_owned();
        self.is_continuing = false;
        self.begin();
        self.pieces.push(Piece::Text(begun.clone()));
        self.open = OpenItem::Text(begun);
    }

    /// Something else begins than what was said before.
    fn begin(&mut self) {
        self.close_item();
        self.space.clear();
        self.release(Phase::Commentary);
        self.end_calls();
    }

    fn close_item(&mut self) {
        match std::mem::take(&mut self.open) {
            OpenItem::Nothing => {}
            OpenItem::Text(text) => {
                self.held = Some((text, self.phase));
            }
            OpenItem::Thought(text) => {
                let thoughts = Body::reasoning(text.trim_end());
                self.pieces.push(Piece::Item(thoughts));
            }
        }
    }

    /// Gives the message away that was held back.
    fn release(&mut self, phase: Phase) {
        if let Some((text, told)) = self.held.take() {
            let message = Body::message(text, told.unwrap_or(phase));
            self.pieces.push(Piece::Item(message));
        }
    }
}
