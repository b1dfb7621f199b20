//! Turns the output of a model into pieces and items, whatever its wire format.

use super::super::tools::Toolbox;
use super::calls::{CallDelta, OpenCalls};
use super::filters::{EchoFilter, Spoken, ThoughtSplitter};
use crate::api::{Body, Phase, Piece, Usage};

/// The output of a model so far.
#[derive(Debug)]
pub(super) struct Speech {
    toolbox: Toolbox,
    pieces: Vec<Piece>,
    splitter: ThoughtSplitter,
    echo: Option<EchoFilter>,
    /// Whether the first text continues a message.
    is_continuing: bool,
    open: OpenItem,
    /// White space held back until text follows.
    space: String,
    /// The phase of the current message, if the server sent one.
    phase: Option<Phase>,
    /// A complete message whose phase depends on what follows.
    held_message: Option<(String, Option<Phase>)>,
    calls: OpenCalls,
    has_called: bool,
    usage: Option<Usage>,
    is_cut_off: bool,
    has_ended: bool,
    /// Bytes of text buffered so far.
    text_bytes: usize,
}

/// The item that is being streamed.
#[derive(Debug, Default)]
enum OpenItem {
    #[default]
    Nothing,
    Text(String),
    Thought(String),
}

impl Speech {
    pub(super) fn new(toolbox: Toolbox, echo: Option<String>) -> Self {
        Self {
            toolbox,
            pieces: Vec::new(),
            splitter: ThoughtSplitter::default(),
            is_continuing: echo.is_some(),
            echo: echo.and_then(EchoFilter::of),
            open: OpenItem::Nothing,
            space: String::new(),
            phase: None,
            held_message: None,
            calls: OpenCalls::default(),
            has_called: false,
            usage: None,
            is_cut_off: false,
            has_ended: false,
            text_bytes: 0,
        }
    }

    /// Takes the pieces since the last call.
    pub(super) fn take_pieces(&mut self) -> Vec<Piece> {
        std::mem::take(&mut self.pieces)
    }

    /// Bytes buffered so far.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.text_bytes + self.calls.buffered_bytes()
    }

    /// Appends text, which may contain reasoning in tags.
    pub(super) fn text(&mut self, delta: &str) {
        self.text_bytes += delta.len();
        for spoken in self.splitter.feed(delta) {
            self.spoken(spoken);
        }
    }

    /// Appends reasoning that the server sent as such.
    pub(super) fn thought(&mut self, delta: &str) {
        self.text_bytes += delta.len();
        self.end_words();
        self.add_thought(delta);
    }

    /// Begins the next part of the reasoning, which remains one item.
    pub(crate) fn next_thought(&mut self) {
        if let OpenItem::Thought(text) = &mut self.open {
            text.push_str("\n\n");
            self.pieces.push(Piece::Thought("\n\n".into()));
        }
    }

    /// Whether the current message has text.
    pub(crate) fn has_words(&self) -> bool {
        matches!(self.open, OpenItem::Text(_))
    }

    /// Whether reasoning is being streamed.
    pub(crate) fn is_thinking(&self) -> bool {
        matches!(self.open, OpenItem::Thought(_))
    }

    /// Whether a call of this index or id is open.
    pub(crate) fn has_call(&self, index: Option<u64>, id: Option<&str>) -> bool {
        self.calls.has(index, id)
    }

    /// Begins a message, with the phase that the server sent, if any.
    pub(crate) fn begin_message(&mut self, phase: Option<Phase>) {
        self.close();
        self.phase = phase;
    }

    /// Ends the current message.
    pub(crate) fn end_message(&mut self, phase: Option<Phase>) {
        self.phase = phase.or(self.phase);
        self.close();
        self.phase = None;
    }

    /// Closes the current item.
    pub(super) fn close(&mut self) {
        self.end_words();
        self.close_item();
        self.space.clear();
    }

    /// Appends to a call.
    pub(super) fn call(&mut self, delta: CallDelta<'_>) {
        self.close();
        self.release(Phase::Commentary);
        self.has_called = true;
        self.calls.append(delta, &self.toolbox, &mut self.pieces);
    }

    /// Whether a call of this index or id was closed.
    pub(super) fn is_call_closed(&self, index: Option<u64>, id: Option<&str>) -> bool {
        self.calls.is_closed(index, id)
    }

    /// Whether an open call of this index or id has arguments.
    pub(crate) fn has_arguments(&self, index: Option<u64>, id: Option<&str>) -> bool {
        self.calls.has_arguments(index, id)
    }

    /// Closes a call.
    pub(crate) fn end_call(&mut self, index: Option<u64>, id: Option<&str>) {
        self.calls.close(index, id, &self.toolbox, &mut self.pieces);
    }

    /// Adds a complete item.
    pub(super) fn item(&mut self, body: Body) {
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
                self.text_bytes += call.words().len();
                self.close();
                self.release(Phase::Commentary);
                self.end_calls();
                self.has_called = true;
                self.pieces.push(Piece::Item(call));
            }
        }
    }

    /// Sets the token counts of the server.
    pub(super) fn set_usage(&mut self, usage: Usage) {
        if usage != Usage::default() {
            self.usage = Some(usage);
        }
    }

    /// The token counts of the server so far.
    pub(super) fn usage_so_far(&self) -> Usage {
        self.usage.unwrap_or_default()
    }

    /// Marks the answer as cut off at a limit.
    pub(super) fn cut_off(&mut self) {
        self.is_cut_off = true;
    }

    /// Ends the output; token counts may still come.
    pub(super) fn end(&mut self) {
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

    /// Whether the output has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Adds the last piece.
    pub(super) fn done(&mut self) {
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
                    if let Some(other) = echo.feed(&delta) {
                        self.echo = None;
                        self.add_text(&other);
                    }
                }
            },
        }
    }

    /// Flushes text that was held back by the filters.
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
        // Many answers begin with blank lines, which are dropped; the indentation of the first line
        // stays.
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

    /// Closes the current item before another one begins.
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
                self.held_message = Some((text, self.phase));
            }
            OpenItem::Thought(text) => {
                let thoughts = Body::reasoning(text.trim_end());
                self.pieces.push(Piece::Item(thoughts));
            }
        }
    }

    /// Gives out the message that was held back, with this phase.
    fn release(&mut self, phase: Phase) {
        if let Some((text, told)) = self.held_message.take() {
            let message = Body::message(text, told.unwrap_or(phase));
            self.pieces.push(Piece::Item(message));
        }
    }
}
