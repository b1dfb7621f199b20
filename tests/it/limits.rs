//! What a client may cost: connections, time and memory, over real sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::support::server::hello_request;
use crate::support::{self, Key, Operator, Socket, TestServer, answer, poll};
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";
/// Long enough for a test to do what it wants to do in time, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

/// All that comes until the server closes.
fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A connection may be reset when what it sent was not wanted any more.
    if let Err(error) = stream.read_to_end(&mut text) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    String::from_utf8(text).expect("text")
}

/// Asks for the models on a connection that stays open, and returns the status.
fn ask(stream: &mut TcpStream) -> String {
    write!(stream, "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer).expect("an answer");
    let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
    text.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn who_sends_no_head_is_let_go_of() {
    let mut server = TestServer::with_settings(9, |settings| settings.limits.head_timeout = SHORT);
    let mut silent = server.connect();
    let mut slow = server.connect();
    write!(slow, "GET /v1/models HTTP/1.1\r\nHost: loc").expect("sent");
    let mut idle = server.connect();
    assert_eq!(ask(&mut idle), "200");
    for stream in [&mut silent, &mut slow, &mut idle] {
        assert_eq!(rest(stream), "", "closed without a word");
    }
    // Who waits for a person is not meant, however long that takes.
    let client = server.ask(hello_request(false));
    let id = server.next_request();
    std::thread::sleep(2 * SHORT);
    server
        .reply(id, answer("sorry to keep you waiting"))
        .unwrap();
    assert_eq!(client.join().unwrap().0, 200);
}

#[test]
fn a_body_that_stands_still_is_refused() {
    let server = TestServer::with_settings(9, |settings| settings.limits.body_timeout = SHORT);
    for (path, form) in [(PATH, "/error/type"), ("/v1/messages", "/type")] {
        let mut stream = server.connect();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n");
        write!(stream, "{head}{{\"model\": ").expect("sent");
        let answer = rest(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert!(body.pointer(form).is_some_and(Value::is_string), "{body}");
    }
}

#[test]
fn a_body_that_moves_may_take_its_time() {
    let mut server =
        TestServer::with_settings(9, |settings| settings.limits.body_timeout = 2 * SHORT);
    let body = hello_request(false).to_string();
    let mut stream = server.connect();
    let length = body.len();
    let head =
        format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    for part in body.as_bytes().chunks(length / 4) {
        stream.write_all(part).expect("sent");
        std::thread::sleep(SHORT);
    }
    let id = server.next_request();
    server.reply(id, answer("in the end")).unwrap();
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer).expect("an answer");
    assert!(String::from_utf8_lossy(&buffer[..count]).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_body_that_trickles_in_is_refused() {
    let server = TestServer::with_settings(9, |settings| settings.limits.body_deadline = 2 * SHORT);
    for (path, form) in [(PATH, "/error/type"), ("/v1/messages", "/type")] {
        let mut stream = server.connect();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n");
        write!(stream, "{head}{{").expect("sent");
        let pause = Duration::from_millis(20);
        stream.set_read_timeout(Some(pause)).expect("a timeout");
        let mut answer = [0; 4096];
        let count = poll(
            "an answer",
            || {
                stream.write_all(b" ").expect("it goes on");
                stream.read(&mut answer).ok()
            },
            String::new,
        );
        let answer = String::from_utf8_lossy(&answer[..count]);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert!(body.pointer(form).is_some_and(Value::is_string), "{body}");
    }
}

#[test]
fn a_message_that_stands_still_is_refused() {
    let mut server = TestServer::with_settings(9, |settings| settings.limits.body_timeout = SHORT);
    let open = || Socket::open(server.address, &[]).unwrap_or_else(|_| panic!("refused"));
    let (mut idle, mut stalled) = (open(), open());
    stalled.send_text_frames(&[(br#"{"type": "response.create""#, false)]);
    let error = stalled.next().expect("an event");
    assert_eq!(
        (&error["type"], &error["status"]),
        (&json!("error"), &json!(408))
    );
    assert_eq!(stalled.next(), Err(1013));
    // Whoever says nothing has begun nothing.
    idle.create(json!({"input": "after a while"}));
    let id = server.next_request();
    std::thread::sleep(2 * SHORT);
    server.reply(id, answer("yes")).unwrap();
    idle.until("response.completed");
}

#[test]
fn one_connection_too_many_is_told_so_until_there_is_a_place() {
    let server = TestServer::with_settings(9, |settings| settings.limits.connections = 2);
    let mut held = [server.connect(), server.connect()];
    for stream in &mut held {
        assert_eq!(ask(stream), "200");
    }
    for (path, form) in [(PATH, "/error/code"), ("/v1/messages", "/error/type")] {
        let response = server.client.post(path, &[], &vec![b' '; 1 << 20]);
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
        let mut text = String::new();
        let mut reader = response.into_body().into_reader();
        reader.read_to_string(&mut text).unwrap();
        let body: Value = serde_json::from_str(&text).expect("JSON");
        assert!(body.pointer(form).is_some_and(Value::is_string), "{body}");
    }
    // More than are told at once wait until they are.
    let mut crowd: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for stream in &mut crowd {
        assert_eq!(ask(stream), "503");
    }
    // Those who have a place keep it, and it is given on when they go.
    for stream in &mut held {
        assert_eq!(ask(stream), "200");
    }
    drop(held);
    poll(
        "a place",
        || (ask(&mut server.connect()) == "200").then_some(()),
        String::new,
    );
}

#[test]
fn who_has_no_place_and_goes_on_sending_is_told_so_too() {
    let server = TestServer::with_settings(9, |settings| settings.limits.connections = 1);
    let mut held = server.connect();
    assert_eq!(ask(&mut held), "200");
    let mut slow = server.connect();
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n");
    write!(slow, "{head}{{").expect("sent");
    let answer = rest(&mut slow);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[test]
fn a_socket_takes_a_place_for_as_long_as_it_is_open() {
    let server = TestServer::with_settings(9, |settings| settings.limits.connections = 1);
    let socket = Socket::open(server.address, &[]);
    assert!(socket.is_ok());
    assert_eq!(ask(&mut server.connect()), "503");
    drop(socket);
    poll(
        "a place",
        || (ask(&mut server.connect()) == "200").then_some(()),
        String::new,
    );
}

/// Whether the other side has read all that was sent to it.
fn is_read(stream: &TcpStream) -> bool {
    let port = |address: std::net::SocketAddr| format!(":{:04X}", address.port());
    let (near, far) = (
        port(stream.local_addr().unwrap()),
        port(stream.peer_addr().unwrap()),
    );
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let waits = |from: &str, to: &str, queue: usize| {
        let line = sockets.lines().find(|line| {
            let mut fields = line.split_whitespace().skip(1);
            fields.next().is_some_and(|field| field.ends_with(from))
                && fields.next().is_some_and(|field| field.ends_with(to))
        });
        let queues = line
            .and_then(|line| line.split_whitespace().nth(4))
            .unwrap();
        queues.split(':').nth(queue) != Some("00000000")
    };
    // Nothing is on the way, and nothing waits at the other end.
    !waits(&near, &far, 0) && !waits(&far, &near, 1)
}

#[test]
fn bodies_share_the_memory_that_is_there_for_them() {
    let mut server = TestServer::with_settings(9, |settings| {
        settings.max_body = 1 << 20;
        settings.limits.memory = 3 << 19;
    });
    let mut body = hello_request(false).to_string();
    body.extend(std::iter::repeat_n(' ', (1 << 20) - body.len()));
    let (first, last) = body.split_at(body.len() - 1);
    // Somebody has sent the first megabyte but for its end. The other one is as large, and no
    // request: where it is read, it is refused for that.
    let blank = vec![b' '; 1 << 20];
    let mut large = server.connect();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}",
        1 << 20
    );
    write!(large, "{head}\r\n\r\n{first}").expect("sent");
    // Where both come at once, it may be the first that finds no room.
    poll(
        "all of it to be read",
        || is_read(&large).then_some(()),
        String::new,
    );
    let refused = || {
        let response = server.client.post(PATH, &[], &blank);
        (response.status() == 503).then_some(response)
    };
    let refused = poll("a refusal", refused, String::new);
    let mut text = String::new();
    let mut reader = refused.into_body().into_reader();
    reader.read_to_string(&mut text).unwrap();
    assert!(text.contains("memory"), "{text}");
    // A small one fits in beside it, and the large one goes on.
    let small = server.ask(hello_request(false));
    let id = server.next_request();
    server.reply(id, answer("small")).unwrap();
    assert_eq!(small.join().unwrap().0, 200);
    server.wait_delivery();
    large.write_all(last.as_bytes()).expect("sent");
    let id = server.next_request();
    server.reply(id, answer("large")).unwrap();
    server.wait_delivery();
    // What was read is not held on to.
    let next = server.client.clone();
    let next = std::thread::spawn(move || next.post(PATH, &[], body.as_bytes()).status());
    let id = server.next_request();
    server.reply(id, answer("next")).unwrap();
    assert_eq!(next.join().unwrap(), 200);
}

#[test]
fn sockets_share_that_memory_too() {
    let mut server = TestServer::with_settings(9, |settings| settings.limits.memory = 64 << 10);
    let mut socket = Socket::open(server.address, &[]).unwrap_or_else(|_| panic!("refused"));
    let long = "x".repeat(80 << 10);
    socket.create(json!({"input": long}));
    let error = socket.next().expect("an event");
    assert_eq!(
        (&error["type"], &error["status"]),
        (&json!("error"), &json!(503))
    );
    // It goes on. What is being answered is not being read any more.
    let long = &long[..40 << 10];
    for reply in ["one", "two"] {
        socket.create(json!({"input": long}));
        let id = server.next_request();
        socket.until("response.in_progress");
        server.reply(id, answer(reply)).unwrap();
        socket.until("response.completed");
        server.wait_delivery();
    }
}

#[test]
fn who_stands_in_line_leaves_room_for_others() {
    let mut server = TestServer::with_settings(9, |settings| settings.limits.memory = 256 << 10);
    let long = "x".repeat(40 << 10);
    let mut sockets: Vec<_> = (0..4)
        .map(|_| Socket::open(server.address, &[]).unwrap_or_else(|_| panic!("refused")))
        .collect();
    let ids: Vec<_> = sockets
        .iter_mut()
        .map(|socket| {
            socket.create(json!({"input": "one"}));
            socket.until("response.in_progress");
            server.next_request()
        })
        .collect();
    // There is room for one that waits, whichever comes first.
    sockets[0].create(json!({"input": long}));
    sockets[0].ping(b"in line?");
    for socket in &mut sockets[1..] {
        socket.create(json!({"input": long}));
        let error = socket.next().expect("an event");
        assert_eq!(
            (&error["status"], &error["error"]["code"]),
            (&json!(429), &json!("too_many_requests"))
        );
    }
    // Everybody else is served, and it waits on.
    let other = server.ask(json!({"model": "human", "input": "x".repeat(150 << 10)}));
    let id = server.next_request();
    server.reply(id, answer("served")).unwrap();
    assert_eq!(other.join().unwrap().0, 200);
    server.wait_delivery();
    server.reply(ids[0], answer("done")).unwrap();
    sockets[0].until("response.completed");
    server.wait_delivery();
    let id = server.next_request();
    server.reply(id, answer("and this")).unwrap();
    sockets[0].until("response.completed");
}

#[test]
fn a_message_that_is_still_coming_takes_of_that_memory() {
    let server = TestServer::with_settings(9, |settings| {
        settings.max_body = 1 << 20;
        settings.limits.memory = 512 << 10;
    });
    let open = || Socket::open(server.address, &[]).unwrap_or_else(|_| panic!("refused"));
    let begun = vec![b' '; 200 << 10];
    let mut sockets = [open(), open()];
    for socket in &mut sockets {
        socket.send_text_frames(&[(&begun, false)]);
        // Before the second is answered, what came before the first is counted; a body that came
        // earlier would take what is meant for it.
        socket.ping(b"one");
        socket.ping(b"two");
    }
    let post = || server.client.post(PATH, &[], &begun[..150 << 10]).status();
    poll("a refusal", || (post() == 503).then_some(()), String::new);
    let mut third = open();
    third.send_text_frames(&[(&begun, false)]);
    let error = third.next().expect("an event");
    assert_eq!(
        (&error["type"], &error["status"]),
        (&json!("error"), &json!(503))
    );
    assert_eq!(third.next(), Err(1013));
    // What was held is given back with the connection.
    drop(sockets);
    poll("room", || (post() == 400).then_some(()), String::new);
}

#[test]
fn a_client_that_asks_and_does_not_listen_is_not_heard_any_more() {
    let server = TestServer::with_settings(9, |settings| settings.limits.write_timeout = SHORT);
    let mut stream = server.connect();
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    write!(
        stream,
        "GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    .expect("sent");
    // Pings with all that a ping may hold, under a mask of zeros, and nobody reads the answers.
    let mut ping = vec![0x89, 0x80 | 0x7d, 0, 0, 0, 0];
    ping.extend([b'x'; 125]);
    let pings = ping.repeat(1_000);
    let mut sent = 0;
    let error = loop {
        match stream.write_all(&pings) {
            Ok(()) => sent += pings.len(),
            Err(error) => break error,
        }
        assert!(sent < 1 << 30, "it takes all that it is sent");
    };
    let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(kinds.contains(&error.kind()), "{error}");
    assert!(server.client.is_healthy());
}

#[test]
fn a_reader_that_stopped_is_let_go_of() {
    let mut server = TestServer::with_settings(9, |settings| settings.limits.write_timeout = SHORT);
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    socket.set_recv_buffer_size(16 << 10).expect("a small one");
    socket.connect(&server.address.into()).expect("connected");
    let mut stream = TcpStream::from(socket);
    let body = hello_request(true).to_string();
    let length = body.len();
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}");
    write!(stream, "{head}\r\n\r\n{body}").expect("sent");
    let id = server.next_request();
    // Many times what a connection holds, and nobody reads.
    server
        .reply(id, answer(&"a word and ".repeat((8 << 20) / 11)))
        .unwrap();
    let change = server.next_change();
    assert!(
        matches!(&change, humanllm::inbox::Change::ClientGone { returned, .. } if returned[..] == ["typed".into()]),
        "{change:?}"
    );
}

#[test]
fn a_crowd_leaves_the_program_what_it_needs() {
    let place = support::Sandbox::new();
    let editor = place.path("editor");
    std::fs::write(&editor, "#!/bin/sh\nprintf 'from the editor' > \"$1\"\n").expect("written");
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).expect("changed");
    let builder = Operator::at(place).descriptors(128);
    let editor = editor.display().to_string();
    let mut operator = builder.env("VISUAL", &editor).start();
    let mut stream = operator.client().post_sse(
        PATH,
        &[],
        &json!({"model": "human", "input": "Who is there?", "stream": true}),
    );
    operator.wait_request("Who is there?");
    let address = operator.sandbox().address;
    let crowd: Vec<_> = (0..300)
        .map(|_| TcpStream::connect(address).expect("in the queue"))
        .collect();
    // Whoever was there before is answered, with all that the person can use for it.
    operator.key(Key::Ctrl('g'));
    operator.wait_for("from the editor");
    operator.key(Key::Enter);
    stream.until("response.completed");
    drop(crowd);
    operator.client().wait_healthy();
}

#[test]
fn a_client_without_a_key_cannot_fill_the_log() {
    let operator = Operator::builder()
        .env("HUMANLLM_API_KEY", "secret")
        .start();
    let private = format!("between-us-{}", "x".repeat(2_000));
    for number in 0..100 {
        let path = format!("/v1/{private}/{number}");
        let (status, _) = operator
            .client()
            .get(&path, &[("authorization", "Bearer my-own-key")]);
        assert_eq!(status, 404);
        assert_eq!(operator.client().get("/v1/models", &[]).0, 401);
    }
    let log = operator.sandbox().state_dir().join("humanllm.log");
    let read = || std::fs::read_to_string(&log).unwrap_or_default();
    let of = |log: &str, status: &str| log.lines().filter(|line| line.contains(status)).count();
    poll(
        "refusals in the log",
        || (of(&read(), "status=401") >= 20 && of(&read(), "status=404") >= 20).then_some(()),
        read,
    );
    let log = read();
    assert_eq!((of(&log, "status=401"), of(&log, "status=404")), (20, 20));
    assert!(log.lines().all(|line| line.len() < 400), "{log}");
    assert!(!log.contains("my-own-key"), "{log}");
}
