//! Drafts for answers to errands.

use super::housekeeping::quoted;
use super::purpose::{errand, last_prompts};
use super::{ALL, PromptMark, Verdict};
use crate::api::{Body, ContentPart, Format, Item, ItemBody, Purpose, Request, commands_of};

/// Most bytes of the subject line of a commit message.
const MAX_SUBJECT_BYTES: usize = 72;

/// Tags that agents ask for around a summary.
const SUMMARY_TAGS: [&str; 2] = ["summary", "state_snapshot"];

/// Drafts of the answer to a request, to choose from; none if the person has to write it.
pub fn drafts(request: &Request) -> Vec<String> {
    match request.purpose {
        Purpose::Summary => vec![tagged(summary(request), request)],
        Purpose::CommitMessage => vec![commit_message(request)],
        Purpose::PermissionCheck => {
            let verdicts = verdicts(request).iter();
            verdicts.map(|verdict| verdict.answer.to_owned()).collect()
        }
        Purpose::Turn | Purpose::Title | Purpose::Probe => Vec::new(),
    }
}

/// The answers to choose from for a permission check; none for any other request.
pub fn verdicts(request: &Request) -> &'static [Verdict] {
    if request.purpose != Purpose::PermissionCheck {
        return &[];
    }
    errand(request).map_or(&[], |(agent, _)| agent.verdicts)
}

/// Puts a summary into the tags that the request asks for.
fn tagged(summary: String, request: &Request) -> String {
    let told = request
        .items
        .first()
        .into_iter()
        .flat_map(|item| item.content());
    let asked = told
        .chain(last_prompts(request))
        .filter_map(ContentPart::words);
    let asked: Vec<&str> = asked.collect();
    let mut wanted = SUMMARY_TAGS.into_iter().filter(|name| {
        let tag = format!("<{name}>");
        asked.iter().any(|text| text.contains(&tag))
    });
    match wanted.next() {
        Some(name) => format!("<{name}>\n{summary}\n</{name}>"),
        None => summary,
    }
}

/// A commit message for a diff, made of the names of its files.
fn commit_message(request: &Request) -> String {
    let texts = last_prompts(request).filter_map(ContentPart::words);
    let lines = texts.flat_map(str::lines);
    let (mut files, mut added, mut removed) = (Vec::new(), 0, 0);
    for line in lines {
        if let Some(both) = line.strip_prefix("diff --git ") {
            let path = both.rsplit_once(" b/").map_or(both, |(_, path)| path);
            files.push(path.rsplit('/').next().unwrap_or(path));
        } else if line.starts_with("new file mode ") {
            added += 1;
        } else if line.starts_with("deleted file mode ") {
            removed += 1;
        }
    }
    let what = match files.len() {
        0 => return "chore: update".to_owned(),
        all if added == all => "feat: add",
        all if removed == all => "chore: remove",
        _ => "chore: update",
    };
    let mut message = what.to_owned();
    for (index, file) in files.iter().enumerate() {
        let between = if index == 0 { " " } else { ", " };
        let rest = files.len() - index;
        let more = format!("{between}{rest} files");
        let is_last = rest == 1;
        let needed = between.len() + file.len() + if is_last { 0 } else { ", 99 files".len() };
        if message.len() + needed > MAX_SUBJECT_BYTES {
            message.push_str(&more);
            break;
        }
        message.push_str(between);
        message.push_str(file);
    }
    message
}

/// A draft of the summary that a request asks for: the prompts of the user, the calls, and the last
/// message.
fn summary(request: &Request) -> String {
    const MAX: usize = 400;
    let cut = |text: &str| {
        let text = text.trim();
        match text.char_indices().nth(MAX) {
            Some((end, _)) => format!("{}…", text[..end].trim_end()),
            None => text.to_owned(),
        }
    };
    let mut lines = Vec::new();
    let mut prompts: Vec<&[ContentPart]> = request.prompts().map(|item| item.content()).collect();
    // The last part may be the instruction to summarize, with the conversation quoted in it.
    let wish = prompts.last().and_then(|last| last.split_last());
    let wish = wish.and_then(|(wish, rest)| Some((wish.words()?, rest)));
    let wish =
        wish.filter(|(wish, _)| request.format != Format::Compaction && asks_for_summary(wish));
    if let Some((_, rest)) = wish {
        prompts.pop();
        prompts.extend(Some(rest).filter(|rest| !rest.is_empty()));
    }
    let prompts: Vec<String> = prompts.into_iter().map(text).collect();
    if let Some(about) = wish.and_then(|(wish, _)| quoted(wish)) {
        lines.extend(["The conversation:".to_owned(), cut(about)]);
    }
    if !prompts.is_empty() {
        lines.push("The user asked:".to_owned());
        lines.extend(prompts.iter().map(|asked| format!("- {}", cut(asked))));
    }
    let earlier = request.items.iter().filter_map(|item| match item.body() {
        ItemBody::Compaction { summary } => summary.as_deref(),
        _ => None,
    });
    for summary in earlier {
        lines.extend(["Before that:".to_owned(), summary.to_owned()]);
    }
    let calls: Vec<String> = request.items.iter().filter_map(|item| call(item)).collect();
    if !calls.is_empty() {
        lines.push("Done so far:".to_owned());
        lines.extend(calls.iter().map(|call| format!("- {}", cut(call))));
    }
    let said = request.items.iter().rev();
    if let Some(last) = said
        .into_iter()
        .find(|item| item.role() == Some("assistant"))
    {
        lines.extend(["Last answer:".to_owned(), cut(&last.text())]);
    }
    lines.join("\n")
}

/// Whether a text is an instruction to summarize.
fn asks_for_summary(text: &str) -> bool {
    let marks = ALL.iter().flat_map(|agent| agent.errands);
    let mut words = marks.filter_map(|(purpose, mark)| match mark {
        PromptMark::Prompt(words) if *purpose == Purpose::Summary => Some(*words),
        _ => None,
    });
    let is_tagged = || {
        SUMMARY_TAGS
            .iter()
            .any(|name| text.contains(&format!("<{name}>")))
    };
    words.any(|words| text.contains(words)) || is_tagged() || text.to_lowercase().contains("summar")
}

fn text(content: &[ContentPart]) -> String {
    let words: Vec<&str> = content.iter().filter_map(ContentPart::words).collect();
    words.join("\n")
}

/// A call in one line.
fn call(item: &Item) -> Option<String> {
    let call = item.said()?;
    let name = call.full_tool_name()?;
    Some(match call {
        Body::FunctionCall { arguments, .. } => match commands_of(arguments) {
            Some((commands, _)) => commands.join("; "),
            None => format!("{name} {arguments}"),
        },
        Body::CustomToolCall { input, .. } => format!("{name} {input}"),
        _ => call.words().into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::agents::Caller;
    use crate::api::Interner;

    fn drafted(format: Format, body: &Value) -> Vec<String> {
        let request = format.parse(body.to_string().as_bytes(), &Interner::default());
        let mut request = request.unwrap();
        Caller::default().identify(&mut request);
        drafts(&request)
    }

    #[test]
    fn a_summary_is_drafted_in_the_tags_that_are_asked_for() {
        let body = json!({"model": "m", "max_tokens": 9, "messages": [
            {"role": "user", "content": "Fix the parser"},
            {"role": "assistant", "content": "It is fixed."},
            {"role": "user", "content": [{"type": "text", "text": "Now the lexer"},
                {"type": "text", "text": "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\
                    First <analysis>, then <summary>."}]}]});
        assert_eq!(
            drafted(Format::Messages, &body),
            [
                "<summary>\nThe user asked:\n- Fix the parser\n- Now the lexer\nLast answer:\nIt is fixed.\n</summary>"
            ]
        );
    }

    #[test]
    fn a_conversation_that_is_quoted_is_what_the_summary_is_of() {
        let body = json!({"model": "m", "messages": [
            {"role": "system", "content": "You sum up."},
            {"role": "user", "content": "Here is the conversation so far:\n\n<conversation>\n\
                User: Fix the parser\n</conversation>\nSay what matters."}]});
        assert_eq!(
            drafted(Format::Chat, &body),
            ["The conversation:\nUser: Fix the parser"]
        );
        let body = json!({"model": "m", "messages": [
            {"role": "system", "content": "*Briefly* summarize this partial conversation about programming."},
            {"role": "user", "content": "# USER\nFix the parser"}]});
        assert_eq!(
            drafted(Format::Chat, &body),
            ["The user asked:\n- # USER\nFix the parser"]
        );
    }

    #[test]
    fn a_commit_message_names_what_changed_in_one_line() {
        let diff = |files: &[(&str, &str)]| {
            let files = files.iter().map(|(path, mode)| {
                format!(
                    "diff --git a/{path} b/{path}\n{mode}index 1..2\n--- a/{path}\n+++ b/{path}\n"
                )
            });
            let body = json!({"model": "m", "messages": [
                {"role": "system", "content": "Write a commit message, in one line."},
                {"role": "user", "content": files.collect::<String>()}]});
            drafted(Format::Chat, &body).remove(0)
        };
        assert_eq!(
            diff(&[("src/a.py", "new file mode 100644\n")]),
            "feat: add a.py"
        );
        assert_eq!(
            diff(&[("a.py", "deleted file mode 100644\n")]),
            "chore: remove a.py"
        );
        assert_eq!(
            diff(&[("a.py", ""), ("b.py", "")]),
            "chore: update a.py, b.py"
        );
        let many: Vec<String> = (10..40).map(|n| format!("module_{n}.py")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
        let message = diff(&many);
        assert!(
            message.len() <= MAX_SUBJECT_BYTES && message.ends_with(" files"),
            "{message}"
        );
    }

    #[test]
    fn a_permission_check_has_both_answers() {
        let body = json!({"model": "m", "max_tokens": 64, "stop_sequences": ["</block>"],
            "system": [{"type": "text",
                "text": "You are a security monitor for autonomous AI coding agents."}],
            "messages": [{"role": "user", "content": "rm -rf /"}]});
        assert_eq!(
            drafted(Format::Messages, &body),
            ["<block>no</block>", "<block>yes</block>"]
        );
    }
}
