//! Finds the styles of texts: Markdown, JSON, patches, shell commands, program output, code.
//!
//! The text stays what was sent: `**` and fences are not removed but drawn dim, so what is searched,
//! copied or read is what the model would get. Styles are an overlay of
//! [`Tone`]s on ranges of a line, found for the lines that are visible and no others. Making a
//! [`Styled`] reads the text once at most, for what cannot be told from a line and those near it:
//!
//! - `fences` finds the code blocks of `markdown`, and `json` the strings in long lines
//! - `output` takes the escape sequences out of what programs wrote, and reads `sgr` colours
//! - `shell` reads commands, which are short
//! - `patch` needs nothing but the line
//! - `code` is read by the [`Worker`], with a `grammar`; its colours arrive later
//!
//! How a line becomes rows is in `layout`: the cells of a `table` are padded when they are drawn, and
//! not in the text.
//!
//! Each has limits, above which a text is shown plain.

mod address;
mod body;
mod code;
mod fences;
mod grammar;
mod json;
mod layout;
mod markdown;
mod output;
mod patch;
mod sgr;
mod shell;
mod table;
mod tone;

use std::borrow::Cow;
use std::sync::Arc;

pub use self::address::links;
pub use self::fences::{CodeBlock, code_blocks};
pub use self::layout::RowPiece;
pub use self::output::Removed;
pub use self::tone::{LineSpans, Sgr, Tone};

use self::body::CodeBody;
use self::json::JsonState;
use self::markdown::Markdown;
use self::output::ColouredOutput;
use self::tone::Spans;
use crate::tui::text::Text;
use crate::tui::worker::Worker;

/// How to find the styles of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Markup {
    /// Nothing.
    Plain,
    /// Markdown.
    Markdown,
    /// JSON, pretty or not.
    Json,
    /// A patch as `apply_patch` takes it, or a unified diff.
    Patch,
    /// A command line, with or without a `$ ` before it.
    Shell,
    /// What a program wrote to its terminal: colours are kept, other escape sequences are not.
    Output,
    /// Tones that are known already: byte ranges, sorted and not overlapping.
    Toned(Vec<(std::ops::Range<usize>, Tone)>),
    /// Code in the language of this name, as written after the opening marks of a fence.
    Code(Cow<'static, str>),
}

/// A text with styles.
#[derive(Debug)]
pub struct Styled {
    text: Text,
    styles: Styles,
}

#[derive(Debug)]
enum Styles {
    Plain,
    Markdown(Markdown),
    Json(JsonState),
    Patch,
    Parsed(Spans),
    Output(ColouredOutput),
    Body(CodeBody),
}

impl Styled {
    /// Reads `text` as far as it must be read before any of it is shown.
    ///
    /// Like [`Text::new`], this belongs where a text arrives, or is first looked at.
    pub fn new(text: impl Into<Arc<str>>, markup: Markup) -> Self {
        let raw = text.into();
        if markup == Markup::Output {
            let (shown, output) = ColouredOutput::read(&raw);
            return Self {
                text: shown.map_or_else(|| Text::new(raw), Text::new),
                styles: Styles::Output(output),
            };
        }
        let text = Text::new(raw);
        let styles = match markup {
            Markup::Plain | Markup::Output => Styles::Plain,
            Markup::Markdown => Styles::Markdown(Markdown::new(&text)),
            Markup::Json => Styles::Json(JsonState::new(&text)),
            Markup::Patch => Styles::Patch,
            Markup::Toned(spans) => Styles::Parsed(Spans::of(spans)),
            Markup::Shell => Styles::Parsed(shell::spans(text.as_str())),
            Markup::Code(language) => {
                Styles::Body(CodeBody::new(&text, 0..text.bytes(), &language))
            }
        };
        Self { text, styles }
    }

    /// The text as it is to be laid out and shown: what was sent, except for [`Markup::Output`],
    /// which is without its colours and with what else [`Removed`] counts.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The tones of a line: byte ranges of the line, sorted and not overlapping.
    ///
    /// The cost is that of the line and those near it. Code may be plain until the worker has come
    /// to it.
    pub fn spans(&self, line: usize, worker: &Worker) -> LineSpans {
        if line >= self.text.len() {
            return Vec::new();
        }
        let start = self.text.start(line);
        let range = start..start + self.text.line(line).len();
        match &self.styles {
            Styles::Plain => Vec::new(),
            Styles::Markdown(markdown) => markdown.spans(&self.text, line, worker),
            Styles::Json(json) => json.spans(self.text.line(line), line),
            Styles::Patch => patch::spans(&self.text, line, 0..self.text.len()),
            Styles::Parsed(spans) => spans.within(range),
            Styles::Output(output) => output.spans(range),
            Styles::Body(body) => body.spans(&self.text, line, worker),
        }
    }

    /// What was removed from an output and is not shown.
    pub fn removed(&self) -> Removed {
        match &self.styles {
            Styles::Output(output) => output.removed,
            _ => Removed::default(),
        }
    }
}

impl Default for Styled {
    fn default() -> Self {
        Self::new("", Markup::Plain)
    }
}

#[cfg(test)]
mod tests;
