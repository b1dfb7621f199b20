//! The HTTP server over real sockets, with a scripted person behind it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::server::{hello_request, title_request};
use crate::support::{self, Event, EventStream, TestServer, answer, note, poll, rejection};
use humanllm::agents::AutoAnswered;
use humanllm::api::{Body, Reply};
use humanllm::inbox::{Change, Delivery, ReplyError, Status};
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";

/// A streamed request, as far as the events that come by themselves.
fn begin(server: &mut TestServer) -> (EventStream, humanllm::inbox::ConversationId) {
    begin_with(server, &hello_request(true))
}

fn begin_with(
    server: &mut TestServer,
    body: &Value,
) -> (EventStream, humanllm::inbox::ConversationId) {
    let mut stream = server.client.post_sse(PATH, &[], body);
    assert_eq!(next(&mut stream).event, "response.created");
    assert_eq!(next(&mut stream).event, "response.in_progress");
    (stream, server.next_request())
}

fn next(stream: &mut EventStream) -> Event {
    stream.next_event().expect("another event")
}

/// What the client of a plain request reads.
fn text_of(response: &Value) -> &str {
    response["output"][0]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("no text in {response}"))
}

fn is_done(event: &Event) -> bool {
    (event.event.as_str(), &event.data) == ("", &json!("[DONE]"))
}

/// The error object, checked to be one.
fn error(body: &Value) -> &Value {
    let error = &body["error"];
    for field in ["message", "type"] {
        assert!(error[field].is_string(), "{field}: {body}");
    }
    for field in ["param", "code"] {
        let value = error.get(field);
        assert!(
            value.is_some_and(|value| value.is_null() || value.is_string()),
            "{field}: {body}"
        );
    }
    error
}

/// Head and body of a raw answer, the latter as JSON where it is.
fn parts(answer: &str) -> (u16, String, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = serde_json::from_str(body).unwrap_or(Value::Null);
    (status.expect("a status"), head.to_lowercase(), body)
}

#[test]
fn a_stream_is_written_as_clients_expect_it() {
    let mut server = TestServer::start();
    let response = server
        .client
        .post(PATH, &[], hello_request(true).to_string().as_bytes());
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-cache");
    let id = server.next_request();
    server.reply(id, answer("a\n\nこんにちは\r\n👋")).unwrap();
    let mut text = String::new();
    let mut body = response.into_body().into_reader();
    body.read_to_string(&mut text).unwrap();

    let text = text.strip_suffix("data: [DONE]\n\n").expect(&text);
    let mut names = Vec::new();
    for (index, event) in text.split_terminator("\n\n").enumerate() {
        let lines: Vec<&str> = event.split('\n').collect();
        let [name, data] = lines[..] else {
            panic!("not two lines: {event:?}");
        };
        let name = name.strip_prefix("event: ").expect(name);
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").expect(data)).unwrap();
        assert_eq!(data["type"], name);
        assert_eq!(data["sequence_number"], index);
        names.push(name.strip_prefix("response.").expect(name));
    }
    assert_eq!(
        names.join(" "),
        "created in_progress output_item.added content_part.added output_text.delta \
         output_text.delta output_text.delta output_text.delta output_text.done \
         content_part.done output_item.done completed"
    );
}

#[test]
fn a_plain_request_is_answered_with_the_whole_response() {
    let mut server = TestServer::start();
    for (reply, status) in [
        (answer("hi\nthere"), "completed"),
        (rejection("not today"), "failed"),
    ] {
        let client = server.ask(hello_request(false));
        let id = server.next_request();
        server.reply(id, note("one moment")).unwrap();
        server.reply(id, reply).unwrap();
        let (code, response) = client.join().unwrap();
        assert_eq!((code, &response["status"]), (200, &json!(status)));
        assert_eq!(text_of(&response), "one moment");
        assert_eq!(response["output"][0]["phase"], "commentary");
        server.wait_delivery();
        let said = server.inbox.get(id).unwrap().replies();
        let states: Vec<_> = said.iter().map(|said| said.state).collect();
        assert_eq!(states, [Delivery::Delivered; 2], "the note left with it");
    }
}

#[test]
fn a_response_begins_before_anybody_has_read_the_request() {
    let server = TestServer::start();
    let mut stream = server.client.post_sse(PATH, &[], &hello_request(true));
    // Nobody has looked at the inbox yet.
    let created = next(&mut stream);
    assert_eq!(created.event, "response.created");
    assert_eq!(created.data["response"]["status"], "in_progress");
    assert_eq!(next(&mut stream).event, "response.in_progress");
}

#[test]
fn a_waiting_stream_shows_signs_of_life() {
    let mut server = TestServer::with_settings(9, |settings| {
        settings.heartbeat = Duration::from_millis(50);
    });
    let (mut stream, id) = begin(&mut server);
    for number in 2..5 {
        let beat = next(&mut stream);
        assert_eq!(beat.event, "response.in_progress");
        assert_eq!(beat.data["sequence_number"], number);
        assert_eq!(beat.data["response"]["status"], "in_progress");
    }
    server.reply(id, note("still thinking")).unwrap();
    let noted = stream.until("response.output_item.done");
    assert_eq!(noted["item"]["content"][0]["text"], "still thinking");
    let beat = stream.until("response.in_progress");
    assert_eq!(beat["response"]["output"][0], noted["item"]);
    server.reply(id, answer("done")).unwrap();
    let rest = stream.rest();
    assert!(is_done(rest.last().unwrap()));
    assert_eq!(rest[rest.len() - 2].event, "response.completed");
}

#[test]
fn a_note_is_with_the_client_before_the_answer_is_given() {
    let mut server = TestServer::start();
    let (mut stream, id) = begin(&mut server);
    for (index, text) in ["one moment", "two moments"].iter().enumerate() {
        server.reply(id, note(text)).unwrap();
        let done = stream.until("response.output_item.done");
        assert_eq!(done["output_index"], index);
        assert_eq!(done["item"]["phase"], "commentary");
        assert_eq!(done["item"]["content"][0]["text"], *text);
        server.wait_delivery();
    }
    assert!(server.inbox.get(id).unwrap().is_waiting());
    server.reply(id, answer("done")).unwrap();
    let completed = stream.until("response.completed");
    let output = completed["response"]["output"].as_array().unwrap();
    assert_eq!(
        (output.len(), &output[2]["phase"]),
        (3, &json!("final_answer"))
    );
    assert!(is_done(&next(&mut stream)));
    assert!(stream.next_event().is_none());
    server.wait_delivery();
    assert_eq!(server.inbox.get(id).unwrap().status(), Status::Answered);
}

#[test]
fn calls_and_rejections_reach_the_client() {
    let mut server = TestServer::start();
    let (mut stream, id) = begin(&mut server);
    let call = Body::FunctionCall {
        namespace: Some("ns".into()),
        name: "exec_command".into(),
        arguments: r#"{"cmd":"ls"}"#.into(),
    };
    server
        .reply(
            id,
            Reply::End {
                items: vec![call],
                ending: humanllm::api::Ending::Completed,
            },
        )
        .unwrap();
    let arguments = stream.until("response.function_call_arguments.done");
    assert_eq!(arguments["arguments"], r#"{"cmd":"ls"}"#);
    let item = &stream.until("response.completed")["response"]["output"][0];
    assert_eq!(item["namespace"], "ns");
    assert_eq!(item["name"], "exec_command");
    server.wait_delivery();

    let (mut stream, id) = begin(&mut server);
    server.reply(id, rejection("not today")).unwrap();
    let failed = stream.until("response.failed");
    assert_eq!(
        failed["response"]["error"],
        json!({"code": "invalid_prompt", "message": "not today", "type": "invalid_request_error"})
    );
    assert!(is_done(&next(&mut stream)));
}

#[test]
fn a_client_that_hangs_up_is_noticed_and_what_it_missed_comes_back() {
    let mut server = TestServer::start();
    // Streaming: what it has got is not lost.
    let (mut stream, id) = begin(&mut server);
    server.reply(id, note("one moment")).unwrap();
    stream.until("response.output_item.done");
    server.wait_delivery();
    drop(stream);
    let gone = Change::ClientGone {
        conversation: id,
        returned: Vec::new(),
    };
    assert_eq!(server.next_change(), gone);
    assert_eq!(server.inbox.get(id).unwrap().status(), Status::ClientGone);
    assert_eq!(
        server.reply(id, answer("late")),
        Err(ReplyError::NobodyWaits)
    );

    // Plain: a note waits for the answer, so it was not delivered.
    let mut stream = server.connect();
    post_raw(&mut stream, &hello_request(false));
    let id = server.next_request();
    server.reply(id, note("one moment")).unwrap();
    drop(stream);
    let gone = Change::ClientGone {
        conversation: id,
        returned: vec!["typed".into()],
    };
    assert_eq!(server.next_change(), gone);
    assert_eq!(
        server.reply(id, answer("late")),
        Err(ReplyError::NobodyWaits)
    );
    assert_eq!(server.inbox.waiting(), 0);
}

fn post_raw(stream: &mut TcpStream, body: &Value) {
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("sent");
}

#[test]
fn a_full_inbox_refuses_until_there_is_a_place() {
    let mut server = TestServer::with_settings(1, |_| {});
    let (stream, id) = begin(&mut server);
    for _ in 0..2 {
        let (status, body) = server.client.post_json(PATH, &[], &hello_request(true));
        assert_eq!(status, 429);
        assert_eq!(error(&body)["type"], "rate_limit_error");
        assert_eq!(error(&body)["code"], "rate_limit_exceeded");
        assert!(server.is_quiet(), "the person is not disturbed");
    }
    let big = vec![b' '; 8 << 20];
    assert_eq!(server.client.post(PATH, &[], &big).status(), 429);
    server.reply(id, answer("next, please")).unwrap();
    stream.rest();
    poll(
        "a place",
        || {
            let response =
                server
                    .client
                    .post(PATH, &[], hello_request(true).to_string().as_bytes());
            (response.status() == 200).then_some(())
        },
        String::new,
    );
}

#[test]
fn the_key_is_asked_for_everywhere_but_at_the_door() {
    let mut server =
        TestServer::with_settings(9, |settings| settings.api_key = Some(b"secret".to_vec()));
    let good = [("authorization", "bearer secret")];
    for headers in [
        &[][..],
        &[("authorization", "Bearer wrong!")],
        &[("authorization", "Bearer secret1")],
        &[("authorization", "Basic secret")],
    ] {
        let big = "x".repeat(8 << 20);
        for (status, body) in [
            server.client.get("/v1/models", headers),
            server.client.get("/v1/models/human", headers),
            server
                .client
                .post_json(PATH, headers, &hello_request(false)),
            server.client.post_json(PATH, headers, &json!(big)),
        ] {
            assert_eq!(status, 401, "{headers:?}");
            assert_eq!(error(&body)["type"], "invalid_request_error");
            assert_eq!(error(&body)["code"], "invalid_api_key");
            assert!(!body.to_string().contains("secret"), "{body}");
        }
    }
    assert!(server.is_quiet());
    let (_, head, _) = parts(&server.send_raw(&get_raw("1.1", "/v1/models", &["Host: localhost"])));
    assert!(head.contains("www-authenticate: bearer"), "{head}");
    assert_eq!(
        server.client.get("/healthz", &[]),
        (200, json!({"status": "ok"}))
    );
    assert_eq!(server.client.get("/v1/models", &good).0, 200);
    let mut stream = server.client.post_sse(PATH, &good, &hello_request(true));
    let id = server.next_request();
    server.reply(id, answer("hi")).unwrap();
    stream.until("response.completed");
}

fn get_raw(version: &str, path: &str, headers: &[&str]) -> Vec<u8> {
    request_raw("GET", version, path, headers)
}

fn request_raw(method: &str, version: &str, path: &str, headers: &[&str]) -> Vec<u8> {
    let mut lines = vec![format!("{method} {path} HTTP/{version}")];
    lines.extend(headers.iter().map(|&header| header.to_owned()));
    lines.push("Connection: close\r\n\r\n".into());
    lines.join("\r\n").into_bytes()
}

#[test]
fn web_pages_are_refused() {
    let server = TestServer::with_settings(9, |settings| {
        settings.allowed_hosts = vec!["my-laptop.lan".into()];
        settings.allowed_origins = vec!["https://friend.example".into()];
    });
    let own = format!("Host: {}", server.address);
    let table: [(&str, &[&str], u16); 24] = [
        ("1.1", &[&own], 200),
        ("1.1", &["Host: localhost"], 200),
        ("1.1", &["Host: LOCALHOST:8080"], 200),
        ("1.1", &["Host: [::1]:8080"], 200),
        ("1.1", &["Host: my-laptop.lan:3000"], 200),
        ("1.0", &[], 200),
        ("1.1", &["Host: evil.example"], 403),
        ("1.1", &["Host: evil.example:3000"], 403),
        ("1.1", &["Host: localhost.evil.example"], 403),
        ("1.1", &["Host: 127.0.0.1.evil.example"], 403),
        ("1.1", &["Host: [::ffff:127.0.0.1]:8080"], 200),
        ("1.1", &["Host: [::ffff:7f00:1]"], 200),
        ("1.1", &["Host: [::ffff:127.0.0.9]"], 403),
        ("1.1", &["Host: 2130706433"], 403),
        ("1.1", &["Host: 0x7f000001"], 403),
        ("1.1", &[], 400),
        ("1.0", &["Host: evil.example"], 403),
        ("1.1", &["Host: localhost", "Host: evil.example"], 400),
        ("1.1", &["Host: localhost", "Host: localhost"], 400),
        (
            "1.1",
            &["Host: localhost", "Origin: https://friend.example"],
            200,
        ),
        (
            "1.1",
            &["Host: localhost", "Origin: https://evil.example"],
            403,
        ),
        ("1.1", &["Host: localhost", "Origin: null"], 403),
        ("1.1", &["Host: localhost", "Origin: http://localhost"], 403),
        (
            "1.1",
            &["Host: evil.example", "Origin: https://friend.example"],
            403,
        ),
    ];
    for path in ["/v1/models", "/healthz"] {
        for (version, headers, expected) in table {
            let answer = server.send_raw(&get_raw(version, path, headers));
            let (status, head, body) = parts(&answer);
            assert_eq!(status, expected, "{path} {headers:?}: {answer}");
            let is_friend = headers.iter().any(|h| h.ends_with("friend.example"));
            let permitted = head.contains("access-control-allow-origin: https://friend.example");
            assert_eq!(
                permitted,
                is_friend && expected == 200,
                "{headers:?}: {head}"
            );
            assert_eq!(head.contains("access-control"), permitted, "{head}");
            if expected == 403 {
                assert!(
                    error(&body)["message"]
                        .as_str()
                        .unwrap()
                        .contains("allowed_")
                );
            }
        }
    }
    // What a page can send without asking, and what its browser asks first.
    let evil = [
        ("origin", "https://evil.example"),
        ("content-type", "text/plain"),
    ];
    let (status, _) = server.client.post_json(PATH, &evil, &hello_request(false));
    assert_eq!(status, 403);
    for host in ["localhost", "evil.example"] {
        for origin in ["https://evil.example", "https://friend.example"] {
            if (host, origin) == ("localhost", "https://friend.example") {
                continue;
            }
            let (host, origin) = (format!("Host: {host}"), format!("Origin: {origin}"));
            let headers = [&host, &origin, "Access-Control-Request-Method: POST"];
            let answer = server.send_raw(&request_raw("OPTIONS", "1.1", PATH, &headers));
            let (status, head, _) = parts(&answer);
            assert_eq!(status, 403, "{answer}");
            assert!(!head.contains("access-control"), "{head}");
        }
    }
    // A name in the request line counts too.
    let absolute = get_raw("1.1", "http://evil.example/v1/models", &["Host: localhost"]);
    assert_eq!(parts(&server.send_raw(&absolute)).0, 403);
    assert!(server.is_quiet(), "nothing reached the person");
}

#[test]
fn a_page_that_may_ask_can_use_the_server() {
    let mut server = TestServer::with_settings(9, |settings| {
        settings.api_key = Some(b"secret".to_vec());
        settings.allowed_origins = vec!["https://friend.example".into()];
    });
    let page = ["Host: localhost", "Origin: https://friend.example"];
    // What its browser asks first, without a key.
    for (private, allowed) in [(None, false), (Some("true"), true)] {
        let mut asks = page.to_vec();
        asks.push("Access-Control-Request-Method: POST");
        asks.push("Access-Control-Request-Headers: authorization,content-type,x-stainless-os");
        let network = private.map(|is| format!("Access-Control-Request-Private-Network: {is}"));
        asks.extend(network.as_deref());
        let answer = server.send_raw(&request_raw("OPTIONS", "1.1", PATH, &asks));
        let (status, head, _) = parts(&answer);
        assert_eq!(status, 204, "{answer}");
        for line in [
            "access-control-allow-origin: https://friend.example",
            "access-control-allow-methods: get, post, delete",
            "access-control-allow-headers: authorization,content-type,x-stainless-os",
            "vary: origin",
        ] {
            assert!(head.lines().any(|found| found == line), "{line}: {head}");
        }
        let network = head.contains("access-control-allow-private-network: true");
        assert_eq!(network, allowed, "{head}");
        assert!(!head.contains("allow-credentials"), "{head}");
    }
    // It can read why it is refused, and what it is answered while the answer comes to be.
    let refused = server.send_raw(&get_raw("1.1", "/v1/models", &page));
    let (status, head, _) = parts(&refused);
    assert_eq!(status, 401);
    assert!(head.contains("access-control-allow-origin"), "{head}");
    let headers = [
        ("origin", "https://friend.example"),
        ("authorization", "Bearer secret"),
    ];
    let body = hello_request(true).to_string();
    let response = server.client.post(PATH, &headers, body.as_bytes());
    assert_eq!(
        response.headers()["access-control-allow-origin"],
        "https://friend.example"
    );
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let id = server.next_request();
    server.reply(id, answer("hello, page")).unwrap();
    let mut text = String::new();
    let mut reader = response.into_body().into_reader();
    reader.read_to_string(&mut text).unwrap();
    assert!(text.contains("hello, page"), "{text}");
}

#[test]
fn what_is_not_there_is_said_in_json() {
    let server = TestServer::start();
    for (method, path, expected, allow) in [
        ("GET", "/", 404, None),
        ("GET", "/v1", 404, None),
        ("GET", "/v1/completions", 404, None),
        ("GET", "/v1/chat/completions", 405, Some("post")),
        ("POST", "/v1/responses/", 404, None),
        ("GET", "/v1/models/", 404, None),
        ("DELETE", PATH, 405, Some("post,get,head")),
        ("DELETE", "/v1/models", 405, Some("get,head")),
        ("POST", "/healthz", 405, Some("get,head")),
    ] {
        let answer = server.send_raw(&request_raw(method, "1.1", path, &["Host: localhost"]));
        let (status, head, body) = parts(&answer);
        assert_eq!(status, expected, "{method} {path}: {answer}");
        let message = error(&body)["message"].as_str().unwrap();
        for said in [path, method, "POST /v1/responses", "GET /v1/models"] {
            assert!(message.contains(said), "{message}");
        }
        let allowed = head.lines().find_map(|line| line.strip_prefix("allow: "));
        assert_eq!(allowed, allow, "{method} {path}");
    }
}

#[test]
fn models_are_listed_and_found() {
    let server = TestServer::start();
    let (status, list) = server.client.get("/v1/models", &[]);
    assert_eq!((status, &list["object"]), (200, &json!("list")));
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().collect();
    assert_eq!(ids.len(), 2);
    for (path, model) in [
        ("human", ids[0]),
        ("org/human", ids[1]),
        ("org%2Fhuman", ids[1]),
    ] {
        let (status, found) = server.client.get(&format!("/v1/models/{path}"), &[]);
        assert_eq!((status, &found), (200, model));
        assert_eq!(found["object"], "model");
    }
    for path in ["gpt-5", "%ff", "human/"] {
        let (status, body) = server.client.get(&format!("/v1/models/{path}"), &[]);
        assert_eq!(status, 404, "{path}");
        assert_eq!(error(&body)["code"], "model_not_found");
    }
}

#[test]
fn wrong_requests_are_told_what_is_wrong() {
    let server = TestServer::start();
    for (body, param) in [
        (json!({"input": "x"}), json!("model")),
        (json!({"model": "m"}), json!("input")),
        (json!({"model": "m", "input": 7}), json!("input")),
        (json!({"model": "m", "input": [{}, 7]}), json!("input[1]")),
        (
            json!({"model": "m", "input": "x", "tools": [7]}),
            json!("tools[0]"),
        ),
        (
            json!({"model": "m", "input": "x", "stream": 1}),
            json!("stream"),
        ),
        (
            json!({"model": "m", "input": "x", "text": {"format": "json"}}),
            json!("text.format"),
        ),
        (json!([]), json!("body")),
    ] {
        let (status, answer) = server.client.post_json(PATH, &[], &body);
        assert_eq!(status, 400, "{body}");
        assert_eq!(error(&answer)["type"], "invalid_request_error");
        assert_eq!(error(&answer)["param"], param, "{body}");
    }
    let deep = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"model":"m","input":[{{"x":{open}{close}}}]}}"#).into_bytes()
    };
    for body in [
        b"".to_vec(),
        b"{\"model\": \"m\"".to_vec(),
        b"{\"model\": \"m\", \"input\": \"\xff\xfe\"}".to_vec(),
        b"{\"model\": \"m\", \"input\": \"x\"} and more".to_vec(),
        b"{\"model\": \"m\", \"input\": \"\\ud800\"}".to_vec(),
        b"{\"model\": \"m\", \"input\": \"x\", \"temperature\": 1e999}".to_vec(),
        "[".repeat(1_000_000).into_bytes(),
        deep(200),
        deep(1_000_000),
    ] {
        let response = server.client.post(PATH, &[], &body);
        assert_eq!(response.status(), 400);
        let mut text = String::new();
        let mut reader = response.into_body().into_reader();
        reader.read_to_string(&mut text).unwrap();
        let answer = serde_json::from_str(&text).unwrap();
        let message = error(&answer)["message"].as_str().unwrap();
        assert!(message.contains("could not parse the JSON"), "{message}");
    }
    assert!(server.is_quiet(), "nothing of it reached the person");
    assert!(server.client.is_healthy());
}

#[test]
fn too_large_a_body_is_refused_in_words() {
    let server = TestServer::with_settings(9, |settings| settings.max_body = 1000);
    // More than a connection holds, so that it matters who closes first.
    for size in [1001, 8 << 20] {
        let (status, body) = server.client.post_json(PATH, &[], &json!("x".repeat(size)));
        assert_eq!(status, 413);
        assert!(
            error(&body)["message"]
                .as_str()
                .unwrap()
                .contains("1000 bytes")
        );

        let mut stream = server.connect();
        let head = "Host: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close";
        write!(stream, "POST {PATH} HTTP/1.1\r\n{head}\r\n\r\n").unwrap();
        for chunk in vec![b'x'; size].chunks(64 * 1024) {
            write!(stream, "{:x}\r\n", chunk.len()).unwrap();
            stream.write_all(chunk).unwrap();
            stream.write_all(b"\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (status, _, body) = parts(&answer);
        assert_eq!(status, 413, "{answer}");
        error(&body);
    }
    let exact = format!("{:1000}", r#"{"model": "m", "input": 7}"#);
    assert_eq!(
        server.client.post(PATH, &[], exact.as_bytes()).status(),
        400,
        "it was read"
    );
    assert!(server.is_quiet());
}

#[test]
fn a_large_request_is_answered() {
    let mut server = TestServer::start();
    let text = "長い話。".repeat((20 << 20) / 12);
    let client = server.ask(json!({"model": "m", "input": text}));
    let id = server.next_request();
    let items = server.inbox.get(id).unwrap().items();
    assert_eq!(items[0].text().len(), text.len());
    server.reply(id, answer("I see")).unwrap();
    let (status, response) = client.join().unwrap();
    assert_eq!((status, text_of(&response)), (200, "I see"));
}

#[test]
fn compressed_bodies_are_refused() {
    let server = TestServer::start();
    let body = hello_request(true).to_string();
    for encoding in ["gzip", "zstd", "identity, gzip"] {
        let headers = [("content-encoding", encoding)];
        let response = server.client.post(PATH, &headers, body.as_bytes());
        assert_eq!(response.status(), 415, "{encoding}");
    }
    let headers = [("content-encoding", "identity")];
    let response = server.client.post(PATH, &headers, body.as_bytes());
    assert_eq!(response.status(), 200);
}

#[test]
fn unknown_items_and_tools_are_kept_for_the_person() {
    let mut server = TestServer::start();
    let body = json!({
        "model": "m", "stream": true, "sparkle": {"a": [1]},
        "input": [{"type": "hologram", "x": 1}, {"role": "user", "content": "hi"}, {}],
        "tools": [{"type": "teleport", "to": "moon"}, {"type": "web_search"},
            {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "f"}]},
            {"type": "custom", "name": "apply_patch", "format": {"type": "grammar"}}],
    });
    let (mut stream, id) = begin_with(&mut server, &body);
    let request = server.inbox.get(id).unwrap().request().raw_body();
    let request: Value = serde_json::from_str(&request).unwrap();
    for field in ["sparkle", "input", "tools"] {
        assert_eq!(request[field], body[field]);
    }
    let tools = server.inbox.get(id).unwrap().tools();
    let titles: Vec<_> = tools.iter().map(|tool| tool.title()).collect();
    assert_eq!(titles, ["teleport", "web_search", "ns.f", "apply_patch"]);
    server.reply(id, answer("ok")).unwrap();
    stream.until("response.completed");
}

#[test]
fn threads_are_known_by_their_headers() {
    let mut server = TestServer::start();
    let headers = [
        ("thread-id", ""),
        ("session-id", "s1"),
        ("user-agent", "tool/1 (x)"),
    ];
    let _first = server.client.post_sse(PATH, &headers, &hello_request(true));
    let first = server.next_request();
    assert_eq!(server.inbox.get(first).unwrap().agent, "tool/1");
    let _second = server
        .client
        .post_sse(PATH, &headers[1..], &hello_request(true));
    assert_eq!(server.next_request(), first);
    let _other = server
        .client
        .post_sse(PATH, &[("session-id", "s2")], &hello_request(true));
    assert_ne!(server.next_request(), first);
}

#[test]
fn stopping_closes_the_port_and_then_tells_everybody() {
    let mut server = TestServer::start();
    let (stream, _) = begin(&mut server);
    let plain = server.ask(hello_request(false));
    server.next_request();
    server.close();
    assert!(
        TcpStream::connect(server.address).is_err(),
        "the port is closed"
    );
    server.leave();
    let rest = stream.rest();
    let [failed, done] = &rest[..] else {
        panic!("{rest:?}");
    };
    assert_eq!(failed.event, "response.failed");
    assert_eq!(failed.data["response"]["error"]["code"], "server_error");
    assert!(is_done(done));
    let (status, body) = plain.join().unwrap();
    assert_eq!(
        (status, &error(&body)["code"]),
        (503, &json!("server_error"))
    );
    server.finish();
}

#[test]
fn nobody_is_taken_in_when_the_person_has_left() {
    let mut server = TestServer::start();
    server.leave();
    for stream in [true, false] {
        let (status, body) = server.client.post_json(PATH, &[], &hello_request(stream));
        assert_eq!(
            (status, &error(&body)["type"]),
            (503, &json!("server_error"))
        );
    }
}

#[test]
fn what_agents_ask_for_themselves_never_waits_for_the_person() {
    let mut server = TestServer::start();
    let schema = title_request(false)["text"]["format"]["schema"].take();
    let check = |text: &str| {
        let title: Value = serde_json::from_str(text).unwrap();
        assert!(jsonschema::is_valid(&schema, &title), "{title}");
        assert_eq!(title["title"], "Say hello in Japanese");
    };
    // The person does nothing here; both are answered.
    let (status, response) = server.client.post_json(PATH, &[], &title_request(false));
    assert_eq!(status, 200);
    check(text_of(&response));
    let mut stream = server.client.post_sse(PATH, &[], &title_request(true));
    let completed = stream.until("response.completed");
    check(text_of(&completed["response"]));
    assert!(is_done(&next(&mut stream)));
    let seen = server.next_change();
    assert!(
        matches!(
            seen,
            Change::Arrived {
                automatic: true,
                ..
            }
        ),
        "{seen:?}"
    );
    assert_eq!(server.inbox.waiting(), 0);

    let mut server =
        TestServer::with_settings(9, |settings| settings.answered = AutoAnswered::NONE);
    let (mut stream, id) = begin_with(&mut server, &title_request(true));
    assert_eq!(server.inbox.waiting(), 1);
    server.reply(id, answer("by hand")).unwrap();
    assert_eq!(
        text_of(&stream.until("response.completed")["response"]),
        "by hand"
    );
}

#[test]
fn a_housekeeping_request_with_a_broken_schema_goes_to_the_person() {
    let mut server = TestServer::start();
    let mut body = title_request(true);
    body["text"]["format"]["schema"]["type"] = json!("no type");
    let (mut stream, id) = begin_with(&mut server, &body);
    server.reply(id, answer("by hand")).unwrap();
    stream.until("response.completed");
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let mut server = TestServer::start();
    let mut slow = server.connect();
    post_raw(&mut slow, &hello_request(true));
    let id = server.next_request();
    // Many times what a connection holds.
    server.reply(id, answer(&"x".repeat(16 << 20))).unwrap();
    for _ in 0..3 {
        let client = server.ask(hello_request(false));
        let other = server.next_request();
        server.reply(other, answer("hi")).unwrap();
        assert_eq!(text_of(&client.join().unwrap().1), "hi");
        server.wait_delivery();
    }
    let state = server.inbox.get(id).unwrap().replies()[0].state;
    assert_eq!(state, Delivery::Sent, "it was not taken in yet");
    drop(slow);
    let gone = Change::ClientGone {
        conversation: id,
        returned: vec!["typed".into()],
    };
    assert_eq!(server.next_change(), gone);
}

/// Reads until `text` has come `times`, or to the end if the server closes, and returns all of it.
fn read_up_to(stream: &mut TcpStream, text: &str, times: usize) -> String {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let so_far = String::from_utf8_lossy(&seen).into_owned();
        let count = match so_far.matches(text).count() < times {
            true => stream.read(&mut buffer).expect("more"),
            false => 0,
        };
        if count == 0 {
            return so_far;
        }
        seen.extend(&buffer[..count]);
    }
}

#[test]
fn a_stream_leaves_its_connection_to_the_next_request() {
    let mut server = TestServer::start();
    let mut connection = server.connect();
    // The second is sent before the first is answered, and a third one comes after both.
    post_raw(&mut connection, &hello_request(true));
    let first = server.next_request();
    post_raw(&mut connection, &hello_request(true));
    assert!(server.is_quiet(), "it waits for its turn");
    server.reply(first, answer("one")).unwrap();
    server.wait_delivery();
    let second = server.next_request();
    server.reply(second, answer("two")).unwrap();
    server.wait_delivery();
    let end = "0\r\n\r\n";
    let both = read_up_to(&mut connection, end, 2);
    assert_eq!(both.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{both}");
    assert_eq!(both.matches("transfer-encoding: chunked\r\n").count(), 2);
    assert_eq!(both.matches("\r\ndate: ").count(), 2);
    assert!(both.find("\"one\"") < both.find("\"two\""), "{both}");
    assert!(both.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"), "{both}");
    post_raw(&mut connection, &hello_request(false));
    let third = server.next_request();
    server.reply(third, answer("three")).unwrap();
    let plain = read_up_to(&mut connection, "three", 1);
    assert!(plain.starts_with("HTTP/1.1 200 OK\r\n"), "{plain}");
}

#[test]
fn a_stream_ends_with_its_connection_where_the_client_wants_that() {
    let mut server = TestServer::start();
    for (version, header) in [("1.1", "Connection: close\r\n"), ("1.0", "")] {
        let mut connection = server.connect();
        let body = hello_request(true).to_string();
        let head = format!("POST {PATH} HTTP/{version}\r\nHost: localhost\r\n{header}");
        let length = body.len();
        write!(connection, "{head}Content-Length: {length}\r\n\r\n{body}").expect("sent");
        let id = server.next_request();
        server.reply(id, answer("the end")).unwrap();
        let mut all = String::new();
        connection.read_to_string(&mut all).expect("up to the end");
        assert!(
            all.contains("the end") && all.contains("data: [DONE]"),
            "{all}"
        );
        server.wait_delivery();
    }
}

#[test]
fn one_connection_serves_many_requests() {
    let mut server = TestServer::start();
    let mut connection = server.connect();
    for text in ["one", "two"] {
        post_raw(&mut connection, &hello_request(false));
        let id = server.next_request();
        server.reply(id, answer(text)).unwrap();
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        while !support::contains(&seen, format!("\"text\":\"{text}\"").as_bytes()) {
            let count = connection.read(&mut buffer).expect("an answer");
            assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend(&buffer[..count]);
        }
        server.wait_delivery();
    }
}

#[test]
fn how_long_a_client_waits_is_known_where_it_says_so() {
    let mut server = TestServer::start();
    let seconds = |count| Some(Duration::from_secs(count));
    for (headers, stream, expected) in [
        (vec![("x-stainless-timeout", "600")], false, seconds(600)),
        (
            vec![
                ("x-stainless-read-timeout", "300"),
                ("x-stainless-timeout", "600"),
            ],
            false,
            seconds(300),
        ),
        // Signs of life keep one that streams.
        (vec![("x-stainless-timeout", "600")], true, None),
        (vec![("x-stainless-timeout", "soon")], false, None),
        (vec![("x-stainless-timeout", "-1")], false, None),
        (vec![], false, None),
    ] {
        let client = server.client.clone();
        let own = headers.clone();
        let asked = std::thread::spawn(move || {
            client.post(PATH, &own, hello_request(stream).to_string().as_bytes())
        });
        let id = server.next_request();
        let request = server.inbox.get(id).expect("it waits").request();
        assert_eq!(request.gives_up_after(), expected, "{headers:?} {stream}");
        assert_eq!(request.gets_all_at_once(), !stream);
        server.reply(id, answer("done")).expect("it waits");
        server.wait_delivery();
        asked.join().expect("an answer");
    }
}
