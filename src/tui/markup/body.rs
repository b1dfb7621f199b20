//! How code is coloured by its language, as a text of its own or between fences.

use std::ops::Range;
use std::sync::Arc;

use super::code::HighlightedCode;
use super::json;
use super::patch;
use super::tone::LineSpans;
use crate::tui::text::Text;
use crate::tui::worker::Worker;

/// How a stretch of code is coloured.
#[derive(Debug)]
pub(super) enum CodeBody {
    Plain,
    Json,
    /// A patch in these lines.
    Patch(Range<usize>),
    /// A language that there is a grammar for.
    Code(Arc<HighlightedCode>),
}

impl CodeBody {
    /// The code in `bytes` of a text; `info` is the info string of the fence, which names the language.
    pub(super) fn new(text: &Text, bytes: Range<usize>, info: &str) -> Self {
        // `rust,ignore`, `{.python}`, `ts title="x"`
        let name = info
            .trim_start_matches(['{', '.'])
            .split([' ', '\t', ',', '{', '}', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        match name.as_str() {
            "" | "text" | "txt" | "plain" | "plaintext" | "output" | "log" | "none" => Self::Plain,
            "json" | "jsonl" | "ndjson" => Self::Json,
            "diff" | "patch" | "udiff" => {
                let last = bytes.end.saturating_sub(1).max(bytes.start);
                Self::Patch(text.line_at(bytes.start)..text.line_at(last) + 1)
            }
            _ => match HighlightedCode::new(text, bytes, &name) {
                Some(code) => Self::Code(Arc::new(code)),
                None => Self::Plain,
            },
        }
    }

    pub(super) fn spans(&self, text: &Text, index: usize, worker: &Worker) -> LineSpans {
        match self {
            Self::Plain => Vec::new(),
            Self::Json => json::spans(text.line(index), None),
            Self::Patch(lines) => patch::spans(text, index, lines.clone()),
            Self::Code(code) => code.spans(index, worker),
        }
    }
}
