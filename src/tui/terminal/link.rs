//! Hyperlinks (OSC 8), for terminals that can open URLs.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Position;

/// A URL on the screen, or the part of one that is in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it begins on the screen.
    pub at: Position,
    /// The characters shown there, which are ASCII.
    pub shown: String,
    /// The whole URL.
    pub address: Arc<str>,
    /// The same for all parts of one URL on the screen, and different for others.
    pub id: (usize, usize),
}

/// The sequence that ends a link.
pub(super) const CLOSE: &str = "\x1b]8;;\x1b\\";

impl Link {
    /// The sequence that begins the link.
    pub(super) fn open(&self) -> String {
        let ((block, byte), address) = (self.id, &self.address);
        format!("\x1b]8;id={block}.{byte};{address}\x1b\\")
    }

    /// Whether a cell of the screen belongs to it.
    pub(super) fn covers(&self, x: u16, y: u16) -> bool {
        let column = x.checked_sub(self.at.x);
        y == self.at.y && column.is_some_and(|column| usize::from(column) < self.shown.len())
    }

    /// Whether the buffer shows it, and nothing was drawn over it.
    pub(super) fn is_on(&self, buffer: &Buffer) -> bool {
        let columns = self.at.x..=u16::MAX;
        let mut letters = self.shown.bytes().zip(columns);
        letters.all(|(letter, x)| {
            let cell = buffer.cell(Position::new(x, self.at.y));
            cell.is_some_and(|cell| cell.symbol().as_bytes() == [letter])
        })
    }
}

/// Whether the terminal supports links, or ignores unknown sequences as it should.
pub(super) fn are_supported(term: Option<&str>, in_screen: bool) -> bool {
    let takes_none = |term: &str| {
        let known = ["linux", "dumb", "vt", "cons", "ansi"];
        known.iter().any(|known| term.starts_with(known))
    };
    !in_screen && term.is_some_and(|term| !term.is_empty() && !takes_none(term))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_that_would_show_them_get_none() {
        for term in ["xterm-256color", "tmux-256color", "foot"] {
            assert!(are_supported(Some(term), false));
        }
        for term in ["linux", "vt220", "dumb", ""] {
            assert!(!are_supported(Some(term), false));
        }
        assert!(!are_supported(None, false) && !are_supported(Some("screen"), true));
    }

    #[test]
    fn what_was_drawn_over_is_no_link() {
        let address = Arc::from("https://a.b");
        let link = Link {
            at: Position::new(2, 0),
            shown: "https://a.b".into(),
            address,
            id: (0, 7),
        };
        assert!(link.is_on(&Buffer::with_lines(["x https://a.b y"])));
        for line in ["x https://a.c y", "xhttps://a.b", "x https://a."] {
            assert!(!link.is_on(&Buffer::with_lines([line])), "{line}");
        }
        assert!(link.covers(2, 0) && link.covers(12, 0));
        assert!(!link.covers(1, 0) && !link.covers(13, 0) && !link.covers(2, 1));
    }
}
