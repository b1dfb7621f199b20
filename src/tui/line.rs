//! The line editor of queries and of fields in forms, with the keys of readline.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use crate::tui::text::{columns, shown};

/// The most bytes of a query: more is a paste gone wrong.
const MAX_QUERY_BYTES: usize = 2_000;
/// The most bytes that a column on the screen is expected to take; more are cut.
const MAX_CELL_BYTES: usize = 64;

/// What a key press did to the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// The text has changed.
    Changed,
    /// At most the cursor moved.
    Moved,
    /// The key means nothing here.
    Unknown,
}

/// A text with a cursor. Line breaks are characters like any other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LineEditor {
    text: String,
    /// The position of the cursor in bytes, always between graphemes.
    at: usize,
    /// The text that was killed last, to be yanked back.
    killed: String,
    /// Whether it is a query: short and without line breaks.
    is_query: bool,
}

impl LineEditor {
    /// `text` with the cursor at its end.
    pub(super) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            at: text.len(),
            text,
            ..Self::default()
        }
    }

    /// An empty query: it stays short and without line breaks, whatever is pasted.
    pub(super) fn query() -> Self {
        Self {
            is_query: true,
            ..Self::default()
        }
    }

    /// `text` with the cursor at a byte of it, or at its end if there is no such place.
    pub(super) fn with_cursor(text: String, at: usize) -> Self {
        let mut cursor = GraphemeCursor::new(at.min(text.len()), text.len(), true);
        let is_place = text.is_char_boundary(at) && cursor.is_boundary(&text, 0) == Ok(true);
        let mut line = Self::new(text);
        if is_place {
            line.at = at;
        }
        line
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether there is nothing but whitespace, which in JSON is nothing at all.
    pub(super) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// The position of the cursor, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Inserts `text` at the cursor, or as much of it as a query has room for.
    pub(super) fn insert(&mut self, text: &str) {
        let before = self.text.len();
        if self.is_query {
            self.text.insert_str(
                self.at,
                &single_line(text, MAX_QUERY_BYTES.saturating_sub(before)),
            )
        } else {
            self.text.insert_str(self.at, text)
        }
        self.at += self.text.len() - before;
        // The inserted text may form one grapheme with what follows it.
        let mut cursor = GraphemeCursor::new(self.at, self.text.len(), true);
        if !matches!(cursor.is_boundary(&self.text, 0), Ok(true)) {
            self.at = self.next();
        }
    }

    /// Handles a key press as readline does.
    pub(super) fn on_key(&mut self, key: KeyEvent) -> Edit {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match (key.code, ctrl, alt) {
            (KeyCode::Char(c), false, false) => self.insert_typed(c.encode_utf8(&mut [0; 4])),
            (KeyCode::Left, false, false) | (KeyCode::Char('b'), true, false) => {
                self.move_to(self.previous())
            }
            (KeyCode::Right, false, false) | (KeyCode::Char('f'), true, false) => {
                self.move_to(self.next())
            }
            (KeyCode::Left, ..) | (KeyCode::Char('b'), false, true) => {
                self.move_to(self.word_start())
            }
            (KeyCode::Right, ..) | (KeyCode::Char('f'), false, true) => {
                self.move_to(self.word_end())
            }
            (KeyCode::Home, false, false) | (KeyCode::Char('a'), true, false) => self.move_to(0),
            (KeyCode::End, false, false) | (KeyCode::Char('e'), true, false) => {
                self.move_to(self.text.len())
            }
            (KeyCode::Backspace, false, false) | (KeyCode::Char('h'), true, false) => {
                self.remove(self.previous(), self.at, false)
            }
            (KeyCode::Delete, false, false) | (KeyCode::Char('d'), true, false) => {
                self.remove(self.at, self.next(), false)
            }
            (KeyCode::Char('u'), true, false) => self.remove(0, self.at, true),
            (KeyCode::Char('k'), true, false) => self.remove(self.at, self.text.len(), true),
            (KeyCode::Char('w'), true, false) => {
                self.remove(self.space_delimited_start(), self.at, true)
            }
            (KeyCode::Backspace, ..) => self.remove(self.word_start(), self.at, true),
            (KeyCode::Char('d'), false, true) => self.remove(self.at, self.word_end(), true),
            (KeyCode::Char('y'), true, false) => {
                let killed = self.killed.clone();
                self.insert_typed(&killed)
            }
            _ => Edit::Unknown,
        }
    }

    /// The part of the text that fits into `width` columns, and the column of the cursor in it: the
    /// part around the cursor with `has_cursor`, the beginning otherwise.
    pub(super) fn window(&self, width: u16, has_cursor: bool) -> (String, usize) {
        let text = self.text.as_str();
        let room = usize::from(width);
        let start = if has_cursor {
            window_start(text, self.at, room.saturating_sub(1))
        } else {
            0
        };
        let end = text
            .floor_char_boundary(start + MAX_CELL_BYTES * (room + 1))
            .max(start);
        let seen = visible(&text[start..end]);
        let at = columns(&visible(&text[start..self.at.clamp(start, end)]));
        let more = end < text.len() || columns(&seen) > room;
        let fits = if more && !has_cursor {
            format!("{}…", shown(&seen, width.saturating_sub(1)))
        } else {
            shown(&seen, width).into_owned()
        };
        (fits, at)
    }

    fn insert_typed(&mut self, text: &str) -> Edit {
        let before = self.text.len();
        self.insert(text);
        if self.text.len() == before {
            Edit::Moved
        } else {
            Edit::Changed
        }
    }

    fn move_to(&mut self, at: usize) -> Edit {
        self.at = at;
        Edit::Moved
    }

    fn remove(&mut self, start: usize, end: usize, keep: bool) -> Edit {
        if start == end {
            return Edit::Moved;
        }
        let removed: String = self.text.drain(start..end).collect();
        if keep {
            self.killed = removed;
        }
        self.at = start;
        Edit::Changed
    }

    fn previous(&self) -> usize {
        let mut cursor = GraphemeCursor::new(self.at, self.text.len(), true);
        cursor
            .prev_boundary(&self.text, 0)
            .ok()
            .flatten()
            .unwrap_or(0)
    }

    fn next(&self) -> usize {
        let mut cursor = GraphemeCursor::new(self.at, self.text.len(), true);
        let next = cursor.next_boundary(&self.text, 0).ok().flatten();
        next.unwrap_or(self.text.len())
    }

    fn word_start(&self) -> usize {
        let before = &self.text[..self.at];
        before
            .unicode_word_indices()
            .next_back()
            .map_or(0, |(start, _)| start)
    }

    fn word_end(&self) -> usize {
        let word = self.text[self.at..].unicode_word_indices().next();
        word.map_or(self.text.len(), |(start, word)| {
            self.at + start + word.len()
        })
    }

    /// Where the word before the cursor starts, if only whitespace separates words.
    fn space_delimited_start(&self) -> usize {
        let before = self.text[..self.at].trim_end();
        before
            .char_indices()
            .rev()
            .find(|(_, c)| c.is_whitespace())
            .map_or(0, |(at, c)| at + c.len_utf8())
    }
}

/// The beginning of a text on one line, at most `room` bytes. A paste may be very long: the rest is not
/// even looked at.
fn single_line(text: &str, room: usize) -> String {
    let mut short = String::new();
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if short.len() + c.len_utf8() > room {
            break;
        }
        short.push(c);
    }
    short
}

/// Where to start so that the text up to the cursor fits into `room` columns.
fn window_start(text: &str, at: usize, room: usize) -> usize {
    let least = text.floor_char_boundary(at.saturating_sub(MAX_CELL_BYTES * (room + 1)));
    let before = &text[least..at];
    if least == 0 && columns(&visible(before)) <= room {
        return 0;
    }
    let mut start = at;
    for (back, grapheme) in before.grapheme_indices(true).rev() {
        // The width of a tab depends on its column, so the widths of parts cannot be added up.
        if columns(&visible(&text[least + back..at])) > room || grapheme.is_empty() {
            break;
        }
        start = least + back;
    }
    start
}

/// Line breaks as they are shown in one line.
fn visible(text: &str) -> String {
    text.replace('\n', "⏎")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(line: &mut LineEditor, keys: &[(KeyCode, KeyModifiers)]) {
        for (code, modifiers) in keys {
            line.on_key(KeyEvent::new(*code, *modifiers));
        }
    }

    const CTRL: KeyModifiers = KeyModifiers::CONTROL;
    const NONE: KeyModifiers = KeyModifiers::NONE;

    #[test]
    fn it_moves_and_deletes_by_what_is_seen() {
        let mut line = LineEditor::new("a👩‍🚀e\u{301}");
        press(
            &mut line,
            &[(KeyCode::Left, NONE), (KeyCode::Backspace, NONE)],
        );
        assert_eq!(line.text(), "ae\u{301}");
        press(&mut line, &[(KeyCode::Delete, NONE)]);
        assert_eq!((line.text(), line.at()), ("a", 1));
    }

    #[test]
    fn the_keys_of_every_shell_work() {
        let mut line = LineEditor::new("git commit -m x");
        press(&mut line, &[(KeyCode::Char('w'), CTRL)]);
        assert_eq!(line.text(), "git commit -m ");
        press(&mut line, &[(KeyCode::Char('y'), CTRL)]);
        assert_eq!(line.text(), "git commit -m x");
        press(
            &mut line,
            &[(KeyCode::Char('a'), CTRL), (KeyCode::Right, CTRL)],
        );
        press(&mut line, &[(KeyCode::Char('k'), CTRL)]);
        assert_eq!(line.text(), "git");
        press(
            &mut line,
            &[(KeyCode::Char('u'), CTRL), (KeyCode::Char('é'), NONE)],
        );
        assert_eq!(line.text(), "é");
        press(
            &mut line,
            &[(KeyCode::Char('a'), CTRL), (KeyCode::Char('e'), CTRL)],
        );
        assert!(line.is_at_end());
        assert_eq!(
            line.on_key(KeyEvent::new(KeyCode::F(9), NONE)),
            Edit::Unknown
        );
    }

    #[test]
    fn the_cursor_stays_between_graphemes() {
        let mut line = LineEditor::new("\u{301}x");
        press(
            &mut line,
            &[(KeyCode::Home, NONE), (KeyCode::Char('e'), NONE)],
        );
        assert_eq!((line.text(), line.at()), ("e\u{301}x", 3));
    }

    #[test]
    fn a_query_is_short_and_on_one_line() {
        let mut query = LineEditor::query();
        query.insert("one\ntwo\x1b");
        assert_eq!(query.text(), "one two ");
        query.insert(&"é".repeat(1 << 20));
        assert_eq!(query.text().len(), MAX_QUERY_BYTES);
        assert_eq!(
            query.on_key(KeyEvent::new(KeyCode::Char('x'), NONE)),
            Edit::Moved
        );
        query.on_key(KeyEvent::new(KeyCode::Char('u'), CTRL));
        query.on_key(KeyEvent::new(KeyCode::Char('y'), CTRL));
        assert_eq!(query.text().len(), MAX_QUERY_BYTES);
    }
}
