//! What a tool gave back, as a person reads it: without the head that agents put above it, and JSON
//! as what it means.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use crate::api::Fields;
use crate::tui::form::pretty;

/// Bytes of JSON that are read; what is larger is shown as it came.
const LARGEST: usize = 1 << 20;

/// Members that are the output, or a part of it.
const TEXTS: [&str; 8] = [
    "output",
    "output_head",
    "output_tail",
    "stdout",
    "stderr",
    "result",
    "content",
    "error",
];
/// Members that say which command a result is of, where there are several.
const OF: [&str; 2] = ["query", "command"];

/// How a call went, as far as its output says so.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ExitStatus {
    exit_code: Option<i64>,
    session: Option<String>,
    seconds: Option<f64>,
    is_error: bool,
    timed_out: bool,
}

impl ExitStatus {
    /// What an output says of it. JSON is read through, of other text the head alone.
    pub fn of(text: &str) -> Self {
        let (status, rest) = head(text).unwrap_or_default();
        if status.is_of_command() {
            return status;
        }
        let Some(json) = json(if rest.is_empty() { text } else { rest }) else {
            return status;
        };
        match results(json) {
            Some(all) => {
                let all = all.iter().map(|raw| Self::default().and_of(raw.get()));
                status.worst(all)
            }
            None => status.and_of(json),
        }
    }

    /// What an output of several parts says of it: the first, or the one that has failed.
    pub fn of_all<'a>(mut parts: impl Iterator<Item = &'a str>) -> Self {
        let first = parts.next().map(Self::of).unwrap_or_default();
        first.worst(parts.filter(|part| is_json(part)).map(Self::of))
    }

    /// This one, or the first that has failed; without any, what is known of the others.
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

    /// The same, with what an object says.
    fn and_of(mut self, json: &str) -> Self {
        for (name, raw) in Fields::of_text(json).iter() {
            self.take(name, raw);
        }
        self
    }

    /// Whether the call has failed.
    pub fn has_failed(&self) -> bool {
        self.is_error || self.timed_out || self.exit_code.is_some_and(|code| code != 0)
    }

    /// Whether it is of a command, whose output is its own and no JSON of an agent's.
    fn is_of_command(&self) -> bool {
        self.exit_code.is_some() || self.session.is_some()
    }

    /// Takes in a member of an output in JSON; says whether it is about this and nothing else.
    fn take(&mut self, name: &str, raw: &RawValue) -> bool {
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
            // How OpenAI's shell tool says how a command ended.
            "type" if matches!(raw, r#""exit""# | r#""timeout""#) => {
                self.timed_out |= raw == r#""timeout""#;
                true
            }
            "metadata" | "outcome" => {
                let mut is_all = raw.starts_with('{');
                for (name, raw) in Fields::of_text(raw).iter() {
                    is_all &= self.take(name, raw);
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

/// An output without its head, and what JSON means: the texts in it with their line breaks, then
/// what else there is.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    let text = match head(text) {
        Some((status, rest)) if status.is_of_command() => return rest.into(),
        Some((_, rest)) => rest,
        None => text,
    };
    match json(text) {
        Some(json) => meaning(json).unwrap_or_else(|| laid_out(json)),
        None => text.into(),
    }
}

/// The same as a part among others, which ends its last line by itself.
pub(super) fn line_of(text: &str) -> Cow<'_, str> {
    match shown(text) {
        Cow::Borrowed(text) => text.strip_suffix('\n').unwrap_or(text).into(),
        Cow::Owned(mut text) => {
            text.truncate(text.strip_suffix('\n').unwrap_or(&text).len());
            text.into()
        }
    }
}

/// Whether a text is a head and nothing else.
pub(super) fn is_head(text: &str) -> bool {
    head(text).is_some_and(|(_, rest)| rest.is_empty())
}

/// Whether a text is JSON with something in it, and not too much of it.
pub(super) fn is_json(text: &str) -> bool {
    json(text).is_some()
}

/// Reads the lines that Codex 0.169 puts before `Output:`, and the shorter ones of its older
/// versions, and says what follows on them; anything else is output from the first byte.
fn head(text: &str) -> Option<(ExitStatus, &str)> {
    // The head is short; do not look through megabytes for it.
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

/// The object or list that a text is.
fn json(text: &str) -> Option<&str> {
    let text = text.trim_ascii();
    let is_bracketed = matches!(
        (text.as_bytes().first()?, text.as_bytes().last()?),
        (b'{', b'}') | (b'[', b']')
    );
    let is_some = is_bracketed && text.len() > "{}".len() && text.len() <= LARGEST;
    let is_json = is_some && serde_json::from_str::<&RawValue>(text).is_ok();
    is_json.then_some(text)
}

/// JSON on lines of its own, unless it is on several already.
fn laid_out(json: &str) -> Cow<'_, str> {
    if json.contains('\n') {
        json.into()
    } else {
        pretty(json).into()
    }
}

/// The texts in an output, then the members that are none; nothing if it has no texts.
fn meaning(json: &str) -> Option<Cow<'_, str>> {
    if json.starts_with('[') {
        return content(json).or_else(|| of_results(json)).map(Cow::Owned);
    }
    let (mut texts, mut rest) = (Vec::new(), Vec::new());
    let mut status = ExitStatus::default();
    for (name, raw) in Fields::of_text(json).iter() {
        let is_text = TEXTS.contains(&name);
        match text_in(raw.get()).filter(|_| is_text) {
            Some(text) => texts.push((name.to_owned(), text)),
            None if is_text && raw.get() == "null" => {}
            None if status.take(name, raw) => {}
            None if OF.contains(&name) && raw.get().starts_with('"') => {}
            None => rest.push((name.to_owned(), raw)),
        }
    }
    if texts.is_empty() {
        return None;
    }
    let mut shown = String::new();
    for (name, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
        // What went wrong is often in the output already.
        if name == "error" && shown.contains(text.trim_end()) {
            continue;
        }
        // What is not what it is for is called by its name.
        if !shown.is_empty() || matches!(name.as_str(), "stderr" | "error") {
            on_a_new_line(&mut shown);
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
        on_a_new_line(&mut shown);
        shown.push_str(&pretty(&format!("{{{}}}", members.join(","))));
    }
    Some(shown.into())
}

fn on_a_new_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// The results that a list holds, one for each command, if there is nothing else in it.
fn results(json: &str) -> Option<Vec<&RawValue>> {
    let all: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let is_result = |raw: &&RawValue| {
        let fields = Fields::of(raw);
        let names: Vec<&str> = fields.iter().map(|(name, _)| name).collect();
        let is_of_call = |name: &&str| OF.contains(name) || matches!(*name, "success" | "stdout");
        names.iter().any(is_of_call) && meaning(raw.get()).is_some()
    };
    (!all.is_empty() && all.iter().all(is_result)).then_some(all)
}

/// What each of several commands gave back, below the command where there are more than one.
fn of_results(json: &str) -> Option<String> {
    let all = results(json)?;
    let mut shown = String::new();
    for raw in &all {
        let fields = Fields::of(raw);
        let command = OF.iter().find_map(|name| fields.text(name));
        on_a_new_line(&mut shown);
        if let Some(command) = command.filter(|_| all.len() > 1) {
            shown.push_str(&format!("$ {command}\n"));
        }
        shown.push_str(&meaning(raw.get())?);
    }
    Some(shown)
}

/// The text that a value is: a string, or parts with a text in each.
fn text_in(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'[' => content(json),
        _ => None,
    }
}

/// The texts of the parts that tools of MCP servers give back, if there is nothing else among them.
fn content(json: &str) -> Option<String> {
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
        let large = format!(r#"{{"output":"{}\n"}}"#, "x".repeat(LARGEST));
        reads(&large, "", false, &large);
    }

    #[test]
    fn a_folded_output_begins_with_what_it_means() {
        let block = output(r#"{"output":"hello\nworld","metadata":{"exit_code":0}}"#);
        assert!(block.beginning().starts_with("hello"));
    }
}
