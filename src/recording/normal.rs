//! Normalises requests for comparison: replaces ids, times and the like, which differ each time.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The text that is replaced, by the name of the group; the first alternative that matches is taken.
///
/// - `id`: UUIDs; ids of responses, items and calls, such as `call_…`; 16 hexadecimal digits or more. Each
///   becomes `<id N>`, numbered in the order of first appearance, so that references stay intact.
/// - `word_id`: hexadecimal digits after `ID: `
/// - `time`: dates, times of day, seconds and milliseconds since 1970
/// - `duration`: fractions of seconds and minutes, milliseconds
/// - `host` and `port`: a loopback address, of which the port is replaced
/// - `tmp`: a folder or file directly below a folder for temporary files
const VOLATILE: &str = r#"(?x)
      (?<id> \b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b
           | \b(?:resp|msg|rs|fc|ctc|lsh|sh|call|toolu|chatcmpl|conv|cmp|req)[_-][0-9A-Za-z]{16,}\b
           | \b[0-9a-f]{16,}\b )
    | \bID:\ (?<word_id> [0-9a-f]{4,})\b
    | (?<time> \b\d{4}-\d{2}-\d{2}(?:[T\ ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\ ?(?:Z|[+-]\d{2}:?\d{2}))?)?
           | \b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\ )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\ {1,2}\d{1,2}(?:,?\ {1,2}(?:\d{1,2}:\d{2}(?::\d{2})?|\d{4}))?\b
           | \b\d{1,2}:\d{2}:\d{2}(?:\.\d+)?\b
           | \b(?:1[5-9]|2[0-4])\d{8}(?:\d{3})?(?:\.\d+)?\b )
    | (?<duration> \b(?:\d+\.\d+\ ?(?:ms|s|sec|seconds?|m|min|minutes?)|\d+\ ?ms)\b )
    | (?<host> \b(?:127\.0\.0\.1|localhost)|\[::1\]):(?<port>\d{1,5})\b
    | (?<tmp> (?:/private)?(?:/var)?/tmp/[^/\s"'`<>:;,()\\]+
           | (?:/private)?/var/folders/[^/\s]+/[^/\s]+/T/[^/\s"'`<>:;,()\\]+ )
"#;

static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(VOLATILE).ok());

/// Replaces what differs each time. All texts of a request go through the same normaliser, in their order,
/// because it numbers ids.
#[derive(Debug, Default)]
pub(super) struct Normaliser {
    ids: HashMap<String, usize>,
}

impl Normaliser {
    /// The normalised text.
    pub(super) fn text(&mut self, text: &str) -> String {
        let Some(pattern) = PATTERN.as_ref() else {
            return text.to_owned();
        };
        let replaced = pattern.replace_all(text, |found: &Captures<'_>| self.placeholder(found));
        replaced.into_owned()
    }

    fn placeholder(&mut self, found: &Captures<'_>) -> String {
        if let Some(id) = found.name("id") {
            let next = self.ids.len() + 1;
            let number = *self.ids.entry(id.as_str().to_owned()).or_insert(next);
            return format!("<id {number}>");
        }
        if let Some(host) = found.name("host") {
            return format!("{}:<port>", host.as_str());
        }
        let named = [
            ("word_id", "ID: <id>"),
            ("time", "<time>"),
            ("duration", "<duration>"),
            ("tmp", "<tmp>"),
        ];
        let stand_in = named
            .into_iter()
            .find(|(name, _)| found.name(name).is_some());
        stand_in.map_or_else(String::new, |(_, text)| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        Normaliser::default().text(text)
    }

    #[test]
    fn what_differs_each_time_is_taken_out_and_nothing_else() {
        let table = [
            (
                "call_0198c1d2e3f405162738495a6b7c8d9e and toolu_01AbCdEfGhIjKlMnOp",
                "<id 1> and <id 2>",
            ),
            (
                "0198C1D2-e3f4-7516-8738-495a6b7c8d9e again 0198C1D2-e3f4-7516-8738-495a6b7c8d9e",
                "<id 1> again <id 1>",
            ),
            ("Chunk ID: 1a2b3c", "Chunk ID: <id>"),
            ("commit 0123456789abcdef0123", "commit <id 1>"),
            (
                "at 2026-11-29T21:00:00.123Z, on 2026-11-29 and Sunday, Nov 29, 2026",
                "at <time>, on <time> and <time>",
            ),
            (
                "-rw-r--r-- 1 me me 14 Nov 29 21:13 poem.txt",
                "-rw-r--r-- 1 me me 14 <time> poem.txt",
            ),
            ("it is 21:13:05", "it is <time>"),
            (
                "\"created\":1764450000,\"at\":1764450000123",
                "\"created\":<time>,\"at\":<time>",
            ),
            (
                "Wall time: 0.0521 seconds, 12ms",
                "Wall time: <duration>, <duration>",
            ),
            (
                "http://127.0.0.1:41234/v1 or localhost:3000",
                "http://127.0.0.1:<port>/v1 or localhost:<port>",
            ),
            (
                "in /tmp/.tmpAb12/work/a.rs and /private/var/folders/aa/bb/T/x1/work",
                "in <tmp>/work/a.rs and <tmp>/work",
            ),
            // What somebody asks for.
            (
                "Wait 5 seconds, call_the_function 42, see /home/me/tmp and 1.2.3 at 10:30",
                "Wait 5 seconds, call_the_function 42, see /home/me/tmp and 1.2.3 at 10:30",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(normal(text), expected, "{text}");
        }
    }

    #[test]
    fn ids_that_belong_together_still_do() {
        let (one, other) = ("call_aaaaaaaaaaaaaaaa", "call_bbbbbbbbbbbbbbbb");
        let pair = |call: &str, output: &str| normal(&format!("{call} {output}"));
        assert_eq!(pair(one, one), pair(other, other));
        assert_ne!(pair(one, one), pair(one, other));
    }
}
