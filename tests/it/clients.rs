//! The SDKs of OpenAI and Anthropic on one side and a person at a terminal on the other.
//!
//! Run them with `HUMANLLM_TEST_PYTHON=/path/to/python cargo test clients::`, where that Python
//! has `openai` and `anthropic`. One scene has litellm's proxy in between and needs
//! `HUMANLLM_TEST_LITELLM` too, a Python that can run it. Without these variables the scenes pass at
//! once and say so.

use crate::support::{ClientRun, ClientSession, Key, client_session, is_count};
use serde_json::{Value, json};

/// Four columns of two colours, one above the other in each row.
const STRIPES: &str = "▀▀▀▀";

#[test]
fn chat_completions_with_the_sdk() {
    if let Some(play) = ClientRun::python("openai_sdk.py", "chat", "/v1") {
        chat_completions(play);
    }
}

#[test]
fn chat_completions_with_the_sdk_through_the_proxy_of_litellm() {
    through_litellm("chat", chat_completions);
}

#[test]
fn responses_with_the_sdk_through_the_proxy_of_litellm() {
    through_litellm("responses", |play| drop(responses(play)));
}

/// A scene of OpenAI's SDK that asks litellm's proxy, which asks the person.
fn through_litellm(scene: &str, play: impl FnOnce(ClientRun)) {
    let (Some(python), Some(litellm)) = (client_session::python(), client_session::litellm())
    else {
        return;
    };
    let session = ClientSession::new();
    let (_proxy, address) = session.proxy(&litellm);
    let url = format!("http://{address}");
    let command = session.python(&python, "openai_sdk.py", scene, &url);
    play(session.start(command));
}

fn chat_completions(mut play: ClientRun) {
    play.operator.wait_request("Greet me");
    play.wait_heartbeats();
    play.send_part("Progress", "one moment", &json!({"delta": "one moment\n"}));
    play.answer("Greet me", "good morning, へえ");
    play.run_and_answer("List the files", "ls -l", "a-file.txt", "one file");
    play.operator.wait_request("Which word?");
    play.operator.wait_for("(Progress)");
    play.answer("Which word?", r#"{"word": "yes", "count": 2}"#);

    let seen = play.finish();
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
    let Some(mut play) = ClientRun::python("openai_sdk.py", "chat_errors", "/v1") else {
        return;
    };
    play.reject("Do my homework", "not today");
    play.reject("Do it anyway", "not tomorrow");

    let seen = play.finish();
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
    let Some(play) = ClientRun::python("openai_sdk.py", "responses", "/v1") else {
        return;
    };
    let input = responses(play)("input");
    assert_eq!(
        (&input["error"], &input["param"]),
        (&json!("BadRequestError"), &json!("input"))
    );
}

/// Plays the scene, and returns what the script saw besides.
fn responses(mut play: ClientRun) -> impl Fn(&str) -> Value {
    play.operator.wait_request("Greet me");
    play.wait_heartbeats();
    play.send_part("Progress", "one moment", &json!({"delta": "one moment"}));
    play.answer("Greet me", "good morning, へえ");
    play.answer("Once more", "good evening");
    play.run_and_answer("List the files", "ls -l", "a-file.txt", "one file");
    // Notes are told from the answer, so that the SDK parses the answer alone.
    play.operator.wait_request("Which word?");
    play.operator.choose("Progress");
    play.operator.reply("a moment");
    play.answer("Which word?", r#"{"word": "yes", "count": 2}"#);
    play.reject("Do my homework", "not today");

    let seen = play.finish();
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
    seen
}

#[test]
fn messages_with_the_sdk() {
    let Some(mut play) = ClientRun::python("anthropic_sdk.py", "messages", "") else {
        return;
    };
    play.operator.wait_request("Greet me");
    play.wait_heartbeats();
    play.send_part("Think", "who is it?", &json!({"thinking": "who is it?"}));
    play.send_part("Progress", "one moment", &json!({"delta": "one moment\n"}));
    play.answer("Greet me", "good morning, へえ");
    play.run_and_answer("List the files", "ls -l", "a-file.txt", "one file");
    play.operator.wait_request("Which word?");
    play.operator.wait_for("(Progress)");
    play.answer("Which word?", r#"{"word": "yes", "count": 2}"#);

    let seen = play.finish();
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
    let Some(mut play) = ClientRun::python("anthropic_sdk.py", "errors", "") else {
        return;
    };
    play.reject("Do my homework", "not today");
    play.reject("Do it anyway", "not tomorrow");

    let seen = play.finish();
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

#[test]
fn pictures_and_files_with_the_sdk() {
    let Some(mut play) = ClientRun::python("openai_sdk.py", "pictures", "/v1") else {
        return;
    };
    for (prompt, file, answer) in [
        ("What is on it?", "[file: empty.pdf, 15 B]", "stripes"),
        ("And on this?", "[file: blank.pdf, 15 B]", "more stripes"),
    ] {
        play.operator.wait_request(prompt);
        for seen in ["[image: image/png, ", STRIPES, file] {
            play.operator.wait_for(seen);
        }
        play.answer(prompt, answer);
    }
    let seen = play.finish();
    assert_eq!(seen("chat")["text"], "stripes");
    assert_eq!(seen("responses")["text"], "more stripes");
}

#[test]
fn tools_made_of_classes_with_the_sdk() {
    let Some(mut play) = ClientRun::python("openai_sdk.py", "tools", "/v1") else {
        return;
    };
    let oslo = [("city", "Oslo"), ("days", "3")];
    play.call("Shall I go to Oslo?", "get_weather", &oslo);
    play.operator.wait_request("Shall I go to Rome?");
    play.operator.choose("Progress");
    play.operator.reply("let me see");
    let rome = [("city", "Rome"), ("days", "5")];
    play.call("Shall I go to Rome?", "get_weather", &rome);

    let seen = play.finish();
    let oslo = json!({"scene": "chat", "type": "GetWeather",
        "arguments": {"city": "Oslo", "days": 3}});
    assert_eq!(seen("chat"), oslo);
    // The note is none of the answer, so it need not be what the answer has to be.
    let rome = json!({"scene": "responses", "text": ["let me see"], "type": "GetWeather",
        "arguments": {"city": "Rome", "days": 5}, "parsed": null});
    assert_eq!(seen("responses"), rome);
}

#[test]
fn pictures_and_documents_with_the_sdk() {
    let Some(mut play) = ClientRun::python("anthropic_sdk.py", "pictures", "") else {
        return;
    };
    play.operator.wait_request("What is on it?");
    for seen in [
        "[image: image/png, ",
        STRIPES,
        "[file: empty.pdf, 15 B]",
        "song.txt",
        "La la la",
    ] {
        play.operator.wait_for(seen);
    }
    play.answer("What is on it?", "stripes");
    assert_eq!(play.finish()("pictures")["text"], "stripes");
}

#[test]
fn the_tool_runner_of_the_sdk() {
    let Some(mut play) = ClientRun::python("anthropic_sdk.py", "tools", "") else {
        return;
    };
    let oslo = [("city", "Oslo"), ("days", "3")];
    play.call("Shall I go to Oslo?", "get_weather", &oslo);
    // The runner learns that there are no threads, and sends the whole conversation.
    play.operator.wait_request("Oslo will be sunny for 3 days");
    play.operator.wait_for(r#""city": "Oslo""#);
    play.answer("Oslo will be sunny", "Go there");
    let rome = [("city", "Rome"), ("days", "5")];
    play.call("Shall I go to Rome?", "get_weather", &rome);
    play.operator.wait_request("Rome will be sunny for 5 days");
    play.wait_heartbeats();
    play.send_part("Progress", "let me see", &json!({"delta": "let me see\n"}));
    play.answer("Rome will be sunny", "There too");

    let seen = play.finish();
    assert_eq!(seen("whole")["text"], "Go there");
    assert_eq!(seen("whole")["reason"], "end_turn");
    assert_eq!(seen("streamed")["text"], "There too");
    assert_eq!(seen("streamed")["reasons"], json!(["tool_use", "end_turn"]));
}

#[test]
fn background_responses_with_the_sdk() {
    let Some(mut play) = ClientRun::python("openai_stored.py", "background", "/v1") else {
        return;
    };
    play.operator.wait_request("Think it over");
    play.operator.wait_for("in the background");
    play.answer("Think it over", "I did");
    play.operator.wait_request("Think aloud");
    play.send_part("Progress", "hm", &json!({"note": "hm"}));
    play.answer("Think aloud", "that is it");
    // The client comes, cancels, and goes.
    play.operator.wait_for("client gone");

    let seen = play.finish();
    let begun = json!({"scene": "begun", "status": "queued", "background": true});
    assert_eq!(seen("begun"), begun);
    let ended = seen("ended");
    assert_eq!(
        (&ended["status"], &ended["text"]),
        (&json!("completed"), &json!("I did"))
    );
    assert!(is_count(&ended["output"]), "{ended}");
    assert_eq!(seen("resumed")["text"], json!(["that is it"]));
    assert_eq!(seen("cancelled")["status"], "cancelled");
}

#[test]
fn stored_responses_with_the_sdk() {
    let Some(mut play) = ClientRun::python("openai_stored.py", "chain", "/v1") else {
        return;
    };
    play.answer("My name is Ada", "Hello Ada");
    play.operator.wait_request("What is my name?");
    play.operator.wait_for("Hello Ada");
    play.answer("What is my name?", "Ada");
    play.operator.wait_request("Who am I?");
    play.operator.wait_for("Call me Bob");
    play.answer("Who am I?", "Bob");

    let seen = play.finish();
    let chain = json!({"scene": "chain", "text": "Ada", "previous": true});
    assert_eq!(seen("chain"), chain);
    let texts = json!(["My name is Ada", "Hello Ada", "What is my name?"]);
    assert_eq!(seen("items")["texts"], texts);
    assert!(is_count(&seen("tokens")["tokens"]));
    assert!(seen("deleted")["message"].is_string());
    assert_eq!(seen("unknown")["code"], "previous_response_not_found");
    let texts = json!(["Call me Bob", "Who am I?", "Bob"]);
    let conversation = json!({"scene": "conversation", "id": true, "texts": texts});
    assert_eq!(seen("conversation"), conversation);
}

#[test]
fn a_summary_with_the_sdk() {
    let Some(mut play) = ClientRun::python("openai_stored.py", "compact", "/v1") else {
        return;
    };
    play.operator.wait_request("We launch on Tuesday");
    play.operator
        .wait_for("Expected: a summary of the conversation");
    play.operator.type_text("The launch is on Tuesday");
    play.operator.key(Key::Enter);
    play.operator.wait_request("When?");
    play.operator.wait_for("summary of what came before");
    play.operator.wait_for("The launch is on Tuesday");
    play.answer("When?", "On Tuesday");

    let seen = play.finish();
    assert_eq!(seen("compacted")["types"], json!(["message", "compaction"]));
    assert_eq!(seen("after")["text"], "On Tuesday");
}

#[test]
fn a_websocket_with_the_sdk() {
    let Some(mut play) = ClientRun::python("openai_stored.py", "websocket", "/v1") else {
        return;
    };
    play.answer("One", "first");
    play.operator.wait_request("Two");
    play.operator.wait_for("first");
    play.answer("Two", "second");
    assert_eq!(play.wire.posts(), 0);
    let seen = play.finish();
    assert_eq!(seen("socket")["texts"], json!(["first", "second"]));
}
