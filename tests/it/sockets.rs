//! WebSocket mode of the Responses API, with a scripted person behind it.

use std::time::{Duration, Instant};

use crate::support::{Socket, TestServer, answer, note, rejection};
use humanllm::inbox::{Change, ConversationId};
use humanllm::store::Store;
use serde_json::{Value, json};

fn open(server: &TestServer) -> Socket {
    Socket::open(server.address, &[]).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

/// A request on the socket that is answered, and the response.
fn exchange(
    server: &mut TestServer,
    socket: &mut Socket,
    fields: Value,
    reply: &str,
) -> (Value, ConversationId) {
    socket.create(fields);
    let id = server.next_request();
    server.reply(id, answer(reply)).unwrap();
    let events = socket.response();
    server.wait_delivery();
    (events.last().unwrap()["response"].clone(), id)
}

fn code(event: &Value) -> (&Value, &Value) {
    assert_eq!(event["type"], "error", "{event}");
    assert!(event["error"]["message"].is_string(), "{event}");
    (&event["status"], &event["error"]["code"])
}

fn texts(server: &TestServer, id: ConversationId) -> Vec<String> {
    let items = server.inbox.get(id).expect("it is there").items().iter();
    items.map(|item| item.text()).collect()
}

#[test]
fn responses_follow_one_another_on_one_connection() {
    let mut server = TestServer::start();
    let mut socket = open(&server);
    // Codex 0.169 sends `stream` although it has no meaning here.
    socket.create(json!({"input": "one", "store": false, "stream": true}));
    let id = server.next_request();
    server.reply(id, note("wait")).unwrap();
    server.reply(id, answer("first")).unwrap();
    let events = socket.response();
    let names: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(names[..2], ["response.created", "response.in_progress"]);
    assert_eq!(names.last(), Some(&"response.completed"));
    let numbers: Vec<u64> = events
        .iter()
        .map(|event| event["sequence_number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    let first = events.last().unwrap()["response"].clone();
    assert_eq!(first["store"], false);

    let next = json!({"input": "two", "store": false, "previous_response_id": first["id"]});
    server.wait_delivery();
    server.wait_delivery();
    let (second, again) = exchange(&mut server, &mut socket, next, "second");
    assert_eq!(id, again);
    assert_eq!(texts(&server, id), ["one", "wait", "first", "two"]);
    assert_eq!(second["previous_response_id"], first["id"]);

    // What was not stored is known on that connection alone.
    let next = json!({"input": "three", "store": false, "previous_response_id": second["id"]});
    let mut other = open(&server);
    other.create(next.clone());
    assert_eq!(
        code(&other.next().unwrap()),
        (&json!(400), &json!("previous_response_not_found"))
    );
    // The connection goes on, and so does the first one.
    exchange(&mut server, &mut other, json!({"input": "anew"}), "new");
    exchange(&mut server, &mut socket, next, "third");
}

#[test]
fn what_is_stored_is_known_everywhere() {
    let mut server = TestServer::start();
    let mut socket = open(&server);
    let (first, _) = exchange(&mut server, &mut socket, json!({"input": "one"}), "first");
    drop(socket);
    let mut socket = open(&server);
    let next = json!({"input": "two", "previous_response_id": first["id"]});
    let (second, id) = exchange(&mut server, &mut socket, next, "second");
    assert_eq!(texts(&server, id), ["one", "first", "two"]);
    let path = format!("/v1/responses/{}", second["id"].as_str().unwrap());
    assert_eq!(server.client.get(&path, &[]), (200, second));
}

#[test]
fn requests_stand_in_line() {
    let mut server = TestServer::start();
    let mut socket = open(&server);
    socket.create(json!({"input": "one", "store": false}));
    socket.create(json!({"input": "two", "store": false}));
    let first = server.next_request();
    socket.until("response.in_progress");
    assert!(server.is_quiet(), "the second waits for the first");
    server.reply(first, answer("first")).unwrap();
    socket.response();
    server.wait_delivery();
    let second = server.next_request();
    server.reply(second, answer("second")).unwrap();
    let done = socket.response();
    assert_eq!(
        done.last().unwrap()["response"]["output"][0]["content"][0]["text"],
        "second"
    );
}

#[test]
fn a_request_can_be_prepared_without_an_answer() {
    let mut server = TestServer::start();
    let mut socket = open(&server);
    let developer =
        json!([{"type": "message", "role": "developer", "content": "You are helpful."}]);
    socket.create(json!({"input": developer, "store": false, "generate": false}));
    let events = socket.response();
    let prepared = &events.last().unwrap()["response"];
    assert_eq!(
        (&prepared["status"], &prepared["output"]),
        (&json!("completed"), &json!([]))
    );
    assert!(server.is_quiet(), "nobody has to read it");
    let next = json!({"input": "hi", "store": false, "previous_response_id": prepared["id"]});
    let (_, id) = exchange(&mut server, &mut socket, next, "hello");
    assert_eq!(texts(&server, id), ["You are helpful.", "hi"]);
}

#[test]
fn mistakes_are_told_and_the_connection_goes_on() {
    let mut server = TestServer::start();
    let mut socket = open(&server);
    for (message, param) in [
        ("{", Value::Null),
        ("[]", json!("body")),
        (r#"{"model": "human", "input": "x"}"#, json!("type")),
        (r#"{"type": "response.dance"}"#, json!("type")),
        (
            r#"{"type": "response.create", "input": "x"}"#,
            json!("model"),
        ),
        (
            r#"{"type": "response.create", "model": "human"}"#,
            json!("input"),
        ),
        (
            r#"{"type": "response.create", "model": "human", "input": "x", "background": true}"#,
            json!("background"),
        ),
    ] {
        socket.send(message);
        let event = socket.next().unwrap();
        assert_eq!(code(&event).0, &json!(400), "{message}");
        assert!(code(&event).1.is_string(), "{event}");
        if message != "{" {
            assert_eq!(event["error"]["param"], param, "{message}: {event}");
        }
    }
    assert!(server.is_quiet(), "nobody was asked");
    exchange(&mut server, &mut socket, json!({"input": "well"}), "well");
}

#[test]
fn a_request_that_fails_ends_its_chain() {
    let mut server = TestServer::start();
    let mut socket = open(&server);
    let (first, _) = exchange(
        &mut server,
        &mut socket,
        json!({"input": "one", "store": false}),
        "first",
    );
    let output = json!([{"type": "function_call_output", "call_id": "call_none", "output": "x"}]);
    let wrong = json!({"input": output, "store": false, "previous_response_id": first["id"]});
    socket.create(wrong);
    assert_eq!(code(&socket.next().unwrap()).0, &json!(400));
    let next = json!({"input": "two", "store": false, "previous_response_id": first["id"]});
    socket.create(next);
    assert_eq!(
        code(&socket.next().unwrap()).1,
        &json!("previous_response_not_found")
    );

    let (first, _) = exchange(
        &mut server,
        &mut socket,
        json!({"input": "one", "store": false}),
        "first",
    );
    let next = json!({"input": "two", "store": false, "previous_response_id": first["id"]});
    socket.create(next.clone());
    let id = server.next_request();
    server.reply(id, rejection("no")).unwrap();
    assert_eq!(
        socket.until("response.failed")["response"]["error"]["message"],
        "no"
    );
    server.wait_delivery();
    socket.create(next);
    assert_eq!(
        code(&socket.next().unwrap()).1,
        &json!("previous_response_not_found")
    );
}

#[test]
fn a_client_that_hangs_up_is_noticed() {
    let mut server = TestServer::start();
    let mut socket = open(&server);
    socket.create(json!({"input": "one"}));
    let id = server.next_request();
    socket.until("response.in_progress");
    drop(socket);
    let change = server.next_change();
    assert!(
        matches!(change, Change::ClientGone { conversation, .. } if conversation == id),
        "{change:?}"
    );
}

#[test]
fn a_socket_shows_signs_of_life() {
    let beat = std::time::Duration::from_millis(20);
    let mut server = TestServer::with_settings(10, |settings| settings.heartbeat = beat);
    let mut socket = open(&server);
    socket.create(json!({"input": "one"}));
    let id = server.next_request();
    for _ in 0..4 {
        socket.until("response.in_progress");
    }
    server.reply(id, answer("here")).unwrap();
    socket.until("response.completed");
}

#[test]
fn the_door_is_watched_here_too() {
    let server =
        TestServer::with_settings(10, |settings| settings.api_key = Some(b"secret".to_vec()));
    let refused = Socket::open(server.address, &[])
        .err()
        .expect("no key, no socket");
    assert_eq!(refused.0, 401);
    assert!(Socket::open(server.address, &[("authorization", "Bearer secret")]).is_ok());
    let page = [
        ("authorization", "Bearer secret"),
        ("origin", "https://evil.example"),
    ];
    assert_eq!(
        Socket::open(server.address, &page)
            .err()
            .expect("a web page")
            .0,
        403
    );
    // A plain GET is told what is missing.
    let key = [("authorization", "Bearer secret")];
    let (status, error) = server.client.get("/v1/responses", &key);
    assert_eq!(
        (status, &error["error"]["code"]),
        (426, &json!("upgrade_required"))
    );
}

#[test]
fn a_program_that_ends_says_so_to_every_socket() {
    let mut server = TestServer::start();
    let mut busy = open(&server);
    busy.create(json!({"input": "one"}));
    server.next_request();
    let mut idle = open(&server);
    server.close();
    server.leave();
    assert_eq!(
        busy.until("response.failed")["response"]["error"]["code"],
        "server_error"
    );
    assert_eq!(busy.next(), Err(1001));
    assert_eq!(idle.next(), Err(1001));
    server.finish();
}

#[test]
fn a_farewell_is_answered() {
    let mut server = TestServer::start();
    assert_eq!(open(&server).close(), 1000);
    // In the middle of a response too.
    let mut socket = open(&server);
    socket.create(json!({"input": "one"}));
    let id = server.next_request();
    assert_eq!(socket.close(), 1000);
    let change = server.next_change();
    assert!(
        matches!(change, Change::ClientGone { conversation, .. } if conversation == id),
        "{change:?}"
    );
}

#[test]
fn a_message_in_pieces_is_one_message() {
    let mut server = TestServer::start();
    let mut socket = open(&server);
    let text = r#"{"type": "response.create", "model": "human", "input": "日本"}"#;
    // Cut in the middle of a character.
    let (one, two) = text.as_bytes().split_at(text.find('日').unwrap() + 1);
    socket.send_text_frames(&[(one, false), (two, true)]);
    let id = server.next_request();
    assert_eq!(texts(&server, id), ["日本"]);
    socket.until("response.in_progress");
    socket.ping(b"there?");
    server.reply(id, answer("yes")).unwrap();
    socket.until("response.completed");
}

#[test]
fn a_message_that_is_too_large_is_told_so() {
    let mut server = TestServer::with_settings(10, |settings| settings.max_body = 1_000);
    let mut socket = open(&server);
    socket.create(json!({"input": "x".repeat(1_000)}));
    let error = socket.next().unwrap();
    assert_eq!(code(&error), (&json!(413), &json!("message_too_large")));
    exchange(&mut server, &mut socket, json!({"input": "short"}), "good");
    // What is far too large is not even read.
    socket.create(json!({"input": "x".repeat(10_000)}));
    let error = socket.next().unwrap();
    assert_eq!(code(&error), (&json!(413), &json!("message_too_large")));
    assert_eq!(socket.next(), Err(1009));
    assert!(server.is_quiet(), "nobody was asked");
}

#[test]
fn what_is_no_text_is_refused() {
    let mut server = TestServer::start();
    let mut socket = open(&server);
    socket.send_binary(b"{}");
    assert_eq!(code(&socket.next().unwrap()).0, &json!(400));
    exchange(&mut server, &mut socket, json!({"input": "text"}), "good");
    // RFC 6455, section 8.1: the connection has failed.
    socket.send_text_frames(&[(b"\xff\xfe", true)]);
    assert_eq!(socket.next(), Err(1007));
}

#[test]
fn a_socket_does_not_last_for_ever() {
    let server =
        TestServer::with_settings(10, |settings| settings.socket_lifetime = Duration::ZERO);
    let mut socket = open(&server);
    let error = socket.next().unwrap();
    let limit = json!("websocket_connection_limit_reached");
    assert_eq!(code(&error), (&json!(400), &limit));
    assert_eq!(socket.next(), Err(1000));
}

#[test]
fn a_response_outlasts_its_socket_s_time() {
    let lifetime = Duration::from_secs(1);
    let mut server = TestServer::with_settings(10, |settings| {
        settings.socket_lifetime = lifetime;
        settings.heartbeat = lifetime / 10;
    });
    let mut socket = open(&server);
    let opened = Instant::now();
    socket.create(json!({"input": "one"}));
    socket.create(json!({"input": "two"}));
    let id = server.next_request();
    while opened.elapsed() < lifetime {
        socket.until("response.in_progress");
    }
    server.reply(id, answer("late")).unwrap();
    socket.until("response.completed");
    let limit = json!("websocket_connection_limit_reached");
    assert_eq!(code(&socket.next().unwrap()).1, &limit);
    assert_eq!(socket.next(), Err(1000));
    server.wait_delivery();
    assert!(server.is_quiet(), "the second was never asked");
}

#[test]
fn what_stands_in_line_goes_on_from_what_is_before_it() {
    let mut server = TestServer::start();
    let mut socket = open(&server);
    socket.create(json!({"input": "one", "store": false}));
    let first = server.next_request();
    let created = socket.until("response.created")["response"].clone();
    let next = json!({"input": "two", "store": false, "previous_response_id": created["id"]});
    socket.create(next);
    server.reply(first, answer("first")).unwrap();
    socket.response();
    server.wait_delivery();
    let second = server.next_request();
    assert_eq!(first, second);
    assert_eq!(texts(&server, second), ["one", "first", "two"]);
}

#[test]
fn the_line_is_not_longer_than_it_may_be() {
    let mut server = TestServer::with_settings(10, |settings| settings.max_body = 1_000);
    let mut socket = open(&server);
    let long = "x".repeat(600);
    socket.create(json!({"input": "one"}));
    let id = server.next_request();
    socket.until("response.in_progress");
    socket.create(json!({"input": long}));
    socket.create(json!({"input": long}));
    let error = socket.next().unwrap();
    assert_eq!(code(&error), (&json!(429), &json!("too_many_requests")));
    server.reply(id, answer("done")).unwrap();
    socket.until("response.completed");
    server.wait_delivery();
    let id = server.next_request();
    assert_eq!(texts(&server, id), [long]);
}

#[test]
fn who_is_turned_away_pushes_nothing_out() {
    let mut server = TestServer::with_store(Store::new(1), 1, |_| {});
    let mut socket = open(&server);
    let (kept, _) = exchange(&mut server, &mut socket, json!({"input": "kept"}), "yes");
    // Somebody else takes the only place, and stores nothing.
    let asked = server.ask(json!({"model": "human", "input": "busy", "store": false}));
    let id = server.next_request();
    socket.create(json!({"input": "another"}));
    let error = socket.next().unwrap();
    assert_eq!(code(&error), (&json!(429), &json!("rate_limit_exceeded")));
    let path = format!("/v1/responses/{}", kept["id"].as_str().unwrap());
    assert_eq!(server.client.get(&path, &[]), (200, kept));
    server.reply(id, answer("free")).unwrap();
    asked.join().unwrap();
}

#[test]
fn a_handshake_may_offer_more_than_is_taken() {
    let mut server = TestServer::start();
    let offers = [
        ("sec-websocket-extensions", "permessage-deflate"),
        ("openai-beta", "responses_websockets=2026-02-06"),
    ];
    let mut socket = Socket::open(server.address, &offers).expect("a socket");
    exchange(&mut server, &mut socket, json!({"input": "hi"}), "hello");
}
