//! WebSocket mode of the Responses API, with a scripted person behind it.

use std::time::{Duration, Instant};

use crate::support::{Desk, Socket, answer, fail, note};
use humanllm::inbox::{Change, ConversationId};
use humanllm::store::Store;
use serde_json::{Value, json};

fn open(desk: &Desk) -> Socket {
    Socket::open(desk.address, &[]).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

/// A request on the socket that is answered, and the response.
fn exchange(
    desk: &mut Desk,
    socket: &mut Socket,
    fields: Value,
    reply: &str,
) -> (Value, ConversationId) {
    socket.create(fields);
    let id = desk.arrival();
    desk.say(id, answer(reply)).unwrap();
    let events = socket.response();
    desk.delivery();
    (events.last().unwrap()["response"].clone(), id)
}

fn code(event: &Value) -> (&Value, &Value) {
    assert_eq!(event["type"], "error", "{event}");
    assert!(event["error"]["message"].is_string(), "{event}");
    (&event["status"], &event["error"]["code"])
}

fn texts(desk: &Desk, id: ConversationId) -> Vec<String> {
    let items = desk.inbox.get(id).expect("it is there").items().iter();
    items.map(|item| item.text()).collect()
}

#[test]
fn responses_follow_one_another_on_one_connection() {
    let mut desk = Desk::start();
    let mut socket = open(&desk);
    // Codex 0.169 sends `stream` although it has no meaning here.
    socket.create(json!({"input": "one", "store": false, "stream": true}));
    let id = desk.arrival();
    desk.say(id, note("wait")).unwrap();
    desk.say(id, answer("first")).unwrap();
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
    desk.delivery();
    desk.delivery();
    let (second, again) = exchange(&mut desk, &mut socket, next, "second");
    assert_eq!(id, again);
    assert_eq!(texts(&desk, id), ["one", "wait", "first", "two"]);
    assert_eq!(second["previous_response_id"], first["id"]);

    // What was not stored is known on that connection alone.
    let next = json!({"input": "three", "store": false, "previous_response_id": second["id"]});
    let mut other = open(&desk);
    other.create(next.clone());
    assert_eq!(
        code(&other.next().unwrap()),
        (&json!(400), &json!("previous_response_not_found"))
    );
    // The connection goes on, and so does the first one.
    exchange(&mut desk, &mut other, json!({"input": "anew"}), "new");
    exchange(&mut desk, &mut socket, next, "third");
}

#[test]
fn what_is_stored_is_known_everywhere() {
    let mut desk = Desk::start();
    let mut socket = open(&desk);
    let (first, _) = exchange(&mut desk, &mut socket, json!({"input": "one"}), "first");
    drop(socket);
    let mut socket = open(&desk);
    let next = json!({"input": "two", "previous_response_id": first["id"]});
    let (second, id) = exchange(&mut desk, &mut socket, next, "second");
    assert_eq!(texts(&desk, id), ["one", "first", "two"]);
    let path = format!("/v1/responses/{}", second["id"].as_str().unwrap());
    assert_eq!(desk.client.get(&path, &[]), (200, second));
}

#[test]
fn requests_stand_in_line() {
    let mut desk = Desk::start();
    let mut socket = open(&desk);
    socket.create(json!({"input": "one", "store": false}));
    socket.create(json!({"input": "two", "store": false}));
    let first = desk.arrival();
    socket.until("response.in_progress");
    assert!(desk.is_quiet(), "the second waits for the first");
    desk.say(first, answer("first")).unwrap();
    socket.response();
    desk.delivery();
    let second = desk.arrival();
    desk.say(second, answer("second")).unwrap();
    let done = socket.response();
    assert_eq!(
        done.last().unwrap()["response"]["output"][0]["content"][0]["text"],
        "second"
    );
}

#[test]
fn a_request_can_be_prepared_without_an_answer() {
    let mut desk = Desk::start();
    let mut socket = open(&desk);
    let developer =
        json!([{"type": "message", "role": "developer", "content": "You are helpful."}]);
    socket.create(json!({"input": developer, "store": false, "generate": false}));
    let events = socket.response();
    let prepared = &events.last().unwrap()["response"];
    assert_eq!(
        (&prepared["status"], &prepared["output"]),
        (&json!("completed"), &json!([]))
    );
    assert!(desk.is_quiet(), "nobody has to read it");
    let next = json!({"input": "hi", "store": false, "previous_response_id": prepared["id"]});
    let (_, id) = exchange(&mut desk, &mut socket, next, "hello");
    assert_eq!(texts(&desk, id), ["You are helpful.", "hi"]);
}

#[test]
fn mistakes_are_told_and_the_connection_goes_on() {
    let mut desk = Desk::start();
    let mut socket = open(&desk);
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
    assert!(desk.is_quiet(), "nobody was asked");
    exchange(&mut desk, &mut socket, json!({"input": "well"}), "well");
}

#[test]
fn a_request_that_fails_ends_its_chain() {
    let mut desk = Desk::start();
    let mut socket = open(&desk);
    let (first, _) = exchange(
        &mut desk,
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
        &mut desk,
        &mut socket,
        json!({"input": "one", "store": false}),
        "first",
    );
    let next = json!({"input": "two", "store": false, "previous_response_id": first["id"]});
    socket.create(next.clone());
    let id = desk.arrival();
    desk.say(id, fail("no")).unwrap();
    assert_eq!(
        socket.until("response.failed")["response"]["error"]["message"],
        "no"
    );
    desk.delivery();
    socket.create(next);
    assert_eq!(
        code(&socket.next().unwrap()).1,
        &json!("previous_response_not_found")
    );
}

#[test]
fn a_client_that_hangs_up_is_noticed() {
    let mut desk = Desk::start();
    let mut socket = open(&desk);
    socket.create(json!({"input": "one"}));
    let id = desk.arrival();
    socket.until("response.in_progress");
    drop(socket);
    let change = desk.change();
    assert!(
        matches!(change, Change::ClientGone { conversation, .. } if conversation == id),
        "{change:?}"
    );
}

#[test]
fn a_socket_shows_signs_of_life() {
    let beat = std::time::Duration::from_millis(20);
    let mut desk = Desk::with(10, |settings| settings.heartbeat = beat);
    let mut socket = open(&desk);
    socket.create(json!({"input": "one"}));
    let id = desk.arrival();
    for _ in 0..4 {
        socket.until("response.in_progress");
    }
    desk.say(id, answer("here")).unwrap();
    socket.until("response.completed");
}

#[test]
fn the_door_is_watched_here_too() {
    let desk = Desk::with(10, |settings| settings.api_key = Some(b"secret".to_vec()));
    let refused = Socket::open(desk.address, &[])
        .err()
        .expect("no key, no socket");
    assert_eq!(refused.0, 401);
    assert!(Socket::open(desk.address, &[("authorization", "Bearer secret")]).is_ok());
    let page = [
        ("authorization", "Bearer secret"),
        ("origin", "https://evil.example"),
    ];
    assert_eq!(
        Socket::open(desk.address, &page)
            .err()
            .expect("a web page")
            .0,
        403
    );
    // A plain GET is told what is missing.
    let key = [("authorization", "Bearer secret")];
    let (status, error) = desk.client.get("/v1/responses", &key);
    assert_eq!(
        (status, &error["error"]["code"]),
        (426, &json!("upgrade_required"))
    );
}

#[test]
fn a_program_that_ends_says_so_to_every_socket() {
    let mut desk = Desk::start();
    let mut busy = open(&desk);
    busy.create(json!({"input": "one"}));
    desk.arrival();
    let mut idle = open(&desk);
    desk.close();
    desk.leave();
    assert_eq!(
        busy.until("response.failed")["response"]["error"]["code"],
        "server_error"
    );
    assert_eq!(busy.next(), Err(1001));
    assert_eq!(idle.next(), Err(1001));
    desk.finish();
}

#[test]
fn a_farewell_is_answered() {
    let mut desk = Desk::start();
    assert_eq!(open(&desk).close(), 1000);
    // In the middle of a response too.
    let mut socket = open(&desk);
    socket.create(json!({"input": "one"}));
    let id = desk.arrival();
    assert_eq!(socket.close(), 1000);
    let change = desk.change();
    assert!(
        matches!(change, Change::ClientGone { conversation, .. } if conversation == id),
        "{change:?}"
    );
}

#[test]
fn a_message_in_pieces_is_one_message() {
    let mut desk = Desk::start();
    let mut socket = open(&desk);
    let text = r#"{"type": "response.create", "model": "human", "input": "日本"}"#;
    // Cut in the middle of a character.
    let (one, two) = text.as_bytes().split_at(text.find('日').unwrap() + 1);
    socket.send_text_frames(&[(one, false), (two, true)]);
    let id = desk.arrival();
    assert_eq!(texts(&desk, id), ["日本"]);
    socket.until("response.in_progress");
    socket.ping(b"there?");
    desk.say(id, answer("yes")).unwrap();
    socket.until("response.completed");
}

#[test]
fn a_message_that_is_too_large_is_told_so() {
    let mut desk = Desk::with(10, |settings| settings.max_body = 1_000);
    let mut socket = open(&desk);
    socket.create(json!({"input": "x".repeat(1_000)}));
    let error = socket.next().unwrap();
    assert_eq!(code(&error), (&json!(413), &json!("message_too_large")));
    exchange(&mut desk, &mut socket, json!({"input": "short"}), "good");
    // What is far too large is not even read.
    socket.create(json!({"input": "x".repeat(10_000)}));
    let error = socket.next().unwrap();
    assert_eq!(code(&error), (&json!(413), &json!("message_too_large")));
    assert_eq!(socket.next(), Err(1009));
    assert!(desk.is_quiet(), "nobody was asked");
}

#[test]
fn what_is_no_text_is_refused() {
    let mut desk = Desk::start();
    let mut socket = open(&desk);
    socket.send_binary(b"{}");
    assert_eq!(code(&socket.next().unwrap()).0, &json!(400));
    exchange(&mut desk, &mut socket, json!({"input": "text"}), "good");
    // RFC 6455, section 8.1: the connection has failed.
    socket.send_text_frames(&[(b"\xff\xfe", true)]);
    assert_eq!(socket.next(), Err(1007));
}

#[test]
fn a_socket_does_not_last_for_ever() {
    let desk = Desk::with(10, |settings| settings.socket_lifetime = Duration::ZERO);
    let mut socket = open(&desk);
    let error = socket.next().unwrap();
    let limit = json!("websocket_connection_limit_reached");
    assert_eq!(code(&error), (&json!(400), &limit));
    assert_eq!(socket.next(), Err(1000));
}

#[test]
fn a_response_outlasts_its_socket_s_time() {
    let lifetime = Duration::from_secs(1);
    let mut desk = Desk::with(10, |settings| {
        settings.socket_lifetime = lifetime;
        settings.heartbeat = lifetime / 10;
    });
    let mut socket = open(&desk);
    let opened = Instant::now();
    socket.create(json!({"input": "one"}));
    socket.create(json!({"input": "two"}));
    let id = desk.arrival();
    while opened.elapsed() < lifetime {
        socket.until("response.in_progress");
    }
    desk.say(id, answer("late")).unwrap();
    socket.until("response.completed");
    let limit = json!("websocket_connection_limit_reached");
    assert_eq!(code(&socket.next().unwrap()).1, &limit);
    assert_eq!(socket.next(), Err(1000));
    desk.delivery();
    assert!(desk.is_quiet(), "the second was never asked");
}

#[test]
fn what_stands_in_line_goes_on_from_what_is_before_it() {
    let mut desk = Desk::start();
    let mut socket = open(&desk);
    socket.create(json!({"input": "one", "store": false}));
    let first = desk.arrival();
    let created = socket.until("response.created")["response"].clone();
    let next = json!({"input": "two", "store": false, "previous_response_id": created["id"]});
    socket.create(next);
    desk.say(first, answer("first")).unwrap();
    socket.response();
    desk.delivery();
    let second = desk.arrival();
    assert_eq!(first, second);
    assert_eq!(texts(&desk, second), ["one", "first", "two"]);
}

#[test]
fn the_line_is_not_longer_than_it_may_be() {
    let mut desk = Desk::with(10, |settings| settings.max_body = 1_000);
    let mut socket = open(&desk);
    let long = "x".repeat(600);
    socket.create(json!({"input": "one"}));
    let id = desk.arrival();
    socket.until("response.in_progress");
    socket.create(json!({"input": long}));
    socket.create(json!({"input": long}));
    let error = socket.next().unwrap();
    assert_eq!(code(&error), (&json!(429), &json!("too_many_requests")));
    desk.say(id, answer("done")).unwrap();
    socket.until("response.completed");
    desk.delivery();
    let id = desk.arrival();
    assert_eq!(texts(&desk, id), [long]);
}

#[test]
fn who_is_turned_away_pushes_nothing_out() {
    let mut desk = Desk::storing(Store::new(1), 1, |_| {});
    let mut socket = open(&desk);
    let (kept, _) = exchange(&mut desk, &mut socket, json!({"input": "kept"}), "yes");
    // Somebody else takes the only place, and stores nothing.
    let asked = desk.ask(json!({"model": "human", "input": "busy", "store": false}));
    let id = desk.arrival();
    socket.create(json!({"input": "another"}));
    let error = socket.next().unwrap();
    assert_eq!(code(&error), (&json!(429), &json!("rate_limit_exceeded")));
    let path = format!("/v1/responses/{}", kept["id"].as_str().unwrap());
    assert_eq!(desk.client.get(&path, &[]), (200, kept));
    desk.say(id, answer("free")).unwrap();
    asked.join().unwrap();
}

#[test]
fn a_handshake_may_offer_more_than_is_taken() {
    let mut desk = Desk::start();
    let offers = [
        ("sec-websocket-extensions", "permessage-deflate"),
        ("openai-beta", "responses_websockets=2026-02-06"),
    ];
    let mut socket = Socket::open(desk.address, &offers).expect("a socket");
    exchange(&mut desk, &mut socket, json!({"input": "hi"}), "hello");
}
