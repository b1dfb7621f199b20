//! Everything the server sends, against the public Open Responses schema.
//!
//! `HUMANLLM_TEST_OPENAPI` names the OpenAPI document (version 2026-04-24), and
//! `HUMANLLM_TEST_CAPTURES` a folder with bodies of real requests, one JSON file each. What is not
//! given is not tested.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use crate::support::server::{answer, hello_request, note, rejection, title_request};
use crate::support::{Socket, TestServer};
use humanllm::api::responses::{ResponsesWriter, parse};
use humanllm::api::{
    Body, Ending, FailureCode, Frame, Interner, Phase, Reply, ResponseWriter, Usage,
};
use humanllm::inbox::Change;
use jsonschema::Validator;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

/// The schemas of the document, ready for use.
struct Schema {
    schemas: Map<String, Value>,
    /// Name and validator of the schema of each event, by its type.
    events: HashMap<String, (String, Validator)>,
    response: Validator,
    error: Validator,
}

impl Schema {
    /// Nothing if there is none to test against.
    fn load() -> Option<Self> {
        let Some(path) = std::env::var_os("HUMANLLM_TEST_OPENAPI") else {
            println!("skipped: HUMANLLM_TEST_OPENAPI names no schema");
            return None;
        };
        let text = std::fs::read_to_string(&path).expect("the file in HUMANLLM_TEST_OPENAPI");
        let document: Value = serde_json::from_str(&text).expect("an OpenAPI document in JSON");
        let schemas = document["components"]["schemas"].as_object();
        let schemas = schemas.expect("the schemas").clone();
        let validator = |name: &str| {
            let schema = json!({
                "$ref": format!("#/components/schemas/{name}"),
                "components": document["components"],
            });
            jsonschema::draft202012::new(&schema).expect("a schema that compiles")
        };
        let ways = "/paths/~1responses/post/responses/200/content/text~1event-stream/schema/oneOf";
        let events = document.pointer(ways).and_then(Value::as_array);
        let events = events.expect("the list of events").iter().map(|event| {
            let name = event["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            let kind = schemas[name]["properties"]["type"]["enum"][0].as_str();
            let kind = kind.expect("the type of the event").to_owned();
            (kind, (name.to_owned(), validator(name)))
        });
        Some(Self {
            events: events.collect(),
            response: validator("ResponseResource"),
            error: validator("ErrorPayload"),
            schemas,
        })
    }

    fn check_event(&self, name: &str, data: &Value) {
        assert_eq!(data["type"], name);
        if name.starts_with("response.shell_call_command.") {
            // Of an item that is not checked either.
            return;
        }
        let (schema, validator) = self
            .events
            .get(name)
            .unwrap_or_else(|| panic!("{name}: unknown"));
        // The built-in shells, item types of OpenAI's own API that the public schema leaves out.
        // Only a client that offers such a tool is sent one, so that is the one thing not checked
        // here.
        let is_built_in = |item: &Value| {
            matches!(
                item["type"].as_str(),
                Some("local_shell_call" | "shell_call")
            )
        };
        if data.get("item").is_some_and(is_built_in) {
            assert!(name.starts_with("response.output_item."), "{name}");
            return;
        }
        let mut data = data.clone();
        if let Some(output) = data.pointer_mut("/response/output") {
            output
                .as_array_mut()
                .unwrap()
                .retain(|item| !is_built_in(item));
        }
        valid(validator, &data);
        self.only_known_fields(schema, &data);
        if let Some(response) = data.get("response") {
            self.check_response(response);
        }
    }

    /// An object against the schema of a name.
    fn check_named(&self, name: &str, object: &Value) {
        let schema = json!({
            "$ref": format!("#/components/schemas/{name}"),
            "components": {"schemas": self.schemas},
        });
        let validator = jsonschema::draft202012::new(&schema).expect("a schema that compiles");
        valid(&validator, object);
    }

    fn check_response(&self, response: &Value) {
        valid(&self.response, response);
        self.only_known_fields("ResponseResource", response);
    }

    /// The schema lets any further field pass, a misspelt one too.
    fn only_known_fields(&self, schema: &str, object: &Value) {
        let known = self.schemas[schema]["properties"].as_object().unwrap();
        for field in object.as_object().unwrap().keys() {
            // The prose has this one; the schema forgot it (2026-04-24).
            let is_prose = schema == "ResponseResource" && field == "conversation";
            assert!(
                is_prose || known.contains_key(field),
                "{schema} has no {field}: {object}"
            );
        }
    }

    /// A request and all that is said to it, through the writer.
    fn check(&self, body: &Value, replies: &[Reply]) {
        let request = match parse(body.to_string().as_bytes(), &Interner::default()) {
            Ok(request) => request,
            Err(error) => {
                assert_eq!(error.status, 400, "{body}");
                return valid(&self.error, &error.to_json()["error"]);
            }
        };
        let mut count = 0;
        let ids = move |prefix: &str| {
            count += 1;
            format!("{prefix}_{count}")
        };
        let mut writer = ResponsesWriter::new(&request, 1_700_000_000, Box::new(ids));
        let mut frames: Vec<Frame> = writer.start();
        frames.push(writer.heartbeat());
        for reply in replies {
            frames.extend(writer.reply(reply, 1_700_000_001, Some(USAGE)));
            frames.extend((!reply.ends()).then(|| writer.heartbeat()));
        }
        for frame in &frames {
            // What has no name ends the stream.
            if let Some(name) = frame.event {
                self.check_event(name, &json_of(&frame.data));
            }
        }
        if !replies.iter().any(calls_built_in_shell) {
            self.check_response(&json_of(&writer.document().expect("an object")));
        }
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Tokens of some response.
const USAGE: Usage = Usage {
    input: 7,
    output: 5,
    reasoning: 2,
};

fn calls_built_in_shell(reply: &Reply) -> bool {
    let is_call =
        |item: &Body| matches!(item, Body::LocalShellCall { .. } | Body::ShellCall { .. });
    reply.items().iter().any(is_call)
}

fn valid(validator: &Validator, value: &Value) {
    let errors: Vec<_> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
}

fn call(namespace: Option<&str>, arguments: &str) -> Body {
    Body::FunctionCall {
        namespace: namespace.map(str::to_owned),
        name: "exec_command".into(),
        arguments: arguments.into(),
    }
}

fn end(items: Vec<Body>, ending: Ending) -> Reply {
    Reply::End { items, ending }
}

/// Every kind of reply, alone and together.
fn conversations() -> Vec<Vec<Reply>> {
    let local = |working_directory| Body::LocalShellCall {
        command: vec!["ls".into()],
        working_directory,
    };
    let message = |text: &str| Body::message(text, Phase::FinalAnswer);
    let going_away = Ending::Failed {
        code: FailureCode::ServerError,
        message: String::new(),
    };
    vec![
        vec![],
        vec![answer("one\ntwo\n")],
        vec![answer("")],
        vec![note("wait"), note("\n\u{0}👩‍👩‍👧"), answer("完了")],
        vec![end(vec![call(None, "{}")], Ending::Completed)],
        vec![end(
            vec![message("look"), call(Some("ns"), ""), call(None, "no JSON")],
            Ending::Completed,
        )],
        vec![end(
            vec![local(None), local(Some("/".into()))],
            Ending::Completed,
        )],
        vec![end(
            vec![Body::ShellCall {
                commands: vec!["ls".into(), "pwd".into()],
                timeout_ms: None,
                max_output_length: Some(1),
            }],
            Ending::Completed,
        )],
        vec![end(vec![], Ending::Completed)],
        vec![end(
            vec![Body::message("half an ans", Phase::FinalAnswer)],
            Ending::OutOfTokens,
        )],
        vec![note("hm"), rejection("not today")],
        vec![end(vec![], going_away)],
    ]
}

/// Values that requests hold under each key: usual ones, and such as only a confused or a newer
/// client sends.
fn variants() -> Vec<(&'static str, Vec<Value>)> {
    let function = json!({"type": "function", "name": "f", "description": "does",
        "parameters": {"type": "object", "properties": {}}, "strict": true});
    let many: Map<String, Value> = (0..40).map(|i| (i.to_string(), json!("x"))).collect();
    let schema = json!({"type": "object"});
    vec![
        ("instructions", vec![json!(""), json!("be kind"), json!(7)]),
        (
            "tools",
            vec![
                json!([]),
                json!([function, {"type": "function", "name": "g"}]),
                json!([{"type": "function"}, {"type": "function", "name": 7}, {}]),
                json!([{"type": "function", "name": "f", "parameters": "p", "strict": 1,
                    "description": [], "extra": {}}]),
                json!([{"type": "function", "function": function}]),
                json!([{"type": "web_search"}, {"type": "local_shell"}, {"type": "shell"},
                    {"type": "custom", "name": "apply_patch", "format": {"type": "grammar"}},
                    {"type": "namespace", "name": "ns", "tools": [function, 7]},
                    {"type": "mcp", "server_label": "x"}, {"type": "teleport"}]),
                json!([7]),
            ],
        ),
        (
            "tool_choice",
            vec![
                json!("none"),
                json!("auto"),
                json!("required"),
                json!("perhaps"),
                json!({"type": "function", "name": "f"}),
                json!({"type": "function"}),
                json!({"type": "custom", "name": "f"}),
                json!({"type": "web_search"}),
                json!({"type": "allowed_tools", "mode": "required",
                    "tools": [{"type": "function", "name": "f"}, {"type": "mcp"}, 7]}),
                json!({"type": "allowed_tools", "mode": 7, "tools": 7}),
                json!({}),
                json!(7),
            ],
        ),
        (
            "text",
            vec![
                json!({}),
                json!({"format": null, "verbosity": null}),
                json!({"format": {"type": "text"}, "verbosity": "low"}),
                json!({"format": {"type": "json_object"}, "verbosity": "loud"}),
                json!({"format": {"type": "json_schema", "name": "n", "schema": schema,
                    "strict": true, "description": "d"}}),
                json!({"format": {"type": "json_schema", "strict": null}}),
                json!({"format": {"type": "json_schema", "name": 7, "schema": 7, "strict": 7}}),
                json!({"format": {"type": "hologram"}}),
                json!({"format": {}}),
                json!({"format": "json"}),
                json!(7),
            ],
        ),
        (
            "reasoning",
            vec![
                json!({}),
                json!({"effort": "medium", "summary": "auto"}),
                json!({"effort": "minimal", "summary": "none"}),
                json!({"effort": "galactic", "summary": 7, "more": true}),
                json!({"effort": null}),
                json!("high"),
            ],
        ),
        (
            "metadata",
            vec![
                json!({}),
                json!({"a": "b"}),
                json!({"a": 1, "b": null, "c": ["d"], "e": "x".repeat(600)}),
                Value::Object(many),
                json!([]),
            ],
        ),
        ("service_tier", vec![json!("auto"), json!("warp"), json!(7)]),
        ("truncation", vec![json!("auto"), json!("maybe"), json!(7)]),
        (
            "temperature",
            vec![json!(0), json!(0.7), json!(-3), json!(1e300), json!("hot")],
        ),
        ("top_p", vec![json!(1), json!(0.5), json!("x")]),
        ("presence_penalty", vec![json!(0), json!(-2.5)]),
        ("frequency_penalty", vec![json!(0), json!(2)]),
        (
            "top_logprobs",
            vec![json!(0), json!(20), json!(u64::MAX), json!(1.5)],
        ),
        (
            "max_output_tokens",
            vec![json!(16), json!(0), json!(u64::MAX), json!(-1)],
        ),
        ("max_tool_calls", vec![json!(1), json!(1.0), json!("1")]),
        (
            "parallel_tool_calls",
            vec![json!(true), json!(false), json!("yes")],
        ),
        ("store", vec![json!(true), json!(false)]),
        ("background", vec![json!(false), json!(true)]),
        ("stream", vec![json!(true), json!(false), json!(1)]),
        (
            "stream_options",
            vec![json!({"include_obfuscation": true}), json!(7)],
        ),
        (
            "include",
            vec![
                json!(["reasoning.encrypted_content"]),
                json!([7]),
                json!("x"),
            ],
        ),
        ("previous_response_id", vec![json!("resp_1"), json!(7)]),
        (
            "safety_identifier",
            vec![json!("s"), json!("s".repeat(100)), json!(7)],
        ),
        ("prompt_cache_key", vec![json!("k"), json!(""), json!(7)]),
        (
            "client_metadata",
            vec![json!({"x-codex-turn-metadata": "{"}), json!(7)],
        ),
        ("model", vec![json!("m"), json!(""), json!("人"), json!(7)]),
        (
            "input",
            vec![
                json!("x"),
                json!(""),
                json!([]),
                json!([{"role": "user", "content": "hi"}, {"type": "hologram"}, {}]),
                json!({}),
            ],
        ),
        ("sparkle", vec![json!({"a": [1]})]),
    ]
}

fn request(extra: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut body = json!({"model": "m", "input": "x"});
    let fields = body.as_object_mut().unwrap();
    fields.extend(
        extra
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value)),
    );
    body
}

#[test]
fn every_reply_to_every_request_is_valid() {
    let Some(schema) = Schema::load() else { return };
    let conversations = conversations();
    let mut read = 0;
    for (key, values) in variants() {
        for value in values.into_iter().chain([Value::Null]) {
            let body = request([(key, value)]);
            read += usize::from(parse(body.to_string().as_bytes(), &Interner::default()).is_ok());
            for replies in &conversations {
                schema.check(&body, replies);
            }
        }
    }
    assert!(read > 80, "most requests can be read: {read}");
}

#[test]
fn requests_with_several_oddities_are_answered_validly() {
    let Some(schema) = Schema::load() else { return };
    let fields = variants().into_iter().map(|(key, mut values)| {
        // One wrong field and the rest is not looked at, so only what can be read is combined.
        values.retain(|value| {
            parse(
                request([(key, value.clone())]).to_string().as_bytes(),
                &Interner::default(),
            )
            .is_ok()
        });
        values.push(Value::Null);
        values.retain(|value| !(value.is_null() && matches!(key, "model" | "input")));
        proptest::option::of(select(values)).prop_map(move |value| Some((key, value?)))
    });
    let fields: Vec<_> = fields.map(Strategy::boxed).collect();
    let text = prop_oneof![".{0,40}", "[\n\r a]{0,9}", any::<String>()];
    let item = prop_oneof![
        (text.clone(), any::<bool>()).prop_map(|(text, is_note)| {
            Body::message(
                text,
                match is_note {
                    true => Phase::Commentary,
                    false => Phase::FinalAnswer,
                },
            )
        }),
        (text.clone(), proptest::option::of(text.clone()))
            .prop_map(|(text, namespace)| call(namespace.as_deref(), &text)),
    ];
    let items = proptest::collection::vec(item, 0..4);
    let ending = prop_oneof![
        Just(Ending::Completed),
        Just(Ending::OutOfTokens),
        text.prop_map(|message| Ending::Failed {
            code: FailureCode::InvalidPrompt,
            message
        }),
    ];
    let strategy = (fields, items.clone(), items, ending);
    let config = Config {
        cases: 300,
        failure_persistence: None,
        ..Config::default()
    };
    let ran = TestRunner::new(config).run(&strategy, |(fields, notes, items, ending)| {
        let body = request(fields.into_iter().flatten());
        // Nobody could come back for what is not stored.
        let is_wrong = body["background"] == true && body["store"] == false;
        let parsed = parse(body.to_string().as_bytes(), &Interner::default());
        assert_eq!(parsed.is_err(), is_wrong, "{body}");
        let mut replies: Vec<_> = notes
            .into_iter()
            .map(|note| Reply::Items(vec![note]))
            .collect();
        replies.push(end(items, ending));
        schema.check(&body, &replies);
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_real_clients_ask_is_answered_validly() {
    let Some(schema) = Schema::load() else { return };
    let Some(folder) = std::env::var_os("HUMANLLM_TEST_CAPTURES").map(PathBuf::from) else {
        println!("skipped: HUMANLLM_TEST_CAPTURES names no folder");
        return;
    };
    let files = std::fs::read_dir(folder).expect("the folder in HUMANLLM_TEST_CAPTURES");
    let paths: BTreeSet<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    let is_json = |path: &&PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    };
    let mut count = 0;
    for path in paths.iter().filter(is_json) {
        let text = std::fs::read_to_string(path).expect("a capture");
        parse(text.as_bytes(), &Interner::default())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let body = serde_json::from_str(&text).expect("JSON");
        for replies in conversations() {
            schema.check(&body, &replies);
        }
        count += 1;
    }
    assert!(count > 0, "no captures in the folder");
}

#[test]
fn what_leaves_the_socket_is_valid() {
    let Some(schema) = Schema::load() else { return };
    let mut server = TestServer::start();
    for body in [hello_request(true), title_request(true)] {
        let is_automatic = body.get("text").is_some();
        let stream = server.client.post_sse("/v1/responses", &[], &body);
        if !is_automatic {
            let id = server.next_request();
            server.reply(id, note("wait")).unwrap();
            server.reply(id, answer("done")).unwrap();
        }
        let mut events = stream.rest();
        assert_eq!(events.pop().expect("an end").data, "[DONE]");
        assert!(events.len() > 8, "{events:?}");
        for event in events {
            schema.check_event(&event.event, &event.data);
        }
    }
    let (status, response) = server
        .client
        .post_json("/v1/responses", &[], &title_request(false));
    assert_eq!(status, 200);
    schema.check_response(&response);
    for (status, body) in [
        server.client.get("/nowhere", &[]),
        server.client.get("/v1/models/nobody", &[]),
        server
            .client
            .get("/healthz", &[("origin", "https://evil.example")]),
        server
            .client
            .post_json("/v1/responses", &[], &json!({"model": 7})),
        server.client.post_json("/v1/models", &[], &json!({})),
    ] {
        assert!((400..500).contains(&status), "{status}");
        valid(&schema.error, &body["error"]);
    }
}

#[test]
fn what_is_stored_and_what_a_websocket_carries_is_valid() {
    let Some(schema) = Schema::load() else { return };
    let mut server = TestServer::start();
    let path = "/v1/responses";
    let (_, conversation) = server
        .client
        .post_json("/v1/conversations", &[], &json!({}));

    // In the background: every state, every event, the input.
    let image = "data:image/png;base64,AAAA";
    let input = json!([{"role": "user", "content": "short"},
        {"role": "user", "content": [{"type": "input_image", "image_url": image},
            {"type": "input_file", "filename": "a.txt", "file_data": "QQ=="}]},
        {"role": "assistant", "content": "yes"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "3"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]);
    let body = json!({"model": "human", "input": input, "background": true,
        "conversation": conversation["id"]});
    let (_, queued) = server.client.post_json(path, &[], &body);
    schema.check_response(&queued);
    let id = server.next_request();
    let stored = format!("{path}/{}", queued["id"].as_str().expect("an id"));
    server.reply(id, note("wait")).unwrap();
    server.wait_delivery();
    schema.check_response(&server.client.get(&stored, &[]).1);
    server.reply(id, answer("done")).unwrap();
    server.wait_delivery();
    schema.check_response(&server.client.get(&stored, &[]).1);
    let mut events = server
        .client
        .get_sse(&format!("{stored}?stream=true"))
        .rest();
    assert_eq!(events.pop().expect("an end").data, "[DONE]");
    assert_eq!(events[1].event, "response.queued");
    for event in events {
        schema.check_event(&event.event, &event.data);
    }
    let (_, items) = server.client.get(&format!("{stored}/input_items"), &[]);
    assert_eq!(items["data"].as_array().expect("items").len(), 6);
    for item in items["data"].as_array().unwrap() {
        schema.check_named("ItemField", item);
    }
    let (_, cancelled) = server.client.post_json(path, &[], &body);
    server.next_request();
    let cancelled = format!("{path}/{}/cancel", cancelled["id"].as_str().expect("an id"));
    schema.check_response(&server.client.post_json(&cancelled, &[], &json!({})).1);
    assert!(matches!(server.next_change(), Change::ClientGone { .. }));

    // A summary.
    let client = server.client.clone();
    let body = json!({"model": "human", "input": input, "prompt_cache_key": "other"});
    let asked = std::thread::spawn(move || client.post_json("/v1/responses/compact", &[], &body));
    let id = server.next_request();
    server.reply(id, answer("All of it.")).unwrap();
    schema.check_named("CompactResource", &asked.join().unwrap().1);
    server.wait_delivery();

    // A socket.
    let Ok(mut socket) = Socket::open(server.address, &[]) else {
        panic!("no socket");
    };
    socket.create(json!({"input": "hi", "store": false}));
    let id = server.next_request();
    server.reply(id, answer("hello")).unwrap();
    for event in socket.response() {
        schema.check_event(event["type"].as_str().expect("a type"), &event);
    }
    socket.create(json!({"input": "hi", "previous_response_id": "resp_none"}));
    let error = socket.next().expect("an event");
    schema.check_named("WebSocketErrorEvent", &error);
}
