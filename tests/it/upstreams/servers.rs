//! Real servers with models, and a client whose requests they are to answer.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::config;
use crate::support::{
    API_KEY, ClientProcess, ClientSession, EventStream, Gate, Key, Operator, Script, Upstream,
    client_session, path_from_environment, poll,
};

/// A llama.cpp with a model of random weights.
struct Llama {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Llama {
    fn start() -> Option<Self> {
        let python = path_from_environment("HUMANLLM_TEST_LLAMA", "xllamacpp")?;
        let folder = tempfile::tempdir().expect("a folder");
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/it/upstreams/llama_server.py"
        );
        let told = folder.path().join("address");
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(std::fs::File::create(&told).expect("a file"))
            .stderr(Stdio::null())
            .spawn()
            .expect("a server");
        let url = poll(
            "the address of llama.cpp",
            || {
                let told = std::fs::read_to_string(&told).ok()?;
                told.ends_with('\n').then(|| told.trim().to_owned())
            },
            || format!("{:?}", child.try_wait()),
        );
        Some(Self {
            child,
            url,
            _folder: folder,
        })
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks for something over the Responses API, streaming, and offers one tool.
fn ask(operator: &Operator, prompt: &str, more: Value) -> EventStream {
    let mut body = json!({"model": "human", "stream": true, "input": prompt, "tools": [
        {"type": "function", "name": "look", "description": "Looks.", "parameters": {
            "type": "object", "properties": {"at": {"type": "string", "enum": ["ls", "file"]}},
            "required": ["at"], "additionalProperties": false}}]});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    operator.client().post_sse("/v1/responses", &[], &body)
}

/// The object of the last event.
fn completed(mut stream: EventStream) -> Value {
    stream.until("response.completed")["response"].take()
}

/// What a response says in messages.
fn text(response: &Value) -> String {
    let items = response["output"].as_array().expect("items").iter();
    let parts = items
        .filter_map(|item| item["content"].as_array())
        .flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}

/// In all formats that llama.cpp speaks.
fn for_each_format(test: impl Fn(&Llama, &str)) {
    for format in ["chat", "responses", "messages"] {
        let Some(llama) = Llama::start() else {
            return;
        };
        test(&llama, format);
    }
}

#[test]
fn llama_drafts_in_three_formats() {
    for_each_format(|llama, format| {
        let own = format!("format = \"{format}\"\nmax_tokens = 24");
        let mut operator = Operator::builder()
            .config(&config(&llama.url, "manual", &own, ""))
            .start();
        let stream = ask(&operator, "Tell me of a cat", json!({}));
        operator.wait_request("Tell me of a cat");
        operator.key(Key::Alt('d'));
        operator.wait_until("the end of a draft", |screen| {
            screen.contains("24 tokens") || screen.contains("limit of tokens")
        });
        operator.type_text(" (edited)");
        operator.wait_for("(edited)");
        operator.key(Key::Enter);
        let said = text(&completed(stream));
        assert!(
            said.ends_with(" (edited)") && said.len() > 20,
            "{format}: {said}"
        );
    });
}

#[test]
fn llama_calls_a_tool_by_itself() {
    for_each_format(|llama, format| {
        if format != "chat" {
            // Nothing makes its random model call something in the others.
            return;
        }
        let own = "parameters = { logit_bias = [[259, 20], [2, 40]] }";
        let operator = Operator::builder()
            .config(&config(&llama.url, "auto", own, ""))
            .start();
        let more = json!({"tool_choice": "required", "parallel_tool_calls": false});
        let response = completed(ask(&operator, "Look", more));
        let calls = response["output"].as_array().expect("items");
        let call = calls.last().expect("a call");
        assert_eq!(call["type"], "function_call", "{response}");
        assert_eq!(call["name"], "look");
        let arguments: Value =
            serde_json::from_str(call["arguments"].as_str().expect("arguments")).expect("JSON");
        assert!(
            ["ls", "file"].map(Value::from).contains(&arguments["at"]),
            "{arguments}"
        );
    });
}

#[test]
fn llama_is_stopped_in_the_middle() {
    let Some(llama) = Llama::start() else {
        return;
    };
    let mut operator = Operator::builder()
        .config(&config(&llama.url, "auto", "", ""))
        .start();
    let mut stream = ask(&operator, "Never stop", json!({}));
    stream.until("response.output_text.delta");
    operator.wait_for("Esc takes over");
    operator.key(Key::Esc);
    operator.wait_for("you have the pen");
    operator.reply("THE END");
    let said = text(&completed(stream));
    assert!(said.ends_with("THE END") && said.len() > 7, "{said}");
}

/// The proxy of litellm, whose model says always the same.
fn litellm(session: &ClientSession, python: &Path) -> (ClientProcess, SocketAddr) {
    let params = json!({"model": "openai/mock", "api_key": "none",
        "mock_response": "It is sunny in Oslo."});
    session.proxy_of(python, "mock", &params)
}

#[test]
fn litellm_drafts() {
    let Some(python) = client_session::litellm() else {
        return;
    };
    let (proxy, address) = litellm(&ClientSession::new(), &python);
    let own = format!(
        "model = \"mock\"\nheaders = {{ Authorization = \"Bearer {}\" }}",
        API_KEY
    );
    let url = format!("http://{address}");
    let mut operator = Operator::builder()
        .config(&config(&url, "draft", &own, ""))
        .start();
    let stream = ask(&operator, "How is the weather?", json!({}));
    operator.wait_for("> It is sunny in Oslo.");
    operator.key(Key::Enter);
    assert_eq!(text(&completed(stream)), "It is sunny in Oslo.");
    drop(proxy);
}

#[test]
fn one_person_drafts_for_another() {
    for format in ["chat", "responses", "messages"] {
        let mut helper = Operator::start();
        let url = format!("http://{}", helper.sandbox().address);
        let own = format!("format = \"{format}\"");
        let mut operator = Operator::builder()
            .config(&config(&url, "draft", &own, ""))
            .start();
        let stream = ask(&operator, "What shall I say?", json!({}));
        helper.wait_request("What shall I say?");
        // Thoughts and a call of the tool that the client of the other offers.
        helper.choose("Think");
        helper.reply("they want to see something");
        operator.wait_for("they want to see something");
        helper.call_tool("look", "look");
        helper.type_text("file");
        helper.key(Key::Enter);
        operator.wait_until("the call as a draft", |screen| {
            screen.contains("[Call tool]") && screen.contains("look")
        });
        operator.key(Key::Enter);
        let response = completed(stream);
        let call = response["output"]
            .as_array()
            .expect("items")
            .last()
            .cloned();
        let call = call.expect("a call");
        assert_eq!(
            (&call["name"], &call["arguments"]),
            (&json!("look"), &json!("{\"at\":\"file\"}")),
            "{format}"
        );
    }
}

#[test]
fn what_a_model_begins_is_at_the_client_before_it_ends() {
    let upstream = Upstream::start();
    let gate = Gate::default();
    upstream.plays(
        Script::stream()
            .words("The first ")
            .wait(&gate)
            .words("and the last")
            .done(),
    );
    let operator = Operator::builder()
        .config(&config(&upstream.url(), "auto", "", ""))
        .start();
    let mut stream = ask(&operator, "Say it slowly", json!({}));
    let delta = stream.until("response.output_text.delta");
    assert_eq!(delta["delta"], "The ");
    gate.open();
    assert_eq!(text(&completed(stream)), "The first and the last");
}
