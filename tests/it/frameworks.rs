//! Agents and models of frameworks on one side and a person at a terminal on the other.
//!
//! Run them with `cargo test frameworks::` and these variables: `HUMANLLM_TEST_PYTHON`, a Python
//! with `openai-agents`; `HUMANLLM_TEST_LITELLM`, one with `litellm`; `HUMANLLM_TEST_NODE_MODULES`, a
//! `node_modules` with `ai`, `@ai-sdk/openai` and `zod`. A scene that lacks its variable passes at
//! once and says so.

use crate::support::{ClientRun, ClientSession, client_session, is_count};
use serde_json::{Value, json};

/// Thinks where that is possible, calls the tool of an agent, and answers when its result is here;
/// once more when the whole conversation comes again; and once in JSON.
fn travel(play: &mut ClientRun, thinks: bool, note: &str) {
    play.operator.wait_request("Shall I go to Oslo?");
    play.wait_heartbeats();
    if thinks {
        play.operator.choose("Think");
        play.operator.reply("it is winter there");
    }
    let oslo = [("city", "Oslo"), ("days", "3")];
    play.call("Shall I go to Oslo?", "get_weather", &oslo);
    play.operator.wait_request("Oslo will be sunny for 3 days");
    play.send_part("Progress", "let me see", &json!({"delta": note}));
    play.answer("Oslo will be sunny", "Go there, へえ");
    let rome = [("city", "Rome"), ("days", "5")];
    play.call("And to Rome?", "get_weather", &rome);
    // The conversation comes whole, so the person sees what they said.
    play.operator.wait_request("Rome will be sunny for 5 days");
    play.operator.wait_for("Go there, へえ");
    play.answer("Rome will be sunny", "There too");
    play.answer("Which word?", r#"{"word": "yes", "count": 2}"#);
}

#[test]
fn openai_agents_over_responses() {
    let Some(mut play) = ClientRun::python("openai_agents.py", "responses", "/v1") else {
        return;
    };
    travel(&mut play, true, "let me see");
    // The note is an item of its own, so the answer is the output.
    let items = ["reasoning", "tool_call", "tool_call_output"];
    let items = [&items[..], &["message_output"; 2]].concat();
    travelled_with_openai_agents(play, "Go there, へえ", &items);
}

#[test]
fn openai_agents_over_chat_completions() {
    let Some(mut play) = ClientRun::python("openai_agents.py", "chat", "/v1") else {
        return;
    };
    travel(&mut play, false, "let me see\n");
    let items = ["tool_call", "tool_call_output", "message_output"];
    travelled_with_openai_agents(play, "let me see\nGo there, へえ", &items);
}

fn travelled_with_openai_agents(play: ClientRun, output: &str, items: &[&str]) {
    let seen = play.finish();
    let streamed = seen("streamed");
    assert_eq!(streamed["output"], output);
    assert_eq!(streamed["items"], json!(items));
    let whole = seen("whole");
    assert_eq!(whole["output"], "There too");
    let items = json!(["tool_call", "tool_call_output", "message_output"]);
    assert_eq!(whole["items"], items);
    assert!(is_count(&whole["tokens"]), "{whole}");
    assert_eq!(seen("parsed")["output"], word());
}

#[test]
fn ai_sdk_over_responses() {
    travel_with_responses("responses");
}

#[test]
fn ai_sdk_over_responses_that_are_not_stored() {
    travel_with_responses("unstored");
}

/// The AI SDK refers to stored items by their ids and sends others again; the person sees the same.
fn travel_with_responses(scene: &str) {
    let Some(mut play) = ClientRun::node("ai_sdk.mjs", scene, "/v1") else {
        return;
    };
    travel(&mut play, true, "let me see");
    let refers = play.wire.client_sent("item_reference") > 0;
    assert_eq!(refers, scene == "responses", "the SDK has other ways now");
    assert!(!play.operator.screen().contains("item_reference"));
    let thoughts = json!(["it is winter there", null]);
    travelled_with_the_ai_sdk(play, &thoughts, "let me seeGo there, へえ");
}

#[test]
fn ai_sdk_over_chat_completions() {
    let Some(mut play) = ClientRun::node("ai_sdk.mjs", "chat", "/v1") else {
        return;
    };
    travel(&mut play, false, "let me see\n");
    let thoughts = json!([null, null]);
    travelled_with_the_ai_sdk(play, &thoughts, "let me see\nGo there, へえ");
}

fn travelled_with_the_ai_sdk(mut play: ClientRun, thoughts: &Value, text: &str) {
    play.reject("Do my homework", "not today");
    let seen = play.finish();
    let streamed = seen("streamed");
    assert_eq!(streamed["text"], text);
    assert_eq!(&streamed["thoughts"], thoughts);
    assert_eq!(streamed["reasons"], json!(["tool-calls", "stop"]));
    assert!(is_count(&streamed["tokens"]), "{streamed}");
    let whole = seen("whole");
    assert_eq!(whole["text"], "There too");
    assert_eq!(whole["reasons"], json!(["tool-calls", "stop"]));
    assert_eq!(seen("parsed")["output"], word());
    let rejected = json!({"scene": "rejected", "name": "AI_APICallError", "message": "not today"});
    assert_eq!(seen("rejected"), rejected);
}

fn word() -> Value {
    json!({"word": "yes", "count": 2})
}

#[test]
fn litellm_over_chat_completions() {
    ask_with_litellm("openai", "/v1");
}

#[test]
fn litellm_over_messages() {
    ask_with_litellm("anthropic", "");
}

fn ask_with_litellm(provider: &str, base: &str) {
    let Some(python) = client_session::litellm() else {
        return;
    };
    let session = ClientSession::new();
    let command = session.python(&python, "litellm_sdk.py", provider, &session.url(base));
    let mut play = session.start(command);
    play.operator.wait_request("Greet me");
    play.wait_heartbeats();
    play.send_part("Progress", "one moment", &json!({"delta": "one moment\n"}));
    play.answer("Greet me", "good morning, へえ");
    play.run_and_answer("List the files", "ls -l", "a-file.txt", "one file");
    play.reject("Do my homework", "not today");

    let seen = play.finish();
    let stream = seen("stream");
    assert_eq!(stream["text"], "one moment\ngood morning, へえ");
    assert_eq!(stream["reasons"], json!(["stop"]));
    for field in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        assert!(is_count(&stream["usage"][field]), "{stream}");
    }
    let call = json!({"scene": "call", "reason": "tool_calls", "name": "exec_command",
        "arguments": {"cmd": "ls -l"}});
    assert_eq!(seen("call"), call);
    assert_eq!(seen("result")["text"], "one file");
    assert!(is_count(&seen("result")["total"]));
    let rejected = seen("rejected");
    let message = rejected["message"].as_str().unwrap();
    assert!(message.contains("not today"), "{message}");
}
