//! Makes the title of a conversation from the first line of a prompt with words in it.

use pulldown_cmark::{Event, Parser};

use crate::api::first_block;

/// Characters of a title.
const MAX_LENGTH: usize = 200;
/// Characters of a line that are examined.
const MAX_SCANNED: usize = 2_000;
/// The first line of a prompt with words in it, without Markdown and without what agents put before
/// it: blocks in tags, and headings of their own.
pub(super) fn title(prompt: &str) -> String {
    let mut own = super::ALL.iter().filter_map(|agent| agent.prompt_separator);
    let own = own.find_map(|begin| Some(prompt.split_once(begin)?.1));
    let own = own.unwrap_or(prompt);
    let words = first_words(without_blocks(own));
    // If there is nothing else, the first of those is the title.
    words.or_else(|| first_words(prompt)).unwrap_or_default()
}

/// The title made from the last line with words in it.
pub(super) fn last_line_title(text: &str) -> String {
    words_of(text.lines().rev()).unwrap_or_default()
}

fn first_words(text: &str) -> Option<String> {
    words_of(text.lines())
}

fn words_of<'a>(lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let lines = lines.map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !is_tag(line));
    let words = lines.map(plain).find(|words| !words.is_empty());
    words.map(|words| words.chars().take(MAX_LENGTH).collect())
}

/// The text behind the blocks at its beginning that an agent put there, such as Claude Code's
/// `<system-reminder> … </system-reminder>`.
fn without_blocks(mut text: &str) -> &str {
    while let Some((_, behind)) = first_block(text) {
        text = behind;
    }
    text
}

/// Whether a line is a tag and nothing else, such as the `<task>` of Cline, or the name of a field,
/// such as the `[[ ## question ## ]]` of DSPy.
fn is_tag(line: &str) -> bool {
    if line.starts_with("[[ ##") && line.ends_with("## ]]") {
        return true;
    }
    let inner = line
        .strip_prefix('<')
        .and_then(|line| line.strip_suffix('>'));
    inner.is_some_and(|inner| {
        let name = inner.trim_start_matches('/');
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    })
}

/// The text of a line of Markdown.
fn plain(line: &str) -> String {
    let line = line
        .char_indices()
        .nth(MAX_SCANNED)
        .map_or(line, |(end, _)| &line[..end]);
    let mut words = String::new();
    for event in Parser::new(line) {
        match event {
            Event::Text(text) | Event::Code(text) | Event::InlineHtml(text) | Event::Html(text) => {
                words.push_str(&text);
            }
            Event::SoftBreak | Event::HardBreak => words.push(' '),
            _ => {}
        }
    }
    let words = words.trim();
    // Quotes around a whole prompt, passed as a single argument.
    let inner = words
        .strip_prefix('"')
        .and_then(|words| words.strip_suffix('"'));
    let inner = inner.filter(|inner| !inner.contains('"'));
    inner.unwrap_or(words).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_and_what_agents_add_is_left_out() {
        let cases = [
            ("Say hello", "Say hello"),
            ("\n\n# Fix the **parser**\nmore", "Fix the parser"),
            (
                "- [the docs](https://x.org) of `parse_line`",
                "the docs of parse_line",
            ),
            ("> quoted *words*", "quoted words"),
            ("---\n```rust\nfn main() {}", "fn main() {}"),
            ("What is <div> for?", "What is <div> for?"),
            (
                "Delete *.rs and snake_case_names",
                "Delete *.rs and snake_case_names",
            ),
            (
                "<system-reminder>\n# Be brief\n</system-reminder>\n<user_rules>x</user_rules>\n\nGo on",
                "Go on",
            ),
            ("<task>\nRepair the build\n</task>", "Repair the build"),
            (
                "# Context from my IDE setup:\n\n## Open tabs:\n- a.rs\n\n## My request for Codex:\nRename it",
                "Rename it",
            ),
            (
                "<environment_context>\n  <cwd>/</cwd>\n</environment_context>",
                "<cwd>/</cwd>",
            ),
            ("[[ ## question ## ]]\nWho wrote it?", "Who wrote it?"),
            ("\"List the files\"", "List the files"),
            ("\"a\" or \"b\"", "\"a\" or \"b\""),
            (
                "Please solve this issue: Repair it\n\nYou can execute commands.",
                "Repair it",
            ),
            ("日本語で挨拶", "日本語で挨拶"),
            ("", ""),
        ];
        for (prompt, expected) in cases {
            assert_eq!(title(prompt), expected, "{prompt:?}");
        }
        assert_eq!(title(&"x".repeat(1 << 20)).len(), MAX_LENGTH);
    }
}
