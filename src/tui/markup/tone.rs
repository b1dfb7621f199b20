//! The meaning of stretches of text, apart from how they look.

use std::ops::Range;

use ratatui::style::{Color, Modifier};

/// What a stretch of text is. A [`Theme`](crate::tui::theme::Theme) says how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A heading, or the head of a table.
    Heading,
    /// Bold.
    Strong,
    /// Italic.
    Emphasis,
    /// Bold and italic.
    StrongEmphasis,
    /// Struck out.
    Strike,
    /// Inline code, or code in no known language.
    Code,
    /// The words of a link, or an address.
    Link,
    /// A quotation.
    Quote,
    /// The bullet, number or box of a list item.
    ListMarker,
    /// Markup characters such as `**`: readable, but dim.
    Marker,
    /// A word of the language.
    Keyword,
    /// An operator, or what joins commands.
    Operator,
    /// A string.
    StringLit,
    /// A number.
    Number,
    /// A comment.
    Comment,
    /// A function or a command.
    Function,
    /// A type.
    Type,
    /// A variable that is expanded or set.
    Variable,
    /// The name of a member, such as a key in JSON.
    Key,
    /// A line that a patch adds.
    Added,
    /// A line that a patch removes.
    Removed,
    /// Where in a file a part of a patch belongs.
    Hunk,
    /// The file that a patch changes, and how.
    FileHeader,
    /// The style that a program gave its own output.
    Sgr(Sgr),
}

/// Colours and modifiers that a program set by SGR sequences.
///
/// Hidden and blinking text are left out: the one cannot be read, the other hardly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sgr {
    /// The colour of the letters.
    pub fg: Option<Color>,
    /// The colour behind them.
    pub bg: Option<Color>,
    /// Bold, underlined and so on.
    pub modifiers: Modifier,
}

/// Ranges of one line, sorted, with what they are.
pub type LineSpans = Vec<(Range<usize>, Tone)>;

/// The tones of a whole text, in order, for texts that are read through once.
#[derive(Debug, Default)]
pub(super) struct Spans(Vec<(Range<usize>, Tone)>);

impl Spans {
    /// Spans from ranges that are sorted.
    pub(super) fn of(all: Vec<(Range<usize>, Tone)>) -> Self {
        let mut spans = Self::default();
        for (range, tone) in all {
            spans.push(range, tone);
        }
        spans
    }

    /// Adds a stretch after all others.
    pub(super) fn push(&mut self, range: Range<usize>, tone: Tone) {
        if range.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some((last, same)) if last.end == range.start && *same == tone => last.end = range.end,
            _ => self.0.push((range, tone)),
        }
    }

    /// How many stretches there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds all of `more`, which come after all others.
    pub(super) fn append(&mut self, more: &mut Self) {
        self.0.append(&mut more.0);
    }

    /// The parts within `line`, counted from its start.
    pub(super) fn within(&self, line: Range<usize>) -> LineSpans {
        let first = self.0.partition_point(|(range, _)| range.end <= line.start);
        self.0[first..]
            .iter()
            .take_while(|(range, _)| range.start < line.end)
            .map(|(range, tone)| {
                let start = range.start.max(line.start) - line.start;
                let end = range.end.min(line.end) - line.start;
                (start..end, *tone)
            })
            // An empty line can be in the middle of something.
            .filter(|(range, _)| !range.is_empty())
            .collect()
    }
}

/// A tone for each byte of a short text, painted in any order; later paint covers earlier.
#[derive(Debug)]
pub(super) struct Canvas(Vec<Option<Tone>>);

impl Canvas {
    pub(super) fn new(len: usize) -> Self {
        Self(vec![None; len])
    }

    /// Paints a range; what lies outside the canvas is left out.
    pub(super) fn paint(&mut self, range: Range<usize>, tone: impl Into<Option<Tone>>) {
        let end = range.end.min(self.0.len());
        let start = range.start.min(end);
        self.0[start..end].fill(tone.into());
    }

    pub(super) fn at(&self, at: usize) -> Option<Tone> {
        self.0.get(at).copied().flatten()
    }

    /// The spans of a part, counted from its start.
    pub(super) fn spans(&self, part: Range<usize>) -> LineSpans {
        let mut spans: LineSpans = Vec::new();
        let tones = self.0.get(part).unwrap_or_default();
        for (at, tone) in tones.iter().enumerate() {
            let Some(tone) = tone else { continue };
            match spans.last_mut() {
                Some((range, same)) if range.end == at && same == tone => range.end += 1,
                _ => spans.push((at..at + 1, *tone)),
            }
        }
        spans
    }
}
