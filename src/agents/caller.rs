//! Identifies the client of a request, and the thread that it belongs to.

use super::purpose::purpose_of;
use super::{ALL, KnownAgent};
use crate::api::{Fields, Format, Purpose, Request};

/// Headers in which any agent may send a thread id.
const THREAD_HEADERS: &[&str] = &[
    "thread-id",
    "session-id",
    "session_id",
    "conversation_id",
    "x-session-id",
    "x-session-affinity",
];
/// Headers in which an agent sends the id of the parent thread.
const PARENT_HEADERS: &[&str] = &["x-parent-session-id", "parent-thread-id"];
/// Name of a client that sends no user agent.
const UNKNOWN_CLIENT: &str = "unknown client";
/// Most items at the beginning that are searched for an agent's opening words.
const MAX_OPENING_ITEMS: usize = 24;

/// What the headers of a request say about the client.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The first word of `User-Agent`, or of `originator`.
    user_agent_word: String,
    /// The known agent that it is.
    agent: Option<&'static KnownAgent>,
    thread: Option<String>,
    /// Id of the sub-agent within the thread.
    sub_thread: Option<String>,
    parent: Option<String>,
}

impl Caller {
    /// Reads the headers.
    pub fn of<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Self {
        let word = |name| header(name)?.split_whitespace().next();
        let find = |names: &[&str]| -> Option<String> {
            let mut given = names.iter().filter_map(|name| header(name));
            given.find(|id| !id.is_empty()).map(str::to_owned)
        };
        let own = |names: fn(&KnownAgent) -> &'static [&'static str]| {
            ALL.iter().find_map(|agent| find(names(agent)))
        };
        let words = ["user-agent", "originator"];
        Self {
            agent: words.into_iter().filter_map(word).find_map(agent_called),
            user_agent_word: words
                .into_iter()
                .find_map(word)
                .unwrap_or(UNKNOWN_CLIENT)
                .into(),
            thread: own(|agent| agent.thread_headers).or_else(|| find(THREAD_HEADERS)),
            sub_thread: own(|agent| agent.part_headers),
            parent: find(PARENT_HEADERS),
        }
    }

    /// The client's name of itself, for the log.
    pub fn user_agent_word(&self) -> &str {
        &self.user_agent_word
    }

    /// Sets the purpose and the thread of a request; returns the name of the agent that sent it,
    /// with its version if known.
    pub fn identify(&self, request: &mut Request) -> String {
        let fields = Fields::of_text(request.envelope.text());
        let own = ALL.iter().filter_map(|agent| agent.thread?(&fields));
        let own = own.into_iter().find(|thread| !thread.is_empty());
        let agent = self.agent.or_else(|| agent_of(request));
        request.purpose = purpose_of(request, &fields);
        request.thread = own
            .or_else(|| request.thread.take())
            .or_else(|| self.thread.clone());
        request.parent.clone_from(&self.parent);
        if let (Some(part), Some(thread)) = (&self.sub_thread, &mut request.thread) {
            request.parent = Some(thread.clone());
            *thread = format!("{part}@{thread}");
        }
        let name = self.name(agent);
        // Errands carry the id of the thread that they are about, but are not part of it.
        if request.purpose.is_outside_conversation() {
            let about = request.thread.take();
            let about = about.or_else(|| {
                // Such threads cannot be told apart.
                (request.purpose == Purpose::Probe).then(|| name.clone())
            });
            request.thread = about.map(|about| format!("{}: {about}", request.purpose.words()));
        }
        name
    }

    fn name(&self, agent: Option<&KnownAgent>) -> String {
        let Some(agent) = agent else {
            return self.user_agent_word.clone();
        };
        let version = self.agent.and(self.user_agent_word.split_once('/'));
        match version {
            Some((_, version)) => format!("{}/{version}", agent.name),
            None => agent.name.to_owned(),
        }
    }
}

/// The known agent with this user agent.
fn agent_called(word: &str) -> Option<&'static KnownAgent> {
    let is_so = |begin: &&str| {
        let found = word.get(..begin.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(begin))
    };
    let mut all = ALL.iter();
    all.find(|agent| agent.user_agents.iter().any(is_so))
        .copied()
}

/// The agent that a request is from, by its opening words. Items of the Responses API are not
/// parsed for this: there an agent with the user agent of an SDK is shown as that SDK.
fn agent_of(request: &Request) -> Option<&'static KnownAgent> {
    if !matches!(request.format, Format::Chat | Format::Messages) {
        return None;
    }
    let begin = request.items.iter().take(MAX_OPENING_ITEMS);
    let texts = begin.flat_map(|item| item.content());
    let texts = texts.filter_map(|part| Some(part.words()?.trim_start()));
    texts.into_iter().find_map(|text| {
        let begins = |agent: &&&KnownAgent| agent.openings.iter().any(|own| text.starts_with(own));
        ALL.iter().find(begins).copied()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Interner;

    fn introduced(format: Format, headers: &[(&str, &str)], body: &Value) -> (String, Request) {
        let mut request = format
            .parse(body.to_string().as_bytes(), &Interner::default())
            .unwrap();
        let header = |name: &str| {
            headers
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, v)| *v)
        };
        let name = Caller::of(header).identify(&mut request);
        (name, request)
    }

    #[test]
    fn the_person_sees_the_name_of_the_agent_and_not_of_its_sdk() {
        let chat = |text: &str| {
            json!({"model": "m", "messages": [{"role": "system", "content": "Be brief"},
                {"role": "user", "content": text}]})
        };
        let table = [
            ("codex_exec/0.169.0 (Linux; x86_64)", "hi", "Codex/0.169.0"),
            ("codex_cli_rs/0.169.0", "hi", "Codex/0.169.0"),
            (
                "claude-cli/2.1.197 (external, cli)",
                "hi",
                "Claude Code/2.1.197",
            ),
            ("opencode/1.18.33 ai-sdk/4.0.23", "hi", "opencode/1.18.33"),
            ("QwenCode/0.15.10 (linux; x64)", "hi", "qwen-code/0.15.10"),
            (
                "litellm/1.1",
                "I am not sharing any files that you can edit yet.",
                "aider",
            ),
            ("litellm/1.1", "hi", "litellm/1.1"),
            ("tool/1 (x)", "hi", "tool/1"),
            ("", "hi", "unknown client"),
        ];
        for (word, text, name) in table {
            let headers = [("user-agent", word)];
            let found = introduced(Format::Chat, &headers, &chat(text));
            assert_eq!(found.0, name, "{word}");
        }
        let headers = [("originator", "codex_vscode")];
        assert_eq!(introduced(Format::Chat, &headers, &chat("hi")).0, "Codex");
    }

    #[test]
    fn the_thread_is_found_where_agents_put_it() {
        let nested = json!({"thread_id": "n"}).to_string();
        let user = json!({"device_id": "d", "session_id": "s"}).to_string();
        let table = [
            (Format::Responses, json!({}), None),
            (
                Format::Responses,
                json!({"prompt_cache_key": "k"}),
                Some("k"),
            ),
            (
                Format::Responses,
                json!({"prompt_cache_key": "k", "client_metadata": {"thread_id": "t"}}),
                Some("t"),
            ),
            (
                Format::Responses,
                json!({"client_metadata": {"x-codex-turn-metadata": nested}}),
                Some("n"),
            ),
            (
                Format::Messages,
                json!({"metadata": {"user_id": user}}),
                Some("s"),
            ),
            (
                Format::Messages,
                json!({"metadata": {"user_id": "me"}}),
                None,
            ),
        ];
        for (format, extra, thread) in table {
            let mut body = json!({"model": "m", "max_tokens": 9, "input": "hi",
                "messages": [{"role": "user", "content": "hi"}]});
            body.as_object_mut()
                .unwrap()
                .extend(extra.as_object().unwrap().clone());
            let found = introduced(format, &[], &body).1.thread;
            assert_eq!(found.as_deref(), thread, "{extra}");
        }
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        for header in ["thread-id", "x-session-id", "x-claude-code-session-id"] {
            let found = introduced(Format::Chat, &[(header, "h")], &body).1;
            assert_eq!((found.thread.as_deref(), found.parent), (Some("h"), None));
        }
    }

    #[test]
    fn sub_agents_have_threads_of_their_own_and_say_whose_they_are() {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        let claude = [
            ("x-claude-code-session-id", "s"),
            ("x-claude-code-agent-id", "a"),
        ];
        let opencode = [("x-session-id", "c"), ("x-parent-session-id", "s")];
        for (headers, thread) in [(claude, "a@s"), (opencode, "c")] {
            let found = introduced(Format::Chat, &headers, &body).1;
            assert_eq!(found.thread.as_deref(), Some(thread));
            assert_eq!(found.parent.as_deref(), Some("s"));
        }
    }

    #[test]
    fn errands_are_not_in_the_thread_that_they_name() {
        let body = json!({"model": "m", "messages": [
            {"role": "system", "content": "You are a title generator. You output only that."},
            {"role": "user", "content": "Generate a title for this conversation:\n"},
            {"role": "user", "content": "Fix it"}]});
        let found = introduced(Format::Chat, &[("x-session-id", "s")], &body).1;
        assert_eq!(found.purpose, Purpose::Title);
        assert_eq!(found.thread.as_deref(), Some("thread title: s"));
        let probe = json!({"model": "m", "max_tokens": 1,
            "messages": [{"role": "user", "content": "quota"}]});
        let headers = [("user-agent", "claude-cli/2.1.197")];
        let found = introduced(Format::Messages, &headers, &probe).1;
        assert_eq!(found.purpose, Purpose::Probe);
        assert_eq!(found.thread.as_deref(), Some("probe: Claude Code/2.1.197"));
    }
}
