//! What holds for any conversation, any tools and any answer.

use std::collections::{HashMap, HashSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::api::{Item, ItemBody, Phase};

const FORMATS: [Format; 3] = [Format::Chat, Format::Messages, Format::Responses];

/// Words that nobody else in the conversation says.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}( [a-zé🦀\\\\\"<>]{1,5}){0,3}",
        Just("<system-reminder>\nBe brief.\n</system-reminder>".to_owned()),
        Just("line\n\nline".to_owned()),
    ]
}

/// An item of any kind, with ids that may or may not find each other.
fn item() -> impl Strategy<Value = Value> {
    let id = || (0..4_u8).prop_map(|id| format!("call_{id}"));
    let role = prop_oneof![
        Just("user"),
        Just("assistant"),
        Just("developer"),
        Just("system"),
        Just("critic")
    ];
    let call = (id(), 0..4_usize, words()).prop_map(|(id, tool, words)| {
        let arguments = json!({"cmd": words}).to_string();
        match tool {
            0 => json!({"type": "function_call", "call_id": id, "name": "exec_command",
                "arguments": arguments}),
            1 => json!({"type": "function_call", "call_id": id, "namespace": "multi_agent_v1",
                "name": "spawn_agent", "arguments": arguments}),
            2 => json!({"type": "custom_tool_call", "call_id": id, "name": "apply_patch",
                "input": words}),
            _ => json!({"type": "local_shell_call", "call_id": id,
                "action": {"type": "exec", "command": [words], "env": {}}}),
        }
    });
    prop_oneof![
        4 => (role, words()).prop_map(|(role, words)| json!({"type": "message", "role": role,
            "content": [{"type": "input_text", "text": words}]})),
        3 => call,
        3 => (id(), words()).prop_map(|(id, words)| json!({"type": "function_call_output",
            "call_id": id, "output": words})),
        1 => words().prop_map(|words| json!({"type": "reasoning",
            "summary": [{"type": "summary_text", "text": words}]})),
        1 => words().prop_map(|words| json!({"type": "hologram", "words": words})),
    ]
}

fn parsed(asked: &UpstreamRequest, format: Format) -> Request {
    format
        .parse(&asked.body, &Interner::default())
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&asked.body)))
}

/// All that is said in a conversation but thoughts, in one text.
fn all_words(items: &[std::sync::Arc<Item>]) -> String {
    let words = items.iter().map(|item| match item.body() {
        ItemBody::Said {
            body: Body::Reasoning { .. },
            ..
        } => String::new(),
        ItemBody::Said {
            body: body @ Body::Message { .. },
            ..
        } => body.words().into_owned(),
        ItemBody::Said {
            body: body @ Body::FunctionCall { .. },
            ..
        } => body.words().into_owned(),
        // As it stands in arguments.
        ItemBody::Said { body, .. } => json!(body.words()).to_string().trim_matches('"').to_owned(),
        ItemBody::ToolOutput { .. } => item.text(),
        ItemBody::Other { fields: says, .. } => says.clone(),
        ItemBody::Compaction { .. } => String::new(),
    });
    words.collect::<Vec<_>>().join("\n")
}

/// That messages of a format alternate as it wants, and every call is followed by its output.
fn check_turns(asked: &UpstreamRequest, format: Format) {
    let body = body(asked);
    let list = body.get("messages").or(body.get("input")).unwrap();
    let mut last = "";
    let mut open: Vec<&str> = Vec::new();
    for message in list.as_array().unwrap() {
        let role = message["role"].as_str().unwrap_or_default();
        match format {
            Format::Chat => {
                match role {
                    "tool" => {
                        let id = message["tool_call_id"].as_str().unwrap();
                        assert_eq!(open.first(), Some(&id), "outputs follow their calls");
                        open.remove(0);
                    }
                    _ => assert!(open.is_empty(), "{body}"),
                }
                assert!(!(role == "user" && last == "user"), "{body}");
                assert!(!(role == "assistant" && last == "assistant"), "{body}");
                assert!(role != "system" || last.is_empty(), "{body}");
                let calls = message["tool_calls"].as_array().into_iter().flatten();
                open.extend(calls.map(|call| call["id"].as_str().unwrap()));
            }
            Format::Messages => {
                assert_ne!(role, last, "{body}");
                let blocks = message["content"].as_array().unwrap();
                let results = blocks.iter().filter_map(|it| it["tool_use_id"].as_str());
                assert_eq!(results.collect::<Vec<_>>(), open, "{body}");
                let calls = blocks.iter().filter(|it| it["type"] == "tool_use");
                open = calls.map(|call| call["id"].as_str().unwrap()).collect();
                assert!(role == "user" || !last.is_empty(), "the user begins");
            }
            _ => match message["type"].as_str() {
                Some("function_call") => open.push(message["call_id"].as_str().unwrap()),
                Some("function_call_output") => {
                    assert_eq!(open.first(), message["call_id"].as_str().as_ref());
                    open.remove(0);
                }
                _ => assert!(open.is_empty(), "{body}"),
            },
        }
        last = role;
    }
    assert!(open.is_empty(), "{body}");
}

fn call_ids(items: &[std::sync::Arc<Item>]) -> Vec<&str> {
    items.iter().filter_map(|item| item.call_id()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Any conversation goes to any format: that format reads it, with all that was said in it.
    #[test]
    fn any_conversation_is_taken_and_nothing_of_it_is_lost(
        input in vec(item(), 0..14),
        hint in option::of("[a-z]{3,9}"),
        continues in option::of("[a-z]{3,9} ?"),
        is_words in any::<bool>(),
    ) {
        let agent = request(Format::Responses,
            &json!({"model": "m", "input": input, "tools": codex_tools()}));
        for format in FORMATS {
            let asked = DraftContext {
                hint: hint.as_deref(),
                continues: continues.as_deref(),
                continuing: if is_words { Continuing::Words } else { Continuing::Prefill },
                ..ask(&agent, format)
            }.write();
            check_turns(&asked, format);
            let there = parsed(&asked, format);
            let said = all_words(&there.items);
            for item in &agent.items {
                let words = all_words(std::slice::from_ref(item));
                // Blocks of agents stand for themselves on the other side.
                for line in words.lines() {
                    prop_assert!(said.contains(line), "{format:?}: {line:?} in {said:?}");
                }
            }
            prop_assert_eq!(call_ids(&there.items).len(), call_ids(&agent.items).len());
            let ids: HashSet<&str> = call_ids(&there.items).into_iter().collect();
            prop_assert_eq!(ids.len(), call_ids(&there.items).len(), "ids are not used twice");
            for words in [&hint, &continues].into_iter().flatten() {
                prop_assert!(said.contains(words.trim_end()));
            }
        }
    }

    /// Words of both sides stay in their order, as long as all of them are words.
    #[test]
    fn messages_stay_in_their_order(
        said in vec((prop_oneof![Just("user"), Just("assistant")], "[a-z]{1,5}"), 1..9)
    ) {
        let input: Vec<Value> = said.iter().enumerate()
            .map(|(at, (role, words))| json!({"role": role, "content": format!("{words}{at}")}))
            .collect();
        let agent = request(Format::Responses, &json!({"model": "m", "input": input}));
        for format in FORMATS {
            let there = parsed(&ask(&agent, format).write(), format);
            let all = all_words(&there.items);
            let mut from = 0;
            for (at, (_, words)) in said.iter().enumerate() {
                let found = all[from..].find(&format!("{words}{at}"));
                prop_assert!(found.is_some(), "{format:?}: {words}{at} in {all:?}");
                from += found.unwrap_or_default();
            }
        }
    }

    /// Any list of tools has names that every server takes, and each is called as it was offered.
    #[test]
    fn any_tool_is_called_as_it_was_offered(
        tools in vec((0..4_u8, "[a-zA-Z_. é/-]{0,70}", option::of("[a-z_.]{1,40}")), 0..12),
        arguments in vec(("[a-z]{1,5}", words()), 0..4),
    ) {
        let parameters = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        let mut offered = Vec::new();
        let mut expected = Vec::new();
        let arguments: HashMap<String, String> = arguments.into_iter().collect();
        let arguments = json!(arguments).to_string();
        for (kind, name, namespace) in tools {
            let function = json!({"type": "function", "name": name, "parameters": parameters});
            let call = |namespace: Option<String>| Body::FunctionCall {
                namespace,
                name: name.clone(),
                arguments: arguments.clone(),
            };
            match (kind, namespace) {
                (0, Some(namespace)) => {
                    offered.push(json!({"type": "namespace", "name": namespace,
                        "tools": [function]}));
                    expected.push((call(Some(namespace)), arguments.clone()));
                }
                (1, _) => {
                    offered.push(json!({"type": "custom", "name": name}));
                    let input = arguments.clone();
                    let call = Body::CustomToolCall { name, input: input.clone() };
                    expected.push((call, json!({"input": input}).to_string()));
                }
                (2, _) => {
                    offered.push(json!({"type": "local_shell"}));
                    let call = Body::LocalShellCall {
                        command: vec![arguments.clone()],
                        working_directory: None,
                    };
                    expected.push((call, json!({"command": [arguments]}).to_string()));
                }
                _ => {
                    offered.push(function);
                    expected.push((call(None), arguments.clone()));
                }
            }
        }
        let agent = request(Format::Responses,
            &json!({"model": "m", "input": "hi", "tools": offered}));
        let mut asked = ask(&agent, Format::Chat).write();
        let body = body(&asked);
        let functions = body["tools"].as_array().cloned().unwrap_or_default();
        prop_assert_eq!(functions.len(), expected.len());
        let name = |at: usize| functions[at]["function"]["name"].as_str().unwrap();
        let names: HashSet<&str> = (0..functions.len()).map(name).collect();
        prop_assert_eq!(names.len(), functions.len());
        let is_valid = |name: &&str| {
            let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            (1..=64).contains(&name.len()) && name.chars().all(is_letter)
        };
        prop_assert!(names.iter().all(is_valid));
        let calls: Vec<Value> = expected.iter().enumerate().map(|(at, (_, arguments))| {
            json!({"index": at, "id": format!("c{at}"), "type": "function",
                "function": {"name": name(at), "arguments": arguments}})
        }).collect();
        let deltas = [json!({"tool_calls": calls})];
        let (items, ..) = read(&mut asked.reader, &chat(&deltas, "tool_calls"));
        let expected: Vec<Body> = expected.into_iter().map(|(call, _)| call).collect();
        prop_assert_eq!(items, expected);
    }

    /// However an answer is cut into pieces, it comes to the same items.
    #[test]
    fn any_pieces_of_an_answer_come_to_the_same(
        thoughts in option::of(words()),
        is_tagged in any::<bool>(),
        text in option::of("[a-z]{1,5}[a-z<>/\\[\\] \n]{0,30}"),
        calls in vec((0..3_u8, words()), 0..3),
        cuts in vec(1..7_usize, 1..40),
    ) {
        let agent = request(Format::Responses,
            &json!({"model": "m", "input": "hi", "tools": codex_tools()}));
        let mut expected = Vec::new();
        expected.extend(thoughts.as_deref().map(|it| Body::reasoning(it.trim())));
        if let Some(text) = &text {
            let phase = if calls.is_empty() { Phase::FinalAnswer } else { Phase::Commentary };
            expected.push(Body::message(text.clone(), phase));
        }
        let mut cuts = cuts.into_iter().cycle();
        let mut pieces = |text: &str| {
            let letters: Vec<char> = text.chars().collect();
            let mut rest = &letters[..];
            let mut pieces = Vec::new();
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
                pieces.push(piece.iter().collect::<String>());
                rest = behind;
            }
            pieces
        };
        let mut deltas = Vec::new();
        let mut content = String::new();
        if let Some(thoughts) = &thoughts {
            if is_tagged {
                content = format!("<think>{thoughts}</think>\n\n")
            } else {
                deltas.extend(pieces(thoughts).into_iter()
                    .map(|it| json!({"reasoning_content": it})))
            }
        }
        content.extend(text);
        deltas.extend(pieces(&content).into_iter().map(|it| json!({"content": it})));
        for (index, (kind, words)) in calls.iter().enumerate() {
            let (name, arguments, call) = match kind {
                0 => {
                    let arguments = json!({"cmd": words}).to_string();
                    ("exec_command", arguments.clone(), function("exec_command", &arguments))
                }
                1 => ("apply_patch", json!({"input": words}).to_string(), Body::CustomToolCall {
                    name: "apply_patch".into(),
                    input: words.clone(),
                }),
                _ => {
                    let arguments = json!({"prompt": words}).to_string();
                    ("multi_agent_v1__spawn_agent", arguments.clone(), Body::FunctionCall {
                        namespace: Some("multi_agent_v1".into()),
                        name: "spawn_agent".into(),
                        arguments,
                    })
                }
            };
            expected.push(call);
            deltas.push(json!({"tool_calls": [{"index": index, "id": format!("c{index}"),
                "function": {"name": name, "arguments": ""}}]}));
            deltas.extend(pieces(&arguments).into_iter().map(|it| json!({"tool_calls":
                [{"index": index, "function": {"arguments": it}}]})));
        }
        let mut asked = ask(&agent, Format::Chat).write();
        let (items, ..) = read(&mut asked.reader, &chat(&deltas, "stop"));
        prop_assert_eq!(items, expected);
    }

    /// Whatever a server sends, nothing breaks.
    #[test]
    fn any_nonsense_is_survived(
        events in vec(prop_oneof![
            "[ -~]{0,30}",
            Just("{\"choices\":[{\"delta\":{\"tool_calls\":[{}]}}]}".to_owned()),
            Just("{\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"\"}]}}]}".to_owned()),
            Just("{\"choices\":[{\"delta\":{\"function_call\":{}}}]}".to_owned()),
            Just("{\"choices\":[{\"delta\":{\"content\":\"<think>\"}}]}".to_owned()),
            Just("{\"choices\":[{\"finish_reason\":\"length\"}],\"usage\":{}}".to_owned()),
            Just("{\"type\":\"content_block_stop\",\"index\":7}".to_owned()),
            Just("{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\"}}"
                .to_owned()),
            Just("{\"type\":\"response.output_item.done\",\"item\":{\"type\":\"function_call\"}}"
                .to_owned()),
            Just("{\"type\":\"response.function_call_arguments.delta\",\"delta\":\"{\"}"
                .to_owned()),
            Just("{\"type\":\"response.completed\"}".to_owned()),
            Just("[DONE]".to_owned()),
        ], 0..12)
    ) {
        let agent = request(Format::Responses,
            &json!({"model": "m", "input": "hi", "tools": codex_tools()}));
        for format in FORMATS {
            let mut reader = ask(&agent, format).write().reader;
            for event in &events {
                if reader.event(None, event).is_err() {
                    break;
                }
            }
            let _ = reader.end();
            let _ = error_message(events.concat().as_bytes());
        }
    }
}
