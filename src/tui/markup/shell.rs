//! Command lines: enough of the shell's grammar to see where a command starts and a string ends.
//!
//! The grammar of bash that code blocks get takes some 400 times as long (the `markup` bench compares them),
//! so that a command would first be drawn without its colours.

use std::collections::VecDeque;

use super::patch;
use super::tone::{Spans, Tone};

/// Commands of more bytes are plain; ordinary ones have a few lines.
const MAX_BYTES: usize = 256 * 1024;

/// Words of the shell after which a command starts.
const KEYWORDS: [&str; 17] = [
    "if", "then", "else", "elif", "fi", "while", "until", "do", "done", "esac", "time", "{", "}",
    "!", "[[", "((", "select",
];

/// Words of the shell that are followed by a name.
const NAME_KEYWORDS: [&str; 3] = ["for", "case", "function"];

/// Reads a whole command.
pub(super) fn spans(text: &str) -> Spans {
    let mut lexer = Lexer {
        text,
        at: 0,
        expects_command: true,
        heredocs: VecDeque::new(),
        spans: Spans::default(),
    };
    if text.len() <= MAX_BYTES {
        lexer.run();
    }
    lexer.spans
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Whether the next word is a command.
    expects_command: bool,
    /// The here-documents that start after this line: the word that ends each, and whether tabs are
    /// stripped.
    heredocs: VecDeque<(&'a str, bool)>,
    spans: Spans,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) {
        if self.text.starts_with("$ ") {
            self.take(1, Tone::Marker);
        }
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.expects_command = true;
                    while let Some((end, tabs)) = self.heredocs.pop_front() {
                        self.heredoc(end, tabs);
                    }
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'#' => {
                    let line = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.take(line, Tone::Comment);
                }
                b'|' | b'&' | b';' | b'(' | b')' => {
                    self.take(1, Tone::Operator);
                    self.expects_command = true;
                }
                b'<' | b'>' => self.redirection(),
                _ => self.word(),
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn take(&mut self, len: usize, tone: Tone) {
        self.spans.push(self.at..self.at + len, tone);
        self.at += len;
    }

    fn redirection(&mut self) {
        let signs = self
            .rest()
            .bytes()
            .take_while(|byte| matches!(byte, b'<' | b'>' | b'&' | b'|'));
        let signs = &self.rest()[..signs.count()];
        self.take(signs.len(), Tone::Operator);
        if signs == "<<" {
            let tabs = self.peek(0) == Some(b'-');
            self.at += usize::from(tabs);
            self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
            let ends = |c: char| c.is_whitespace() || "|&;()<>".contains(c);
            let word = &self.rest()[..self.rest().find(ends).unwrap_or(self.rest().len())];
            self.take(word.len(), Tone::Marker);
            let word = word.trim_matches(['\'', '"', '\\']);
            if !word.is_empty() {
                self.heredocs.push_back((word, tabs));
            }
        }
    }

    /// A here-document up to the line that ends it. Patches are coloured as such: agents without a tool
    /// for patches apply them in this way.
    fn heredoc(&mut self, end: &str, tabs: bool) {
        let is_patch = self.rest().starts_with("*** Begin Patch");
        while self.at < self.text.len() {
            let line = self.rest().lines().next().unwrap_or_default();
            let separator = &self.rest()[line.len()..];
            let separator = separator.find('\n').map_or(separator.len(), |at| at + 1);
            let word = if tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            let tone = if word == end {
                Some(Tone::Marker)
            } else if is_patch {
                patch::tone(|near| if near == 0 { line } else { " " })
            } else {
                None
            };
            match tone {
                Some(tone) => self.take(line.len(), tone),
                None => self.at += line.len(),
            }
            self.at += separator;
            if word == end {
                return;
            }
        }
    }

    /// A word, which may have strings and variables in it.
    fn word(&mut self) {
        let start = self.at;
        let tone = self.word_tone();
        if let Some(Tone::Variable) = tone {
            let name = self.rest().find('=').unwrap_or(0);
            self.take(name, Tone::Variable);
            self.take(1, Tone::Operator);
        }
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b'|' | b'&' | b';' | b'(' | b')' | b'<' | b'>' => {
                    break;
                }
                b'\'' => {
                    let end = self.rest()[1..]
                        .find('\'')
                        .map_or(self.rest().len(), |at| at + 2);
                    self.take(end, Tone::StringLit);
                }
                b'"' => {
                    let end = double_quoted(self.rest());
                    self.take(end, Tone::StringLit);
                }
                b'`' => {
                    self.take(1, Tone::Operator);
                    self.expects_command = true;
                    return;
                }
                b'$' if self.peek(1) == Some(b'(') => {
                    self.take(2, Tone::Operator);
                    self.expects_command = true;
                    return;
                }
                b'$' => {
                    let name = variable(self.rest());
                    self.take(name, Tone::Variable);
                }
                _ => {
                    let escaped = usize::from(byte == b'\\');
                    let plain =
                        self.rest().char_indices().skip(1 + escaped).find(|(_, c)| {
                            c.is_ascii_whitespace() || "|&;()<>'\"`$\\".contains(*c)
                        });
                    let len = plain.map_or(self.rest().len(), |(at, _)| at);
                    match tone {
                        Some(tone @ (Tone::Keyword | Tone::Function)) => self.take(len, tone),
                        _ => self.at += len,
                    }
                }
            }
        }
        self.expects_command = match tone {
            Some(Tone::Variable) => true,
            Some(Tone::Keyword) => !NAME_KEYWORDS.contains(&&self.text[start..self.at]),
            _ => false,
        };
    }

    /// The tone of the word that starts here.
    fn word_tone(&self) -> Option<Tone> {
        if !self.expects_command {
            return None;
        }
        let ends = |c: char| c.is_whitespace() || "|&;()<>'\"`$".contains(c);
        let word = &self.rest()[..self.rest().find(ends).unwrap_or(self.rest().len())];
        if KEYWORDS.contains(&word) || NAME_KEYWORDS.contains(&word) {
            return Some(Tone::Keyword);
        }
        let is_assignment = word.split_once('=').is_some_and(|(name, _)| is_name(name));
        Some(if is_assignment {
            Tone::Variable
        } else {
            Tone::Function
        })
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The length of a string in double quotes; quotes within `$(…)` do not end it.
fn double_quoted(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' if depth == 0 => return at + 1,
            b'(' if depth > 0 || bytes[at - 1] == b'$' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// The length of a variable with its `$`.
fn variable(text: &str) -> usize {
    let after = &text[1..];
    match after.bytes().next() {
        Some(b'{') => after.find(['}', '\n']).map_or(text.len(), |at| at + 2),
        Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
            let name = after
                .bytes()
                .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_');
            1 + name.count()
        }
        Some(byte) if byte.is_ascii_digit() || b"?!#@*$-".contains(&byte) => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(&str, Tone)> {
        let spans = spans(text).within(0..text.len());
        spans
            .into_iter()
            .map(|(range, tone)| (&text[range], tone))
            .collect()
    }

    #[test]
    fn commands_strings_and_operators() {
        use Tone::*;
        assert_eq!(
            told("$ RUST_LOG=x cargo test 'a b' \"$(x \"y\")\" | grep -v ${A} > out # c"),
            [
                ("$", Marker),
                ("RUST_LOG", Variable),
                ("=", Operator),
                ("cargo", Function),
                ("'a b'", StringLit),
                ("\"$(x \"y\")\"", StringLit),
                ("|", Operator),
                ("grep", Function),
                ("${A}", Variable),
                (">", Operator),
                ("# c", Comment),
            ]
        );
        assert_eq!(
            told("for f in *; do echo $f; done"),
            [
                ("for", Keyword),
                (";", Operator),
                ("do", Keyword),
                ("echo", Function),
                ("$f", Variable),
                (";", Operator),
                ("done", Keyword),
            ]
        );
        assert_eq!(
            told("a && b"),
            [("a", Function), ("&&", Operator), ("b", Function)]
        );
    }

    #[test]
    fn documents_end_where_they_say() {
        use Tone::*;
        assert_eq!(
            told("apply_patch <<'EOF'\n*** Begin Patch\n+if\n*** End Patch\nEOF\nls"),
            [
                ("apply_patch", Function),
                ("<<", Operator),
                ("'EOF'", Marker),
                ("*** Begin Patch", Marker),
                ("+if", Added),
                ("*** End Patch", Marker),
                ("EOF", Marker),
                ("ls", Function),
            ]
        );
        assert_eq!(
            told("cat <<E\nls"),
            [("cat", Function), ("<<", Operator), ("E", Marker)]
        );
    }

    #[test]
    fn anything_can_be_read() {
        for text in [
            "'",
            "\"",
            "\"\\",
            "\\",
            "$",
            "${",
            "$(",
            "`",
            "<<",
            "<<-\n",
            "é\\é$é\"é",
            "a=",
            "\\\u{301}",
        ] {
            for (range, _) in spans(text).within(0..text.len()) {
                assert!(text.get(range).is_some(), "{text}");
            }
        }
    }
}
