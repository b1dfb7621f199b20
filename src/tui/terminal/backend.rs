//! ratatui's backend: crossterm's, but with a frame written in one piece, and with links.

use std::cell::RefCell;
use std::io::{self, BufWriter, Stdout, Write};
use std::rc::Rc;

use crossterm::{cursor, queue};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use rustix::termios::tcgetwinsize;

use super::clusters;
use super::link::Link;

/// A buffered backend. It is flushed only as a [`Write`]r, once a frame: crossterm's own backend flushes
/// at every move of the cursor, and SSH then shows half of a frame.
pub(super) struct TerminalOutput<W: Write = BufWriter<Stdout>> {
    terminal: CrosstermBackend<W>,
    /// The links of the frame. They are known only after ratatui has begun the frame, hence shared.
    links: Links,
}

/// The links of a frame, shared between the code that renders it and the backend that writes it.
pub(super) type Links = Rc<RefCell<Vec<Link>>>;

impl TerminalOutput {
    pub(super) fn new() -> Self {
        Self::to(BufWriter::with_capacity(64 * 1024, io::stdout()))
    }
}

impl<W: Write> TerminalOutput<W> {
    /// A backend that writes to `out`.
    pub(super) fn to(out: W) -> Self {
        Self {
            terminal: CrosstermBackend::new(out),
            links: Links::default(),
        }
    }

    /// The cell that the links of the next frame are put into.
    pub(super) fn links(&self) -> Links {
        Links::clone(&self.links)
    }
}

impl<W: Write> Write for TerminalOutput<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.terminal.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut self.terminal)
    }
}

impl<W: Write> Backend for TerminalOutput<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        clusters::draw(&mut self.terminal, &self.links.borrow(), content)
    }

    fn append_lines(&mut self, n: u16) -> io::Result<()> {
        self.terminal.append_lines(n)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        queue!(self.terminal, cursor::Hide)
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        queue!(self.terminal, cursor::Show)
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.terminal.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        queue!(self.terminal, cursor::MoveTo(x, y))
    }

    fn clear(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.terminal.clear_region(region)
    }

    /// ratatui calls this for every frame, and crossterm would open the terminal anew each time.
    fn size(&self) -> io::Result<Size> {
        match tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                Ok(Size::new(size.ws_col, size.ws_row))
            }
            _ => self.terminal.size(),
        }
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.terminal.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
