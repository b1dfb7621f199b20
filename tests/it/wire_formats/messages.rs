//! The table of Anthropic's Messages.

use humanllm::api::messages::{MessagesWriter, parse};
use serde_json::{Value, json};

use super::Do::{Press, Write};
use super::*;

pub fn wire() -> Wire {
    Wire {
        parse,
        writer: |request, _, ids| Box::new(MessagesWriter::new(request, ids)),
        base: json!({"model": "human", "max_tokens": 1000, "stream": true}),
    }
}

/// The events of a whole message: these, between the ones that every message has.
fn events(between: Vec<Expected>, reason: &str) -> Vec<Expected> {
    let empty = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "human",
        "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 0, "output_tokens": 0}});
    let mut all = vec![(
        "message_start",
        json!({"type": "message_start", "message": empty}),
    )];
    all.extend(between);
    all.extend([
        (
            "message_delta",
            json!({"type": "message_delta", "usage": usage(),
                "delta": {"stop_reason": reason, "stop_sequence": null}}),
        ),
        ("message_stop", json!({"type": "message_stop"})),
    ]);
    all
}

fn usage() -> Value {
    json!({"input_tokens": 11, "output_tokens": 7})
}

/// The events of a block that begins like this and grows by these pieces.
fn block(index: u32, begins: Value, pieces: &[Value]) -> Vec<Expected> {
    let start = json!({"type": "content_block_start", "index": index, "content_block": begins});
    let mut events = vec![("content_block_start", start)];
    events.extend(pieces.iter().map(|delta| {
        let delta = json!({"type": "content_block_delta", "index": index, "delta": delta});
        ("content_block_delta", delta)
    }));
    let stop = json!({"type": "content_block_stop", "index": index});
    events.push(("content_block_stop", stop));
    events
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// The events of a block of text that comes in these pieces.
fn text_events(index: u32, pieces: &[&str]) -> Vec<Expected> {
    let pieces = pieces
        .iter()
        .map(|piece| json!({"type": "text_delta", "text": piece}));
    block(index, text(""), &pieces.collect::<Vec<_>>())
}

/// A message with these blocks.
fn document(content: Value, reason: &str) -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "human",
        "content": content, "stop_reason": reason, "stop_sequence": null, "usage": usage()})
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
        events: events(text_events(0, &[answer]), "end_turn"),
        document: document(json!([text(answer)]), "end_turn"),
    }
}

fn user(content: Value) -> Value {
    json!({"role": "user", "content": content})
}

fn run() -> Value {
    json!({"name": "run", "input_schema": {"type": "object", "required": ["cmd"],
        "properties": {"cmd": {"type": "string"}}}})
}

#[test]
fn what_is_asked_is_seen() {
    let table = vec![
        seen(
            "text",
            json!({"messages": [user(json!("What is 6 times 7?"))]}),
            &["user", "What is 6 times 7?", "Expected: max_tokens 1000"],
        ),
        seen(
            "text in blocks, and what was said before",
            json!({"messages": [user(json!("Hello")), {"role": "assistant", "content": "Hi"},
                user(json!([text("So,"), text("how are you?")]))]}),
            &[
                "user",
                "Hello",
                "assistant",
                "Hi",
                "── new",
                "user",
                "So,",
                "how are you?",
                "Expected: max_tokens 1000",
            ],
        ),
        seen(
            "a system prompt as text",
            json!({"system": "Be kind.", "messages": [user(json!("Hello"))]}),
            &[
                "▾ system",
                "Be kind.",
                "user",
                "Hello",
                "Expected: max_tokens 1000",
            ],
        ),
        seen(
            "a system prompt in blocks, with a mark for a cache",
            json!({"system": [text("Be kind."), {"type": "text", "text": "Be brief.",
                "cache_control": {"type": "ephemeral"}}], "messages": [user(json!("Hello"))]}),
            &[
                "▾ system",
                "Be kind.",
                "Be brief.",
                "user",
                "Hello",
                "Expected: max_tokens 1000",
            ],
        ),
        seen(
            "images by data, link and id",
            json!({"messages": [user(json!([text("What is this?"),
                {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                    "data": "AAAAAAAA"}},
                {"type": "image", "source": {"type": "url", "url": "https://example.org/cat.png"}},
                {"type": "image", "source": {"type": "file", "file_id": "file-7"}}]))]}),
            &[
                "user",
                "What is this?",
                "[image: image/png, 6 B]",
                "[image: https://example.org/cat.png]",
                "[image: file-7]",
                "Expected: max_tokens 1000",
            ],
        ),
        seen(
            "documents by data, text, link, id and content",
            json!({"messages": [user(json!([
                {"type": "document", "title": "a.pdf", "source": {"type": "base64",
                    "media_type": "application/pdf", "data": "AAAAAAAA"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain",
                    "data": "plain words"}},
                {"type": "document", "source": {"type": "url",
                    "url": "https://example.org/b.pdf"}},
                {"type": "document", "source": {"type": "file", "file_id": "file-8"}},
                {"type": "document", "title": "parts", "context": "from the archive", "source": {"type": "content",
                    "content": [{"type": "text", "text": "words in a block"}]}}]))]}),
            &[
                "user",
                "[file: a.pdf, 6 B]",
                "plain words",
                "[file: https://example.org/b.pdf]",
                "[file: file-8]",
                "[file: parts]",
                "from the archive",
                "words in a block",
                "Expected: max_tokens 1000",
            ],
        ),
        seen(
            "a call and its result",
            json!({"messages": [user(json!("List the files.")),
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "run",
                    "input": {"cmd": "ls"}}]},
                user(json!([{"type": "tool_result", "tool_use_id": "t1",
                    "content": "a.txt\n"}]))]}),
            &[
                "user",
                "List the files.",
                "run",
                "$ ls",
                "── new",
                "output",
                "a.txt",
                "Expected: max_tokens 1000",
            ],
        ),
        seen(
            "calls at the same time and their results, with a picture, a failure and a word more",
            json!({"messages": [user(json!("Look around.")),
                {"role": "assistant", "content": [text("I will."),
                    {"type": "tool_use", "id": "t1", "name": "shoot", "input": {"zoom": 2}},
                    {"type": "tool_use", "id": "t2", "name": "run", "input": {"cmd": "ls"}},
                    {"type": "tool_use", "id": "t3", "name": "wait", "input": {}}]},
                user(json!([
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]},
                    {"type": "tool_result", "tool_use_id": "t2", "is_error": true,
                        "content": "no such folder"},
                    {"type": "tool_result", "tool_use_id": "t3"},
                    text("Go on.")]))]}),
            &[
                "user",
                "Look around.",
                "assistant",
                "I will.",
                "shoot",
                "{",
                "\"zoom\": 2",
                "}",
                "run",
                "$ ls",
                "wait",
                "{}",
                "── new",
                "output · shoot",
                "[image: image/png, 3 B]",
                "output · $ ls",
                "(error)",
                "no such folder",
                "output · wait",
                "(no output)",
                "user",
                "Go on.",
                "Expected: max_tokens 1000",
            ],
        ),
        seen(
            "thoughts, readable and not",
            json!({"messages": [user(json!("Think.")), {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "First this.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "AAAA"},
                text("Done.")]}]}),
            &[
                "user",
                "Think.",
                "reasoning",
                "First this.",
                "reasoning",
                "(encrypted)",
                "assistant",
                "Done.",
                "Expected: max_tokens 1000",
            ],
        ),
        seen(
            "what Anthropic's servers did: a search and what it found",
            json!({"messages": [user(json!("Search.")), {"role": "assistant", "content": [
                {"type": "server_tool_use", "id": "s1", "name": "web_search",
                    "input": {"query": "roses"}},
                {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [
                    {"type": "web_search_result", "title": "Roses", "url": "https://example.org"}]},
                text("Found.")]}]}),
            &[
                "user",
                "Search.",
                "assistant",
                "{",
                "\"type\": \"server_tool_use\",",
                "\"id\": \"s1\",",
                "\"name\": \"web_search\",",
                "\"input\": {",
                "\"query\": \"roses\"",
                "}",
                "}",
                "{",
                "\"type\": \"web_search_tool_result\",",
                "\"tool_use_id\": \"s1\",",
                "\"content\": [",
                "{",
                "\"type\": \"web_search_result\",",
                "\"title\": \"Roses\",",
                "\"url\": \"https://example.org\"",
                "}",
                "]",
                "}",
                "Found.",
                "Expected: max_tokens 1000",
            ],
        ),
        seen(
            "what is not known: a role, a block, a tool and a field",
            json!({"sparkle": 5, "tools": [{"type": "teleport_2030", "name": "go"}],
                "messages": [{"role": "wizard", "content": [{"type": "smell", "smell": "rose"}]}]}),
            &[
                "wizard",
                "{",
                "\"type\": \"smell\",",
                "\"smell\": \"rose\"",
                "}",
                "Expected: max_tokens 1000",
            ],
        ),
        answered(
            "what is asked of the answer",
            "{}",
            json!({"messages": [user(json!("Pick one."))], "tools": [run()],
                "tool_choice": {"type": "none"}, "stop_sequences": ["END"],
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}),
            &[
                "user",
                "Pick one.",
                "Expected: JSON (schema) · no calls (tool_choice none) · max_tokens 1000 · stop_sequences",
                "[\"END\"]",
            ],
        ),
    ];
    play(&wire(), table);
}

#[test]
fn what_is_said_goes_out() {
    let asked = json!([user(json!("What next?"))]);
    let sees: &[&str] = &["user", "What next?", "Expected: max_tokens 1000"];
    let call = |id: &str, input: Value| json!({"type": "tool_use", "id": id, "name": "run", "input": input});
    let ls = || json!({"cmd": "ls"});
    let pwd = || json!({"cmd": "pwd"});
    // The input arrives as JSON text, after a block with an empty one.
    let calls = |index: u32, id: &str, input: Value| {
        let delta = json!({"type": "input_json_delta", "partial_json": input.to_string()});
        block(index, call(id, json!({})), &[delta])
    };
    let thinking = |text: &str| json!({"type": "thinking", "thinking": text, "signature": ""});
    let thoughts = [
        json!({"type": "thinking_delta", "thinking": "a\nb"}),
        json!({"type": "signature_delta", "signature": ""}),
    ];
    let error = json!({"type": "error",
        "error": {"type": "invalid_request_error", "message": "No."}});

    let table = vec![
        Case {
            about: "a note and the answer, line by line",
            request: json!({"messages": asked}),
            sees,
            does: vec![
                Press("Tab"),
                Write("One moment"),
                Press("Enter Shift+Tab"),
                Write("42\nor so"),
                Press("Enter"),
            ],
            events: events(
                [
                    text_events(0, &["One moment\n"]),
                    text_events(1, &["42\n", "or so"]),
                ]
                .concat(),
                "end_turn",
            ),
            document: document(json!([text("One moment\n"), text("42\nor so")]), "end_turn"),
        },
        Case {
            about: "a note that is typed live",
            request: json!({"messages": asked}),
            sees,
            does: vec![
                Press("Tab Alt+L"),
                Write("a\nb"),
                Press("Enter Shift+Tab"),
                Write("ok"),
                Press("Enter"),
            ],
            events: events(
                [text_events(0, &["a\n", "b", "\n"]), text_events(1, &["ok"])].concat(),
                "end_turn",
            ),
            document: document(json!([text("a\nb\n"), text("ok")]), "end_turn"),
        },
        Case {
            about: "two commands at once",
            request: json!({"messages": asked, "tools": [run()]}),
            sees,
            does: vec![Write("!ls"), Press("Alt+A"), Write("!pwd"), Press("Enter")],
            events: events(
                [calls(0, "toolu_2", ls()), calls(1, "toolu_3", pwd())].concat(),
                "tool_use",
            ),
            document: document(
                json!([call("toolu_2", ls()), call("toolu_3", pwd())]),
                "tool_use",
            ),
        },
        Case {
            about: "a note and a command for Anthropic's own shell",
            request: json!({"messages": asked,
                "tools": [{"type": "bash_20250124", "name": "run"}]}),
            sees,
            does: vec![
                Press("Tab"),
                Write("Looking"),
                Press("Enter Shift+Tab"),
                Write("!ls"),
                Press("Enter"),
            ],
            events: events(
                [
                    text_events(0, &["Looking\n"]),
                    calls(1, "toolu_2", json!({"command": "ls"})),
                ]
                .concat(),
                "tool_use",
            ),
            document: document(
                json!([text("Looking\n"), call("toolu_2", json!({"command": "ls"}))]),
                "tool_use",
            ),
        },
        Case {
            about: "thoughts",
            request: json!({"messages": asked}),
            sees,
            does: vec![
                Press("Shift+Tab Shift+Tab"),
                Write("a\nb"),
                Press("Enter Tab Tab"),
                Write("ok"),
                Press("Enter"),
            ],
            events: events(
                [block(0, thinking(""), &thoughts), text_events(1, &["ok"])].concat(),
                "end_turn",
            ),
            document: document(json!([thinking("a\nb"), text("ok")]), "end_turn"),
        },
        Case {
            about: "JSON of a schema, begun with its skeleton",
            request: json!({"messages": asked, "output_config": {"format": {"type": "json_schema",
                "schema": {"type": "object", "required": ["good"],
                    "properties": {"good": {"type": "boolean"}}}}}}),
            sees: &[
                "user",
                "What next?",
                "Expected: JSON (schema) · max_tokens 1000",
            ],
            does: vec![Press("Alt+I Enter")],
            events: events(
                text_events(0, &["{\n", "  \"good\": false\n", "}"]),
                "end_turn",
            ),
            document: document(json!([text("{\n  \"good\": false\n}")]), "end_turn"),
        },
        Case {
            about: "a note and a rejection",
            request: json!({"messages": asked}),
            sees,
            does: vec![
                Press("Tab"),
                Write("One moment"),
                Press("Enter Shift+Tab Shift+Tab"),
                Write("No."),
                Press("Enter"),
            ],
            events: [
                // The beginning of every message, without its end.
                events(Vec::new(), "").drain(..1).collect(),
                text_events(0, &["One moment\n"]),
                vec![("error", error)],
            ]
            .concat(),
            document: json!({"status": 400, "message": "No."}),
        },
    ];
    play(&wire(), table);
}
