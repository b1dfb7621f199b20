//! A self-contained HTML page without scripts or network access. All text from outside is escaped.

use std::fmt::Write;

use super::atif::time;
use super::blocks::{BlockBuilder, BodyKind, ExportBlock, header_fields, turn_heading};
use super::conversation::ExportedConversation;
use super::redact::Redactor;
use super::{ExportError, ExportRun};
use crate::draft::{Origin, Source};

const STYLE: &str = include_str!("page.css");

/// The start of a page, up to the body.
pub(super) fn begin(title: &str, redactor: &mut Redactor) -> String {
    let title = escaped(&redactor.text(title));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\">\n<meta name=\"generator\" content=\"humanllm {}\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// The end of a page.
pub(super) const END: &str = "</body>\n</html>\n";

/// Writes a conversation.
pub(super) fn conversation(
    conversation: &mut ExportedConversation,
    run: &mut ExportRun<'_>,
    mut write: impl FnMut(&mut ExportRun<'_>, String) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let redactor = &mut *run.redactor;
    let title = escaped(&redactor.text(&conversation.row.title));
    let mut out = format!("<article>\n<header>\n<h1>{title}</h1>\n<dl>\n");
    for (name, value) in header_fields(conversation) {
        let value = escaped(&redactor.text(&value));
        let _ = writeln!(out, "<dt>{name}</dt><dd>{value}</dd>");
    }
    out.push_str("</dl>\n</header>\n");
    write(run, out)?;
    let mut blocks = BlockBuilder::default();
    while let Some(turn) = run.next(conversation)? {
        let id = format!("c{}-t{}", conversation.row.id, turn.number);
        let heading = escaped(&run.redactor.text(&turn_heading(&turn)));
        let mut out = format!("<section id=\"{id}\">\n<h2>{heading}</h2>\n");
        for block in blocks.of(&turn) {
            push(&mut out, &block, run.redactor);
        }
        out.push_str("</section>\n");
        write(run, out)?;
    }
    write(run, "</article>\n".into())
}

fn push(out: &mut String, block: &ExportBlock, redactor: &mut Redactor) {
    let body = redactor.text(&block.body);
    let who = block.author.word();
    let title = escaped(&redactor.text(&block.title));
    let mut facts = format!("<time datetime=\"{0}\">{0}</time>", time(block.at));
    for fact in &block.facts {
        let _ = write!(facts, " · {}", escaped(&redactor.text(fact)));
    }
    let head = format!("<b>{title}</b> <small>{facts}</small>");
    let is_folded = block.is_folded && !body.trim().is_empty();
    if is_folded {
        let _ = writeln!(out, "<details class=\"{who}\"><summary>{head}</summary>");
    } else {
        let _ = writeln!(out, "<div class=\"{who}\"><p>{head}</p>");
    }
    if !body.trim().is_empty() {
        // The spans of the origin count characters, which redaction has changed.
        let is_whole = body == block.body && !block.origin.is_empty();
        match block.body_kind {
            BodyKind::Text if is_whole => words_by_origin(out, &body, &block.origin),
            BodyKind::Text => words(out, &body),
            BodyKind::Code => code(out, &body),
            BodyKind::Diff => diff(out, &body),
        }
    }
    out.push_str(if is_folded {
        "</details>\n"
    } else {
        "</div>\n"
    });
}

/// Writes text of several sources: all that was not typed is underlined, with a legend below.
fn words_by_origin(out: &mut String, text: &str, origin: &Origin) {
    out.push_str("<div class=\"words\">");
    let mut chars = text.chars();
    for span in origin.spans() {
        let part: String = chars.by_ref().take(span.chars).collect();
        let part = escaped(&part);
        match source_name(&span.source) {
            None => out.push_str(&part),
            Some(name) => {
                let name = escaped(&name);
                let _ = write!(out, "<ins title=\"{name}\">{part}</ins>");
            }
        }
    }
    out.push_str(&escaped(chars.as_str()));
    out.push_str("</div>\n<p class=\"legend\">");
    let mut names: Vec<String> = Vec::new();
    for name in origin
        .spans()
        .iter()
        .filter_map(|span| source_name(&span.source))
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let names = escaped(&names.join(", "));
    let _ = writeln!(out, "Underlined: {names}; the rest was typed.</p>");
}

/// The name of a source; `None` for typed text.
fn source_name(source: &Source) -> Option<String> {
    Some(match source {
        Source::Typed => return None,
        Source::Pasted => "pasted".into(),
        Source::Snippet(name) => format!("the snippet {name}"),
        Source::Recalled => "an earlier reply".into(),
        Source::Template => "a template".into(),
        Source::Model { model, .. } => format!("drafted by {model}"),
        Source::Rule(name) => format!("the rule {name}"),
        Source::Script => "a script".into(),
    })
}

/// Writes prose, in which fenced blocks are code.
fn words(out: &mut String, text: &str) {
    let mut prose = String::new();
    let mut fence: Option<(&str, String)> = None;
    for line in text.lines() {
        let begin = line.trim_start();
        match &mut fence {
            None => match fence_of(begin) {
                Some(mark) => {
                    paragraph(out, &std::mem::take(&mut prose));
                    fence = Some((mark, String::new()));
                }
                None => {
                    prose.push_str(line);
                    prose.push('\n');
                }
            },
            Some((mark, inside)) if begin.trim_end() == *mark => {
                code_or_diff(out, inside);
                fence = None;
            }
            Some((_, inside)) => {
                inside.push_str(line);
                inside.push('\n');
            }
        }
    }
    if let Some((_, inside)) = fence {
        code_or_diff(out, &inside);
    }
    paragraph(out, &prose);
}

/// The run of backticks or tildes that opens a fenced code block.
fn fence_of(line: &str) -> Option<&str> {
    let mark = ['`', '~'].into_iter().find_map(|mark| {
        let length = line.len() - line.trim_start_matches(mark).len();
        (length >= 3).then(|| &line[..length])
    })?;
    // With more backticks later in the line it is inline code.
    (!line[mark.len()..].contains('`')).then_some(mark)
}

fn paragraph(out: &mut String, text: &str) {
    let text = text.trim_matches('\n');
    if !text.trim().is_empty() {
        let _ = writeln!(out, "<div class=\"words\">{}</div>", escaped(text));
    }
}

fn code_or_diff(out: &mut String, text: &str) {
    let is_change = |line: &str| line.starts_with("@@") || line.starts_with("*** ");
    if text.lines().any(is_change) {
        diff(out, text)
    } else {
        code(out, text)
    }
}

fn code(out: &mut String, text: &str) {
    let text = text.trim_end_matches('\n');
    let _ = writeln!(out, "<pre>{}</pre>", escaped(text));
}

/// Writes a patch with coloured lines; the `+` and `-` signs stay, for those who cannot see the colours.
fn diff(out: &mut String, text: &str) {
    out.push_str("<pre class=\"diff\">");
    for line in text.trim_end_matches('\n').lines() {
        let escaped = escaped(line);
        let _ = match line.as_bytes() {
            [b'+', ..] => writeln!(out, "<ins>{escaped}</ins>"),
            [b'-', ..] => writeln!(out, "<del>{escaped}</del>"),
            [b'@', b'@', ..] | [b'*', b'*', b'*', b' ', ..] => writeln!(out, "<b>{escaped}</b>"),
            _ => writeln!(out, "{escaped}"),
        };
    }
    out.push_str("</pre>\n");
}

/// Escapes text for HTML, and makes control characters and direction overrides visible.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            '\r' => {}
            // The Unicode control pictures: browsers do not show the characters themselves.
            '\0'..='\x1f' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or(' ')),
            // C1 controls, and direction overrides that could disguise text.
            '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push('\u{fffd}');
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(
            escaped("<a href=\"x\" y='z'>&\x1b[31m\u{202e}\r\n"),
            "&lt;a href=&quot;x&quot; y=&#39;z&#39;&gt;&amp;\u{241b}[31m\u{fffd}\n"
        );
    }

    #[test]
    fn fences_hold_code_and_changes_are_told_by_signs_and_elements() {
        let mut out = String::new();
        words(
            &mut out,
            "See:\n```rust\nlet x = 1 < 2;\n```\nand ```not``` a fence\n~~~\nopen",
        );
        assert_eq!(
            out,
            "<div class=\"words\">See:</div>\n<pre>let x = 1 &lt; 2;</pre>\n\
             <div class=\"words\">and ```not``` a fence</div>\n<pre>open</pre>\n"
        );
        out.clear();
        words(&mut out, "```diff\n@@ -1 +1 @@\n-a\n+<b>\n c\n```");
        assert_eq!(
            out,
            "<pre class=\"diff\"><b>@@ -1 +1 @@</b>\n<del>-a</del>\n<ins>+&lt;b&gt;</ins>\n c\n</pre>\n"
        );
    }

    #[test]
    fn words_of_several_are_told_apart() {
        let mut origin = Origin::default();
        origin.push(4, Source::Typed);
        origin.push(
            3,
            Source::Model {
                draft: 1,
                model: "q<w>".into(),
            },
        );
        let mut out = String::new();
        words_by_origin(&mut out, "one <b>!", &origin);
        assert_eq!(
            out,
            "<div class=\"words\">one <ins title=\"drafted by q&lt;w&gt;\">&lt;b&gt;</ins>!</div>\n\
             <p class=\"legend\">Underlined: drafted by q&lt;w&gt;; the rest was typed.</p>\n"
        );
    }
}
