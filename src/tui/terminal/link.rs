//! Links, for terminals that can open what is written in them (OSC 8).

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Position;

/// An address, or the part of one that is in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it begins on the screen.
    pub at: Position,
    /// What is shown there, in ASCII.
    pub shown: String,
    /// All of the address.
    pub address: Arc<str>,
    /// The same for all parts of an address, and for no other on the screen.
    pub id: (usize, usize),
}

/// Ends a link.
pub(super) const CLOSE: &str = "\x1b]8;;\x1b\\";

impl Link {
    /// Begins the link.
    pub(super) fn open(&self) -> String {
        let ((block, byte), address) = (self.id, &self.address);
        format!("\x1b]8;id={block}.{byte};{address}\x1b\\")
    }

    /// Whether a column of the screen is in it.
    pub(super) fn covers(&self, x: u16, y: u16) -> bool {
        let column = x.checked_sub(self.at.x);
        y == self.at.y && column.is_some_and(|column| usize::from(column) < self.shown.len())
    }

    /// Whether it is what is on the screen there, and nothing was drawn over it.
    pub(super) fn is_on(&self, buffer: &Buffer) -> bool {
        let columns = self.at.x..=u16::MAX;
        let mut letters = self.shown.bytes().zip(columns);
        letters.all(|(letter, x)| {
            let cell = buffer.cell(Position::new(x, self.at.y));
            cell.is_some_and(|cell| cell.symbol().as_bytes() == [letter])
        })
    }
}

/// Whether the terminal takes links, or leaves them alone as it should what it does not know.
pub(super) fn are_taken(term: Option<&str>, in_screen: bool) -> bool {
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
            assert!(are_taken(Some(term), false));
        }
        for term in ["linux", "vt220", "dumb", ""] {
            assert!(!are_taken(Some(term), false));
        }
        assert!(!are_taken(None, false) && !are_taken(Some("screen"), true));
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
