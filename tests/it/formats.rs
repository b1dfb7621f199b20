//! Chat Completions and Anthropic's Messages over real sockets, with a scripted person behind them.
//! What each kind of request looks like to the person, and each kind of reply on the wire, is in
//! `tests/it/wire_formats.rs`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::{Event, EventStream, TestServer, answer, note, rejection};
use humanllm::api::{Phase, Reply};
use humanllm::inbox::{Change, ConversationId, Delivery, ReplyError, Status};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const COUNT: &str = "/v1/messages/count_tokens";
const BOTH: [&str; 2] = [CHAT, MESSAGES];
/// What every client of Anthropic's API sends.
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// The smallest request of a format.
fn hello(path: &str, stream: bool) -> Value {
    let mut body = json!({"model": "human", "stream": stream,
        "messages": [{"role": "user", "content": "hello"}]});
    match path {
        CHAT => body["stream_options"] = json!({"include_usage": true}),
        _ => body["max_tokens"] = json!(1000),
    }
    body
}

/// A streamed request, as far as the event that comes by itself.
fn begin(server: &mut TestServer, path: &str) -> (EventStream, ConversationId) {
    let mut stream = server.client.post_sse(path, &[], &hello(path, true));
    let first = next(&mut stream);
    match path {
        CHAT => {
            let choice = &first.data["choices"][0];
            assert_eq!(choice["delta"]["role"], "assistant");
            assert_eq!(choice["finish_reason"], Value::Null);
        }
        _ => {
            assert_eq!(first.event, "message_start");
            assert_eq!(first.data["message"]["content"], json!([]));
        }
    }
    (stream, server.next_request())
}

/// A plain request; the answer comes when the person has given it.
fn plain(
    server: &mut TestServer,
    path: &'static str,
) -> (JoinHandle<(u16, Value)>, ConversationId) {
    let client = server.client.clone();
    let asked = std::thread::spawn(move || client.post_json(path, &[], &hello(path, false)));
    (asked, server.next_request())
}

fn next(stream: &mut EventStream) -> Event {
    stream.next_event().expect("another event")
}

/// The text that an event adds.
fn delta(event: &Event) -> Option<&str> {
    let chat = &event.data["choices"][0]["delta"]["content"];
    chat.as_str().or(event.data["delta"]["text"].as_str())
}

/// The text that events add up to.
fn text(events: &[Event]) -> String {
    events.iter().filter_map(delta).collect()
}

/// Reads up to the event that adds this text.
fn until_text(stream: &mut EventStream, text: &str) {
    let found = stream.any(|event| delta(&event) == Some(text));
    assert!(found, "the stream ended without {text:?}");
}

/// The message of an error in OpenAI's form, checked to be one.
fn openai_error<'a>(body: &'a Value, kind: &str) -> &'a str {
    let error = &body["error"];
    assert_eq!(error["type"], kind, "{body}");
    assert!(body.get("type").is_none(), "{body}");
    for field in ["param", "code"] {
        let value = error.get(field);
        let fits = value.is_some_and(|value| value.is_null() || value.is_string());
        assert!(fits, "{field}: {body}");
    }
    error["message"].as_str().expect("a message")
}

/// The message of an error in Anthropic's form, checked to be one.
fn anthropic_error<'a>(body: &'a Value, kind: &str) -> &'a str {
    let message = body["error"]["message"].as_str();
    let message = message.unwrap_or_else(|| panic!("no message in {body}"));
    let form = json!({"type": "error", "error": {"type": kind, "message": message}});
    assert_eq!(body, &form);
    message
}

/// What clients make of a base URL with `/v1`, without it, and of one that they add it to again.
#[test]
fn every_format_answers_with_and_without_the_version_in_the_path() {
    let mut server = TestServer::start();
    let tool = json!({"model": "human", "input": "hello", "messages": []});
    for base in ["", "/v1", "/v1/v1"] {
        let url = |path: &str| format!("{base}{path}");
        for (path, body) in [
            ("/chat/completions", hello(CHAT, false)),
            ("/messages", hello(MESSAGES, false)),
            ("/responses", json!({"model": "human", "input": "hello"})),
        ] {
            let (client, path) = (server.client.clone(), url(path));
            let asked = std::thread::spawn(move || client.post_json(&path, &[], &body));
            let id = server.next_request();
            server.reply(id, answer("good morning")).unwrap();
            let (status, answer) = asked.join().unwrap();
            assert_eq!(status, 200, "{answer}");
            assert!(answer.to_string().contains("good morning"), "{answer}");
            server.wait_delivery();
        }
        let (status, counted) = server
            .client
            .post_json(&url("/messages/count_tokens"), &[], &tool);
        assert_eq!((status, counted["input_tokens"].is_u64()), (200, true));
        let (status, models) = server.client.get(&url("/models"), &[]);
        assert_eq!((status, models["object"].as_str()), (200, Some("list")));
        let (status, model) = server.client.get(&url("/models/org/human"), &[]);
        assert_eq!((status, model["id"].as_str()), (200, Some("org/human")));
        let (status, stored) = server.client.get(&url("/responses/resp_none"), &[]);
        let code = &stored["error"]["code"];
        assert_eq!((status, code != "unknown_url"), (404, true), "{stored}");
        // Errors are in the form of the format here too, and a wrong method is told of.
        let (status, refused) = server.client.post_json(&url("/messages"), &[], &json!({}));
        assert_eq!(status, 400);
        anthropic_error(&refused, "invalid_request_error");
        let (status, refused) = server.client.get(&url("/chat/completions"), &[]);
        assert_eq!(
            (status, &refused["error"]["code"]),
            (405, &json!("method_not_allowed"))
        );
    }
    let (status, _) = server.client.get("/v2/models", &[]);
    assert_eq!(status, 404);
}

#[test]
fn a_note_is_with_the_client_before_the_answer_is_given() {
    let mut server = TestServer::start();
    for path in BOTH {
        let (mut stream, id) = begin(&mut server, path);
        server.reply(id, note("one moment")).unwrap();
        until_text(&mut stream, "one moment\n");
        server.wait_delivery();
        assert!(server.inbox.get(id).unwrap().is_waiting());
        server.reply(id, answer("a\n\nこんにちは 👋")).unwrap();
        let rest = stream.rest();
        assert_eq!(text(&rest), "a\n\nこんにちは 👋", "{path}");
        server.wait_delivery();
        assert_eq!(server.inbox.get(id).unwrap().status(), Status::Answered);
        check_end(path, &rest);
    }
}

/// Checks how a stream ends, and that it tells what was used.
fn check_end(path: &str, rest: &[Event]) {
    if path == CHAT {
        let [.., end, usage, done] = rest else {
            panic!("{rest:?}");
        };
        assert_eq!(end.data["choices"][0]["finish_reason"], "stop");
        assert_eq!(end.data["usage"], Value::Null);
        assert_eq!(usage.data["choices"], json!([]));
        check_usage(path, &usage.data["usage"]);
        assert_eq!(done.data, "[DONE]");
        assert!(rest.iter().all(|event| event.event.is_empty()));
    } else {
        let [.., delta, stop] = rest else {
            panic!("{rest:?}");
        };
        assert_eq!(delta.data["delta"]["stop_reason"], "end_turn");
        check_usage(path, &delta.data["usage"]);
        assert_eq!(stop.data, json!({"type": "message_stop"}));
        assert!(rest.iter().all(|event| event.data["type"] == event.event));
    }
}

fn check_usage(path: &str, usage: &Value) {
    let count = |field: &str| {
        let count = usage[field].as_u64();
        count
            .filter(|count| *count > 0)
            .unwrap_or_else(|| panic!("{field}: {usage}"))
    };
    if path == CHAT {
        let sum = count("prompt_tokens") + count("completion_tokens");
        assert_eq!(count("total_tokens"), sum);
    } else {
        count("input_tokens");
        count("output_tokens");
    }
}

#[test]
fn a_plain_request_is_answered_with_the_whole() {
    let mut server = TestServer::start();
    for path in BOTH {
        let (client, id) = plain(&mut server, path);
        server.reply(id, note("one moment")).unwrap();
        server.reply(id, answer("hi\nthere")).unwrap();
        let (status, body) = client.join().unwrap();
        assert_eq!(status, 200, "{body}");
        server.wait_delivery();
        let said = server.inbox.get(id).unwrap().replies();
        let states: Vec<_> = said.iter().map(|said| said.state).collect();
        assert_eq!(states, [Delivery::Delivered; 2], "the note left with it");
        check_usage(path, &body["usage"]);
        if path == CHAT {
            assert_eq!(body["object"], "chat.completion");
            let choice = &body["choices"][0];
            assert_eq!(choice["message"]["content"], "one moment\nhi\nthere");
            assert_eq!(choice["finish_reason"], "stop");
        } else {
            assert_eq!(body["type"], "message");
            let texts: Vec<_> = body["content"].as_array().unwrap().iter().collect();
            assert_eq!(texts[0]["text"], "one moment\n");
            assert_eq!(texts[1]["text"], "hi\nthere");
            assert_eq!(body["stop_reason"], "end_turn");
        }
    }
}

#[test]
fn text_that_is_typed_live_arrives_as_it_is_typed() {
    let mut server = TestServer::start();
    for path in BOTH {
        let (mut stream, id) = begin(&mut server, path);
        let live = |delta: &str, phase| Reply::Live {
            delta: delta.into(),
            phase,
        };
        for delta in ["I am ", "looking"] {
            server.reply(id, live(delta, Phase::Commentary)).unwrap();
            until_text(&mut stream, delta);
            server.wait_delivery();
        }
        server.reply(id, Reply::Items(Vec::new())).unwrap();
        server.wait_delivery();
        server.reply(id, answer("found")).unwrap();
        let rest = stream.rest();
        server.wait_delivery();
        assert_eq!(
            text(&rest),
            "\nfound",
            "{path}: the note is a line of its own"
        );
    }
}

#[test]
fn a_waiting_stream_shows_signs_of_life() {
    let mut server = TestServer::with_settings(9, |settings| {
        settings.heartbeat = Duration::from_millis(50);
    });
    for path in BOTH {
        let (mut stream, id) = begin(&mut server, path);
        let is_beat = |event: &Event| match path {
            CHAT => event.data["choices"][0]["delta"] == json!({}),
            _ => event.data == json!({"type": "ping"}) && event.event == "ping",
        };
        for _ in 0..3 {
            let beat = next(&mut stream);
            assert!(is_beat(&beat), "{beat:?}");
        }
        server.reply(id, note("still thinking")).unwrap();
        until_text(&mut stream, "still thinking\n");
        assert!(stream.any(|event| is_beat(&event)));
        server.wait_delivery();
        server.reply(id, answer("done")).unwrap();
        let rest = stream.rest();
        assert_eq!(text(&rest), "done");
        check_end(path, &rest);
        server.wait_delivery();
    }
}

#[test]
fn a_rejection_is_an_error_in_the_callers_form() {
    let mut server = TestServer::start();
    for path in BOTH {
        let (stream, id) = begin(&mut server, path);
        server.reply(id, rejection("not today")).unwrap();
        let rest = stream.rest();
        server.wait_delivery();
        check_error_event(path, &rest, ["invalid_request_error"; 2], "not today");

        assert!(
            server.inbox.lift_rejections(id),
            "or it would be refused without anybody"
        );
        let (client, id) = plain(&mut server, path);
        server.reply(id, rejection("not today")).unwrap();
        let (status, body) = client.join().unwrap();
        server.wait_delivery();
        assert_eq!(status, 400, "{body}");
        let message = match path {
            CHAT => openai_error(&body, "invalid_request_error"),
            _ => anthropic_error(&body, "invalid_request_error"),
        };
        assert_eq!(message, "not today");
    }
}

/// Checks that a stream ends with an error and nothing else.
fn check_error_event(path: &str, rest: &[Event], [chat, messages]: [&str; 2], said: &str) {
    let message = match (path, rest) {
        (CHAT, [error, done]) => {
            assert_eq!(done.data, "[DONE]");
            openai_error(&error.data, chat)
        }
        (MESSAGES, [error]) => {
            assert_eq!(error.event, "error");
            anthropic_error(&error.data, messages)
        }
        _ => panic!("{rest:?}"),
    };
    assert!(message.contains(said), "{message}");
}

#[test]
fn stopping_tells_everybody_in_their_form() {
    for path in BOTH {
        let mut server = TestServer::start();
        let (stream, _) = begin(&mut server, path);
        let (waiting, _) = plain(&mut server, path);
        server.close();
        assert!(
            TcpStream::connect(server.address).is_err(),
            "the port is closed"
        );
        server.leave();
        let kinds = ["server_error", "overloaded_error"];
        check_error_event(path, &stream.rest(), kinds, "shutting down");
        let (status, body) = waiting.join().unwrap();
        assert_eq!(status, 503, "{body}");
        match path {
            CHAT => openai_error(&body, kinds[0]),
            _ => anthropic_error(&body, kinds[1]),
        };
        server.finish();
    }
}

#[test]
fn a_client_that_hangs_up_is_noticed() {
    let mut server = TestServer::start();
    for path in BOTH {
        let (stream, id) = begin(&mut server, path);
        drop(stream);
        let gone = |returned| Change::ClientGone {
            conversation: id,
            returned,
        };
        assert_eq!(server.next_change(), gone(Vec::new()), "{path}");
        assert_eq!(
            server.reply(id, answer("late")),
            Err(ReplyError::NobodyWaits)
        );

        let mut stream = server.connect();
        let body = hello(path, false).to_string();
        let length = body.len();
        let head = format!("Host: localhost\r\nContent-Length: {length}");
        write!(stream, "POST {path} HTTP/1.1\r\n{head}\r\n\r\n{body}").unwrap();
        let id = server.next_request();
        server.reply(id, note("one moment")).unwrap();
        drop(stream);
        let gone = Change::ClientGone {
            conversation: id,
            returned: vec!["typed".into()],
        };
        assert_eq!(server.next_change(), gone, "{path}");
        assert_eq!(server.inbox.waiting(), 0);
    }
}

#[test]
fn wrong_requests_are_told_what_is_wrong() {
    let server = TestServer::start();
    let messages = json!([{"role": "user", "content": "x"}]);
    for (body, param) in [
        (json!({"messages": messages}), "model"),
        (json!({"model": "m"}), "messages"),
        (json!({"model": "m", "messages": "x"}), "messages"),
        (json!({"model": "m", "messages": [7]}), "messages[0]"),
        (json!({"model": "m", "messages": [{}]}), "messages[0].role"),
        (
            json!({"model": "m", "messages": messages, "stream": 1}),
            "stream",
        ),
        (
            json!({"model": "m", "messages": messages, "tools": [7]}),
            "tools[0]",
        ),
        (json!([]), "body"),
    ] {
        let (status, answer) = server.client.post_json(CHAT, &[], &body);
        assert_eq!(status, 400, "{body}");
        openai_error(&answer, "invalid_request_error");
        assert_eq!(answer["error"]["param"], param, "{body}");
        // The same in the other form, because the caller says that it knows that one.
        let (status, answer) = server.client.post_json(CHAT, &[VERSION], &body);
        assert_eq!(status, 400, "{body}");
        let message = anthropic_error(&answer, "invalid_request_error");
        assert!(message.contains(&format!("'{param}'")), "{message}");
        for (path, headers) in [(MESSAGES, &[][..]), (MESSAGES, &[VERSION]), (COUNT, &[])] {
            let (status, answer) = server.client.post_json(path, headers, &body);
            assert_eq!(status, 400, "{path} {body}");
            let message = anthropic_error(&answer, "invalid_request_error");
            assert!(message.contains(&format!("'{param}'")), "{message}");
        }
    }
    let (status, answer) = server.client.post_json(
        CHAT,
        &[],
        &json!({"model": "m", "messages": messages, "n": 2}),
    );
    assert_eq!((status, &answer["error"]["param"]), (400, &json!("n")));
    let (status, answer) =
        server
            .client
            .post_json(MESSAGES, &[], &json!({"model": "m", "messages": messages}));
    assert_eq!(status, 400);
    assert!(anthropic_error(&answer, "invalid_request_error").contains("'max_tokens'"));
    assert!(server.is_quiet(), "nothing of it reached the person");
}

#[test]
fn either_header_holds_the_key() {
    let mut server =
        TestServer::with_settings(9, |settings| settings.api_key = Some(b"secret".to_vec()));
    let routes = [CHAT, MESSAGES, COUNT];
    for headers in [
        &[][..],
        &[("x-api-key", "wrong!")],
        &[("x-api-key", "Bearer secret")],
        &[("authorization", "Bearer wrong!"), ("x-api-key", "secret1")],
    ] {
        let mut theirs = headers.to_vec();
        theirs.push(VERSION);
        for path in routes {
            let body = hello(path, false);
            let (status, answer) = server.client.post_json(path, headers, &body);
            assert_eq!(status, 401, "{path} {headers:?}");
            let message = match path {
                CHAT => openai_error(&answer, "invalid_request_error"),
                _ => anthropic_error(&answer, "authentication_error"),
            };
            assert_eq!(message.contains("Incorrect"), !headers.is_empty());
            assert!(!message.contains("secret"), "{message}");
            let response = server
                .client
                .post(path, &theirs, body.to_string().as_bytes());
            assert_eq!(response.status(), 401);
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            assert_eq!(response.headers()["content-type"], "application/json");
        }
        for path in ["/v1/models", "/v1/models/human"] {
            let (status, answer) = server.client.get(path, &theirs);
            assert_eq!(status, 401);
            anthropic_error(&answer, "authentication_error");
            let (status, answer) = server.client.get(path, headers);
            assert_eq!(status, 401);
            openai_error(&answer, "invalid_request_error");
        }
    }
    assert!(server.is_quiet());
    for headers in [
        &[("authorization", "Bearer secret")][..],
        &[("x-api-key", "secret")],
        &[("authorization", "Bearer theirs"), ("x-api-key", "secret")],
    ] {
        for path in BOTH {
            let stream = server.client.post_sse(path, headers, &hello(path, true));
            let id = server.next_request();
            server.reply(id, answer("hi")).unwrap();
            assert_eq!(text(&stream.rest()), "hi");
            server.wait_delivery();
        }
        assert_eq!(server.client.get("/v1/models", headers).0, 200);
        assert_eq!(
            server
                .client
                .post_json(COUNT, headers, &hello(COUNT, false))
                .0,
            200
        );
    }
}

#[test]
fn a_full_inbox_refuses_in_the_callers_form() {
    for path in BOTH {
        let mut server = TestServer::with_settings(1, |_| {});
        let (stream, id) = begin(&mut server, path);
        let (status, body) = server.client.post_json(CHAT, &[], &hello(CHAT, true));
        assert_eq!(status, 429);
        openai_error(&body, "rate_limit_error");
        let body = hello(MESSAGES, true);
        let (status, body) = server.client.post_json(MESSAGES, &[], &body);
        assert_eq!(status, 429);
        anthropic_error(&body, "rate_limit_error");
        let (status, _) = server.client.post_json(COUNT, &[], &hello(COUNT, false));
        assert_eq!(status, 200, "which needs no place");
        assert!(server.is_quiet(), "the person is not disturbed");
        server.reply(id, answer("next, please")).unwrap();
        stream.rest();
    }
}

#[test]
fn what_is_refused_by_its_shape_is_refused_in_the_callers_form() {
    let server = TestServer::with_settings(9, |settings| settings.max_body = 1000);
    for size in [1001, 8 << 20] {
        let big = json!("x".repeat(size));
        let (status, body) = server.client.post_json(CHAT, &[], &big);
        assert_eq!(status, 413);
        assert!(openai_error(&body, "invalid_request_error").contains("1000 bytes"));
        for path in [MESSAGES, COUNT] {
            let (status, body) = server.client.post_json(path, &[], &big);
            assert_eq!(status, 413);
            assert!(anthropic_error(&body, "request_too_large").contains("1000 bytes"));
        }
    }
    let gzip = [("content-encoding", "gzip")];
    for path in [CHAT, MESSAGES, COUNT] {
        let (status, body) = server.client.post_json(path, &gzip, &hello(path, false));
        assert_eq!(status, 415, "{path}");
        match path {
            CHAT => openai_error(&body, "invalid_request_error"),
            _ => anthropic_error(&body, "invalid_request_error"),
        };
    }
    let evil = [("origin", "https://evil.example")];
    let (status, body) = server
        .client
        .post_json(MESSAGES, &evil, &hello(MESSAGES, false));
    assert_eq!(status, 403);
    anthropic_error(&body, "permission_error");
    for path in ["/v1/nothing", "/v1/models/nobody"] {
        let (status, body) = server.client.get(path, &[]);
        assert_eq!(status, 404);
        openai_error(&body, "invalid_request_error");
        let (status, body) = server.client.get(path, &[VERSION]);
        assert_eq!(status, 404);
        anthropic_error(&body, "not_found_error");
    }
    let (status, body) = server.client.get("/v1/messages/nothing", &[]);
    assert_eq!(status, 404);
    anthropic_error(&body, "not_found_error");
    let request =
        format!("GET {MESSAGES} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = server.send_raw(request.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let head = head.to_lowercase();
    assert!(head.starts_with("http/1.1 405"), "{head}");
    assert!(head.lines().any(|line| line == "allow: post"), "{head}");
    let body = serde_json::from_str(body).unwrap();
    anthropic_error(&body, "invalid_request_error");
    assert!(server.is_quiet());
}

#[test]
fn tokens_are_counted_without_the_person() {
    let server = TestServer::start();
    let count = |body: &Value| {
        let (status, answer) = server.client.post_json(COUNT, &[VERSION], body);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
        answer["input_tokens"].as_u64().expect("a number")
    };
    let mut body = json!({"model": "human", "messages": [{"role": "user", "content": "hello"}]});
    let short = count(&body);
    assert!(short > 0);
    body["system"] = json!("You are a patient person with a keyboard.");
    let with_system = count(&body);
    assert!(with_system > short);
    body["tools"] = json!([{"name": "run", "description": "Runs a command",
        "input_schema": {"type": "object", "properties": {"cmd": {"type": "string"}}}}]);
    assert!(count(&body) > with_system);
    assert!(server.is_quiet());
}

#[test]
fn each_family_finds_its_models() {
    let server = TestServer::start();
    let (_, list) = server.client.get("/v1/models", &[]);
    assert_eq!(list["object"], "list");
    let (status, list) = server.client.get("/v1/models", &[VERSION]);
    assert_eq!(status, 200);
    assert_eq!(list["has_more"], false);
    assert_eq!(
        (&list["first_id"], &list["last_id"]),
        (&json!("human"), &json!("org/human"))
    );
    for (index, id) in ["human", "org/human"].into_iter().enumerate() {
        let path = format!("/v1/models/{id}");
        let (_, ours) = server.client.get(&path, &[]);
        assert_eq!(
            (&ours["object"], &ours["id"]),
            (&json!("model"), &json!(id))
        );
        let (status, theirs) = server.client.get(&path, &[VERSION]);
        assert_eq!((status, &theirs), (200, &list["data"][index]));
        assert_eq!(
            (&theirs["type"], &theirs["id"]),
            (&json!("model"), &json!(id))
        );
        assert!(theirs["display_name"].is_string() && theirs["created_at"].is_string());
    }
}

#[test]
fn the_name_of_an_event_comes_before_its_data() {
    let mut server = TestServer::start();
    for path in BOTH {
        let body = hello(path, true).to_string();
        let response = server.client.post(path, &[], body.as_bytes());
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let id = server.next_request();
        server.reply(id, answer("a\nb")).unwrap();
        let mut wire = String::new();
        let mut reader = response.into_body().into_reader();
        reader.read_to_string(&mut wire).unwrap();
        server.wait_delivery();
        for event in wire.split_terminator("\n\n") {
            let fields: Vec<_> = event
                .lines()
                .filter_map(|line| Some(line.split_once(": ")?.0))
                .collect();
            match path {
                CHAT => assert_eq!(fields, ["data"], "{event}"),
                _ => assert_eq!(fields, ["event", "data"], "{event}"),
            }
        }
    }
}
