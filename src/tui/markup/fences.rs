//! Finds the fenced code blocks of Markdown: the one construct that cannot be told from the lines
//! around the visible ones.

use std::ops::Range;

use memchr::{memchr, memchr2, memrchr};

/// A fenced code block. The ranges are bytes of the text and follow on from each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fence {
    /// The line that opens it, with its separator.
    pub open: Range<usize>,
    /// The lines between them.
    pub body: Range<usize>,
    /// The line that closes it, with its separator; empty where nothing closes it.
    pub close: Range<usize>,
    /// The info string after the opening marks, mostly the language.
    pub info: Range<usize>,
    /// Whether it is in a quotation, so that all its lines start with `>`.
    pub is_quoted: bool,
}

/// A fenced code block, ready to be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeBlock {
    /// The byte range of its body in the text.
    pub body: Range<usize>,
    /// The code, without the indentation of a list item, quotation marks, and the last line break.
    pub text: String,
}

/// The code blocks of a text, in order.
pub fn code_blocks(text: &str) -> Vec<CodeBlock> {
    find(text)
        .into_iter()
        .map(|fence| CodeBlock {
            text: fence.code(text),
            body: fence.body,
        })
        .collect()
}

impl Fence {
    fn code(&self, text: &str) -> String {
        let open = &text[self.open.clone()];
        // The code is indented as much as the opening marks.
        let margin = open.find(['`', '~']).unwrap_or(0);
        let lines = text[self.body.clone()].split_inclusive('\n').map(|line| {
            let blank = if self.is_quoted {
                line.find(|c| !matches!(c, ' ' | '\t' | '>'))
            } else {
                line.find(|c| !matches!(c, ' ' | '\t'))
            };
            &line[blank
                .unwrap_or(line.trim_end_matches(['\r', '\n']).len())
                .min(margin)..]
        });
        let mut code: String = lines.collect();
        for end in ['\n', '\r'] {
            if code.ends_with(end) {
                code.pop();
            }
        }
        code
    }
}

/// More fences than this are not looked for: each takes memory, and nobody reads as many.
const MAX_FENCES: usize = 20_000;

/// The most bytes before the marks on their line: indentation, quotation, list markers.
const MAX_PREFIX: usize = 64;

/// Finds the fences, in order, in one pass over the text.
pub(super) fn find(text: &str) -> Vec<Fence> {
    let bytes = text.as_bytes();
    let mut fences = Vec::new();
    let mut at = 0;
    while fences.len() < MAX_FENCES {
        let Some(opening) = next_marks(bytes, at, None) else {
            break;
        };
        let line = opening.line.clone();
        let is_quoted = bytes[line.start..opening.marks.start].contains(&b'>');
        let limit = if is_quoted {
            quotation_end(bytes, line.end)
        } else {
            bytes.len()
        };
        let close = next_marks(&bytes[..limit], line.end, Some(&opening))
            .map_or(limit..limit, |closing| closing.line);
        at = close.end;
        fences.push(Fence {
            info: trim(text, opening.info(bytes)),
            body: line.end..close.start,
            open: line,
            close,
            is_quoted,
        });
    }
    fences
}

/// Three or more of the same mark at the start of a line.
struct FenceMarks {
    marks: Range<usize>,
    /// The line with its separator.
    line: Range<usize>,
}

impl FenceMarks {
    /// What follows on the line.
    fn info(&self, bytes: &[u8]) -> Range<usize> {
        let end = bytes[self.line.clone()].trim_ascii_end().len() + self.line.start;
        self.marks.end..end.max(self.marks.end)
    }
}

/// The next marks that open a fence, or that close the one that `of` opened.
fn next_marks(bytes: &[u8], mut at: usize, of: Option<&FenceMarks>) -> Option<FenceMarks> {
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'`', b'~', rest)) {
        let start = at + found;
        let mark = bytes[start];
        let run = bytes[start..].iter().take_while(|byte| **byte == mark);
        let end = start + run.count();
        at = end;
        let enough = match of {
            Some(of) => bytes[of.marks.start] == mark && end - start >= of.marks.len(),
            None => end - start >= 3,
        };
        // However long the line is, only its start is looked at.
        let near = start.saturating_sub(MAX_PREFIX + 1);
        let line = match memrchr(b'\n', &bytes[near..start]) {
            Some(at) => near + at + 1,
            None if near == 0 => 0,
            None => continue,
        };
        if !enough || !is_prefix(&bytes[line..start], of.is_none()) {
            continue;
        }
        let line_end = memchr(b'\n', &bytes[end..]).map_or(bytes.len(), |at| end + at + 1);
        let marks = FenceMarks {
            marks: start..end,
            line: line..line_end,
        };
        let info = &bytes[marks.info(bytes)];
        let fits = match of {
            Some(_) => info.is_empty(),
            None => mark == b'~' || memchr(b'`', info).is_none(),
        };
        if fits {
            return Some(marks);
        }
    }
    None
}

/// Whether a fence may follow this beginning of a line.
fn is_prefix(mut prefix: &[u8], in_list: bool) -> bool {
    loop {
        prefix = match prefix {
            [] => return true,
            [b' ' | b'\t' | b'>', rest @ ..] => rest,
            [b'-' | b'*' | b'+', b' ' | b'\t', rest @ ..] if in_list => rest,
            [b'0'..=b'9', ..] if in_list => {
                let digits = prefix.iter().take_while(|byte| byte.is_ascii_digit());
                match &prefix[digits.count()..] {
                    [b'.' | b')', b' ' | b'\t', rest @ ..] => rest,
                    _ => return false,
                }
            }
            _ => return false,
        }
    }
}

/// The start of the first line from `at` on that is not part of a quotation.
fn quotation_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes[at..].trim_ascii_start().first() == Some(&b'>') {
        let blank = bytes[at..].len() - bytes[at..].trim_ascii_start().len();
        if memchr(b'\n', &bytes[at..at + blank]).is_some() {
            return at;
        }
        at = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end + 1);
    }
    at
}

fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let info = text.get(range.clone()).unwrap_or_default();
    let start = range.start + info.len() - info.trim_start().len();
    start..start + info.trim().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The language and the body of each fence.
    fn found(text: &str) -> Vec<(&str, &str)> {
        let fences = find(text);
        for fence in &fences {
            assert_eq!(fence.open.end, fence.body.start);
            assert_eq!(fence.body.end, fence.close.start);
        }
        let told = fences.into_iter();
        told.map(|fence| (&text[fence.info], &text[fence.body]))
            .collect()
    }

    #[test]
    fn fences_are_found() {
        assert_eq!(found("a\n```rust\nx\n```\nb"), [("rust", "x\n")]);
        assert_eq!(
            found("```\n~~~\n````  \r\n~~~ py x\ny"),
            [("", "~~~\n"), ("py x", "y")]
        );
        assert_eq!(found("````\n```\n````"), [("", "```\n")]);
        assert_eq!(
            found("1. ```sh\n   ls\n   ```\n- ```\n  x\n  ```\n"),
            [("sh", "   ls\n"), ("", "  x\n")]
        );
        assert_eq!(
            found("> ```c\n> x\nno\n```\ny"),
            [("c", "> x\n"), ("", "y")]
        );
        assert_eq!(found("```a\r\nx\r\n```\r\n"), [("a", "x\r\n")]);
    }

    #[test]
    fn code_is_copied_without_what_is_around_it() {
        let copied = |text: &str| -> Vec<String> {
            let blocks = code_blocks(text).into_iter();
            blocks.map(|block| block.text).collect()
        };
        assert_eq!(copied("```\n  a\n\n b\n```\n~~~\nc"), ["  a\n\n b", "c"]);
        assert_eq!(
            copied("1. ```sh\n   ls\n     -l\n\n   ```\n"),
            ["ls\n  -l\n"]
        );
        assert_eq!(copied("> ```\n> a\n>\n>  b\n> ```"), ["a\n\n b"]);
        assert_eq!(copied("```\r\na\r\nb\r\n```"), ["a\r\nb"]);
        assert_eq!(copied("```\n```"), [""]);
    }

    #[test]
    fn others_are_not() {
        for text in [
            "``` a ``` b",
            "use ``` here",
            "``\nx\n``",
            "-```",
            "",
            "~~",
            "1```",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
        assert_eq!(found("```\n``` x\n- ```\n"), [("", "``` x\n- ```\n")]);
        assert_eq!(found(&format!("{}```\nx", " ".repeat(99))), []);
    }
}
