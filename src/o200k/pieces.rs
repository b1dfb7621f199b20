//! Where a text is cut before its bytes are merged: about at its words.

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};

/// What a piece may be; the first that fits is it. The vocabulary was made with these, but for the
/// last of them: it has `\s+(?!\S)`, and this engine, which takes no longer for any text, cannot
/// look ahead.
const PIECES: [&str; 6] = [
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}",
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
    r"\s*[\r\n]+",
    r"\s+$",
];

/// Spaces before something else, of which the last belongs to what follows.
const SPACES: &str = r"\s+\s";
const SPACE: &str = r"\s+";

pub(super) struct Pieces(Regex);

impl Pieces {
    pub(super) fn new() -> Self {
        let patterns = [&PIECES.join("|"), SPACES, SPACE];
        Self(Regex::new_many(&patterns).expect("patterns that are always the same"))
    }

    /// Cuts a text.
    pub(super) fn split<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let end = plain(rest.as_bytes()).or_else(|| self.searched(rest))?;
            let (piece, after) = rest.split_at(end);
            rest = after;
            Some(piece)
        })
    }

    /// Where the first piece ends, as the patterns say it.
    fn searched(&self, text: &str) -> Option<usize> {
        let found = self.0.search(&Input::new(text).anchored(Anchored::Yes))?;
        let end = found.end();
        match found.pattern().as_usize() {
            1 => Some(end - text[..end].chars().next_back()?.len_utf8()),
            _ => Some(end),
        }
    }
}

/// Where the first piece of a text ends that begins with ASCII alone, which is found without the
/// patterns; `None` where they have to say it, or where nothing is left.
fn plain(text: &[u8]) -> Option<usize> {
    let (&first, after) = text.split_first()?;
    let is_before_letter = after.first().is_some_and(u8::is_ascii_alphabetic);
    let may_stand_before = first.is_ascii() && !matches!(first, b'\r' | b'\n' | b'0'..=b'9');
    if first.is_ascii_alphabetic() || may_stand_before && is_before_letter {
        let start = usize::from(!first.is_ascii_alphabetic());
        let middle = run(text, start, u8::is_ascii_uppercase);
        let end = run(text, middle, u8::is_ascii_lowercase);
        // More letters may follow, or what English has behind an apostrophe.
        return (!matches!(text.get(end), Some(b'\'' | 0x80..))).then_some(end);
    }
    let end = match first {
        0x80.. => return None,
        b'0'..=b'9' => {
            let end = run(&text[..text.len().min(3)], 0, u8::is_ascii_digit);
            // Only behind less than three does it matter what follows.
            return (end == 3 || is_plain(text, end)).then_some(end);
        }
        b' ' if after.first().is_some_and(is_sign) => run(text, 1, is_sign),
        _ if is_sign(&first) => run(text, 0, is_sign),
        _ => {
            let end = run(text, 0, is_space);
            if !is_plain(text, end) {
                return None;
            }
            let spaces = &text[..end];
            let broken = spaces.iter().rposition(|c| matches!(c, b'\r' | b'\n'));
            return Some(match broken {
                Some(last) => last + 1,
                None if end == text.len() || end == 1 => end,
                // The last belongs to what follows.
                None => end - 1,
            });
        }
    };
    if !is_plain(text, end) {
        return None;
    }
    Some(run(text, end, |c| matches!(c, b'\r' | b'\n' | b'/')))
}

/// Where the bytes end that are such, from a place on.
fn run(text: &[u8], from: usize, is_such: impl Fn(&u8) -> bool) -> usize {
    let count = text[from..].iter().take_while(|c| is_such(c)).count();
    from + count
}

/// Whether there is no character beyond ASCII at a place.
fn is_plain(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(u8::is_ascii)
}

fn is_space(c: &u8) -> bool {
    matches!(c, b' ' | b'\t'..=b'\r')
}

/// Whether a character of ASCII is no letter, digit or space.
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
                let end = O200K.pieces.searched(rest).expect("a piece");
                if let Some(plain) = plain(rest.as_bytes()) {
                    prop_assert_eq!(plain, end, "of {:?}", rest);
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
            let end = plain(rest.as_bytes()).unwrap_or_else(|| panic!("{rest:?}"));
            rest = &rest[end..];
        }
    }
}
