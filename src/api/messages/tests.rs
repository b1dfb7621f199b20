use serde_json::{Value, json};

use super::*;
use crate::api::{
    Body, Ending, FailureCode, Frame, Interner, ItemBody, OutputFormat, Phase, Reply, Request,
    ResponseWriter, ToolChoice, Usage,
};

fn request(extra: Value) -> Request {
    let mut body = json!({"model": "m", "max_tokens": 100,
        "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    parse(body.to_string().as_bytes(), &Interner::default()).unwrap()
}

fn writer() -> MessagesWriter {
    let mut count = 0;
    let ids = move |prefix: &str| {
        count += 1;
        format!("{prefix}_{count}")
    };
    MessagesWriter::new(&request(json!({})), Box::new(ids))
}

#[test]
fn threads_are_refused_so_that_clients_send_the_whole_conversation() {
    let with = |thread: Value| {
        let body = json!({"model": "m", "max_tokens": 1, "messages": [], "thread": thread});
        parse(body.to_string().as_bytes(), &Interner::default())
    };
    assert!(with(Value::Null).is_ok());
    for thread in [
        json!({"type": "create"}),
        json!({"type": "continue", "previous_message_id": "msg_1"}),
    ] {
        let error = with(thread).unwrap_err();
        assert_eq!(error.status, 400);
        let details = json!({"error_code": "thread_unsupported_request", "unsupported": []});
        assert_eq!(error_object(&error)["error"]["details"], details);
    }
}

/// All events of a stream, each with a name that is its type.
fn stream(writer: &mut MessagesWriter, replies: &[Reply]) -> Vec<Value> {
    let usage = Some(Usage {
        input: 5,
        output: 3,
        reasoning: 0,
    });
    let mut frames: Vec<Frame> = writer.start();
    frames.push(writer.heartbeat());
    for reply in replies {
        frames.extend(writer.reply(reply, 0, usage));
    }
    let events = frames.iter().map(|frame| {
        let data: Value = serde_json::from_str(&frame.data).unwrap();
        assert_eq!(frame.event, data["type"].as_str());
        data
    });
    events.collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}

fn message(text: &str, phase: Phase) -> Body {
    Body::message(text, phase)
}

/// The document, taken apart.
fn document(writer: &MessagesWriter) -> Value {
    serde_json::from_str(&writer.document().unwrap()).unwrap()
}

fn end(items: Vec<Body>) -> Reply {
    Reply::End {
        items,
        ending: Ending::Completed,
    }
}

#[test]
fn blocks_of_every_kind_become_items() {
    let read = request(json!({
        "system": [{"type": "text", "text": "be kind"}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                    "data": "AAAA"}},
                {"type": "document", "title": "a.pdf", "source": {"type": "base64",
                    "media_type": "application/pdf", "data": "AAAA"}},
                {"type": "hologram"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hmm", "signature": "s"},
                {"type": "text", "text": "I will"},
                {"type": "tool_use", "id": "t1", "name": "bash", "input": {"command": "ls"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "a.txt"},
                {"type": "tool_result", "tool_use_id": "t2", "is_error": true,
                    "content": [{"type": "text", "text": "no"}]},
                {"type": "text", "text": "go on"}]}]}));
    let kinds: Vec<String> = read
        .items
        .iter()
        .map(|item| match item.body() {
            ItemBody::Said {
                role,
                call_id,
                body,
            } => match body {
                Body::Message { content, .. } => format!("{role} {}", content.len()),
                Body::FunctionCall {
                    name, arguments, ..
                } => {
                    let call_id = call_id.as_deref().unwrap_or("none");
                    format!("call {name} {arguments} {call_id}")
                }
                Body::Reasoning { summary } => format!("thought {}", summary.join("")),
                other => format!("{other:?}"),
            },
            ItemBody::ToolOutput { call_id, .. } => format!("output {call_id} {}", item.text()),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "system 1",
            "user 4",
            "thought hmm",
            "assistant 1",
            "call bash {\"command\":\"ls\"} t1",
            "output t1 a.txt",
            "output t2 (error)\nno",
            "user 1"
        ]
    );
}

#[test]
fn tools_and_choices_are_understood() {
    let read = request(json!({
        "tools": [
            {"name": "get", "description": "d", "input_schema": {"type": "object",
                "properties": {"a": {"type": "string"}}}},
            {"type": "bash_20250124", "name": "bash"},
            {"type": "web_search_20250305", "name": "web_search"}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true}}));
    let kinds: Vec<_> = read
        .tools
        .tools()
        .iter()
        .map(|t| (t.kind.as_str(), t.name.as_str()))
        .collect();
    let search = ("web_search_20250305", "web_search");
    assert_eq!(kinds, [("function", "get"), ("function", "bash"), search]);
    assert!(
        read.tools.tools()[0]
            .reading()
            .unwrap()
            .property("a")
            .is_some()
    );
    assert!(
        read.tools.tools()[1]
            .reading()
            .unwrap()
            .property("command")
            .is_some(),
        "a shell"
    );
    assert_eq!(
        (read.tool_choice, read.parallel_tool_calls),
        (ToolChoice::Required, false)
    );
}

#[test]
fn the_parameter_at_fault_is_named() {
    for (body, param) in [
        (json!({"max_tokens": 1, "messages": []}), "model"),
        (json!({"model": "m", "messages": []}), "max_tokens"),
        (
            json!({"model": "m", "max_tokens": "1", "messages": []}),
            "max_tokens",
        ),
        (json!({"model": "m", "max_tokens": 1}), "messages"),
        (
            json!({"model": "m", "max_tokens": 1, "messages": [{"content": 1}]}),
            "messages[0].role",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": [], "system": 1}),
            "system",
        ),
        (
            json!({"model": "m", "max_tokens": 1, "messages": [], "tools": [1]}),
            "tools[0]",
        ),
    ] {
        let error = parse(body.to_string().as_bytes(), &Interner::default()).unwrap_err();
        assert_eq!(
            (error.status, error.param.as_deref()),
            (400, Some(param)),
            "{body}"
        );
    }
    assert!(parse_for_count(br#"{"model": "m", "messages": []}"#, &Interner::default()).is_ok());
}

#[test]
fn events_come_in_order_and_add_up() {
    let mut writer = writer();
    let call = Body::FunctionCall {
        namespace: None,
        name: "get".into(),
        arguments: "{\"a\":1}".into(),
    };
    let thought = Body::reasoning("hmm");
    let events = stream(
        &mut writer,
        &[
            Reply::Items(vec![thought, message("one moment", Phase::Commentary)]),
            end(vec![call]),
        ],
    );
    assert_eq!(
        types(&events),
        [
            "message_start",
            "ping",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    let indexes: Vec<_> = events
        .iter()
        .filter_map(|event| event["index"].as_u64())
        .collect();
    assert_eq!(indexes, [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]);
    assert_eq!(events[10]["delta"]["partial_json"], "{\"a\":1}");
    assert_eq!(events[12]["delta"]["stop_reason"], "tool_use");
    assert_eq!(events[12]["usage"]["output_tokens"], 3);
    let document = document(&writer);
    assert_eq!(
        document["content"][1],
        json!({"type": "text", "text": "one moment\n"})
    );
    assert_eq!(document["content"][2]["input"], json!({"a": 1}));
    assert_eq!(document["usage"]["input_tokens"], 5);
}

#[test]
fn live_text_is_one_block() {
    let live = |text: &str| Reply::Live {
        delta: text.into(),
        phase: Phase::FinalAnswer,
    };
    let mut writer = writer();
    let events = stream(&mut writer, &[live("a\n"), live("b"), end(vec![])]);
    assert_eq!(events[2]["index"], 0);
    let document = document(&writer);
    assert_eq!(
        document["content"],
        json!([{"type": "text", "text": "a\nb"}])
    );
    assert_eq!(document["stop_reason"], "end_turn");
}

#[test]
fn a_rejection_is_an_error_in_either_form() {
    let failed = Reply::End {
        items: vec![],
        ending: Ending::Failed {
            code: FailureCode::InvalidPrompt,
            message: "not today".into(),
        },
    };
    let mut writer = writer();
    let events = stream(&mut writer, &[failed]);
    let expected = json!({"type": "error",
        "error": {"type": "invalid_request_error", "message": "not today"}});
    assert_eq!(events.last(), Some(&expected));
    assert_eq!(error_object(&writer.document().unwrap_err()), expected);
}

#[test]
fn a_schema_for_the_answer_is_read() {
    let format = |config: Value| request(json!({"output_config": config})).output_format;
    let schema = json!({"type": "object"});
    assert_eq!(
        format(json!({"format": {"type": "json_schema", "schema": schema}})),
        OutputFormat::JsonSchema {
            name: String::new(),
            schema
        }
    );
    for none in [
        json!({"effort": "low"}),
        json!({"format": null}),
        json!(null),
    ] {
        assert_eq!(format(none), OutputFormat::Text);
    }
}

#[test]
fn an_answer_that_was_cut_off_says_so() {
    let ids = |prefix: &str| format!("{prefix}_1");
    let mut writer = MessagesWriter::new(&request(json!({})), Box::new(ids));
    let item = Body::message("half an ans", Phase::FinalAnswer);
    let cut = Reply::End {
        items: vec![item],
        ending: Ending::OutOfTokens,
    };
    writer.reply(&cut, 8, None);
    assert_eq!(document(&writer)["stop_reason"], "max_tokens");
}
