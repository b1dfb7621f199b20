//! Parts of the text that are handled whole: placeholders for pasted text, which the cursor skips and
//! which are deleted as one, and the word at the cursor.

use std::ops::Range;

use tui_textarea::CursorMove;

use super::{Composer, cursor_of};
use crate::draft::{Cursor, Source};

impl Composer {
    /// Replaces a placeholder by its text: the one at the cursor, or before it, or else the first.
    /// Returns whether there was one.
    pub fn expand_paste(&mut self) -> bool {
        let cursor = cursor_of(&self.area);
        let lines = self.area.lines().iter().enumerate();
        let placeholders = lines.flat_map(|(line, text)| {
            let found = self.pastes.placeholders_in(text).into_iter();
            found.map(move |(range, text)| (line, range, text.to_owned()))
        });
        let placeholders: Vec<_> = placeholders.collect();
        let is_before =
            |line: usize, range: &Range<usize>| (line, range.start) <= (cursor.line, cursor.column);
        let at = placeholders
            .iter()
            .rposition(|(line, range, _)| is_before(*line, range));
        let Some((line, range, text)) = placeholders.get(at.unwrap_or(0)) else {
            return false;
        };
        self.select((*line, range.start), (*line, range.end));
        self.area.insert_str(text);
        self.record_edit(Source::Pasted);
        true
    }

    /// The word that is being typed: from the whitespace before the cursor up to the cursor.
    pub fn current_word(&self) -> String {
        let Cursor { line, column } = cursor_of(&self.area);
        let text = self.area.lines().get(line).map_or("", String::as_str);
        let before: String = text.chars().take(column).collect();
        let word = before.rsplit(char::is_whitespace).next();
        word.unwrap_or_default().to_owned()
    }

    /// Replaces the word that is being typed.
    pub fn replace_current_word(&mut self, word: &str) {
        let Cursor { line, column } = cursor_of(&self.area);
        let start = column.saturating_sub(self.current_word().chars().count());
        self.select((line, start), (line, column));
        self.area.insert_str(word);
        self.record_edit(Source::Typed);
    }

    /// Moves the cursor out of a placeholder, in the direction in which it was moving.
    pub(super) fn leave_placeholder(&mut self, from: Cursor) {
        let Cursor { line, column } = cursor_of(&self.area);
        let text = self.area.lines().get(line).map_or("", String::as_str);
        let placeholders = self.pastes.placeholders_in(text).into_iter();
        let mut inside =
            placeholders.filter(|(range, _)| range.start < column && column < range.end);
        let Some((range, _)) = inside.next() else {
            return;
        };
        let goes_on = (line, column) > (from.line, from.column);
        let column = if goes_on { range.end } else { range.start };
        self.jump(line, column);
    }

    /// Where a change removed a part of a placeholder, removes all of it.
    pub(super) fn delete_broken_placeholders(&mut self, before: &[String]) {
        let old: Vec<char> = before.join("\n").chars().collect();
        let new: Vec<char> = self.area.lines().join("\n").chars().collect();
        let same = |(a, b): &(&char, &char)| a == b;
        let start = old.iter().zip(&new).take_while(same).count();
        let most = old.len().min(new.len()) - start;
        let backwards = old.iter().rev().zip(new.iter().rev());
        let end = old.len() - backwards.take(most).take_while(same).count();
        let mut first_of_line = 0;
        let mut placeholders = Vec::new();
        for line in before {
            let found = self.pastes.placeholders_in(line).into_iter();
            placeholders.extend(
                found.map(|(range, _)| first_of_line + range.start..first_of_line + range.end),
            );
            first_of_line += line.chars().count() + 1;
        }
        let is_broken = |placeholder: &Range<usize>| {
            let is_touched = start < placeholder.end && placeholder.start < end;
            is_touched && !(start <= placeholder.start && placeholder.end <= end)
        };
        placeholders.retain(is_broken);
        let (Some(first), Some(last)) = (placeholders.first(), placeholders.last()) else {
            return;
        };
        let (start, end) = (start.min(first.start), end.max(last.end));
        self.area.undo();
        let place = |at: usize| {
            let text = &old[..at];
            let line = text.iter().filter(|c| **c == '\n').count();
            let column = text.iter().rev().take_while(|c| **c != '\n').count();
            (line, column)
        };
        self.select(place(start), place(end));
        let yanked = self.area.yank_text();
        self.area.cut();
        self.area.set_yank_text(yanked);
    }

    fn select(&mut self, start: (usize, usize), end: (usize, usize)) {
        self.area.cancel_selection();
        self.jump(start.0, start.1);
        self.area.start_selection();
        self.jump(end.0, end.1);
    }

    fn jump(&mut self, line: usize, column: usize) {
        // Typed text is not that long, and a placeholder has to be on the screen.
        if let (Ok(line), Ok(column)) = (u16::try_from(line), u16::try_from(column)) {
            self.area.move_cursor(CursorMove::Jump(line, column));
        }
    }
}
