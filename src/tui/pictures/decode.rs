//! Decodes pictures in `data:` URLs, within limits.

use std::fmt;
use std::io::Cursor;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use image::{DynamicImage, ImageFormat, ImageReader, Limits};

use super::header::{self, PixelSize};

/// The most characters of base64 that are decoded.
const MAX_BASE64: usize = 20 << 20;
/// The most pixels that are decoded.
const MAX_PIXELS: u64 = 50_000_000;
/// Bytes that a decoder may take at once: all pixels with four bytes each, and room to work.
const MAX_MEMORY: u64 = 256 << 20;
/// Characters of base64 in which the size is looked for. JPEG's may come after a smaller picture.
const MAX_HEADER: usize = 96 << 10;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a picture is not shown. The words are the program's own, whatever the data says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The data is too long.
    TooLong,
    /// It has too many pixels, or takes too much memory.
    TooLarge,
    /// It is no picture of a known kind, or a broken one.
    Broken,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "not shown: larger than 20 MB",
            Self::TooLarge => "not shown: more than 50 megapixels",
            Self::Broken => "not shown: broken, or not PNG, JPEG, GIF or WebP",
        })
    }
}

/// The base64 in a `data:` URL; `None` if it is no such URL.
pub(super) fn base64_of(url: &str) -> Option<&str> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let (_, encoding) = head.rsplit_once(';')?;
    encoding.eq_ignore_ascii_case("base64").then_some(data)
}

/// The size from the header of the file, if it is in its beginning.
///
/// # Errors
///
/// If it is clear already that the picture is too large.
pub(super) fn size(data: &str) -> Result<Option<PixelSize>, DecodeError> {
    if data.len() > MAX_BASE64 {
        return Err(DecodeError::TooLong);
    }
    let head = data.as_bytes();
    let head = &head[..head.len().min(MAX_HEADER)];
    // All of it may be less than the head, with a padding; else the head is whole groups of four.
    let Ok(head) = BASE64.decode(head) else {
        return Ok(None);
    };
    let size = header::pixel_size(&head);
    size.map_or(Ok(()), within_limits).map(|()| size)
}

/// The bytes of the file, and the extension for its name.
///
/// # Errors
///
/// If it is too long, or no picture of a kind that is shown.
pub(super) fn file(data: &str) -> Result<(Vec<u8>, &'static str), DecodeError> {
    let bytes = bytes(data)?;
    let ending = match image::guess_format(&bytes) {
        Ok(ImageFormat::Png) => "png",
        Ok(ImageFormat::Jpeg) => "jpg",
        Ok(ImageFormat::Gif) => "gif",
        Ok(ImageFormat::WebP) => "webp",
        _ => return Err(DecodeError::Broken),
    };
    Ok((bytes, ending))
}

fn bytes(data: &str) -> Result<Vec<u8>, DecodeError> {
    if data.len() > MAX_BASE64 {
        return Err(DecodeError::TooLong);
    }
    BASE64.decode(data).map_err(|_| DecodeError::Broken)
}

/// Decodes the picture.
///
/// # Errors
///
/// If it is too large, or no picture.
pub(super) fn decode(data: &str) -> Result<DynamicImage, DecodeError> {
    let bytes = bytes(data)?;
    let reader = || {
        let mut reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format()?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_MEMORY);
        reader.limits(limits);
        std::io::Result::Ok(reader)
    };
    // Not the size from `header`, which is read by other rules than the decoder's.
    let size = reader().map_err(|_| DecodeError::Broken)?.into_dimensions();
    within_limits(size.map_err(decode_error)?)?;
    reader()
        .map_err(|_| DecodeError::Broken)?
        .decode()
        .map_err(decode_error)
}

fn within_limits((columns, rows): PixelSize) -> Result<(), DecodeError> {
    if u64::from(columns) * u64::from(rows) <= MAX_PIXELS {
        Ok(())
    } else {
        Err(DecodeError::TooLarge)
    }
}

fn decode_error(error: image::ImageError) -> DecodeError {
    match error {
        image::ImageError::Limits(_) => DecodeError::TooLarge,
        _ => DecodeError::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> String {
        BASE64.encode(bytes)
    }

    /// The beginning of a PNG of this size, and nothing else.
    fn png_head(columns: u32, rows: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(columns.to_be_bytes());
        bytes.extend(rows.to_be_bytes());
        bytes.extend([8, 2, 0, 0, 0]);
        bytes
    }

    #[test]
    fn only_base64_in_data_urls_is_read() {
        assert_eq!(base64_of("data:image/png;base64,AAAA"), Some("AAAA"));
        assert_eq!(base64_of("data:image/png;x=y;BASE64,"), Some(""));
        for url in [
            "https://example.com/a.png",
            "data:image/svg+xml,<svg/>",
            "file-123",
            "data:",
        ] {
            assert_eq!(base64_of(url), None);
        }
    }

    #[test]
    fn too_much_is_refused_before_it_is_decoded() {
        let long = "A".repeat(MAX_BASE64 + 1);
        assert_eq!(size(&long), Err(DecodeError::TooLong));
        assert_eq!(decode(&long).unwrap_err(), DecodeError::TooLong);
        let large = encoded(&png_head(10_000, 5_001));
        assert_eq!(size(&large), Err(DecodeError::TooLarge));
        assert_eq!(
            size(&encoded(&png_head(10_000, 5_000))),
            Ok(Some((10_000, 5_000)))
        );
        assert_eq!(
            size(&encoded(&png_head(u32::MAX, u32::MAX))),
            Err(DecodeError::TooLarge)
        );
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        // A GIF that is small by its own account, with a frame of four gigapixels.
        let mut bomb = b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02".to_vec();
        bomb.extend([0x01, 0x44, 0, 0x3b]);
        assert!(decode(&encoded(&bomb)).is_err());
    }

    #[test]
    fn broken_data_is_told_as_such() {
        let mut cut = Cursor::new(Vec::new());
        let picture = DynamicImage::new_rgb8(64, 64);
        picture
            .write_to(&mut cut, image::ImageFormat::Png)
            .expect("an encoder");
        let cut = &cut.into_inner()[..60];
        for data in [
            "",
            "!!!!",
            "AAAA",
            "\u{1b}[31m",
            &encoded(b"<svg/>"),
            &encoded(cut),
            &encoded(&png_head(2, 2)),
        ] {
            assert_eq!(decode(data).unwrap_err(), DecodeError::Broken, "{data:?}");
        }
    }
}
