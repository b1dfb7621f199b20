//! Text as it is stored: compressed where that pays.

use std::borrow::Cow;

use rusqlite::types::Type;

/// Shorter text stays as it is: what compression saves is less than what it costs to read.
const SHORT: usize = 128;
/// No LZ4 stream becomes larger than this many times its size.
const MAX_GROWTH: usize = 256;

/// Text as it stands in the database.
#[derive(Debug)]
pub(super) struct Packed<'t> {
    /// Its bytes before compression; `None` where it is not compressed.
    pub size: Option<i64>,
    pub bytes: Cow<'t, [u8]>,
}

/// Compresses a text if that saves an eighth of it.
pub(super) fn pack(text: &str) -> Packed<'_> {
    if text.len() >= SHORT {
        let packed = lz4_flex::block::compress(text.as_bytes());
        if packed.len() < text.len() - text.len() / 8 {
            return Packed {
                size: i64::try_from(text.len()).ok(),
                bytes: packed.into(),
            };
        }
    }
    Packed {
        size: None,
        bytes: text.as_bytes().into(),
    }
}

/// The text that was packed. An error names the column, which is damaged.
pub(super) fn unpack(size: Option<i64>, bytes: &[u8], column: usize) -> rusqlite::Result<String> {
    let damaged = |error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, error)
    };
    let bytes = match size {
        None => bytes.to_vec(),
        Some(size) => {
            let size = usize::try_from(size).map_err(|error| damaged(error.into()))?;
            // A damaged size must not take all memory.
            if size / MAX_GROWTH > bytes.len() {
                return Err(damaged("a size that cannot be".into()));
            }
            lz4_flex::block::decompress(bytes, size).map_err(|error| damaged(error.into()))?
        }
    };
    String::from_utf8(bytes).map_err(|error| damaged(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> (Option<i64>, String) {
        let packed = pack(text);
        let back = unpack(packed.size, &packed.bytes, 0).unwrap();
        (packed.size, back)
    }

    #[test]
    fn only_what_shrinks_is_compressed() {
        let long = "ab".repeat(500);
        assert_eq!(round(&long), (Some(1000), long));
        assert_eq!(round("short"), (None, "short".into()));
        let digits = "3141592653589793238462643383279502884197169399375105820974944592307816406286\
            208998628034825342117067982148086513282306647093844609550582231725359408128481";
        assert_eq!(round(digits), (None, digits.into()));
    }

    #[test]
    fn damage_is_an_error() {
        let packed = pack(&"ab".repeat(500)).bytes.into_owned();
        for size in [-1, 0, 999, i64::MAX] {
            assert!(unpack(Some(size), &packed, 0).is_err(), "{size}");
        }
        assert!(unpack(None, &[0xff], 0).is_err());
    }
}
