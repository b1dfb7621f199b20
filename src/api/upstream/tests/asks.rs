//! Requests, as servers get them.

use super::*;
use crate::api::Phase;

/// A conversation with Codex in which all happened that happens there.
fn codex() -> Request {
    let text = |text: &str| json!([{"type": "input_text", "text": text}]);
    let picture = "data:image/png;base64,iVBORw0KGgo=";
    request(
        Format::Responses,
        &json!({"model": "human", "stream": true, "store": false, "tools": codex_tools(),
        "tool_choice": "auto", "parallel_tool_calls": true,
        "reasoning": {"effort": "medium"}, "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "k", "client_metadata": {"x": "y"},
        "input": [
            {"type": "message", "role": "developer", "content": text("You are Codex.")},
            {"type": "message", "role": "developer", "content": text("Sandbox: read-only.")},
            {"type": "message", "role": "user",
                "content": text("<environment_context>\n<cwd>/w</cwd>\n</environment_context>")},
            {"type": "message", "role": "user", "content": text("Fix the build")},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x",
                "content": [{"type": "reasoning_text", "text": "First look."}]},
            {"type": "message", "role": "assistant", "phase": "commentary",
                "content": [{"type": "output_text", "text": "I look."}]},
            {"type": "function_call", "name": "exec_command", "call_id": "call_x",
                "arguments": "{\"cmd\":\"ls\"}"},
            {"type": "function_call", "namespace": "multi_agent_v1", "name": "spawn_agent",
                "call_id": "call_y", "arguments": "{\"prompt\": \"help\"}"},
            {"type": "function_call_output", "call_id": "call_y", "output": "agent 1"},
            {"type": "message", "role": "developer", "content": text("Now you may write.")},
            {"type": "function_call_output", "call_id": "call_x", "output": [
                {"type": "input_text", "text": "src"},
                {"type": "input_image", "image_url": picture}]},
            {"type": "custom_tool_call", "name": "apply_patch", "call_id": "call_z",
                "input": "*** Begin Patch\n*** End Patch\n"},
            {"type": "web_search_call", "id": "ws_1", "action": {"query": "cargo"}},
            {"type": "message", "role": "user", "content": text("Go on")}]}),
    )
}

#[test]
fn chat_gets_one_system_message_and_turns_that_alternate() {
    let request = codex();
    let asked = ask(&request, Format::Chat).write();
    assert_eq!(asked.path, "/chat/completions");
    let body = body(&asked);
    let call = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let picture = json!({"type": "image_url",
        "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}});
    let words = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "system", "content": "You are Codex.\n\nSandbox: read-only."},
            {"role": "user", "content":
                "<environment_context>\n<cwd>/w</cwd>\n</environment_context>\n\nFix the build"},
            {"role": "assistant", "content": "I look.", "tool_calls": [
                call("call00001", "exec_command", "{\"cmd\":\"ls\"}"),
                call("call00002", "multi_agent_v1__spawn_agent", "{\"prompt\": \"help\"}")]},
            {"role": "tool", "tool_call_id": "call00001", "content":
                "src\n\n(The picture follows.)"},
            {"role": "tool", "tool_call_id": "call00002", "content": "agent 1"},
            {"role": "user", "content": [
                words("(The output of exec_command:)"), picture,
                words("<developer_message>\nNow you may write.\n</developer_message>")]},
            {"role": "assistant", "content": "", "tool_calls": [
                call("call00003", "apply_patch",
                    "{\"input\":\"*** Begin Patch\\n*** End Patch\\n\"}")]},
            {"role": "tool", "tool_call_id": "call00003",
                "content": "(There is no output of this call.)"},
            {"role": "user", "content":
                "<web_search_call_item>\naction:{\"query\":\"cargo\"}\ntype:\"web_search_call\"\n\n\
                </web_search_call_item>\n\nGo on"},
        ])
    );
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["model", "stream", "stream_options", "tools", "messages"],
        "what only OpenAI knows stays away"
    );
}

#[test]
fn messages_get_outputs_first_and_pictures_where_they_belong() {
    let request = codex();
    let asked = ask(&request, Format::Messages).write();
    let body = body(&asked);
    assert_eq!(asked.path, "/messages");
    assert_eq!(body["system"], "You are Codex.\n\nSandbox: read-only.");
    assert_eq!(body["max_tokens"], 8192);
    let words = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(
        body["messages"][1],
        json!({"role": "assistant", "content": [words("I look."),
            {"type": "tool_use", "id": "call00001", "name": "exec_command",
                "input": {"cmd": "ls"}},
            {"type": "tool_use", "id": "call00002", "name": "multi_agent_v1__spawn_agent",
                "input": {"prompt": "help"}}]})
    );
    assert_eq!(
        body["messages"][2],
        json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "call00001", "content": [words("src"),
                {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                    "data": "iVBORw0KGgo="}}]},
            {"type": "tool_result", "tool_use_id": "call00002", "content": [words("agent 1")]},
            words("<developer_message>\nNow you may write.\n</developer_message>")]})
    );
    let tool = &body["tools"][0];
    assert_eq!(tool["input_schema"]["required"], json!(["cmd"]));
}

#[test]
fn responses_get_functions_only() {
    let request = codex();
    let asked = ask(&request, Format::Responses).write();
    let body = body(&asked);
    assert_eq!(asked.path, "/responses");
    assert_eq!(
        body["instructions"],
        "You are Codex.\n\nSandbox: read-only."
    );
    let tools = body["tools"].as_array().unwrap();
    let names: Vec<&str> = tools
        .iter()
        .map(|tool| {
            assert_eq!(
                (&tool["type"], &tool["strict"]),
                (&json!("function"), &json!(false))
            );
            tool["name"].as_str().unwrap()
        })
        .collect();
    assert_eq!(
        names,
        [
            "exec_command",
            "apply_patch",
            "multi_agent_v1__spawn_agent",
            "multi_agent_v1__close_agent"
        ]
    );
    let kinds = body["input"].as_array().unwrap().iter().map(|item| {
        let role = item["role"].as_str().or(item["call_id"].as_str());
        format!("{} {}", item["type"].as_str().unwrap(), role.unwrap())
    });
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [
            "message user",
            "message assistant",
            "function_call call00001",
            "function_call call00002",
            "function_call_output call00001",
            "function_call_output call00002",
            "message user",
            "function_call call00003",
            "function_call_output call00003",
            "message user"
        ]
    );
}

#[test]
fn a_free_form_tool_is_told_with_its_grammar() {
    let request = codex();
    let body = body(&ask(&request, Format::Chat).write());
    let patch = &body["tools"][1]["function"];
    let description = patch["description"].as_str().unwrap();
    assert!(description.starts_with("Edits files."), "{description}");
    assert!(description.contains("lark grammar:\nstart: \"*** Begin Patch\""));
    assert_eq!(patch["parameters"]["required"], json!(["input"]));
}

#[test]
fn words_stand_for_pictures_that_the_model_does_not_see() {
    let request = codex();
    let blind = DraftContext {
        takes_images: false,
        ..ask(&request, Format::Chat)
    };
    let body = body(&blind.write()).to_string();
    assert!(!body.contains("iVBORw0KGgo="), "{body}");
    assert!(body.contains("(A picture, which you cannot see.)"));
}

#[test]
fn thoughts_come_along_where_they_are_wanted() {
    let request = codex();
    let thoughtful = |format| {
        body(
            &DraftContext {
                takes_thoughts: true,
                ..ask(&request, format)
            }
            .write(),
        )
    };
    let chat = thoughtful(Format::Chat);
    assert_eq!(chat["messages"][2]["reasoning_content"], "First look.");
    let responses = thoughtful(Format::Responses);
    assert_eq!(responses["input"][1]["content"][0]["text"], "First look.");
    let messages = thoughtful(Format::Messages).to_string();
    assert!(!messages.contains("First look."), "it has no signature");
}

/// What the last messages of a request say, whoever says it.
fn end_of(ask: &DraftContext<'_>) -> Vec<(String, String)> {
    let body = body(&ask.write());
    let list = body.get("messages").or(body.get("input")).unwrap();
    let said = list.as_array().unwrap().iter().map(|message| {
        let content = &message["content"];
        let parts = content.as_array().into_iter().flatten();
        let texts = parts.filter_map(|part| part["text"].as_str());
        let text = content.as_str().map(str::to_owned);
        let text = text.unwrap_or_else(|| texts.collect::<Vec<_>>().join("|"));
        (message["role"].as_str().unwrap_or("-").to_owned(), text)
    });
    said.collect()
}

fn hello() -> Request {
    request(
        Format::Responses,
        &json!({"model": "m", "instructions": "Be kind.", "input": "Tell me a story"}),
    )
}

#[test]
fn a_message_that_has_begun_comes_last_or_is_asked_for_in_words() {
    let request = hello();
    let said = [Body::message("One moment.", Phase::Commentary)];
    let begun = DraftContext {
        said: &said,
        continues: Some("Once upon a "),
        hint: Some("Make it short."),
        ..ask(&request, Format::Chat)
    };
    let is = |end: &(String, String), role: &str, words: &str| {
        assert_eq!(end.0, role);
        assert!(end.1.contains(words), "{end:?}");
    };
    let end = end_of(&begun);
    assert_eq!(end.len(), 5);
    is(&end[2], "assistant", "One moment.");
    is(&end[3], "user", "Make it short.");
    assert_eq!(end[4], ("assistant".into(), "Once upon a ".into()));

    let end = end_of(&DraftContext {
        format: Format::Messages,
        ..begun
    });
    let last = end.last().unwrap();
    assert_eq!(
        *last,
        ("assistant".into(), "Once upon a".into()),
        "a space at the end is refused"
    );

    for (format, continuing) in [
        (Format::Chat, Continuing::Words),
        (Format::Messages, Continuing::Words),
        (Format::Responses, Continuing::Prefill),
    ] {
        let end = end_of(&DraftContext {
            format,
            continuing,
            ..begun
        });
        let [.., begun, last] = &end[..] else {
            panic!("{end:?}");
        };
        is(begun, "assistant", "Once upon a ");
        is(last, "user", "Go on exactly where it ends");
    }
}

#[test]
fn what_was_said_is_not_taken_for_a_beginning() {
    let request = hello();
    let said = [
        Body::reasoning("Hm."),
        Body::message("One moment.", Phase::Commentary),
    ];
    for format in [Format::Chat, Format::Messages, Format::Responses] {
        let end = end_of(&DraftContext {
            said: &said,
            ..ask(&request, format)
        });
        let (role, words) = end.last().unwrap();
        assert_eq!(role, "user");
        assert!(words.contains("already sent"), "{words}");
    }
}

#[test]
fn an_agent_begins_an_answer_itself() {
    let request = request(
        Format::Messages,
        &json!({"model": "m", "max_tokens": 9, "messages": [
            {"role": "user", "content": "JSON, please"}, {"role": "assistant", "content": "{"}]}),
    );
    let end = end_of(&ask(&request, Format::Chat));
    assert_eq!(end.last().unwrap(), &("assistant".into(), "{".into()));
}

#[test]
fn the_system_prompt_of_claude_code_comes_without_its_header() {
    let request = |header: &str| {
        request(
            Format::Messages,
            &json!({"model": "m", "max_tokens": 9, "system": [
                {"type": "text", "text": header},
                {"type": "text", "text": "You are Claude Code.",
                    "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": "hi"}]}),
        )
    };
    let one = request("x-anthropic-billing-header: cc_version=2.1; cch=ab1;");
    let other = request("x-anthropic-billing-header: cc_version=2.1; cch=fe2;");
    let (one, other) = (
        ask(&one, Format::Chat).write(),
        ask(&other, Format::Chat).write(),
    );
    assert_eq!(one.body, other.body, "it is another one each time");
    assert_eq!(body(&one)["messages"][0]["content"], "You are Claude Code.");
}

#[test]
fn a_longer_history_begins_with_the_shorter_one() {
    let long = codex();
    for format in [Format::Chat, Format::Messages, Format::Responses] {
        let whole = body(&ask(&long, format).write());
        // Up to the user's first words, and up to the outputs.
        for count in [4, 11] {
            let mut short = long.clone();
            short.items.truncate(count);
            let short = body(&ask(&short, format).write());
            assert_eq!(short["tools"], whole["tools"]);
            let list = |body: &Value| {
                let list = body.get("messages").or(body.get("input")).unwrap();
                list.as_array().unwrap().clone()
            };
            let (short, whole) = (list(&short), list(&whole));
            assert_eq!(short[..], whole[..short.len()], "{format:?} {count}");
        }
    }
}

#[test]
fn what_the_agent_asks_of_the_answer_is_asked_of_the_model() {
    let schema = json!({"type": "object", "properties": {"title": {"type": "string"}}});
    let request = request(
        Format::Responses,
        &json!({"model": "m", "input": "hi", "max_output_tokens": 900, "temperature": 1.5,
            "top_p": 0.9, "parallel_tool_calls": false, "stop": ["\n", "END"],
            "tools": codex_tools(),
            "tool_choice": {"type": "function", "namespace": "multi_agent_v1",
                "name": "close_agent"},
            "text": {"format": {"type": "json_schema", "name": "title", "strict": true,
                "schema": schema}}}),
    );
    let limited = |format| {
        body(
            &DraftContext {
                max_tokens: Some(500),
                ..ask(&request, format)
            }
            .write(),
        )
    };
    let chat = limited(Format::Chat);
    assert_eq!(
        chat["response_format"],
        json!({"type": "json_schema",
            "json_schema": {"name": "title", "schema": schema, "strict": true}})
    );
    assert_eq!(
        (&chat["max_tokens"], &chat["temperature"]),
        (&json!(500), &json!(1.5))
    );
    assert_eq!(chat["stop"], json!(["\n", "END"]));
    assert_eq!(chat["parallel_tool_calls"], false);
    // Not all servers know a choice of one tool; all know a list of one.
    assert_eq!(chat["tool_choice"], "required");
    assert_eq!(chat["tools"].as_array().unwrap().len(), 1);
    assert_eq!(
        chat["tools"][0]["function"]["name"],
        "multi_agent_v1__close_agent"
    );
    let responses = limited(Format::Responses);
    assert_eq!(responses["text"]["format"]["schema"], schema);
    assert_eq!(responses["max_output_tokens"], 500);
    assert_eq!(responses.get("stop"), None);
    let messages = limited(Format::Messages);
    assert_eq!(
        messages["output_config"],
        json!({"format": {"type": "json_schema", "schema": schema}})
    );
    assert_eq!(
        (&messages["temperature"], &messages["stop_sequences"]),
        (&json!(1), &json!(["END"]))
    );
    assert_eq!(
        messages["tool_choice"],
        json!({"type": "any", "disable_parallel_tool_use": true})
    );
}

#[test]
fn parameters_of_the_model_win() {
    let request = hello();
    let parameters = json!({"temperature": 0.2, "stream_options": null, "max_tokens": null,
        "chat_template_kwargs": {"enable_thinking": false}});
    let Value::Object(parameters) = parameters else {
        unreachable!();
    };
    let asked = DraftContext {
        parameters: &parameters,
        max_tokens: Some(5),
        ..ask(&request, Format::Chat)
    }
    .write();
    let body = body(&asked);
    assert_eq!(body["temperature"], 0.2);
    assert_eq!(body["chat_template_kwargs"]["enable_thinking"], false);
    assert_eq!(
        (body.get("stream_options"), body.get("max_tokens")),
        (None, None)
    );
}

#[test]
fn a_summary_is_asked_for_in_words() {
    let request = request(
        Format::Compaction,
        &json!({"model": "m", "input": [{"role": "user", "content": "hi"},
            {"role": "assistant", "content": "hello"}]}),
    );
    let end = end_of(&ask(&request, Format::Chat));
    let (role, words) = end.last().unwrap();
    assert_eq!(role, "user");
    assert!(words.contains("Sum up the conversation"), "{words}");
}

#[test]
fn odd_histories_are_taken_too() {
    let item = |item: Value| request(Format::Responses, &json!({"model": "m", "input": [item]}));
    for (odd, words) in [
        (
            json!({"type": "function_call_output", "call_id": "c", "output": "lost"}),
            "<tool_output>\nlost\n</tool_output>",
        ),
        (
            json!({"type": "compaction", "encrypted_content": "gAAA"}),
            "cannot be read",
        ),
        (json!({"type": "hologram", "text": "wave"}), "text:\"wave\""),
        (
            json!({"role": "wizard", "content": "abracadabra"}),
            "<wizard_message>\nabracadabra\n</wizard_message>",
        ),
        (
            json!({"role": "user", "content": [{"type": "input_file", "filename": "a.pdf"}]}),
            "(A file: a.pdf.)",
        ),
        (json!({"role": "system", "content": "Only this."}), "begins"),
        (
            json!({"role": "assistant", "content": "I begin."}),
            "begins",
        ),
    ] {
        let request = item(odd.clone());
        for format in [Format::Chat, Format::Messages, Format::Responses] {
            let end = end_of(&ask(&request, format));
            let first = end.iter().find(|(role, _)| role != "system").unwrap();
            assert_eq!(first.0, "user", "{odd}");
            assert!(first.1.contains(words), "{odd}: {end:?}");
        }
    }
    // A call that is no JSON would be refused.
    let broken = item(json!({"type": "function_call", "call_id": "c", "name": "f",
        "arguments": "{\"a\": "}));
    let body = body(&ask(&broken, Format::Messages).write());
    assert_eq!(
        body["messages"][1]["content"][0]["input"],
        json!({"arguments": "{\"a\": "})
    );
}

#[test]
fn functions_of_one_name_with_no_ids_find_their_outputs() {
    let request = request(
        Format::Chat,
        &json!({"model": "m", "functions": [{"name": "f"}], "messages": [
            {"role": "user", "content": "twice"},
            {"role": "assistant", "content": null,
                "function_call": {"name": "f", "arguments": "{\"a\":1}"}},
            {"role": "function", "name": "f", "content": "one"},
            {"role": "assistant", "content": null,
                "function_call": {"name": "f", "arguments": "{\"a\":2}"}},
            {"role": "function", "name": "f", "content": "two"}]}),
    );
    let body = body(&ask(&request, Format::Chat).write());
    let outputs = [(3, "one"), (5, "two")];
    // A message of the user, call, output, call, output.
    for (place, words) in outputs {
        assert_eq!(body["messages"][place - 1]["content"], words);
    }
}

#[test]
fn tools_that_anthropic_defined_are_told_with_their_arguments() {
    let request = request(
        Format::Messages,
        &json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}],
        "tools": [
            {"type": "bash_20250124", "name": "bash"},
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
            {"type": "web_search_20250305", "name": "web_search"},
            {"name": "Read", "description": "Reads a file.",
                "input_schema": {"type": "object", "properties": {"file_path": {}}}}]}),
    );
    let mut asked = ask(&request, Format::Chat).write();
    let body = body(&asked);
    let tool = |at: usize| &body["tools"][at]["function"];
    assert_eq!(tool(0)["name"], "bash");
    assert!(tool(0)["description"].as_str().unwrap().contains("bash"));
    assert!(tool(1)["parameters"]["properties"]["old_str"].is_object());
    assert_eq!(tool(2)["name"], "Read");
    let call = json!({"index": 0, "id": "c", "function": {"name": "bash",
        "arguments": "{\"command\":\"ls\"}"}});
    let events = chat(&[json!({"tool_calls": [call]})], "tool_calls");
    let (items, ..) = read(&mut asked.reader, &events);
    assert_eq!(items, [function("bash", "{\"command\":\"ls\"}")]);
}

#[test]
fn a_request_of_no_tools_has_none() {
    let request = hello();
    for format in [Format::Chat, Format::Messages, Format::Responses] {
        let body = body(&ask(&request, format).write());
        assert_eq!((body.get("tools"), body.get("tool_choice")), (None, None));
    }
}
