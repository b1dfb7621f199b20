//! Byte-pair encoding of a piece: starting from single bytes, the two neighbours that together are the
//! token of the lowest rank are joined, until no two neighbours are a token.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::vocabulary::Vocabulary;

/// How many bytes are merged at once. The memory for that is a multiple of it, however long the piece is.
const WINDOW: usize = 8 * 1024;

/// How many tokens at the end of a window are merged once more in the next: with the bytes that follow,
/// they might become others.
const OVERLAP: usize = 8;

/// Merges pieces one after the other, and reuses its memory.
pub(super) struct Merge<'v> {
    vocabulary: &'v Vocabulary,
    /// [`WINDOW`], or less in tests. It grows for a piece where windows of this size do not fit together.
    window: usize,
    /// The lengths in bytes of the tokens found so far.
    lengths: Vec<usize>,
    /// By the first byte of each part: where the part ends. 0 for all other bytes.
    ends: Vec<usize>,
    /// By the first byte of each part: where the part before it begins.
    previous: Vec<Option<usize>>,
    /// Neighbours that together are a token: its rank, begin and end. Pairs of which a part was merged with
    /// another meanwhile stay in it, and are skipped.
    pairs: BinaryHeap<Reverse<(u32, usize, usize)>>,
}

impl<'v> Merge<'v> {
    pub(super) fn new(vocabulary: &'v Vocabulary) -> Self {
        Self {
            vocabulary,
            window: WINDOW,
            lengths: Vec::new(),
            ends: Vec::new(),
            previous: Vec::new(),
            pairs: BinaryHeap::new(),
        }
    }

    /// The lengths in bytes of the tokens of a piece.
    pub(super) fn tokens(&mut self, piece: &[u8]) -> impl ExactSizeIterator<Item = usize> {
        self.lengths.clear();
        if self.vocabulary.rank(piece).is_some() {
            self.lengths.push(piece.len());
        } else {
            self.merge_in_windows(piece);
        }
        self.lengths.iter().copied()
    }

    /// Merges a piece a window at a time. A list of tokens is what merging makes of all the bytes if
    /// each two neighbours are what it makes of the bytes of these two. So it is enough to check the two
    /// tokens where one window meets the next.
    fn merge_in_windows(&mut self, piece: &[u8]) {
        let (mut start, mut size) = (0, self.window);
        loop {
            let end = piece.len().min(start + size);
            let known = self.lengths.len();
            self.merge(&piece[start..end]);
            if !self.fits_at(piece, start, known) {
                // Go back some tokens, and try a larger window. It stays that large for this piece, or
                // the same two windows might be tried for ever.
                let kept = known.saturating_sub(OVERLAP);
                start -= self.lengths[kept..known].iter().sum::<usize>();
                self.lengths.truncate(kept);
                size *= 2;
                continue;
            }
            if end == piece.len() {
                return;
            }
            let kept = self.lengths.len().saturating_sub(OVERLAP).max(known + 1);
            self.lengths.truncate(kept);
            start += self.lengths[known..].iter().sum::<usize>();
        }
    }

    /// Whether the last of the `known` tokens, which ends at `seam`, and the first token after it are what
    /// merging makes of their bytes.
    fn fits_at(&mut self, piece: &[u8], seam: usize, known: usize) -> bool {
        let Some(last) = known.checked_sub(1) else {
            return true;
        };
        let (one, other) = (self.lengths[last], self.lengths[known]);
        let count = self.lengths.len();
        self.merge(&piece[seam - one..seam + other]);
        let is_same = self.lengths[count..] == [one, other];
        self.lengths.truncate(count);
        is_same
    }

    /// Merges all these bytes at once, and adds the lengths of the tokens.
    fn merge(&mut self, bytes: &[u8]) {
        self.ends.clear();
        self.ends.extend(1..=bytes.len());
        self.previous.clear();
        let previous = (0..bytes.len()).map(|begin| begin.checked_sub(1));
        self.previous.extend(previous);
        self.pairs.clear();
        for end in 2..=bytes.len() {
            self.push_pair(bytes, end - 2, end);
        }
        while let Some(Reverse((_, begin, end))) = self.pairs.pop() {
            let middle = self.ends[begin];
            let is_current = middle > begin && middle < end && self.ends[middle] == end;
            if !is_current {
                continue;
            }
            self.ends[begin] = end;
            self.ends[middle] = 0;
            if end < bytes.len() {
                self.previous[end] = Some(begin);
                self.push_pair(bytes, begin, self.ends[end]);
            }
            if let Some(previous) = self.previous[begin] {
                self.push_pair(bytes, previous, end);
            }
        }
        let mut begin = 0;
        while begin < bytes.len() {
            let end = self.ends[begin];
            self.lengths.push(end - begin);
            begin = end;
        }
    }

    /// Adds a pair of neighbours, if it is a token.
    fn push_pair(&mut self, bytes: &[u8], begin: usize, end: usize) {
        if let Some(rank) = self.vocabulary.rank(&bytes[begin..end]) {
            self.pairs.push(Reverse((rank, begin, end)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_make_the_same_tokens_as_one_merge() {
        let vocabulary = Vocabulary::load();
        let mut merge = Merge::new(&vocabulary);
        for piece in [
            "a".repeat(200),
            "internationalizationalistically".repeat(5),
            "xyabcabcabdededemmmminmnmnm".repeat(6),
            "  \u{3000}\t ".repeat(20),
            "日本語のトークンを数える".repeat(5),
        ] {
            let piece = piece.as_bytes();
            let whole: Vec<usize> = merge.tokens(piece).collect();
            assert_eq!(whole.iter().sum::<usize>(), piece.len());
            for window in 1..piece.len() {
                let mut merge = Merge {
                    window,
                    ..Merge::new(&vocabulary)
                };
                let tokens: Vec<usize> = merge.tokens(piece).collect();
                assert_eq!(tokens, whole, "in windows of {window} bytes");
            }
        }
    }
}
