//! The SDKs of OpenAI and Anthropic on one side and a person at a terminal on the other.
//!
//! Run them with `HUMANLLM_TEST_PYTHON=/path/to/python cargo test --test clients`, where that Python
//! has `openai` and `anthropic`. Without that variable every scene passes at once and says so.

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use serde_json::{Value, json};
use support::{Person, Run, poll};

const KEY: &str = "a-key-for-the-scenes";

/// A person, and a script that asks them.
struct Scene {
    person: Person,
    script: Run,
}

impl Scene {
    /// Starts a scene of a script in `tests/clients`, or nothing if there is no Python to run it.
    /// `base` is the path under which the SDK looks for its routes.
    fn new(script: &str, scene: &str, base: &str) -> Option<Self> {
        let python = python()?;
        let person = Person::builder().env("HUMANLLM_API_KEY", KEY).start();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        let mut command = Command::new(python);
        command
            .env_clear()
            .envs(person.place().environment())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(std::env::var_os("PYTHONPATH").map(|path| ("PYTHONPATH", path)))
            .arg(folder.join(script))
            .arg(scene)
            .arg(format!("http://{}{base}", person.place().address))
            .arg(KEY);
        Some(Self {
            script: Run::spawn(command),
            person,
        })
    }

    /// Waits for a request and answers it.
    fn answer(&mut self, prompt: &str, answer: &str) {
        self.person.wait_request(prompt);
        self.person.choose("Send");
        self.person.reply(answer);
    }

    /// Waits for a request and rejects it.
    fn reject(&mut self, prompt: &str, reason: &str) {
        self.person.wait_request(prompt);
        self.person.choose("Reject");
        self.person.reply(reason);
    }

    /// Waits for a request, has a command run, and answers when its output is here.
    fn run_and_answer(&mut self, prompt: &str, command: &str, output: &str, answer: &str) {
        self.person.wait_request(prompt);
        self.person.choose("Run command");
        self.person.reply(command);
        self.answer(output, answer);
    }

    /// Says something that does not end the response, and waits until the script has read it.
    fn say(&mut self, kind: &str, text: &str, printed: &Value) {
        self.person.choose(kind);
        self.person.reply(text);
        poll(
            &format!("{printed} from the script"),
            || self.printed().contains(printed).then_some(()),
            || format!("{}\n{}", self.script.stdout(), self.script.stderr()),
        );
        assert!(self.script.is_running(), "{text:?} ended the request");
    }

    /// What the script has printed so far. A line that is not whole yet is left out.
    fn printed(&self) -> Vec<Value> {
        let out = self.script.stdout();
        out.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Waits until the script has ended well, and returns what it printed about each step.
    fn seen(mut self) -> impl Fn(&str) -> Value {
        self.script.wait_answer();
        let printed = self.printed();
        move |scene| {
            let found = printed.iter().find(|line| line["scene"] == scene);
            found
                .unwrap_or_else(|| panic!("no {scene} in {printed:#?}"))
                .clone()
        }
    }
}

/// The Python to test with. Says so when there is none, past the test runner's capture.
fn python() -> Option<PathBuf> {
    static SAID: Once = Once::new();
    let path = std::env::var_os("HUMANLLM_TEST_PYTHON").map(PathBuf::from);
    if path.is_none() {
        SAID.call_once(|| {
            let _ = writeln!(
                std::io::stderr(),
                "skipped: HUMANLLM_TEST_PYTHON does not name a Python with openai and anthropic"
            );
        });
    }
    path
}

fn is_count(value: &Value) -> bool {
    value.as_u64().is_some_and(|count| count > 0)
}

#[test]
fn chat_completions_with_the_sdk() {
    let Some(mut scene) = Scene::new("openai_sdk.py", "chat", "/v1") else {
        return;
    };
    scene.person.wait_request("Greet me");
    scene.say("Progress", "one moment", &json!({"delta": "one moment\n"}));
    scene.answer("Greet me", "good morning, へえ");
    scene.run_and_answer("List the files", "ls -l", "a-file.txt", "one file");
    scene.answer("Which word?", r#"{"word": "yes", "count": 2}"#);

    let seen = scene.seen();
    let stream = seen("stream");
    assert_eq!(stream["text"], "one moment\ngood morning, へえ");
    assert_eq!(stream["reasons"], json!(["stop"]));
    for field in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        assert!(is_count(&stream["usage"][field]), "{stream}");
    }
    let call = seen("call");
    assert_eq!(call["reason"], "tool_calls");
    assert_eq!(call["name"], "exec_command");
    assert_eq!(call["arguments"], json!({"cmd": "ls -l"}));
    assert_eq!(seen("result")["text"], "one file");
    assert!(is_count(&seen("result")["total"]));
    assert_eq!(seen("parse")["parsed"], json!({"word": "yes", "count": 2}));
}

#[test]
fn errors_of_chat_completions_with_the_sdk() {
    let Some(mut scene) = Scene::new("openai_sdk.py", "chat_errors", "/v1") else {
        return;
    };
    scene.reject("Do my homework", "not today");
    scene.reject("Do it anyway", "not tomorrow");

    let seen = scene.seen();
    let plain = seen("plain");
    assert_eq!(plain["error"], "BadRequestError");
    let message = plain["message"].as_str().unwrap();
    assert!(message.contains("not today"), "{message}");
    assert_eq!(plain["type"], "invalid_request_error");
    assert_eq!(plain["code"], "invalid_prompt");
    let stream = seen("stream");
    assert_eq!(
        (&stream["error"], &stream["message"]),
        (&json!("APIError"), &json!("not tomorrow"))
    );
    let n = seen("n");
    assert_eq!(
        (&n["error"], &n["param"]),
        (&json!("BadRequestError"), &json!("n"))
    );
    assert_eq!(seen("key")["error"], "AuthenticationError");
    assert_eq!(seen("model")["error"], "NotFoundError");
    assert!(!seen("models")["ids"].as_array().unwrap().is_empty());
}

#[test]
fn responses_with_the_sdk() {
    let Some(mut scene) = Scene::new("openai_sdk.py", "responses", "/v1") else {
        return;
    };
    scene.person.wait_request("Greet me");
    scene.say("Progress", "one moment", &json!({"delta": "one moment"}));
    scene.answer("Greet me", "good morning, へえ");
    scene.answer("Once more", "good evening");
    scene.run_and_answer("List the files", "ls -l", "a-file.txt", "one file");
    scene.answer("Which word?", r#"{"word": "yes", "count": 2}"#);
    scene.reject("Do my homework", "not today");

    let seen = scene.seen();
    let stream = seen("stream");
    assert_eq!(stream["text"], "one momentgood morning, へえ");
    assert_eq!(stream["status"], "completed");
    assert_eq!(stream["types"][0], "response.created");
    assert!(is_count(&stream["output"]));
    assert_eq!(seen("plain")["text"], "good evening");
    let call = seen("call");
    assert_eq!(call["last"], "response.completed");
    assert_eq!(call["name"], "exec_command");
    assert_eq!(call["arguments"], json!({"cmd": "ls -l"}));
    assert_eq!(seen("result")["text"], "one file");
    assert_eq!(seen("parse")["parsed"], json!({"word": "yes", "count": 2}));
    let failed = json!({"scene": "failed", "status": "failed", "message": "not today"});
    assert_eq!(seen("failed"), failed);
    let input = seen("input");
    assert_eq!(
        (&input["error"], &input["param"]),
        (&json!("BadRequestError"), &json!("input"))
    );
}

#[test]
fn messages_with_the_sdk() {
    let Some(mut scene) = Scene::new("anthropic_sdk.py", "messages", "") else {
        return;
    };
    scene.person.wait_request("Greet me");
    scene.say("Think", "who is it?", &json!({"thinking": "who is it?"}));
    scene.say("Progress", "one moment", &json!({"delta": "one moment\n"}));
    scene.answer("Greet me", "good morning, へえ");
    scene.run_and_answer("List the files", "ls -l", "a-file.txt", "one file");
    scene.answer("Which word?", r#"{"word": "yes", "count": 2}"#);

    let seen = scene.seen();
    let stream = seen("stream");
    assert_eq!(stream["blocks"], json!(["thinking", "text", "text"]));
    assert_eq!(stream["thinking"], "who is it?");
    assert_eq!(stream["text"], "one moment\ngood morning, へえ");
    assert_eq!(stream["reason"], "end_turn");
    for field in ["input_tokens", "output_tokens"] {
        assert!(is_count(&stream["usage"][field]), "{stream}");
    }
    let call = seen("call");
    assert_eq!(call["reason"], "tool_use");
    assert_eq!(call["name"], "exec_command");
    assert_eq!(call["input"], json!({"cmd": "ls -l"}));
    assert_eq!(seen("result")["text"], "one file");
    assert_eq!(seen("result")["reason"], "end_turn");
    assert!(is_count(&seen("result")["output"]));
    assert_eq!(seen("parse")["parsed"], json!({"word": "yes", "count": 2}));
    assert!(is_count(&seen("count")["tokens"]));
}

#[test]
fn errors_of_messages_with_the_sdk() {
    let Some(mut scene) = Scene::new("anthropic_sdk.py", "errors", "") else {
        return;
    };
    scene.reject("Do my homework", "not today");
    scene.reject("Do it anyway", "not tomorrow");

    let seen = scene.seen();
    for (step, message) in [("plain", "not today"), ("stream", "not tomorrow")] {
        let error = json!({"type": "invalid_request_error", "message": message});
        let body = json!({"type": "error", "error": error});
        assert_eq!(seen(step)["body"], body, "{step}");
    }
    for (step, error) in [
        ("plain", "BadRequestError"),
        ("bad", "BadRequestError"),
        ("key", "AuthenticationError"),
        ("model", "NotFoundError"),
    ] {
        assert_eq!(seen(step)["error"], error, "{}", seen(step));
    }
    let models = seen("models");
    assert_eq!(models["name"], "human");
    assert!(models["ids"].as_array().unwrap().contains(&json!("human")));
}
