//! Long pasted texts, for each of which a placeholder such as `[pasted 120 lines #1]` is shown.

use std::fmt::Write;
use std::ops::Range;

/// Pasted text of up to this many lines is shown as it is.
const MAX_LINES: usize = 20;
/// Pasted text of up to this many characters is shown as it is.
const MAX_CHARACTERS: usize = 2_000;

/// All pasted texts with their placeholders. They are kept after a placeholder was deleted, because
/// undo brings placeholders back.
#[derive(Debug, Default)]
pub(super) struct Pastes {
    all: Vec<Paste>,
}

#[derive(Debug)]
struct Paste {
    placeholder: String,
    text: String,
}

impl Pastes {
    /// Keeps the text if it is long, and returns the placeholder for it.
    pub(super) fn fold(&mut self, text: &str) -> Option<String> {
        let lines = text.lines().count();
        let characters = text.chars().count();
        let what = if lines > MAX_LINES {
            format!("{} lines", grouped(lines))
        } else if characters > MAX_CHARACTERS {
            format!("{} characters", grouped(characters))
        } else {
            return None;
        };
        let placeholder = format!("[pasted {what} #{}]", self.all.len() + 1);
        self.all.push(Paste {
            placeholder: placeholder.clone(),
            text: text.to_owned(),
        });
        Some(placeholder)
    }

    /// The text with every placeholder replaced by what it stands for.
    pub(super) fn expand(&self, mut text: String) -> String {
        // The pasted text may contain what looks like a placeholder, and is not expanded again.
        let mut placeholders: Vec<(usize, &Paste)> = self
            .all
            .iter()
            .flat_map(|paste| {
                let found: Vec<usize> = text
                    .match_indices(&paste.placeholder)
                    .map(|(at, _)| at)
                    .collect();
                found.into_iter().map(move |at| (at, paste))
            })
            .collect();
        placeholders.sort_by_key(|(at, _)| *at);
        for (at, paste) in placeholders.into_iter().rev() {
            text.replace_range(at..at + paste.placeholder.len(), &paste.text);
        }
        text
    }

    /// The placeholders in a line: their ranges in characters, and the texts that they stand for.
    pub(super) fn placeholders_in<'a>(&'a self, line: &str) -> Vec<(Range<usize>, &'a str)> {
        let of = |paste: &'a Paste| {
            let found = line.match_indices(&paste.placeholder);
            let starts = found.map(|(at, _)| line[..at].chars().count());
            let length = paste.placeholder.chars().count();
            starts
                .map(|start| (start..start + length, paste.text.as_str()))
                .collect::<Vec<_>>()
        };
        let mut found: Vec<_> = self.all.iter().flat_map(of).collect();
        found.sort_by_key(|(range, _)| range.start);
        found
    }

    /// Whether nothing was folded.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// A number in groups of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        // Writing to a text does not fail.
        let _ = write!(out, "{digit}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_has_a_mark_that_says_how_long() {
        let mut pastes = Pastes::default();
        assert_eq!(pastes.fold(&"line\n".repeat(20)), None);
        assert_eq!(pastes.fold(&"x".repeat(2_000)), None);
        let lines = "line\n".repeat(1_240);
        let first = pastes.fold(&lines).unwrap();
        assert_eq!(first, "[pasted 1,240 lines #1]");
        // One that has the mark of another in it.
        let long = format!("{first}{}", "é".repeat(2_000));
        let second = pastes.fold(&long).unwrap();
        assert_eq!(second, "[pasted 2,023 characters #2]");
        let text = format!("日{second}, {first}!");
        assert_eq!(pastes.expand(text.clone()), format!("日{long}, {lines}!"));
        let places = pastes.placeholders_in(&text);
        let places: Vec<_> = places.into_iter().map(|(range, _)| range).collect();
        assert_eq!(places, [1..29, 31..54]);
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
