//! Short pieces and how many tokens each of them has: texts say the same words again and again.

/// From how many bytes on a text is worth it.
const LONG: usize = 16 * 1024;
/// The most pieces that are remembered: as many as stay near at hand.
const MOST: usize = 1 << 15;
/// The longest piece that is remembered, in bytes. A byte more tells how long it is.
const LONGEST: usize = 15;

/// What was counted in one text. A piece takes the place of another that happens to belong there.
pub(super) struct Counted {
    /// As many as a power of two, or none; no piece is empty, and so none is 0.
    pieces: Vec<u128>,
    counts: Vec<u8>,
}

impl Counted {
    /// For a text of which nothing is counted yet.
    pub(super) fn for_text(text: &str) -> Self {
        let places = if text.len() < LONG {
            0
        } else {
            (text.len() / LONGEST).next_power_of_two().min(MOST)
        };
        Self {
            pieces: vec![0; places],
            counts: vec![0; places],
        }
    }

    /// How many tokens a piece has, which is counted if it is not known.
    pub(super) fn get_or(&mut self, piece: &[u8], count: impl FnOnce(&[u8]) -> usize) -> usize {
        if self.pieces.is_empty() || piece.len() > LONGEST {
            return count(piece);
        }
        let mut key = [0; LONGEST + 1];
        key[..piece.len()].copy_from_slice(piece);
        key[LONGEST] = piece.len() as u8;
        let key = u128::from_le_bytes(key);
        let place = place(key) & (self.pieces.len() - 1);
        if self.pieces[place] != key {
            self.pieces[place] = key;
            // No token is empty, and so there are no more of them than bytes.
            self.counts[place] = count(piece) as u8;
        }
        self.counts[place].into()
    }
}

/// Where a piece belongs, of which the lowest bits count.
fn place(key: u128) -> usize {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let mixed = (low ^ high.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_has_its_own_count() {
        for size in [LONG, 1 << 20] {
            let mut counted = Counted::for_text(&"x".repeat(size));
            let pieces: Vec<String> = (0..2_000).map(|n| format!("{n:b}")).collect();
            for _ in 0..2 {
                for piece in &pieces {
                    let zeros = |piece: &[u8]| piece.iter().filter(|c| **c == b'0').count();
                    let found = counted.get_or(piece.as_bytes(), zeros);
                    assert_eq!(found, zeros(piece.as_bytes()), "{piece}");
                }
            }
            assert_eq!(counted.get_or(b"a", |_| 1), 1);
            assert_eq!(counted.get_or(b"a\0", |_| 2), 2);
            assert_eq!(counted.get_or(b"a", |_| 3), 1, "it is known");
        }
    }
}
