//! Commands for the shells that agents offer, as a person types them, and their results.

use crate::support::tui::*;
use humanllm::api::{Body, Interner, chat};
use serde_json::{Value, json};

/// A tool that nobody knows, whose parameter looks like that of a shell.
fn sandbox() -> Value {
    let parameters = json!({"type": "object", "required": ["script"], "properties": {
        "script": {"type": "string"}, "cwd": {"type": "string"}}});
    function(
        "sandbox",
        "Runs a script and returns its output.",
        parameters,
    )
}

#[test]
fn a_tool_that_looks_like_a_shell_is_asked_about_once() {
    let body = |more: &[Value]| {
        let mut body = codex_request("a", "Look around.", more);
        body["tools"] = json!([weather(), sandbox()]);
        body
    };
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body(&[]));
    tui.press("!");
    tui.sees("[Run command]");
    tui.type_text("ls");
    tui.press("Enter");
    assert_eq!(items_of(&tui.receive(&mut client)), [], "it is asked first");
    tui.sees("is sandbox a shell? Its script would get this");
    tui.sees("Enter send anyway");
    tui.press("Enter");
    let call = one_item(r#"{"script":"ls"}"#, "call");
    assert_eq!(items_of(&tui.receive(&mut client)), call);

    // The next turn of the same conversation knows.
    let called = json!({"type": "function_call", "name": "sandbox", "call_id": "call_1",
        "arguments": r#"{"script":"ls"}"#});
    let mut client = tui.ask(&body(&[called, output("a.txt\n", 0)]));
    tui.press("!");
    tui.type_text("pwd");
    tui.press("Alt+O");
    tui.type_text("/srv");
    tui.press("Alt+O Enter");
    let call = one_item(r#"{"script":"pwd","cwd":"/srv"}"#, "call");
    assert_eq!(items_of(&tui.receive(&mut client)), call);

    // Another one does not, and a part of a reply is asked about too.
    let mut other = codex_request("b", "Look around.", &[]);
    other["tools"] = json!([sandbox()]);
    let mut client = tui.ask(&other);
    tui.press("Alt+N !");
    tui.type_text("ls");
    tui.press("Alt+A");
    tui.sees("is sandbox a shell?");
    tui.press("Alt+A !");
    tui.type_text("pwd");
    tui.press("Enter");
    let calls = [r#"{"script":"ls"}"#, r#"{"script":"pwd"}"#];
    let calls = calls.map(|call| (call.to_owned(), "call"));
    assert_eq!(items_of(&tui.receive(&mut client)), calls);
}

#[test]
fn what_takes_a_code_and_runs_nothing_is_no_shell() {
    let parameters = json!({"type": "object", "properties": {"code": {"type": "string"}}});
    let airport = function("find_airport", "Finds an airport by its code.", parameters);
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&request_with_tools("Where is it?", &[airport], json!({})));
    tui.sees("(Run command)");
}

/// How Cline offers its shell and asks with a result.
fn cline(messages: Value) -> Value {
    let commands = json!({"type": "array", "items": {"type": "string"},
        "description": "Whole commands to run."});
    let parameters = json!({"type": "object", "properties": {"commands": commands},
        "required": ["commands"], "additionalProperties": false});
    json!({"model": "human", "stream": true, "messages": messages, "tools": [
        {"type": "function", "function": {"name": "run_commands",
            "description": "Runs commands in the workspace.", "parameters": parameters}}]})
}

#[test]
fn several_commands_of_one_call_come_back_with_their_results() {
    let ask = |tui: &mut TestTui, messages: Value| {
        let body = cline(messages).to_string();
        let request = chat::parse(body.as_bytes(), &Interner::default()).unwrap();
        tui.open(request, None)
    };
    let mut tui = TestTui::new(NORMAL);
    let mut client = ask(
        &mut tui,
        json!([{"role": "user", "content": "Look around."}]),
    );
    tui.type_text("!git status");
    tui.press("Alt+Enter");
    tui.type_text("make check");
    tui.press("Enter");
    // The second line may want what the first has done.
    let together = r#"{"commands":["git status\nmake check"]}"#;
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item(together, "call")
    );

    // As another model has called it before.
    let arguments = r#"{"commands":["git status","make check"]}"#;

    let result = json!([
        {"query": "git status", "result": "On branch main\nnothing to commit\n", "success": true},
        {"query": "make check", "result": "", "error": "no rule", "success": false}]);
    let _client = ask(
        &mut tui,
        json!([{"role": "user", "content": "Look around."},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c1",
                "type": "function",
                "function": {"name": "run_commands", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "c1", "content": result.to_string()}]),
    );
    for row in [
        "output · error",
        "│ $ git status",
        "│ On branch main",
        "│ nothing to commit",
        "│ $ make check",
        "│ error:",
        "│ no rule",
    ] {
        tui.sees(row);
    }
    tui.misses("success");
}

#[test]
fn the_shell_of_openai_is_called_with_its_own_item() {
    let tool = json!({"type": "shell", "environment": {"type": "local"}});
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&request_with_tools("Look around.", &[tool], json!({})));
    tui.type_text("!ls");
    tui.press("Alt+O");
    tui.sees("timeout_ms");
    tui.type_text("500");
    tui.press("Alt+O Enter");
    let replies = tui.receive(&mut client);
    assert_eq!(
        replies[0].items(),
        [Body::ShellCall {
            commands: vec!["ls".into()],
            timeout_ms: Some(500),
            max_output_length: None,
        }]
    );
}
