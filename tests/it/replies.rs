//! Every kind of reply and what it is made with, as a person goes through it.

use crate::support::screen::*;
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
    let body = offering("Will it rain in Kyoto?", &tools, json!({}));
    scene("picker", &[NORMAL, SMALL, WIDE], |desk| {
        let client = desk.ask(&body);
        desk.press("Ctrl+T");
        desk.sees("exec_command");
        desk.misses("web_search");
        desk.write("we");
        desk.misses("exec_command");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body);
    // What is typed as a call without a tool is the name of one.
    desk.press("Tab Tab Tab");
    desk.write("rep");
    desk.press("Enter");
    desk.sees("mcp__notes.weekly_report");
    desk.sees("nothing to fill in");
    desk.press("Enter");
    assert_eq!(said(&desk.hear(&mut client)), one("{}", "call"));
}

#[test]
fn a_form_says_what_is_wrong_where_it_is() {
    let body = offering("Will it rain in Kyoto?", &[weather()], json!({}));
    scene("form", &[NORMAL, SMALL, MIDDLE, WIDE], |desk| {
        let client = desk.ask(&body);
        desk.press("Ctrl+T Enter");
        desk.write("Kyoto");
        desk.press("Enter");
        desk.write("soon");
        desk.press("Enter");
        desk.sees("✗");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body);
    desk.press("Ctrl+T Enter Enter");
    desk.misses("✗");
    desk.sees("› ");
    desk.write("0");
    desk.press("Enter");
    // What is missing has the cursor.
    desk.write("Kyoto");
    desk.press("Enter");
    let heard = said(&desk.hear(&mut client));
    assert_eq!(heard, [], "what is wrong is not sent at once");
    desk.sees("Enter send anyway");
    desk.press("Enter");
    assert_eq!(
        said(&desk.hear(&mut client)),
        one(r#"{"city":"Kyoto","days":0}"#, "call")
    );
}

#[test]
fn arguments_can_be_typed_as_json_and_back() {
    let body = offering("Will it rain in Kyoto?", &[weather()], json!({}));
    scene("call_json", &[NORMAL, SMALL], |desk| {
        let client = desk.ask(&body);
        desk.press("Ctrl+T Enter");
        desk.write("Kyoto");
        desk.press("Alt+E");
        desk.sees(r#""city": "Kyoto""#);
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body);
    desk.press("Ctrl+T Enter");
    desk.write("Kyoto");
    desk.press("Tab");
    desk.write("3");
    desk.press("Alt+E Alt+E");
    desk.sees("city*");
    desk.press("Alt+E Enter");
    let heard = said(&desk.hear(&mut client));
    assert_eq!(heard, one(r#"{"city":"Kyoto","days":3}"#, "call"));
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
        let mut desk = Desk::new(NORMAL);
        let mut client = desk.ask(&offering("Call it.", &[tool], json!({})));
        desk.press("Ctrl+T Enter Alt+E");
        let typed = r#"{"n": "a", "x": [123456789012345678901234567890, 1e3]}"#;
        desk.app.on_edited(typed);
        desk.press("Enter");
        let typed = r#"{"n":"a","x":[123456789012345678901234567890,1e3]}"#;
        assert_eq!(said(&desk.hear(&mut client)), one(typed, "call"));
    }
}

#[test]
fn a_patch_begins_as_a_template_and_is_checked() {
    let body = offering("Fix the bug.", &[exec_command(), apply_patch()], json!({}));
    scene("patch", &[NORMAL, SMALL, WIDE], |desk| {
        let client = desk.ask(&body);
        desk.press("Ctrl+T");
        desk.write("patch");
        desk.press("Enter Enter");
        desk.sees("*** Begin Patch");
        desk.sees("line ");
        std::mem::forget(client);
    });
    let patch = "*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch";
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body);
    desk.press("Ctrl+T");
    desk.write("patch");
    desk.press("Enter");
    desk.app.on_edited(patch);
    desk.step();
    desk.sees("add a.txt +1");
    desk.press("Enter");
    assert_eq!(said(&desk.hear(&mut client)), one(patch, "custom call"));

    // Without such a tool the shell takes it.
    let mut client = desk.ask(&codex("b", "Fix the bug.", &[]));
    desk.press("Ctrl+T");
    desk.write("patch");
    desk.press("Enter");
    desk.app.on_edited(patch);
    desk.press("Enter");
    let [(arguments, "call")] = &said(&desk.hear(&mut client))[..] else {
        panic!("one call");
    };
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    let command = arguments["cmd"].as_str().unwrap();
    assert!(command.starts_with("apply_patch <<"), "{command}");
    assert!(command.contains(patch), "{command}");
}

#[test]
fn several_parts_are_collected_changed_and_sent_together() {
    let collect = |desk: &mut Desk| {
        let client = desk.ask(&codex("a", "Look around.", &[]));
        desk.press("Tab");
        desk.write("Looking around");
        desk.press("Alt+A");
        desk.write("!pwd");
        desk.press("Alt+A");
        desk.write("!ls -la");
        desk.press("Alt+A");
        client
    };
    scene("parts", &[NORMAL, SMALL, WIDE], |desk| {
        let client = collect(desk);
        desk.press("Alt+P Up");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let mut client = collect(&mut desk);
    desk.sees("part 3 added");
    assert!(desk.hear(&mut client).is_empty());
    // The last comes before the other command, and that one is changed.
    desk.press("Alt+P K Down Enter");
    assert_eq!(desk.text(), "pwd");
    desk.sees("[Run command]");
    desk.press("Ctrl+U");
    desk.write("whoami");
    desk.press("Enter");
    let heard = desk.hear(&mut client);
    assert_eq!(heard.len(), 1, "one reply");
    let all = [
        ("Looking around", "commentary"),
        (r#"{"cmd":"ls -la"}"#, "call"),
        (r#"{"cmd":"whoami"}"#, "call"),
    ];
    assert_eq!(said(&heard), all.map(|(text, how)| (text.to_owned(), how)));

    let mut desk = Desk::new(NORMAL);
    let mut client = collect(&mut desk);
    desk.press("Alt+P d d");
    desk.misses("pwd");
    desk.press("Esc Enter");
    let heard = said(&desk.hear(&mut client));
    assert_eq!(heard, one("Looking around", "commentary"));
}

#[test]
fn thoughts_leave_the_response_open() {
    scene("think", &[NORMAL, SMALL], |desk| {
        let mut client = desk.ask(&codex("a", "Why is it slow?", &[]));
        desk.press("Shift+Tab Shift+Tab");
        desk.sees("[Think]");
        desk.write("It reads the file twice.");
        desk.press("Enter");
        let heard = said(&desk.hear(&mut client));
        assert_eq!(heard, one("It reads the file twice.", "thought"));
        desk.sees("waiting");
        std::mem::forget(client);
    });
}

#[test]
fn what_the_request_asks_for_is_said() {
    let more = json!({"tool_choice": "required", "parallel_tool_calls": false,
        "max_output_tokens": 200, "stop": ["END"]});
    scene("asked_for", &[NORMAL, SMALL, WIDE], |desk| {
        let client = desk.ask(&offering("Will it rain?", &[weather()], more.clone()));
        desk.press("Esc");
        desk.write("No.");
        desk.press("Enter");
        std::mem::forget(client);
    });
}

/// Types, sees the refusal, and sends it all the same.
fn insist(more: Value, type_it: impl Fn(&mut Desk), why: &str) {
    let mut desk = Desk::new(NORMAL);
    let tools = [exec_command(), weather()];
    let mut client = desk.ask(&offering("Go.", &tools, more));
    type_it(&mut desk);
    desk.press("Enter");
    desk.sees(why);
    desk.sees("Enter send anyway");
    assert!(desk.hear(&mut client).is_empty(), "sent at once: {why}");
    // Any other key is second thoughts.
    desk.press("End");
    desk.misses("send anyway");
    desk.press("Enter");
    assert!(desk.hear(&mut client).is_empty());
    desk.press("Enter");
    assert_eq!(desk.hear(&mut client).len(), 1, "not sent: {why}");
}

#[test]
fn what_was_not_asked_for_is_sent_on_insisting_only() {
    let answer = |desk: &mut Desk| desk.write("No.");
    let command = |desk: &mut Desk| desk.write("!ls");
    let commands = |desk: &mut Desk| {
        desk.write("!ls");
        desk.press("Alt+A");
        desk.write("!pwd");
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
        let mut desk = Desk::new(NORMAL);
        let tools = [exec_command(), weather()];
        let mut client = desk.ask(&offering("Go.", &tools, json!({"tool_choice": choice})));
        // The form of the only tool is not what is wanted here.
        desk.press("Esc");
        desk.write("!ls");
        for _ in 0..3 {
            desk.press("Enter");
            desk.sees("does not allow calling exec_command");
            desk.misses("send anyway");
        }
        assert!(desk.hear(&mut client).is_empty(), "{choice}");
    }
}

#[test]
fn an_answer_that_is_too_long_is_cut_off_on_insisting_only() {
    let mut desk = Desk::new(NORMAL);
    let limit = json!({"max_output_tokens": 14});
    let mut client = desk.ask(&offering("Go.", &[], limit));
    desk.press("Tab");
    desk.write("one two three four five");
    desk.press("Enter");
    desk.hear(&mut client);
    desk.press("Shift+Tab");
    let words = "six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen";
    desk.write(words);
    desk.press("Enter");
    desk.sees("14 allowed");
    assert!(desk.hear(&mut client).is_empty(), "sent at once");
    desk.press("Enter");
    let said = desk.hear(&mut client);
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
    desk.ask(&plain("And now?"));
    desk.press("Ctrl+R");
    desk.sees("sixteen");
}

#[test]
fn every_fault_is_named_before_the_reply_is_sent() {
    let schema = json!({"type": "object", "required": ["ok"]});
    let format = json!({"type": "json_schema", "name": "verdict", "schema": schema});
    let more = json!({"text": {"format": format}, "max_output_tokens": 16});
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&offering("Go.", &[], more));
    desk.write(
        "one two three four five six seven eight nine ten eleven twelve thirteen \
        fourteen fifteen sixteen seventeen eighteen",
    );
    desk.press("Enter");
    desk.sees("JSON");
    desk.press("Enter");
    desk.sees("will be cut off");
    assert!(desk.hear(&mut client).is_empty(), "cut off unasked");
    desk.press("Enter");
    assert_eq!(desk.hear(&mut client).len(), 1);
}

#[test]
fn json_that_is_asked_for_has_a_skeleton() {
    let schema = json!({"type": "object", "required": ["verdict", "score"],
        "additionalProperties": false, "properties": {
        "verdict": {"type": "string", "enum": ["good", "bad"]}, "score": {"type": "integer"}}});
    let format = json!({"type": "json_schema", "name": "verdict", "schema": schema});
    let body = offering("How is it?", &[], json!({"text": {"format": format}}));
    scene("skeleton", &[NORMAL, SMALL], |desk| {
        let client = desk.ask(&body);
        desk.sees("Expected: JSON");
        desk.press("Alt+I");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body);
    desk.press("Alt+I");
    let skeleton: Value = serde_json::from_str(&desk.text()).unwrap();
    assert_eq!(skeleton, json!({"verdict": "good", "score": 0}));
    desk.press("Enter");
    assert_eq!(desk.hear(&mut client).len(), 1);
    let _free = desk.ask(&plain("Just talk."));
    desk.press("Alt+N Alt+I");
    desk.sees("the request expects plain text");
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
    scene("summary", &[NORMAL, SMALL, WIDE], |desk| {
        let client = desk.open(request.clone(), None);
        desk.sees("Alt+I drafts it");
        desk.press("Alt+I");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.open(request, None);
    for kind in ["(Progress)", "(Run command)", "(Call tool)", "(Think)"] {
        desk.sees(kind);
    }
    desk.press("Alt+I");
    let draft = desk.text();
    for known in ["on Tuesday", "Delete it", "ls -la", "There is one"] {
        assert!(draft.contains(known), "{known}: {draft}");
    }
    desk.press("Enter");
    assert_eq!(said(&desk.hear(&mut client)), one(&draft, "final_answer"));
}

#[test]
fn snippets_and_earlier_replies_are_recalled() {
    scene("recall", &[NORMAL, SMALL, WIDE], |desk| {
        let snippet = ("thanks".to_owned(), "Thank you,\nthat is all.".to_owned());
        desk.app.settings.snippets.push(snippet);
        let mut client = desk.ask(&codex("a", "List the files.", &[]));
        desk.press("Tab");
        desk.write("One moment");
        desk.press("Enter");
        desk.hear(&mut client);
        desk.press("Ctrl+R");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    desk.press("Ctrl+R");
    desk.sees("nothing to recall");
    let snippet = ("thanks".to_owned(), "Thank you,\nthat is all.".to_owned());
    desk.app.settings.snippets.push(snippet);
    let mut client = desk.ask(&codex("a", "List the files.", &[]));
    desk.press("Ctrl+R");
    desk.write("than");
    desk.press("Enter");
    assert_eq!(desk.text(), "Thank you,\nthat is all.");
    desk.press("Enter");
    let heard = said(&desk.hear(&mut client));
    assert_eq!(heard, one("Thank you,\nthat is all.", "final_answer"));
}

#[test]
fn a_message_can_leave_line_by_line() {
    scene("live", &[NORMAL, SMALL], |desk| {
        let client = desk.ask(&codex("a", "Tell me a story.", &[]));
        desk.press("Alt+L");
        desk.write("Once upon a time\nthere was a cat");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", "Tell me a story.", &[]));
    desk.press("Alt+L");
    desk.sees("Send live");
    desk.write("Once upon a time\nthere was");
    assert_eq!(desk.hear(&mut client).len(), 1, "the first line left");
    assert_eq!(desk.text(), "there was");
    desk.write(" a cat");
    desk.press("Enter");
    let heard = desk.hear(&mut client);
    assert!(heard.last().is_some_and(|reply| reply.ends()));
    desk.sees("there was a cat");
    desk.sees("answered");
}

#[test]
fn a_live_message_that_was_not_whole_comes_back_with_all_its_lines() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", "Tell me a story.", &[]));
    desk.press("Alt+L");
    desk.write("Once upon a time\nthere was a cat\nthat");
    assert_eq!(desk.hear(&mut client).len(), 2, "two lines left");
    desk.hang_up(client);
    assert_eq!(desk.text(), "Once upon a time\nthere was a cat\nthat");
}

#[test]
fn a_live_note_and_a_live_answer_are_two_messages() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", "Tell me a story.", &[]));
    desk.press("Alt+L");
    desk.press("Tab");
    desk.write("Let me think\n");
    desk.press("Shift+Tab");
    desk.write("Once upon a time\n");
    desk.write("the end");
    desk.press("Enter");
    let heard = desk.hear(&mut client);
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
    desk.sees("assistant · commentary");
    desk.sees("assistant · final answer");
}

#[test]
fn insisting_on_one_thing_is_not_insisting_on_another() {
    let schema = json!({"type": "object", "required": ["ok"]});
    let format = json!({"type": "json_schema", "name": "verdict", "schema": schema});
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&offering("Go.", &[], json!({"text": {"format": format}})));
    desk.write("No.");
    desk.press("Alt+A");
    desk.sees("Alt+A add anyway");
    desk.press("Enter");
    assert!(desk.hear(&mut client).is_empty(), "Enter was pressed once");
    desk.sees("Enter send anyway");
    desk.press("Enter");
    assert_eq!(desk.hear(&mut client).len(), 1);
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
        let mut body = codex(
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
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&ask(
        "Chunk ID: 1\nProcess running with session ID 4711\nOutput:\n>>> ",
    ));
    desk.press("Alt+S");
    desk.sees("4711");
    desk.write("1+1");
    desk.press("Enter");
    let heard = said(&desk.hear(&mut client));
    assert_eq!(heard, one(r#"{"session_id":4711,"chars":"1+1"}"#, "call"));
    let _next = desk.ask(&ask("Chunk ID: 1\nProcess exited with code 0\nOutput:\n"));
    desk.press("Alt+S");
    desk.sees("no process is still running");
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
    let mut body = codex("a", "Start python.", &items);
    body["tools"] = json!([exec_command(), stdin]);
    body
}

#[test]
fn a_process_that_still_runs_gets_ctrl_c_and_ctrl_d_with_one_key() {
    for (key, chars) in [("Alt+Shift+C", "\\u0003"), ("Alt+Shift+D", "\\u0004")] {
        let mut desk = Desk::new(NORMAL);
        let mut client = desk.ask(&python_runs());
        desk.press("Tab");
        desk.write("half a sentence");
        desk.press(key);
        desk.sees("sent to the process");
        let heard = said(&desk.hear(&mut client));
        let call = format!(r#"{{"session_id":4711,"chars":"{chars}"}}"#);
        assert_eq!(heard, one(&call, "call"));
        assert_eq!(desk.text(), "half a sentence");
    }
    // A call that was begun and holds nothing yet makes way.
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&python_runs());
    desk.press("Alt+S");
    desk.sees("Alt+Shift+C Ctrl+C");
    desk.press("Alt+Shift+C");
    assert_eq!(desk.hear(&mut client).len(), 1);
    desk.sees("[Send]");
    // One with words in it stays.
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&python_runs());
    desk.press("Alt+S");
    desk.write("exit()");
    desk.press("Alt+Shift+C");
    assert_eq!(desk.hear(&mut client).len(), 1);
    desk.sees("exit()");
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", "List the files.", &[]));
    desk.press("Alt+Shift+D");
    assert!(desk.hear(&mut client).is_empty());
    desk.sees("this request offers no write_stdin");
}

#[test]
fn a_reply_that_did_not_arrive_comes_back_as_it_was_composed() {
    let mut desk = Desk::new(NORMAL);
    let client = desk.ask(&codex("a", "List the files.", &[]));
    desk.write("!ls");
    desk.press("Enter");
    desk.hang_up(client);
    desk.sees("client gone; text is back");
    desk.sees("[Run command]");
    assert_eq!(desk.text(), "ls");

    let mut desk = Desk::new(NORMAL);
    let client = desk.ask(&codex("a", "Look around.", &[]));
    desk.write("!pwd");
    desk.press("Alt+A");
    desk.press("Ctrl+T");
    desk.write("exec");
    desk.press("Enter");
    desk.write("ls");
    desk.press("Tab");
    desk.write("/srv");
    desk.press("Enter");
    desk.hang_up(client);
    desk.sees("1. ");
    desk.sees("[Call tool]");
    desk.sees("/srv");
    let mut again = desk.ask(&codex("a", "Look around.", &[]));
    desk.press("Enter");
    let all = [r#"{"cmd":"pwd"}"#, r#"{"cmd":"ls","workdir":"/srv"}"#];
    let heard = said(&desk.hear(&mut again));
    assert_eq!(heard, all.map(|call| (call.to_owned(), "call")));
}

#[test]
fn a_draft_beside_a_call_stays_a_draft() {
    let mut desk = Desk::new(NORMAL);
    let client = desk.ask(&codex("a", "List the files.", &[]));
    desk.write("half a sentence");
    desk.press("Ctrl+T");
    desk.write("exec");
    desk.press("Enter");
    desk.write("ls");
    desk.press("Enter");
    assert_eq!(desk.text(), "half a sentence");
    desk.hang_up(client);
    assert_eq!(desk.text(), "half a sentence");
    desk.sees("[Call tool]");
    let mut again = desk.ask(&codex("a", "List the files.", &[]));
    // As a part, and taken back when the draft was sent.
    desk.press("Alt+A Enter");
    let heard = said(&desk.hear(&mut again));
    assert_eq!(heard.len(), 2);
    assert_eq!(desk.text(), "");
    let _next = desk.ask(&codex("a", "List the files.", &[]));
    desk.write("draft");
    desk.press("Ctrl+T");
    desk.write("exec");
    desk.press("Enter");
    desk.write("pwd");
    desk.press("Alt+A Ctrl+U Alt+P Enter");
    desk.sees("pwd");
    assert_eq!(desk.text(), "");
}

#[test]
fn a_part_that_was_removed_can_be_recalled() {
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&codex("a", "List the files.", &[]));
    desk.write("long words");
    desk.press("Alt+A Alt+P");
    desk.write("d");
    desk.misses("long words");
    desk.press("Ctrl+R Enter");
    assert_eq!(desk.text(), "long words");
}
