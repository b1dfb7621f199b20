//! Parses the response to a query of the background colour (OSC 11). It comes soon, late or never, and
//! perhaps in pieces among the keys.

use ratatui::style::Color;

use super::{ESC, Input, Sequence};

/// The beginning of every response.
const BEGINNING: &[u8] = b"\x1b]11;";
const BEL: u8 = 0x07;
/// Bytes after which a colour is given up: no terminal sends one that long.
const MAX_LENGTH: usize = 64;
/// Bytes of four numbers with four digits each, the longest colour.
const LONGEST_NUMBERS: usize = 19;

/// Parses bytes that begin with `ESC ]`; `None` if it is no response to OSC 11.
pub(super) fn answer(bytes: &[u8]) -> Option<Sequence> {
    let Some(value) = bytes.strip_prefix(BEGINNING) else {
        return BEGINNING.starts_with(bytes).then_some(Sequence::Part);
    };
    let is_last = |byte: &u8| !(b' '..=b'~').contains(byte);
    let end = value.iter().take(MAX_LENGTH).position(is_last);
    let found = match end.map(|end| value.split_at(end)) {
        Some((value, [BEL, ..])) => whole(value, 1),
        Some((value, [ESC, b'\\', ..])) => whole(value, 2),
        None if value.len() >= MAX_LENGTH => Sequence::Nothing(half(bytes)),
        Some((_, [ESC])) | None => Sequence::Part,
        // Something else came in between.
        Some(_) => Sequence::Nothing(half(bytes)),
    };
    Some(found)
}

/// Whether this is certainly the beginning of a response.
pub(super) fn is_answer(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGINNING)
}

/// The length of a response whose rest does not arrive; what follows it was typed.
pub(super) fn half(bytes: &[u8]) -> usize {
    let value = bytes.get(BEGINNING.len()..).unwrap_or_default();
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
    BEGINNING.len() + kind + numbers
}

/// A complete response, whose terminator has `end` bytes.
fn whole(value: &[u8], end: usize) -> Sequence {
    let length = BEGINNING.len() + value.len() + end;
    match std::str::from_utf8(value).ok().and_then(colour) {
        Some(colour) => Sequence::Input(Input::Background(colour), length),
        None => Sequence::Nothing(length),
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
