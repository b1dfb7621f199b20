//! Answers, as servers send them.

use super::*;
use crate::api::Phase;

fn note(text: &str) -> Body {
    Body::message(text, Phase::Commentary)
}

fn answer(text: &str) -> Body {
    Body::message(text, Phase::FinalAnswer)
}

fn usage(input: u64, output: u64, reasoning: u64) -> Option<Usage> {
    Some(Usage {
        input,
        output,
        reasoning,
    })
}

fn reader(format: Format) -> UpstreamReader {
    let request = request(
        Format::Responses,
        &json!({"model": "m", "input": "hi", "tools": codex_tools(), "max_output_tokens": 400}),
    );
    ask(&request, format).write().reader
}

fn said(deltas: &[Value]) -> Vec<Body> {
    items(Format::Chat, &codex_tools(), &chat(deltas, "stop"))
}

/// A chunk of a call.
fn called(call: Value) -> Value {
    json!({"tool_calls": [call]})
}

const LS: &str = "{\"cmd\":\"ls\"}";

#[test]
fn chat_of_openai() {
    let events = [
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": "",
            "refusal": null}, "finish_reason": null}], "usage": null}),
        json!({"choices": [{"index": 0, "delta": {"content": "Hel"}, "finish_reason": null}]}),
        json!({"choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": null}]}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2,
            "total_tokens": 11, "completion_tokens_details": {"reasoning_tokens": 1}}}),
        json!("[DONE]"),
    ];
    let read = read(&mut reader(Format::Chat), &events);
    assert_eq!(read, (vec![answer("Hello")], usage(9, 2, 1), false));
}

/// The first chunk has `null` for content, and the counts come with timings.
#[test]
fn chat_of_llama_cpp_with_thoughts_and_calls() {
    let mut deltas = vec![
        json!({"role": "assistant", "content": null}),
        json!({"reasoning_content": "List "}),
        json!({"reasoning_content": "it."}),
        called(json!({"index": 0, "id": "Ab1", "type": "function",
            "function": {"name": "exec_command", "arguments": "{"}})),
        called(json!({"index": 0, "function": {"arguments": "\"cmd\":"}})),
        called(json!({"index": 0, "function": {"arguments": "\"ls\"}"}})),
        called(json!({"index": 1, "id": "Ab2", "type": "function",
            "function": {"name": "multi_agent_v1__close_agent", "arguments": "{\"id\":\"1\"}"}})),
    ];
    let close = Body::FunctionCall {
        namespace: Some("multi_agent_v1".into()),
        name: "close_agent".into(),
        arguments: "{\"id\":\"1\"}".into(),
    };
    let calls = [function("exec_command", LS), close];
    let mut expected = vec![Body::reasoning("List it.")];
    expected.extend(calls.clone());
    assert_eq!(said(&deltas), expected);
    // With words before the calls, which are a note then.
    deltas.insert(3, json!({"content": "\n\nI look.\n\n"}));
    expected.insert(1, note("I look.\n\n"));
    assert_eq!(said(&deltas), expected);
    // With nothing but space before them.
    deltas[3] = json!({"content": "\n\n"});
    expected.remove(1);
    assert_eq!(said(&deltas), expected);
}

#[test]
fn chat_of_ollama() {
    // Calls come whole, and all of them in the first place.
    let call = |id: &str, arguments: &str| {
        json!({"role": "assistant", "content": "", "tool_calls": [{"index": 0, "id": id,
            "type": "function", "function": {"name": "exec_command", "arguments": arguments}}]})
    };
    let pwd = "{\"cmd\":\"pwd\"}";
    assert_eq!(
        said(&[
            json!({"role": "assistant", "content": "", "reasoning": "Hm."}),
            call("call_1", LS),
            call("call_2", pwd)
        ]),
        [
            Body::reasoning("Hm."),
            function("exec_command", LS),
            function("exec_command", pwd)
        ]
    );
    // Older versions have no places, and some servers no ids.
    for extra in ["id", "index"] {
        let mut deltas = [call("call_1", LS), call("call_2", pwd)];
        for delta in &mut deltas {
            let call = delta["tool_calls"][0].as_object_mut().unwrap();
            call.shift_remove(extra);
        }
        let expected = [function("exec_command", LS), function("exec_command", pwd)];
        assert_eq!(said(&deltas), expected, "without {extra}");
    }
}

#[test]
fn chat_of_lm_studio() {
    // The name comes alone, and no ids after it; the stream ends without a count.
    let deltas = [
        called(json!({"index": 0, "id": "3", "type": "function",
            "function": {"name": "exec_command", "arguments": ""}})),
        called(json!({"index": 0, "type": "function", "function": {"arguments": LS}})),
    ];
    assert_eq!(said(&deltas), [function("exec_command", LS)]);
}

#[test]
fn chat_of_vllm_and_others_that_say_things_again() {
    // The same thoughts under two names, and the name with every piece.
    let piece = |arguments: &str| {
        called(
            json!({"index": 0, "id": "chatcmpl-tool-1", "type": "function",
            "function": {"name": "exec_command", "arguments": arguments}}),
        )
    };
    assert_eq!(
        said(&[
            json!({"reasoning_content": "Hm.", "reasoning": "Hm."}),
            piece(""),
            piece("{\"cmd\":"),
            piece("\"ls\"}")
        ]),
        [Body::reasoning("Hm."), function("exec_command", LS)]
    );
    // The whole call once more at the end.
    assert_eq!(
        said(&[piece(LS), piece(LS)]),
        [function("exec_command", LS)]
    );
    // A name in pieces.
    let named = |name: &str| {
        called(json!({"index": 0, "id": "1", "function": {"name": name, "arguments": ""}}))
    };
    assert_eq!(
        said(&[
            named("exec"),
            named("_command"),
            called(json!({"index": 0, "function": {"arguments": LS}}))
        ]),
        [function("exec_command", LS)]
    );
}

#[test]
fn calls_whose_pieces_come_mixed() {
    let piece = |index: u64, name: Option<&str>, arguments: &str| {
        let mut function = json!({"arguments": arguments});
        if let Some(name) = name {
            function["name"] = json!(name);
        }
        json!({"index": index, "function": function})
    };
    let deltas = [
        json!({"tool_calls": [piece(0, Some("exec_command"), ""),
            piece(1, Some("exec_command"), "{\"cmd\":")]}),
        json!({"tool_calls": [piece(1, None, "\"pwd\"}"), piece(0, None, "{\"cmd\":")]}),
        json!({"tool_calls": [piece(0, None, "\"ls\"}")]}),
    ];
    assert_eq!(
        said(&deltas),
        [
            function("exec_command", LS),
            function("exec_command", "{\"cmd\":\"pwd\"}")
        ]
    );
}

#[test]
fn arguments_in_other_forms() {
    let with = |arguments: Value| {
        let call = json!({"index": 0, "id": "1",
            "function": {"name": "exec_command", "arguments": arguments}});
        said(&[called(call)])
    };
    // The object itself; its text as a string once more; a line break that was not written as one.
    assert_eq!(with(json!({"cmd": "ls"})), [function("exec_command", LS)]);
    assert_eq!(
        with(json!(json!(LS).to_string())),
        [function("exec_command", LS)]
    );
    assert_eq!(
        with(json!("{\"cmd\": \"a\nb\"}")),
        [function("exec_command", "{\"cmd\": \"a\\nb\"}")]
    );
    for empty in [json!(""), json!(null), json!("null"), json!(" ")] {
        assert_eq!(with(empty), [function("exec_command", "{}")]);
    }
    // What nobody can read is left to the person.
    assert_eq!(
        with(json!("{\"cmd\": ls}")),
        [function("exec_command", "{\"cmd\": ls}")]
    );
    // The form from before there were several.
    assert_eq!(
        said(&[
            json!({"function_call": {"name": "exec_command", "arguments": ""}}),
            json!({"function_call": {"arguments": "{\"cmd\":"}}),
            json!({"function_call": {"arguments": "\"ls\"}"}})
        ]),
        [function("exec_command", LS)]
    );
}

#[test]
fn thoughts_in_tags() {
    let text = |text: &str| json!({"content": text});
    let thoughtful = [Body::reasoning("One < two."), answer("Yes.")];
    for deltas in [
        vec!["<think>\nOne < two.\n</think>\n\nYes."],
        vec![
            "\n<th", "ink>One ", "< tw", "o.</th", "ink", ">", "\n", "Yes", ".",
        ],
        vec!["[THINK]One < two.", "[/THINK]", "Yes."],
    ] {
        let deltas: Vec<Value> = deltas.into_iter().map(text).collect();
        assert_eq!(said(&deltas), thoughtful, "{deltas:?}");
    }
    for plain in ["<thin air>", "<", "Say <think>a</think>?", "a < b"] {
        assert_eq!(said(&[text(plain)]), [answer(plain)]);
    }
    // Nothing was thought, and nothing was said after it.
    assert_eq!(said(&[text("<think>\n\n</think>\n\nHi")]), [answer("Hi")]);
    assert_eq!(said(&[text("<think>Hm")]), [Body::reasoning("Hm")]);
    // The parts of Mistral's models.
    let parts = json!({"content": [{"type": "thinking", "thinking": [
        {"type": "text", "text": "Hm"}]}, {"type": "text", "text": "Hi"}]});
    assert_eq!(said(&[parts]), [Body::reasoning("Hm"), answer("Hi")]);
}

#[test]
fn lines_without_words_are_no_part_of_an_answer() {
    let text = |text: &str| json!({"content": text});
    assert_eq!(
        said(&[text("\n"), text("\n  let a"), text(";\n")]),
        [answer("  let a;\n")]
    );
    assert_eq!(said(&[text("\n"), text("  ")]), []);
}

#[test]
fn an_answer_that_was_cut_off_keeps_what_it_has() {
    let cut = |deltas: &[Value]| {
        let (items, _, cut_off) = read(&mut reader(Format::Chat), &chat(deltas, "length"));
        assert!(cut_off);
        items
    };
    assert_eq!(
        cut(&[json!({"content": "half an ans"})]),
        [answer("half an ans")]
    );
    // Half a call is none.
    let call = json!({"index": 0, "id": "1",
        "function": {"name": "exec_command", "arguments": "{\"cmd\":\"rm -r"}});
    assert_eq!(
        cut(&[json!({"content": "I look"}), called(call)]),
        [note("I look")]
    );
}

#[test]
fn a_stream_without_its_last_line_is_whole_if_a_reason_was_told() {
    let mut events = chat(&[json!({"content": "Hi"})], "stop");
    events.pop();
    let (items, ..) = read(&mut reader(Format::Chat), &events);
    assert_eq!(items, [answer("Hi")]);
}

#[test]
fn a_completion_as_a_document() {
    let call = json!({"id": "1", "type": "function",
        "function": {"name": "exec_command", "arguments": {"cmd": "ls"}}});
    let document = json!({"object": "chat.completion", "choices": [{"index": 0,
        "finish_reason": "tool_calls", "message": {"role": "assistant", "content": "I look",
            "reasoning_content": "Hm", "tool_calls": [call]}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2}});
    let pieces = reader(Format::Chat).document(document.to_string().as_bytes());
    let expected = vec![
        Body::reasoning("Hm"),
        note("I look"),
        function("exec_command", LS),
    ];
    assert_eq!(whole(pieces.unwrap()), (expected, usage(1, 2, 0), false));
}

/// The events of one message of Anthropic's API.
fn message(blocks: &[(Value, Vec<Value>)], reason: &str) -> Vec<Value> {
    let mut events = vec![
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
            "role": "assistant", "content": [], "stop_reason": null, "usage": {"input_tokens": 3,
            "cache_creation_input_tokens": 4, "cache_read_input_tokens": 5,
            "output_tokens": 1}}}),
        json!({"type": "ping"}),
    ];
    for (index, (block, deltas)) in blocks.iter().enumerate() {
        events.push(json!({"type": "content_block_start", "index": index,
            "content_block": block}));
        for delta in deltas {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": reason,
        "stop_sequence": null}, "usage": {"output_tokens": 7}}),
    );
    events.push(json!({"type": "message_stop"}));
    events
}

#[test]
fn messages_of_anthropic() {
    let text = |text: &str| json!({"type": "text_delta", "text": text});
    let json = |text: &str| json!({"type": "input_json_delta", "partial_json": text});
    let tool = |id: &str, name: &str| {
        json!({"type": "tool_use", "id": id, "name": name,
        "input": {}})
    };
    let events = message(
        &[
            (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                vec![
                    json!({"type": "thinking_delta", "thinking": "Let "}),
                    json!({"type": "thinking_delta", "thinking": "me see"}),
                    json!({"type": "signature_delta", "signature": "EqQ"}),
                ],
            ),
            (json!({"type": "redacted_thinking", "data": "x"}), vec![]),
            (
                json!({"type": "text", "text": ""}),
                vec![text("I "), text("look.")],
            ),
            (
                tool("toolu_1", "exec_command"),
                vec![json(""), json("{\"cmd\""), json(":\"ls\"}")],
            ),
            (
                tool("toolu_2", "multi_agent_v1__close_agent"),
                vec![json("")],
            ),
        ],
        "tool_use",
    );
    let close = Body::FunctionCall {
        namespace: Some("multi_agent_v1".into()),
        name: "close_agent".into(),
        arguments: "{}".into(),
    };
    let expected = vec![
        Body::reasoning("Let me see"),
        note("I look."),
        function("exec_command", LS),
        close,
    ];
    let read_all = read(&mut reader(Format::Messages), &events);
    assert_eq!(read_all, (expected.clone(), usage(12, 7, 0), false));
    // As a document.
    let document = json!({"type": "message", "role": "assistant", "stop_reason": "tool_use",
        "content": [{"type": "thinking", "thinking": "Let me see", "signature": "E"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "1", "name": "exec_command", "input": {"cmd": "ls"}},
            {"type": "tool_use", "id": "2", "name": "multi_agent_v1__close_agent", "input": {}}],
        "usage": {"input_tokens": 12, "output_tokens": 7}});
    let pieces = reader(Format::Messages).document(document.to_string().as_bytes());
    assert_eq!(whole(pieces.unwrap()), (expected, usage(12, 7, 0), false));
    // Blocks of words are one answer.
    let block = |words: &str| (json!({"type": "text", "text": ""}), vec![text(words)]);
    let events = message(&[block("As it "), block("says.")], "max_tokens");
    let read = read(&mut reader(Format::Messages), &events);
    assert_eq!((read.0, read.2), (vec![answer("As it says.")], true));
}

#[test]
fn messages_whose_calls_come_at_once() {
    let tool = json!({"type": "tool_use", "id": "1", "name": "exec_command",
        "input": {"cmd": "ls"}});
    let events = message(&[(tool, vec![])], "tool_use");
    let items = items(Format::Messages, &codex_tools(), &events);
    assert_eq!(items, [function("exec_command", LS)]);
}

#[test]
fn responses_of_openai() {
    let at = |index: u64, mut event: Value| {
        event["output_index"] = json!(index);
        event
    };
    let reasoning = json!({"type": "reasoning", "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "**Look**"},
            {"type": "summary_text", "text": "Then act"}]});
    let words = |phase: Option<&str>, id: &str, text: &str| {
        let mut item = json!({"type": "message", "id": id, "role": "assistant",
            "content": [{"type": "output_text", "text": text, "annotations": []}]});
        if let Some(phase) = phase {
            item["phase"] = json!(phase);
        }
        item
    };
    let call = json!({"type": "function_call", "id": "fc_1", "call_id": "call_1",
        "name": "exec_command", "arguments": LS, "status": "completed"});
    let events = [
        json!({"type": "response.created", "response": {"status": "in_progress", "output": [],
            "error": null}}),
        at(
            0,
            json!({"type": "response.output_item.added",
            "item": {"type": "reasoning", "id": "rs_1", "summary": []}}),
        ),
        at(
            0,
            json!({"type": "response.reasoning_summary_part.added", "summary_index": 0}),
        ),
        at(
            0,
            json!({"type": "response.reasoning_summary_text.delta", "delta": "**Look**"}),
        ),
        at(
            0,
            json!({"type": "response.reasoning_summary_part.added", "summary_index": 1}),
        ),
        at(
            0,
            json!({"type": "response.reasoning_summary_text.delta", "delta": "Then act"}),
        ),
        at(
            0,
            json!({"type": "response.output_item.done", "item": reasoning}),
        ),
        at(
            1,
            json!({"type": "response.output_item.added",
            "item": {"type": "message", "id": "msg_1", "phase": "final_answer",
                "content": []}}),
        ),
        at(
            1,
            json!({"type": "response.output_text.delta", "item_id": "msg_1",
            "delta": "Oh"}),
        ),
        at(
            1,
            json!({"type": "response.output_text.done", "item_id": "msg_1", "text": "Oh"}),
        ),
        at(
            1,
            json!({"type": "response.output_item.done",
            "item": words(Some("final_answer"), "msg_1", "Oh")}),
        ),
        at(
            2,
            json!({"type": "response.output_item.added",
            "item": {"type": "function_call", "id": "fc_1", "call_id": "call_1",
                "name": "exec_command", "arguments": ""}}),
        ),
        at(
            2,
            json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1",
            "delta": "{\"cmd\":"}),
        ),
        at(
            2,
            json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1",
            "delta": "\"ls\"}"}),
        ),
        at(
            2,
            json!({"type": "response.function_call_arguments.done", "item_id": "fc_1",
            "arguments": LS}),
        ),
        at(
            2,
            json!({"type": "response.output_item.done", "item": call}),
        ),
        // This one was not streamed.
        json!({"type": "response.completed", "response": {"status": "completed",
            "output": [reasoning, words(Some("final_answer"), "msg_1", "Oh"), call,
                words(None, "msg_2", "And")],
            "usage": {"input_tokens": 5, "output_tokens": 6,
                "output_tokens_details": {"reasoning_tokens": 4}}}}),
    ];
    let expected = vec![
        Body::reasoning("**Look**\n\nThen act"),
        answer("Oh"),
        function("exec_command", LS),
        note("And"),
    ];
    let read_all = read(&mut reader(Format::Responses), &events);
    assert_eq!(read_all, (expected, usage(5, 6, 4), false));
}

/// Nothing has a place, what began is told again and again, all is done at the end, and what is cut
/// off is called completed.
#[test]
fn responses_of_llama_cpp() {
    let begun = json!({"type": "response.created",
        "response": {"id": "resp_1", "object": "response", "status": "in_progress"}});
    let message = json!({"type": "message", "id": "msg_1", "role": "assistant",
        "status": "completed", "content": [{"type": "output_text", "text": "I look"}]});
    let call = |number: u8, arguments: &str, status: &str| {
        json!({"type": "function_call", "id": format!("fc_{number}"),
            "call_id": format!("call_{number}"), "name": "exec_command",
            "arguments": arguments, "status": status})
    };
    let delta = |id: &str, delta: &str| json!({"type": "response.function_call_arguments.delta", "item_id": id, "delta": delta});
    let added = |item: Value| json!({"type": "response.output_item.added", "item": item});
    let done = |item: &Value| json!({"type": "response.output_item.done", "item": item});
    let events = |second: &str, tokens: u64| {
        let calls = [call(1, LS, "completed"), call(2, second, "completed")];
        [
            begun.clone(),
            added(json!({"type": "message", "id": "msg_1", "content": [],
                "role": "assistant", "status": "in_progress"})),
            json!({"type": "response.content_part.added", "item_id": "msg_1",
                "part": {"type": "output_text", "text": ""}}),
            json!({"type": "response.output_text.delta", "item_id": "msg_1", "delta": "I "}),
            begun.clone(),
            json!({"type": "response.output_text.delta", "item_id": "msg_1", "delta": "look"}),
            added(call(1, "", "in_progress")),
            delta("fc_1", "{\"cmd\":"),
            delta("fc_1", "\"ls\"}"),
            added(call(2, "", "in_progress")),
            delta("fc_2", second),
            done(&message),
            done(&calls[0]),
            done(&calls[1]),
            json!({"type": "response.completed", "response": {"status": "completed",
                "output": [message, calls[0], calls[1]],
                "usage": {"input_tokens": 5, "output_tokens": tokens}}}),
        ]
    };
    let pwd = "{\"cmd\":\"pwd\"}";
    let mut expected = vec![
        note("I look"),
        function("exec_command", LS),
        function("exec_command", pwd),
    ];
    let answer = read(&mut reader(Format::Responses), &events(pwd, 399));
    assert_eq!(answer, (expected.clone(), usage(5, 399, 0), false));
    // The limit was 400, and half a call is none.
    expected.pop();
    let answer = read(&mut reader(Format::Responses), &events("{\"cmd\":", 400));
    assert_eq!(answer, (expected, usage(5, 400, 0), true));
}

#[test]
fn a_response_that_comes_at_the_end_or_as_a_document() {
    let response = json!({"object": "response", "status": "completed", "error": null,
        "output": [{"type": "reasoning", "summary": [],
            "content": [{"type": "reasoning_text", "text": "Hm"}]},
            {"type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": "Hi"}]}],
        "usage": {"input_tokens": 1, "output_tokens": 2}});
    let expected = (
        vec![Body::reasoning("Hm"), answer("Hi")],
        usage(1, 2, 0),
        false,
    );
    let completed = json!({"type": "response.completed", "response": response});
    let read_all = read(&mut reader(Format::Responses), &[completed]);
    assert_eq!(read_all, expected);
    let pieces = reader(Format::Responses).document(response.to_string().as_bytes());
    assert_eq!(whole(pieces.unwrap()), expected);
    // Cut off.
    let mut response = response;
    response["status"] = json!("incomplete");
    let incomplete = json!({"type": "response.incomplete", "response": response});
    assert!(read(&mut reader(Format::Responses), &[incomplete]).2);
}

/// What this program itself writes for an agent, another one of it reads.
#[test]
fn answers_of_this_program_come_back() {
    use crate::api::{Ending, Reply, ResponseWriter, chat, messages, responses};

    let said = vec![
        Body::reasoning("Hm\nso"),
        note("I look\n"),
        function("exec_command", LS),
        function("multi_agent_v1__close_agent", "{}"),
    ];
    let mut expected = said.clone();
    expected[3] = Body::FunctionCall {
        namespace: Some("multi_agent_v1".into()),
        name: "close_agent".into(),
        arguments: "{}".into(),
    };
    for format in [Format::Responses, Format::Chat, Format::Messages] {
        let mut count = 0;
        let ids = Box::new(move |prefix: &str| {
            count += 1;
            format!("{prefix}_{count}")
        });
        let agent = request(
            Format::Responses,
            &json!({"model": "m", "input": "hi", "tools": codex_tools()}),
        );
        let mut asked = ask(&agent, format).write();
        let asked_for = format.parse(&asked.body, &Interner::default()).unwrap();
        let mut writer: Box<dyn ResponseWriter> = match format {
            Format::Chat => Box::new(chat::ChatWriter::new(&asked_for, 1, ids)),
            Format::Messages => Box::new(messages::MessagesWriter::new(&asked_for, ids)),
            _ => Box::new(responses::ResponsesWriter::new(&asked_for, 1, ids)),
        };
        let end = Reply::End {
            items: said.clone(),
            ending: Ending::Completed,
        };
        let mut frames = writer.start();
        frames.push(writer.heartbeat());
        let counted = Usage {
            input: 3,
            output: 2,
            reasoning: 0,
        };
        frames.extend(writer.reply(&end, 1, Some(counted)));
        let mut pieces = Vec::new();
        for frame in frames {
            pieces.extend(asked.reader.event(frame.event, &frame.data).unwrap());
        }
        assert!(asked.reader.is_done());
        assert_eq!(
            whole(pieces),
            (expected.clone(), Some(counted), false),
            "{format:?}"
        );
    }
}

#[test]
fn what_is_said_again_of_a_beginning_is_dropped() {
    let begun = "Once upon a time there was";
    let request = request(Format::Responses, &json!({"model": "m", "input": "hi"}));
    let goes_on = |format, continuing, deltas: &[&str]| {
        let mut asked = DraftContext {
            continues: Some(begun),
            continuing,
            ..ask(&request, format)
        }
        .write();
        let deltas: Vec<Value> = deltas.iter().map(|text| json!({"content": text})).collect();
        read(&mut asked.reader, &chat(&deltas, "stop")).0
    };
    let words = |deltas: &[&str]| goes_on(Format::Chat, Continuing::Words, deltas);
    assert_eq!(
        words(&["Once upon", " a time there was", " a fox."]),
        [answer(" a fox.")]
    );
    assert_eq!(words(&[" a", " fox."]), [answer(" a fox.")]);
    assert_eq!(words(&["Once", " more."]), [answer("Once more.")]);
    assert_eq!(words(&["Once"]), [answer("Once")]);
    // What goes on at once begins with whatever it begins with.
    let prefill = |deltas: &[&str]| goes_on(Format::Chat, Continuing::Prefill, deltas);
    assert_eq!(prefill(&["\n\n", " a fox."]), [answer("\n\n a fox.")]);
}
