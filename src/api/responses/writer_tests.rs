//! The events of a response, one by one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::api::responses::parse;
use crate::api::{FailureCode, Interner};

/// An event, taken apart.
#[derive(Debug, PartialEq)]
struct WrittenEvent {
    name: &'static str,
    data: Value,
}

/// The response object, taken apart.
fn response(writer: &ResponsesWriter) -> Value {
    serde_json::from_str(&writer.document().unwrap()).unwrap()
}

/// The events in what is written.
fn read(frames: Vec<Frame>) -> Vec<WrittenEvent> {
    let named = frames.into_iter().filter_map(|frame| {
        let data = serde_json::from_str(&frame.data);
        frame.event.map(|name| (name, data.expect("JSON")))
    });
    named
        .map(|(name, data)| WrittenEvent { name, data })
        .collect()
}

/// A writer whose ids are `resp_0`, `msg_1`, … and whose clock stands still.
fn writer(extra: Value) -> ResponsesWriter {
    let mut body = json!({"model": "m", "input": "hi"});
    let fields = body.as_object_mut().unwrap();
    fields.extend(extra.as_object().unwrap().clone());
    let request = parse(body.to_string().as_bytes(), &Interner::default()).unwrap();
    let mut count = 0;
    let ids = move |prefix: &str| {
        count += 1;
        format!("{prefix}_{}", count - 1)
    };
    ResponsesWriter::new(&request, 100, Box::new(ids))
}

/// All events of a response to which these replies are given.
fn events(replies: &[Reply]) -> Vec<WrittenEvent> {
    let mut writer = writer(json!({}));
    let mut events = writer.start();
    for reply in replies {
        events.extend(writer.reply(reply, 107, USAGE));
    }
    read(events)
}

const USAGE: Option<Usage> = Some(Usage {
    input: 7,
    output: 5,
    reasoning: 2,
});

fn message(text: &str, phase: Phase) -> Body {
    Body::message(text, phase)
}

fn note(text: &str) -> Reply {
    Reply::Items(vec![message(text, Phase::Commentary)])
}

fn end(items: Vec<Body>) -> Reply {
    Reply::End {
        items,
        ending: Ending::Completed,
    }
}

fn answer(text: &str) -> Reply {
    end(vec![message(text, Phase::FinalAnswer)])
}

fn call(namespace: Option<&str>) -> Body {
    Body::FunctionCall {
        namespace: namespace.map(str::to_owned),
        name: "exec_command".into(),
        arguments: r#"{"cmd":"ls"}"#.into(),
    }
}

fn local_shell() -> Body {
    Body::LocalShellCall {
        command: vec!["bash".into(), "-lc".into(), "ls".into()],
        working_directory: Some("/tmp".into()),
    }
}

fn failure() -> Reply {
    Reply::End {
        items: vec![],
        ending: Ending::Failed {
            code: FailureCode::InvalidPrompt,
            message: "not today".into(),
        },
    }
}

/// One of each, with several items in one reply and one after the other.
fn conversations() -> Vec<Vec<Reply>> {
    vec![
        vec![answer("one\ntwo")],
        vec![note("wait"), note(""), answer("done")],
        vec![end(vec![call(None)])],
        vec![note("look"), end(vec![call(Some("ns")), local_shell()])],
        vec![note("hm"), failure()],
        vec![end(vec![])],
    ]
}

/// The events between the start and the end of one response, without `response.`.
fn names(replies: &[Reply]) -> Vec<&'static str> {
    let events = events(replies);
    let names = events.iter().map(|event| event.name);
    names
        .map(|name| name.strip_prefix("response.").unwrap())
        .collect()
}

#[test]
fn events_come_in_the_order_of_the_specification() {
    let start = ["created", "in_progress"];
    let line = |lines| {
        let mut names = vec!["output_item.added", "content_part.added"];
        names.extend(vec!["output_text.delta"; lines]);
        names.extend(["output_text.done", "content_part.done", "output_item.done"]);
        names
    };
    let function = [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ];
    let local = ["output_item.added", "output_item.done"];
    let table = [
        (vec![answer("hello")], line(1), "completed"),
        (vec![answer("a\nb\nc")], line(3), "completed"),
        (
            vec![note("wait\n"), answer("done")],
            [line(1), line(1)].concat(),
            "completed",
        ),
        (vec![end(vec![call(None)])], function.to_vec(), "completed"),
        (
            vec![end(vec![call(Some("ns")), call(None)])],
            [function, function].concat(),
            "completed",
        ),
        (vec![end(vec![local_shell()])], local.to_vec(), "completed"),
        (vec![failure()], vec![], "failed"),
        (vec![note("hm"), failure()], line(1), "failed"),
    ];
    for (replies, middle, last) in table {
        let expected = [start.to_vec(), middle, vec![last]].concat();
        assert_eq!(names(&replies), expected, "{replies:?}");
    }
}

#[test]
fn every_event_is_numbered_and_named_as_its_type() {
    for replies in conversations() {
        for (index, event) in events(&replies).iter().enumerate() {
            assert_eq!(event.data["type"], event.name);
            assert_eq!(event.data["sequence_number"], index, "{event:?}");
        }
    }
    let mut writer = writer(json!({}));
    writer.start();
    let beat = read(vec![writer.heartbeat()]).remove(0);
    assert_eq!(beat.name, "response.in_progress");
    assert_eq!(beat.data["sequence_number"], 2);
    assert_eq!(
        read(writer.reply(&answer("x"), 0, None))[0].data["sequence_number"],
        3
    );
}

#[test]
fn all_events_of_an_item_carry_its_index_and_its_id() {
    for replies in conversations() {
        let events = events(&replies);
        let mut open: Option<(Value, Value)> = None;
        let mut done = Vec::new();
        for event in &events {
            let data = &event.data;
            match event.name {
                "response.output_item.added" => {
                    assert_eq!(open, None, "one item at a time");
                    assert_eq!(data["output_index"], done.len());
                    assert_eq!(data["item"]["status"], "in_progress");
                    open = Some((data["item"]["id"].clone(), data["item"]["call_id"].clone()));
                }
                "response.output_item.done" => {
                    assert_eq!(data["output_index"], done.len());
                    assert_eq!(data["item"]["status"], "completed");
                    let (id, call_id) = open.take().expect("it was added");
                    assert_eq!(
                        (&data["item"]["id"], &data["item"]["call_id"]),
                        (&id, &call_id)
                    );
                    done.push(data["item"].clone());
                }
                _ if data.get("response").is_some() => {
                    assert_eq!(open, None);
                    assert_eq!(data["response"]["output"], json!(done));
                }
                _ => {
                    assert_eq!(data["output_index"], done.len());
                    assert_eq!(Some(&data["item_id"]), open.as_ref().map(|open| &open.0));
                }
            }
        }
        let ids: BTreeSet<_> = done.iter().map(|item| item["id"].to_string()).collect();
        assert_eq!(ids.len(), done.len(), "{ids:?}");
    }
}

#[test]
fn text_arrives_as_it_was_typed() {
    let long = "漢字かな\n".repeat(1000);
    for text in [
        "",
        "\n",
        "\n\n",
        "a",
        "a\n",
        "\na",
        "a\n\nb",
        "a\r\nb\r",
        "日本語\n한국어",
        "👩‍👩‍👧‍👦e\u{301}\n🇯🇵",
        "\u{0}\u{1b}[31m\u{2028}\u{feff}",
        "\"\\{}",
        &long,
    ] {
        let events = events(&[answer(text)]);
        let all = |name: &str, field: &str| -> Vec<String> {
            let found = events.iter().filter(|event| event.name == name);
            let found = found.map(|event| event.data.pointer(field).unwrap().as_str().unwrap());
            found.map(str::to_owned).collect()
        };
        let deltas = all("response.output_text.delta", "/delta");
        assert_eq!(deltas.concat(), text);
        assert!(deltas.iter().all(|delta| !delta.is_empty()), "{deltas:?}");
        assert_eq!(all("response.output_text.done", "/text"), [text]);
        assert_eq!(all("response.content_part.added", "/part/text"), [""]);
        assert_eq!(all("response.content_part.done", "/part/text"), [text]);
        let item = "/item/content/0/text";
        assert_eq!(all("response.output_item.done", item), [text]);
        let response = "/response/output/0/content/0/text";
        assert_eq!(all("response.completed", response), [text]);
    }
}

#[test]
fn notes_and_answers_say_what_they_are() {
    let events = events(&[note("wait"), answer("done")]);
    let phases = |name: &str| -> Vec<&Value> {
        let found = events.iter().filter(|event| event.name == name);
        found.map(|event| &event.data["item"]["phase"]).collect()
    };
    for name in ["response.output_item.added", "response.output_item.done"] {
        assert_eq!(phases(name), ["commentary", "final_answer"]);
    }
}

#[test]
fn calls_are_in_the_form_that_clients_run() {
    let last = |reply| events(&[reply]).pop().unwrap().data["response"]["output"].take();
    assert_eq!(
        last(end(vec![call(None)])),
        json!([{"type": "function_call", "id": "fc_1", "call_id": "call_2", "name": "exec_command",
            "arguments": r#"{"cmd":"ls"}"#, "status": "completed"}])
    );
    assert_eq!(
        last(end(vec![call(Some("ns"))]))[0],
        json!({"type": "function_call", "id": "fc_1", "call_id": "call_2", "name": "exec_command",
            "arguments": r#"{"cmd":"ls"}"#, "status": "completed", "namespace": "ns"})
    );
    assert_eq!(
        last(end(vec![local_shell()]))[0],
        json!({"type": "local_shell_call", "id": "lsh_1", "call_id": "call_2",
            "status": "completed", "action": {"type": "exec", "command": ["bash", "-lc", "ls"],
                "env": {}, "working_directory": "/tmp"}})
    );
    let events = events(&[end(vec![call(None)])]);
    let arguments: Vec<_> = events
        .iter()
        .filter_map(|event| event.data.get("delta").or(event.data.get("arguments")))
        .collect();
    assert_eq!(arguments, [r#"{"cmd":"ls"}"#; 2]);
}

#[test]
fn the_response_says_how_it_ended() {
    let ended = |reply| events(&[reply]).pop().unwrap().data["response"].take();
    let completed = ended(answer("x"));
    assert_eq!(completed["status"], "completed");
    assert_eq!(completed["error"], Value::Null);
    assert_eq!(
        (&completed["created_at"], &completed["completed_at"]),
        (&json!(100), &json!(107))
    );
    let failed = ended(failure());
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["completed_at"], Value::Null);
    assert_eq!(
        failed["error"],
        json!({"code": "invalid_prompt", "message": "not today", "type": "invalid_request_error"})
    );
    assert_eq!(failed["id"], "resp_0");
}

#[test]
fn a_plain_answer_is_the_response_of_the_last_event() {
    for replies in conversations() {
        let mut writer = writer(json!({}));
        for reply in &replies {
            writer.reply(reply, 107, USAGE);
        }
        let last = events(&replies).pop().unwrap();
        assert_eq!(response(&writer), last.data["response"]);
    }
}

#[test]
fn what_a_request_asks_is_echoed_in_the_words_of_the_schema() {
    let table = [
        (json!({}), "/tools", json!([])),
        (json!({}), "/temperature", json!(1.0)),
        (json!({"temperature": 0}), "/temperature", json!(0)),
        (json!({"top_p": null}), "/top_p", json!(1.0)),
        (json!({}), "/store", json!(true)),
        (json!({"store": false}), "/store", json!(false)),
        (json!({}), "/background", json!(false)),
        (json!({"background": true}), "/background", json!(true)),
        (
            json!({"previous_response_id": "resp_0"}),
            "/previous_response_id",
            json!("resp_0"),
        ),
        (
            json!({"conversation": "conv_0"}),
            "/conversation",
            json!({"id": "conv_0"}),
        ),
        (
            json!({"service_tier": "warp"}),
            "/service_tier",
            json!("default"),
        ),
        (
            json!({"truncation": "maybe"}),
            "/truncation",
            json!("disabled"),
        ),
        (json!({"truncation": "auto"}), "/truncation", json!("auto")),
        (
            json!({"instructions": "be kind"}),
            "/instructions",
            json!("be kind"),
        ),
        (
            json!({"metadata": {"a": "b"}}),
            "/metadata",
            json!({"a": "b"}),
        ),
        (json!({"metadata": null}), "/metadata", json!({})),
        (
            json!({"metadata": {"a": 1, "b": "x", "c": {}}}),
            "/metadata",
            json!({"b": "x"}),
        ),
        (json!({"reasoning": null}), "/reasoning", Value::Null),
        (
            json!({"reasoning": {"effort": "galactic", "summary": "auto"}}),
            "/reasoning",
            json!({"effort": null, "summary": "auto"}),
        ),
        (
            json!({"tool_choice": "never"}),
            "/tool_choice",
            json!("auto"),
        ),
        (
            json!({"tool_choice": "required"}),
            "/tool_choice",
            json!("required"),
        ),
        (
            json!({"tool_choice": {"type": "function", "name": "f", "x": 1}}),
            "/tool_choice",
            json!({"type": "function", "name": "f"}),
        ),
        (
            json!({"tool_choice": {"type": "custom", "name": "f"}}),
            "/tool_choice",
            json!("auto"),
        ),
        (
            json!({"tool_choice": {"type": "allowed_tools", "mode": "odd", "tools": [
                {"type": "function", "name": "f"}, {"type": "web_search"}, 7]}}),
            "/tool_choice",
            json!({"type": "allowed_tools", "mode": "auto",
                "tools": [{"type": "function", "name": "f"}]}),
        ),
        (
            json!({"tools": [{"type": "web_search"}, {"type": "function"},
                {"type": "function", "name": "f", "parameters": 7, "strict": "no"}]}),
            "/tools",
            json!([{"type": "function", "name": "f", "description": null, "parameters": null,
                "strict": null}]),
        ),
        (
            json!({"text": {"format": {"type": "hologram"}, "verbosity": "shouting"}}),
            "/text",
            json!({"format": {"type": "text"}}),
        ),
        (
            json!({"text": {"format": {"type": "json_object"}, "verbosity": "low"}}),
            "/text",
            json!({"format": {"type": "json_object"}, "verbosity": "low"}),
        ),
        (
            json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}}),
            "/text/format",
            json!({"type": "json_schema", "name": "n", "description": null, "schema": null,
                "strict": false}),
        ),
    ];
    for (extra, pointer, expected) in table {
        let response = response(&writer(extra.clone()));
        assert_eq!(response.pointer(pointer), Some(&expected), "{extra}");
    }
}

#[test]
fn an_answer_that_was_cut_off_is_incomplete_and_the_last_item() {
    let mut writer = writer(json!({}));
    let answer = |text| message(text, Phase::FinalAnswer);
    let cut = Reply::End {
        items: vec![answer("whole"), answer("half an ans")],
        ending: Ending::OutOfTokens,
    };
    let events = read(writer.reply(&cut, 200, None));
    assert_eq!(events.last().unwrap().name, "response.incomplete");
    let response = response(&writer);
    assert_eq!(response["status"], "incomplete");
    assert_eq!(response["completed_at"], Value::Null);
    assert_eq!(
        response["incomplete_details"],
        json!({"reason": "max_output_tokens"})
    );
    assert_eq!(response["output"][0]["status"], "completed");
    assert_eq!(response["output"][1]["status"], "incomplete");
}
