//! Makes outputs of tools readable: without the header that agents put above them, and with texts taken
//! out of JSON.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use crate::api::Fields;
use crate::tui::form::pretty;

/// JSON of more bytes is shown as it came.
const MAX_JSON: usize = 1 << 20;

/// Members that hold the output, or a part of it.
const TEXT_KEYS: [&str; 8] = [
    "output",
    "output_head",
    "output_tail",
    "stdout",
    "stderr",
    "result",
    "content",
    "error",
];
/// Members that hold the command of a result, where there are several results.
const COMMAND_KEYS: [&str; 2] = ["query", "command"];

/// How a call ended, as far as its output tells.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ExitStatus {
    exit_code: Option<i64>,
    session: Option<String>,
    seconds: Option<f64>,
    is_error: bool,
    timed_out: bool,
}

impl ExitStatus {
    /// Reads it from an output: from all of a JSON output, of other text only from the header.
    pub(super) fn of(text: &str) -> Self {
        let (status, rest) = split_header(text).unwrap_or_default();
        if status.is_of_command() {
            return status;
        }
        let Some(json) = json(if rest.is_empty() { text } else { rest }) else {
            return status;
        };
        match results(json) {
            Some(all) => {
                let all = all
                    .iter()
                    .map(|raw| Self::default().with_members(raw.get()));
                status.worst(all)
            }
            None => status.with_members(json),
        }
    }

    /// Reads it from an output of several parts: the first part, or the one that has failed.
    pub(super) fn of_all<'a>(mut parts: impl Iterator<Item = &'a str>) -> Self {
        let first = parts.next().map(Self::of).unwrap_or_default();
        first.worst(parts.filter(|part| is_json(part)).map(Self::of))
    }

    /// This status, or the first of the others that has failed; if this one is empty, the first that is not.
    fn worst(self, others: impl Iterator<Item = Self>) -> Self {
        others.fold(self, |found, other| {
            let is_worse = other.has_failed() && !found.has_failed();
            if is_worse || found == Self::default() {
                other
            } else {
                found
            }
        })
    }

    /// Adds what the members of a JSON object tell.
    fn with_members(mut self, json: &str) -> Self {
        for (name, raw) in Fields::of_text(json).iter() {
            self.take_member(name, raw);
        }
        self
    }

    /// Whether the call has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.is_error || self.timed_out || self.exit_code.is_some_and(|code| code != 0)
    }

    /// Whether the header is that of a command, whose output must not be taken for JSON of an agent.
    fn is_of_command(&self) -> bool {
        self.exit_code.is_some() || self.session.is_some()
    }

    /// Reads a member of a JSON output; returns whether all of the member is part of the status.
    fn take_member(&mut self, name: &str, raw: &RawValue) -> bool {
        let raw = raw.get();
        match name {
            "exit_code" | "exitCode" | "exit_status" | "returncode" | "return_code" => {
                let code = raw.parse().ok();
                self.exit_code = code.or(self.exit_code);
                code.is_some() || raw == "null"
            }
            "duration_seconds" | "wall_time_seconds" | "elapsed_seconds" => {
                let seconds = raw.parse().ok();
                self.seconds = seconds.or(self.seconds);
                seconds.is_some() || raw == "null"
            }
            "is_error" | "isError" => {
                self.is_error |= raw == "true";
                matches!(raw, "true" | "false" | "null")
            }
            "success" => {
                self.is_error |= raw == "false";
                matches!(raw, "true" | "false" | "null")
            }
            // The outcome of a command in OpenAI's shell tool.
            "type" if matches!(raw, r#""exit""# | r#""timeout""#) => {
                self.timed_out |= raw == r#""timeout""#;
                true
            }
            "metadata" | "outcome" => {
                let mut is_all = raw.starts_with('{');
                for (name, raw) in Fields::of_text(raw).iter() {
                    is_all &= self.take_member(name, raw);
                }
                is_all
            }
            _ => false,
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(code) = self.exit_code {
            parts.push(format!("exit {code}"));
        } else if self.timed_out {
            parts.push("timed out".into());
        } else if self.is_error {
            parts.push("error".into());
        }
        if let Some(session) = &self.session {
            parts.push(format!("still running, session {session}"));
        }
        if let Some(seconds) = self.seconds {
            parts.push(format!("{seconds:.1} s"));
        }
        f.write_str(&parts.join(" · "))
    }
}

/// An output without its header. Of JSON, the texts with their line breaks, then the other members.
pub(super) fn readable(text: &str) -> Cow<'_, str> {
    let text = match split_header(text) {
        Some((status, rest)) if status.is_of_command() => return rest.into(),
        Some((_, rest)) => rest,
        None => text,
    };
    match json(text) {
        Some(json) => readable_json(json).unwrap_or_else(|| indented(json)),
        None => text.into(),
    }
}

/// [`readable`] for one part of several, without its last line break.
pub(super) fn readable_part(text: &str) -> Cow<'_, str> {
    match readable(text) {
        Cow::Borrowed(text) => text.strip_suffix('\n').unwrap_or(text).into(),
        Cow::Owned(mut text) => {
            text.truncate(text.strip_suffix('\n').unwrap_or(&text).len());
            text.into()
        }
    }
}

/// Whether a text is a header and nothing else.
pub(super) fn is_header(text: &str) -> bool {
    split_header(text).is_some_and(|(_, rest)| rest.is_empty())
}

/// Whether a text is a JSON object or list that is neither empty nor too large.
pub(super) fn is_json(text: &str) -> bool {
    json(text).is_some()
}

/// Splits off the header: the lines that Codex 0.169 puts before `Output:`, and the shorter ones of its
/// older versions. `None` if there is no header.
fn split_header(text: &str) -> Option<(ExitStatus, &str)> {
    // The header is short; do not search megabytes for it.
    let near = &text[..text.floor_char_boundary(512)];
    let (end, rest) = match near.find("Output:\n") {
        Some(end) => (end, &text[end + "Output:\n".len()..]),
        None => (
            text.strip_suffix("Output:")
                .filter(|head| head.len() < near.len())?
                .len(),
            "",
        ),
    };
    let mut status = ExitStatus::default();
    for line in text[..end].lines() {
        let number = |prefix: &str| line.strip_prefix(prefix)?.split_whitespace().next();
        let code = number("Process exited with code ").or_else(|| number("Exit code: "));
        status.exit_code = code.and_then(|code| code.parse().ok()).or(status.exit_code);
        let session = number("Process running with session ID ").map(str::to_owned);
        status.session = session.or(status.session);
        let seconds = number("Wall time: ").and_then(|seconds| seconds.parse().ok());
        status.seconds = seconds.or(status.seconds);
    }
    let is_known = status.is_of_command() || status.seconds.is_some();
    is_known.then_some((status, rest))
}

/// The text without surrounding whitespace, if it is a JSON object or list.
fn json(text: &str) -> Option<&str> {
    let text = text.trim_ascii();
    let is_bracketed = matches!(
        (text.as_bytes().first()?, text.as_bytes().last()?),
        (b'{', b'}') | (b'[', b']')
    );
    let is_some = is_bracketed && text.len() > "{}".len() && text.len() <= MAX_JSON;
    let is_json = is_some && serde_json::from_str::<&RawValue>(text).is_ok();
    is_json.then_some(text)
}

/// JSON with indentation, unless it has several lines already.
fn indented(json: &str) -> Cow<'_, str> {
    if json.contains('\n') {
        json.into()
    } else {
        pretty(json).into()
    }
}

/// The texts in a JSON output, then the other members; `None` if it has no texts.
fn readable_json(json: &str) -> Option<Cow<'_, str>> {
    if json.starts_with('[') {
        return parts_text(json)
            .or_else(|| results_text(json))
            .map(Cow::Owned);
    }
    let (mut texts, mut rest) = (Vec::new(), Vec::new());
    let mut status = ExitStatus::default();
    for (name, raw) in Fields::of_text(json).iter() {
        let is_text = TEXT_KEYS.contains(&name);
        match text_in(raw.get()).filter(|_| is_text) {
            Some(text) => texts.push((name.to_owned(), text)),
            None if is_text && raw.get() == "null" => {}
            None if status.take_member(name, raw) => {}
            None if COMMAND_KEYS.contains(&name) && raw.get().starts_with('"') => {}
            None => rest.push((name.to_owned(), raw)),
        }
    }
    if texts.is_empty() {
        return None;
    }
    let mut shown = String::new();
    for (name, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
        // The error is often part of the output already.
        if name == "error" && shown.contains(text.trim_end()) {
            continue;
        }
        // All but the main output is labelled with its name.
        if !shown.is_empty() || matches!(name.as_str(), "stderr" | "error") {
            start_line(&mut shown);
            shown.push_str(name);
            shown.push_str(":\n");
        }
        shown.push_str(text);
    }
    if !rest.is_empty() {
        let member = |(name, raw): &(String, &RawValue)| {
            format!("{}:{}", serde_json::Value::from(name.as_str()), raw.get())
        };
        let members: Vec<String> = rest.iter().map(member).collect();
        start_line(&mut shown);
        shown.push_str(&pretty(&format!("{{{}}}", members.join(","))));
    }
    Some(shown.into())
}

fn start_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// The results in a list, one for each command, if there is nothing else in it.
fn results(json: &str) -> Option<Vec<&RawValue>> {
    let all: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let is_result = |raw: &&RawValue| {
        let fields = Fields::of(raw);
        let names: Vec<&str> = fields.iter().map(|(name, _)| name).collect();
        let is_of_call =
            |name: &&str| COMMAND_KEYS.contains(name) || matches!(*name, "success" | "stdout");
        names.iter().any(is_of_call) && readable_json(raw.get()).is_some()
    };
    (!all.is_empty() && all.iter().all(is_result)).then_some(all)
}

/// The outputs of several commands, each below its command if there is more than one.
fn results_text(json: &str) -> Option<String> {
    let all = results(json)?;
    let mut shown = String::new();
    for raw in &all {
        let fields = Fields::of(raw);
        let command = COMMAND_KEYS.iter().find_map(|name| fields.text(name));
        start_line(&mut shown);
        if let Some(command) = command.filter(|_| all.len() > 1) {
            shown.push_str(&format!("$ {command}\n"));
        }
        shown.push_str(&readable_json(raw.get())?);
    }
    Some(shown)
}

/// The text that a value is: a string, or parts with a text in each.
fn text_in(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'[' => parts_text(json),
        _ => None,
    }
}

/// The texts of the content parts of an MCP tool, if all parts are texts.
fn parts_text(json: &str) -> Option<String> {
    let parts: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let text = |part: &&RawValue| {
        let fields = Fields::of(part);
        let is_text = fields.text("type").as_deref() == Some("text");
        fields.text("text").filter(|_| is_text)
    };
    let texts: Option<Vec<String>> = parts.iter().map(text).collect();
    texts
        .filter(|texts| !texts.is_empty())
        .map(|texts| texts.join("\n"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::api::Item;
    use crate::tui::markup::{Sgr, Tone};
    use crate::tui::transcript::block::TranscriptBlock;
    use crate::tui::worker::Worker;

    fn output(text: &str) -> TranscriptBlock {
        let raw = json!({"type": "function_call_output", "call_id": "c", "output": text});
        TranscriptBlock::of_item(&Arc::new(Item::from_responses(&raw)), None)
    }

    /// What the header says, whether it is bad, and what is below it.
    fn read(text: &str) -> (String, bool, String) {
        let block = output(text);
        (
            block.detail.clone(),
            block.failed,
            block.text().as_str().into(),
        )
    }

    fn reads(text: &str, detail: &str, failed: bool, shown: &str) {
        assert_eq!(read(text), (detail.into(), failed, shown.into()), "{text}");
    }

    #[test]
    fn an_output_shows_its_exit_code_and_not_its_head() {
        let text = "Chunk ID: 82b5f8\nWall time: 0.0412 seconds\nProcess exited with code 2\n\
            Original token count: 5\nOutput:\nls: no such file\n";
        let found = output(text);
        assert_eq!(
            (found.detail.as_str(), found.failed),
            ("exit 2 · 0.0 s", true)
        );
        assert_eq!(found.text().as_str(), "ls: no such file");

        let found = output("Exit code: 0\nWall time: 1.25 seconds\nOutput:\n");
        assert_eq!(
            (found.detail.as_str(), found.failed),
            ("exit 0 · 1.2 s", false)
        );
        assert_eq!(found.text().as_str(), "(no output)");

        let found =
            output("Wall time: 10.0 seconds\nProcess running with session ID 7\nOutput:\n$");
        assert_eq!(found.detail, "still running, session 7 · 10.0 s");
    }

    #[test]
    fn other_output_is_left_alone() {
        for text in ["plain", "Output:\nplain", "total: 5\nOutput:\nx"] {
            let found = output(text);
            assert_eq!((found.text().as_str(), found.detail.as_str()), (text, ""));
        }
    }

    #[test]
    fn json_is_read_as_what_it_means() {
        // Codex of 2025.
        reads(
            r#"{"output":"one\n\ttwo\n","metadata":{"exit_code":0,"duration_seconds":0.1}}"#,
            "exit 0 · 0.1 s",
            false,
            "one\n\ttwo",
        );
        reads(
            r#"{"output":"","metadata":{"exit_code":2,"duration_seconds":12.34}}"#,
            "exit 2 · 12.3 s",
            true,
            "(no output)",
        );
        reads(
            r#"{"stdout": "a\nb", "stderr": "oops\n", "returncode": 1}"#,
            "exit 1",
            true,
            "a\nb\nstderr:\noops",
        );
        reads(
            r#"{"stdout":"","stderr":"oops"}"#,
            "",
            false,
            "stderr:\noops",
        );
        reads(r#"{"result":"x\ny"}"#, "", false, "x\ny");
        // mini-swe-agent, and where there is too much of it.
        reads(
            "{\n  \"returncode\": 1,\n  \"output\": \"a\\nb\\n\"\n}",
            "exit 1",
            true,
            "a\nb",
        );
        reads(
            "{\"returncode\": 0, \"output_head\": \"a\\n\", \"output_tail\": \"z\\n\",\n\
             \"elided_chars\": 9}",
            "exit 0",
            false,
            "a\noutput_tail:\nz\n{\n  \"elided_chars\": 9\n}",
        );
        // Tools of MCP servers.
        let parts = r#"[{"type":"text","text":"a\nb"},{"type":"text","text":"c"}]"#;
        reads(parts, "", false, "a\nb\nc");
        let content = format!(r#"{{"content":{parts},"isError":true}}"#);
        reads(&content, "error", true, "a\nb\nc");
    }

    #[test]
    fn the_results_of_several_commands_are_told_apart() {
        // Cline.
        reads(
            r#"[{"query":"ls","result":"a\nb\n","success":true}]"#,
            "",
            false,
            "a\nb",
        );
        reads(
            r#"[{"query":"ls","result":"a\nb\n","success":true},
                {"query":"make","result":"","error":"no target","success":false},
                {"query":"no","result":"[exited with code 127]\nno: not found",
                    "error":"exited with code 127","success":false}]"#,
            "error",
            true,
            "$ ls\na\nb\n$ make\nerror:\nno target\n$ no\n[exited with code 127]\nno: not found",
        );
        // What is no result is laid out.
        let other = r#"[{"query":"ls","rank":1}]"#;
        let laid_out = "[\n  {\n    \"query\": \"ls\",\n    \"rank\": 1\n  }\n]";
        reads(other, "", false, laid_out);
    }

    #[test]
    fn what_the_built_in_shell_gives_back_is_the_output_of_a_command() {
        let read = |output: serde_json::Value| {
            let raw = json!({"type": "shell_call_output", "call_id": "c", "output": output});
            let block = TranscriptBlock::of_item(&Arc::new(Item::from_responses(&raw)), None);
            (
                block.detail.clone(),
                block.failed,
                block.text().as_str().to_owned(),
            )
        };
        let exit = |out: &str, err: &str, code: i32| {
            json!({"stdout": out, "stderr": err,
                "outcome": {"type": "exit", "exit_code": code}})
        };
        assert_eq!(
            read(json!([exit("a\nb\n", "", 0)])),
            ("exit 0".into(), false, "a\nb".into())
        );
        let failed = json!([exit("a\n", "", 0), exit("", "oops\n", 2)]);
        assert_eq!(
            read(failed),
            ("exit 2".into(), true, "a\nstderr:\noops".into())
        );
        let late = json!([{"stdout": "a", "stderr": "", "outcome": {"type": "timeout"}}]);
        assert_eq!(read(late), ("timed out".into(), true, "a".into()));
        assert_eq!(read(json!("plain")), (String::new(), false, "plain".into()));
    }

    #[test]
    fn what_tools_of_servers_give_back_is_read_below_the_head_of_codex() {
        reads(
            "Wall time: 0.25 seconds\nOutput:\n{\"result\":\"a\\nb\"}",
            "0.2 s",
            false,
            "a\nb",
        );
        let part = |text: &str| json!({"type": "input_text", "text": text});
        let raw = json!({"type": "function_call_output", "call_id": "c",
            "output": [part("Wall time: 1.5 seconds\nOutput:"), part("{\"n\":1}"), part("b")]});
        let block = TranscriptBlock::of_item(&Arc::new(Item::from_responses(&raw)), None);
        assert_eq!(block.detail, "1.5 s");
        assert_eq!(block.text().as_str(), "{\n  \"n\": 1\n}\nb");
        // What a command prints is its own.
        let printed = "Exit code: 0\nWall time: 1 seconds\nOutput:\n{\"output\":\"a\\nb\"}";
        reads(printed, "exit 0 · 1.0 s", false, "{\"output\":\"a\\nb\"}");
    }

    #[test]
    fn nothing_else_in_json_is_lost_and_numbers_stay_as_they_were() {
        reads(
            r#"{"result":"x","id":12345678901234567890123,"metadata":{"exit_code":0,"more":1.50}}"#,
            "exit 0",
            false,
            "x\n{\n  \"id\": 12345678901234567890123,\n  \"metadata\": {\n    \
             \"exit_code\": 0,\n    \"more\": 1.50\n  }\n}",
        );
        reads(
            r#"{"ok":true,"rate":1e-3,"list":[1]}"#,
            "",
            false,
            "{\n  \"ok\": true,\n  \"rate\": 1e-3,\n  \"list\": [\n    1\n  ]\n}",
        );
        // Whoever put it on lines had a reason.
        for text in [
            "{\"a\": [1, 2],\n \"b\": 3}",
            "{}",
            "[]",
            "{oops}",
            "[INFO] x]",
        ] {
            reads(text, "", false, text);
        }
        let raw = output(r#"{"output":"a","n":1.50}"#);
        assert!(raw.raw().is_some_and(|raw| raw.contains("1.50")));
    }

    #[test]
    fn what_json_brings_has_its_colours() {
        let worker = Worker::new().unwrap();
        let tones = |text: &str| -> Vec<Tone> {
            let block = output(text);
            let lines = 0..block.text().len();
            let spans = lines.flat_map(|line| block.styled().spans(line, &worker));
            spans.map(|(_, tone)| tone).collect()
        };
        assert_eq!(tones(r#"{"a":1}"#), [Tone::Key, Tone::Number]);
        assert_eq!(
            tones("Exit code: 0\nOutput:\n{\"a\": 1}"),
            [Tone::Key, Tone::Number]
        );
        assert_eq!(tones("[INFO] 3 files"), []);
        let red = tones("{\"output\":\"\\u001b[31mred\\u001b[0m\\n\"}");
        let fg = Some(ratatui::style::Color::Red);
        let expected = Sgr {
            fg,
            ..Sgr::default()
        };
        assert_eq!(red, [Tone::Sgr(expected)]);
    }

    #[test]
    fn too_much_of_it_is_shown_as_it_came() {
        let large = format!(r#"{{"output":"{}\n"}}"#, "x".repeat(MAX_JSON));
        reads(&large, "", false, &large);
    }

    #[test]
    fn a_folded_output_begins_with_what_it_means() {
        let block = output(r#"{"output":"hello\nworld","metadata":{"exit_code":0}}"#);
        assert!(block.preview().starts_with("hello"));
    }
}
