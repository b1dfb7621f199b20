//! A cache of the token counts of short pieces: a text has the same words again and again.

/// Texts of fewer bytes are cache without a cache, which would cost more than it saves.
const MIN_TEXT_BYTES: usize = 16 * 1024;
/// The most slots of a cache, so that it fits into the caches of the processor.
const MAX_SLOTS: usize = 1 << 15;
/// The longest piece that is cached, in bytes. One more byte of its key holds its length.
const MAX_PIECE_BYTES: usize = 15;

/// The token counts of pieces of one text: a hash table with one entry a slot, in which a piece replaces
/// another of the same slot.
pub(super) struct CountCache {
    /// The key of the piece in each slot, 0 where there is none: no piece is empty, so that the length
    /// in its key is not 0. The number of slots is a power of two, or 0 without a cache.
    keys: Vec<u128>,
    counts: Vec<u8>,
}

impl CountCache {
    /// An empty cache of a size that is right for a text.
    pub(super) fn for_text(text: &str) -> Self {
        let slots = if text.len() < MIN_TEXT_BYTES {
            0
        } else {
            let pieces = text.len() / MAX_PIECE_BYTES;
            pieces.next_power_of_two().min(MAX_SLOTS)
        };
        Self {
            keys: vec![0; slots],
            counts: vec![0; slots],
        }
    }

    /// How many tokens a piece has; calls `count` if it is not in the cache.
    pub(super) fn get_or_count(
        &mut self,
        piece: &[u8],
        count: impl FnOnce(&[u8]) -> usize,
    ) -> usize {
        if self.keys.is_empty() || piece.len() > MAX_PIECE_BYTES {
            return count(piece);
        }
        let mut key = [0; MAX_PIECE_BYTES + 1];
        key[..piece.len()].copy_from_slice(piece);
        key[MAX_PIECE_BYTES] = piece.len() as u8;
        let key = u128::from_le_bytes(key);
        let slot = hash(key) & (self.keys.len() - 1);
        if self.keys[slot] != key {
            self.keys[slot] = key;
            // A token has at least one byte, so that the count is at most MAX_PIECE_BYTES.
            self.counts[slot] = count(piece) as u8;
        }
        self.counts[slot].into()
    }
}

/// The hash of a key, whose lowest bits choose the slot.
fn hash(key: u128) -> usize {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let mixed = (low ^ high.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_has_its_own_count() {
        for size in [MIN_TEXT_BYTES, 1 << 20] {
            let mut cache = CountCache::for_text(&"x".repeat(size));
            let pieces: Vec<String> = (0..2_000).map(|n| format!("{n:b}")).collect();
            for _ in 0..2 {
                for piece in &pieces {
                    let zeros = |piece: &[u8]| piece.iter().filter(|c| **c == b'0').count();
                    let found = cache.get_or_count(piece.as_bytes(), zeros);
                    assert_eq!(found, zeros(piece.as_bytes()), "{piece}");
                }
            }
            assert_eq!(cache.get_or_count(b"a", |_| 1), 1);
            assert_eq!(cache.get_or_count(b"a\0", |_| 2), 2);
            assert_eq!(cache.get_or_count(b"a", |_| 3), 1, "it is known");
        }
    }
}
