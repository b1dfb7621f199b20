//! The table of Chat Completions.

use humanllm::api::chat::{ChatWriter, parse};
use serde_json::{Value, json};

use super::Do::{Press, Write};
use super::*;

pub fn wire() -> Wire {
    Wire {
        parse,
        writer: |request, now, ids| Box::new(ChatWriter::new(request, now, ids)),
        base: json!({"model": "human", "stream": true, "stream_options": {"include_usage": true}}),
    }
}

/// A chunk that adds this.
fn adds(delta: Value) -> Expected {
    chunk(
        json!([{"index": 0, "delta": delta, "finish_reason": null}]),
        Value::Null,
    )
}

fn chunk(choices: Value, usage: Value) -> Expected {
    let chunk = json!({"id": "chatcmpl_1", "object": "chat.completion.chunk", "created": 100,
        "model": "human", "choices": choices, "usage": usage});
    ("", chunk)
}

/// The chunks of a whole completion: these, between the ones that every completion has.
fn events(between: Vec<Expected>, reason: &str) -> Vec<Expected> {
    let mut all = vec![adds(json!({"role": "assistant", "content": ""}))];
    all.extend(between);
    all.extend([
        chunk(
            json!([{"index": 0, "delta": {}, "finish_reason": reason}]),
            Value::Null,
        ),
        chunk(json!([]), usage()),
        ("", json!("[DONE]")),
    ]);
    all
}

fn usage() -> Value {
    json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
        "completion_tokens_details": {"reasoning_tokens": 2}})
}

/// A completion with this message.
fn document(mut message: Value, reason: &str) -> Value {
    message["role"] = json!("assistant");
    json!({"id": "chatcmpl_1", "object": "chat.completion", "created": 100, "model": "human",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage()})
}

/// A case that is about what the person sees; they answer `ok`.
fn seen(about: &'static str, request: Value, sees: &'static [&'static str]) -> Case {
    answered(about, "ok", request, sees)
}

/// A case that is about what the person sees; they answer this.
fn answered(
    about: &'static str,
    answer: &'static str,
    request: Value,
    sees: &'static [&'static str],
) -> Case {
    Case {
        about,
        request,
        sees,
        does: vec![Write(answer), Press("Enter")],
        events: events(vec![adds(json!({"content": answer}))], "stop"),
        document: document(json!({"content": answer}), "stop"),
    }
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn run() -> Value {
    json!({"type": "function", "function": {"name": "run", "parameters": {"type": "object",
        "required": ["cmd"], "properties": {"cmd": {"type": "string"}}}}})
}

#[test]
fn what_is_asked_is_seen() {
    let table = vec![
        seen(
            "text",
            json!({"messages": [user("What is 6 times 7?")]}),
            &["user", "What is 6 times 7?"],
        ),
        seen(
            "text in parts, and what was said before",
            json!({"messages": [user("Hello"), {"role": "assistant", "content": "Hi"},
                {"role": "user", "content": [{"type": "text", "text": "So,"},
                    {"type": "text", "text": "how are you?"}]}]}),
            &[
                "user",
                "Hello",
                "assistant",
                "Hi",
                "── new",
                "user",
                "So,",
                "how are you?",
            ],
        ),
        seen(
            "system and developer",
            json!({"messages": [{"role": "system", "content": "Be kind."},
                {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
                user("Hello")]}),
            &[
                "▾ system",
                "Be kind.",
                "▾ developer",
                "Be brief.",
                "user",
                "Hello",
            ],
        ),
        seen(
            "images by data and link, a file by data and id, and sound",
            json!({"messages": [{"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAAAAAA"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
                {"type": "file", "file": {"filename": "a.pdf",
                    "file_data": "data:application/pdf;base64,AAAAAAAA"}},
                {"type": "file", "file": {"file_id": "file-8"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]}]}),
            &[
                "user",
                "What is this?",
                "[image: image/png, 6 B]",
                "[image: https://example.org/cat.png]",
                "[file: a.pdf, 6 B]",
                "[file: file-8]",
                "{",
                "\"type\": \"input_audio\",",
                "\"input_audio\": {",
                "\"data\": \"AAAA\",",
                "\"format\": \"wav\"",
                "}",
                "}",
            ],
        ),
        seen(
            "a call and its output",
            json!({"messages": [user("List the files."),
                {"role": "assistant", "content": null, "tool_calls": [{"id": "c1",
                    "type": "function",
                    "function": {"name": "run", "arguments": "{\"cmd\":\"ls\"}"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "a.txt\n"}]}),
            &[
                "user",
                "List the files.",
                "run",
                "$ ls",
                "── new",
                "output",
                "a.txt",
            ],
        ),
        seen(
            "calls at the same time and their outputs",
            json!({"messages": [user("Look around."),
                {"role": "assistant", "content": "I will.", "tool_calls": [
                    {"id": "c1", "type": "function",
                        "function": {"name": "shoot", "arguments": "{\"zoom\":2}"}},
                    {"id": "c2", "type": "custom", "custom": {"name": "note", "input": "seen it"}}]},
                {"role": "tool", "tool_call_id": "c2", "content": "noted"},
                {"role": "tool", "tool_call_id": "c1", "content": [
                    {"type": "text", "text": "a blurred"}, {"type": "text", "text": "picture"}]}]}),
            &[
                "user",
                "Look around.",
                "assistant",
                "I will.",
                "shoot",
                "{",
                "\"zoom\": 2",
                "}",
                "note",
                "seen it",
                "── new",
                "output",
                "noted",
                "output · shoot",
                "a blurred",
                "picture",
            ],
        ),
        seen(
            "a function of the form before tools",
            json!({"messages": [user("Look."),
                {"role": "assistant", "content": null,
                    "function_call": {"name": "run", "arguments": "{\"cmd\":\"ls\"}"}},
                {"role": "function", "name": "run", "content": "a.txt"}]}),
            &["user", "Look.", "run", "$ ls", "── new", "output", "a.txt"],
        ),
        seen(
            "thoughts of other servers, and a refusal",
            json!({"messages": [user("Go."),
                {"role": "assistant", "content": "I did.", "reasoning_content": "Should I?"},
                {"role": "assistant", "content": null, "refusal": "I will not."}]}),
            &[
                "user",
                "Go.",
                "reasoning",
                "Should I?",
                "assistant",
                "I did.",
                "assistant",
                "(refusal) I will not.",
            ],
        ),
        seen(
            "what is not known: a role, a part, a tool and a field",
            json!({"sparkle": 5, "tools": [{"type": "teleport", "to": "moon"}], "messages": [
                {"role": "wizard", "content": [{"type": "smell", "smell": "rose"}]}]}),
            &[
                "wizard",
                "{",
                "\"type\": \"smell\",",
                "\"smell\": \"rose\"",
                "}",
            ],
        ),
        answered(
            "what is asked of the answer",
            "{}",
            json!({"messages": [user("Pick one.")], "tools": [run()], "tool_choice": "none",
                "parallel_tool_calls": false, "max_completion_tokens": 50, "stop": ["END"],
                "response_format": {"type": "json_object"}}),
            &[
                "user",
                "Pick one.",
                "Expected: a JSON object · no calls (tool_choice none) · one call at a time ·",
                "max_completion_tokens 50 · stop [\"END\"]",
            ],
        ),
    ];
    play(&wire(), table);
}

#[test]
fn what_is_said_goes_out() {
    let asked = json!([user("What next?")]);
    let call = |id: &str, cmd: &str| {
        let arguments = json!({"cmd": cmd}).to_string();
        json!({"id": id, "type": "function", "function": {"name": "run", "arguments": arguments}})
    };
    let (ls, pwd) = (call("call_2", "ls"), call("call_3", "pwd"));
    let custom = json!({"id": "call_2", "type": "custom",
        "custom": {"name": "shout", "input": "hey\nyou"}});
    let old = json!({"name": "run", "arguments": "{\"cmd\":\"ls\"}"});
    // A call arrives whole, at its place among the calls.
    let calls = |index: u32, call: &Value| {
        let mut call = call.clone();
        call["index"] = json!(index);
        adds(json!({"tool_calls": [call]}))
    };
    let text = |text: &str| adds(json!({"content": text}));
    let thought = |text: &str| adds(json!({"reasoning_content": text}));
    let error = json!({"message": "No.", "type": "invalid_request_error", "param": null,
        "code": "invalid_prompt"});

    let table = vec![
        Case {
            about: "a note and the answer, line by line",
            request: json!({"messages": asked}),
            sees: &["user", "What next?"],
            does: vec![
                Press("Tab"),
                Write("One moment"),
                Press("Enter Shift+Tab"),
                Write("42\nor so"),
                Press("Enter"),
            ],
            events: events(
                vec![text("One moment\n"), text("42\n"), text("or so")],
                "stop",
            ),
            document: document(json!({"content": "One moment\n42\nor so"}), "stop"),
        },
        Case {
            about: "thoughts before and after a note, and the answer",
            request: json!({"messages": asked}),
            sees: &["user", "What next?"],
            does: vec![
                Press("Shift+Tab Shift+Tab"),
                Write("Hm\nperhaps"),
                Press("Enter Shift+Tab"),
                Write("One moment"),
                Press("Enter Tab"),
                Write("Yes"),
                Press("Enter Tab Tab"),
                Write("ok"),
                Press("Enter"),
            ],
            events: events(
                vec![
                    thought("Hm\n"),
                    thought("perhaps"),
                    text("One moment\n"),
                    thought("\n"),
                    thought("Yes"),
                    text("ok"),
                ],
                "stop",
            ),
            document: document(
                json!({"content": "One moment\nok", "reasoning_content": "Hm\nperhaps\nYes"}),
                "stop",
            ),
        },
        Case {
            about: "a note that is typed live",
            request: json!({"messages": asked}),
            sees: &["user", "What next?"],
            does: vec![
                Press("Tab Alt+L"),
                Write("a\nb"),
                Press("Enter Shift+Tab"),
                Write("ok"),
                Press("Enter"),
            ],
            events: events(vec![text("a\n"), text("b"), text("\n"), text("ok")], "stop"),
            document: document(json!({"content": "a\nb\nok"}), "stop"),
        },
        Case {
            about: "two commands at once",
            request: json!({"messages": asked, "tools": [run()]}),
            sees: &["user", "What next?"],
            does: vec![Write("!ls"), Press("Alt+A"), Write("!pwd"), Press("Enter")],
            events: events(vec![calls(0, &ls), calls(1, &pwd)], "tool_calls"),
            document: document(
                json!({"content": null, "tool_calls": [ls, pwd]}),
                "tool_calls",
            ),
        },
        Case {
            about: "a note and a command",
            request: json!({"messages": asked, "tools": [run()]}),
            sees: &["user", "What next?"],
            does: vec![
                Press("Tab"),
                Write("Looking"),
                Press("Enter Shift+Tab"),
                Write("!ls"),
                Press("Enter"),
            ],
            events: events(vec![text("Looking\n"), calls(0, &ls)], "tool_calls"),
            document: document(
                json!({"content": "Looking\n", "tool_calls": [ls]}),
                "tool_calls",
            ),
        },
        Case {
            about: "a function of the form before tools",
            request: json!({"messages": asked, "functions": [run()["function"]]}),
            sees: &["user", "What next?"],
            does: vec![Write("!ls"), Press("Enter")],
            events: events(vec![adds(json!({"function_call": old}))], "function_call"),
            document: document(
                json!({"content": null, "function_call": old}),
                "function_call",
            ),
        },
        Case {
            about: "a call of a free-form tool",
            request: json!({"messages": asked,
                "tools": [{"type": "custom", "custom": {"name": "shout"}}]}),
            sees: &["user", "What next?"],
            does: vec![Press("Ctrl+T Enter"), Write("hey\nyou"), Press("Enter")],
            events: events(vec![calls(0, &custom)], "tool_calls"),
            document: document(
                json!({"content": null, "tool_calls": [custom]}),
                "tool_calls",
            ),
        },
        Case {
            about: "JSON of a schema, begun with its skeleton",
            request: json!({"messages": asked, "response_format": {"type": "json_schema",
                "json_schema": {"name": "verdict", "schema": {"type": "object",
                    "required": ["good"], "properties": {"good": {"type": "boolean"}}}}}}),
            sees: &["user", "What next?", "Expected: JSON (verdict)"],
            does: vec![Press("Alt+I Enter")],
            events: events(
                vec![text("{\n"), text("  \"good\": false\n"), text("}")],
                "stop",
            ),
            document: document(json!({"content": "{\n  \"good\": false\n}"}), "stop"),
        },
        Case {
            about: "a note and a rejection",
            request: json!({"messages": asked}),
            sees: &["user", "What next?"],
            does: vec![
                Press("Tab"),
                Write("One moment"),
                Press("Enter Shift+Tab Shift+Tab"),
                Write("No."),
                Press("Enter"),
            ],
            events: vec![
                adds(json!({"role": "assistant", "content": ""})),
                text("One moment\n"),
                ("", json!({"error": error})),
                ("", json!("[DONE]")),
            ],
            document: json!({"status": 400, "message": "No."}),
        },
    ];
    play(&wire(), table);
}
