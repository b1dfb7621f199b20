//! Cuts a text into the pieces whose bytes are merged to tokens: about its words, numbers and punctuation.

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};

/// The patterns of a piece, of which the first that matches counts. They are those that the vocabulary
/// was made with, but for spaces: there it is `\s+(?!\S)`, and this regex engine, whose time is linear
/// in the length of any text, has no look-ahead. [`SPACES`] and [`SPACE`] stand for that.
const PIECES: [&str; 6] = [
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}",
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
    r"\s*[\r\n]+",
    r"\s+$",
];

/// Several spaces before something else. The last of them is not part of the piece: it begins the next.
const SPACES: &str = r"\s+\s";
/// A single space that no other pattern takes.
const SPACE: &str = r"\s+";

/// The compiled patterns.
pub(super) struct Pieces(Regex);

impl Pieces {
    pub(super) fn new() -> Self {
        let patterns = [&PIECES.join("|"), SPACES, SPACE];
        Self(Regex::new_many(&patterns).expect("patterns that are always the same"))
    }

    /// The pieces of a text, in order.
    pub(super) fn split<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let end = end_of_ascii(rest.as_bytes()).or_else(|| self.end_by_patterns(rest))?;
            let (piece, after) = rest.split_at(end);
            rest = after;
            Some(piece)
        })
    }

    /// Where the first piece ends, by the patterns.
    fn end_by_patterns(&self, text: &str) -> Option<usize> {
        let found = self.0.search(&Input::new(text).anchored(Anchored::Yes))?;
        let end = found.end();
        match found.pattern().as_usize() {
            1 => Some(end - text[..end].chars().next_back()?.len_utf8()),
            _ => Some(end),
        }
    }
}

/// Where the first piece of a text ends, found without the patterns, which takes longer; `None` where
/// that depends on characters that are not ASCII, or where nothing is left.
fn end_of_ascii(text: &[u8]) -> Option<usize> {
    let (&first, after) = text.split_first()?;
    let is_before_letter = after.first().is_some_and(u8::is_ascii_alphabetic);
    let may_stand_before = first.is_ascii() && !matches!(first, b'\r' | b'\n' | b'0'..=b'9');
    if first.is_ascii_alphabetic() || may_stand_before && is_before_letter {
        let start = usize::from(!first.is_ascii_alphabetic());
        let middle = run(text, start, u8::is_ascii_uppercase);
        let end = run(text, middle, u8::is_ascii_lowercase);
        // After these, more letters may follow, or an English ending such as 's.
        return (!matches!(text.get(end), Some(b'\'' | 0x80..))).then_some(end);
    }
    let end = match first {
        0x80.. => return None,
        b'0'..=b'9' => {
            let end = run(&text[..text.len().min(3)], 0, u8::is_ascii_digit);
            // After fewer than three digits, one that is not ASCII might follow.
            return (end == 3 || is_ascii_at(text, end)).then_some(end);
        }
        b' ' if after.first().is_some_and(is_sign) => run(text, 1, is_sign),
        _ if is_sign(&first) => run(text, 0, is_sign),
        _ => {
            let end = run(text, 0, is_space);
            if !is_ascii_at(text, end) {
                return None;
            }
            let spaces = &text[..end];
            let broken = spaces.iter().rposition(|c| matches!(c, b'\r' | b'\n'));
            return Some(match broken {
                Some(last) => last + 1,
                None if end == text.len() || end == 1 => end,
                // The last space begins the next piece.
                None => end - 1,
            });
        }
    };
    if !is_ascii_at(text, end) {
        return None;
    }
    Some(run(text, end, |c| matches!(c, b'\r' | b'\n' | b'/')))
}

/// Where the run of bytes for which `is_such` holds ends, from a place on.
fn run(text: &[u8], from: usize, is_such: impl Fn(&u8) -> bool) -> usize {
    let count = text[from..].iter().take_while(|c| is_such(c)).count();
    from + count
}

/// Whether what begins at a place is ASCII, or the end of the text.
fn is_ascii_at(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(u8::is_ascii)
}

fn is_space(c: &u8) -> bool {
    matches!(c, b' ' | b'\t'..=b'\r')
}

/// Whether a byte is an ASCII character other than a letter, a digit or white space.
fn is_sign(c: &u8) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && !is_space(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::O200K;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_found_without_the_patterns_is_what_they_find(
            text in "[ a-cA-CsStlLrRevVmMdD'’0-9.,/(\\-_\t\n\r\u{b}\u{c}\u{1c}\u{7f}\u{85}\u{a0}éſÉ日٣\u{301}\u{3000}]{0,24}"
        ) {
            let mut rest = &*text;
            while !rest.is_empty() {
                let end = O200K.pieces.end_by_patterns(rest).expect("a piece");
                if let Some(end_of_ascii) = end_of_ascii(rest.as_bytes()) {
                    prop_assert_eq!(end_of_ascii, end, "of {:?}", rest);
                }
                rest = &rest[end..];
            }
        }
    }

    #[test]
    fn what_is_written_in_english_is_found_without_the_patterns() {
        let text = "Fix the  parser (of src/main.rs, line 1024):\n\n    fn main() {}\n\t// END\n";
        let mut rest = text;
        while !rest.is_empty() {
            let end = end_of_ascii(rest.as_bytes()).unwrap_or_else(|| panic!("{rest:?}"));
            rest = &rest[end..];
        }
    }
}
