use std::cell::RefCell;
use std::rc::Rc;

use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};
use ratatui::layout::Position;
use ratatui::text::Line;
use ratatui::{Terminal, TerminalOptions, Viewport};
use unicode_width::UnicodeWidthChar;

use super::*;
use crate::tui::terminal::backend::TerminalOutput;

const SIZE: (u16, u16) = (24, 4);

/// A terminal that has its own idea of how wide characters are.
struct Emulator {
    width_of: fn(char) -> usize,
    grid: Vec<Vec<String>>,
    at: (usize, usize),
    wraps: bool,
}

/// What is right of the first column of a wide character.
const COVERED: &str = "";

impl Emulator {
    fn new(width_of: fn(char) -> usize) -> Self {
        let row = vec![" ".to_owned(); SIZE.0.into()];
        Self {
            width_of,
            grid: vec![row; SIZE.1.into()],
            at: (0, 0),
            wraps: true,
        }
    }

    fn read(&mut self, bytes: &[u8]) {
        let mut parser = Parser::<DefaultCharAccumulator>::new();
        for byte in bytes {
            parser.advance(self, *byte);
        }
    }

    /// Empties a column, and with it all of a wide character.
    fn clear(&mut self, x: usize, y: usize) {
        let row = &mut self.grid[y];
        let start = (0..=x).rev().find(|x| row[*x] != COVERED).unwrap_or(0);
        let end = (x + 1..row.len()).find(|x| row[*x] != COVERED);
        row[start..end.unwrap_or(usize::from(SIZE.0))].fill(" ".into());
    }
}

impl Perform for Emulator {
    fn print(&mut self, c: char) {
        let (width, columns) = ((self.width_of)(c), usize::from(SIZE.0));
        if width == 0 {
            return;
        }
        if self.at.0 + width > columns {
            if !self.wraps {
                return;
            }
            self.at = (0, self.at.1 + 1);
            assert!(self.at.1 < self.grid.len(), "the screen has scrolled");
        }
        let (x, y) = self.at;
        (x..x + width).for_each(|x| self.clear(x, y));
        self.grid[y][x] = c.into();
        self.grid[y][x + 1..x + width].fill(COVERED.into());
        self.at.0 += width;
    }

    fn csi_dispatch(&mut self, params: &Params, _: &[u8], _: bool, action: u8) {
        let numbers: Vec<u16> = params.iter().flatten().copied().collect();
        match (action, numbers.as_slice()) {
            (b'H', [y, x]) => self.at = (usize::from(*x) - 1, usize::from(*y) - 1),
            (b'l', [7]) => self.wraps = false,
            (b'h', [7]) => self.wraps = true,
            (b'm', _) | (b'h' | b'l', [25]) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The bytes of a frame, where the test finds them.
#[derive(Clone, Default)]
struct FrameBytes(Rc<RefCell<Vec<u8>>>);

impl Write for FrameBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A screen as the program draws it.
struct TestScreen {
    terminal: Terminal<TerminalOutput<FrameBytes>>,
    written: FrameBytes,
    rows: DrawnRows,
}

impl TestScreen {
    fn new() -> Self {
        let written = FrameBytes::default();
        let viewport = Viewport::Fixed(Rect::new(0, 0, SIZE.0, SIZE.1));
        let output = TerminalOutput::to(written.clone());
        Self {
            terminal: Terminal::with_options(output, TerminalOptions { viewport }).unwrap(),
            written,
            rows: DrawnRows::default(),
        }
    }

    /// Draws lines; returns the bytes, and what should be seen.
    fn draw(&mut self, lines: &[&str]) -> (Vec<u8>, Buffer) {
        self.draw_linked(lines, &[])
    }

    fn draw_linked(&mut self, lines: &[&str], links: &[Link]) -> (Vec<u8>, Buffer) {
        self.terminal.backend().links().replace(links.to_vec());
        let mut drawn = Buffer::default();
        let draw = |frame: &mut ratatui::Frame| {
            for (line, row) in lines.iter().zip(frame.area().rows()) {
                frame.render_widget(Line::raw(*line), row);
            }
            drawn = frame.buffer_mut().clone();
            self.rows.prepare(frame.buffer_mut(), links);
        };
        self.terminal.draw(draw).unwrap();
        (self.written.0.take(), drawn)
    }
}

/// Each character for itself, as in older versions of tmux.
fn one_by_one(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Whatever is joined has no room.
fn narrow(c: char) -> usize {
    usize::from(c.is_ascii())
        .max(usize::from(!is_joining(c)))
        .max(usize::from(is_flag_letter(c)))
}

/// Even what joins is shown.
fn wide(c: char) -> usize {
    if c.is_ascii() { 1 } else { 2 }
}

const LINES: &[&str] = &[
    "plain words, and more of",
    "🇩🇪 🇫🇷 👍🏽 and so on",
    "",
    "👨‍👩‍👧‍👦 family ❤️ ☝🏿 1️⃣ end",
    "up to the margin here 🇩🇪",
    "x",
    "one 👍🏽👍🏽👍🏽 in a row 👍🏽",
    "🫨 🏳️‍🌈🇩 lone and new",
];

#[test]
fn rows_are_right_whatever_width_the_terminal_gives() {
    for width_of in [one_by_one, narrow, wide] {
        let mut screen = TestScreen::new();
        let mut emulator = Emulator::new(width_of);
        // Back and forth, by one and by several rows.
        let tops = [0, 1, 2, 3, 4, 3, 1, 0, 4, 2, 0, 3, 3, 1];
        for top in tops {
            let lines = &LINES[top..top + 4];
            let (bytes, drawn) = screen.draw(lines);
            emulator.read(&bytes);
            for y in 0..SIZE.1 {
                let mut x = 0;
                while x < SIZE.0 {
                    let symbol = drawn[Position::new(x, y)].symbol();
                    let shown = &emulator.grid[usize::from(y)];
                    let (from, end) = (usize::from(x), x + symbol.cell_width().max(1));
                    if has_uncertain_width(symbol) {
                        for cell in &shown[from..usize::from(end)] {
                            let is_part = cell.trim().is_empty() || symbol.contains(cell.as_str());
                            assert!(is_part, "{cell:?} in {symbol:?} of {lines:?}: {shown:?}");
                        }
                    } else {
                        assert_eq!(shown[from], symbol, "{x},{y} of {lines:?}: {shown:?}");
                    }
                    x = end;
                }
            }
        }
    }
}

#[test]
fn rows_without_such_clusters_cost_no_more() {
    let mut screen = TestScreen::new();
    let written = FrameBytes::default();
    let viewport = Viewport::Fixed(Rect::new(0, 0, SIZE.0, SIZE.1));
    let backend = CrosstermBackend::new(written.clone());
    let mut plain = Terminal::with_options(backend, TerminalOptions { viewport }).unwrap();
    for lines in [["words", "日本語 é 👍"], ["wards", "日本x é 👍👍"]] {
        let (bytes, drawn) = screen.draw(&lines);
        let draw = |frame: &mut ratatui::Frame| *frame.buffer_mut() = drawn.clone();
        plain.draw(draw).unwrap();
        assert_eq!(bytes, written.0.take());
    }
}

#[test]
fn nothing_is_sent_for_a_row_that_stays() {
    let mut screen = TestScreen::new();
    let first = screen.draw(&["🇩🇪 and", "x"]).0;
    assert!(first.len() > 40);
    let other = screen.draw(&["🇩🇪 and", "y"]).0;
    let shown = String::from_utf8(other).unwrap();
    assert!(!shown.contains("and") && shown.contains('y'), "{shown:?}");
    let same = String::from_utf8(screen.draw(&["🇩🇪 and", "y"]).0).unwrap();
    assert!(!same.contains('y'), "{same:?}");
}

#[test]
fn links_are_opened_and_closed_and_follow_what_is_shown() {
    let mut screen = TestScreen::new();
    let link = |y, address: &str| Link {
        at: Position::new(4, y),
        shown: "http://a".into(),
        address: address.into(),
        id: (0, 1),
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (open, words) = ("\x1b]8;id=0.1;http://a.b\x1b\\", "http://a");
    let lines = ["see http://a", "."];
    let first = text(screen.draw_linked(&lines, &[link(0, "http://a.b")]).0);
    let opened = first.split_once(open).expect("a link").1;
    let (linked, rest) = opened.split_once(CLOSE).expect("its end");
    assert!(
        linked.contains(words) && !rest.contains("\x1b]8"),
        "{first:?}"
    );
    // Nothing is sent again, unless it leads elsewhere, or is a link no more.
    let same = text(screen.draw_linked(&lines, &[link(0, "http://a.b")]).0);
    assert!(!same.contains("http"), "{same:?}");
    let other = text(screen.draw_linked(&lines, &[link(0, "http://a.c")]).0);
    assert!(other.contains(";http://a.c\x1b"), "{other:?}");
    let none = text(screen.draw_linked(&lines, &[]).0);
    assert!(none.contains(words) && !none.contains("\x1b]8"), "{none:?}");
}
