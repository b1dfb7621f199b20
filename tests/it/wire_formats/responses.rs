//! The table of the Responses API.

use humanllm::api::responses::{ResponsesWriter, parse};
use serde_json::{Value, json};

use super::Do::{Press, Write};
use super::*;
use crate::support::screen::{call, exec_command, function, message, output};

pub fn wire() -> Wire {
    Wire {
        parse,
        writer: |request, now, ids| Box::new(ResponsesWriter::new(request, now, ids)),
        base: json!({"model": "human", "stream": true}),
    }
}

/// The events of a whole response: these, between the ones that every response has.
fn events(between: Vec<Expected>, last: Expected) -> Vec<Expected> {
    let open = json!({"response": {"id": "resp_1", "status": "in_progress", "output": []}});
    let mut all = vec![
        ("response.created", open.clone()),
        ("response.in_progress", open),
    ];
    all.extend(between);
    all.push(last);
    all.push(("", json!("[DONE]")));
    all
}

fn completed(output: Value) -> Expected {
    let usage = json!({"input_tokens": 11, "output_tokens": 7, "total_tokens": 18,
        "output_tokens_details": {"reasoning_tokens": 2}});
    let response = json!({"id": "resp_1", "status": "completed", "created_at": 100,
        "completed_at": 107, "error": null, "output": output, "usage": usage});
    ("response.completed", json!({"response": response}))
}

/// The item that a message is when it is complete.
fn said(id: &str, phase: &str, text: &str) -> Value {
    json!({"type": "message", "id": id, "status": "completed", "role": "assistant",
        "phase": phase, "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

/// The events of a message, which arrives in these pieces.
fn message_events(index: u32, id: &str, phase: &str, pieces: &[&str]) -> Vec<Expected> {
    let text = pieces.concat();
    let at = |name: &str, value: Value| json!({"item_id": id, "output_index": index, "content_index": 0, name: value});
    let mut open = said(id, phase, "");
    (open["status"], open["content"]) = (json!("in_progress"), json!([]));
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
    let mut events = vec![
        (
            "response.output_item.added",
            json!({"output_index": index, "item": open}),
        ),
        ("response.content_part.added", at("part", part(""))),
    ];
    for piece in pieces {
        events.push(("response.output_text.delta", at("delta", json!(piece))));
    }
    events.extend([
        ("response.output_text.done", at("text", json!(text))),
        ("response.content_part.done", at("part", part(&text))),
        (
            "response.output_item.done",
            json!({"output_index": index, "item": said(id, phase, &text)}),
        ),
    ]);
    events
}

/// The events of an item that is a call; `kind` is what the events of its input are named after,
/// and `field` is where the item has it.
fn call_events(index: u32, item: &Value, kind: &str, field: &str) -> Vec<Expected> {
    let (delta, done) = match kind {
        "function_call_arguments" => (
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
        ),
        _ => (
            "response.custom_tool_call_input.delta",
            "response.custom_tool_call_input.done",
        ),
    };
    let mut open = item.clone();
    (open["status"], open[field]) = (json!("in_progress"), json!(""));
    let at = |name: &str| json!({"item_id": item["id"], "output_index": index, name: item[field]});
    vec![
        (
            "response.output_item.added",
            json!({"output_index": index, "item": open}),
        ),
        (delta, at("delta")),
        (done, at(field)),
        (
            "response.output_item.done",
            json!({"output_index": index, "item": item}),
        ),
    ]
}

/// The events of a call of the shell that OpenAI defined.
fn shell_events(index: u32, item: &Value) -> Vec<Expected> {
    let mut open = item.clone();
    open["status"] = json!("in_progress");
    open["action"]["commands"] = json!([]);
    let mut events = vec![(
        "response.output_item.added",
        json!({"output_index": index, "item": open}),
    )];
    let commands = item["action"]["commands"].as_array().expect("commands");
    for (at, command) in commands.iter().enumerate() {
        let about = |field: &str, text: &Value| json!({"output_index": index, "command_index": at, field: text});
        events.extend([
            (
                "response.shell_call_command.added",
                about("command", &json!("")),
            ),
            ("response.shell_call_command.delta", about("delta", command)),
            (
                "response.shell_call_command.done",
                about("command", command),
            ),
        ]);
    }
    events.push((
        "response.output_item.done",
        json!({"output_index": index, "item": item}),
    ));
    events
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
    let item = said("msg_2", "final_answer", answer);
    Case {
        about,
        request,
        sees,
        does: vec![Write(answer), Press("Enter")],
        events: events(
            message_events(0, "msg_2", "final_answer", &[answer]),
            completed(json!([item])),
        ),
        document: json!({"status": "completed", "output": [item]}),
    }
}

#[test]
fn what_is_asked_is_seen() {
    let table = vec![
        seen(
            "text",
            json!({"input": "What is 6 times 7?"}),
            &["user", "What is 6 times 7?"],
        ),
        seen(
            "a list of messages in the short form and the long one",
            json!({"input": [{"role": "user", "content": "Hello"},
                message("assistant", "Hi"), message("user", "Bye")]}),
            &["user", "Hello", "assistant", "Hi", "── new", "user", "Bye"],
        ),
        seen(
            "instructions, system and developer",
            json!({"instructions": "Be kind.", "input": [message("system", "Be brief."),
                message("developer", "Be right."), message("user", "Hello")]}),
            &[
                "▾ system",
                "Be kind.",
                "▾ system",
                "Be brief.",
                "▾ developer",
                "Be right.",
                "user",
                "Hello",
            ],
        ),
        seen(
            "images by data, link and id",
            json!({"input": [{"role": "user", "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAAAAAA"},
                {"type": "input_image", "image_url": "https://example.org/cat.png"},
                {"type": "input_image", "file_id": "file-7"}]}]}),
            &[
                "user",
                "What is this?",
                "[image: image/png, 6 B]",
                "[image: https://example.org/cat.png]",
                "[image: file-7]",
            ],
        ),
        seen(
            "files by data, link and id",
            json!({"input": [{"role": "user", "content": [
                {"type": "input_file", "filename": "a.pdf",
                    "file_data": "data:application/pdf;base64,AAAAAAAA"},
                {"type": "input_file", "file_url": "https://example.org/b.pdf"},
                {"type": "input_file", "file_id": "file-8"}]}]}),
            &[
                "user",
                "[file: a.pdf, 6 B]",
                "[file: https://example.org/b.pdf]",
                "[file: file-8]",
            ],
        ),
        seen(
            "a call and its output",
            json!({"input": [message("user", "List the files."), call("ls"),
                output("a.txt\n", 0)]}),
            &[
                "user",
                "List the files.",
                "exec_command",
                "$ ls",
                "── new",
                "output · exit 0 · 0.0 s",
                "a.txt",
            ],
        ),
        seen(
            "a call of the shell that OpenAI defined and what it printed",
            json!({"input": [message("user", "Look around."),
                {"type": "shell_call", "call_id": "c1", "status": "completed",
                    "action": {"commands": ["ls", "make"], "timeout_ms": null}},
                {"type": "shell_call_output", "call_id": "c1", "max_output_length": 4096,
                    "output": [
                        {"stdout": "a.txt\n", "stderr": "",
                            "outcome": {"type": "exit", "exit_code": 0}},
                        {"stdout": "", "stderr": "no target\n",
                            "outcome": {"type": "exit", "exit_code": 2}}]}]}),
            &[
                "user",
                "Look around.",
                "shell",
                "$ ls",
                "$ make",
                "── new",
                "output · exit 2",
                "a.txt",
                "stderr:",
                "no target",
            ],
        ),
        seen(
            "calls at the same time and their outputs, with a picture and a failure",
            json!({"input": [message("user", "Look around."),
                {"type": "function_call", "call_id": "c1", "namespace": "mcp__cam", "name": "shoot",
                    "arguments": "{\"zoom\":2}"},
                {"type": "custom_tool_call", "call_id": "c2", "name": "note", "input": "seen it"},
                {"type": "local_shell_call", "call_id": "c3",
                    "action": {"type": "exec", "command": ["bash", "-lc", "pwd"]}},
                {"type": "function_call_output", "call_id": "c1", "output": [
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]},
                {"type": "custom_tool_call_output", "call_id": "c2", "output": "noted"},
                {"type": "local_shell_call_output", "call_id": "c3", "output": ""}]}),
            &[
                "user",
                "Look around.",
                "mcp__cam.shoot",
                "{",
                "\"zoom\": 2",
                "}",
                "note",
                "seen it",
                "local_shell",
                "$ pwd",
                "── new",
                "output · mcp__cam.shoot",
                "[image: image/png, 3 B]",
                "output · note",
                "noted",
                "output · $ pwd",
                "(no output)",
            ],
        ),
        seen(
            "thoughts, readable and not",
            json!({"input": [message("user", "Think."),
                {"type": "reasoning", "id": "rs_1", "summary": [
                    {"type": "summary_text", "text": "First this."},
                    {"type": "summary_text", "text": "Then that."}]},
                {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAA"}]}),
            &[
                "user",
                "Think.",
                "reasoning",
                "First this.",
                "Then that.",
                "reasoning",
                "(encrypted)",
            ],
        ),
        seen(
            "what the model said before, by its phase, and a refusal",
            json!({"input": [message("user", "Go."),
                {"type": "message", "role": "assistant", "phase": "commentary", "content": [
                    {"type": "output_text", "text": "One moment"}]},
                {"type": "message", "role": "assistant", "phase": "final_answer", "content": [
                    {"type": "refusal", "refusal": "I will not."}]}]}),
            &[
                "user",
                "Go.",
                "assistant · commentary",
                "One moment",
                "assistant · final answer",
                "(refusal) I will not.",
            ],
        ),
        seen(
            "what is not known: an item, a part, a role, a tool and a field",
            json!({"sparkle": 5, "tools": [{"type": "teleport", "to": "moon"}], "input": [
                {"type": "hologram", "size": 3},
                {"role": "wizard", "content": [{"type": "input_smell", "smell": "rose"}]},
                {"type": "web_search_call", "action": {"type": "search", "query": "roses"}}]}),
            &[
                "hologram",
                "{",
                "\"type\": \"hologram\",",
                "\"size\": 3",
                "}",
                "wizard",
                "{",
                "\"type\": \"input_smell\",",
                "\"smell\": \"rose\"",
                "}",
                "web_search_call",
                "search: roses",
            ],
        ),
        answered(
            "what is asked of the answer",
            "{}",
            json!({"input": "Pick one.", "tools": [exec_command()], "tool_choice": "none",
                "parallel_tool_calls": false, "max_output_tokens": 50,
                "text": {"verbosity": "low", "format": {"type": "json_object"}}}),
            &[
                "user",
                "Pick one.",
                "Expected: a JSON object · no calls (tool_choice none) · one call at a time ·",
                "max_output_tokens 50 · verbosity low",
            ],
        ),
    ];
    play(&wire(), table);
}

#[test]
fn what_is_said_goes_out() {
    let asked = "What next?";
    let function_call = |id: &str, call_id: &str, name: &str, arguments: &str| {
        json!({"type": "function_call", "id": id, "call_id": call_id, "name": name,
            "arguments": arguments, "status": "completed"})
    };
    let note = said("msg_2", "commentary", "One moment");
    let answer = said("msg_3", "final_answer", "42\nor so");
    let live_note = said("msg_2", "commentary", "a\nb");
    let ls = function_call("fc_2", "call_3", "exec_command", r#"{"cmd":"ls"}"#);
    let pwd = function_call("fc_4", "call_5", "exec_command", r#"{"cmd":"pwd"}"#);
    let mut report = function_call("fc_2", "call_3", "report", "{}");
    report["namespace"] = json!("mcp__notes");
    let patch = json!({"type": "custom_tool_call", "id": "ctc_2", "call_id": "call_3",
        "name": "shout", "input": "hey\nyou", "status": "completed"});
    let local = json!({"type": "local_shell_call", "id": "lsh_2", "call_id": "call_3",
        "status": "completed",
        "action": {"type": "exec", "command": ["bash", "-lc", "ls"], "env": {}}});
    let shell = json!({"type": "shell_call", "id": "sh_2", "call_id": "call_3",
        "status": "completed", "action": {"commands": ["ls\npwd"]},
        "environment": {"type": "local"}});
    let thought = |text: &str| json!({"type": "summary_text", "text": text});
    let reasoning = json!({"type": "reasoning", "id": "rs_2", "summary": [thought("a\nb")]});
    let think = |name: &str, value: Value| json!({"item_id": "rs_2", "output_index": 0, "summary_index": 0, name: value});
    let failed = json!({"status": "failed", "output": [note],
        "error": {"code": "invalid_prompt", "message": "No."}});
    let verdict = said("msg_2", "final_answer", "{\n  \"good\": false\n}");
    let item = |index: u32, item: &Value| json!({"output_index": index, "item": item});
    let namespace = json!({"type": "namespace", "name": "mcp__notes", "tools": [
        function("report", "Reports.", json!({"type": "object"}))]});

    let table = vec![
        Case {
            about: "a note and the answer, line by line",
            request: json!({"input": asked}),
            sees: &["user", "What next?"],
            does: vec![
                Press("Tab"),
                Write("One moment"),
                Press("Enter Shift+Tab"),
                Write("42\nor so"),
                Press("Enter"),
            ],
            events: events(
                [
                    message_events(0, "msg_2", "commentary", &["One moment"]),
                    message_events(1, "msg_3", "final_answer", &["42\n", "or so"]),
                ]
                .concat(),
                completed(json!([note, answer])),
            ),
            document: json!({"status": "completed", "output": [note, answer]}),
        },
        Case {
            about: "a note that is typed live",
            request: json!({"input": asked}),
            sees: &["user", "What next?"],
            does: vec![
                Press("Tab Alt+L"),
                Write("a\nb"),
                Press("Enter Shift+Tab"),
                Write("ok"),
                Press("Enter"),
            ],
            events: events(
                [
                    message_events(0, "msg_2", "commentary", &["a\n", "b"]),
                    message_events(1, "msg_3", "final_answer", &["ok"]),
                ]
                .concat(),
                completed(json!([live_note, said("msg_3", "final_answer", "ok")])),
            ),
            document: json!({"output": [live_note, said("msg_3", "final_answer", "ok")]}),
        },
        Case {
            about: "two commands at once",
            request: json!({"input": asked, "tools": [exec_command()]}),
            sees: &["user", "What next?"],
            does: vec![Write("!ls"), Press("Alt+A"), Write("!pwd"), Press("Enter")],
            events: events(
                [
                    call_events(0, &ls, "function_call_arguments", "arguments"),
                    call_events(1, &pwd, "function_call_arguments", "arguments"),
                ]
                .concat(),
                completed(json!([ls, pwd])),
            ),
            document: json!({"status": "completed", "output": [ls, pwd]}),
        },
        Case {
            about: "a call of a function in a namespace",
            request: json!({"input": asked, "tools": [namespace]}),
            sees: &["user", "What next?"],
            does: vec![Press("Ctrl+T Enter Enter")],
            events: events(
                call_events(0, &report, "function_call_arguments", "arguments"),
                completed(json!([report])),
            ),
            document: json!({"status": "completed", "output": [report]}),
        },
        Case {
            about: "a call of a free-form tool",
            request: json!({"input": asked, "tools": [{"type": "custom", "name": "shout"}]}),
            sees: &["user", "What next?"],
            does: vec![Press("Ctrl+T Enter"), Write("hey\nyou"), Press("Enter")],
            events: events(
                call_events(0, &patch, "custom_tool_call_input", "input"),
                completed(json!([patch])),
            ),
            document: json!({"status": "completed", "output": [patch]}),
        },
        Case {
            about: "a command for the built-in shell",
            request: json!({"input": asked, "tools": [{"type": "local_shell"}]}),
            sees: &["user", "What next?"],
            does: vec![Write("!ls"), Press("Enter")],
            events: events(
                vec![
                    (
                        "response.output_item.added",
                        item(0, &{
                            let mut open = local.clone();
                            open["status"] = json!("in_progress");
                            open
                        }),
                    ),
                    ("response.output_item.done", item(0, &local)),
                ],
                completed(json!([local])),
            ),
            document: json!({"status": "completed", "output": [local]}),
        },
        Case {
            about: "two lines for the shell that OpenAI defined",
            request: json!({"input": asked, "tools": [
                {"type": "shell", "environment": {"type": "local"}}]}),
            sees: &["user", "What next?"],
            does: vec![Write("!ls\npwd"), Press("Enter")],
            events: events(shell_events(0, &shell), completed(json!([shell]))),
            document: json!({"status": "completed", "output": [shell]}),
        },
        Case {
            about: "thoughts",
            request: json!({"input": asked}),
            sees: &["user", "What next?"],
            does: vec![
                Press("Shift+Tab Shift+Tab"),
                Write("a\nb"),
                Press("Enter"),
                Press("Tab Tab"),
                Write("ok"),
                Press("Enter"),
            ],
            events: events(
                [
                    vec![
                        (
                            "response.output_item.added",
                            item(
                                0,
                                &json!({"type": "reasoning", "id": "rs_2", "summary": []}),
                            ),
                        ),
                        (
                            "response.reasoning_summary_part.added",
                            think("part", thought("")),
                        ),
                        (
                            "response.reasoning_summary_text.delta",
                            think("delta", json!("a\n")),
                        ),
                        (
                            "response.reasoning_summary_text.delta",
                            think("delta", json!("b")),
                        ),
                        (
                            "response.reasoning_summary_text.done",
                            think("text", json!("a\nb")),
                        ),
                        (
                            "response.reasoning_summary_part.done",
                            think("part", thought("a\nb")),
                        ),
                        ("response.output_item.done", item(0, &reasoning)),
                    ],
                    message_events(1, "msg_3", "final_answer", &["ok"]),
                ]
                .concat(),
                completed(json!([reasoning, said("msg_3", "final_answer", "ok")])),
            ),
            document: json!({"output": [reasoning, said("msg_3", "final_answer", "ok")]}),
        },
        Case {
            about: "a note and a rejection",
            request: json!({"input": asked}),
            sees: &["user", "What next?"],
            does: vec![
                Press("Tab"),
                Write("One moment"),
                Press("Enter Shift+Tab Shift+Tab"),
                Write("No."),
                Press("Enter"),
            ],
            events: events(
                message_events(0, "msg_2", "commentary", &["One moment"]),
                ("response.failed", json!({"response": failed})),
            ),
            document: failed,
        },
        Case {
            about: "JSON of a schema, begun with its skeleton",
            request: json!({"input": asked, "text": {"format": {"type": "json_schema",
                "name": "verdict", "schema": {"type": "object", "required": ["good"],
                    "properties": {"good": {"type": "boolean"}}}}}}),
            sees: &["user", "What next?", "Expected: JSON (verdict)"],
            does: vec![Press("Alt+I Enter")],
            events: events(
                message_events(
                    0,
                    "msg_2",
                    "final_answer",
                    &["{\n", "  \"good\": false\n", "}"],
                ),
                completed(json!([verdict])),
            ),
            document: json!({"status": "completed", "output": [verdict]}),
        },
    ];
    play(&wire(), table);
}
