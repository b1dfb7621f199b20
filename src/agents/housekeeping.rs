//! Errands of agents that the program answers by itself.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::purpose::{asks_for_title, is_stated, last_prompts};
use super::{ALL, drafts};
use crate::api::{ContentPart, OutputFormat, Purpose, Request, Schema, Validator};

/// An errand, and the answer that the program gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Housekeeping {
    /// What it is for.
    pub purpose: Purpose,
    /// The answer, valid against the format that the request asks for.
    pub answer: String,
}

/// Which errands the program answers by itself. Never summaries, on which the rest of the
/// conversation depends, and never permission checks, which decide about safety.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoAnswered {
    /// Titles of conversations, made from the first prompt.
    pub titles: bool,
    /// Probes whether the server answers.
    pub probes: bool,
    /// Commit messages, made from the names of the files.
    pub commit_messages: bool,
}

impl AutoAnswered {
    /// None of them.
    pub const NONE: Self = Self {
        titles: false,
        probes: false,
        commit_messages: false,
    };
}

impl Default for AutoAnswered {
    fn default() -> Self {
        Self {
            titles: true,
            probes: true,
            commit_messages: false,
        }
    }
}

/// In the configuration: `true` for the default, `false` for none, or a list of names.
impl<'de> Deserialize<'de> for AutoAnswered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Switches;
        impl<'de> Visitor<'de> for Switches {
            type Value = AutoAnswered;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or a list such as [\"titles\", \"probes\"]")
            }

            fn visit_bool<E: Error>(self, all: bool) -> Result<AutoAnswered, E> {
                Ok(if all {
                    AutoAnswered::default()
                } else {
                    AutoAnswered::NONE
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<AutoAnswered, A::Error> {
                let mut answered = AutoAnswered::NONE;
                while let Some(name) = names.next_element::<String>()? {
                    match name.as_str() {
                        "titles" => answered.titles = true,
                        "probes" => answered.probes = true,
                        "commit_messages" => answered.commit_messages = true,
                        _ => {
                            return Err(Error::custom(format!(
                                "\"{name}\" is not answered by the program: what can be is \
                                 \"titles\", \"probes\", \"commit_messages\""
                            )));
                        }
                    }
                }
                Ok(answered)
            }
        }
        deserializer.deserialize_any(Switches)
    }
}

impl Housekeeping {
    /// Answers a request if it is one of these errands; `None` if the person must see it, as every
    /// request whose answer is not certain.
    pub fn of(request: &Request, answered: &AutoAnswered) -> Option<Self> {
        let answer = match request.purpose {
            Purpose::Title if answered.titles && is_certain(request) => {
                title_answer(&title_source(request)?, &request.output_format)
            }
            Purpose::Probe if answered.probes => Some("OK".to_owned()),
            Purpose::CommitMessage if answered.commit_messages => {
                drafts(request).into_iter().next()
            }
            _ => None,
        };
        Some(Self {
            purpose: request.purpose,
            answer: answer?,
        })
    }
}

/// Whether the request certainly asks for a title: a known agent asks for it, or the output format
/// allows nothing else.
fn is_certain(request: &Request) -> bool {
    let takes_title_alone = || match &request.output_format {
        OutputFormat::JsonSchema { schema, .. } => {
            let properties = Schema::new(schema).read().properties();
            let mut names = properties.into_iter().map(|property| property.name);
            names.next().is_some_and(|name| name == "title") && names.next().is_none()
        }
        _ => false,
    };
    is_stated(request, Purpose::Title) || takes_title_alone()
}

/// The text to make a title from: the prompt, without the instruction to make a title.
fn title_source(request: &Request) -> Option<String> {
    let asked: Vec<&str> = last_prompts(request)
        .filter_map(ContentPart::words)
        .collect();
    if asked.is_empty() {
        return None;
    }
    let asked = asked.join("\n");
    let before = ALL.iter().filter_map(|agent| agent.title_prompt_prefix);
    let behind = before
        .into_iter()
        .find_map(|words| Some(asked.split_once(words)?.1));
    if let Some(behind) = behind {
        return Some(behind.to_owned());
    }
    if let Some(quoted) = quoted(&asked) {
        return Some(quoted.to_owned());
    }
    let mut lines = asked.lines();
    let is_request = |line: &str| asks_for_title(&line.to_lowercase());
    let rest = lines
        .by_ref()
        .skip_while(|line| line.trim().is_empty() || is_request(line));
    Some(rest.collect::<Vec<_>>().join("\n"))
}

/// The content of the first block that an errand quotes, such as `<session>`.
pub(super) fn quoted(asked: &str) -> Option<&str> {
    ["session", "conversation", "chat_history"]
        .iter()
        .find_map(|name| {
            let (_, inner) = asked.split_once(&format!("<{name}>"))?;
            let (inner, _) = inner.split_once(&format!("</{name}>"))?;
            Some(inner)
        })
}

fn title_answer(prompt: &str, format: &OutputFormat) -> Option<String> {
    let OutputFormat::JsonSchema { schema, .. } = format else {
        return match format {
            OutputFormat::Text => Some(title(prompt, DEFAULT_TITLE_LENGTH)),
            _ => Some(json!({"title": title(prompt, DEFAULT_TITLE_LENGTH)}).to_string()),
        };
    };
    let mut answer = Map::new();
    for property in Schema::new(schema).read().properties() {
        let title_schema = property.schema.read();
        let most = title_schema.keyword("maxLength").and_then(Value::as_u64);
        let most = most.map_or(DEFAULT_TITLE_LENGTH, |most| most as usize);
        answer.insert(property.name, title(prompt, most).into());
    }
    let answer = Value::Object(answer);
    // The schema comes from the client, and may be invalid or too large.
    let validator = Validator::new(schema).ok()?;
    let is_valid = validator.errors(&answer).ok()?.next().is_none();
    is_valid.then(|| answer.to_string())
}

/// Characters of a title if the schema sets no limit.
const DEFAULT_TITLE_LENGTH: usize = 36;

/// The first line of the prompt with words in it, truncated between words if possible.
fn title(prompt: &str, most: usize) -> String {
    let line = prompt.lines().map(str::trim).find(|line| !line.is_empty());
    let words = line.unwrap_or("Untitled").split_whitespace();
    let line = words.collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches(['.', '。', '!', '！', '…', ':', ';', ',']);
    if line.chars().count() <= most {
        return line.to_owned();
    }
    let cut: String = line.chars().take(most.saturating_sub(1)).collect();
    let cut = match cut.rsplit_once(' ') {
        Some((words, _)) if words.chars().count() * 2 > most => words,
        _ => &cut,
    };
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::super::Caller;
    use super::*;
    use crate::api::{Format, Interner};

    fn answered(request: &Request) -> Option<Housekeeping> {
        Housekeeping::of(request, &AutoAnswered::default())
    }

    fn parsed(format: Format, body: &Value) -> Request {
        let request = format.parse(body.to_string().as_bytes(), &Interner::default());
        let mut request = request.unwrap();
        Caller::default().identify(&mut request);
        request
    }

    fn request(source: &str, prompt: &str, format: Value) -> Request {
        let metadata = json!({"thread_id": "t", "thread_source": source}).to_string();
        let body = json!({
            "model": "human", "input": [{"type": "message", "role": "user", "content": prompt}],
            "text": {"format": format},
            "client_metadata": {"x-codex-turn-metadata": metadata},
        });
        parsed(Format::Responses, &body)
    }

    fn schema(most: u64) -> Value {
        json!({"type": "json_schema", "name": "n", "strict": true, "schema": {
            "type": "object", "required": ["title"], "additionalProperties": false,
            "properties": {"title": {"type": "string", "minLength": 1, "maxLength": most}}}})
    }

    #[test]
    fn a_title_is_made_from_the_prompt_and_fits_the_schema() {
        let prompt =
            "Make a title.\n\nUser prompt:\n\nPythonでhello worldを実装してください。\nnow";
        let found = answered(&request("thread_title", prompt, schema(36))).unwrap();
        assert_eq!(
            found.answer,
            r#"{"title":"Pythonでhello worldを実装してください"}"#
        );
        let found = answered(&request("thread_title", prompt, schema(10))).unwrap();
        assert_eq!(found.answer, r#"{"title":"Pythonでhe…"}"#);
        let found = answered(&request("thread_title", "\n", schema(36))).unwrap();
        assert_eq!(found.answer, r#"{"title":"Untitled"}"#);
    }

    #[test]
    fn what_it_cannot_answer_goes_to_the_person() {
        let format = json!({"type": "json_schema", "name": "n", "schema": {
            "type": "object", "properties": {"score": {"type": "integer"}}}});
        assert_eq!(answered(&request("thread_title", "hi", format)), None);
        assert_eq!(answered(&request("user", "hi", schema(36))), None);
        for broken in [
            json!({"type": "no type", "properties": {"title": {}}}),
            json!({"properties": {"title": {"pattern": "("}}}),
            json!({"properties": {"title": {"$ref": "#/nowhere"}}}),
            json!({"properties": {"title": {"$ref": "http://127.0.0.1:1/schema"}}}),
            json!({"properties": {"title": {"maxLength": 0}}}),
            json!({"properties": []}),
            json!(7),
        ] {
            let format = json!({"type": "json_schema", "name": "n", "schema": broken});
            assert_eq!(
                answered(&request("thread_title", "hi", format)),
                None,
                "{broken}"
            );
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_answered_once() {
        let endless = json!({"$ref": "#", "properties": {"title": {"type": "string"}}});
        let format = json!({"type": "json_schema", "name": "n", "schema": endless});
        let found = answered(&request("thread_title", "hi", format)).unwrap();
        assert_eq!(found.answer, r#"{"title":"hi"}"#);
    }

    #[test]
    fn a_schema_that_asks_for_too_much_goes_to_the_person() {
        // Each step refers twice to the next one.
        let mut steps = Map::new();
        for step in 0..60 {
            let next = json!({"$ref": format!("#/$defs/{}", step + 1)});
            steps.insert(step.to_string(), json!({"allOf": [next, next]}));
        }
        steps.insert("60".into(), json!({}));
        let doubling = json!({"$ref": "#/$defs/0", "$defs": steps,
            "properties": {"title": {"type": "string"}}});
        let format = json!({"type": "json_schema", "name": "n", "schema": doubling});
        let found = answered(&request("thread_title", "hi", format));
        assert_eq!(found, None);
    }

    #[test]
    fn long_titles_end_at_a_word() {
        assert_eq!(
            title("Explain how the borrow checker works, please", 24),
            "Explain how the borrow…"
        );
        assert_eq!(title("  Fix it.  ", 24), "Fix it");
    }

    #[test]
    fn titles_are_made_in_the_form_in_which_they_are_asked_for() {
        let claude = json!({"model": "m", "max_tokens": 9, "stream": true, "tools": [],
            "system": [{"type": "text", "text": "You are naming a coding session for a list."}],
            "messages": [{"role": "user", "content": [{"type": "text",
                "text": "<session>\nFix the parser\n</session>\n\nWrite it in their language."}]}],
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object",
                "properties": {"title": {"type": "string"}}, "required": ["title"],
                "additionalProperties": false}}}});
        let found = answered(&parsed(Format::Messages, &claude)).unwrap();
        assert_eq!(found.answer, r#"{"title":"Fix the parser"}"#);

        let told = "You are a title generator. You output ONLY a thread title.";
        let asked = "Generate a title for this conversation:\n";
        let opencode = json!({"model": "m", "messages": [
            {"role": "system", "content": told},
            {"role": "user", "content": asked},
            {"role": "user", "content": "Fix the parser"}]});
        let found = answered(&parsed(Format::Chat, &opencode)).unwrap();
        assert_eq!(found.answer, "Fix the parser");
        let opencode = json!({"model": "m", "max_tokens": 9, "system": told, "messages": [
            {"role": "user", "content": [{"type": "text", "text": asked},
                {"type": "text", "text": "Fix the parser"}]}]});
        let found = answered(&parsed(Format::Messages, &opencode)).unwrap();
        assert_eq!(found.answer, "Fix the parser");
        // Of one that nobody knows, a form with nothing but a title must say so too.
        let mut other = json!({"model": "m", "messages": [
            {"role": "system", "content": "Create a title for the chat below."},
            {"role": "user", "content": "<chat_history>\nFix the parser\n</chat_history>"}]});
        let request = parsed(Format::Chat, &other);
        assert_eq!(request.purpose, Purpose::Title);
        assert_eq!(answered(&request), None);
        let form = |properties: Value| {
            json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {
                "type": "object", "properties": properties}}})
        };
        other["response_format"] = form(json!({"title": {"type": "string"}}));
        let found = answered(&parsed(Format::Chat, &other)).unwrap();
        assert_eq!(found.answer, r#"{"title":"Fix the parser"}"#);
        let text = json!({"type": "string"});
        other["response_format"] = form(json!({"title": text, "abstract": text}));
        assert_eq!(answered(&parsed(Format::Chat, &other)), None);
    }

    #[test]
    fn each_errand_has_a_switch_and_safety_is_never_decided_here() {
        let probe = json!({"model": "m", "max_tokens": 1,
            "messages": [{"role": "user", "content": "quota"}]});
        let probe = parsed(Format::Messages, &probe);
        assert_eq!(answered(&probe).unwrap().answer, "OK");
        assert_eq!(Housekeeping::of(&probe, &AutoAnswered::NONE), None);
        let title = request("thread_title", "Fix it", schema(36));
        assert_eq!(Housekeeping::of(&title, &AutoAnswered::NONE), None);

        let commit = json!({"model": "m", "messages": [
            {"role": "system", "content": "You are an expert software engineer that generates \
                concise, one-line Git commit messages based on the provided diffs."},
            {"role": "user", "content": "# Diffs:\ndiff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n"}]});
        let commit = parsed(Format::Chat, &commit);
        assert_eq!(answered(&commit), None);
        let all = AutoAnswered {
            commit_messages: true,
            ..AutoAnswered::default()
        };
        assert_eq!(
            Housekeeping::of(&commit, &all).unwrap().answer,
            "chore: update x.py"
        );

        let check = json!({"model": "m", "max_tokens": 64, "stop_sequences": ["</block>"],
            "system": "You are a security monitor for autonomous AI coding agents.",
            "messages": [{"role": "user", "content": "rm -rf /"}]});
        let check = parsed(Format::Messages, &check);
        assert_eq!(Housekeeping::of(&check, &all), None);
    }
}
