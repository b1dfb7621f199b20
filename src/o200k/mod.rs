//! A tokenizer for the o200k vocabulary, which is part of the program: how many tokens a text has, and
//! where each of them ends.
//!
//! A text is cut into [`pieces`], and each piece into the tokens that [`merge`] makes of its bytes by
//! the ranks of the [`vocabulary`]. The tokenizer takes 6 MB of memory, and milliseconds to load. While
//! one text is counted, [`count_cache`] keeps the counts of its pieces, and [`chunks`] lets several
//! threads count a large one.

mod chunks;
mod count_cache;
mod merge;
mod pieces;
mod vocabulary;

use std::sync::LazyLock;

use chunks::{PARALLEL_BYTES, chunks};
use count_cache::CountCache;
use merge::Merge;
use pieces::Pieces;
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
/// threads as the processor runs at once.
pub(crate) fn count(text: &str) -> usize {
    if text.len() < PARALLEL_BYTES {
        counter(text)(text)
    } else {
        chunks::count_in_parallel(chunks(text), || counter(text))
    }
}

/// A function that counts the tokens of a text, or of one chunk of it after the other.
fn counter(text: &str) -> impl FnMut(&str) -> usize {
    let mut merge = Merge::new(&O200K.vocabulary);
    let mut cache = CountCache::for_text(text);
    move |chunk| {
        let pieces = O200K.pieces.split(chunk).map(str::as_bytes);
        pieces
            .map(|piece| cache.get_or_count(piece, |piece| merge.tokens(piece).len()))
            .sum()
    }
}

/// Splits a text into its tokens. Tokens that end within a character are joined with those that follow,
/// up to the end of the character.
pub(crate) fn split(text: &str) -> Vec<&str> {
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

/// The longest beginning of a text that has at most `limit` tokens and does not end within a character.
pub(crate) fn truncate(text: &str, limit: usize) -> &str {
    let mut merge = Merge::new(&O200K.vocabulary);
    let (mut end, mut fitting, mut left) = (0, 0, limit);
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
