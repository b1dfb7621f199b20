//! Finds out what a request is for: by texts of known agents, else by its shape.

use memchr::memmem;

use super::{ALL, KnownAgent, PromptMark};
use crate::api::{ContentPart, Fields, Format, Item, Purpose, Request};

/// Items at the beginning that are searched for instructions, and at the end for a prompt.
const MAX_EDGE_ITEMS: usize = 3;
/// Bytes at the beginning of a text that are searched.
const MAX_HEAD_BYTES: usize = 600;
/// Prompts of requests that only probe whether the server answers.
const PROBES: [&str; 5] = ["quota", "ping", "test", "hi", "hello"];

/// What a request is for. Only its instructions and its last prompt are examined.
pub fn purpose(request: &Request) -> Purpose {
    purpose_of(request, &Fields::of_text(request.envelope.text()))
}

/// The purpose of a request whose fields besides items and tools have been read.
pub(super) fn purpose_of(request: &Request, fields: &Fields<'_>) -> Purpose {
    if request.format == Format::Compaction {
        return Purpose::Summary;
    }
    let said = ALL.iter().find_map(|agent| agent.stated_purpose?(fields));
    match said {
        // Agents that state a purpose do not state that they want a summary, so the text may still
        // tell.
        None | Some(Purpose::Turn) => {}
        Some(purpose) => return purpose,
    }
    let known = errand(request).map(|(_, purpose)| purpose);
    let known = known.filter(|purpose| match purpose {
        Purpose::Title | Purpose::CommitMessage => request.tools.is_empty(),
        _ => true,
    });
    known
        .or_else(|| by_shape(request))
        .filter(|purpose| said.is_none() || *purpose == Purpose::Summary)
        .unwrap_or_default()
}

/// The known agent and its errand whose text the request has.
pub(super) fn errand(request: &Request) -> Option<(&'static KnownAgent, Purpose)> {
    let is_so = |mark: &PromptMark| match mark {
        PromptMark::Instructions(words) => {
            let mut texts = instructions(request).filter_map(ContentPart::words);
            texts.any(|text| text.trim_start().starts_with(words))
        }
        PromptMark::Prompt(words) => {
            let mut texts = last_prompts(request).filter_map(ContentPart::words);
            texts.any(|text| memmem::find(text.as_bytes(), words.as_bytes()).is_some())
        }
    };
    let errands = ALL.iter().flat_map(|agent| {
        let own = agent.errands.iter();
        own.map(|(purpose, mark)| (*agent, *purpose, mark))
    });
    let mut errands = errands.filter(|(_, _, mark)| is_so(mark));
    errands.next().map(|(agent, purpose, _)| (agent, purpose))
}

/// The purpose of a request of an unknown agent, by its shape.
fn by_shape(request: &Request) -> Option<Purpose> {
    let mut asked = last_prompts(request).filter_map(ContentPart::words);
    let prompt = head(asked.next_back()?);
    // The text may mean something else, so this decides only what the person is offered.
    let has = |word: &str| prompt.contains(word);
    if has("summar") && (has("conversation") || has("context")) && (has("so far") || has("above")) {
        return Some(Purpose::Summary);
    }
    if !request.tools.is_empty() {
        return None;
    }
    let is_alone = request.items.len() == 1 && request.limits.max_tokens() == Some(1);
    if is_alone && PROBES.contains(&prompt.trim_end()) {
        return Some(Purpose::Probe);
    }
    let told = head(
        instructions(request)
            .filter_map(ContentPart::words)
            .last()?,
    );
    let has_diff = || {
        let mut texts = last_prompts(request).filter_map(ContentPart::words);
        texts.any(|text| text.contains("diff --git ") || text.contains("\n+++ "))
    };
    if asks_for_title(&told) {
        Some(Purpose::Title)
    } else if told.contains("commit message") && has_diff() {
        Some(Purpose::CommitMessage)
    } else {
        None
    }
}

/// Whether instructions ask for the title of a conversation.
pub(super) fn asks_for_title(told: &str) -> bool {
    const VERBS: [&str; 6] = [
        "generate",
        "generates",
        "create",
        "write",
        "suggest",
        "invent",
    ];
    const LINKS: [&str; 2] = ["of", "for"];
    const FILLERS: [&str; 7] = ["the", "this", "that", "a", "our", "following", "current"];
    const THINGS: [&str; 4] = ["conversation", "session", "chat", "thread"];
    let words: Vec<&str> = told
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    // "the title of this chat", but not of something that is mentioned in a chat.
    let is_of_one = |behind: &[&str]| {
        let mut behind = behind.iter().take(4);
        behind.next().is_some_and(|word| LINKS.contains(word))
            && behind
                .find(|word| !FILLERS.contains(word))
                .is_some_and(|word| THINGS.contains(word))
    };
    let verb = words.iter().take(12).position(|word| VERBS.contains(word));
    verb.is_some_and(|verb| {
        let mut wish = words[verb + 1..].iter().take(10).enumerate();
        wish.any(|(at, word)| *word == "title" && is_of_one(&words[verb + at + 2..]))
    })
}

/// Whether a known agent states this purpose, rather than only the shape of the request.
pub(super) fn is_stated(request: &Request, purpose: Purpose) -> bool {
    let fields = Fields::of_text(request.envelope.text());
    let mut says = ALL
        .iter()
        .filter_map(|agent| agent.stated_purpose?(&fields));
    says.next() == Some(purpose) || errand(request).is_some_and(|(_, known)| known == purpose)
}

/// The content parts of the instructions at the beginning.
fn instructions(request: &Request) -> impl Iterator<Item = &ContentPart> {
    let begin = request.items.iter().take(MAX_EDGE_ITEMS);
    let told = begin.filter(|item| matches!(item.role(), Some("system" | "developer")));
    told.flat_map(|item| item.content())
}

/// The content parts of the user's messages at the end.
pub(super) fn last_prompts(request: &Request) -> impl DoubleEndedIterator<Item = &ContentPart> {
    let is_user = |item: &Item| item.role() == Some("user");
    let end = request.items.iter().rev().take(MAX_EDGE_ITEMS);
    let count = end.take_while(|item| is_user(item)).count();
    let from = request.items.len() - count;
    request.items[from..].iter().flat_map(|item| item.content())
}

/// The beginning of a text in lower case.
fn head(text: &str) -> String {
    let text = text.trim_start();
    text[..text.floor_char_boundary(MAX_HEAD_BYTES)].to_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Interner;

    fn of(format: Format, body: &Value) -> Purpose {
        let request = format.parse(body.to_string().as_bytes(), &Interner::default());
        purpose(&request.unwrap())
    }

    /// A request of Messages in the shape of Claude Code.
    fn claude(told: &str, extra: Value) -> Value {
        let mut body = json!({"model": "m", "max_tokens": 64_000,
            "system": [
                {"type": "text", "text": "x-anthropic-billing-header: cc_version=1; cc_entrypoint=cli;"},
                {"type": "text", "text": "You are Claude Code, a command line program."},
                {"type": "text", "text": told}],
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": "<session>\nFix the parser\n</session>\n\nIn their language."}]}],
            "tools": []});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        body
    }

    #[test]
    fn the_errands_of_known_agents_are_told_by_what_they_say() {
        let tools = json!({"tools": [{"name": "Bash", "input_schema": {"type": "object"}}]});
        let title = "Generate a concise, sentence-case title (3-7 words) for it.";
        let table = [
            (claude(title, json!({})), Purpose::Title),
            (
                claude(
                    "You are naming a coding session so that it can be found.",
                    json!({}),
                ),
                Purpose::Title,
            ),
            (claude(title, tools.clone()), Purpose::Turn),
            (
                claude("\nYou help with software.", tools.clone()),
                Purpose::Turn,
            ),
            (
                claude(
                    "You are a security monitor for autonomous AI coding agents. Judge.",
                    json!({"max_tokens": 64, "stop_sequences": ["</block>"]}),
                ),
                Purpose::PermissionCheck,
            ),
        ];
        for (body, purpose) in table {
            assert_eq!(of(Format::Messages, &body), purpose, "{body}");
        }
        // The wish for a summary is a block of its own, behind a result or a prompt.
        let mut compact = claude("\nYou help with software.", tools);
        compact["messages"] = json!([
            {"role": "user", "content": "Fix the parser"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": "a.rs"},
                {"type": "text", "text": "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\n\
                    Write <analysis>, then <summary>."}]}]);
        assert_eq!(of(Format::Messages, &compact), Purpose::Summary);
    }

    #[test]
    fn the_errands_of_others_are_told_by_shape() {
        let chat = |told: &str, prompt: &str, extra: Value| {
            let mut body = json!({"model": "m", "messages": [
                {"role": "system", "content": told}, {"role": "user", "content": prompt}]});
            body.as_object_mut()
                .unwrap()
                .extend(extra.as_object().unwrap().clone());
            body
        };
        let none = json!({});
        let tools = json!({"tools": [{"type": "function", "function": {"name": "f"}}]});
        let diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
        let table = [
            (
                chat(
                    "Generate a short title for this conversation.",
                    "hi",
                    none.clone(),
                ),
                Purpose::Title,
            ),
            (
                chat("Write a title of this chat session", "hi", tools.clone()),
                Purpose::Turn,
            ),
            (
                chat(
                    "You answer in a chat about title insurance.",
                    "hi",
                    none.clone(),
                ),
                Purpose::Turn,
            ),
            (
                chat(
                    "You create a title and an abstract for each conference session proposal.",
                    "hi",
                    none.clone(),
                ),
                Purpose::Turn,
            ),
            (
                chat(
                    "Generate a video title for the topic that the user gives you in this chat.",
                    "hi",
                    none.clone(),
                ),
                Purpose::Turn,
            ),
            (
                chat(
                    "Be brief",
                    "Generate a title for a conversation of robots",
                    none.clone(),
                ),
                Purpose::Turn,
            ),
            (
                chat("You write a commit message for a diff.", diff, none.clone()),
                Purpose::CommitMessage,
            ),
            (
                chat("You write a commit message for a diff.", "hi", none.clone()),
                Purpose::Turn,
            ),
            (
                chat(
                    "Be brief",
                    "Summarize our conversation so far",
                    tools.clone(),
                ),
                Purpose::Summary,
            ),
            (
                chat("Be brief", "Summarize this article", none),
                Purpose::Turn,
            ),
        ];
        for (body, purpose) in table {
            assert_eq!(of(Format::Chat, &body), purpose, "{body}");
        }
        let single = |prompt: &str, most: u64| json!({"model": "m", "max_tokens": most, "messages": [{"role": "user", "content": prompt}]});
        assert_eq!(of(Format::Messages, &single("quota", 1)), Purpose::Probe);
        for body in [
            single("quota", 100),
            single("Is it A or B?", 1),
            single("2+2=", 1),
        ] {
            assert_eq!(of(Format::Messages, &body), Purpose::Turn, "{body}");
        }
    }
}
