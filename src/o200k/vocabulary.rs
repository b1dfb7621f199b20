//! The tokens of o200k and their ranks, looked up by their bytes.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use splintr_vocab_o200k::O200K_BASE_VOCAB_PACKED;

/// The packed vocabulary: eight letters that name the format, the number of tokens in four bytes, and
/// then each token as its rank, its length and its bytes. Rank and length are LEB128.
static PACKED: &[u8] = O200K_BASE_VOCAB_PACKED;

/// How many bytes stand before the first token.
const HEADER_BYTES: usize = 12;

/// About how many tokens there are.
const TOKENS: usize = 200_000;

/// Finds the rank of a token by its bytes. The bytes stay in [`PACKED`], a part of the program: in
/// memory is only where each token begins, a few megabytes.
pub(super) struct Vocabulary {
    /// Where each token begins in [`PACKED`].
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

struct Token {
    rank: u32,
    bytes: &'static [u8],
    /// Where the next token begins.
    end: usize,
}

impl Token {
    /// The token that begins at a place of [`PACKED`]; `None` at the end.
    fn at(place: usize) -> Option<Self> {
        let mut rest = PACKED.get(place..)?;
        let rank = varint(&mut rest)?;
        let length = usize::try_from(varint(&mut rest)?).ok()?;
        let (bytes, rest) = rest.split_at_checked(length)?;
        Some(Self {
            rank,
            bytes,
            end: PACKED.len() - rest.len(),
        })
    }
}

impl Vocabulary {
    pub(super) fn load() -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut places = HashTable::with_capacity(TOKENS);
        let hash = |place: &u32| {
            let token = Token::at(*place as usize);
            hasher.hash_one(token.map_or(&[][..], |token| token.bytes))
        };
        let mut place = HEADER_BYTES;
        while let (Some(token), Ok(here)) = (Token::at(place), u32::try_from(place)) {
            places.insert_unique(hasher.hash_one(token.bytes), here, hash);
            place = token.end;
        }
        Self { places, hasher }
    }

    /// The rank of the token with these bytes; `None` if there is none.
    pub(super) fn rank(&self, bytes: &[u8]) -> Option<u32> {
        let mut rank = None;
        self.places.find(self.hasher.hash_one(bytes), |place| {
            let token = Token::at(*place as usize);
            rank = token.and_then(|token| (token.bytes == bytes).then_some(token.rank));
            rank.is_some()
        });
        rank
    }
}

/// Reads a LEB128 number: seven bits a byte, the lowest first; the eighth bit is set in all bytes but
/// the last.
fn varint(rest: &mut &'static [u8]) -> Option<u32> {
    let mut number = 0;
    for shift in (0..u32::BITS).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tokens_are_there() {
        assert_eq!(&PACKED[..8], b"SPLNTRV1");
        let vocabulary = Vocabulary::load();
        assert_eq!(vocabulary.places.len(), 199_998);
        assert_eq!(vocabulary.rank(b"!"), Some(0));
        assert_eq!(vocabulary.rank(b" the"), Some(290));
        assert_eq!(vocabulary.rank(b"humanllm"), None);
    }
}
