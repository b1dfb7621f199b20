//! Tokens of the o200k vocabulary, which is part of the program: how many a text has, and where
//! each of them ends.
//!
//! A text falls into [`pieces`], and each piece into the tokens that [`merge`] makes of its bytes by
//! the ranks of the [`vocabulary`]. It takes 6 MB of memory in all, and milliseconds to load. What was
//! [`counted`] is remembered as long as one text is counted: most of its words come again.

mod counted;
mod merge;
mod pieces;
mod shares;
mod vocabulary;

use std::sync::LazyLock;

use counted::Counted;
use merge::Merge;
use pieces::Pieces;
use shares::{LARGE, shares};
use vocabulary::Vocabulary;

static O200K: LazyLock<O200k> = LazyLock::new(|| O200k {
    vocabulary: Vocabulary::load(),
    pieces: Pieces::new(),
});

struct O200k {
    vocabulary: Vocabulary,
    pieces: Pieces,
}

/// How many tokens a text has. The first call loads the vocabulary. A large text is counted by as many
/// threads as may run at once.
pub fn count(text: &str) -> usize {
    match text.len() < LARGE {
        true => counter(text)(text),
        false => shares::sum(shares(text), || counter(text)),
    }
}

/// Counts the tokens of a text, or of one share of it after the other.
fn counter(text: &str) -> impl FnMut(&str) -> usize {
    let mut merge = Merge::new(&O200K.vocabulary);
    let mut counted = Counted::for_text(text);
    move |share| {
        let pieces = O200K.pieces.split(share).map(str::as_bytes);
        pieces
            .map(|piece| counted.get_or(piece, |piece| merge.tokens(piece).len()))
            .sum()
    }
}

/// A text in its tokens; those that end in the middle of a character stand together.
pub fn split(text: &str) -> Vec<&str> {
    let mut merge = Merge::new(&O200K.vocabulary);
    let (mut begin, mut end) = (0, 0);
    let mut tokens = Vec::new();
    for piece in O200K.pieces.split(text) {
        for length in merge.tokens(piece.as_bytes()) {
            end += length;
            if text.is_char_boundary(end) {
                tokens.push(&text[begin..end]);
                begin = end;
            }
        }
    }
    tokens
}

/// The longest beginning of a text that is at most so many tokens long. A token may end in the
/// middle of a character, and the beginning ends before such a one.
pub fn fit(text: &str, most: usize) -> &str {
    let mut merge = Merge::new(&O200K.vocabulary);
    let (mut end, mut fitting, mut left) = (0, 0, most);
    for piece in O200K.pieces.split(text) {
        for length in merge.tokens(piece.as_bytes()) {
            if left == 0 {
                return &text[..fitting];
            }
            left -= 1;
            end += length;
            if text.is_char_boundary(end) {
                fitting = end;
            }
        }
    }
    &text[..fitting]
}
