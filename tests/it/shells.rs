//! Commands for the shells that agents offer, as a person types them, and their results.

use crate::support::screen::*;
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
        let mut body = codex("a", "Look around.", more);
        body["tools"] = json!([weather(), sandbox()]);
        body
    };
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body(&[]));
    desk.press("!");
    desk.sees("[Run command]");
    desk.write("ls");
    desk.press("Enter");
    assert_eq!(said(&desk.hear(&mut client)), [], "it is asked first");
    desk.sees("is sandbox a shell? Its script would get this");
    desk.sees("Enter send anyway");
    desk.press("Enter");
    let call = one(r#"{"script":"ls"}"#, "call");
    assert_eq!(said(&desk.hear(&mut client)), call);

    // The next turn of the same conversation knows.
    let called = json!({"type": "function_call", "name": "sandbox", "call_id": "call_1",
        "arguments": r#"{"script":"ls"}"#});
    let mut client = desk.ask(&body(&[called, output("a.txt\n", 0)]));
    desk.press("!");
    desk.write("pwd");
    desk.press("Alt+O");
    desk.write("/srv");
    desk.press("Alt+O Enter");
    let call = one(r#"{"script":"pwd","cwd":"/srv"}"#, "call");
    assert_eq!(said(&desk.hear(&mut client)), call);

    // Another one does not, and a part of a reply is asked about too.
    let mut other = codex("b", "Look around.", &[]);
    other["tools"] = json!([sandbox()]);
    let mut client = desk.ask(&other);
    desk.press("Alt+N !");
    desk.write("ls");
    desk.press("Alt+A");
    desk.sees("is sandbox a shell?");
    desk.press("Alt+A !");
    desk.write("pwd");
    desk.press("Enter");
    let calls = [r#"{"script":"ls"}"#, r#"{"script":"pwd"}"#];
    let calls = calls.map(|call| (call.to_owned(), "call"));
    assert_eq!(said(&desk.hear(&mut client)), calls);
}

#[test]
fn what_takes_a_code_and_runs_nothing_is_no_shell() {
    let parameters = json!({"type": "object", "properties": {"code": {"type": "string"}}});
    let airport = function("find_airport", "Finds an airport by its code.", parameters);
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&offering("Where is it?", &[airport], json!({})));
    desk.sees("(Run command)");
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
    let ask = |desk: &mut Desk, messages: Value| {
        let body = cline(messages).to_string();
        let request = chat::parse(body.as_bytes(), &Interner::default()).unwrap();
        desk.open(request, None)
    };
    let mut desk = Desk::new(NORMAL);
    let mut client = ask(
        &mut desk,
        json!([{"role": "user", "content": "Look around."}]),
    );
    desk.write("!git status");
    desk.press("Alt+Enter");
    desk.write("make check");
    desk.press("Enter");
    // The second line may want what the first has done.
    let together = r#"{"commands":["git status\nmake check"]}"#;
    assert_eq!(said(&desk.hear(&mut client)), one(together, "call"));

    // As another model has called it before.
    let arguments = r#"{"commands":["git status","make check"]}"#;

    let result = json!([
        {"query": "git status", "result": "On branch main\nnothing to commit\n", "success": true},
        {"query": "make check", "result": "", "error": "no rule", "success": false}]);
    let _client = ask(
        &mut desk,
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
        desk.sees(row);
    }
    desk.misses("success");
}

#[test]
fn the_shell_of_openai_is_called_with_its_own_item() {
    let tool = json!({"type": "shell", "environment": {"type": "local"}});
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&offering("Look around.", &[tool], json!({})));
    desk.write("!ls");
    desk.press("Alt+O");
    desk.sees("timeout_ms");
    desk.write("500");
    desk.press("Alt+O Enter");
    let replies = desk.hear(&mut client);
    assert_eq!(
        replies[0].items(),
        [Body::ShellCall {
            commands: vec!["ls".into()],
            timeout_ms: Some(500),
            max_output_length: None,
        }]
    );
}
