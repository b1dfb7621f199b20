//! Compares requests with recorded ones, exactly or by shape.

use std::collections::HashMap;

use serde_json::Value;

use super::normal::Normaliser;
use crate::agents::InventedTurns;
use crate::api::{Body, ContentPart, Format, Item, ItemBody, Purpose, Request, is_block};
use crate::hash::Hash;

/// How a request has to match a recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum MatchMode {
    /// Byte for byte, except for ids, times, ports and temporary folders.
    Strict,
    /// By its place in the thread and the similarity of its new items.
    #[default]
    Shape,
}

/// How far a request may differ from the recorded one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tolerance {
    /// The way of matching.
    pub mode: MatchMode,
    /// The minimum similarity of each new item, from 0 to 1, for [`MatchMode::Shape`].
    pub(crate) similarity: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            mode: MatchMode::Shape,
            similarity: 0.85,
        }
    }
}

/// How a request was matched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum MatchKind {
    /// Byte for byte.
    Strict,
    /// By shape, with the lowest similarity of the new items, from 0 to 1.
    Shape(f64),
}

/// The properties of a request that are compared.
#[derive(Debug, Clone)]
pub(crate) struct Fingerprint {
    /// The hash of the whole normalised request.
    strict_hash: Hash,
    format: Format,
    purpose: Purpose,
    has_tools: bool,
    items: Vec<ComparedItem>,
    /// The index of the first item after the last one of the model.
    first_new: usize,
}

/// The compared properties of an item.
#[derive(Debug, Clone, PartialEq)]
struct ComparedItem {
    /// The role of a message, or another kind such as `call NAME` or `output`.
    kind: String,
    /// The normalised text.
    text: String,
    /// Whether it is an item of the model.
    is_from_model: bool,
}

impl Fingerprint {
    /// The fingerprint of a request.
    pub(crate) fn of(request: &Request) -> Self {
        let items = compared_items(request);
        let last = items.iter().rposition(|part| part.is_from_model);
        Self {
            strict_hash: strict_hash_of(request),
            format: request.format,
            purpose: request.purpose,
            has_tools: !request.tools.is_empty(),
            first_new: last.map_or(0, |last| last + 1),
            items,
        }
    }

    /// How this request matches a recorded one; `None` if it does not.
    pub(crate) fn matches(&self, other: &Self, tolerance: Tolerance) -> Option<MatchKind> {
        if self.strict_hash == other.strict_hash {
            return Some(MatchKind::Strict);
        }
        let similarity = match tolerance.mode {
            MatchMode::Strict => None,
            MatchMode::Shape => self.similarity_of_newest(other),
        };
        similarity
            .filter(|similarity| *similarity >= tolerance.similarity)
            .map(MatchKind::Shape)
    }

    /// The lowest similarity of the new items; `None` if anything else differs.
    fn similarity_of_newest(&self, other: &Self) -> Option<f64> {
        let pairs = || self.items.iter().zip(&other.items);
        let is_in_place = self.context() == other.context()
            && self.items.len() == other.items.len()
            && self.first_new == other.first_new
            && pairs().all(|(one, other)| one.is_interchangeable(other));
        let newest = || pairs().skip(self.first_new);
        let least = || {
            newest()
                .map(|(one, other)| similarity(&one.text, &other.text))
                .fold(1.0, f64::min)
        };
        is_in_place.then(least)
    }

    fn context(&self) -> (Format, Purpose, bool) {
        (self.format, self.purpose, self.has_tools)
    }

    /// The overall similarity to another request, from 0 to 1, to find the recorded one to show for a miss.
    pub(crate) fn nearness(&self, other: &Self) -> f64 {
        let pairs = self.items.iter().zip(&other.items);
        let alike = pairs.map(|(one, other)| {
            let is_same_kind = one.kind == other.kind;
            f64::from(u8::from(is_same_kind)) * similarity(&one.text, &other.text).max(0.1)
        });
        let most = self.items.len().max(other.items.len()).max(1);
        let alike = alike.sum::<f64>() / most as f64;
        let context = f64::from(u8::from(self.context() == other.context()));
        0.9 * alike + 0.1 * context
    }

    /// All properties that are compared by shape, as text.
    pub(crate) fn to_text(&self) -> String {
        let tools = if self.has_tools {
            "with tools"
        } else {
            "no tools"
        };
        let mut text = format!("{:?}, {}, {tools}\n", self.format, self.purpose.words());
        for part in &self.items {
            text.push_str(&format!("[{}]\n{}\n", part.kind, part.text.trim_end()));
        }
        text
    }

    /// The first 80 characters of the first line of the new items.
    pub(crate) fn title(&self) -> String {
        let newest = self.items.get(self.first_new).or(self.items.last());
        let line = newest.and_then(|part| part.text.lines().find(|line| !line.trim().is_empty()));
        line.unwrap_or_default().trim().chars().take(80).collect()
    }
}

impl ComparedItem {
    /// Whether both have the same kind. Calls must be equal, because they were replayed from the recording.
    fn is_interchangeable(&self, other: &Self) -> bool {
        let is_call = self.kind.starts_with("call ");
        self.kind == other.kind && (!is_call || self.text == other.text)
    }
}

/// The hash of a normalised request with the items of the responses that it continues.
fn strict_hash_of(request: &Request) -> Hash {
    let mut normaliser = Normaliser::default();
    let earlier = request.items.iter().skip(request.preamble);
    let mut hash = Hash::of(b"");
    for item in earlier.take(request.earlier) {
        hash = hash.then(Hash::of(normaliser.text(item.raw()).as_bytes()));
    }
    hash.then(Hash::of(normaliser.text(&request.raw_body()).as_bytes()))
}

/// The compared items of a request: without those that the agent adds itself, and without reasoning, which
/// only some agents send back.
fn compared_items(request: &Request) -> Vec<ComparedItem> {
    let mut normaliser = Normaliser::default();
    let opening = InventedTurns::of(request);
    let items = request.items.iter().enumerate();
    let items = items.filter(|(index, _)| !opening.contains(&request.items, *index));
    items
        .filter_map(|(_, item)| compared_item(item, &mut normaliser))
        .collect()
}

fn compared_item(item: &Item, normaliser: &mut Normaliser) -> Option<ComparedItem> {
    let (kind, text) = match item.body() {
        ItemBody::Said {
            body: Body::Reasoning { .. },
            ..
        } => return None,
        ItemBody::Said {
            role,
            body: Body::Message { content, .. },
            ..
        } => (role.clone(), words(content)),
        ItemBody::Said { body, .. } => {
            let name = body.full_tool_name().unwrap_or_default();
            (format!("call {name}"), arguments(&body.words()))
        }
        ItemBody::ToolOutput { content, .. } => ("output".to_owned(), words(content)),
        ItemBody::Compaction { summary } => {
            ("summary".to_owned(), summary.clone().unwrap_or_default())
        }
        ItemBody::Other {
            kind, fields: says, ..
        } => (kind.clone(), says.clone()),
    };
    Some(ComparedItem {
        kind,
        text: normaliser.text(&text),
        is_from_model: item.is_from_model(),
    })
}

/// The text of content parts, without blocks that an agent adds to user messages.
fn words(content: &[ContentPart]) -> String {
    let parts = content.iter().map(|part| match part {
        ContentPart::Text(text) if is_block(text) => "",
        ContentPart::Text(text) | ContentPart::Refusal(text) | ContentPart::Other(text) => text,
        ContentPart::Image(_) => "(a picture)",
        ContentPart::File { name, .. } => name,
    });
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

/// Arguments as JSON with sorted keys, if they are JSON.
fn arguments(text: &str) -> String {
    let value: Option<Value> = serde_json::from_str(text).ok();
    value.map_or_else(|| text.to_owned(), |value| sorted(value).to_string())
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            let fields = fields.into_iter();
            fields.map(|(name, value)| (name, sorted(value))).collect()
        }
        Value::Array(members) => members.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// The similarity of two texts, from 0 to 1: the share of words that they have in common, in any order.
fn similarity(one: &str, other: &str) -> f64 {
    if one == other {
        return 1.0;
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut total = 0;
    for word in one.split_whitespace() {
        *counts.entry(word).or_default() += 1;
        total += 1;
    }
    let mut common = 0;
    for word in other.split_whitespace() {
        total += 1;
        if let Some(count @ 1..) = counts.get_mut(word) {
            *count -= 1;
            common += 1;
        }
    }
    match total {
        // Only white space.
        0 => 1.0,
        total => 2.0 * f64::from(common) / f64::from(total),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::Interner;

    fn likeness(format: Format, body: &Value) -> Fingerprint {
        let request = format.parse(body.to_string().as_bytes(), &Interner::default());
        Fingerprint::of(&request.expect("a request"))
    }

    /// A second turn of Codex: its context, a prompt, a call and what that gave.
    fn codex(key: &str, cwd: &str, prompt: &str, call: &str, command: &str, output: &str) -> Value {
        let message = |role: &str, text: &str| {
            json!({"type": "message", "role": role,
                "content": [{"type": "input_text", "text": text}]})
        };
        let context = format!("<environment_context>\n  <cwd>{cwd}</cwd>\n</environment_context>");
        json!({"model": "human", "stream": true, "prompt_cache_key": key,
            "tools": [{"type": "function", "name": "exec_command", "parameters": {}}],
            "input": [message("developer", "You are Codex."), message("user", &context),
                message("user", prompt),
                {"type": "function_call", "name": "exec_command", "call_id": call,
                    "arguments": json!({"cmd": command}).to_string()},
                {"type": "function_call_output", "call_id": call, "output": output}]})
    }

    const OUTPUT: &str = "Chunk ID: 1a2b3c\nWall time: 0.0521 seconds\nProcess exited with code 0\n\
        Output:\nCargo.toml\nREADME.md\nsrc\ntests\n";
    const KEYS: [&str; 2] = [
        "0198c1d2-e3f4-7516-8738-495a6b7c8d9e",
        "0198c1d2-e3f4-7516-8738-ffffffffffff",
    ];

    fn matched(one: &Value, other: &Value) -> Option<MatchKind> {
        let format = Format::Responses;
        likeness(format, one).matches(&likeness(format, other), Tolerance::default())
    }

    #[test]
    fn another_run_of_the_same_is_the_same_byte_for_byte() {
        let one = codex(
            KEYS[0],
            "/tmp/.tmpA1/work",
            "List them",
            "call_aaaaaaaaaaaaaaaa",
            "ls",
            OUTPUT,
        );
        let again = OUTPUT.replace("1a2b3c", "9f8e7d").replace("0.0521", "1.2");
        let other = codex(
            KEYS[1],
            "/tmp/.tmpB2/work",
            "List them",
            "call_bbbbbbbbbbbbbbbb",
            "ls",
            &again,
        );
        assert_eq!(matched(&one, &other), Some(MatchKind::Strict));
    }

    #[test]
    fn another_folder_and_a_file_more_are_the_same_by_shape() {
        let one = codex(
            KEYS[0],
            "/home/me/a",
            "List them",
            "call_aaaaaaaaaaaaaaaa",
            "ls",
            OUTPUT,
        );
        let more = OUTPUT.replace("src\n", "src\ntarget\n");
        let other = codex(
            KEYS[1],
            "/home/ci/b",
            "List them",
            "call_bbbbbbbbbbbbbbbb",
            "ls",
            &more,
        );
        let how = matched(&one, &other);
        assert!(
            matches!(how, Some(MatchKind::Shape(like)) if like > 0.9 && like < 1.0),
            "{how:?}"
        );
        let strict = Tolerance {
            mode: MatchMode::Strict,
            ..Tolerance::default()
        };
        let format = Format::Responses;
        let (one, other) = (likeness(format, &one), likeness(format, &other));
        assert_eq!(one.matches(&other, strict), None);
    }

    #[test]
    fn another_call_place_or_result_is_none() {
        let one = codex(
            KEYS[0],
            "/a",
            "List them",
            "call_aaaaaaaaaaaaaaaa",
            "ls",
            OUTPUT,
        );
        let others = [
            codex(
                KEYS[0],
                "/a",
                "List them",
                "call_aaaaaaaaaaaaaaaa",
                "ls -a",
                OUTPUT,
            ),
            codex(
                KEYS[0],
                "/a",
                "List them",
                "call_aaaaaaaaaaaaaaaa",
                "ls",
                "ls: command not found",
            ),
        ];
        for other in &others {
            assert_eq!(matched(&one, other), None, "{other}");
        }
        let mut earlier = one.clone();
        earlier["input"].as_array_mut().unwrap().truncate(3);
        assert_eq!(matched(&one, &earlier), None);
        let mut bare = one.clone();
        bare["tools"] = json!([]);
        assert_eq!(matched(&one, &bare), None);
    }

    #[test]
    fn arguments_are_the_same_however_they_are_written() {
        let chat = |arguments: &str, more: Value| {
            let mut body = json!({"model": "m", "messages": [
                {"role": "user", "content": "Do it"},
                {"role": "assistant", "tool_calls": [{"id": "call_aaaaaaaaaaaaaaaa", "type": "function",
                    "function": {"name": "f", "arguments": arguments}}]},
                {"role": "tool", "tool_call_id": "call_aaaaaaaaaaaaaaaa", "content": "done"}]});
            body["seed"] = more;
            likeness(Format::Chat, &body)
        };
        let one = chat(r#"{"a":1,"b":[2]}"#, json!(1));
        let other = chat(r#"{ "b": [2], "a": 1 }"#, json!(2));
        assert_eq!(
            one.matches(&other, Tolerance::default()),
            Some(MatchKind::Shape(1.0))
        );
    }

    #[test]
    fn what_an_agent_adds_and_thoughts_make_no_difference() {
        let messages = |reminder: &str, thinks: bool| {
            let mut said = vec![json!({"type": "text", "text": "There are three."})];
            if thinks {
                let thought = json!({"type": "thinking", "thinking": "Hm", "signature": "x"});
                said.insert(0, thought);
            }
            let body = json!({"model": "m", "max_tokens": 9,
                "system": [{"type": "text", "text": format!("You are an agent. {reminder}")}],
                "messages": [
                    {"role": "user", "content": [
                        {"type": "text", "text":
                            format!("<system-reminder>\n{reminder}\n</system-reminder>")},
                        {"type": "text", "text": "How many words?"}]},
                    {"role": "assistant", "content": said},
                    {"role": "user", "content": "And how many letters?"}]});
            likeness(Format::Messages, &body)
        };
        let one = messages("It is Tuesday", true);
        let how = one.matches(&messages("It rains", false), Tolerance::default());
        assert_eq!(how, Some(MatchKind::Shape(1.0)));
        assert_eq!(one.title(), "And how many letters?");
        assert!(!one.to_text().contains("Tuesday"), "{}", one.to_text());
    }

    #[test]
    fn the_nearest_is_the_one_that_a_person_would_look_at() {
        let first = codex(
            KEYS[0],
            "/a",
            "List them",
            "call_aaaaaaaaaaaaaaaa",
            "ls",
            OUTPUT,
        );
        let mut begin = first.clone();
        begin["input"].as_array_mut().unwrap().truncate(3);
        let other = codex(
            KEYS[0],
            "/a",
            "List them",
            "call_aaaaaaaaaaaaaaaa",
            "ls -l",
            OUTPUT,
        );
        let format = Format::Responses;
        let [first, begin, other] = [&first, &begin, &other].map(|body| likeness(format, body));
        assert!(first.nearness(&other) > begin.nearness(&other));
    }

    #[test]
    fn similarity_counts_words() {
        assert!((similarity("a b c d", "a b c e") - 0.75).abs() < 1e-9);
        assert!((similarity("", "a")).abs() < 1e-9);
        assert!((similarity(" ", "\n") - 1.0).abs() < 1e-9);
        // What is there twice counts twice.
        assert!((similarity("a a", "a b") - 0.5).abs() < 1e-9);
    }
}
