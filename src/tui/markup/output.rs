//! Turns what programs write to terminals into text and colours.
//!
//! Nothing of it may act on the person's own terminal, and no words may get lost on the way. So:
//!
//! - Colours (SGR) leave the text and become tones.
//! - Other control sequences (CSI) consist of numbers: they leave the text and are counted.
//! - Sequences that carry words, such as titles and links, and whatever is incomplete, stay in the
//!   text, where their control characters show as pictures like everywhere else.
//! - What a line drew over itself, with carriage returns, backspaces and erasures, is drawn over
//!   here too: a progress bar is read by its last state, and hundreds of states in one line cannot
//!   be read at all. Lines of which something got lost that way are counted.

use std::ops::Range;

use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};
use memchr::{memchr, memchr3};
use ratatui::style::Modifier;

use super::sgr;
use super::tone::{LineSpans, Sgr, Tone};

/// The longest control sequence that is recognized, in bytes.
const MAX_SEQUENCE: usize = 256;

/// The most characters of a line that may be overwritten. A program that writes more before it
/// goes back is not drawing a progress bar.
const MAX_OVERWRITE: usize = 512;

/// The most columns that are skipped at once, so that a few bytes cannot become a long line.
const MAX_SKIP: usize = 64;

/// A cell that nothing was written to.
const BLANK: (char, Sgr) = (
    ' ',
    Sgr {
        fg: None,
        bg: None,
        modifiers: Modifier::empty(),
    },
);

/// Counts what was removed from an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Control sequences without words, other than colours.
    pub sequences: usize,
    /// Lines that were drawn over.
    pub overwritten: usize,
}

/// Where the colours of an output change.
#[derive(Debug, Default)]
pub(super) struct ColouredOutput {
    changes: Vec<(usize, Sgr)>,
    pub removed: Removed,
}

impl ColouredOutput {
    /// Reads an output: what is to be shown of it, and its colours.
    pub(super) fn read(raw: &str) -> (Option<String>, Self) {
        if memchr3(b'\x1B', b'\r', b'\x08', raw.as_bytes()).is_none() {
            return (None, Self::default());
        }
        let mut screen = OutputScreen {
            text: String::with_capacity(raw.len()),
            ..OutputScreen::default()
        };
        screen.read(raw);
        screen.finish_line();
        (Some(screen.text), screen.output)
    }

    /// The colours of a line.
    pub(super) fn spans(&self, line: Range<usize>) -> LineSpans {
        let first = self
            .changes
            .partition_point(|(at, _)| *at <= line.start)
            .saturating_sub(1);
        let mut spans = Vec::new();
        for (index, (at, sgr)) in self.changes.iter().enumerate().skip(first) {
            if *at >= line.end {
                break;
            }
            let end = self.changes.get(index + 1).map_or(line.end, |(at, _)| *at);
            let range =
                at.max(&line.start) - line.start..end.clamp(line.start, line.end) - line.start;
            if *sgr != Sgr::default() && !range.is_empty() {
                spans.push((range, Tone::Sgr(*sgr)));
            }
        }
        spans
    }
}

/// The text so far, and the line that is being written.
#[derive(Default)]
struct OutputScreen {
    text: String,
    output: ColouredOutput,
    sgr: Sgr,
    parser: Parser<DefaultCharAccumulator>,
    /// The line, once the cursor has moved within it; before that it is written to the text at once.
    cells: Vec<(char, Sgr)>,
    /// Where in the cells the next character goes.
    cursor: usize,
    /// Where in the text the line starts.
    line: usize,
    is_drawing: bool,
    is_overwritten: bool,
}

impl OutputScreen {
    fn read(&mut self, raw: &str) {
        let bytes = raw.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let end = next_special(bytes, at, self.is_drawing);
            self.write(&raw[at..end]);
            at = end;
            at += match bytes.get(at) {
                None => 0,
                Some(b'\x1B') => self.escape(&raw[at..]),
                Some(b'\r') => self.carriage_return(&bytes[at..]),
                Some(b'\x08') => {
                    self.draw();
                    self.cursor = self.cursor.saturating_sub(1);
                    1
                }
                Some(_) => {
                    self.finish_line();
                    self.text.push('\n');
                    self.line = self.text.len();
                    1
                }
            };
        }
    }

    fn write(&mut self, words: &str) {
        if !self.is_drawing {
            if !words.is_empty() {
                self.colour(self.sgr);
                self.text.push_str(words);
                // Only the current line can be drawn over.
                if let Some(line) = words.rfind('\n') {
                    self.line = self.text.len() - words.len() + line + 1;
                }
            }
            return;
        }
        for c in words.chars() {
            if self.cursor >= MAX_OVERWRITE {
                self.finish_line();
                self.line = self.text.len();
                self.draw();
            }
            if self.cells.len() < self.cursor {
                self.cells.resize(self.cursor, BLANK);
            }
            match self.cells.get_mut(self.cursor) {
                Some(cell) => {
                    self.is_overwritten |= cell.0 != c && cell.0 != ' ';
                    *cell = (c, self.sgr);
                }
                None => self.cells.push((c, self.sgr)),
            }
            self.cursor += 1;
        }
    }

    /// Colours what is written from here on.
    fn colour(&mut self, sgr: Sgr) {
        let last = self.output.changes.last().map(|(_, sgr)| *sgr);
        if last.unwrap_or_default() != sgr {
            self.output.changes.push((self.text.len(), sgr));
        }
    }

    fn carriage_return(&mut self, rest: &[u8]) -> usize {
        let returns = rest.iter().take_while(|byte| **byte == b'\r').count();
        // Before a line break, and at the end, nothing is drawn over.
        if !matches!(rest.get(returns), None | Some(b'\n')) {
            self.draw();
            self.cursor = 0;
        }
        returns
    }

    /// Moves the current line into cells, so that it can be overwritten.
    fn draw(&mut self) {
        if self.is_drawing {
            return;
        }
        self.is_drawing = true;
        let mut from = self.line;
        if self.text.len() - from > MAX_OVERWRITE {
            from = self
                .text
                .ceil_char_boundary(self.text.len() - MAX_OVERWRITE);
        }
        let changes = &mut self.output.changes;
        let first = changes
            .partition_point(|(at, _)| *at <= from)
            .saturating_sub(1);
        let mut here = changes.get(first..).unwrap_or_default().iter().peekable();
        let mut sgr = Sgr::default();
        for (offset, c) in self.text[from..].char_indices() {
            while let Some((_, next)) = here.next_if(|(at, _)| *at <= from + offset) {
                sgr = *next;
            }
            self.cells.push((c, sgr));
        }
        let kept = changes.partition_point(|(at, _)| *at < from);
        changes.truncate(kept);
        self.text.truncate(from);
        self.cursor = self.cells.len();
    }

    fn finish_line(&mut self) {
        self.is_drawing = false;
        self.cursor = 0;
        self.output.removed.overwritten += usize::from(std::mem::take(&mut self.is_overwritten));
        for (c, sgr) in std::mem::take(&mut self.cells) {
            self.colour(sgr);
            self.text.push(c);
        }
    }

    /// Handles an escape sequence; returns its length in bytes.
    fn escape(&mut self, rest: &str) -> usize {
        let Some(len) = control_sequence(rest.as_bytes()) else {
            // It stays visible, and what follows is read as text.
            self.write("\x1B");
            return 1;
        };
        let mut found = ControlSequence::default();
        for byte in &rest.as_bytes()[..len] {
            self.parser.advance(&mut found, *byte);
        }
        match found.0 {
            Some((params, 'm')) => self.sgr = sgr::apply(self.sgr, &params),
            other => {
                self.output.removed.sequences += 1;
                if let Some((params, action)) = other {
                    self.control(action, params.iter().flatten().next().copied());
                }
            }
        }
        len
    }

    /// Carries out a control sequence that moves or erases within the line.
    fn control(&mut self, action: char, count: Option<u16>) {
        let count = usize::from(count.unwrap_or(0));
        match (action, count) {
            // There is nothing to erase after the last character; compilers and grep do it all the same.
            ('K', 0) if !self.is_drawing => return,
            // Some programs skip columns instead of writing spaces.
            ('C', by) if !self.is_drawing => return self.write(&" ".repeat(by.clamp(1, MAX_SKIP))),
            ('K' | 'G' | 'C' | 'D', _) => self.draw(),
            _ => return,
        }
        let end = self.cells.len().max(self.cursor);
        match (action, count) {
            ('G', column) => self.cursor = column.saturating_sub(1).min(end),
            ('C', by) => self.cursor = (self.cursor + by.max(1)).min(end + MAX_SKIP),
            ('D', by) => self.cursor = self.cursor.saturating_sub(by.max(1)),
            ('K', 0) => self.erase(self.cursor..self.cells.len()),
            ('K', 1) => self.erase(0..self.cursor + 1),
            ('K', 2) => self.erase(0..self.cells.len()),
            _ => {}
        }
    }

    fn erase(&mut self, range: Range<usize>) {
        let end = range.end.min(self.cells.len());
        let erased = &mut self.cells[range.start.min(end)..end];
        self.is_overwritten |= erased.iter().any(|(c, _)| *c != ' ');
        erased.fill(BLANK);
        // Blank cells at the end are dropped.
        let blank = self.cells.iter().rev();
        let blank = blank.take_while(|cell| **cell == BLANK).count();
        let kept = self.cells.len() - blank;
        self.cells.truncate(kept);
    }
}

/// The index of the next byte that is not plain text. Line breaks count only while a line is kept in
/// cells.
fn next_special(bytes: &[u8], at: usize, is_drawing: bool) -> usize {
    let rest = &bytes[at..];
    let end = memchr3(b'\x1B', b'\r', b'\x08', rest).unwrap_or(rest.len());
    let end = if is_drawing {
        memchr(b'\n', &rest[..end]).unwrap_or(end)
    } else {
        end
    };
    at + end
}

/// The length of the control sequence (CSI) at the start.
fn control_sequence(bytes: &[u8]) -> Option<usize> {
    let inside = bytes.strip_prefix(b"\x1B[")?;
    let inside = &inside[..inside.len().min(MAX_SEQUENCE)];
    let params = inside
        .iter()
        .take_while(|byte| matches!(byte, b'0'..=b'?'))
        .count();
    let rest = &inside[params..];
    let end = params
        + rest
            .iter()
            .take_while(|byte| matches!(byte, b' '..=b'/'))
            .count();
    matches!(inside.get(end), Some(b'@'..=b'~')).then_some(end + 3)
}

/// The parameters and the final byte of a control sequence, unless it is a private one.
#[derive(Default)]
struct ControlSequence(Option<(Params, char)>);

impl Perform for ControlSequence {
    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: u8) {
        if intermediates.is_empty() && !ignore {
            self.0 = Some((params.clone(), char::from(action)));
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Color;

    use super::*;

    fn shown(raw: &str) -> (String, Removed) {
        let (text, output) = ColouredOutput::read(raw);
        (text.unwrap_or_else(|| raw.to_owned()), output.removed)
    }

    fn text(raw: &str) -> String {
        shown(raw).0
    }

    fn told(raw: &str) -> Vec<(String, Sgr)> {
        let (text, output) = ColouredOutput::read(raw);
        let text = text.unwrap_or_else(|| raw.to_owned());
        let spans = output.spans(0..text.len()).into_iter();
        spans
            .map(|(range, tone)| match tone {
                Tone::Sgr(sgr) => (text[range].to_owned(), sgr),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn fg(color: Color) -> Sgr {
        Sgr {
            fg: Some(color),
            ..Sgr::default()
        }
    }

    #[test]
    fn colours_leave_the_text() {
        assert_eq!(text("a\x1b[31mb\x1b[0mc"), "abc");
        assert_eq!(
            told(
                "a\x1b[31mb\x1b[38;5;208mc\x1b[38;2;1;2;3md\x1b[38:2::1:2:4me\x1b[39mf\x1b[92mg\x1b[mh"
            ),
            [
                ("b".to_owned(), fg(Color::Red)),
                ("c".to_owned(), fg(Color::Indexed(208))),
                ("d".to_owned(), fg(Color::Rgb(1, 2, 3))),
                ("e".to_owned(), fg(Color::Rgb(1, 2, 4))),
                ("g".to_owned(), fg(Color::LightGreen)),
            ]
        );
        let told = told("\x1b[1;4;8;5;44ma\x1b[22;24mb");
        assert_eq!(told[0].1.modifiers, Modifier::BOLD | Modifier::UNDERLINED);
        assert_eq!(told[1].1.modifiers, Modifier::empty());
        assert_eq!(told[1].1.bg, Some(Color::Blue));
    }

    #[test]
    fn colours_go_on_after_line_breaks() {
        let (text, output) = ColouredOutput::read("\x1b[31ma\nb\x1b[0m\nc");
        assert_eq!(text.as_deref(), Some("a\nb\nc"));
        assert_eq!(output.spans(2..3), [(0..1, Tone::Sgr(fg(Color::Red)))]);
        assert_eq!(output.spans(4..5), []);
    }

    #[test]
    fn sequences_without_words_are_counted() {
        let (text, removed) = shown("\x1b[2J\x1b[?25la\x1b[5;5Hb\x1b[K");
        assert_eq!(text, "ab");
        assert_eq!(
            removed,
            Removed {
                sequences: 4,
                overwritten: 0
            }
        );
    }

    #[test]
    fn words_and_broken_sequences_stay() {
        for raw in [
            "\x1b]0;title\x07x",
            "\x1bPq\x1b\\",
            "\x1b[31",
            "\x1b",
            "\x1b[\x01m",
            "\x1b]8;;u\x1b\\",
        ] {
            assert_eq!(shown(raw), (raw.to_owned(), Removed::default()));
        }
        let long = format!("\x1b[{}m", "1;".repeat(MAX_SEQUENCE));
        assert_eq!(text(&long), long);
    }

    #[test]
    fn lines_are_drawn_over() {
        assert_eq!(
            shown("10%\r50%\r100%\nx"),
            (
                "100%\nx".into(),
                Removed {
                    sequences: 0,
                    overwritten: 1
                }
            )
        );
        assert_eq!(text("abc\rX"), "Xbc");
        assert_eq!(text("abc\r\x1b[KX\nd"), "X\nd");
        assert_eq!(text("abc\x1b[2K\x1b[1GX"), "X");
        assert_eq!(text("a\x08b"), "b");
        assert_eq!(text("ab\x1b[2DX"), "Xb");
        assert_eq!(text("abc\x08\x08\x1b[K"), "a");
        assert_eq!(text("a\x1b[2Cb\rc\x1b[6Cd"), "c  b   d");
        assert_eq!(text("a\x1b[999Cb").len(), MAX_SKIP + 2);
        assert_eq!(
            shown("a\r\nb\r\r\nc\r"),
            ("a\nb\nc".into(), Removed::default())
        );
        assert_eq!(
            told("\x1b[31mab\x1b[0m\rX"),
            [("b".to_owned(), fg(Color::Red))]
        );
        assert_eq!(
            told("\x1b[31ma\x08\x1b[32mb"),
            [("b".to_owned(), fg(Color::Green))]
        );
    }

    #[test]
    fn only_so_much_is_drawn_over() {
        let long = "y".repeat(2 * MAX_OVERWRITE);
        assert_eq!(text(&format!("{long}\x08z")).len(), 2 * MAX_OVERWRITE);
        assert_eq!(text(&format!("a\r{long}")), long);
    }
}
