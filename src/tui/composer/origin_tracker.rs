//! Follows where each character in the composer comes from, change by change.

use std::ops::Range;

use crate::draft::{Cursor, Origin, Source};

/// Changes that undo can take back; the text area remembers as many.
const MAX_CHANGES: usize = 500;

/// Tracks where the characters of a text come from. A change costs a comparison of all lines, and of
/// the characters of those that differ.
#[derive(Debug)]
pub(super) struct OriginTracker {
    /// The text after the last recorded change.
    lines: Vec<String>,
    origin: Origin,
    done: Vec<TextChange>,
    undone: Vec<TextChange>,
    /// How many characters written by models were deleted, while others of them are left.
    cut: usize,
}

/// A part of the text that was replaced by another.
#[derive(Debug)]
struct TextChange {
    /// The index of its first character.
    at: usize,
    before: Origin,
    after: Origin,
}

/// Where two texts differ, in characters.
struct Difference {
    old: Range<usize>,
    new: usize,
    /// The lines that differ in the old text.
    old_lines: Range<usize>,
    new_lines: Range<usize>,
}

impl Difference {
    /// Shifts an insertion so that it ends at the cursor. Comparing texts cannot tell which of several
    /// equal letters in a row was typed; the cursor can.
    fn ending_at(mut self, cursor: Cursor, lines: &[String]) -> Self {
        let text = match (self.old.is_empty(), self.new) {
            (true, 1..) => lines,
            // What was deleted is not there to be compared any more.
            _ => return self,
        };
        let before = text.iter().take(cursor.line);
        let above: usize = before.map(|line| line.chars().count() + 1).sum();
        let end = self.old.start + self.new;
        let Some(back) = end.checked_sub(above.saturating_add(cursor.column)) else {
            return self;
        };
        // Within the line that has the cursor.
        let Some(line) = text.get(cursor.line).filter(|_| back > 0) else {
            return self;
        };
        let letters: Vec<char> = line.chars().collect();
        let within = |at: usize| at.checked_sub(above);
        let stretch = |from: usize| {
            let from = within(from)?;
            letters.get(from..from + back)
        };
        let start = self.old.start;
        let is_same = start
            .checked_sub(back)
            .and_then(|from| Some(stretch(from)? == stretch(end - back)?));
        if is_same == Some(true) {
            self.old = start - back..start - back;
        }
        self
    }
}

impl OriginTracker {
    /// A tracker for a text that was typed.
    pub(super) fn new(lines: &[String]) -> Self {
        let mut origin = Origin::default();
        origin.push(count(lines), Source::Typed);
        Self {
            lines: lines.to_vec(),
            origin,
            done: Vec::new(),
            undone: Vec::new(),
            cut: 0,
        }
    }

    /// Where the characters come from.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether text of a model was deleted, while some of it is left.
    pub(super) fn is_cut(&self) -> bool {
        self.cut > 0 && self.origin.of_models() > 0
    }

    /// Records a change, whose new characters come from `source` and end at `cursor`.
    pub(super) fn record_edit(&mut self, lines: &[String], source: Source, cursor: Cursor) {
        let difference = self.difference(lines);
        let Some(difference) = difference.map(|found| found.ending_at(cursor, lines)) else {
            return;
        };
        let mut after = Origin::default();
        after.push(difference.new, source);
        let change = self.apply(lines, difference, after);
        self.cut += change.before.of_models();
        self.keep(change);
    }

    /// Records that another text replaced this one.
    pub(super) fn replace_all(&mut self, lines: &[String], origin: Origin, is_cut: bool) {
        let mut origin = origin.slice(0..count(lines));
        std::mem::swap(&mut self.origin, &mut origin);
        self.lines = lines.to_vec();
        self.cut = usize::from(is_cut);
        self.keep(TextChange {
            at: 0,
            before: origin,
            after: self.origin.clone(),
        });
    }

    /// Records that a change was undone, or redone.
    pub(super) fn record_undo(&mut self, lines: &[String], redo: bool) {
        let Some(difference) = self.difference(lines) else {
            return;
        };
        let (old, new) = (count(&self.lines), count(lines));
        let changes = if redo {
            &mut self.undone
        } else {
            &mut self.done
        };
        let sides = |change: &TextChange| {
            if redo {
                (change.before.chars(), change.after.chars())
            } else {
                (change.after.chars(), change.before.chars())
            }
        };
        let is_whole = |change: &TextChange| change.at == 0 && sides(change) == (old, new);
        let is_same = |change: &TextChange| {
            change.at == difference.old.start
                && sides(change) == (difference.old.len(), difference.new)
        };
        let found = changes
            .iter()
            .rposition(|one| is_whole(one) || is_same(one));
        let Some(change) = found.map(|at| {
            // Those after it are of changes that had no effect on the text.
            changes.truncate(at + 1);
            changes.pop()
        }) else {
            // The origin is not known any more, so it counts as typed.
            let end = Cursor {
                line: usize::MAX,
                column: 0,
            };
            return self.record_edit(lines, Source::Typed, end);
        };
        let Some(change) = change else {
            return;
        };
        let (gone, back) = if redo {
            (&change.before, &change.after)
        } else {
            (&change.after, &change.before)
        };
        if is_whole(&change) {
            self.origin = back.clone();
            self.lines = lines.to_vec();
        } else {
            self.apply(lines, difference, back.clone());
        }
        self.cut = (self.cut + gone.of_models()).saturating_sub(back.of_models());
        if redo {
            self.done.push(change)
        } else {
            self.undone.push(change)
        }
    }

    fn keep(&mut self, change: TextChange) {
        self.undone.clear();
        if self.done.len() == MAX_CHANGES {
            self.done.remove(0);
        }
        self.done.push(change);
        if self.origin.of_models() == 0 {
            self.cut = 0;
        }
    }

    fn apply(&mut self, lines: &[String], difference: Difference, after: Origin) -> TextChange {
        let Difference {
            old,
            old_lines,
            new_lines,
            ..
        } = difference;
        let change = TextChange {
            at: old.start,
            before: self.origin.slice(old.clone()),
            after,
        };
        self.origin.splice(old, &change.after);
        self.lines
            .splice(old_lines, lines[new_lines].iter().cloned());
        change
    }

    fn difference(&self, lines: &[String]) -> Option<Difference> {
        let (old, new) = (&self.lines, lines);
        let least = old.len().min(new.len());
        let same = |(one, other): &(&String, &String)| one == other;
        let mut top = old.iter().zip(new).take_while(same).count();
        if top == old.len() && top == new.len() {
            return None;
        }
        let rest = least - top;
        let mut bottom = old.iter().rev().zip(new.iter().rev());
        let mut bottom = bottom.by_ref().take(rest).take_while(same).count();
        if top + bottom == least {
            // Whole lines were added or removed: include one more line, so that their line breaks are
            // compared too.
            match top {
                0 => bottom = bottom.saturating_sub(1),
                _ => top -= 1,
            }
        }
        let old_lines = top..old.len() - bottom;
        let new_lines = top..new.len() - bottom;
        let before = old[old_lines.clone()].join("\n");
        let after = new[new_lines.clone()].join("\n");
        let same = before.chars().zip(after.chars());
        let head = same.take_while(|(one, other)| one == other).count();
        let (was, is) = (before.chars().count(), after.chars().count());
        let same = before.chars().rev().zip(after.chars().rev());
        let same = same.take(was.min(is) - head);
        let tail = same.take_while(|(one, other)| one == other).count();
        let above: usize = old[..top].iter().map(|line| line.chars().count() + 1).sum();
        Some(Difference {
            old: above + head..above + was - tail,
            new: is - head - tail,
            old_lines,
            new_lines,
        })
    }
}

/// The number of characters of a text, line breaks included.
fn count(lines: &[String]) -> usize {
    let all: usize = lines.iter().map(|line| line.chars().count() + 1).sum();
    all.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model() -> Source {
        Source::Model {
            draft: 1,
            model: "m".into(),
        }
    }

    fn lines(text: &str) -> Vec<String> {
        text.split('\n').map(str::to_owned).collect()
    }

    const END: Cursor = Cursor {
        line: usize::MAX,
        column: 0,
    };

    /// One letter for each character: who wrote it.
    fn marks(trail: &OriginTracker) -> String {
        let spans = trail.origin().spans().iter();
        spans
            .flat_map(|span| {
                let mark = match span.source {
                    Source::Typed => 't',
                    Source::Pasted => 'p',
                    Source::Model { .. } => 'm',
                    _ => '?',
                };
                std::iter::repeat_n(mark, span.chars)
            })
            .collect()
    }

    #[test]
    fn edits_in_several_places_leave_the_words_between_them_the_models() {
        let mut trail = OriginTracker::new(&lines(""));
        let draft = Origin::of("one\ntwo\nthree", model());
        trail.replace_all(&lines("one\ntwo\nthree"), draft, false);
        trail.record_edit(&lines("One\ntwo\nthree"), Source::Typed, END);
        trail.record_edit(&lines("One\ntwo\nthree!"), Source::Typed, END);
        trail.record_edit(&lines("One\ntwo\nand\nthree!"), Source::Pasted, END);
        assert_eq!(marks(&trail), "tmmmmmmppppmmmmmmt");
        assert!(trail.is_cut());
        trail.record_edit(&lines("One\nthree!"), Source::Typed, END);
        assert_eq!(marks(&trail), "tmmmmmmmmt");
    }

    #[test]
    fn a_letter_beside_the_same_one_is_that_at_the_cursor() {
        let mut trail = OriginTracker::new(&lines(""));
        trail.replace_all(
            &lines("a\nthe cat"),
            Origin::of("a\nthe cat", model()),
            false,
        );
        for (column, text) in ["Ethe cat", "Edthe cat", "Editthe cat"].iter().enumerate() {
            let text = format!("a\n{text}");
            let column = [1, 2, 4][column];
            trail.record_edit(&lines(&text), Source::Typed, Cursor { line: 1, column });
        }
        assert_eq!(marks(&trail), "mmttttmmmmmmm");
    }

    #[test]
    fn undo_brings_back_who_wrote_it() {
        let mut trail = OriginTracker::new(&lines("mine"));
        trail.replace_all(&lines("its words"), Origin::of("its words", model()), false);
        trail.record_edit(&lines("its"), Source::Typed, END);
        assert!(trail.is_cut());
        trail.record_undo(&lines("its words"), false);
        assert_eq!(
            (marks(&trail).as_str(), trail.is_cut()),
            ("mmmmmmmmm", false)
        );
        trail.record_undo(&lines("mine"), false);
        assert_eq!(marks(&trail), "tttt");
        trail.record_undo(&lines("its words"), true);
        assert_eq!(marks(&trail), "mmmmmmmmm");
        trail.record_undo(&lines("its"), true);
        assert_eq!((marks(&trail).as_str(), trail.is_cut()), ("mmm", true));
    }

    proptest! {
        #[test]
        fn as_many_characters_are_followed_as_there_are(
            texts in prop::collection::vec("[ab\\né]{0,12}", 1..12),
        ) {
            let mut trail = OriginTracker::new(&lines(""));
            let mut before = String::new();
            for text in &texts {
                trail.record_edit(&lines(text), Source::Pasted, END);
                prop_assert_eq!(trail.origin().chars(), text.chars().count());
                let mut slow = OriginTracker::new(&lines(&before));
                slow.record_edit(&lines(text), Source::Pasted, END);
                prop_assert_eq!(&slow.lines, &trail.lines);
                before.clone_from(text);
            }
            for text in texts.iter().rev().skip(1) {
                trail.record_undo(&lines(text), false);
                prop_assert_eq!(trail.origin().chars(), text.chars().count());
            }
        }
    }
}
