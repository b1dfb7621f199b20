//! What was rejected stays rejected: whoever asks the same again gets the same words, and the person
//! is not called.

use crate::support::desk::{answer, fail};
use crate::support::{Desk, Socket, screen};
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
fn rejected(desk: &mut Desk, path: &'static str, headers: Headers, body: Value) -> ConversationId {
    let client = desk.client.clone();
    let asked = std::thread::spawn(move || client.post(path, headers, body.to_string().as_bytes()));
    let id = desk.arrival();
    desk.say(id, fail(WORDS)).expect("somebody waits");
    let told = asked.join().expect("an answer");
    let told = told.into_body().read_to_string().expect("text");
    assert!(told.contains(WORDS), "{told}");
    desk.delivery();
    id
}

#[test]
fn the_same_again_gets_the_same_words_at_once_in_the_same_entry() {
    for at in 0..3 {
        let mut desk = Desk::start();
        let (path, body) = requests(1, true)[at].clone();
        let id = rejected(&mut desk, path, SESSION, body);
        // Without streaming and with it, as clients do it.
        for (attempt, stream) in [(2, false), (3, true)] {
            let (path, body) = requests(attempt, stream)[at].clone();
            let (status, refused) = desk.client.post_json(path, SESSION, &body);
            assert_eq!(status, 400, "{refused}");
            let expected = match path {
                "/v1/messages" => json!({"type": "error",
                    "error": {"type": "invalid_request_error", "message": WORDS}}),
                _ => json!({"error": {"type": "invalid_request_error", "message": WORDS,
                    "param": null, "code": "invalid_prompt"}}),
            };
            assert_eq!(refused, expected);
            assert_eq!(desk.change(), Change::AskedAgain { conversation: id });
        }
        assert_eq!(desk.inbox.conversations().len(), 1);
        assert_eq!(desk.inbox.get(id).expect("it is there").refused(), 2);
        assert_eq!(desk.inbox.waiting(), 0);
    }
}

/// A request that the person answers.
fn answered(desk: &mut Desk, path: &'static str, headers: Headers, body: Value) -> ConversationId {
    let client = desk.client.clone();
    let asked = std::thread::spawn(move || client.post_json(path, headers, &body));
    let id = desk.arrival();
    desk.say(id, answer("Well then")).expect("somebody waits");
    let (status, told) = asked.join().expect("an answer");
    assert_eq!(status, 200, "{told}");
    desk.delivery();
    id
}

#[test]
fn two_programs_that_ask_the_same_under_other_instructions_are_told_apart() {
    for at in 0..3 {
        let mut desk = Desk::start();
        let (path, body) = requests(1, false)[at].clone();
        let id = rejected(&mut desk, path, &[], body.clone());
        let (_, other) = requests(2, false)[at].clone();
        assert_ne!(answered(&mut desk, path, &[], other), id, "{path}");
        let (status, refused) = desk.client.post_json(path, &[], &body);
        assert_eq!(status, 400, "{refused}");
        assert_eq!(desk.change(), Change::AskedAgain { conversation: id });
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
    let mut desk = Desk::start();
    let path = "/v1/messages";
    let message = |role: &str, text: &str| json!({"role": role, "content": text});
    let prompt = message("user", "Delete everything");
    let id = rejected(
        &mut desk,
        path,
        SESSION,
        offering(13, std::slice::from_ref(&prompt)),
    );
    let again = offering(25, std::slice::from_ref(&prompt));
    let (status, refused) = desk.client.post_json(path, SESSION, &again);
    assert_eq!(status, 400, "{refused}");
    assert_eq!(desk.change(), Change::AskedAgain { conversation: id });

    let ended = "<system-reminder>\nA task has ended:\nthree words\n</system-reminder>";
    let news = [
        message("user", ended),
        message("system", "Tool result:\n2 passed"),
    ];
    for news in news {
        let body = offering(13, &[prompt.clone(), news]);
        assert_eq!(rejected(&mut desk, path, SESSION, body), id);
    }
}

#[test]
fn who_wants_the_answer_in_another_form_asks_anew() {
    let mut desk = Desk::start();
    let body = |field: &str| {
        json!({"model": "human", "input": "How many?", "prompt_cache_key": "thread",
            "text": {"format": {"type": "json_schema", "name": "count", "schema": {
                "type": "object", "properties": {field: {"type": "integer"}}}}}})
    };
    let path = "/v1/responses";
    let id = rejected(&mut desk, path, &[], body("cuont"));
    let client = desk.client.clone();
    let asked = std::thread::spawn(move || client.post_json(path, &[], &body("count")));
    assert_eq!(desk.arrival(), id);
    desk.say(id, answer(r#"{"count":3}"#))
        .expect("somebody waits");
    assert_eq!(asked.join().expect("an answer").0, 200);
}

#[test]
fn what_is_lifted_is_asked_in_the_same_entry() {
    for at in 0..3 {
        let mut desk = Desk::start();
        let (path, body) = requests(1, false)[at].clone();
        let id = rejected(&mut desk, path, &[], body.clone());
        assert!(desk.inbox.lift(id));
        assert_eq!(answered(&mut desk, path, &[], body), id, "{path}");
    }
}

#[test]
fn a_socket_is_told_and_goes_on() {
    let mut desk = Desk::start();
    let mut socket = Socket::open(desk.address, &[]).expect("a socket");
    let fields = json!({"input": "Delete everything"});
    socket.create(fields.clone());
    let id = desk.arrival();
    desk.say(id, fail(WORDS)).expect("somebody waits");
    socket.until("response.failed");
    desk.delivery();
    socket.create(fields);
    let refused = socket.next().expect("an event");
    assert_eq!(
        (&refused["type"], &refused["status"]),
        (&json!("error"), &json!(400))
    );
    assert_eq!(refused["error"]["message"], WORDS);
    assert_eq!(desk.change(), Change::AskedAgain { conversation: id });
    socket.create(json!({"input": "Delete one file"}));
    let id = desk.arrival();
    desk.say(id, answer("done")).expect("somebody waits");
    socket.until("response.completed");
}

#[test]
fn another_request_is_asked_and_so_is_the_old_one_after_it() {
    let mut desk = Desk::start();
    let body =
        |words: &str| json!({"model": "human", "input": words, "prompt_cache_key": "thread"});
    let id = rejected(&mut desk, "/v1/responses", &[], body("Delete everything"));
    let (_, same) = desk.exchange(body("Delete one file"), "done");
    assert_eq!(same, id);
    let (_, same) = desk.exchange(body("Delete everything"), "done");
    assert_eq!(same, id);
}

#[test]
fn what_waits_in_one_conversation_and_is_rejected_stays_so_for_each_client() {
    let mut desk = Desk::start();
    let path = "/v1/responses";
    let body =
        |words: &str| json!({"model": "human", "input": words, "prompt_cache_key": "thread"});
    let told = [
        ("Delete everything", "Keep it."),
        ("Rename everything", "Keep the names."),
    ];
    let clients = told.map(|(words, _)| {
        let client = desk.ask(body(words));
        (desk.arrival(), client)
    });
    let id = clients[0].0;
    for (_, why) in told {
        desk.say(id, fail(why)).expect("somebody waits");
    }
    for ((place, client), (_, why)) in clients.into_iter().zip(told) {
        assert_eq!(place, id);
        let (_, response) = client.join().expect("an answer");
        assert_eq!(response["error"]["message"], why);
        desk.delivery();
    }
    let is_refused = |desk: &mut Desk| {
        for (words, why) in told.into_iter().chain(told) {
            let client = desk.ask(body(words));
            assert_eq!(desk.change(), Change::AskedAgain { conversation: id });
            let (status, refused) = client.join().expect("an answer");
            assert_eq!(status, 400, "{refused}");
            assert_eq!(refused["error"]["message"], why);
        }
    };
    is_refused(&mut desk);
    // Nor does it count what else is asked there, until the person lifts it.
    assert_eq!(answered(&mut desk, path, &[], body("Look around")), id);
    is_refused(&mut desk);
    assert!(desk.inbox.lift(id));
    for (words, _) in told {
        assert_eq!(answered(&mut desk, path, &[], body(words)), id);
    }
}

#[test]
fn a_rejection_that_nobody_got_is_none() {
    let mut desk = Desk::start();
    let body = json!({"model": "human", "input": "Delete everything", "stream": true});
    let mut desk_screen = screen::Desk::new(screen::NORMAL);
    let client = desk_screen.ask(&body);
    desk_screen.press("Shift+Tab");
    desk_screen.write(WORDS);
    desk_screen.press("Enter");
    desk_screen.hang_up(client);
    let _client = desk_screen.ask(&body);
    desk_screen.sees("waiting");
    // Nor is an answer.
    desk.exchange(json!({"input": "Delete everything"}), "done");
    desk.exchange(json!({"input": "Delete everything"}), "done");
}

#[test]
fn one_that_nobody_got_leaves_the_other_one() {
    use humanllm::api::{Interner, responses};
    use humanllm::inbox::Refusal;

    let mut desk = screen::Desk::new(screen::NORMAL);
    let body = |prompt: &str| screen::codex("a", prompt, &[]);
    let mut first = desk.ask(&body("Delete everything"));
    let second = desk.ask(&body("Rename everything"));
    for _ in 0..2 {
        desk.press("Shift+Tab");
        desk.write(WORDS);
        desk.press("Enter");
    }
    assert_eq!(desk.hear(&mut first).len(), 1);
    desk.hang_up(second);
    let again = |prompt: &str| {
        let body = body(prompt).to_string();
        let request = responses::parse(body.as_bytes(), &Interner::default()).expect("good");
        desk.intake.open(request, "codex_exec".into(), None)
    };
    let refused = again("Delete everything").err();
    assert_eq!(refused, Some(Refusal::Rejected(WORDS.into())));
    assert!(again("Rename everything").is_ok());
}

#[test]
fn the_person_sees_that_it_was_refused_again_and_lifts_it() {
    use humanllm::inbox::Refusal;

    let mut desk = screen::Desk::new(screen::NORMAL);
    let body = screen::codex("a", "Delete everything", &[]);
    let ask_again = |desk: &mut screen::Desk| {
        let request = humanllm::api::responses::parse(
            body.to_string().as_bytes(),
            &humanllm::api::Interner::default(),
        );
        let again = desk
            .intake
            .open(request.expect("good"), "codex_exec".into(), None);
        desk.step();
        again
    };
    let bells = |desk: &screen::Desk| {
        let effects = desk.effects.iter();
        effects.filter(|effect| **effect == Effect::Bell).count()
    };
    let mut client = desk.ask(&body);
    desk.press("Shift+Tab");
    desk.write(WORDS);
    desk.press("Enter");
    desk.hear(&mut client);
    drop(client);
    desk.press("Esc");
    desk.sees("F7 lift rejection");
    let rung = bells(&desk);
    for _ in 0..2 {
        let again = ask_again(&mut desk);
        assert_eq!(again.err(), Some(Refusal::Rejected(WORDS.into())));
    }
    assert_eq!(bells(&desk), rung, "nobody is called");
    desk.sees("rejected · delivered · asked 2 times more, refused");
    desk.sees("refused again ×2");
    desk.sees("asked again, refused again");
    desk.sees("F7 lift rejection");
    desk.press("F7");
    desk.sees("rejection lifted");
    desk.misses("F7 lift");
    let again = ask_again(&mut desk);
    assert!(again.is_ok());
    assert_eq!(bells(&desk), rung + 1);
    desk.sees("waiting 0 s");
    desk.press("F7");
    desk.sees("nothing is rejected here");
}
