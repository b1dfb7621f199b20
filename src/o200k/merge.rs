//! Byte-pair encoding: what the bytes of a piece become when, again and again, the two neighbours
//! that make the token of the lowest rank are joined.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::vocabulary::Vocabulary;

/// Bytes that are merged at once. What merging needs besides its result is several times that.
const WINDOW: usize = 8 * 1024;

/// Tokens at the end of a window that are found again in the next: were there more bytes, they
/// might be others.
const OVERLAP: usize = 8;

/// Merges one piece after the other, in memory that is used again.
pub(super) struct Merge<'v> {
    vocabulary: &'v Vocabulary,
    /// How many bytes are merged at once, unless they do not go with those before.
    window: usize,
    /// The tokens found so far, by their length in bytes.
    lengths: Vec<usize>,
    /// For each byte that a part begins with, where the part ends; 0 for all others.
    ends: Vec<usize>,
    /// For each byte that a part begins with, where the part before it begins.
    before: Vec<Option<usize>>,
    /// Neighbours that make a token: its rank, its begin and its end. Many are out of date.
    pairs: BinaryHeap<Reverse<(u32, usize, usize)>>,
}

impl<'v> Merge<'v> {
    pub(super) fn new(vocabulary: &'v Vocabulary) -> Self {
        Self {
            vocabulary,
            window: WINDOW,
            lengths: Vec::new(),
            ends: Vec::new(),
            before: Vec::new(),
            pairs: BinaryHeap::new(),
        }
    }

    /// The tokens of a piece, by their length in bytes.
    pub(super) fn tokens(&mut self, piece: &[u8]) -> impl ExactSizeIterator<Item = usize> {
        self.lengths.clear();
        if self.vocabulary.rank(piece).is_some() {
            self.lengths.push(piece.len());
        } else {
            self.merge_in_windows(piece);
        }
        self.lengths.iter().copied()
    }

    /// Tokens are what merging makes of all bytes if any two neighbours are what it makes of
    /// theirs. So a piece of any size can be merged a window at a time, as long as the first token
    /// of each goes with the one before.
    fn merge_in_windows(&mut self, piece: &[u8]) {
        let (mut start, mut size) = (0, self.window);
        loop {
            let end = piece.len().min(start + size);
            let known = self.lengths.len();
            self.merge(&piece[start..end]);
            if !self.has_seam(piece, start, known) {
                // Back to where it does not matter, or to the beginning at last. The size stays,
                // or the same windows might come again.
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

    /// Whether the last of the known tokens and the first behind it are what merging makes of
    /// their bytes. They meet at `seam`.
    fn has_seam(&mut self, piece: &[u8], seam: usize, known: usize) -> bool {
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

    /// Adds what all bytes become when they are merged at once.
    fn merge(&mut self, bytes: &[u8]) {
        self.ends.clear();
        self.ends.extend(1..=bytes.len());
        self.before.clear();
        let before = (0..bytes.len()).map(|begin| begin.checked_sub(1));
        self.before.extend(before);
        self.pairs.clear();
        for end in 2..=bytes.len() {
            self.offer(bytes, end - 2, end);
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
                self.before[end] = Some(begin);
                self.offer(bytes, begin, self.ends[end]);
            }
            if let Some(before) = self.before[begin] {
                self.offer(bytes, before, end);
            }
        }
        let mut begin = 0;
        while begin < bytes.len() {
            let end = self.ends[begin];
            self.lengths.push(end - begin);
            begin = end;
        }
    }

    fn offer(&mut self, bytes: &[u8], begin: usize, end: usize) {
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
