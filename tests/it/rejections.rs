//! What was rejected stays rejected: whoever asks the same again gets the same words, and the person
//! is not called.

use crate::support::server::{answer, rejection};
use crate::support::{Socket, TestServer, tui};
use humanllm::inbox::{Change, ConversationId};
use humanllm::tui::app::Effect;
use serde_json::{Value, json};

type Headers = &'static [(&'static str, &'static str)];

/// What an agent says that tells its sessions apart.
const SESSION: Headers = &[("x-session-id", "s")];
const WORDS: &str = "Not this one, please.";

/// A request of each format, from an agent that says which attempt it is in what it adds itself.
fn requests(attempt: u32, stream: bool) -> [(&'static str, Value); 3] {
    let system = format!("You are an agent. Attempt {attempt}.");
    let user = json!({"role": "user", "content": "Delete everything"});
    [
        (
            "/v1/chat/completions",
            json!({"model": "human", "stream": stream,
                "messages": [{"role": "system", "content": system}, user]}),
        ),
        (
            "/v1/messages",
            json!({"model": "human", "stream": stream, "max_tokens": 100, "system": system,
                "messages": [user]}),
        ),
        (
            "/v1/responses",
            json!({"model": "human", "stream": stream, "instructions": system,
                "input": [user]}),
        ),
    ]
}

/// A request that the person rejects, as far as the client has been told.
fn rejected(
    server: &mut TestServer,
    path: &'static str,
    headers: Headers,
    body: Value,
) -> ConversationId {
    let client = server.client.clone();
    let asked = std::thread::spawn(move || client.post(path, headers, body.to_string().as_bytes()));
    let id = server.next_request();
    server.reply(id, rejection(WORDS)).expect("somebody waits");
    let told = asked.join().expect("an answer");
    let told = told.into_body().read_to_string().expect("text");
    assert!(told.contains(WORDS), "{told}");
    server.wait_delivery();
    id
}

#[test]
fn the_same_again_gets_the_same_words_at_once_in_the_same_entry() {
    for at in 0..3 {
        let mut server = TestServer::start();
        let (path, body) = requests(1, true)[at].clone();
        let id = rejected(&mut server, path, SESSION, body);
        // Without streaming and with it, as clients do it.
        for (attempt, stream) in [(2, false), (3, true)] {
            let (path, body) = requests(attempt, stream)[at].clone();
            let (status, refused) = server.client.post_json(path, SESSION, &body);
            assert_eq!(status, 400, "{refused}");
            let expected = match path {
                "/v1/messages" => json!({"type": "error",
                    "error": {"type": "invalid_request_error", "message": WORDS}}),
                _ => json!({"error": {"type": "invalid_request_error", "message": WORDS,
                    "param": null, "code": "invalid_prompt"}}),
            };
            assert_eq!(refused, expected);
            assert_eq!(
                server.next_change(),
                Change::RejectedAgain { conversation: id }
            );
        }
        assert_eq!(server.inbox.conversations().len(), 1);
        assert_eq!(
            server.inbox.get(id).expect("it is there").refused_retries(),
            2
        );
        assert_eq!(server.inbox.waiting(), 0);
    }
}

/// A request that the person answers.
fn answered(
    server: &mut TestServer,
    path: &'static str,
    headers: Headers,
    body: Value,
) -> ConversationId {
    let client = server.client.clone();
    let asked = std::thread::spawn(move || client.post_json(path, headers, &body));
    let id = server.next_request();
    server
        .reply(id, answer("Well then"))
        .expect("somebody waits");
    let (status, told) = asked.join().expect("an answer");
    assert_eq!(status, 200, "{told}");
    server.wait_delivery();
    id
}

#[test]
fn two_programs_that_ask_the_same_under_other_instructions_are_told_apart() {
    for at in 0..3 {
        let mut server = TestServer::start();
        let (path, body) = requests(1, false)[at].clone();
        let id = rejected(&mut server, path, &[], body.clone());
        let (_, other) = requests(2, false)[at].clone();
        assert_ne!(answered(&mut server, path, &[], other), id, "{path}");
        let (status, refused) = server.client.post_json(path, &[], &body);
        assert_eq!(status, 400, "{refused}");
        assert_eq!(
            server.next_change(),
            Change::RejectedAgain { conversation: id }
        );
    }
}

/// A request of an agent that offers tools, after its history.
fn offering(tools: usize, messages: &[Value]) -> Value {
    let tool = |at| json!({"name": format!("tool_{at}"), "input_schema": {"type": "object"}});
    let tools: Vec<Value> = (0..tools).map(tool).collect();
    json!({"model": "human", "max_tokens": 100, "system": "You are an agent.", "tools": tools,
        "messages": messages})
}

#[test]
fn in_a_session_other_tools_make_no_other_request_but_news_do() {
    let mut server = TestServer::start();
    let path = "/v1/messages";
    let message = |role: &str, text: &str| json!({"role": role, "content": text});
    let prompt = message("user", "Delete everything");
    let id = rejected(
        &mut server,
        path,
        SESSION,
        offering(13, std::slice::from_ref(&prompt)),
    );
    let again = offering(25, std::slice::from_ref(&prompt));
    let (status, refused) = server.client.post_json(path, SESSION, &again);
    assert_eq!(status, 400, "{refused}");
    assert_eq!(
        server.next_change(),
        Change::RejectedAgain { conversation: id }
    );

    let ended = "<system-reminder>\nA task has ended:\nthree words\n</system-reminder>";
    let news = [
        message("user", ended),
        message("system", "Tool result:\n2 passed"),
    ];
    for news in news {
        let body = offering(13, &[prompt.clone(), news]);
        assert_eq!(rejected(&mut server, path, SESSION, body), id);
    }
}

#[test]
fn who_wants_the_answer_in_another_form_asks_anew() {
    let mut server = TestServer::start();
    let body = |field: &str| {
        json!({"model": "human", "input": "How many?", "prompt_cache_key": "thread",
            "text": {"format": {"type": "json_schema", "name": "count", "schema": {
                "type": "object", "properties": {field: {"type": "integer"}}}}}})
    };
    let path = "/v1/responses";
    let id = rejected(&mut server, path, &[], body("cuont"));
    let client = server.client.clone();
    let asked = std::thread::spawn(move || client.post_json(path, &[], &body("count")));
    assert_eq!(server.next_request(), id);
    server
        .reply(id, answer(r#"{"count":3}"#))
        .expect("somebody waits");
    assert_eq!(asked.join().expect("an answer").0, 200);
}

#[test]
fn what_is_lifted_is_asked_in_the_same_entry() {
    for at in 0..3 {
        let mut server = TestServer::start();
        let (path, body) = requests(1, false)[at].clone();
        let id = rejected(&mut server, path, &[], body.clone());
        assert!(server.inbox.lift_rejections(id));
        assert_eq!(answered(&mut server, path, &[], body), id, "{path}");
    }
}

#[test]
fn a_socket_is_told_and_goes_on() {
    let mut server = TestServer::start();
    let mut socket = Socket::open(server.address, &[]).expect("a socket");
    let fields = json!({"input": "Delete everything"});
    socket.create(fields.clone());
    let id = server.next_request();
    server.reply(id, rejection(WORDS)).expect("somebody waits");
    socket.until("response.failed");
    server.wait_delivery();
    socket.create(fields);
    let refused = socket.next().expect("an event");
    assert_eq!(
        (&refused["type"], &refused["status"]),
        (&json!("error"), &json!(400))
    );
    assert_eq!(refused["error"]["message"], WORDS);
    assert_eq!(
        server.next_change(),
        Change::RejectedAgain { conversation: id }
    );
    socket.create(json!({"input": "Delete one file"}));
    let id = server.next_request();
    server.reply(id, answer("done")).expect("somebody waits");
    socket.until("response.completed");
}

#[test]
fn another_request_is_asked_and_so_is_the_old_one_after_it() {
    let mut server = TestServer::start();
    let body =
        |words: &str| json!({"model": "human", "input": words, "prompt_cache_key": "thread"});
    let id = rejected(&mut server, "/v1/responses", &[], body("Delete everything"));
    let (_, same) = server.exchange(body("Delete one file"), "done");
    assert_eq!(same, id);
    let (_, same) = server.exchange(body("Delete everything"), "done");
    assert_eq!(same, id);
}

#[test]
fn what_waits_in_one_conversation_and_is_rejected_stays_so_for_each_client() {
    let mut server = TestServer::start();
    let path = "/v1/responses";
    let body =
        |words: &str| json!({"model": "human", "input": words, "prompt_cache_key": "thread"});
    let told = [
        ("Delete everything", "Keep it."),
        ("Rename everything", "Keep the names."),
    ];
    let clients = told.map(|(words, _)| {
        let client = server.ask(body(words));
        (server.next_request(), client)
    });
    let id = clients[0].0;
    for (_, why) in told {
        server.reply(id, rejection(why)).expect("somebody waits");
    }
    for ((place, client), (_, why)) in clients.into_iter().zip(told) {
        assert_eq!(place, id);
        let (_, response) = client.join().expect("an answer");
        assert_eq!(response["error"]["message"], why);
        server.wait_delivery();
    }
    let is_refused = |server: &mut TestServer| {
        for (words, why) in told.into_iter().chain(told) {
            let client = server.ask(body(words));
            assert_eq!(
                server.next_change(),
                Change::RejectedAgain { conversation: id }
            );
            let (status, refused) = client.join().expect("an answer");
            assert_eq!(status, 400, "{refused}");
            assert_eq!(refused["error"]["message"], why);
        }
    };
    is_refused(&mut server);
    // Nor does it count what else is asked there, until the person lifts it.
    assert_eq!(answered(&mut server, path, &[], body("Look around")), id);
    is_refused(&mut server);
    assert!(server.inbox.lift_rejections(id));
    for (words, _) in told {
        assert_eq!(answered(&mut server, path, &[], body(words)), id);
    }
}

#[test]
fn a_rejection_that_nobody_got_is_none() {
    let mut server = TestServer::start();
    let body = json!({"model": "human", "input": "Delete everything", "stream": true});
    let mut tui = tui::TestTui::new(tui::NORMAL);
    let client = tui.ask(&body);
    tui.press("Shift+Tab");
    tui.type_text(WORDS);
    tui.press("Enter");
    tui.hang_up(client);
    let _client = tui.ask(&body);
    tui.sees("waiting");
    // Nor is an answer.
    server.exchange(json!({"input": "Delete everything"}), "done");
    server.exchange(json!({"input": "Delete everything"}), "done");
}

#[test]
fn one_that_nobody_got_leaves_the_other_one() {
    use humanllm::api::{Interner, responses};
    use humanllm::inbox::Refusal;

    let mut tui = tui::TestTui::new(tui::NORMAL);
    let body = |prompt: &str| tui::codex_request("a", prompt, &[]);
    let mut first = tui.ask(&body("Delete everything"));
    let second = tui.ask(&body("Rename everything"));
    for _ in 0..2 {
        tui.press("Shift+Tab");
        tui.type_text(WORDS);
        tui.press("Enter");
    }
    assert_eq!(tui.receive(&mut first).len(), 1);
    tui.hang_up(second);
    let again = |prompt: &str| {
        let body = body(prompt).to_string();
        let request = responses::parse(body.as_bytes(), &Interner::default()).expect("good");
        tui.intake.open(request, "codex_exec".into(), None)
    };
    let refused = again("Delete everything").err();
    assert_eq!(refused, Some(Refusal::Rejected(WORDS.into())));
    assert!(again("Rename everything").is_ok());
}

#[test]
fn the_person_sees_that_it_was_refused_again_and_lifts_it() {
    use humanllm::inbox::Refusal;

    let mut tui = tui::TestTui::new(tui::NORMAL);
    let body = tui::codex_request("a", "Delete everything", &[]);
    let ask_again = |tui: &mut tui::TestTui| {
        let request = humanllm::api::responses::parse(
            body.to_string().as_bytes(),
            &humanllm::api::Interner::default(),
        );
        let again = tui
            .intake
            .open(request.expect("good"), "codex_exec".into(), None);
        tui.step();
        again
    };
    let bells = |tui: &tui::TestTui| {
        let effects = tui.effects.iter();
        effects.filter(|effect| **effect == Effect::Bell).count()
    };
    let mut client = tui.ask(&body);
    tui.press("Shift+Tab");
    tui.type_text(WORDS);
    tui.press("Enter");
    tui.receive(&mut client);
    drop(client);
    tui.press("Esc");
    tui.sees("F7 lift rejection");
    let rung = bells(&tui);
    for _ in 0..2 {
        let again = ask_again(&mut tui);
        assert_eq!(again.err(), Some(Refusal::Rejected(WORDS.into())));
    }
    assert_eq!(bells(&tui), rung, "nobody is called");
    tui.sees("rejected · delivered · asked 2 times more, refused");
    tui.sees("refused again ×2");
    tui.sees("asked again, refused again");
    tui.sees("F7 lift rejection");
    tui.press("F7");
    tui.sees("rejection lifted");
    tui.misses("F7 lift");
    let again = ask_again(&mut tui);
    assert!(again.is_ok());
    assert_eq!(bells(&tui), rung + 1);
    tui.sees("waiting 0 s");
    tui.press("F7");
    tui.sees("nothing is rejected here");
}
