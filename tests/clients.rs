//! The SDKs of OpenAI and Anthropic on one side and a person at a terminal on the other.
//!
//! Run them with `HUMANLLM_TEST_PYTHON=/path/to/python cargo test --test clients`, where that Python
//! has `openai` and `anthropic`. Without that variable every scene passes at once and says so.

mod support;

use serde_json::json;
use support::{Client, KEY, Play, Run, Stage, free_address, is_count, poll, stage};

#[test]
fn chat_completions_with_the_sdk() {
    if let Some(play) = Play::python("openai_sdk.py", "chat", "/v1") {
        chat_completions(play);
    }
}

#[test]
fn chat_completions_with_the_sdk_through_the_proxy_of_litellm() {
    let (Some(python), Some(litellm)) = (stage::python(), stage::litellm()) else {
        return;
    };
    let stage = Stage::new();
    let config = stage.person.place().path("litellm.yaml");
    let model = json!({"model": "openai/human", "api_base": stage.url("/v1"), "api_key": KEY});
    let models = json!({"model_list": [{"model_name": "human", "litellm_params": model}]});
    std::fs::write(&config, models.to_string()).expect("a configuration file");
    let address = free_address();
    let mut proxy = stage.program(&litellm.with_file_name("litellm"));
    proxy
        .envs(stage::LITELLM_ALONE)
        .env("LITELLM_MASTER_KEY", KEY)
        .args(["--host", "127.0.0.1", "--telemetry", "False"])
        .args(["--port", &address.port().to_string()])
        .arg("--config")
        .arg(&config);
    let proxy = Run::spawn(proxy);
    let client = Client::new(address);
    poll(
        "the proxy",
        || client.answers("/health/liveliness").then_some(()),
        || format!("{}\n{}", proxy.stdout(), proxy.stderr()),
    );
    let url = format!("http://{address}");
    let command = stage.python(&python, "openai_sdk.py", "chat", &url);
    chat_completions(stage.play(command));
}

fn chat_completions(mut play: Play) {
    play.person.wait_request("Greet me");
    play.take_time();
    play.say("Progress", "one moment", &json!({"delta": "one moment\n"}));
    play.answer("Greet me", "good morning, へえ");
    play.run_and_answer("List the files", "ls -l", "a-file.txt", "one file");
    play.answer("Which word?", r#"{"word": "yes", "count": 2}"#);

    let seen = play.seen();
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
    let Some(mut play) = Play::python("openai_sdk.py", "chat_errors", "/v1") else {
        return;
    };
    play.reject("Do my homework", "not today");
    play.reject("Do it anyway", "not tomorrow");

    let seen = play.seen();
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
    let Some(mut play) = Play::python("openai_sdk.py", "responses", "/v1") else {
        return;
    };
    play.person.wait_request("Greet me");
    play.take_time();
    play.say("Progress", "one moment", &json!({"delta": "one moment"}));
    play.answer("Greet me", "good morning, へえ");
    play.answer("Once more", "good evening");
    play.run_and_answer("List the files", "ls -l", "a-file.txt", "one file");
    play.answer("Which word?", r#"{"word": "yes", "count": 2}"#);
    play.reject("Do my homework", "not today");

    let seen = play.seen();
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
    let Some(mut play) = Play::python("anthropic_sdk.py", "messages", "") else {
        return;
    };
    play.person.wait_request("Greet me");
    play.take_time();
    play.say("Think", "who is it?", &json!({"thinking": "who is it?"}));
    play.say("Progress", "one moment", &json!({"delta": "one moment\n"}));
    play.answer("Greet me", "good morning, へえ");
    play.run_and_answer("List the files", "ls -l", "a-file.txt", "one file");
    play.answer("Which word?", r#"{"word": "yes", "count": 2}"#);

    let seen = play.seen();
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
    let Some(mut play) = Play::python("anthropic_sdk.py", "errors", "") else {
        return;
    };
    play.reject("Do my homework", "not today");
    play.reject("Do it anyway", "not tomorrow");

    let seen = play.seen();
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
