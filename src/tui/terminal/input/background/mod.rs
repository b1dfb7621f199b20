//! Parses the response to a query of the background colour (OSC 11). It comes soon, late or never, and
//! perhaps in pieces among the keys.

use ratatui::style::Color;

use super::{ESC, Input, Sequence};

/// The beginning of every response.
const PREFIX: &[u8] = b"\x1b]11;";
const BEL: u8 = 0x07;
/// Bytes after which a colour is given up: no terminal sends one that long.
const MAX_LENGTH: usize = 64;
/// Bytes of four numbers with four digits each, the longest colour.
const LONGEST_NUMBERS: usize = 19;

/// Parses bytes that begin with `ESC ]`; `None` if it is no response to OSC 11.
pub(super) fn response(bytes: &[u8]) -> Option<Sequence> {
    let Some(value) = bytes.strip_prefix(PREFIX) else {
        return PREFIX.starts_with(bytes).then_some(Sequence::Incomplete);
    };
    let is_last = |byte: &u8| !(b' '..=b'~').contains(byte);
    let end = value.iter().take(MAX_LENGTH).position(is_last);
    let found = match end.map(|end| value.split_at(end)) {
        Some((value, [BEL, ..])) => complete(value, 1),
        Some((value, [ESC, b'\\', ..])) => complete(value, 2),
        None if value.len() >= MAX_LENGTH => Sequence::Ignored(partial_length(bytes)),
        Some((_, [ESC])) | None => Sequence::Incomplete,
        // Something else came in between.
        Some(_) => Sequence::Ignored(partial_length(bytes)),
    };
    Some(found)
}

/// Whether this is certainly the beginning of a response.
pub(super) fn is_response(bytes: &[u8]) -> bool {
    bytes.starts_with(PREFIX)
}

/// The length of a response whose rest does not arrive; what follows it was typed.
pub(super) fn partial_length(bytes: &[u8]) -> usize {
    let value = bytes.get(PREFIX.len()..).unwrap_or_default();
    let common = |kind: &[u8]| kind.iter().zip(value).take_while(|(a, b)| a == b).count();
    let kind = common(b"rgb:").max(common(b"rgba:"));
    let numbers = if value[..kind].ends_with(b":") {
        value[kind..]
            .iter()
            .take(LONGEST_NUMBERS)
            .take_while(|byte| byte.is_ascii_hexdigit() || **byte == b'/')
            .count()
    } else {
        0
    };
    PREFIX.len() + kind + numbers
}

/// A complete response, whose terminator has `end` bytes.
fn complete(value: &[u8], end: usize) -> Sequence {
    let length = PREFIX.len() + value.len() + end;
    match std::str::from_utf8(value).ok().and_then(colour) {
        Some(colour) => Sequence::Input(Input::Background(colour), length),
        None => Sequence::Ignored(length),
    }
}

/// The colour in `rgb:RRRR/GGGG/BBBB`, with one to four digits each, or in `rgba:…`.
fn colour(value: &str) -> Option<Color> {
    let parts = value
        .strip_prefix("rgb:")
        .or_else(|| value.strip_prefix("rgba:"))?;
    let mut parts = parts.split('/').map(|part| {
        let most = match part.len() {
            length @ 1..=4 => (1_u32 << (4 * length)) - 1,
            _ => return None,
        };
        let part = u32::from_str_radix(part, 16).ok()?;
        u8::try_from(part * 255 / most).ok()
    });
    let mut next = || parts.next().flatten();
    Some(Color::Rgb(next()?, next()?, next()?))
}

#[cfg(test)]
mod tests;
