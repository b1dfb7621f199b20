//! Reads the size of a picture from its first bytes.
//!
//! This runs where rows are counted, so it allocates nothing. A size that it does not find comes from
//! the decoder later.
//!
//! The crate imagesize 0.15 does the same for more kinds, but takes the scale of a lossy WebP for a part of
//! its size, and stops at the bytes that may fill up a JPEG before a marker.

/// Width and height in pixels.
pub(super) type PixelSize = (u32, u32);

/// The size of the picture that begins with `bytes`, if it is in there.
pub(super) fn pixel_size(bytes: &[u8]) -> Option<PixelSize> {
    let found = png(bytes)
        .or_else(|| gif(bytes))
        .or_else(|| webp(bytes))
        .or_else(|| jpeg(bytes));
    found.filter(|(columns, rows)| *columns > 0 && *rows > 0)
}

fn png(bytes: &[u8]) -> Option<PixelSize> {
    let head = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    if head.get(4..8)? != b"IHDR" {
        return None;
    }
    Some((
        u32::from_be_bytes(array(head, 8)?),
        u32::from_be_bytes(array(head, 12)?),
    ))
}

fn gif(bytes: &[u8]) -> Option<PixelSize> {
    if !bytes.starts_with(b"GIF8") {
        return None;
    }
    let part = |at| Some(u16::from_le_bytes(array(bytes, at)?).into());
    Some((part(6)?, part(8)?))
}

fn webp(bytes: &[u8]) -> Option<PixelSize> {
    if !bytes.starts_with(b"RIFF") || bytes.get(8..12)? != b"WEBP" {
        return None;
    }
    match bytes.get(12..16)? {
        // The sizes take 14 bits each, behind the mark of a key frame.
        b"VP8 " if bytes.get(23..26)? == b"\x9d\x01\x2a" => {
            let part = |at| Some(u32::from(u16::from_le_bytes(array(bytes, at)?) & 0x3fff));
            Some((part(26)?, part(28)?))
        }
        // The same without what is above them, less one each.
        b"VP8L" if *bytes.get(20)? == 0x2f => {
            let both = u32::from_le_bytes(array(bytes, 21)?);
            Some(((both & 0x3fff) + 1, ((both >> 14) & 0x3fff) + 1))
        }
        // 24 bits each, less one.
        b"VP8X" => {
            let part = |at| {
                let [low, middle, high] = array(bytes, at)?;
                Some(u32::from_le_bytes([low, middle, high, 0]) + 1)
            };
            Some((part(24)?, part(27)?))
        }
        _ => None,
    }
}

/// Looks through the segments for the one that begins a frame.
fn jpeg(bytes: &[u8]) -> Option<PixelSize> {
    let mut rest = bytes.strip_prefix(b"\xff\xd8")?;
    loop {
        let [mark, kind] = array(rest, 0)?;
        if mark != 0xff {
            return None;
        }
        match kind {
            // Filled up, or a segment without a length.
            0xff => rest = &rest[1..],
            0x01 | 0xd0..=0xd7 => rest = &rest[2..],
            0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => {
                let part = |at| Some(u32::from(u16::from_be_bytes(array(rest, at)?)));
                return Some((part(7)?, part(5)?));
            }
            _ => {
                let length = usize::from(u16::from_be_bytes(array(rest, 2)?));
                rest = rest.get(2 + length..)?;
            }
        }
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat};

    use super::*;

    #[test]
    fn sizes_are_what_the_encoders_wrote() {
        let picture = DynamicImage::new_rgb8(300, 7);
        for format in [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Gif,
            ImageFormat::WebP,
        ] {
            let mut bytes = Cursor::new(Vec::new());
            picture.write_to(&mut bytes, format).expect("an encoder");
            let bytes = bytes.into_inner();
            assert_eq!(pixel_size(&bytes), Some((300, 7)), "{format:?}");
            // However it is cut, it is this size or none.
            for end in 0..bytes.len() {
                assert!(pixel_size(&bytes[..end]).is_none_or(|size| size == (300, 7)));
            }
        }
    }

    #[test]
    fn other_forms_of_webp_are_known() {
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x2c\x41\x07\x80";
        assert_eq!(pixel_size(lossy), Some((300, 7)));
        let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x2b\x01\0\x06\0\0";
        assert_eq!(pixel_size(extended), Some((300, 7)));
    }

    #[test]
    fn anything_else_has_no_size() {
        for bytes in [
            &b""[..],
            b"<svg/>",
            b"\xff\xd8\xff\xe0\0\0",
            b"\xff\xd8\xff\xff\xff",
            b"GIF89a\0\0\0\0",
        ] {
            assert_eq!(pixel_size(bytes), None);
        }
    }
}
