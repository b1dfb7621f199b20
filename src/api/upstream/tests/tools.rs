//! Tools there and back.

use super::*;

/// A call of the function by this name, as the agent gets it.
fn called(tools: &Value, name: &str, arguments: &str) -> Body {
    let call = json!({"index": 0, "id": "1", "type": "function",
        "function": {"name": name, "arguments": arguments}});
    let events = chat(&[json!({"tool_calls": [call]})], "tool_calls");
    let mut items = items(Format::Chat, tools, &events);
    assert_eq!(items.len(), 1);
    items.remove(0)
}

fn names(tools: &Value) -> Vec<String> {
    let request = request(
        Format::Responses,
        &json!({"model": "m", "input": "hi", "tools": tools}),
    );
    let body = body(&ask(&request, Format::Chat).write());
    let tools = body["tools"].as_array().cloned().unwrap_or_default();
    let name = |tool: &Value| tool["function"]["name"].as_str().unwrap().to_owned();
    tools.iter().map(name).collect()
}

#[test]
fn names_are_valid_and_each_there_once() {
    let long = "x".repeat(90);
    let function = |name: &str| json!({"type": "function", "name": name});
    let tools = json!([
        {"type": "namespace", "name": "a", "tools": [function("b"), function("c d")]},
        function("a__b"),
        function("a__b"),
        function(&long),
        function(&format!("{long}y")),
        function("größe"),
        function(""),
        {"type": "local_shell"},
        {"type": "shell", "environment": {"type": "local"}},
        {"type": "shell", "environment": {"type": "container_auto"}},
    ]);
    let names = names(&tools);
    assert_eq!(names[0], "a__b_2", "who has the name keeps it");
    assert_eq!(names[1], "a__c_d");
    assert_eq!(names[2], "a__b");
    assert_eq!(names[3], "a__b_3");
    assert!(names[4] != names[5] && names[4].len() == 64);
    assert_eq!(names[6], "gr__e");
    assert_eq!(names[8..], ["local_shell", "shell"]);
}

#[test]
fn a_patch_comes_back_as_the_text_itself() {
    let patch = "*** Begin Patch\n*** Add File: a.txt\n+\"q\\u\"\té\n*** End Patch\n";
    let tools = codex_tools();
    let expected = Body::CustomToolCall {
        name: "apply_patch".into(),
        input: patch.into(),
    };
    for arguments in [
        json!({"input": patch}).to_string(),
        json!({"patch": patch}).to_string(),
        json!({"note": 1, "patch": patch}).to_string(),
        json!({"input": patch, "why": "because"}).to_string(),
        json!(patch).to_string(),
        patch.to_owned(),
    ] {
        let found = called(&tools, "apply_patch", &arguments);
        assert_eq!(found, expected, "{arguments}");
    }
    // Lines that were not written as JSON has them.
    let found = called(&tools, "apply_patch", "{\"input\": \"*** Begin\n\t+x\n\"}");
    assert_eq!(found.words(), "*** Begin\n\t+x\n");
}

#[test]
fn a_patch_is_seen_as_it_is_written() {
    let request = request(
        Format::Responses,
        &json!({"model": "m", "input": "hi", "tools": codex_tools()}),
    );
    let mut reader = ask(&request, Format::Chat).write().reader;
    let mut seen = Vec::new();
    let arguments = [
        "",
        "{\"in",
        "put\": \"*** Beg",
        "in\\",
        "n+\\u00",
        "e9\\ud83e\\udd80",
        "\"}",
    ];
    for (place, arguments) in arguments.iter().enumerate() {
        let mut function = json!({"arguments": arguments});
        if place == 0 {
            function["name"] = json!("apply_patch");
        }
        let delta = json!({"tool_calls": [{"index": 0, "function": function}]});
        let event = json!({"choices": [{"index": 0, "delta": delta}]});
        for piece in reader.event(None, &event.to_string()).unwrap() {
            let Piece::Call { title, arguments } = piece else {
                panic!("{piece:?}");
            };
            assert_eq!(title, "apply_patch");
            seen.push(arguments);
        }
    }
    assert_eq!(seen, ["", "*** Beg", "in", "\n+", "é🦀"]);
}

#[test]
fn shells_have_items_of_their_own() {
    let tools = json!([{"type": "local_shell"}, {"type": "shell"}]);
    let local = |command: &[&str], directory: Option<&str>| Body::LocalShellCall {
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        working_directory: directory.map(str::to_owned),
    };
    assert_eq!(
        called(
            &tools,
            "local_shell",
            r#"{"command": ["ls"], "working_directory": "/"}"#
        ),
        local(&["ls"], Some("/"))
    );
    assert_eq!(
        called(
            &tools,
            "local_shell",
            r#"{"command": "ls -l", "workdir": "/w"}"#
        ),
        local(&["bash", "-lc", "ls -l"], Some("/w"))
    );
    let shell = |commands: &[&str], timeout_ms| Body::ShellCall {
        commands: commands.iter().map(|line| (*line).to_owned()).collect(),
        timeout_ms,
        max_output_length: None,
    };
    assert_eq!(
        called(
            &tools,
            "shell",
            r#"{"commands": ["ls", "pwd"], "timeout_ms": 5}"#
        ),
        shell(&["ls", "pwd"], Some(5))
    );
    assert_eq!(
        called(&tools, "shell", r#"{"command": "ls"}"#),
        shell(&["ls"], None)
    );
    // What nobody can read is left to the person.
    for (name, arguments) in [("shell", "{\"commands\": [}"), ("local_shell", "{}")] {
        assert_eq!(called(&tools, name, arguments), function(name, arguments));
    }
}

#[test]
fn names_as_models_write_them_are_known() {
    let tools = codex_tools();
    let close = Body::FunctionCall {
        namespace: Some("multi_agent_v1".into()),
        name: "close_agent".into(),
        arguments: "{}".into(),
    };
    for written in [
        "multi_agent_v1__close_agent",
        "multi_agent_v1.close_agent",
        "functions.multi_agent_v1__close_agent",
        "multi_agent_v1/close_agent",
        "close_agent",
    ] {
        assert_eq!(called(&tools, written, "{}"), close, "{written}");
    }
    assert_eq!(
        called(&tools, "ExecCommand", "{}"),
        function("exec_command", "{}")
    );
    // What was not offered stays as it is.
    assert_eq!(
        called(&tools, "rm_rf", "{\"a\":1}"),
        function("rm_rf", "{\"a\":1}")
    );
}

#[test]
fn schemas_pass_in_their_order() {
    let schema = r##"{"type":"object","required":["z"],"properties":{"z":{"type":"string"},"a":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/x"}]}},"$defs":{"x":{"const":1}}}"##;
    let tools: Value = serde_json::from_str(&format!(
        r#"[{{"type":"function","name":"f","parameters":{schema}}}]"#
    ))
    .unwrap();
    let request = request(
        Format::Responses,
        &json!({"model": "m", "input": "hi", "tools": tools}),
    );
    for format in [Format::Chat, Format::Messages, Format::Responses] {
        let asked = ask(&request, format).write();
        let body = String::from_utf8(asked.body).unwrap();
        assert!(body.contains(schema), "{body}");
    }
}

#[test]
fn free_form_tools_of_chat_completions_have_their_grammar() {
    let request = request(
        Format::Chat,
        &json!({"model": "m", "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "custom", "custom": {"name": "p", "description": "Patches.",
            "format": {"type": "grammar",
                "grammar": {"syntax": "regex", "definition": "^a+$"}}}}]}),
    );
    let body = body(&ask(&request, Format::Messages).write());
    let description = body["tools"][0]["description"].as_str().unwrap();
    assert!(description.starts_with("Patches.") && description.ends_with("regex grammar:\n^a+$"));
}
