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
            let input = Input::new(rest).anchored(Anchored::Yes);
            let found = self.0.search(&input)?;
            let mut end = found.end();
            if found.pattern().as_usize() == 1 {
                end -= rest[..end].chars().next_back()?.len_utf8();
            }
            let (piece, after) = rest.split_at(end);
            rest = after;
            Some(piece)
        })
    }
}
