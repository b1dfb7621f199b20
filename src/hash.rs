//! The content hash that identifies parts of requests, in memory and in the journal.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first 128 bits of the BLAKE3 hash of some bytes.
///
/// It is the same on every machine and in every version, because the journal looks contents up by it. It
/// is cryptographic, so that no client can make one content stand for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; 16]);

impl Hash {
    /// Hashes some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(bytes);
        Self::from_hasher(&hasher)
    }

    /// The 16 bytes of the hash, as the database stores them.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Extends the hash of a sequence by one member: the hash of both hashes one after the other.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let mut both = [0; 32];
        both[..16].copy_from_slice(&self.0);
        both[16..].copy_from_slice(&next.0);
        Self::of(&both)
    }

    /// The hash of all bytes that a hasher was given.
    pub(crate) fn from_hasher(hasher: &blake3::Hasher) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(bytes)
    }
}

impl From<[u8; 16]> for Hash {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Written as its 32 hexadecimal digits, as [`fmt::Display`] shows it.
impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]));
        }
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        let number = u128::from_str_radix(text, 16).map_err(D::Error::custom)?;
        Ok(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_that_is_specified() {
        // The test vector of BLAKE3 for no input.
        assert_eq!(
            Hash::of(b"").to_string(),
            "af1349b9f5f9a1a6a0404dea36dcc949"
        );
        assert_ne!(Hash::of(b"a").then(Hash::of(b"b")), Hash::of(b"ab"));
    }

    #[test]
    fn a_hash_is_written_as_it_is_shown() {
        for bytes in [[0; 16], [7; 16], [0xfe; 16]] {
            let hash = Hash(bytes);
            let json = serde_json::to_string(&hash).unwrap();
            assert_eq!(json, format!("\"{hash}\""));
            assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), hash);
        }
    }
}
