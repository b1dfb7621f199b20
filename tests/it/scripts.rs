//! Scripts that are the person for one turn: the real binary in a pseudo-terminal, the same binary
//! beside it as `humanllm wait`, `reply` and the others, and HTTP clients that get what they say.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::process::{Child, Output, Stdio};

use crate::support::{Client, EventStream, Key, Operator, Sandbox, Signal, free_address};
use serde_json::{Value, json};

/// A shell, a tool with a schema, and a tool that takes a text.
fn tools() -> Value {
    json!([
        {"type": "function", "name": "exec_command", "parameters": {"type": "object",
            "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}},
        {"type": "function", "name": "read_lines", "description": "Reads lines of a file",
            "parameters": {"type": "object", "additionalProperties": false,
            "required": ["path"], "properties": {"path": {"type": "string"},
            "from": {"type": "integer", "minimum": 1}}}},
        {"type": "custom", "name": "apply_patch", "description": "Changes files"},
    ])
}

fn ask(client: &Client, thread: &str, prompt: &str) -> EventStream {
    ask_with(client, thread, prompt, json!({}))
}

fn ask_with(client: &Client, thread: &str, prompt: &str, more: Value) -> EventStream {
    let mut body = json!({"model": "m", "stream": true, "input": prompt, "tools": tools(),
        "prompt_cache_key": thread});
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    client.post_sse("/v1/responses", &[], &body)
}

/// The items of a response that ends as it should.
fn items(stream: &mut EventStream) -> Vec<Value> {
    let done = stream.until("response.completed");
    done["response"]["output"]
        .as_array()
        .expect("the output")
        .clone()
}

/// What an item says.
fn words(item: &Value) -> &str {
    let texts = [
        &item["content"][0]["text"],
        &item["summary"][0]["text"],
        &item["arguments"],
        &item["input"],
    ];
    let text = texts.into_iter().find_map(Value::as_str);
    text.unwrap_or_else(|| panic!("no words in {item}"))
}

/// `humanllm` beside the one that runs.
struct Script(Sandbox);

impl Script {
    fn start(&self, args: &[&str], input: &str) -> Child {
        let state = self.0.state_dir().display().to_string();
        let mut command = self.0.command(args);
        command.args(["--state-dir", &state]);
        let pipes = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("started");
        let mut stdin = child.stdin.take().expect("a pipe");
        // One that reads nothing may be gone already.
        let _ = stdin.write_all(input.as_bytes());
        child
    }

    fn run(&self, args: &[&str], input: &str) -> Output {
        let child = self.start(args, input);
        child.wait_with_output().expect("ended")
    }

    /// The document that a script prints which gets what it asks.
    fn json(&self, args: &[&str]) -> Value {
        self.fed(args, "")
    }

    fn fed(&self, args: &[&str], input: &str) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        document(&self.run(&args, input))
    }

    /// The exit code and the message of one that does not.
    fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args, "");
        let message = String::from_utf8(output.stderr).expect("UTF-8");
        let code = output.status.code().expect("an exit code");
        assert_ne!(code, 0, "{}", String::from_utf8_lossy(&output.stdout));
        (code, message)
    }
}

fn document(output: &Output) -> Value {
    let (out, err) = (&output.stdout, &output.stderr);
    let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    assert!(output.status.success(), "{}: {err}{out}", output.status);
    assert_eq!(err, "");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

fn id(value: &Value) -> String {
    value.as_i64().expect("a number").to_string()
}

#[test]
fn a_script_waits_reads_and_answers_step_by_step() {
    let operator = Operator::start();
    let script = Script(operator.sandbox().clone());
    let status = script.json(&["status"]);
    assert_eq!(
        (&status["waiting"], &status["since"]),
        (&json!(0), &json!(null))
    );
    assert_eq!(
        status["address"],
        format!("http://{}/v1", operator.sandbox().address)
    );

    let waiting = script.start(&["wait", "--json"], "");
    // It waits before there is anything to wait for, or finds it there: both must do.
    let mut stream = ask(&operator.client(), "a", "What is in src?");
    let asked = document(&waiting.wait_with_output().expect("ended"));
    let (conversation, request) = (id(&asked["conversation"]), id(&asked["request"]));
    let last = asked["items"].as_array().and_then(|items| items.last());
    let last = last.expect("an item");
    assert_eq!(
        (&last["text"], &last["new"]),
        (&json!("What is in src?"), &json!(true))
    );
    assert_eq!(
        (&last["role"], &last["item"]),
        (&json!("user"), &json!("What is in src?"))
    );
    let tools = asked["tools"].as_array().expect("tools").iter();
    let tools: Vec<_> = tools.map(|tool| (&tool["name"], &tool["shell"])).collect();
    assert_eq!(tools.len(), 3);
    assert_eq!(tools[0], (&json!("exec_command"), &json!(true)));
    assert_eq!(tools[1], (&json!("read_lines"), &json!(false)));
    operator.wait_request("What is in src?");

    script.json(&["reply", &conversation, "--progress", "one moment"]);
    assert_eq!(
        stream.until("response.output_text.delta")["delta"],
        "one moment"
    );
    let shown = script.json(&["show", &conversation]);
    assert_eq!(shown["said"][0]["kind"], "note");
    assert_eq!(shown["said"][0]["by"], "script");
    operator.wait_for("script · delivered");
    script.json(&["reply", &conversation, "--think", "it must be small"]);
    let sent = script.json(&[
        "reply",
        &conversation,
        "--command",
        "ls src",
        "--request",
        &request,
    ]);
    assert_eq!(
        (&sent["ended"], id(&sent["request"])),
        (&json!(true), request)
    );
    let said = items(&mut stream);
    let said: Vec<&str> = said.iter().map(words).collect();
    assert_eq!(
        said,
        ["one moment", "it must be small", r#"{"cmd":"ls src"}"#]
    );
    operator.wait_for("exec_command · script · delivered");
    let list = script.json(&["list"]);
    assert_eq!(list["conversations"][0]["state"], "answered");
}

#[test]
fn all_formats_are_answered_and_a_reply_may_have_several_parts() {
    let operator = Operator::start();
    let script = Script(operator.sandbox().clone());
    let client = operator.client();
    let functions = json!([{"type": "function", "function": {"name": "read_lines",
        "parameters": tools()[1]["parameters"]}}]);
    let schema = tools()[1]["parameters"].clone();
    let parts = json!([
        {"kind": "progress", "text": "I look"},
        {"kind": "call", "tool": "read_lines", "arguments": {"path": "a.rs", "from": 3}},
    ])
    .to_string();

    let mut stream = ask(&client, "a", "through responses");
    let asked = script.json(&["wait"]);
    script.fed(&["reply", &id(&asked["conversation"]), "--parts"], &parts);
    let said = items(&mut stream);
    assert_eq!(words(&said[0]), "I look");
    let arguments: Value = serde_json::from_str(words(&said[1])).expect("JSON");
    assert_eq!(arguments, json!({"path": "a.rs", "from": 3}));

    let body = json!({"model": "m", "tools": functions,
        "messages": [{"role": "user", "content": "through chat"}]});
    let asking = client.clone();
    let chat = std::thread::spawn(move || asking.post_json("/v1/chat/completions", &[], &body));
    let asked = script.json(&["wait"]);
    assert_eq!(asked["format"], "chat");
    script.fed(&["reply", &id(&asked["conversation"]), "--parts"], &parts);
    let (_, response) = chat.join().expect("answered");
    let message = &response["choices"][0]["message"];
    assert_eq!(message["content"], "I look\n");
    assert_eq!(message["tool_calls"][0]["function"]["name"], "read_lines");

    let body = json!({"model": "m", "max_tokens": 1000,
        "tools": [{"name": "read_lines", "input_schema": schema}],
        "messages": [{"role": "user", "content": "through messages"}]});
    let messages = std::thread::spawn(move || client.post_json("/v1/messages", &[], &body));
    let asked = script.json(&["wait"]);
    assert_eq!(asked["format"], "messages");
    script.fed(&["reply", &id(&asked["conversation"]), "--parts"], &parts);
    let (_, response) = messages.join().expect("answered");
    assert_eq!(response["stop_reason"], "tool_use");
    assert_eq!(
        response["content"][1]["input"],
        json!({"path": "a.rs", "from": 3})
    );
}

#[test]
fn a_script_is_told_what_the_person_would_be_told() {
    let operator = Operator::start();
    let script = Script(operator.sandbox().clone());
    let client = operator.client();
    let mut stream = ask_with(
        &client,
        "a",
        "as JSON",
        json!({"text": {"format": {
        "type": "json_schema", "name": "n", "schema": {"type": "object",
        "properties": {"n": {"type": "integer"}}, "required": ["n"]}}}}),
    );
    let conversation = id(&script.json(&["wait"])["conversation"]);
    let reply = |args: &[&str]| {
        let args: Vec<&str> = ["reply", &conversation]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        script.fails(&args)
    };
    for (args, part) in [
        (&["in words"][..], "not valid JSON"),
        (&["{\"n\": \"x\"}"], "n"),
        (&["!ls"], "begins with !"),
        (&["--call", "read_lines"], "path needs a value"),
        (
            &["--call", "read_lines", "--arguments", "{\"path\": 3}"],
            "path must be text",
        ),
        (
            &["--call", "read_lines", "--arguments", "{"],
            "not valid JSON",
        ),
        (&["--call", "nothing"], "no tool nothing"),
        (
            &["--call", "apply_patch", "--arguments", "no patch"],
            "Begin Patch",
        ),
        (&[" "], "nothing to send"),
    ] {
        let (code, message) = reply(args);
        assert_eq!(code, 5, "{args:?}: {message}");
        assert!(message.contains(part), "{args:?}: {message}");
    }
    let (code, _) = reply(&["--parts"]);
    assert_eq!(code, 2);
    // Nothing of all that was sent, and whoever insists is let through.
    script.json(&["reply", &conversation, "in words", "--force"]);
    assert_eq!(words(&items(&mut stream)[0]), "in words");

    // A list of what may be called binds the server: nobody insists on that.
    let only = json!({"tool_choice": {"type": "allowed_tools", "mode": "auto",
        "tools": [{"type": "function", "name": "read_lines"}]}});
    let _stream = ask_with(&client, "b", "only one tool", only);
    let conversation = id(&script.json(&["wait"])["conversation"]);
    let (code, message) = script.fails(&["reply", &conversation, "--command", "ls", "--force"]);
    assert_eq!(code, 5);
    assert!(message.contains("tool_choice"), "{message}");
    let (code, message) = script.fails(&["reject", &conversation, " "]);
    assert_eq!(
        (code, message.as_str()),
        (5, "humanllm: a reason is required\n")
    );
}

#[test]
fn a_reply_goes_to_the_request_that_was_meant_and_to_no_other() {
    let mut operator = Operator::start();
    let script = Script(operator.sandbox().clone());
    let client = operator.client();
    let mut stream = ask(&client, "a", "the first question");
    operator.wait_request("the first question");
    let asked = script.json(&["wait"]);
    let (conversation, first) = (id(&asked["conversation"]), id(&asked["request"]));
    // The person is faster.
    operator.reply("by hand");
    assert_eq!(words(&items(&mut stream)[0]), "by hand");
    let late = ["reply", &conversation, "by a script", "--request", &first];
    let (code, message) = script.fails(&late);
    assert_eq!(code, 4, "{message}");
    assert!(message.contains("no request waits"), "{message}");

    let mut stream = ask(&client, "a", "the first question");
    let asked = script.json(&["wait", "--after", &first]);
    assert_eq!(id(&asked["conversation"]), conversation);
    let (code, message) = script.fails(&late);
    assert_eq!(code, 4, "{message}");
    assert!(
        message.contains(&format!("request {first} does not wait any more")),
        "{message}"
    );
    let again = id(&asked["request"]);
    script.json(&["reply", &conversation, "by a script", "--request", &again]);
    assert_eq!(words(&items(&mut stream)[0]), "by a script");
    assert_eq!(script.fails(&["show", "987654"]).0, 4);
    assert_eq!(script.fails(&["reply", "987654", "x"]).0, 4);
}

#[test]
fn what_the_person_types_stays_and_what_they_have_sent_is_not_overtaken() {
    let mut operator = Operator::builder()
        .config("[tui]\nunsend_seconds = 3600")
        .start();
    let script = Script(operator.sandbox().clone());
    let client = operator.client();
    let mut stream = ask(&client, "a", "a question");
    operator.wait_request("a question");
    operator.type_text("half a sent");
    operator.wait_for("half a sent");
    let conversation = id(&script.json(&["wait"])["conversation"]);
    script.json(&["reply", &conversation, "--progress", "from a script"]);
    operator.wait_for("from a script");
    operator.wait_for("> half a sent");
    operator.type_text("ence");
    operator.wait_for("> half a sentence");
    operator.key(Key::Enter);
    operator.wait_for("sending in");
    // It counts as said, although it can still be taken back.
    let (code, message) = script.fails(&["reply", &conversation, "me too"]);
    assert_eq!(code, 4, "{message}");
    assert!(message.contains("the person has answered"), "{message}");
    operator.key(Key::Esc);
    operator.wait_for("not sent; text is back");
    script.json(&["reply", &conversation, "now me"]);
    let said = items(&mut stream);
    let said: Vec<&str> = said.iter().map(words).collect();
    assert_eq!(said, ["from a script", "now me"]);
    operator.wait_for("> half a sentence");
}

#[test]
fn what_a_script_said_is_in_the_journal_before_it_is_told() {
    let mut operator = Operator::start();
    let script = Script(operator.sandbox().clone());
    let _stream = ask(&operator.client(), "a", "a question");
    let conversation = id(&script.json(&["wait"])["conversation"]);
    script.json(&["reply", &conversation, "kept for good"]);
    operator.signal(Signal::KILL);
    let place = operator.sandbox().clone();
    operator.wait_exit();
    let state = place.state_dir().display().to_string();
    let shown = place.command(&[
        "history",
        "show",
        &conversation,
        "--json",
        "--state-dir",
        &state,
    ]);
    let shown = document(&{ shown }.output().expect("ended"));
    let typed: Value =
        serde_json::from_str(shown["said"][0]["typed"].as_str().expect("a draft")).expect("JSON");
    assert_eq!(
        (&typed["text"], &typed["sender"]),
        (&json!("kept for good"), &json!("script"))
    );
    assert_eq!(typed["origin"], json!([{"chars": 13, "source": "script"}]));

    // A conversation of an earlier run is read from there; and what was left behind is replaced.
    assert_eq!(Script(place.clone()).fails(&["status"]).0, 3);
    assert!(place.state_dir().join("control.sock").exists());
    let operator = operator.restart();
    let shown = Script(operator.sandbox().clone()).json(&["show", &conversation, "--all"]);
    assert_eq!(shown["said"][0]["text"], "kept for good");
    assert_eq!(shown["said"][0]["by"], "script");
}

#[test]
fn a_rejection_reaches_the_client_in_the_words_of_the_script() {
    let operator = Operator::start();
    let script = Script(operator.sandbox().clone());
    let mut stream = ask(&operator.client(), "a", "a question");
    let conversation = id(&script.json(&["wait"])["conversation"]);
    let output = script.run(&["reject", &conversation, "not", "today"], "");
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(printed.starts_with("rejected: conversation"), "{printed}");
    let failed = stream.until("response.failed");
    assert_eq!(failed["response"]["error"]["message"], "not today");
    operator.wait_for("rejected");
}

#[test]
fn who_waits_chooses_and_gives_up() {
    let operator = Operator::start();
    let script = Script(operator.sandbox().clone());
    let client = operator.client();
    assert_eq!(script.fails(&["wait", "--timeout", "0.05"]).0, 124);
    let _a = client.post_sse(
        "/v1/responses",
        &[("user-agent", "Walrus/1.0")],
        &json!({"model": "m", "stream": true, "input": "from the walrus"}),
    );
    let walrus = script.json(&["wait", "--agent", "walrus"]);
    assert_eq!(walrus["title"], "from the walrus");
    assert_eq!(
        script
            .fails(&["wait", "--agent", "otter", "--timeout", "0.05"])
            .0,
        124
    );
    // Two scripts that wait get one request each, and not both the same.
    let (conversation, request) = (id(&walrus["conversation"]), id(&walrus["request"]));
    let others = [0, 1].map(|_| script.start(&["wait", "--after", &request, "--json"], ""));
    let mut open = Vec::new();
    let mut prompts = Vec::new();
    for prompt in ["second", "third"] {
        open.push(ask(&client, prompt, prompt));
        operator.wait_until(prompt, |screen| screen.contains(prompt));
    }
    for other in others {
        let asked = document(&other.wait_with_output().expect("ended"));
        prompts.push(asked["title"].as_str().expect("a title").to_owned());
    }
    // One that came when both waited already would get the one that is longest there.
    assert!(
        prompts
            .iter()
            .all(|prompt| prompt == "second" || prompt == "third"),
        "{prompts:?}"
    );
    let only = script.json(&["wait", "--conversation", &conversation]);
    assert_eq!(id(&only["request"]), request);
}

#[test]
fn the_socket_is_for_one_program_and_one_user() {
    let mut operator = Operator::start();
    let place = operator.sandbox().clone();
    let socket = place.state_dir().join("control.sock");
    let found = fs::symlink_metadata(&socket).expect("a socket");
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);

    // Another program with the same folder lets it be, and says so.
    let process = |place: &Sandbox| Script(place.clone()).json(&["status"])["process"].as_u64();
    let first = process(&place);
    let mut other = place.clone();
    other.address = free_address();
    let mut second = Operator::at(other).start();
    second.wait_for("scripts reach another humanllm");
    assert_eq!(process(&place), first);
    second.key(Key::Ctrl('q'));
    second.wait_exit();
    assert_eq!(process(&place), first);

    operator.key(Key::Ctrl('q'));
    operator.wait_exit();
    assert!(!socket.exists());
    assert_eq!(Script(place.clone()).fails(&["status"]).0, 3);
    let (code, message) = Script(place.clone()).fails(&["wait", "--json"]);
    assert_eq!(code, 3);
    assert!(
        message.contains("no humanllm runs with the state folder"),
        "{message}"
    );
}

#[test]
fn programs_can_speak_through_the_socket_themselves() {
    let operator = Operator::start();
    let socket = operator.sandbox().state_dir().join("control.sock");
    let stream = UnixStream::connect(socket).expect("connected");
    let mut lines = BufReader::new(stream.try_clone().expect("cloned"));
    let mut exchange = |question: Value| {
        writeln!(&stream, "{question}").expect("written");
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        serde_json::from_str::<Value>(&line).expect(&line)
    };
    let status = exchange(json!({"version": 1, "do": "status"}));
    assert_eq!(
        (&status["version"], &status["ok"]["waiting"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        exchange(json!({"version": 9, "do": "status"}))["error"]["code"],
        "version"
    );
    assert_eq!(
        exchange(json!({"version": 1, "do": "sing"}))["error"]["code"],
        "malformed"
    );
    let mut asked = ask(&operator.client(), "a", "through a socket");
    let wait = exchange(json!({"version": 1, "do": "wait", "agent": null}));
    let (conversation, request) = (&wait["ok"]["conversation"], &wait["ok"]["request"]);
    let parts = json!([{"kind": "send", "text": "through it"}]);
    let sent = exchange(
        json!({"version": 1, "do": "reply", "conversation": conversation,
        "request": request, "parts": parts}),
    );
    assert_eq!(sent["ok"]["ended"], true);
    assert_eq!(words(&items(&mut asked)[0]), "through it");

    // Nothing of it is offered by the port, under any name.
    for path in ["/status", "/v1/control", "/control", "/v1/wait"] {
        assert_eq!(operator.client().get(path, &[]).0, 404, "{path}");
    }
}

#[test]
fn a_folder_with_a_long_name_has_a_socket_too() {
    let place = Sandbox::with_state(&"deep/".repeat(40));
    let operator = Operator::at(place).start();
    let status = Script(operator.sandbox().clone()).json(&["status"]);
    assert_eq!(status["waiting"], 0);
}
