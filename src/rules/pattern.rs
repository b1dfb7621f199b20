//! Regular expressions in conditions of rules, which match anywhere in a text.

use std::ops::Range;

use regex::{Error, Regex, RegexBuilder};

/// Bytes of a compiled expression, and of its caches.
const MAX_COMPILED: usize = 1 << 20;
/// Characters of a text that are shown around a match.
const SHOWN: usize = 60;
/// How many of these are before the match.
const SHOWN_BEFORE: usize = 20;

/// Whether matching is case-sensitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Case-sensitive, unless the expression says `(?i)`.
    Matters,
    /// Case-insensitive, unless the expression says `(?-i)`.
    Ignored,
}

/// A regular expression. Matching takes time linear in the text.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    case: Case,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (self.as_str(), self.case) == (other.as_str(), other.case)
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Parses an expression; the error is a single line.
    pub fn new(text: &str, case: Case) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the expression is empty, and would be found in everything".into());
        }
        let built = RegexBuilder::new(text)
            .case_insensitive(case == Case::Ignored)
            .size_limit(MAX_COMPILED)
            .dfa_size_limit(MAX_COMPILED)
            .build();
        match built {
            Ok(regex) => Ok(Self { regex, case }),
            Err(error) => Err(explain(&error)),
        }
    }

    /// The expression itself.
    pub(crate) fn regex(&self) -> &Regex {
        &self.regex
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// The first match at or after `from`; anchors and word boundaries see the text before it.
    pub(crate) fn find_from(&self, text: &str, from: usize) -> Option<Range<usize>> {
        Some(self.regex.find_at(text, from)?.range())
    }

    /// The first match in a text, with some of the line around it.
    pub(crate) fn found_in(&self, text: &str) -> Option<String> {
        Some(excerpt(text, self.find_from(text, 0)?))
    }
}

/// The parser's error, which has several lines, on one line.
fn explain(error: &Error) -> String {
    if let Error::CompiledTooBig(_) = error {
        return "the expression stands for too much; make its repetitions smaller".into();
    }
    let text = error.to_string();
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    let last = last.unwrap_or_default().trim();
    let why = last.strip_prefix("error: ").unwrap_or(last);
    format!("this is no regular expression: {why}")
}

/// The match with some of its line, in quotes.
pub(super) fn excerpt(text: &str, found: Range<usize>) -> String {
    let begin = text[..found.start].rfind('\n').map_or(0, |at| at + 1);
    let before = text[begin..found.start].char_indices().rev();
    let before = before.take(SHOWN_BEFORE).last();
    let from = before.map_or(found.start, |(at, _)| begin + at);
    let line = text[from..].lines().next().unwrap_or_default();
    let shown: String = line.chars().take(SHOWN).collect();
    let (head, tail) = (from > begin, shown.len() < line.len());
    let dots = |cut: bool| if cut { "…" } else { "" };
    format!("{:?}", format!("{}{shown}{}", dots(head), dots(tail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        let error = Pattern::new(text, Case::Matters).unwrap_err();
        assert!(!error.contains('\n'), "{error}");
        error
    }

    #[test]
    fn what_is_wrong_is_said_in_a_line() {
        assert_eq!(
            wrong("rm ("),
            "this is no regular expression: unclosed group"
        );
        assert_eq!(
            wrong("a{5,2}"),
            "this is no regular expression: invalid repetition count range, the start must be <= \
             the end"
        );
        assert!(wrong("(?=x)").contains("look-around"), "{}", wrong("(?=x)"));
        assert!(wrong("").contains("empty"));
    }

    #[test]
    fn an_expression_cannot_take_all_memory() {
        for bomb in ["a{1000}{1000}", "(?:(?:x{200}){200}){200}", r"\pL{5000}"] {
            assert!(wrong(bomb).contains("stands for too much"), "{bomb}");
        }
        assert!(wrong(&"(".repeat(10_000)).contains("regular expression"));
        // What other engines need for ever for.
        let slow = Pattern::new("(a+)+$", Case::Matters).unwrap();
        assert_eq!(slow.found_in(&format!("{}b", "a".repeat(100_000))), None);
    }

    #[test]
    fn what_was_found_is_shown_with_some_of_its_line() {
        let find = |expression: &str, text: &str| {
            let pattern = Pattern::new(expression, Case::Matters).unwrap();
            pattern.found_in(text).unwrap()
        };
        assert_eq!(find("rm", "cd a\nrm -rf b\nls"), "\"rm -rf b\"");
        assert_eq!(find("c", "a\"b\tc"), r#""a\"b\tc""#);
        let long = format!("{}ü rm {}", "x".repeat(100), "y".repeat(100));
        let shown = find("rm", &long);
        assert!(
            shown.starts_with("\"…x") && shown.ends_with("y…\""),
            "{shown}"
        );
        assert!(
            shown.contains("ü rm y") && shown.chars().count() == 64,
            "{shown}"
        );
    }
}
