//! Laying out text that may be huge, hostile or both.
//!
//! A prompt can be five megabytes in one line, two hundred thousand lines, or binary noise, and it
//! has to open, scroll and resize without a pause the person can feel. So nothing here works on a
//! whole text except the line index ([`Text::new`]), which is built once: every hard line is cut
//! into pieces of at most [`PIECE`] bytes, and wrapping ([`rows`]) and display ([`shown`]) only ever
//! look at one such piece.
//!
//! The same text may try to move the cursor, recolour the screen or hide words from the reader.
//! What [`shown`], [`shown_spans`], [`one_line`] and [`sanitize`] return contains no character a terminal acts on and
//! none that takes part in the text without being seen.
//!
//! # Cells
//!
//! Everything is built on one step: taking the first *cell* off a string, which is a grapheme
//! cluster with its sanitised form and its width in columns. A cell depends only on the text from
//! where it starts, so a row laid out as part of its line and the same row shown on its own agree.
//! Widths are those of ratatui's own [`CellWidth`], measured on the sanitised form, so what is
//! computed here is what its `Buffer` draws.

pub mod format;
pub mod paint;
pub mod scroll;
pub mod window;

use std::borrow::Cow;
use std::iter::FusedIterator;
use std::ops::Range;
use std::sync::Arc;

use ratatui::buffer::CellWidth;
use ratatui::style::Style;
use ratatui::text::Span;
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// The most bytes one line of a [`Text`] holds; longer hard lines become several.
///
/// This is what bounds every later step, whatever the text is. It is large enough for ordinary long
/// lines to stay whole and small enough to wrap in well under a millisecond.
pub const PIECE: usize = 4096;

/// How far back from the end of a full piece a space is looked for, so that a cut falls between words
/// where it can.
const PIECE_SLACK: usize = 256;

/// The most bytes one cell holds. The longest emoji sequences in use take 35; a "grapheme" of a
/// thousand combining marks is cut into several cells, so that none of it is hidden and no screen
/// cell costs more than this to send.
const MAX_CELL_BYTES: usize = 64;

/// Columns between tab stops, counted from the start of the row.
const TAB_WIDTH: usize = 4;

/// Replaces characters that cannot be shown.
const REPLACEMENT: char = '\u{FFFD}';

/// The base for a combining mark that has none.
const CIRCLE: char = '\u{25CC}';

/// An immutable text, indexed by line.
///
/// Clones share the text and the index.
#[derive(Clone, Debug)]
pub struct Text {
    text: Arc<str>,
    /// Where each line starts; its end is where the next one starts, less the separator.
    starts: Arc<[usize]>,
}

impl Text {
    /// Indexes the lines of `text`.
    ///
    /// This is the only step whose cost grows with the size of the text (a few milliseconds for five
    /// megabytes, some tens at worst), so it belongs where the text arrives, not where it is drawn.
    ///
    /// Lines end at `\n` or `\r\n`; as with [`str::split`], a final separator is followed by one
    /// more, empty, line. A hard line longer than [`PIECE`] continues in further lines.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let breaks = text.bytes().filter(|byte| *byte == b'\n').count();
        let mut starts = Vec::with_capacity(breaks + 1 + text.len() / (PIECE - PIECE_SLACK));
        let mut start = 0;
        for hard in text.split_inclusive('\n') {
            let next = start + hard.len();
            let content = without_separator(hard);
            let mut cut = 0;
            starts.push(start);
            while content.len() - cut > PIECE {
                cut += piece_end(&content[cut..]);
                starts.push(start + cut);
            }
            start = next;
        }
        if text.is_empty() || text.ends_with('\n') {
            starts.push(start);
        }
        Self {
            text,
            starts: starts.into(),
        }
    }

    /// How many lines there are: at least one, even in an empty text.
    // There is always a line, so `is_empty` would have no meaning to give.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// The line at `index` without its separator; past the end, an empty one.
    pub fn line(&self, index: usize) -> &str {
        without_separator(self.whole_line(index))
    }

    /// What ends the line at `index`: `"\n"`, `"\r\n"`, or nothing where a long hard line goes on in
    /// the next line, and in the last line.
    ///
    /// Each line followed by its separator, in order, is the text: this is what copying a selection
    /// needs in order not to invent line breaks.
    pub fn separator(&self, index: usize) -> &str {
        let whole = self.whole_line(index);
        &whole[without_separator(whole).len()..]
    }

    /// Which line holds the byte at `offset`, to go to something found in [`Text::as_str`].
    ///
    /// A separator belongs to the line it ends; past the end of the text is the last line.
    pub fn line_at(&self, offset: usize) -> usize {
        self.starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }

    /// Where the line at `index` starts, in bytes; past the end, the size of the text.
    pub fn start(&self, index: usize) -> usize {
        self.starts.get(index).copied().unwrap_or(self.text.len())
    }

    /// The size of the text in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The text itself, unchanged.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn whole_line(&self, index: usize) -> &str {
        &self.text[self.start(index)..self.start(index.saturating_add(1))]
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new("")
    }
}

fn without_separator(line: &str) -> &str {
    match line.strip_suffix('\n') {
        Some(line) => line.strip_suffix('\r').unwrap_or(line),
        None => line,
    }
}

/// Where to cut the first piece off `rest`, which is longer than [`PIECE`]: after a space near the
/// limit, or else between graphemes, or else (within an endless grapheme) between characters.
fn piece_end(rest: &str) -> usize {
    let limit = rest.floor_char_boundary(PIECE);
    let from = limit.saturating_sub(PIECE_SLACK);
    let space = rest.as_bytes()[from..limit]
        .iter()
        .rposition(|byte| *byte == b' ');
    if let Some(space) = space {
        let end = from + space + 1;
        if matches!(cursor(rest, end).is_boundary(rest, 0), Ok(true)) {
            return end;
        }
    }
    if matches!(cursor(rest, limit).is_boundary(rest, 0), Ok(true)) {
        return limit;
    }
    match cursor(rest, limit).prev_boundary(rest, 0) {
        Ok(Some(end)) if end > 0 => end,
        _ => limit,
    }
}

fn cursor(text: &str, at: usize) -> GraphemeCursor {
    GraphemeCursor::new(at, text.len(), true)
}

/// Wraps `line` at `width` columns, giving the byte range of each row.
///
/// The ranges follow on from each other and together are the whole line; an empty line is one empty
/// row. Rows end after whitespace, or between wide (CJK) characters where their punctuation allows,
/// or, within a word wider than a row, between graphemes. Whitespace that does not fit at the end of
/// a row stays in its range and is clipped by [`shown`], so that no row starts with the gap that
/// ended the one before; a row of nothing else is not clipped but continued.
///
/// A width of 0 is laid out as 1, so that a window shrunk to nothing is not a special case.
pub fn rows(line: &str, width: u16) -> LineRows<'_> {
    LineRows {
        line,
        width: usize::from(width.max(1)),
        at: 0,
        done: false,
    }
}

/// How many rows [`rows`] gives: at least one.
pub fn row_count(line: &str, width: u16) -> usize {
    // Nothing but a tab takes more columns than bytes.
    if line.len() <= usize::from(width) && !line.as_bytes().contains(&b'\t') {
        return 1;
    }
    rows(line, width).count()
}

/// The rows of a line: see [`rows`].
#[derive(Clone, Debug)]
pub struct LineRows<'a> {
    line: &'a str,
    width: usize,
    at: usize,
    done: bool,
}

impl Iterator for LineRows<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        if self.done {
            return None;
        }
        let start = self.at;
        let rest = &self.line[start..];
        let taken = ascii_row(rest.as_bytes(), self.width).unwrap_or_else(|| row(rest, self.width));
        self.at = start + taken;
        self.done = self.at >= self.line.len();
        Some(start..self.at)
    }
}

impl FusedIterator for LineRows<'_> {}

/// The length of the first row of `rest`.
fn row(rest: &str, width: usize) -> usize {
    let mut column = 0;
    let mut break_at = None;
    let mut ink = false;
    let mut previous: Option<Cell> = None;
    for (at, cell) in cells(rest) {
        if ink && previous.is_some_and(|previous| may_break(previous, cell)) {
            break_at = Some(at);
        }
        let columns = cell.columns(column, width);
        if column + columns > width {
            if !(cell.space && ink) {
                return break_at.unwrap_or(at);
            }
            // Whitespace hangs over the edge; whatever follows it starts the next row.
            column = width;
        } else {
            column += columns;
        }
        ink |= !cell.space;
        previous = Some(cell);
    }
    rest.len()
}

/// [`row`] for the common case, without looking at each character on its own: printable ASCII up to
/// and including the character after the row. `None` if it is anything else.
fn ascii_row(rest: &[u8], width: usize) -> Option<usize> {
    let window = &rest[..width.min(rest.len())];
    if !window.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    let Some(next) = rest.get(width) else {
        return Some(rest.len());
    };
    let ink = |row: &[u8]| row.iter().any(|byte| *byte != b' ');
    match next {
        b' ' if ink(window) => {
            let hanging = rest[width..].iter().take_while(|byte| **byte == b' ');
            let end = width + hanging.count();
            match rest.get(end) {
                None | Some(b'!'..=b'~') => Some(end),
                _ => None,
            }
        }
        b' '..=b'~' => match window.iter().rposition(|byte| *byte == b' ') {
            Some(space) if ink(&window[..space]) => Some(space + 1),
            _ => Some(width),
        },
        _ => None,
    }
}

/// Whether a row may end between two cells, other than where there is no choice.
fn may_break(before: Cell, after: Cell) -> bool {
    if after.space {
        return false;
    }
    before.space
        || ((before.is_wide() || after.is_wide()) && !opens(before.first) && !closes(after.first))
}

/// Characters that Japanese and Chinese typesetting does not leave at the end of a row.
fn opens(c: char) -> bool {
    "([{‘“「『（［｛〈《【〔〖〘〚｢".contains(c)
}

/// Characters that Japanese and Chinese typesetting does not put at the start of a row.
fn closes(c: char) -> bool {
    ",.:;?!)]}%’”、。，．・：；？！」』）］｝〉》】〕〗〙〛｣ー々ゝゞヽヾ…‥\
     ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"
        .contains(c)
}

/// What to display for one row, in at most `width` columns.
///
/// Characters a terminal would act on, and characters that would be there without being seen, are
/// replaced by visible ones: control characters by their pictures (`␀` to `␟`, `␡`), the rest
/// (C1 controls, bidirectional overrides, zero-width and tag characters and so on) by `�`. What
/// emoji sequences and scripts need, joiners and variation selectors after a base, is kept. Tabs
/// become spaces. A character wider than `width` becomes one `�`.
///
/// Any string is safe to pass; one that [`rows`] did not make is clipped at `width`.
pub fn shown(row: &str, width: u16) -> Cow<'_, str> {
    sanitize_row(row, usize::from(width))
}

/// A string that is shown on one line and not wrapped, such as a title, made as harmless as
/// [`shown`] makes rows; line breaks become visible.
///
/// The cost is that of the whole string: for the beginning of a long one there is [`one_line`].
pub fn sanitize(text: &str) -> Cow<'_, str> {
    sanitize_row(text, usize::MAX)
}

/// How many columns [`sanitize`] takes for `text`.
///
/// ratatui's `Line::width` measures whole strings, which is not always the sum of the cells drawn;
/// this is.
pub fn columns(text: &str) -> usize {
    cells(text).fold(0, |column, (_, cell)| {
        column + cell.columns(column, usize::MAX)
    })
}

/// [`shown`] for `line[row]`, cut into spans of one style each.
///
/// `spans` are styles of byte ranges of the line, sorted and not overlapping; what none of them
/// covers has no style. The contents one after the other are exactly what `shown` gives: a cell is
/// never cut, and has the style of its first byte, as has whatever is shown in its place.
///
/// A range that is not within the line, or splits a character, shows nothing.
pub fn shown_spans(
    line: &str,
    row: Range<usize>,
    width: u16,
    spans: &[(Range<usize>, Style)],
) -> Vec<Span<'static>> {
    let start = row.start;
    let Some(row) = line.get(row) else {
        return Vec::new();
    };
    let first = spans.partition_point(|(range, _)| range.end <= start);
    let mut brush = SpanBuilder {
        spans: &spans[first..],
        done: Vec::new(),
        text: String::new(),
        style: Style::new(),
    };
    let width = usize::from(width);
    if is_printable_ascii(row) {
        let end = start + row.len().min(width);
        let mut at = start;
        while at < end {
            let next = brush.move_to(at).min(end);
            brush.text.push_str(&line[at..next]);
            at = next;
        }
    } else {
        for (at, cell, columns) in cells_within(row, width) {
            brush.move_to(start + at);
            cell.write(&mut brush.text, &row[at..at + cell.len], columns);
        }
    }
    brush.finish()
}

/// Collects text in spans of one style.
struct SpanBuilder<'a> {
    /// The styles from the current place on.
    spans: &'a [(Range<usize>, Style)],
    done: Vec<Span<'static>>,
    text: String,
    style: Style,
}

impl SpanBuilder<'_> {
    /// Switches to the style of the byte at `at`; returns where that style ends.
    fn move_to(&mut self, at: usize) -> usize {
        while let Some((range, _)) = self.spans.first()
            && range.end <= at
        {
            self.spans = &self.spans[1..];
        }
        let (style, end) = match self.spans.first() {
            Some((range, style)) if range.start <= at => (*style, range.end),
            Some((range, _)) => (Style::new(), range.start),
            None => (Style::new(), usize::MAX),
        };
        if style != self.style {
            self.end_span();
            self.style = style;
        }
        end
    }

    fn end_span(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.done.push(Span::styled(text, self.style));
        }
    }

    fn finish(mut self) -> Vec<Span<'static>> {
        self.end_span();
        self.done
    }
}

fn is_printable_ascii(row: &str) -> bool {
    row.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The cells of a row that have room in `width` columns, each with where it starts, as it is shown,
/// and its columns.
fn cells_within(row: &str, width: usize) -> impl Iterator<Item = (usize, Cell, usize)> {
    let mut column = 0;
    cells(row).map_while(move |(at, cell)| {
        let columns = cell.columns(column, width);
        if columns > width - column || column == width {
            return None;
        }
        column += columns;
        Some((at, cell.fitted(width), columns))
    })
}

fn sanitize_row(row: &str, width: usize) -> Cow<'_, str> {
    if is_printable_ascii(row) {
        return Cow::Borrowed(&row[..row.len().min(width)]);
    }
    let mut changed: Option<String> = None;
    let mut end = 0;
    for (at, cell, columns) in cells_within(row, width) {
        if cell.form != CellForm::AsIs && changed.is_none() {
            let mut copy = String::with_capacity(row.len() + 16);
            copy.push_str(&row[..at]);
            changed = Some(copy);
        }
        end = at + cell.len;
        if let Some(out) = &mut changed {
            cell.write(out, &row[at..end], columns);
        }
    }
    match changed {
        Some(out) => Cow::Owned(out),
        None => Cow::Borrowed(&row[..end]),
    }
}

/// The beginning of `text` as a harmless preview of at most `width` columns.
///
/// Runs of whitespace, line breaks included, become one space; what does not fit is cut with `…`.
/// The cost depends on `width` alone: a text that starts with more whitespace than anyone would
/// look past gives just `…`.
pub fn one_line(text: &str, width: u16) -> String {
    let width = usize::from(width);
    if width == 0 {
        return String::new();
    }
    let looked_at = text.floor_char_boundary(PIECE + MAX_CELL_BYTES * width);
    let mut more = looked_at < text.len();
    let mut out = String::new();
    let mut column = 0;
    // The length of `out` that leaves room for the ellipsis.
    let mut room = 0;
    let mut gap = false;
    for (at, cell) in cells(&text[..looked_at]) {
        let blank = |c: char| c.is_whitespace() || is_joining(c) || is_selector(c);
        if cell.first.is_whitespace() && text[at..at + cell.len].chars().all(blank) {
            gap = !out.is_empty();
            continue;
        }
        let columns = cell.columns(column, width);
        if column + usize::from(gap) + columns > width {
            more = true;
            break;
        }
        if gap {
            out.push(' ');
            column += 1;
            gap = false;
        }
        cell.fitted(width)
            .write(&mut out, &text[at..at + cell.len], columns);
        column += columns;
        if column < width {
            room = out.len();
        }
    }
    if more {
        out.truncate(room);
        out.push('…');
    }
    out
}

/// The first grapheme of some text, as it is laid out and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    /// Bytes of the text it stands for; never 0.
    len: usize,
    /// Columns it takes; never 0. A tab takes at most this many.
    width: usize,
    form: CellForm,
    first: char,
    /// Whether it is whitespace at which a row may end.
    space: bool,
}

/// How a cell is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CellForm {
    AsIs,
    /// Spaces up to the next tab stop.
    Tab,
    /// This character instead.
    ReplacedBy(char),
    /// As it is, but with [`CIRCLE`] before it, so that it combines with nothing else, or with
    /// [`REPLACEMENT`] after it, because it was cut.
    Marked {
        before: bool,
        after: bool,
    },
}

impl Cell {
    fn replaced(first: char, by: char) -> Self {
        Self {
            len: first.len_utf8(),
            width: if simple_width(by) == Some(2) { 2 } else { 1 },
            form: CellForm::ReplacedBy(by),
            first,
            space: false,
        }
    }

    /// The columns it takes when it starts at `column` of rows of `width`.
    fn columns(&self, column: usize, width: usize) -> usize {
        match self.form {
            CellForm::Tab => (TAB_WIDTH - column % TAB_WIDTH).min((width - column).max(1)),
            _ if self.width > width => 1,
            _ => self.width,
        }
    }

    /// Itself, or its replacement if no row of `width` holds it.
    fn fitted(self, width: usize) -> Self {
        match self.form {
            CellForm::Tab => self,
            _ if self.width > width => Self {
                form: CellForm::ReplacedBy(REPLACEMENT),
                width: 1,
                ..self
            },
            _ => self,
        }
    }

    fn is_wide(&self) -> bool {
        self.width == 2 && self.form == CellForm::AsIs
    }

    /// Appends what is shown for `text`, the cell's text.
    fn write(&self, out: &mut String, text: &str, columns: usize) {
        match self.form {
            CellForm::AsIs => out.push_str(text),
            CellForm::Tab => out.extend(std::iter::repeat_n(' ', columns)),
            CellForm::ReplacedBy(c) => out.push(c),
            CellForm::Marked { before, after } => {
                if before {
                    out.push(CIRCLE);
                }
                out.push_str(text);
                if after {
                    out.push(REPLACEMENT);
                }
            }
        }
    }
}

/// The cells of `text`, each with where it starts.
fn cells(text: &str) -> impl Iterator<Item = (usize, Cell)> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let at = next;
        let cell = cell(&text[at..])?;
        next += cell.len;
        Some((at, cell))
    })
}

/// The first cell of `text`.
fn cell(text: &str) -> Option<Cell> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if first == '\t' {
        return Some(Cell {
            len: 1,
            width: TAB_WIDTH,
            form: CellForm::Tab,
            first,
            space: true,
        });
    }
    if let Some(picture) = control_picture(first) {
        return Some(Cell::replaced(first, picture));
    }
    // Characters known not to combine with each other need no segmentation.
    if let Some(width) = simple_width(first)
        && chars
            .next()
            .is_none_or(|next| next.is_ascii() || simple_width(next).is_some())
    {
        return Some(Cell {
            len: first.len_utf8(),
            width,
            form: CellForm::AsIs,
            first,
            space: is_space(first),
        });
    }
    Some(cluster(text, first))
}

/// The first cell of `text`, which starts with `first`, by segmentation.
fn cluster(text: &str, first: char) -> Cell {
    if is_hidden(first) || is_joining(first) || is_selector(first) {
        return Cell::replaced(first, REPLACEMENT);
    }
    if let Some(mark) = sound_mark(first) {
        return Cell::replaced(first, mark);
    }
    let window = &text[..text.floor_char_boundary(MAX_CELL_BYTES)];
    let grapheme = window.graphemes(true).next().unwrap_or(window);
    let text = &grapheme[..visible_len(grapheme)];
    let before = extends(first);
    // Whether it was cut is judged by its length alone, so that it is the same for a row on its own.
    let after = text.len() > MAX_CELL_BYTES - '\u{10FFFF}'.len_utf8();
    let plain = Cell {
        len: text.len(),
        width: 0,
        form: CellForm::AsIs,
        first,
        space: is_space(first) && text.len() == first.len_utf8(),
    };
    let cell = if before || after {
        let form = CellForm::Marked { before, after };
        let mut marked = String::with_capacity(text.len() + 6);
        Cell { form, ..plain }.write(&mut marked, text, 0);
        // A grapheme without a width would not be drawn, so all of it is replaced.
        let width = marked.graphemes(true).try_fold(0, |sum, grapheme| {
            match usize::from(grapheme.cell_width()) {
                0 => None,
                width => Some(sum + width),
            }
        });
        Cell {
            width: width.unwrap_or(0),
            form,
            ..plain
        }
    } else {
        Cell {
            width: usize::from(text.cell_width()),
            ..plain
        }
    };
    if cell.width == 0 {
        return Cell {
            width: 1,
            form: CellForm::ReplacedBy(REPLACEMENT),
            ..cell
        };
    }
    cell
}

/// How much of `grapheme` can be shown as it is: up to the first character that would be unseen
/// or misdrawn there. Joiners and variation selectors count only in a row, in which they carry hidden data.
fn visible_len(grapheme: &str) -> usize {
    let mut previous = '\0';
    for (at, c) in grapheme.char_indices() {
        let unseen = at > 0
            && (is_hidden(c)
                || sound_mark(c).is_some()
                || (is_selector(c) && (is_selector(previous) || is_joining(previous)))
                || (is_joining(c) && is_joining(previous)));
        if unseen {
            return at;
        }
        previous = c;
    }
    grapheme.len()
}

/// The full-width form of a half-width katakana sound mark.
///
/// ratatui 0.30 and unicode-width 0.2.3 both add a column for the half-width ones, so that `ｶﾞ` is
/// taken to be three columns wide. Terminals draw two and leave in the third whatever was there; the
/// full-width mark fills it.
fn sound_mark(c: char) -> Option<char> {
    match c {
        '\u{FF9E}' => Some('\u{309B}'),
        '\u{FF9F}' => Some('\u{309C}'),
        _ => None,
    }
}

/// The picture of an ASCII control character.
fn control_picture(c: char) -> Option<char> {
    match c {
        '\0'..='\x1F' => char::from_u32(0x2400 + u32::from(c)),
        '\x7F' => Some('\u{2421}'),
        _ => None,
    }
}

/// The width of a character that forms a grapheme of its own next to any other such character, and
/// is shown as it is. Others may do so too: this covers most text in common scripts.
fn simple_width(c: char) -> Option<usize> {
    match c {
        ' '..='~'
        | '\u{A0}'..='\u{AC}'
        | '\u{AE}'..='\u{2FF}'
        | '\u{370}'..='\u{482}'
        | '\u{48A}'..='\u{52F}'
        | '\u{2010}'..='\u{2027}'
        | '\u{2500}'..='\u{25A9}'
        | '\u{25CB}'..='\u{25CF}' => Some(1),
        '\u{3001}'..='\u{3029}'
        | '\u{3041}'..='\u{3096}'
        | '\u{309B}'..='\u{30FF}'
        | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7A3}'
        | '\u{FF01}'..='\u{FF60}' => Some(2),
        _ => None,
    }
}

/// Whitespace at which a row may end: not the no-break kinds.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{1680}' | '\u{2000}'..='\u{2006}' | '\u{2008}'..='\u{200A}' | '\u{205F}' | '\u{3000}')
}

/// Characters that control a terminal, reorder text, or take part in it unseen: C1 controls, soft
/// hyphen, bidirectional marks, embeddings, overrides and isolates, zero-width space, line and
/// paragraph separators, invisible operators, fillers, annotations, format controls of notations,
/// and the tag characters with the rest of their plane's ignorables.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\x1F'
        | '\x7F'..='\u{9F}'
        | '\u{AD}'
        | '\u{61C}'
        | '\u{115F}'
        | '\u{180E}'
        | '\u{200B}'
        | '\u{200E}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{3164}'
        | '\u{FEFF}'
        | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E00FF}'
        | '\u{E01F0}'..='\u{E0FFF}')
}

/// Unseen characters that scripts and emoji need between others: joiners and their like.
fn is_joining(c: char) -> bool {
    matches!(c, '\u{34F}' | '\u{17B4}'..='\u{17B5}' | '\u{200C}'..='\u{200D}')
}

/// Variation selectors, which change how the character before them looks.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Whether `c` would combine with whatever is displayed before it.
fn extends(c: char) -> bool {
    if c < '\u{300}' {
        return false;
    }
    let mut buffer = [0; 8];
    let circle = CIRCLE.encode_utf8(&mut buffer).len();
    let end = circle + c.encode_utf8(&mut buffer[circle..]).len();
    match std::str::from_utf8(&buffer[..end]) {
        Ok(both) => !matches!(cursor(both, circle).is_boundary(both, 0), Ok(true)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(line: &str, width: u16) -> Vec<&str> {
        rows(line, width).map(|range| &line[range]).collect()
    }

    fn lines(text: &str) -> Vec<String> {
        let text = Text::new(text);
        (0..text.len()).map(|i| text.line(i).to_owned()).collect()
    }

    #[test]
    fn lines_end_at_either_newline() {
        assert_eq!(lines(""), [""]);
        assert_eq!(lines("a"), ["a"]);
        assert_eq!(lines("a\n"), ["a", ""]);
        assert_eq!(lines("a\r\n\r\nb"), ["a", "", "b"]);
        assert_eq!(lines("a\rb\r\r\n\nc\r"), ["a\rb\r", "", "c\r"]);
    }

    #[test]
    fn long_lines_are_cut_between_words_or_graphemes() {
        let words = "lorem ".repeat(2000);
        for piece in lines(&words) {
            assert!(piece.len() <= PIECE && piece.ends_with("lorem "));
        }
        let emoji = "👩‍🚀".repeat(1000);
        for piece in lines(&emoji) {
            assert!(piece.len() <= PIECE && piece.len() % "👩‍🚀".len() == 0);
        }
        let marks = format!("e{}", "\u{301}".repeat(9000));
        assert_eq!(lines(&marks).concat(), marks);
        assert!(lines(&marks).iter().all(|piece| piece.len() <= PIECE));
        let exact = format!("{}\r\n{}\n", "x".repeat(PIECE), "y".repeat(PIECE + 1));
        assert_eq!(
            lines(&exact).iter().map(String::len).collect::<Vec<_>>(),
            [PIECE, PIECE, 1, 0]
        );
    }

    #[test]
    fn offsets_lead_to_lines() {
        let text = Text::new("ab\r\nc\n");
        let found: Vec<_> = (0..8).map(|offset| text.line_at(offset)).collect();
        assert_eq!(found, [0, 0, 0, 0, 1, 1, 2, 2]);
        assert_eq!((text.start(1), text.start(9)), (4, 6));
        assert_eq!((text.line(7), text.separator(0)), ("", "\r\n"));
    }

    #[test]
    fn rows_break_between_words() {
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrapped("one two three", 7), ["one two ", "three"]);
        assert_eq!(wrapped("one   \t two", 4), ["one   \t ", "two"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("a abcdefgh", 4), ["a ", "abcd", "efgh"]);
        assert_eq!(wrapped("      x", 4), ["    ", "  x"]);
        assert_eq!(wrapped("  abcdef", 6), ["  abcd", "ef"]);
        assert_eq!(wrapped("a\u{a0}b c", 3), ["a\u{a0}b ", "c"]);
        assert_eq!(wrapped("ab", 0), ["a", "b"]);
    }

    #[test]
    fn wide_characters_break_anywhere_but_at_punctuation() {
        assert_eq!(wrapped("日本語日本語", 5), ["日本", "語日", "本語"]);
        assert_eq!(wrapped("日本語。日", 6), ["日本", "語。日"]);
        assert_eq!(wrapped("日「本", 4), ["日", "「本"]);
        assert_eq!(wrapped("日本a語", 5), ["日本a", "語"]);
        assert_eq!(wrapped("日本", 1), ["日", "本"]);
        assert_eq!(shown("日", 1), "\u{FFFD}");
    }

    #[test]
    fn tabs_stop_every_four_columns_of_the_row() {
        assert_eq!(shown("\ta\tb", 20), "    a   b");
        assert_eq!(wrapped("\t\tab", 6), ["\t\t", "ab"]);
        assert_eq!(shown("\t\t", 6), "      ");
        assert_eq!(wrapped("日\tab", 6), ["日\tab"]);
        assert_eq!(row_count("\ta", 4), 2);
    }

    #[test]
    fn controls_become_visible() {
        assert_eq!(shown("\x1b[2J\r\0\x7f\u{9b}1m", 40), "␛[2J␍␀␡\u{FFFD}1m");
        assert_eq!(sanitize("a\n\u{202e}b"), "a␊\u{FFFD}b");
        assert_eq!(sanitize("x\u{e0041}\u{e0042}"), "x\u{FFFD}\u{FFFD}");
        assert_eq!(
            sanitize("x\u{fe00}\u{fe01}\u{e0100}"),
            "x\u{fe00}\u{FFFD}\u{FFFD}"
        );
        assert_eq!(sanitize("x\u{200d}\u{200d}"), "x\u{200d}\u{FFFD}");
        assert_eq!(sanitize("\u{301}x"), "\u{25CC}\u{301}x");
    }

    #[test]
    fn what_scripts_and_emoji_need_is_kept() {
        for text in [
            "👩‍❤️‍💋‍👨",
            "🧑🏻‍❤️‍💋‍🧑🏼",
            "1️⃣",
            "🇯🇵",
            "❤️‍🔥",
            "می\u{200c}خواهم",
            "क्षि",
            "e\u{301}",
            "葛\u{e0100}",
        ] {
            assert!(
                matches!(sanitize(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
        assert_eq!(columns("👩‍❤️‍💋‍👨日e\u{301}"), 5);
        assert_eq!((sanitize("ｶﾞﾊﾟ").as_ref(), columns("ｶﾞﾊﾟ")), ("ｶ゛ﾊ゜", 6));
    }

    #[test]
    fn endless_graphemes_are_shown_in_parts() {
        let marks = format!("e{}", "\u{301}".repeat(100));
        let shown = sanitize(&marks);
        assert_eq!(shown.matches('\u{301}').count(), 100);
        assert!(
            shown
                .graphemes(true)
                .all(|grapheme| grapheme.len() <= MAX_CELL_BYTES + 6)
        );
        assert_eq!(wrapped(&marks, 3).concat(), marks);
    }

    #[test]
    fn previews_are_one_line() {
        assert_eq!(one_line("  a \t\r\n b  ", 20), "a b");
        assert_eq!(one_line("hello world", 11), "hello world");
        assert_eq!(one_line("hello world", 10), "hello wor…");
        assert_eq!(one_line("hello world", 7), "hello…");
        assert_eq!(one_line("日本語", 5), "日本…");
        assert_eq!(one_line("日本語", 4), "日…");
        assert_eq!(one_line("日", 1), "\u{FFFD}");
        assert_eq!(one_line("ab", 1), "…");
        assert_eq!(one_line("ab", 0), "");
        assert_eq!(one_line(&" ".repeat(1 << 20), 10), "…");
        assert_eq!(one_line("\x1b[31m", 9), "␛[31m");
    }

    #[test]
    fn simple_characters_are_what_segmentation_says() {
        let simple: Vec<char> = ('\0'..'\u{20000}')
            .filter(|c| simple_width(*c).is_some())
            .collect();
        for c in simple.iter().copied() {
            let alone = c.to_string();
            assert_eq!(cell(&alone), Some(cluster(&alone, c)), "{c:?}");
            assert!(!extends(c), "{c:?}");
            for next in ['a', '\u{7}', 'é', 'я', '日', 'ア', '한', '©', c] {
                let pair = format!("{c}{next}");
                assert_eq!(pair.graphemes(true).count(), 2, "{pair:?}");
            }
        }
    }

    #[test]
    fn ascii_is_wrapped_as_everything_else_is() {
        let alphabet = [' ', ' ', 'a', 'b', ',', '\t', '\u{301}', '日', '\u{1}'];
        let mut state = 1_u64;
        for _ in 0..40_000 {
            let line: String = (0..12)
                .map(|_| {
                    state = state
                        .wrapping_mul(6364136223846793005)
                        .wrapping_add(1442695040888963407);
                    let pick =
                        (state >> 33) as usize % if state >> 63 == 0 { 4 } else { alphabet.len() };
                    alphabet[pick]
                })
                .collect();
            for width in 1..8 {
                if let Some(fast) = ascii_row(line.as_bytes(), width) {
                    assert_eq!(fast, row(&line, width), "{line:?} at {width}");
                }
                let all = rows(&line, width as u16).count();
                assert_eq!(row_count(&line, width as u16), all, "{line:?} at {width}");
            }
        }
    }
}
