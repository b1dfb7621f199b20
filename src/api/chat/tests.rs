use serde_json::{Value, json};

use super::*;
use crate::api::{
    Body, Ending, FailureCode, Frame, Interner, ItemBody, OutputFormat, Phase, Reply, Request,
    ResponseWriter, ToolChoice, Usage,
};

fn request(extra: Value) -> Request {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    parse(body.to_string().as_bytes(), &Interner::default()).unwrap()
}

fn writer(extra: Value) -> ChatWriter {
    let mut count = 0;
    let ids = move |prefix: &str| {
        count += 1;
        format!("{prefix}_{count}")
    };
    ChatWriter::new(&request(extra), 7, Box::new(ids))
}

fn note(text: &str) -> Body {
    Body::message(text, Phase::Commentary)
}

fn answer(text: &str) -> Body {
    Body::message(text, Phase::FinalAnswer)
}

fn call(name: &str, arguments: &str) -> Body {
    Body::FunctionCall {
        namespace: None,
        name: name.into(),
        arguments: arguments.into(),
    }
}

/// The document, taken apart.
fn document(writer: &ChatWriter) -> Value {
    serde_json::from_str(&writer.document().unwrap()).unwrap()
}

fn end(items: Vec<Body>) -> Reply {
    Reply::End {
        items,
        ending: Ending::Completed,
    }
}

const USAGE: Option<Usage> = Some(Usage {
    input: 5,
    output: 3,
    reasoning: 0,
});

/// All chunks as JSON, and whether the last line was the end of the stream.
fn stream(writer: &mut ChatWriter, replies: &[Reply]) -> Vec<Value> {
    let mut frames: Vec<Frame> = writer.start();
    frames.push(writer.heartbeat());
    for reply in replies {
        frames.extend(writer.reply(reply, 0, USAGE));
    }
    assert_eq!(frames.pop(), Some(Frame::data("[DONE]")));
    frames
        .iter()
        .map(|frame| {
            assert_eq!(frame.event, None);
            serde_json::from_str(&frame.data).unwrap()
        })
        .collect()
}

fn text_of(chunks: &[Value]) -> String {
    let texts = chunks.iter();
    texts
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect()
}

fn finish(chunks: &[Value]) -> Vec<&str> {
    let reasons = chunks.iter();
    reasons
        .filter_map(|chunk| chunk["choices"][0]["finish_reason"].as_str())
        .collect()
}

#[test]
fn messages_of_every_role_become_items() {
    let read = request(json!({"messages": [
        {"role": "system", "content": "be kind"},
        {"role": "developer", "content": [{"type": "text", "text": "and brief"}]},
        {"role": "user", "name": "jo", "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}},
            {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}}]},
        {"role": "assistant", "content": "I will", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "c2", "type": "custom", "custom": {"name": "p", "input": "raw"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "assistant", "content": null,
            "function_call": {"name": "old", "arguments": "{}"}},
        {"role": "function", "name": "old", "content": "fine"},
        {"role": "wizard", "content": "abracadabra"}]}));
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
                Body::FunctionCall { name, .. } => {
                    format!("call {name} {}", call_id.as_deref().unwrap_or("none"))
                }
                Body::CustomToolCall { name, input } => format!("custom {name} {input}"),
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
            "developer 1",
            "user 4",
            "assistant 1",
            "call f c1",
            "custom p raw",
            "output c1 done",
            "call old old",
            "output old fine",
            "wizard 1"
        ]
    );
    assert_eq!(
        serde_json::from_str::<Value>(&read.raw_body()).unwrap()["messages"][2]["name"],
        "jo",
        "nothing is lost for the reader"
    );
}

#[test]
fn tools_choices_and_formats_are_understood() {
    let function = json!({"name": "f", "description": "d", "parameters": {"type": "object"}});
    let read = request(json!({
        "tools": [{"type": "function", "function": function},
            {"type": "custom", "custom": {"name": "p", "description": "free"}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object"}}},
        "parallel_tool_calls": false}));
    let tools: Vec<_> = read
        .tools
        .tools()
        .iter()
        .map(|t| (t.kind.as_str(), t.name.as_str()))
        .collect();
    assert_eq!(tools, [("function", "f"), ("custom", "p")]);
    assert!(read.tools.tools()[0].parameters().is_some());
    let only = |required| ToolChoice::Only {
        names: vec!["f".into()],
        required,
    };
    assert_eq!(read.tool_choice, only(true));
    assert!(!read.parallel_tool_calls);
    let schema = json!({"type": "object"});
    assert_eq!(
        read.output_format,
        OutputFormat::JsonSchema {
            name: "n".into(),
            schema
        }
    );

    let read = request(json!({"functions": [function], "function_call": {"name": "f"}}));
    assert_eq!(
        (read.tools.tools()[0].name.as_str(), read.tool_choice),
        ("f", only(true))
    );
    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto",
        "tools": [{"type": "function", "function": {"name": "f"}}]}});
    assert_eq!(
        request(json!({"tool_choice": allowed})).tool_choice,
        only(false)
    );
    assert_eq!(
        request(json!({"tool_choice": "none"})).tool_choice,
        ToolChoice::None
    );
}

#[test]
fn the_parameter_at_fault_is_named() {
    for (body, param) in [
        (json!({"messages": []}), "model"),
        (json!({"model": "m"}), "messages"),
        (json!({"model": "m", "messages": "hi"}), "messages"),
        (json!({"model": "m", "messages": [7]}), "messages[0]"),
        (
            json!({"model": "m", "messages": [{"content": "x"}]}),
            "messages[0].role",
        ),
        (json!({"model": "m", "messages": [], "n": 2}), "n"),
        (json!({"model": "m", "messages": [], "stream": 1}), "stream"),
        (
            json!({"model": "m", "messages": [], "response_format": "json"}),
            "response_format",
        ),
        (json!({"model": "m", "messages": [], "tools": 1}), "tools"),
        (
            json!({"model": "m", "messages": [], "functions": 1}),
            "functions",
        ),
    ] {
        let error = parse(body.to_string().as_bytes(), &Interner::default()).unwrap_err();
        assert_eq!(
            (error.status, error.param.as_deref()),
            (400, Some(param)),
            "{body}"
        );
    }
}

#[test]
fn notes_are_lines_before_the_answer() {
    let replies = [
        Reply::Items(vec![note("one moment")]),
        Reply::Items(vec![note("still here\n")]),
        end(vec![answer("line 1\nline 2")]),
    ];
    let mut writer = writer(json!({}));
    let chunks = stream(&mut writer, &replies);
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(
        chunks[1]["choices"][0]["delta"],
        json!({}),
        "the heartbeat adds nothing"
    );
    let text = "one moment\nstill here\nline 1\nline 2";
    assert_eq!(text_of(&chunks), text);
    assert_eq!(finish(&chunks), ["stop"]);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["id"] == "chatcmpl_1" && chunk["created"] == 7)
    );
    let document = document(&writer);
    assert_eq!(document["object"], "chat.completion");
    assert_eq!(document["choices"][0]["message"]["content"], text);
    assert_eq!(document["usage"]["total_tokens"], 8);
}

#[test]
fn calls_carry_their_index_and_end_with_their_reason() {
    let items = vec![note("look"), call("f", "{\"a\":1}"), call("g", "{}")];
    let mut writer = writer(json!({"tools": []}));
    let chunks = stream(&mut writer, &[end(items)]);
    let calls: Vec<&Value> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0])
        .filter(|call| !call.is_null())
        .collect();
    assert_eq!(
        calls,
        [
            &json!({"index": 0, "id": "call_2", "type": "function",
                "function": {"name": "f", "arguments": "{\"a\":1}"}}),
            &json!({"index": 1, "id": "call_3", "type": "function",
                "function": {"name": "g", "arguments": "{}"}}),
        ]
    );
    assert_eq!(finish(&chunks), ["tool_calls"]);
    let message = &document(&writer)["choices"][0]["message"];
    assert_eq!(message["tool_calls"][1]["id"], "call_3");
    assert_eq!(message["content"], "look\n");
}

#[test]
fn old_clients_get_a_function_call() {
    let mut writer = writer(json!({"functions": [{"name": "f"}]}));
    let chunks = stream(&mut writer, &[end(vec![call("f", "{}")])]);
    assert_eq!(finish(&chunks), ["function_call"]);
    let message = &document(&writer)["choices"][0]["message"];
    assert_eq!(
        message["function_call"],
        json!({"name": "f", "arguments": "{}"})
    );
    assert_eq!(message["content"], Value::Null);
}

#[test]
fn usage_comes_last_where_it_is_asked_for() {
    let asked = json!({"stream_options": {"include_usage": true}});
    let chunks = stream(&mut writer(asked), &[end(vec![answer("x")])]);
    let last = chunks.last().unwrap();
    assert_eq!(
        (&last["choices"], &last["usage"]["prompt_tokens"]),
        (&json!([]), &json!(5))
    );
    let chunks = stream(&mut writer(json!({})), &[end(vec![answer("x")])]);
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[test]
fn live_text_flows_as_it_is_typed() {
    let live = |text: &str| Reply::Live {
        delta: text.into(),
        phase: Phase::FinalAnswer,
    };
    let mut writer = writer(json!({}));
    let chunks = stream(&mut writer, &[live("a\n"), live("b"), end(vec![])]);
    assert_eq!(text_of(&chunks), "a\nb");
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
    let mut writer = writer(json!({}));
    let chunks = stream(&mut writer, &[failed]);
    assert_eq!(chunks.last().unwrap()["error"]["message"], "not today");
    let error = writer.document().unwrap_err();
    assert_eq!((error.status, error.code), (400, Some("invalid_prompt")));
}

#[test]
fn an_answer_that_was_cut_off_says_so() {
    let mut writer = writer(json!({}));
    let cut = Reply::End {
        items: vec![answer("half an ans")],
        ending: Ending::OutOfTokens,
    };
    writer.reply(&cut, 8, USAGE);
    let document = document(&writer);
    assert_eq!(document["choices"][0]["finish_reason"], "length");
    assert_eq!(document["choices"][0]["message"]["content"], "half an ans");
}

#[test]
fn the_calls_of_a_message_share_what_came() {
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let body =
        json!({"model": "m", "messages": [{"role": "assistant", "tool_calls": [call, call]}]});
    let request = parse(body.to_string().as_bytes(), &Interner::default()).unwrap();
    let [one, other] = &request.items[..] else {
        panic!("{request:?}");
    };
    assert!(std::sync::Arc::ptr_eq(one.shared_raw(), other.shared_raw()));
}
