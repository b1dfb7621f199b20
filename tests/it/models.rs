//! Models on other servers that draft, with servers that follow a script.

use std::net::TcpListener;

use crate::support::upstream::{OutputPart, call, say};
use crate::support::{EventStream, Gate, Script, TestServer, Upstream, free_address};
use humanllm::config::{self, Flags};
use humanllm::environment::Environment;
use humanllm::inbox::{ConversationId, DraftId, DraftRequest, DraftState, ModelDraft, Partial};
use humanllm::model::{self, Catalog};
use jiff::Timestamp;
use serde_json::{Value, json};

const KEY: &str = "hunter2-hunter2";

/// The models of a configuration, where `Q_KEY` is set.
fn models(config: &str) -> Vec<model::Upstream> {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("config.toml");
    std::fs::write(&file, config).expect("written");
    let flags = Flags {
        config: Some(file),
        ..Flags::default()
    };
    let environment = Environment::with_home(home.path()).with("Q_KEY", KEY);
    let config = config::load(&flags, &environment);
    config.unwrap_or_else(|error| panic!("{error}")).upstreams
}

/// The table of a model called `qwen`.
fn qwen(url: &str, lines: &str) -> String {
    format!("[[model]]\nname = \"qwen\"\nmodel = \"scripted\"\nbase_url = \"{url}\"\n{lines}\n")
}

/// Somebody who waits for an answer, and models.
struct Scene {
    server: TestServer,
    id: ConversationId,
    catalog: Catalog,
    _waits: EventStream,
}

impl Scene {
    fn new(config: &str) -> Self {
        let mut server = TestServer::start();
        let catalog = server.start_models(models(config));
        let body = json!({"model": "human", "input": "What is 6 times 7?", "stream": true});
        let waits = server.client.post_sse("/v1/responses", &[], &body);
        let id = server.next_request();
        Self {
            server,
            id,
            catalog,
            _waits: waits,
        }
    }

    /// With one model, `qwen`.
    fn of(upstream: &Upstream) -> Self {
        Self::new(&qwen(&upstream.url(), ""))
    }

    fn order(&mut self) -> DraftId {
        let ordered = self
            .server
            .inbox
            .draft(self.id, DraftRequest::default(), Timestamp::now());
        ordered.expect("somebody waits, and there is a model")
    }

    /// How a draft is now.
    fn look(&self, draft: DraftId) -> ModelDraft {
        let conversation = self.server.inbox.get(self.id).expect("the conversation");
        let mut drafts = conversation.drafts().iter();
        drafts
            .find(|found| found.id == draft)
            .expect("a draft")
            .clone()
    }

    /// Follows a draft until it is as it is wanted.
    fn until(&mut self, draft: DraftId, is_so: impl Fn(&ModelDraft) -> bool) -> ModelDraft {
        loop {
            let found = self.look(draft);
            if is_so(&found) {
                return found;
            }
            self.server.next_change();
        }
    }

    /// Follows a draft to its end.
    fn made(&mut self, draft: DraftId) -> ModelDraft {
        self.until(draft, |draft| !draft.is_streaming())
    }

    fn draft(&mut self) -> ModelDraft {
        let draft = self.order();
        self.made(draft)
    }

    /// Why a draft fails.
    #[track_caller]
    fn failure(&mut self) -> String {
        match self.draft().state {
            DraftState::Failed(words) => {
                assert!(!words.starts_with("qwen"), "{words}");
                assert!(!words.contains(KEY), "{words}");
                assert!(!words.contains(|c: char| c.is_control()), "{words:?}");
                words
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The words of the one item of a draft.
#[track_caller]
fn words(draft: &ModelDraft) -> String {
    assert_eq!(draft.state, DraftState::Complete);
    assert_eq!(draft.items.len(), 1, "{draft:?}");
    let json: Value = serde_json::to_value(&draft.items[0]).expect("JSON");
    let shown = json.to_string();
    let text = shown.split("\"text\":\"").nth(1).unwrap_or(&shown);
    text.split('"').next().unwrap_or_default().to_owned()
}

#[test]
fn what_a_model_says_is_there_word_by_word() {
    let upstream = Upstream::start();
    let (gate, rest) = (Gate::default(), Gate::default());
    let script = Script::stream().words("It is ").wait(&gate).words("42 ");
    upstream.plays(script.wait(&rest).done());
    let mut scene = Scene::of(&upstream);
    let draft = scene.order();
    let so_far = |text: &str| Partial::Text(text.into());
    scene.until(draft, |draft| draft.partial == so_far("It is "));
    gate.open();
    scene.until(draft, |draft| draft.partial == so_far("It is 42 "));
    rest.open();
    let draft = scene.made(draft);
    assert_eq!(words(&draft), "It is 42 ");
    assert!(draft.first_piece.is_some());

    let seen = upstream.request();
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/v1/chat/completions")
    );
    assert_eq!(seen.body["model"], "scripted");
    assert_eq!(seen.body["stream"], true);
    assert!(seen.body.to_string().contains("What is 6 times 7?"));
    assert_eq!(
        seen.header("host"),
        Some(upstream.address.to_string().as_str())
    );
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("authorization"), None);
}

#[test]
fn the_key_and_other_headers_go_along() {
    let upstream = Upstream::start();
    let lines = "api_key_env = \"Q_KEY\"\nheaders = { X-Title = \"me\" }";
    let mut scene = Scene::new(&qwen(&upstream.url(), lines));
    upstream.says(&[say("Yes.")]);
    assert_eq!(words(&scene.draft()), "Yes.");
    let seen = upstream.request();
    assert_eq!(
        seen.header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
    assert_eq!(seen.header("x-title"), Some("me"));
}

#[test]
fn connections_are_used_again_and_a_closed_one_is_no_failure() {
    let upstream = Upstream::start();
    let mut scene = Scene::of(&upstream);
    // Whoever asks before the end of the answer has been read needs another one.
    let mut last = 0;
    let is_used_again = (0..20).any(|_| {
        upstream.says(&[say("Yes.")]);
        assert_eq!(words(&scene.draft()), "Yes.");
        let connection = upstream.request().connection;
        std::mem::replace(&mut last, connection) == connection
    });
    assert!(is_used_again, "{last} connections");
    // It is closed when the next request is on its way.
    upstream.plays(Script::default().hang_up());
    upstream.says(&[say("Again.")]);
    assert_eq!(words(&scene.draft()), "Again.");

    // It is closed in time for everybody to know.
    upstream.plays(Script::stream().words("Bye.").done().hang_up());
    assert_eq!(words(&scene.draft()), "Bye.");
    upstream.says(&[say("Hello.")]);
    assert_eq!(words(&scene.draft()), "Hello.");
}

#[test]
fn a_stopped_draft_closes_the_connection() {
    let upstream = Upstream::start();
    let mut scene = Scene::of(&upstream);
    // While the prompt is read, and in the middle of the answer.
    for (connection, script) in [
        (1, Script::default().hold()),
        (2, Script::stream().words("One ").hold()),
    ] {
        upstream.plays(script);
        let draft = scene.order();
        upstream.request();
        if connection == 2 {
            scene.until(draft, |draft| !draft.is_empty());
        }
        assert!(scene.server.inbox.cancel_draft(draft, Timestamp::now()));
        upstream.wait_closed(connection);
        assert_eq!(scene.look(draft).state, DraftState::Cancelled);
    }
    // Others go on.
    upstream.says(&[say("Yes.")]);
    assert_eq!(words(&scene.draft()), "Yes.");
}

#[test]
fn models_that_stop_close_all_connections() {
    let upstream = Upstream::start();
    let mut scene = Scene::of(&upstream);
    for _ in 0..2 {
        upstream.plays(Script::stream().words("One ").hold());
        let draft = scene.order();
        scene.until(draft, |draft| !draft.is_empty());
    }
    scene.server.stop_models();
    upstream.wait_closed(1);
    upstream.wait_closed(2);
}

#[test]
fn it_does_not_matter_where_an_answer_is_cut() {
    let upstream = Upstream::start();
    let mut scene = Scene::of(&upstream);
    let delta = |text: &str| {
        let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
        json!({"id": "c", "object": "chat.completion.chunk", "choices": [choice]})
    };
    let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let text = format!(
        "\u{feff}: waiting\r\n\r\ndata: {}\r\n\r\nid: 3\r\ndata:{}\r\n\r\ndata: {last}\r\n\r\n\
         data: [DONE]\r\n\r\n",
        delta("Grüß "),
        delta("Gott 🙂")
    );
    upstream.plays(Script::in_bytes(text.as_bytes()));
    upstream.plays(Script::in_bytes(text.replace("\r\n", "\r").as_bytes()));
    // All at once, and with nothing behind the last line.
    let text = text.trim_end().replace("\r\n", "\n");
    upstream.plays(Script::whole(200, "text/plain", &[], &text));
    for _ in 0..3 {
        assert_eq!(words(&scene.draft()), "Grüß Gott 🙂");
    }
}

#[test]
fn a_server_that_does_not_stream_will_do() {
    let upstream = Upstream::start();
    let mut scene = Scene::of(&upstream);
    let message = json!({"role": "assistant", "content": "All at once."});
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
    let answer = json!({"id": "c", "object": "chat.completion", "choices": [choice]});
    // Whatever it says that it is.
    for kind in ["application/json", "text/event-stream"] {
        upstream.plays(Script::whole(200, kind, &[], &format!("\n {answer:#}")));
        assert_eq!(words(&scene.draft()), "All at once.");
    }
}

#[test]
fn where_nothing_answers_it_is_said_what_to_start() {
    let address = free_address();
    let mut scene = Scene::new(&qwen(&format!("http://{address}"), ""));
    assert_eq!(
        scene.failure(),
        format!(
            "nothing answers at http://{address}/v1; start its server, or correct base_url in \
             [[model]] and press F9"
        )
    );
    // Once it runs, the same model will do.
    let upstream = Upstream::start();
    scene.catalog.set(models(&qwen(&upstream.url(), "")));
    upstream.says(&[say("Yes.")]);
    assert_eq!(words(&scene.draft()), "Yes.");
}

#[test]
fn a_key_that_is_missing_is_named_before_anything_is_sent() {
    let upstream = Upstream::start();
    let mut scene = Scene::new(&qwen(&upstream.url(), "api_key_env = \"NO_KEY\""));
    let words = scene.failure();
    assert!(words.contains("NO_KEY is not set"), "{words}");
    assert_eq!(upstream.requests(), 0);
}

#[test]
fn a_refusal_is_told_in_the_servers_words_with_what_to_do() {
    let upstream = Upstream::start();
    let mut scene = Scene::new(&qwen(&upstream.url(), "api_key_env = \"Q_KEY\""));
    let told = |status: u16, message: &str| Script::error(status, message);
    let html = "<html><head><title>502 Bad\nGateway</title></head><body>x</body></html>";
    for (script, expected) in [
        (
            told(401, &format!("Incorrect API key {KEY} provided.")),
            &["401: \"Incorrect API key … provided.\"; set Q_KEY to a key that it takes"][..],
        ),
        (told(403, "No."), &["403: \"No.\"; set Q_KEY"]),
        (
            told(
                400,
                "request (9000 tokens) exceeds the available context size (4096 tokens)",
            ),
            &[
                "exceeds the available context size",
                "load it with a larger context",
            ],
        ),
        (
            told(400, "scripted does not support tools"),
            &["does not support tools", "choose a model that takes tools"],
        ),
        (
            told(500, "boom\u{1b}[31m\n!"),
            &["500: \"boom [31m", "its own log may say why"],
        ),
        (
            Script::whole(429, "application/json", &[("Retry-After", "20")], "{}"),
            &["429", "busy: try again in 20 s"],
        ),
        (
            told(503, "Loading model"),
            &["503: \"Loading model\"; it is busy"],
        ),
        (
            Script::whole(
                307,
                "text/plain",
                &[("Location", "https://elsewhere.example/v1")],
                "",
            ),
            &[
                "307",
                "elsewhere: https://elsewhere.example/v1; correct base_url",
            ],
        ),
        (
            Script::whole(502, "text/html", &[], html),
            &["502: \"502 Bad Gateway\""],
        ),
        (
            told(405, "no"),
            &["405", "correct base_url (http://", "or format in [[model]]"],
        ),
    ] {
        upstream.plays(script);
        let words = scene.failure();
        for part in expected {
            assert!(words.contains(part), "no {part:?} in {words}");
        }
        assert!(words.len() < 600, "{words}");
    }
}

#[test]
fn a_server_that_wants_a_key_where_there_is_none_names_its_place() {
    let upstream = Upstream::start();
    upstream.plays(Script::error(401, "No key."));
    let words = Scene::of(&upstream).failure();
    assert!(words.contains("as api_key_env in [[model]]"), "{words}");
}

#[test]
fn a_model_that_is_not_there_is_told_with_those_that_are() {
    let upstream = Upstream::start();
    upstream.offers(&["llama", "mistral"], "library");
    let mut scene = Scene::of(&upstream);
    for (status, message) in [
        (404, "model \"scripted\" not found, try pulling it first"),
        (400, "Invalid model name passed in model=scripted"),
    ] {
        upstream.plays(Script::error(status, message));
        let words = scene.failure();
        assert!(
            words.ends_with(
                "it has no scripted, but llama, mistral: correct model in [[model]] and press F9"
            ),
            "{words}"
        );
    }
    // With it, something else is wrong.
    upstream.offers(&["scripted"], "library");
    upstream.plays(Script::error(404, "Not Found"));
    let words = scene.failure();
    assert!(
        words.contains("404: \"Not Found\"; correct base_url (http"),
        "{words}"
    );
}

#[test]
fn a_connection_that_is_closed_is_told_and_nothing_is_asked_twice() {
    let upstream = Upstream::start();
    let mut scene = Scene::of(&upstream);
    upstream.plays(Script::default().hang_up());
    let words = scene.failure();
    assert!(
        words.contains("closed the connection without an answer"),
        "{words}"
    );
    assert_eq!(upstream.requests(), 1);

    for script in [
        Script::stream().words("One two ").hang_up(),
        Script::stream().words("One two ").end(),
        // In the middle of an event.
        Script::stream()
            .words("One two ")
            .chunk(b"data: {\"choices\":")
            .hang_up(),
    ] {
        upstream.plays(script);
        let draft = scene.draft();
        let DraftState::Failed(words) = &draft.state else {
            panic!("{draft:?}");
        };
        assert!(words.contains("ended in the middle"), "{words}");
        assert_eq!(draft.partial, Partial::Text("One two ".into()));
    }
}

#[test]
fn an_answer_is_whole_when_the_model_says_so_however_its_stream_ends() {
    let upstream = Upstream::start();
    let mut scene = Scene::of(&upstream);
    let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    for end in [Script::hang_up, Script::end] {
        upstream.plays(end(Script::stream().words("It is 42.").event(&last)));
        assert_eq!(words(&scene.draft()), "It is 42.");
    }
}

#[test]
fn what_is_no_answer_of_a_model_is_shown() {
    let upstream = Upstream::start();
    let mut scene = Scene::of(&upstream);
    let page = "<!DOCTYPE html><html><head><title>My router</title></head></html>";
    for (script, expected) in [
        (
            Script::whole(200, "text/html", &[], page),
            "is no answer of a model: My router;",
        ),
        (
            Script::whole(200, "text/plain", &[], "hello"),
            "is no answer of a model: hello;",
        ),
        (
            Script::whole(200, "text/event-stream", &[], ""),
            "sent nothing",
        ),
        (
            Script::default()
                .bytes(b"SSH-2.0-OpenSSH_9.9\r\n")
                .hang_up(),
            "does not speak HTTP",
        ),
    ] {
        upstream.plays(script);
        let words = scene.failure();
        assert!(words.contains(expected), "no {expected:?} in {words}");
    }
}

#[test]
fn whoever_takes_too_long_is_given_up_with_the_key_that_changes_it() {
    let upstream = Upstream::start();
    let lines = "first_token_seconds = 1\nidle_seconds = 1\nconnect_seconds = 1";
    let mut scene = Scene::new(&qwen(&upstream.url(), lines));
    let sign_of_life = Script::stream().chunk(b": still reading\n\n");
    for (connection, script, expected) in [
        (
            1,
            Script::default().hold(),
            "no word came within 1 s; give it longer with first_token_seconds",
        ),
        (2, sign_of_life.hold(), "no word came within 1 s"),
        (
            3,
            Script::stream().words("One ").hold(),
            "nothing more came for 1 s; idle_seconds sets",
        ),
    ] {
        upstream.plays(script);
        let words = scene.failure();
        assert!(words.contains(expected), "no {expected:?} in {words}");
        upstream.wait_closed(connection);
    }
    // Somebody who takes connections and says nothing, not even who they are.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", silent.local_addr().expect("its address"));
    scene.catalog.set(models(&qwen(&url, lines)));
    let words = scene.failure();
    assert!(
        words.contains("took no connection within 1 s (connect_seconds)"),
        "{words}"
    );
}

#[test]
fn an_encrypted_connection_needs_somebody_to_trust() {
    let secure = Upstream::start_secure();
    let mut scene = Scene::of(&secure);
    let words = scene.failure();
    let expected = "the certificate of localhost is not of an authority that this system trusts";
    assert!(words.contains(expected), "{words}");
    assert!(words.contains("SSL_CERT_FILE"), "{words}");

    // Encrypted there and not here, and the other way round.
    let plain = Upstream::start();
    for (url, expected) in [
        (
            secure.url().replace("https", "http"),
            "does not speak HTTP; is the port right, and http:// or",
        ),
        (
            plain.url().replace("http", "https"),
            "speaks no TLS on port",
        ),
    ] {
        scene.catalog.set(models(&qwen(&url, "")));
        let words = scene.failure();
        assert!(words.contains(expected), "no {expected:?} in {words}");
    }
}

#[test]
fn several_models_draft_at_once() {
    let (one, other) = (Upstream::start(), Upstream::start());
    let second = qwen(&other.url(), "").replace("qwen", "other");
    let mut scene = Scene::new(&format!("{}{second}", qwen(&one.url(), "")));
    let gate = Gate::default();
    one.plays(
        Script::stream()
            .words("First ")
            .wait(&gate)
            .words("one.")
            .done(),
    );
    other.says(&[say("The other.")]);
    let first = scene.order();
    let ask = DraftRequest {
        model: Some("other".into()),
        ..DraftRequest::default()
    };
    let ordered = scene.server.inbox.draft(scene.id, ask, Timestamp::now());
    let second = ordered.expect("a model");
    assert_eq!(words(&scene.made(second)), "The other.");
    gate.open();
    assert_eq!(words(&scene.made(first)), "First one.");
}

#[test]
fn a_model_that_is_gone_when_it_is_asked_is_named() {
    let upstream = Upstream::start();
    let mut scene = Scene::of(&upstream);
    scene.catalog.set(Vec::new());
    let words = scene.failure();
    assert!(words.contains("no model of this name"), "{words}");
}

#[test]
fn calls_come_back_as_the_agent_offered_them_in_every_format() {
    let upstream = Upstream::start();
    let table = |format: &str| qwen(&upstream.url(), &format!("format = \"{format}\""));
    let mut server = TestServer::start();
    let catalog = server.start_models(models(&table("chat")));
    // As a client of the Responses API offers them: a shell that is a function, and a free-form tool.
    let command =
        json!({"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]});
    let body = json!({"model": "human", "input": "List the files.", "stream": true, "tools": [
        {"type": "function", "name": "exec_command", "parameters": command, "strict": false},
        {"type": "custom", "name": "apply_patch", "description": "Edits files."}]});
    let waits = server.client.post_sse("/v1/responses", &[], &body);
    let id = server.next_request();
    let mut scene = Scene {
        server,
        id,
        catalog,
        _waits: waits,
    };
    for (format, path) in [
        ("chat", "/v1/chat/completions"),
        ("messages", "/v1/messages"),
        ("responses", "/v1/responses"),
    ] {
        scene.catalog.set(models(&table(format)));
        upstream.says(&[
            OutputPart::Reasoning("They want the files."),
            say("I look."),
            call("exec_command", json!({"cmd": "ls -l \"a b\""})),
            call("exec_command", json!({"cmd": "pwd"})),
        ]);
        let draft = scene.draft();
        assert_eq!(draft.state, DraftState::Complete, "{format}");
        let items: Vec<Value> = draft
            .items
            .iter()
            .map(|item| serde_json::to_value(item).expect("JSON"))
            .collect();
        let calls: Vec<&str> = items
            .iter()
            .filter_map(|item| {
                item["FunctionCall"]["arguments"]
                    .as_str()
                    .or(item["arguments"].as_str())
            })
            .collect();
        let calls: Vec<Value> = calls
            .iter()
            .map(|call| serde_json::from_str(call).expect("arguments"))
            .collect();
        let expected = [json!({"cmd": "ls -l \"a b\""}), json!({"cmd": "pwd"})];
        assert_eq!(calls, expected, "{format}: {items:#?}");
        let shown = json!(items).to_string();
        assert!(
            shown.contains("I look.") && shown.contains("They want the files."),
            "{shown}"
        );
        let usage = draft.usage.expect("usage");
        assert_eq!((usage.input, usage.output), (100, 20), "{format}");
        let seen = upstream.request();
        assert_eq!(seen.path, path);
        let tools = seen.body["tools"].to_string();
        assert!(
            tools.contains("exec_command") && tools.contains("apply_patch"),
            "{tools}"
        );
    }
}
