//! A Markdown document for people. Text from outside is put into block quotes and fenced blocks, with HTML
//! and images escaped, so that it cannot change the page.

use std::fmt::Write;

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::atif::time;
use super::blocks::{BlockBuilder, BodyKind, ExportBlock, header_fields, turn_heading};
use super::conversation::ExportedConversation;
use super::redact::Redactor;
use super::{ExportError, ExportRun};

/// The passes in which harmful markup is escaped before the text goes into a fenced block instead:
/// escaping one piece can make another active.
const MAX_PASSES: usize = 8;

/// Writes a conversation.
pub(super) fn conversation(
    conversation: &mut ExportedConversation,
    run: &mut ExportRun<'_>,
    mut write: impl FnMut(&mut ExportRun<'_>, String) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut out = format!("# {}\n\n", line(&conversation.row.title, run.redactor));
    for (name, value) in header_fields(conversation) {
        let _ = writeln!(out, "- {name}: {}", line(&value, run.redactor));
    }
    write(run, out)?;
    let mut blocks = BlockBuilder::default();
    while let Some(turn) = run.next(conversation)? {
        let mut out = format!("\n## {}\n", line(&turn_heading(&turn), run.redactor));
        for block in blocks.of(&turn) {
            push(&mut out, &block, run.redactor);
        }
        write(run, out)?;
    }
    Ok(())
}

fn push(out: &mut String, block: &ExportBlock, redactor: &mut Redactor) {
    let _ = write!(out, "\n### {}\n\n", line(&block.title, redactor));
    let facts = std::iter::once(time(block.at)).chain(block.facts.iter().cloned());
    let facts: Vec<String> = facts.map(|fact| line(&fact, redactor)).collect();
    let _ = writeln!(out, "{}", facts.join(" · "));
    let body = redactor.text(&block.body);
    if body.trim().is_empty() {
        return;
    }
    out.push('\n');
    match block.body_kind {
        BodyKind::Text => match quoted(&body) {
            Some(quoted) => out.push_str(&quoted),
            None => fenced(out, &body, ""),
        },
        BodyKind::Code => fenced(out, &body, ""),
        BodyKind::Diff => fenced(out, &body, "diff"),
    }
}

/// Text on one line, with all Markdown punctuation escaped.
fn line(text: &str, redactor: &mut Redactor) -> String {
    let text = redactor.text(text);
    let mut out = String::with_capacity(text.len());
    for c in crate::plain::line(&text).chars() {
        if c.is_ascii_punctuation() && !matches!(c, '.' | ',' | ':' | '-' | '/' | '\'' | '(' | ')')
        {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Writes text as a fenced block, with a fence longer than any in the text.
fn fenced(out: &mut String, text: &str, language: &str) {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = write!(
        out,
        "{fence}{language}\n{}\n{fence}\n",
        text.trim_end_matches('\n')
    );
}

/// Markdown text as a block quote; `None` if its HTML and images cannot be escaped in [`MAX_PASSES`].
fn quoted(text: &str) -> Option<String> {
    let mut text = text.replace('\r', "");
    for _ in 0..MAX_PASSES {
        let harmful = harmful_in(&text);
        if harmful.is_empty() {
            let mut out = String::with_capacity(text.len() + text.len() / 16);
            for line in text.trim_end().lines() {
                out.push_str(if line.is_empty() { ">" } else { "> " });
                out.push_str(line);
                out.push('\n');
            }
            return Some(out);
        }
        let mut escaped = String::with_capacity(text.len() + harmful.len());
        let mut from = 0;
        for at in harmful {
            escaped.push_str(&text[from..at]);
            escaped.push('\\');
            from = at;
        }
        escaped.push_str(&text[from..]);
        text = escaped;
    }
    None
}

/// The byte offsets, in order, at which an HTML tag or an image begins.
fn harmful_in(text: &str) -> Vec<usize> {
    let mut places = Vec::new();
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Html(_) | Event::InlineHtml(_) => {
                let html = &text[range.clone()];
                let tags = html.match_indices('<').map(|(at, _)| range.start + at);
                places.extend(tags);
            }
            Event::Start(Tag::Image { .. }) => places.push(range.start),
            _ => {}
        }
    }
    places.sort_unstable();
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_no_markup() {
        let text = "Look <b>here</b>\n\n<script>x()</script>\n\n```html\n<i>\n```\n\
            and ![x](http://example.org/a.png) `<u>`";
        let quoted = quoted(text).unwrap();
        assert_eq!(
            quoted,
            "> Look \\<b>here\\</b>\n>\n> \\<script>x()\\</script>\n>\n> ```html\n> <i>\n> ```\n> \
             and \\![x](http://example.org/a.png) `<u>`\n"
        );
        for event in Parser::new(&quoted) {
            assert!(
                !matches!(
                    event,
                    Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Image { .. })
                ),
                "{event:?}"
            );
        }
        let mut out = String::new();
        fenced(&mut out, "a\n```\nb", "diff");
        assert_eq!(out, "````diff\na\n```\nb\n````\n");
    }

    proptest::proptest! {
        #[test]
        fn no_text_becomes_html_or_a_picture(text in "([<>!\\[\\]()`~ a\n#*\\\\/-]|<b>|</p>|```|\n\n){0,40}") {
            if let Some(quoted) = quoted(&text) {
                let harmful = harmful_in(&quoted);
                proptest::prop_assert!(harmful.is_empty(), "{quoted:?}");
            }
        }
    }
}
