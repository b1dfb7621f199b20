//! The line of text that a picker is asked with.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// Bytes of a query: more is a paste gone wrong.
const LONGEST: usize = 200;

/// A line of text with a cursor, and no more keys than a line needs.
#[derive(Debug, Default)]
pub(in crate::tui) struct Query {
    text: String,
    /// A byte of `text`, between two graphemes.
    cursor: usize,
}

impl Query {
    pub(in crate::tui) fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor.
    pub(in crate::tui) fn before(&self) -> &str {
        &self.text[..self.cursor]
    }

    /// Takes a key, and says whether the text changed.
    pub(in crate::tui) fn on_key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Backspace if control || alt => self.delete(self.word_before(), self.cursor),
            KeyCode::Char('w') if control => self.delete(self.word_before(), self.cursor),
            KeyCode::Char('h') if control => self.delete(self.before_cursor(), self.cursor),
            KeyCode::Char('u') if control => self.delete(0, self.cursor),
            KeyCode::Char('k') if control => self.delete(self.cursor, self.text.len()),
            KeyCode::Char('d') if control => self.delete(self.cursor, self.after_cursor()),
            KeyCode::Char('a') if control => self.go(0),
            KeyCode::Char('e') if control => self.go(self.text.len()),
            KeyCode::Char('b') if control => self.go(self.before_cursor()),
            KeyCode::Char('f') if control => self.go(self.after_cursor()),
            KeyCode::Char(_) if control || alt => false,
            KeyCode::Char(c) => self.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => self.delete(self.before_cursor(), self.cursor),
            KeyCode::Delete => self.delete(self.cursor, self.after_cursor()),
            KeyCode::Left => self.go(self.before_cursor()),
            KeyCode::Right => self.go(self.after_cursor()),
            KeyCode::Home => self.go(0),
            KeyCode::End => self.go(self.text.len()),
            _ => false,
        }
    }

    /// Inserts as much of `text` as has room, on one line, and says whether the text changed.
    pub(in crate::tui) fn insert(&mut self, text: &str) -> bool {
        let mut room = LONGEST.saturating_sub(self.text.len());
        let mut inserted = String::new();
        let mut chars = text.chars();
        // A paste may be endless; what has no room is not even looked at.
        for c in chars.by_ref().take(LONGEST) {
            let c = if c.is_control() { ' ' } else { c };
            if c.len_utf8() > room {
                break;
            }
            room -= c.len_utf8();
            inserted.push(c);
        }
        self.text.insert_str(self.cursor, &inserted);
        self.cursor += inserted.len();
        // What was inserted may have joined what follows.
        self.cursor = self.boundary_from(self.cursor);
        !inserted.is_empty()
    }

    fn delete(&mut self, from: usize, to: usize) -> bool {
        self.text.replace_range(from..to, "");
        self.cursor = self.boundary_from(from);
        from < to
    }

    fn go(&mut self, to: usize) -> bool {
        self.cursor = to;
        false
    }

    fn before_cursor(&self) -> usize {
        let last = self.before().graphemes(true).next_back();
        self.cursor - last.map_or(0, str::len)
    }

    fn after_cursor(&self) -> usize {
        let next = self.text[self.cursor..].graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    fn word_before(&self) -> usize {
        let before = self.before().trim_end();
        before
            .char_indices()
            .rev()
            .find(|(_, c)| c.is_whitespace())
            .map_or(0, |(at, c)| at + c.len_utf8())
    }

    /// The first place between two graphemes at or after `at`.
    fn boundary_from(&self, at: usize) -> usize {
        let mut cursor = GraphemeCursor::new(at, self.text.len(), true);
        match cursor.is_boundary(&self.text, 0) {
            Ok(true) => at,
            _ => match cursor.next_boundary(&self.text, 0) {
                Ok(Some(next)) => next,
                _ => self.text.len(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(query: &mut Query, code: KeyCode, modifiers: KeyModifiers) -> bool {
        query.on_key(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn it_is_edited_like_a_line() {
        let (none, control) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
        let mut query = Query::default();
        assert!(query.insert("one two\nthree"));
        assert_eq!(query.text(), "one two three");
        assert!(press(&mut query, KeyCode::Char('w'), control));
        assert_eq!(query.text(), "one two ");
        assert!(!press(&mut query, KeyCode::Home, none));
        assert!(press(&mut query, KeyCode::Char('X'), KeyModifiers::SHIFT));
        assert!(press(&mut query, KeyCode::Delete, none));
        assert_eq!((query.text(), query.before()), ("Xne two ", "X"));
        assert!(!press(&mut query, KeyCode::Char('x'), KeyModifiers::ALT));
        assert!(press(&mut query, KeyCode::Char('k'), control));
        assert!(press(&mut query, KeyCode::Backspace, none));
        assert!(!press(&mut query, KeyCode::Backspace, none));
        assert_eq!(query.text(), "");
    }

    #[test]
    fn graphemes_are_not_taken_apart() {
        let mut query = Query::default();
        query.insert("a👩‍🚀");
        press(&mut query, KeyCode::Left, KeyModifiers::NONE);
        assert_eq!(query.before(), "a");
        press(&mut query, KeyCode::Delete, KeyModifiers::NONE);
        assert_eq!(query.text(), "a");
    }

    #[test]
    fn it_stays_short() {
        let mut query = Query::default();
        assert!(query.insert(&"é".repeat(1 << 20)));
        assert_eq!(query.text().len(), LONGEST);
        assert!(!query.insert("x"));
    }
}
