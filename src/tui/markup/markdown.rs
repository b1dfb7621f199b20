//! Styles Markdown, only as far as it is on the screen.
//!
//! The fences are found once, over the whole text; between them, what is visible is parsed a
//! [`Region`] at a time: the lines around it up to the next blank ones.

use std::cell::{OnceCell, RefCell};
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::address::addresses;
use super::body::CodeBody;
use super::fences::{self, Fence};
use super::layout::RowPiece;
use super::table::MarkdownTable;
use super::tone::{Canvas, LineSpans, Tone};
use crate::tui::text::{Text, columns};
use crate::tui::worker::Worker;

/// The most lines parsed together. Beyond it a paragraph is cut, at lines that do not depend on
/// what is visible.
const MAX_LINES: usize = 128;

/// The most bytes parsed together; larger regions are parsed line by line.
const MAX_BYTES: usize = 64 * 1024;

/// The most levels of nested styles. Each level paints all that is in it, and a few kilobytes of `>`
/// are thousands of levels.
const MAX_DEPTH: usize = 32;

/// How many lines back a list item is looked for that an indented line may belong to.
const LOOK_BACK: usize = 64;

/// The fences of a Markdown text, and caches of what was parsed last.
#[derive(Debug)]
pub(super) struct Markdown {
    fences: Vec<Fence>,
    /// The bodies of the fences, made when they are first looked at.
    bodies: Vec<OnceCell<CodeBody>>,
    /// The region that was parsed last, which most often holds the next line too.
    last: RefCell<Option<Region>>,
    /// The table that was found last.
    table: RefCell<Option<MarkdownTable>>,
    /// Lines that have bars but make no table.
    no_table: RefCell<Range<usize>>,
}

impl Markdown {
    pub(super) fn new(text: &Text) -> Self {
        let fences = fences::find(text.as_str());
        Self {
            bodies: fences.iter().map(|_| OnceCell::new()).collect(),
            fences,
            last: RefCell::new(None),
            table: RefCell::new(None),
            no_table: RefCell::new(0..0),
        }
    }

    pub(super) fn spans(&self, text: &Text, index: usize, worker: &Worker) -> LineSpans {
        let start = text.start(index);
        match self.fence_at(start) {
            Some(at) => self.fence_spans(text, index, at, worker),
            None => self.prose_spans(text, index),
        }
    }

    /// The rows of a table line; `None` if it is not in a table, or the table has no room at `width`.
    pub(super) fn table_rows(
        &self,
        text: &Text,
        index: usize,
        width: u16,
    ) -> Option<Vec<Vec<RowPiece>>> {
        if !text.line(index).as_bytes().contains(&b'|')
            || self.fence_at(text.start(index)).is_some()
        {
            return None;
        }
        let mut last = self.table.borrow_mut();
        if !last
            .as_ref()
            .is_some_and(|table| table.lines.contains(&index))
        {
            let found = MarkdownTable::find(text, index, &mut self.no_table.borrow_mut())?;
            if self.fence_at(text.start(found.lines.start)).is_some() {
                return None;
            }
            *last = Some(found);
        }
        last.as_ref()?.rows(text, index, width)
    }

    /// The columns that the rows of a line of prose after the first are indented by: those of its
    /// indentation, its quotation marks, and the bullet, number or box of a list item.
    pub(super) fn hanging_indent(&self, text: &Text, index: usize) -> u16 {
        let line = text.line(index);
        let is_prose = line.starts_with([' ', '\t', '-', '*', '+', '>'])
            || line.starts_with(|c: char| c.is_ascii_digit());
        if !is_prose || self.fence_at(text.start(index)).is_some() {
            return 0;
        }
        let before = line.len() - line.trim_start_matches([' ', '\t', '>']).len();
        let rest = &line[before..];
        let marks = if is_list_item(rest) {
            let marker = rest.find([' ', '\t']).unwrap_or(0) + 1;
            let is_box = ["[ ] ", "[x] ", "[X] "]
                .iter()
                .any(|mark| rest[marker..].starts_with(mark));
            marker + if is_box { "[ ] ".len() } else { 0 }
        } else {
            0
        };
        u16::try_from(columns(&line[..before + marks])).unwrap_or(u16::MAX)
    }

    /// The index of the fence that a byte is in, its opening and closing lines included.
    fn fence_at(&self, offset: usize) -> Option<usize> {
        let after = self
            .fences
            .partition_point(|fence| fence.open.start <= offset);
        let at = after.checked_sub(1)?;
        let fence = &self.fences[at];
        let inside =
            offset < fence.close.end || (fence.close.is_empty() && offset <= fence.body.end);
        inside.then_some(at)
    }

    fn fence_spans(&self, text: &Text, index: usize, at: usize, worker: &Worker) -> LineSpans {
        let fence = &self.fences[at];
        let line = line_range(text, index);
        if line.start < fence.open.end {
            let info = fence.info.start.clamp(line.start, line.end) - line.start;
            let end = fence.info.end.clamp(line.start, line.end) - line.start;
            let mut spans = vec![(0..info, Tone::Marker), (info..end, Tone::Code)];
            spans.retain(|(range, _)| !range.is_empty());
            return spans;
        }
        if line.start >= fence.close.start && !fence.close.is_empty() {
            return vec![(0..line.len(), Tone::Marker)];
        }
        if fence.is_quoted {
            let marks = quote_marks(text.line(index));
            let mut spans = vec![(0..marks, Tone::Marker), (marks..line.len(), Tone::Code)];
            spans.retain(|(range, _)| !range.is_empty());
            return spans;
        }
        let body = self.bodies[at].get_or_init(|| {
            let language = text.as_str().get(fence.info.clone()).unwrap_or_default();
            CodeBody::new(text, fence.body.clone(), language)
        });
        body.spans(text, index, worker)
    }

    fn prose_spans(&self, text: &Text, index: usize) -> LineSpans {
        let mut last = self.last.borrow_mut();
        if let Some(region) = last.as_ref()
            && region.lines.contains(&index)
        {
            return region.spans(text, index);
        }
        let region = Region::parse(text, self.region(text, index));
        let spans = region.spans(text, index);
        *last = Some(region);
        spans
    }

    /// The lines that have to be parsed to style a line.
    fn region(&self, text: &Text, index: usize) -> Range<usize> {
        let is_prose = |line: usize| {
            !text.line(line).trim_ascii().is_empty() && self.fence_at(text.start(line)).is_none()
        };
        let chunk =
            index - index % MAX_LINES..(index - index % MAX_LINES + MAX_LINES).min(text.len());
        let mut lines = index..index + 1;
        while lines.start > chunk.start && is_prose(lines.start - 1) {
            lines.start -= 1;
        }
        while lines.end < chunk.end && is_prose(lines.end) {
            lines.end += 1;
        }
        if text.start(lines.end) - text.start(lines.start) > MAX_BYTES {
            return index..index + 1;
        }
        lines
    }
}

/// Lines that were parsed together.
#[derive(Debug)]
struct Region {
    lines: Range<usize>,
    /// For each line where it starts on the canvas, and how much indentation was left out.
    starts: Vec<(usize, usize)>,
    canvas: Canvas,
}

impl Region {
    fn parse(text: &Text, lines: Range<usize>) -> Self {
        let margin = margin(text, lines.start);
        let mut source = String::new();
        let mut starts = Vec::with_capacity(lines.len());
        for index in lines.clone() {
            let line = text.line(index);
            let is_cut = index > 0 && text.separator(index - 1).is_empty();
            let left_out = if is_cut {
                0
            } else {
                indentation(line).min(margin)
            };
            starts.push((source.len(), left_out));
            source.push_str(&line[left_out..]);
            if !text.separator(index).is_empty() {
                source.push('\n');
            }
        }
        Self {
            lines,
            starts,
            canvas: paint(&source),
        }
    }

    fn spans(&self, text: &Text, index: usize) -> LineSpans {
        let line = self.starts.get(index - self.lines.start);
        let Some((start, left_out)) = line.copied() else {
            return Vec::new();
        };
        let len = text.line(index).len() - left_out;
        let mut spans = self.canvas.spans(start..start + len);
        for (range, _) in &mut spans {
            *range = range.start + left_out..range.end + left_out;
        }
        spans
    }
}

/// How much indentation of a region belongs to the list item it continues. The item may be outside of
/// the region, and without it an indented paragraph would be taken for code.
fn margin(text: &Text, first: usize) -> usize {
    let own = indentation(text.line(first));
    if own == 0 {
        return 0;
    }
    for index in (first.saturating_sub(LOOK_BACK)..first).rev() {
        let line = text.line(index);
        let content = line.trim_ascii();
        if !content.is_empty() && indentation(line) < own {
            if is_list_item(content) {
                return own;
            }
            if indentation(line) == 0 {
                return 0;
            }
        }
    }
    0
}

fn indentation(line: &str) -> usize {
    line.bytes()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

fn is_list_item(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    matches!(
        (
            digits,
            line.as_bytes().get(digits),
            line.as_bytes().get(digits + 1)
        ),
        (0, Some(b'-' | b'*' | b'+'), Some(b' ' | b'\t'))
            | (1.., Some(b'.' | b')'), Some(b' ' | b'\t'))
    )
}

fn line_range(text: &Text, index: usize) -> Range<usize> {
    let start = text.start(index);
    start..start + text.line(index).len()
}

/// The length of the `>` that a line starts with, and the space around them.
fn quote_marks(line: &str) -> usize {
    let rest = line.trim_start_matches([' ', '\t', '>']);
    let marks = &line[..line.len() - rest.len()];
    marks.rfind('>').map_or(0, |at| at + 1)
}

fn paint(source: &str) -> Canvas {
    let mut painter = Painter {
        source,
        canvas: Canvas::new(source.len()),
        strong: 0,
        emphasis: 0,
        links: 0,
        is_head: false,
        code: 0,
    };
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut depth = 0_usize;
    for (event, range) in Parser::new_ext(source, options).into_offset_iter() {
        let starts = matches!(event, Event::Start(_));
        depth += usize::from(starts);
        let is_bound = starts || matches!(event, Event::End(_));
        if !is_bound || depth <= MAX_DEPTH {
            painter.event(&event, range);
        }
        if is_bound && !starts {
            depth = depth.saturating_sub(1);
        }
    }
    painter.lone_tags();
    painter.addresses();
    painter.canvas
}

struct Painter<'a> {
    source: &'a str,
    canvas: Canvas,
    // How many open tags of each kind the parser is in.
    strong: usize,
    emphasis: usize,
    links: usize,
    code: usize,
    is_head: bool,
}

impl Painter<'_> {
    fn event(&mut self, event: &Event, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(*tag),
            Event::Text(_) if self.links > 0 => self.canvas.paint(range, Tone::Link),
            Event::Code(_) => {
                let marks = self.leading(&range, '`');
                self.enclosed(range, marks, Tone::Code);
            }
            Event::InlineHtml(_) | Event::Rule => self.canvas.paint(range, Tone::Marker),
            Event::Html(_) => self.tags(range),
            Event::TaskListMarker(_) => self.canvas.paint(range, Tone::ListMarker),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag, range: Range<usize>) {
        match tag {
            Tag::Heading { .. } => self.heading(range),
            Tag::BlockQuote(_) => {
                self.canvas.paint(range.clone(), Tone::Quote);
                let mut at = range.start;
                for line in self.source[range].split_inclusive('\n') {
                    self.canvas.paint(at..at + quote_marks(line), Tone::Marker);
                    at += line.len();
                }
            }
            Tag::Item => {
                let item = &self.source[range.clone()];
                let marker = item.find(char::is_whitespace).unwrap_or(item.len());
                self.canvas
                    .paint(range.start..range.start + marker, Tone::ListMarker);
            }
            Tag::Strong => {
                self.strong += 1;
                self.enclosed(range, 2, self.emphasis_tone());
            }
            Tag::Emphasis => {
                self.emphasis += 1;
                self.enclosed(range, 1, self.emphasis_tone());
            }
            Tag::Strikethrough => {
                let marks = self.leading(&range, '~');
                self.enclosed(range, marks, Tone::Strike);
            }
            Tag::Link { .. } | Tag::Image { .. } => {
                self.links += 1;
                self.canvas.paint(range, Tone::Marker);
            }
            Tag::CodeBlock(kind) => {
                self.code += 1;
                // Indented text is as likely something that was pasted as code.
                if let CodeBlockKind::Fenced(_) = kind {
                    self.canvas.paint(range, Tone::Code);
                }
            }
            Tag::Table(_) => self.canvas.paint(range, Tone::Marker),
            Tag::TableHead => self.is_head = true,
            Tag::TableCell => {
                let tone = self.is_head.then_some(Tone::Heading);
                let cell = self.source[range.clone()].trim_end_matches(['|', ' ', '\t']);
                let start =
                    range.start + cell.len() - cell.trim_start_matches(['|', ' ', '\t']).len();
                self.canvas.paint(start..range.start + cell.len(), tone);
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        let count = match tag {
            TagEnd::Strong => &mut self.strong,
            TagEnd::Emphasis => &mut self.emphasis,
            TagEnd::Link | TagEnd::Image => &mut self.links,
            TagEnd::CodeBlock => &mut self.code,
            TagEnd::TableHead => {
                self.is_head = false;
                return;
            }
            _ => return,
        };
        *count = count.saturating_sub(1);
    }

    fn emphasis_tone(&self) -> Tone {
        match (self.strong > 0, self.emphasis > 0) {
            (true, true) => Tone::StrongEmphasis,
            (true, false) => Tone::Strong,
            _ => Tone::Emphasis,
        }
    }

    /// Paints the marks of `marks` bytes at both ends, and what is between them.
    fn enclosed(&mut self, range: Range<usize>, marks: usize, tone: Tone) {
        let marks = marks.min(range.len() / 2);
        self.canvas.paint(range.clone(), Tone::Marker);
        self.canvas
            .paint(range.start + marks..range.end - marks, tone);
    }

    fn leading(&self, range: &Range<usize>, mark: char) -> usize {
        let text = &self.source[range.clone()];
        text.len() - text.trim_start_matches(mark).len()
    }

    fn heading(&mut self, range: Range<usize>) {
        self.canvas.paint(range.clone(), Tone::Heading);
        let marks = self.leading(&range, '#');
        if marks > 0 {
            self.canvas
                .paint(range.start..range.start + marks, Tone::Marker);
            return;
        }
        // A setext heading is underlined by its last line.
        let heading = self.source[range.clone()].trim_end();
        if let Some(line) = heading.rfind('\n') {
            self.canvas
                .paint(range.start + line..range.end, Tone::Marker);
        }
    }

    /// Paints HTML tags as markup, but not the text between them.
    fn tags(&mut self, range: Range<usize>) {
        let html = &self.source[range.clone()];
        let mut at = 0;
        while let Some(start) = html[at..].find('<').map(|found| at + found) {
            let end = html[start..]
                .find('>')
                .map_or(html.len(), |found| start + found + 1);
            self.canvas
                .paint(range.start + start..range.start + end, Tone::Marker);
            at = end;
        }
    }

    /// Paints tags that have a line of their own. Agents wrap inserted text in tags whose names, such as
    /// `<environment_context>`, the parser does not take for HTML.
    fn lone_tags(&mut self) {
        let mut at = 0;
        for line in self.source.split_inclusive('\n') {
            let tag = line.trim();
            let start = at + line.len() - line.trim_start().len();
            let name = tag
                .strip_prefix('<')
                .and_then(|rest| rest.strip_suffix('>'));
            let is_tag = name.is_some_and(|name| {
                let name = name.strip_prefix('/').unwrap_or(name);
                name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.contains(['<', '>'])
            });
            if is_tag && self.canvas.at(start).is_none() {
                self.canvas.paint(start..start + tag.len(), Tone::Marker);
            }
            at += line.len();
        }
    }

    /// Paints URLs that are written out.
    fn addresses(&mut self) {
        for range in addresses(self.source) {
            let is_free = !matches!(
                self.canvas.at(range.start),
                Some(Tone::Code | Tone::Marker | Tone::Link)
            );
            if is_free {
                self.canvas.paint(range, Tone::Link);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each toned stretch of the text is.
    fn told(text: &str) -> Vec<(String, Tone)> {
        let text = Text::new(text);
        let markdown = Markdown::new(&text);
        let worker = Worker::new().unwrap();
        // From the end, so that nothing depends on the order.
        let mut lines: Vec<Vec<_>> = (0..text.len())
            .rev()
            .map(|index| {
                let line = text.line(index);
                let spans = markdown.spans(&text, index, &worker).into_iter();
                spans
                    .map(|(range, tone)| (line[range].to_owned(), tone))
                    .collect()
            })
            .collect();
        lines.reverse();
        lines.concat()
    }

    fn check(text: &str, expected: &[(&str, Tone)]) {
        let told = told(text);
        let told: Vec<_> = told
            .iter()
            .map(|(text, tone)| (text.as_str(), *tone))
            .collect();
        assert_eq!(told, expected, "{text}");
    }

    use Tone::*;

    #[test]
    fn words_are_stressed() {
        check(
            "a **b** _c_ ***d*** ~~e~~ `f`\\*",
            &[
                ("**", Marker),
                ("b", Strong),
                ("**", Marker),
                ("_", Marker),
                ("c", Emphasis),
                ("_", Marker),
                ("***", Marker),
                ("d", StrongEmphasis),
                ("***", Marker),
                ("~~", Marker),
                ("e", Strike),
                ("~~", Marker),
                ("`", Marker),
                ("f", Code),
                ("`", Marker),
            ],
        );
        check(
            "**a\r\nb**",
            &[("**", Marker), ("a", Strong), ("b", Strong), ("**", Marker)],
        );
        check(
            "<my_context>\n  <cwd>x</cwd>\n</my_context>",
            &[
                ("<my_context>", Marker),
                ("<cwd>", Marker),
                ("</cwd>", Marker),
                ("</my_context>", Marker),
            ],
        );
        check("snake_case_name 2 * 3 * 4 <b>", &[("<b>", Marker)]);
    }

    #[test]
    fn nesting_without_end_is_painted_so_far() {
        // Painting every level took seconds for a text like these, and whoever asks can send one.
        let quoted = "> ".repeat(30_000);
        assert!(told(&quoted).iter().any(|(_, tone)| *tone == Marker));
        let stressed = ["*a ".repeat(9_000), "b* ".repeat(9_000)].concat();
        assert!(told(&stressed).iter().any(|(_, tone)| *tone == Emphasis));
    }

    #[test]
    fn headings_lists_quotes_and_rules() {
        check(
            "# A `b`\n\nC\n===\n\n- d\n  1. [x] e\n\n> f\n> g\n\n***",
            &[
                ("#", Marker),
                (" A ", Heading),
                ("`", Marker),
                ("b", Code),
                ("`", Marker),
                ("C", Heading),
                ("===", Marker),
                ("-", ListMarker),
                ("1.", ListMarker),
                ("[x]", ListMarker),
                (">", Marker),
                (" f", Quote),
                (">", Marker),
                (" g", Quote),
                ("***", Marker),
            ],
        );
    }

    #[test]
    fn links_and_tables() {
        check(
            "[a](b) https://c.d/e_f_g. ![h](i)",
            &[
                ("[", Marker),
                ("a", Link),
                ("](b)", Marker),
                ("https://c.d/e_f_g", Link),
                ("![", Marker),
                ("h", Link),
                ("](i)", Marker),
            ],
        );
        check(
            "| a | b |\n|---|---|\n| c | **d** |",
            &[
                ("| ", Marker),
                ("a", Heading),
                (" | ", Marker),
                ("b", Heading),
                (" |", Marker),
                ("|---|---|", Marker),
                ("| ", Marker),
                (" | **", Marker),
                ("d", Strong),
                ("** |", Marker),
            ],
        );
    }

    #[test]
    fn fences_and_what_is_around_them() {
        check(
            "*a*\n```json\n1 *b*\n```\n*c*\n> ```\n> d\n",
            &[
                ("*", Marker),
                ("a", Emphasis),
                ("*", Marker),
                ("```", Marker),
                ("json", Code),
                ("1", Number),
                ("```", Marker),
                ("*", Marker),
                ("c", Emphasis),
                ("*", Marker),
                ("> ```", Marker),
                (">", Marker),
                (" d", Code),
            ],
        );
        check(
            "```diff\n+a\n-b",
            &[
                ("```", Marker),
                ("diff", Code),
                ("+a", Added),
                ("-b", Removed),
            ],
        );
    }

    #[test]
    fn paragraphs_of_list_items_are_not_code() {
        check(
            "- a\n\n    *b*\n",
            &[
                ("-", ListMarker),
                ("*", Marker),
                ("b", Emphasis),
                ("*", Marker),
            ],
        );
        check("a\n\n    *b*\n", &[]);
    }

    #[test]
    fn long_paragraphs_are_cut() {
        let text = "a *b* c\n".repeat(3 * MAX_LINES);
        assert_eq!(told(&text).len(), 9 * MAX_LINES);
        let text = format!("- {}", "**a** ".repeat(2000));
        assert!(
            told(&text)
                .iter()
                .filter(|(_, tone)| *tone == Strong)
                .count()
                >= 1998
        );
    }
}
