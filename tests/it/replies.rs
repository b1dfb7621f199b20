//! Every kind of reply and what it is made with, as a person goes through it.

use crate::support::tui::*;
use humanllm::api::Interner;
use humanllm::api::responses::parse_compaction;
use humanllm::api::{Ending, Reply};
use serde_json::{Value, json};

#[test]
fn a_tool_is_chosen_by_a_part_of_its_name() {
    let tools = [
        weather(),
        exec_command(),
        json!({"type": "namespace", "name": "mcp__notes", "tools": [
            function("weekly_report", "Writes the report.", json!({"type": "object"}))]}),
        json!({"type": "web_search"}),
    ];
    let body = request_with_tools("Will it rain in Kyoto?", &tools, json!({}));
    assert_screens("picker", &[NORMAL, SMALL, WIDE], |tui| {
        let client = tui.ask(&body);
        tui.press("Ctrl+T");
        tui.sees("exec_command");
        tui.misses("web_search");
        tui.type_text("we");
        tui.misses("exec_command");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body);
    // What is typed as a call without a tool is the name of one.
    tui.press("Tab Tab Tab");
    tui.type_text("rep");
    tui.press("Enter");
    tui.sees("mcp__notes.weekly_report");
    tui.sees("nothing to fill in");
    tui.press("Enter");
    assert_eq!(items_of(&tui.receive(&mut client)), one_item("{}", "call"));
}

#[test]
fn a_form_says_what_is_wrong_where_it_is() {
    let body = request_with_tools("Will it rain in Kyoto?", &[weather()], json!({}));
    assert_screens("form", &[NORMAL, SMALL, MIDDLE, WIDE], |tui| {
        let client = tui.ask(&body);
        tui.press("Ctrl+T Enter");
        tui.type_text("Kyoto");
        tui.press("Enter");
        tui.type_text("soon");
        tui.press("Enter");
        tui.sees("✗");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body);
    tui.press("Ctrl+T Enter Enter");
    tui.misses("✗");
    tui.sees("› ");
    tui.type_text("0");
    tui.press("Enter");
    // What is missing has the cursor.
    tui.type_text("Kyoto");
    tui.press("Enter");
    let heard = items_of(&tui.receive(&mut client));
    assert_eq!(heard, [], "what is wrong is not sent at once");
    tui.sees("Enter send anyway");
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item(r#"{"city":"Kyoto","days":0}"#, "call")
    );
}

#[test]
fn arguments_can_be_typed_as_json_and_back() {
    let body = request_with_tools("Will it rain in Kyoto?", &[weather()], json!({}));
    assert_screens("call_json", &[NORMAL, SMALL], |tui| {
        let client = tui.ask(&body);
        tui.press("Ctrl+T Enter");
        tui.type_text("Kyoto");
        tui.press("Alt+E");
        tui.sees(r#""city": "Kyoto""#);
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body);
    tui.press("Ctrl+T Enter");
    tui.type_text("Kyoto");
    tui.press("Tab");
    tui.type_text("3");
    tui.press("Alt+E Alt+E");
    tui.sees("city*");
    tui.press("Alt+E Enter");
    let heard = items_of(&tui.receive(&mut client));
    assert_eq!(heard, one_item(r#"{"city":"Kyoto","days":3}"#, "call"));
}

#[test]
fn raw_json_leaves_as_it_was_typed_whatever_the_schema_is() {
    let schemas = [
        json!({"type": "wibble", "properties": {"n": {"type": 7}}, "required": "n"}),
        json!({"type": "object", "properties": {"n": {"type": "string", "pattern": "(["}}}),
        json!({"$ref": "https://example.org/schema.json"}),
        json!({"type": "object"}),
    ];
    for schema in schemas {
        let tool = function("odd", "", schema);
        let mut tui = TestTui::new(NORMAL);
        let mut client = tui.ask(&request_with_tools("Call it.", &[tool], json!({})));
        tui.press("Ctrl+T Enter Alt+E");
        let typed = r#"{"n": "a", "x": [123456789012345678901234567890, 1e3]}"#;
        tui.app.on_edited(typed);
        tui.press("Enter");
        let typed = r#"{"n":"a","x":[123456789012345678901234567890,1e3]}"#;
        assert_eq!(items_of(&tui.receive(&mut client)), one_item(typed, "call"));
    }
}

#[test]
fn a_patch_begins_as_a_template_and_is_checked() {
    let body = request_with_tools("Fix the bug.", &[exec_command(), apply_patch()], json!({}));
    assert_screens("patch", &[NORMAL, SMALL, WIDE], |tui| {
        let client = tui.ask(&body);
        tui.press("Ctrl+T");
        tui.type_text("patch");
        tui.press("Enter Enter");
        tui.sees("*** Begin Patch");
        tui.sees("line ");
        std::mem::forget(client);
    });
    let patch = "*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch";
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body);
    tui.press("Ctrl+T");
    tui.type_text("patch");
    tui.press("Enter");
    tui.app.on_edited(patch);
    tui.step();
    tui.sees("add a.txt +1");
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item(patch, "custom call")
    );

    // Without such a tool the shell takes it.
    let mut client = tui.ask(&codex_request("b", "Fix the bug.", &[]));
    tui.press("Ctrl+T");
    tui.type_text("patch");
    tui.press("Enter");
    tui.app.on_edited(patch);
    tui.press("Enter");
    let [(arguments, "call")] = &items_of(&tui.receive(&mut client))[..] else {
        panic!("one call");
    };
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    let command = arguments["cmd"].as_str().unwrap();
    assert!(command.starts_with("apply_patch <<"), "{command}");
    assert!(command.contains(patch), "{command}");
}

#[test]
fn several_parts_are_collected_changed_and_sent_together() {
    let collect = |tui: &mut TestTui| {
        let client = tui.ask(&codex_request("a", "Look around.", &[]));
        tui.press("Tab");
        tui.type_text("Looking around");
        tui.press("Alt+A");
        tui.type_text("!pwd");
        tui.press("Alt+A");
        tui.type_text("!ls -la");
        tui.press("Alt+A");
        client
    };
    assert_screens("parts", &[NORMAL, SMALL, WIDE], |tui| {
        let client = collect(tui);
        tui.press("Alt+P Up");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let mut client = collect(&mut tui);
    tui.sees("part 3 added");
    assert!(tui.receive(&mut client).is_empty());
    // The last comes before the other command, and that one is changed.
    tui.press("Alt+P K Down Enter");
    assert_eq!(tui.text(), "pwd");
    tui.sees("[Run command]");
    tui.press("Ctrl+U");
    tui.type_text("whoami");
    tui.press("Enter");
    let heard = tui.receive(&mut client);
    assert_eq!(heard.len(), 1, "one reply");
    let all = [
        ("Looking around", "commentary"),
        (r#"{"cmd":"ls -la"}"#, "call"),
        (r#"{"cmd":"whoami"}"#, "call"),
    ];
    assert_eq!(
        items_of(&heard),
        all.map(|(text, how)| (text.to_owned(), how))
    );

    let mut tui = TestTui::new(NORMAL);
    let mut client = collect(&mut tui);
    tui.press("Alt+P d d");
    tui.misses("pwd");
    tui.press("Esc Enter");
    let heard = items_of(&tui.receive(&mut client));
    assert_eq!(heard, one_item("Looking around", "commentary"));
}

#[test]
fn thoughts_leave_the_response_open() {
    assert_screens("think", &[NORMAL, SMALL], |tui| {
        let mut client = tui.ask(&codex_request("a", "Why is it slow?", &[]));
        tui.press("Shift+Tab Shift+Tab");
        tui.sees("[Think]");
        tui.type_text("It reads the file twice.");
        tui.press("Enter");
        let heard = items_of(&tui.receive(&mut client));
        assert_eq!(heard, one_item("It reads the file twice.", "thought"));
        tui.sees("waiting");
        std::mem::forget(client);
    });
}

#[test]
fn what_the_request_asks_for_is_said() {
    let more = json!({"tool_choice": "required", "parallel_tool_calls": false,
        "max_output_tokens": 200, "stop": ["END"]});
    assert_screens("asked_for", &[NORMAL, SMALL, WIDE], |tui| {
        let client = tui.ask(&request_with_tools(
            "Will it rain?",
            &[weather()],
            more.clone(),
        ));
        tui.press("Esc");
        tui.type_text("No.");
        tui.press("Enter");
        std::mem::forget(client);
    });
}

/// Types, sees the refusal, and sends it all the same.
fn insist(more: Value, type_it: impl Fn(&mut TestTui), why: &str) {
    let mut tui = TestTui::new(NORMAL);
    let tools = [exec_command(), weather()];
    let mut client = tui.ask(&request_with_tools("Go.", &tools, more));
    type_it(&mut tui);
    tui.press("Enter");
    tui.sees(why);
    tui.sees("Enter send anyway");
    assert!(tui.receive(&mut client).is_empty(), "sent at once: {why}");
    // Any other key is second thoughts.
    tui.press("End");
    tui.misses("send anyway");
    tui.press("Enter");
    assert!(tui.receive(&mut client).is_empty());
    tui.press("Enter");
    assert_eq!(tui.receive(&mut client).len(), 1, "not sent: {why}");
}

#[test]
fn what_was_not_asked_for_is_sent_on_insisting_only() {
    let answer = |tui: &mut TestTui| tui.type_text("No.");
    let command = |tui: &mut TestTui| tui.type_text("!ls");
    let commands = |tui: &mut TestTui| {
        tui.type_text("!ls");
        tui.press("Alt+A");
        tui.type_text("!pwd");
    };
    insist(
        json!({"tool_choice": "none"}),
        command,
        "does not allow calling exec_command",
    );
    insist(
        json!({"tool_choice": "required"}),
        answer,
        "requires a call",
    );
    insist(
        json!({"parallel_tool_calls": false}),
        commands,
        "one call at a time",
    );
    let schema = json!({"type": "object", "required": ["ok"],
        "properties": {"ok": {"type": "boolean"}}});
    let format = json!({"type": "json_schema", "name": "verdict", "schema": schema});
    insist(json!({"text": {"format": format}}), answer, "JSON");
}

#[test]
fn a_tool_that_is_not_on_the_list_is_never_called() {
    let weather_only = json!({"type": "function", "name": "get_weather"});
    let allowed = json!({"type": "allowed_tools", "mode": "auto", "tools": [weather_only]});
    for choice in [weather_only, allowed] {
        let mut tui = TestTui::new(NORMAL);
        let tools = [exec_command(), weather()];
        let mut client = tui.ask(&request_with_tools(
            "Go.",
            &tools,
            json!({"tool_choice": choice}),
        ));
        // The form of the only tool is not what is wanted here.
        tui.press("Esc");
        tui.type_text("!ls");
        for _ in 0..3 {
            tui.press("Enter");
            tui.sees("does not allow calling exec_command");
            tui.misses("send anyway");
        }
        assert!(tui.receive(&mut client).is_empty(), "{choice}");
    }
}

#[test]
fn an_answer_that_is_too_long_is_cut_off_on_insisting_only() {
    let mut tui = TestTui::new(NORMAL);
    let limit = json!({"max_output_tokens": 14});
    let mut client = tui.ask(&request_with_tools("Go.", &[], limit));
    tui.press("Tab");
    tui.type_text("one two three four five");
    tui.press("Enter");
    tui.receive(&mut client);
    tui.press("Shift+Tab");
    let words = "six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen";
    tui.type_text(words);
    tui.press("Enter");
    tui.sees("14 allowed");
    assert!(tui.receive(&mut client).is_empty(), "sent at once");
    tui.press("Enter");
    let said = tui.receive(&mut client);
    let [Reply::End { items, ending }] = said.as_slice() else {
        panic!("{said:?}");
    };
    assert_eq!(*ending, Ending::OutOfTokens);
    let sent = items[0].text();
    assert!(
        words.starts_with(&*sent) && sent.len() < words.len(),
        "{sent}"
    );
    let tokens = humanllm::tokens::count;
    assert_eq!(tokens("one two three four five") + tokens(&sent), 14);
    // What did not fit is not lost.
    tui.ask(&plain_request("And now?"));
    tui.press("Ctrl+R");
    tui.sees("sixteen");
}

#[test]
fn every_fault_is_named_before_the_reply_is_sent() {
    let schema = json!({"type": "object", "required": ["ok"]});
    let format = json!({"type": "json_schema", "name": "verdict", "schema": schema});
    let more = json!({"text": {"format": format}, "max_output_tokens": 16});
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&request_with_tools("Go.", &[], more));
    tui.type_text(
        "one two three four five six seven eight nine ten eleven twelve thirteen \
        fourteen fifteen sixteen seventeen eighteen",
    );
    tui.press("Enter");
    tui.sees("JSON");
    tui.press("Enter");
    tui.sees("will be cut off");
    assert!(tui.receive(&mut client).is_empty(), "cut off unasked");
    tui.press("Enter");
    assert_eq!(tui.receive(&mut client).len(), 1);
}

#[test]
fn json_that_is_asked_for_has_a_skeleton() {
    let schema = json!({"type": "object", "required": ["verdict", "score"],
        "additionalProperties": false, "properties": {
        "verdict": {"type": "string", "enum": ["good", "bad"]}, "score": {"type": "integer"}}});
    let format = json!({"type": "json_schema", "name": "verdict", "schema": schema});
    let body = request_with_tools("How is it?", &[], json!({"text": {"format": format}}));
    assert_screens("skeleton", &[NORMAL, SMALL], |tui| {
        let client = tui.ask(&body);
        tui.sees("Expected: JSON");
        tui.press("Alt+I");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body);
    tui.press("Alt+I");
    let skeleton: Value = serde_json::from_str(&tui.text()).unwrap();
    assert_eq!(skeleton, json!({"verdict": "good", "score": 0}));
    tui.press("Enter");
    assert_eq!(tui.receive(&mut client).len(), 1);
    let _free = tui.ask(&plain_request("Just talk."));
    tui.press("Alt+N Alt+I");
    tui.sees("the request expects plain text");
}

#[test]
fn a_summary_that_is_asked_for_has_a_draft() {
    let body = json!({"model": "human", "input": [
        {"role": "user", "content": "We launch on Tuesday. List the files."},
        call("ls -la"),
        {"type": "function_call_output", "call_id": "call_1", "output": "hill.txt"},
        {"role": "assistant", "content": "There is one: hill.txt"},
        {"role": "user", "content": "Delete it"}]});
    let request = parse_compaction(body.to_string().as_bytes(), &Interner::default()).unwrap();
    assert_screens("summary", &[NORMAL, SMALL, WIDE], |tui| {
        let client = tui.open(request.clone(), None);
        tui.sees("Alt+I drafts it");
        tui.press("Alt+I");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.open(request, None);
    for kind in ["(Progress)", "(Run command)", "(Call tool)", "(Think)"] {
        tui.sees(kind);
    }
    tui.press("Alt+I");
    let draft = tui.text();
    for known in ["on Tuesday", "Delete it", "ls -la", "There is one"] {
        assert!(draft.contains(known), "{known}: {draft}");
    }
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item(&draft, "final_answer")
    );
}

#[test]
fn snippets_and_earlier_replies_are_recalled() {
    assert_screens("recall", &[NORMAL, SMALL, WIDE], |tui| {
        let snippet = ("thanks".to_owned(), "Thank you,\nthat is all.".to_owned());
        tui.app.settings.snippets.push(snippet);
        let mut client = tui.ask(&codex_request("a", "List the files.", &[]));
        tui.press("Tab");
        tui.type_text("One moment");
        tui.press("Enter");
        tui.receive(&mut client);
        tui.press("Ctrl+R");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    tui.press("Ctrl+R");
    tui.sees("nothing to recall");
    let snippet = ("thanks".to_owned(), "Thank you,\nthat is all.".to_owned());
    tui.app.settings.snippets.push(snippet);
    let mut client = tui.ask(&codex_request("a", "List the files.", &[]));
    tui.press("Ctrl+R");
    tui.type_text("than");
    tui.press("Enter");
    assert_eq!(tui.text(), "Thank you,\nthat is all.");
    tui.press("Enter");
    let heard = items_of(&tui.receive(&mut client));
    assert_eq!(heard, one_item("Thank you,\nthat is all.", "final_answer"));
}

#[test]
fn a_message_can_leave_line_by_line() {
    assert_screens("live", &[NORMAL, SMALL], |tui| {
        let client = tui.ask(&codex_request("a", "Tell me a story.", &[]));
        tui.press("Alt+L");
        tui.type_text("Once upon a time\nthere was a cat");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "Tell me a story.", &[]));
    tui.press("Alt+L");
    tui.sees("Send live");
    tui.type_text("Once upon a time\nthere was");
    assert_eq!(tui.receive(&mut client).len(), 1, "the first line left");
    assert_eq!(tui.text(), "there was");
    tui.type_text(" a cat");
    tui.press("Enter");
    let heard = tui.receive(&mut client);
    assert!(heard.last().is_some_and(|reply| reply.ends()));
    tui.sees("there was a cat");
    tui.sees("answered");
}

#[test]
fn a_live_message_that_was_not_whole_comes_back_with_all_its_lines() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "Tell me a story.", &[]));
    tui.press("Alt+L");
    tui.type_text("Once upon a time\nthere was a cat\nthat");
    assert_eq!(tui.receive(&mut client).len(), 2, "two lines left");
    tui.hang_up(client);
    assert_eq!(tui.text(), "Once upon a time\nthere was a cat\nthat");
}

#[test]
fn a_live_note_and_a_live_answer_are_two_messages() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "Tell me a story.", &[]));
    tui.press("Alt+L");
    tui.press("Tab");
    tui.type_text("Let me think\n");
    tui.press("Shift+Tab");
    tui.type_text("Once upon a time\n");
    tui.type_text("the end");
    tui.press("Enter");
    let heard = tui.receive(&mut client);
    let phases: Vec<_> = heard
        .iter()
        .map(|reply| match reply {
            Reply::Live { delta, phase } => (delta.as_str(), phase.as_str()),
            Reply::Items(items) => ("", if items.is_empty() { "end" } else { "items" }),
            Reply::End { .. } => ("", "end of all"),
        })
        .collect();
    let expected = [
        ("Let me think\n", "commentary"),
        ("", "end"),
        ("Once upon a time\n", "final_answer"),
        ("the end", "final_answer"),
        ("", "end of all"),
    ];
    assert_eq!(phases, expected);
    tui.sees("assistant · commentary");
    tui.sees("assistant · final answer");
}

#[test]
fn insisting_on_one_thing_is_not_insisting_on_another() {
    let schema = json!({"type": "object", "required": ["ok"]});
    let format = json!({"type": "json_schema", "name": "verdict", "schema": schema});
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&request_with_tools(
        "Go.",
        &[],
        json!({"text": {"format": format}}),
    ));
    tui.type_text("No.");
    tui.press("Alt+A");
    tui.sees("Alt+A add anyway");
    tui.press("Enter");
    assert!(
        tui.receive(&mut client).is_empty(),
        "Enter was pressed once"
    );
    tui.sees("Enter send anyway");
    tui.press("Enter");
    assert_eq!(tui.receive(&mut client).len(), 1);
}

#[test]
fn a_process_that_still_runs_is_typed_into() {
    let stdin = function(
        "write_stdin",
        "Types.",
        json!({"type": "object",
        "required": ["session_id"], "properties": {"session_id": {"type": "number"},
        "chars": {"type": "string"}}}),
    );
    let ask = |output: &str| {
        let mut body = codex_request(
            "a",
            "Start python.",
            &[
                call("python3"),
                json!({"type": "function_call_output", "call_id": "call_1", "output": output}),
            ],
        );
        body["tools"] = json!([exec_command(), stdin]);
        body
    };
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&ask(
        "Chunk ID: 1\nProcess running with session ID 4711\nOutput:\n>>> ",
    ));
    tui.press("Alt+S");
    tui.sees("4711");
    tui.type_text("1+1");
    tui.press("Enter");
    let heard = items_of(&tui.receive(&mut client));
    assert_eq!(
        heard,
        one_item(r#"{"session_id":4711,"chars":"1+1"}"#, "call")
    );
    let _next = tui.ask(&ask("Chunk ID: 1\nProcess exited with code 0\nOutput:\n"));
    tui.press("Alt+S");
    tui.sees("no process is still running");
}

/// Codex's tool for a process that runs, and a request that left one running.
fn python_runs() -> Value {
    let stdin = function(
        "write_stdin",
        "Writes to a session that runs, and tells what it printed.",
        json!({"type": "object", "additionalProperties": false, "required": ["session_id"],
        "properties": {
            "chars": {"type": "string", "description": "What to write; nothing only waits."},
            "max_output_tokens": {"type": "number", "description": "The most that is returned."},
            "session_id": {"type": "number", "description": "Which session."},
            "yield_time_ms": {"type": "number", "description": "How long to wait."}}}),
    );
    let output = "Chunk ID: 1\nProcess running with session ID 4711\nOutput:\n>>> ";
    let items = [
        call("python3"),
        json!({"type": "function_call_output", "call_id": "call_1", "output": output}),
    ];
    let mut body = codex_request("a", "Start python.", &items);
    body["tools"] = json!([exec_command(), stdin]);
    body
}

#[test]
fn a_process_that_still_runs_gets_ctrl_c_and_ctrl_d_with_one_key() {
    for (key, chars) in [("Alt+Shift+C", "\\u0003"), ("Alt+Shift+D", "\\u0004")] {
        let mut tui = TestTui::new(NORMAL);
        let mut client = tui.ask(&python_runs());
        tui.press("Tab");
        tui.type_text("half a sentence");
        tui.press(key);
        tui.sees("sent to the process");
        let heard = items_of(&tui.receive(&mut client));
        let call = format!(r#"{{"session_id":4711,"chars":"{chars}"}}"#);
        assert_eq!(heard, one_item(&call, "call"));
        assert_eq!(tui.text(), "half a sentence");
    }
    // A call that was begun and holds nothing yet makes way.
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&python_runs());
    tui.press("Alt+S");
    tui.sees("Alt+Shift+C Ctrl+C");
    tui.press("Alt+Shift+C");
    assert_eq!(tui.receive(&mut client).len(), 1);
    tui.sees("[Send]");
    // One with words in it stays.
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&python_runs());
    tui.press("Alt+S");
    tui.type_text("exit()");
    tui.press("Alt+Shift+C");
    assert_eq!(tui.receive(&mut client).len(), 1);
    tui.sees("exit()");
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "List the files.", &[]));
    tui.press("Alt+Shift+D");
    assert!(tui.receive(&mut client).is_empty());
    tui.sees("this request offers no write_stdin");
}

#[test]
fn a_reply_that_did_not_arrive_comes_back_as_it_was_composed() {
    let mut tui = TestTui::new(NORMAL);
    let client = tui.ask(&codex_request("a", "List the files.", &[]));
    tui.type_text("!ls");
    tui.press("Enter");
    tui.hang_up(client);
    tui.sees("client gone; text is back");
    tui.sees("[Run command]");
    assert_eq!(tui.text(), "ls");

    let mut tui = TestTui::new(NORMAL);
    let client = tui.ask(&codex_request("a", "Look around.", &[]));
    tui.type_text("!pwd");
    tui.press("Alt+A");
    tui.press("Ctrl+T");
    tui.type_text("exec");
    tui.press("Enter");
    tui.type_text("ls");
    tui.press("Tab");
    tui.type_text("/srv");
    tui.press("Enter");
    tui.hang_up(client);
    tui.sees("1. ");
    tui.sees("[Call tool]");
    tui.sees("/srv");
    let mut again = tui.ask(&codex_request("a", "Look around.", &[]));
    tui.press("Enter");
    let all = [r#"{"cmd":"pwd"}"#, r#"{"cmd":"ls","workdir":"/srv"}"#];
    let heard = items_of(&tui.receive(&mut again));
    assert_eq!(heard, all.map(|call| (call.to_owned(), "call")));
}

#[test]
fn a_draft_beside_a_call_stays_a_draft() {
    let mut tui = TestTui::new(NORMAL);
    let client = tui.ask(&codex_request("a", "List the files.", &[]));
    tui.type_text("half a sentence");
    tui.press("Ctrl+T");
    tui.type_text("exec");
    tui.press("Enter");
    tui.type_text("ls");
    tui.press("Enter");
    assert_eq!(tui.text(), "half a sentence");
    tui.hang_up(client);
    assert_eq!(tui.text(), "half a sentence");
    tui.sees("[Call tool]");
    let mut again = tui.ask(&codex_request("a", "List the files.", &[]));
    // As a part, and taken back when the draft was sent.
    tui.press("Alt+A Enter");
    let heard = items_of(&tui.receive(&mut again));
    assert_eq!(heard.len(), 2);
    assert_eq!(tui.text(), "");
    let _next = tui.ask(&codex_request("a", "List the files.", &[]));
    tui.type_text("draft");
    tui.press("Ctrl+T");
    tui.type_text("exec");
    tui.press("Enter");
    tui.type_text("pwd");
    tui.press("Alt+A Ctrl+U Alt+P Enter");
    tui.sees("pwd");
    assert_eq!(tui.text(), "");
}

#[test]
fn a_part_that_was_removed_can_be_recalled() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&codex_request("a", "List the files.", &[]));
    tui.type_text("long words");
    tui.press("Alt+A Alt+P");
    tui.type_text("d");
    tui.misses("long words");
    tui.press("Ctrl+R Enter");
    assert_eq!(tui.text(), "long words");
}
