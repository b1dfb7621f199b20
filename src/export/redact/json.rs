//! Redacts the strings of JSON texts; the rest stays byte for byte.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use serde::de::IgnoredAny;

use super::Redactor;

/// Whether a text is a JSON object or array.
pub(super) fn is_json(text: &str) -> bool {
    let begins = matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['));
    let ends = matches!(text.trim_end().as_bytes().last(), Some(b'}' | b']'));
    begins && ends && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// A JSON text with redacted strings.
pub(super) fn redacted<'t>(text: &'t str, redactor: &mut Redactor) -> Cow<'t, str> {
    let (mut out, mut kept) = (String::new(), 0);
    let mut name: Option<Cow<'t, str>> = None;
    let mut at = 0;
    while let Some(begin) = memchr(b'"', &text.as_bytes()[at..]).map(|found| at + found) {
        let end = end_of_string(text, begin);
        let literal = &text[begin..end];
        at = end;
        let words = string_value(literal);
        let is_name = text[end..].trim_start().starts_with(':');
        let is_value = || text[..begin].trim_end().ends_with(':');
        let of = name.take().filter(|_| !is_name && is_value());
        let by_name = of.and_then(|of| redactor.redact_named_value(&of, &words));
        let redacted = match &by_name {
            Some(redacted) => Cow::Borrowed(redacted.as_str()),
            None => redactor.text(&words),
        };
        if redacted != words {
            out.push_str(&text[kept..begin]);
            // A string always serializes.
            out.push_str(&serde_json::to_string(&*redacted).unwrap_or_else(|_| "\"\"".into()));
            kept = end;
        }
        if is_name {
            name = Some(words);
        }
    }
    match kept {
        0 => Cow::Borrowed(text),
        _ => {
            out.push_str(&text[kept..]);
            Cow::Owned(out)
        }
    }
}

/// The offset after the string literal that begins at `begin`.
fn end_of_string(text: &str, begin: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = begin + 1;
    while let Some(found) = memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        // The escaped character is ASCII, unless the text is not valid JSON.
        at += 2;
    }
    text.len()
}

/// The value of a string literal. Unpaired surrogates, which JSON allows, become U+FFFD.
fn string_value(literal: &str) -> Cow<'_, str> {
    let inside = literal.trim_matches('"');
    if !literal.contains('\\') {
        return Cow::Borrowed(inside);
    }
    match serde_json::from_str::<String>(literal) {
        Ok(words) => words.into(),
        Err(_) => unescape_lossy(literal).into(),
    }
}

/// Unescapes a string literal with unpaired surrogates, which serde rejects.
fn unescape_lossy(literal: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let inside = literal.strip_prefix('"').unwrap_or(literal);
    let inside = inside.strip_suffix('"').unwrap_or(inside);
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        let unit = match c {
            '\\' => match chars.next() {
                Some('n') => '\n' as u16,
                Some('t') => '\t' as u16,
                Some('r') => '\r' as u16,
                Some('b') => 8,
                Some('f') => 12,
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    u16::from_str_radix(&digits, 16).unwrap_or(0xfffd)
                }
                Some(other) => {
                    units.extend(other.encode_utf16(&mut [0; 2]).iter());
                    continue;
                }
                None => continue,
            },
            other => {
                units.extend(other.encode_utf16(&mut [0; 2]).iter());
                continue;
            }
        };
        units.push(unit);
    }
    String::from_utf16_lossy(&units)
}
