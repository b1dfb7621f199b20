//! Colours JSON by its tokens alone: it need be neither complete nor valid.

use memchr::{memchr, memchr2};

use super::tone::{LineSpans, Tone};
use crate::tui::text::{PIECE, Text};

/// Which pieces of long lines start within a string.
///
/// A string never goes on after a line break, so only where a long line was cut into pieces can a
/// piece start within one.
#[derive(Debug, Default)]
pub(super) struct JsonState {
    /// The pieces that start within a string, and whether after a backslash.
    in_string: Vec<(usize, bool)>,
}

impl JsonState {
    pub(super) fn new(text: &Text) -> Self {
        let bytes = text.as_str().as_bytes();
        let mut in_string = Vec::new();
        let mut start = 0;
        while start < bytes.len() {
            let end = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at);
            if end - start > PIECE {
                cut_strings(text, start..end, &mut in_string);
            }
            start = end + 1;
        }
        Self { in_string }
    }

    pub(super) fn spans(&self, line: &str, index: usize) -> LineSpans {
        let found = self
            .in_string
            .binary_search_by_key(&index, |(line, _)| *line);
        spans(line, found.ok().map(|at| self.in_string[at].1))
    }
}

/// Finds the pieces of a hard line that start within a string.
fn cut_strings(text: &Text, hard: std::ops::Range<usize>, found: &mut Vec<(usize, bool)>) {
    let bytes = &text.as_str().as_bytes()[..hard.end];
    let mut index = text.line_at(hard.start);
    let mut at = hard.start;
    let mut inside = false;
    // Each step finds a quote or skips what a backslash protects.
    while let Some(next) = memchr2(b'"', b'\\', &bytes[at..]).map(|next| at + next) {
        let after = match bytes[next] {
            b'\\' if inside => next + 2,
            _ => next + 1,
        };
        // A piece starts within a string if it starts after its quote and not after its end.
        while text.start(index + 1) < after && text.start(index + 1) < hard.end {
            index += 1;
            let start = text.start(index);
            if inside && start <= next {
                found.push((index, false));
            } else if inside {
                found.push((index, true));
            }
        }
        inside ^= bytes[next] == b'"';
        at = after.min(bytes.len());
    }
    while inside && text.start(index + 1) < hard.end {
        index += 1;
        found.push((index, false));
    }
}

/// The tones of the tokens of a line. `inside` is given if the line starts within a string: whether
/// after a backslash.
pub(super) fn spans(line: &str, inside: Option<bool>) -> LineSpans {
    let bytes = line.as_bytes();
    let mut spans = Vec::new();
    let mut at = 0;
    if let Some(escaped) = inside {
        at = string_end(bytes, usize::from(escaped));
        spans.push((0..at, string_tone(&bytes[at..])));
    }
    while let Some(byte) = bytes.get(at) {
        let start = at;
        match byte {
            b'"' => {
                at = string_end(bytes, at + 1);
                spans.push((start..at, string_tone(&bytes[at..])));
            }
            b'-' | b'0'..=b'9' => {
                at += run_length(&bytes[at..], |b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')
                });
                spans.push((start..at, Tone::Number));
            }
            b'a'..=b'z' | b'A'..=b'Z' => {
                at += run_length(&bytes[at..], |b| b.is_ascii_alphanumeric() || b == b'_');
                if matches!(&bytes[start..at], b"true" | b"false" | b"null") {
                    spans.push((start..at, Tone::Keyword));
                }
            }
            _ => at += 1,
        }
    }
    spans.retain(|(range, _)| !range.is_empty());
    spans
}

/// The end of the string whose contents start at `at`: after its quote, or at the end of the line.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match memchr2(b'"', b'\\', rest) {
            Some(next) if rest[next] == b'"' => return at + next + 1,
            Some(next) => at += next + 2,
            None => return bytes.len(),
        }
    }
}

fn string_tone(after: &[u8]) -> Tone {
    match after.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b':') => Tone::Key,
        _ => Tone::StringLit,
    }
}

fn run_length(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| belongs(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str, inside: Option<bool>) -> Vec<(&str, Tone)> {
        let spans = spans(line, inside);
        spans
            .into_iter()
            .map(|(range, tone)| (&line[range], tone))
            .collect()
    }

    #[test]
    fn tokens_are_told_apart() {
        assert_eq!(
            told(r#"{"a\"b" : "x", "n": -1.5e+3, "t": [true, nil]}"#, None),
            [
                (r#""a\"b""#, Tone::Key),
                (r#""x""#, Tone::StringLit),
                (r#""n""#, Tone::Key),
                ("-1.5e+3", Tone::Number),
                (r#""t""#, Tone::Key),
                ("true", Tone::Keyword),
            ]
        );
        assert_eq!(told(r#"" 1"#, Some(true)), [(r#"" 1"#, Tone::StringLit)]);
        assert_eq!(
            told(r#"" 1"#, Some(false)),
            [("\"", Tone::StringLit), ("1", Tone::Number)]
        );
        assert_eq!(told(r#""open\"#, None), [(r#""open\"#, Tone::StringLit)]);
    }

    #[test]
    fn pieces_of_a_long_line_know_whether_they_are_in_a_string() {
        for unit in [
            r#"{"key":"some words here"},"#,
            r#""\\","#,
            r#""\"\"\"","#,
            "\"日本\" 1,",
        ] {
            for lead in 0..unit.len() {
                let long = format!("{}{}", " ".repeat(lead), unit.repeat(9000 / unit.len()));
                let text = Text::new(format!("1\n{long}\n\"open\n2"));
                let json = JsonState::new(&text);
                let whole = spans(&long, None);
                for index in 1..text.len() - 2 {
                    let start = text.start(index) - text.start(1);
                    for (range, tone) in json.spans(text.line(index), index) {
                        let range = range.start + start..range.end + start;
                        let known = whole.iter().find(|(known, _)| {
                            known.start <= range.start && range.end <= known.end
                        });
                        let Some((_, known)) = known else {
                            panic!("{unit} {lead}: {range:?} is {tone:?}");
                        };
                        // The end of a string may not show that it is a key.
                        assert!(*known == tone || tone == Tone::StringLit);
                    }
                }
                assert_eq!(json.spans("2", text.len() - 1), [(0..1, Tone::Number)]);
            }
        }
    }
}
