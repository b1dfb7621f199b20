//! Fixtures for aimock (<https://github.com/CopilotKit/aimock>, as version 1.43 reads them), a mock server
//! with integrations for JavaScript test runners.
//!
//! A fixture is a pattern for requests and one response. It has no times, no replies before the end of the
//! response, and only calls of functions.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{RecordedTurn, Recording};
use crate::api::{Body, ContentPart, Ending, Format, Item, Reply, Request};

/// The fixtures for a recording.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fixtures {
    /// The contents of the file.
    pub document: Value,
    /// What fixtures cannot express and was left out, for people.
    pub(crate) warnings: Vec<String>,
}

/// Makes the fixtures for a recording.
pub(crate) fn fixtures(recording: &Recording) -> Fixtures {
    let mut left_out = Vec::new();
    let mut all: Vec<Value> = Vec::new();
    // By conversation, the number of assistant messages that aimock counts in the next request.
    let mut counts: HashMap<i64, usize> = HashMap::new();
    for turn in &recording.turns {
        let answered = match answer(turn) {
            Ok(answered) => answered,
            Err(words) => {
                left_out.push(format!("request {}: {words}", turn.number));
                continue;
            }
        };
        let first = || assistant_messages(&turn.request);
        let count = counts.entry(turn.conversation).or_insert_with(first);
        all.push(
            json!({"match": match_fields(&turn.request, *count), "response": answered.response}),
        );
        *count += match turn.request.format {
            Format::Responses | Format::Compaction => answered.items,
            Format::Chat | Format::Messages => usize::from(answered.items > 0),
        };
        let lost = answered.warnings.into_iter();
        left_out.extend(lost.map(|words| format!("request {}: {words}", turn.number)));
    }
    number_duplicates(&mut all);
    Fixtures {
        document: json!({"fixtures": all}),
        warnings: left_out,
    }
}

/// Numbers fixtures with the same pattern, so that aimock uses them in order.
fn number_duplicates(fixtures: &mut [Value]) {
    let mut seen: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, fixture) in fixtures.iter().enumerate() {
        let same = seen.entry(fixture["match"].to_string()).or_default();
        same.push(index);
    }
    for same in seen.into_values().filter(|same| same.len() > 1) {
        for (number, index) in same.into_iter().enumerate() {
            fixtures[index]["match"]["sequenceIndex"] = json!(number);
        }
    }
}

fn match_fields(request: &Request, count: usize) -> Value {
    let mut fields = Map::new();
    let prompt = request.prompts().next_back();
    let mut texts = prompt
        .into_iter()
        .flat_map(|item| item.content().iter().rev());
    let text = texts.find_map(ContentPart::words);
    if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
        fields.insert("userMessage".into(), json!(text));
    }
    fields.insert("turnIndex".into(), json!(count));
    fields.insert("hasToolResult".into(), json!(has_result(request)));
    Value::Object(fields)
}

/// Whether a tool output follows the last user message.
fn has_result(request: &Request) -> bool {
    let user = |item: &Arc<Item>| item.role() == Some("user");
    let Some(last) = request.items.iter().rposition(user) else {
        return request.items.iter().any(|item| item.output_of().is_some());
    };
    // One message of the wire format may hold both, in either order.
    let same = request.items[last].shared_raw();
    let mut items = request.items.iter().enumerate();
    items.any(|(index, item)| {
        item.output_of().is_some() && (index > last || Arc::ptr_eq(item.shared_raw(), same))
    })
}

/// The number of assistant messages in a request.
fn assistant_messages(request: &Request) -> usize {
    let items = request.items.iter().filter(|item| item.is_from_model());
    let is_message = |item: &&Arc<Item>| !matches!(item.said(), Some(Body::Reasoning { .. }));
    items
        .filter(is_message)
        .filter(|item| item.begins_text())
        .count()
}

struct FixtureResponse {
    response: Value,
    /// The number of messages and calls.
    items: usize,
    warnings: Vec<String>,
}

fn answer(turn: &RecordedTurn) -> Result<FixtureResponse, String> {
    if !turn.is_answered() {
        return Err("it has no answer".into());
    }
    let mut blocks: Vec<Value> = Vec::new();
    let mut thoughts = Vec::new();
    let mut lost = Vec::new();
    for said in turn.replies() {
        if let Reply::Live { delta, .. } = &said.reply {
            add_text(&mut blocks, delta, false);
        }
        for item in said.reply.items() {
            match item {
                Body::Message { .. } => add_text(&mut blocks, &item.words(), true),
                Body::Reasoning { .. } => thoughts.push(item.words().into_owned()),
                Body::FunctionCall { arguments, .. } => {
                    let name = item.tool_name().unwrap_or_default();
                    let call = json!({"type": "toolCall", "name": name, "arguments": arguments});
                    blocks.push(call);
                }
                Body::CustomToolCall { .. }
                | Body::LocalShellCall { .. }
                | Body::ShellCall { .. } => {
                    let name = item.tool_name().unwrap_or_default();
                    lost.push(format!("a call of {name}, which is no function"));
                }
            }
        }
        if let Reply::End {
            ending: Ending::Failed { code, message },
            ..
        } = &said.reply
        {
            let error = json!({"message": message, "type": "invalid_request_error",
                "code": code.as_str()});
            return Ok(FixtureResponse {
                response: json!({"error": error, "status": 400}),
                items: 0,
                warnings: lost,
            });
        }
    }
    let items = blocks.len();
    let mut response = response(blocks);
    if !thoughts.is_empty() {
        response.insert("reasoning".into(), json!(thoughts.join("\n")));
    }
    Ok(FixtureResponse {
        response: Value::Object(response),
        items,
        warnings: lost,
    })
}

/// Appends text to the last text block, on a new line if it is a new message.
fn add_text(blocks: &mut Vec<Value>, text: &str, is_new: bool) {
    let last = blocks
        .last_mut()
        .and_then(|block| match block.get_mut("text") {
            Some(Value::String(text)) => Some(text),
            _ => None,
        });
    match last {
        Some(last) => {
            if is_new && !last.ends_with('\n') {
                last.push('\n');
            }
            last.push_str(text);
        }
        None => blocks.push(json!({"type": "text", "text": text})),
    }
}

fn response(blocks: Vec<Value>) -> Map<String, Value> {
    let (texts, calls): (Vec<&Value>, Vec<&Value>) =
        blocks.iter().partition(|block| block["type"] == "text");
    let calls: Vec<Value> = calls
        .into_iter()
        .map(|call| json!({"name": call["name"], "arguments": call["arguments"]}))
        .collect();
    let words: Vec<&str> = texts
        .iter()
        .filter_map(|block| block["text"].as_str())
        .collect();
    let mut response = Map::new();
    if calls.is_empty() || !words.is_empty() {
        response.insert("content".into(), json!(words.join("\n")));
    }
    if !calls.is_empty() {
        response.insert("toolCalls".into(), json!(calls));
    }
    // Text before calls is the default order, which needs no blocks.
    let is_in_order =
        words.len() <= 1 && blocks.first().is_some_and(|first| first["type"] == "text");
    if !words.is_empty() && !calls.is_empty() && !is_in_order {
        response.insert("blocks".into(), json!(blocks));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Interner, Phase};
    use crate::inbox::ReplyContent;
    use crate::journal::{SaidState, TurnState};
    use crate::recording::JournalReply;

    fn turn(number: usize, items: Value, said: &[&[ReplyContent]]) -> RecordedTurn {
        let body = json!({"model": "m", "input": items}).to_string();
        let rows = (0..).zip(said).flat_map(|(ticket, words)| {
            words.iter().map(move |words| JournalReply {
                at: 0,
                ticket,
                state: SaidState::Delivered,
                content: words.clone(),
                typed: String::new(),
            })
        });
        RecordedTurn {
            number,
            conversation: 1,
            request: Format::Responses
                .parse(body.as_bytes(), &Interner::default())
                .unwrap(),
            arrived: 0,
            state: if said.is_empty() {
                TurnState::Gone
            } else {
                TurnState::Answered
            },
            rows: rows.collect(),
        }
    }

    #[test]
    fn a_session_becomes_a_fixture_for_each_request() {
        let user = json!({"role": "user", "content": "List the files"});
        let call = Body::FunctionCall {
            namespace: None,
            name: "exec_command".into(),
            arguments: r#"{"cmd":"ls"}"#.into(),
        };
        let note = Body::message("One moment", Phase::Commentary);
        let answer = Body::message("There are two", Phase::FinalAnswer);
        let later = json!([user, {"role": "assistant", "content": "One moment"},
            {"type": "function_call", "name": "exec_command", "arguments": "{}", "call_id": "c"},
            {"type": "function_call_output", "call_id": "c", "output": "a b"}]);
        let thought = ReplyContent::Item(Body::reasoning("Hm"));
        let [note, call, answer] = [note, call, answer].map(ReplyContent::Item);
        let recording = Recording {
            conversations: Vec::new(),
            turns: vec![
                turn(1, json!([user]), &[&[note], &[call]]),
                turn(2, later, &[&[thought, answer]]),
                turn(
                    3,
                    json!("Again"),
                    &[&[ReplyContent::Rejection("No".into())]],
                ),
                turn(4, json!("Gone"), &[]),
            ],
        };
        let Fixtures {
            document,
            warnings: left_out,
        } = fixtures(&recording);
        assert_eq!(
            document,
            json!({"fixtures": [
                {"match": {"userMessage": "List the files", "turnIndex": 0, "hasToolResult": false},
                    "response": {"content": "One moment", "toolCalls":
                        [{"name": "exec_command", "arguments": "{\"cmd\":\"ls\"}"}]}},
                {"match": {"userMessage": "List the files", "turnIndex": 2, "hasToolResult": true},
                    "response": {"content": "There are two", "reasoning": "Hm"}},
                {"match": {"userMessage": "Again", "turnIndex": 3, "hasToolResult": false},
                    "response": {"error": {"message": "No", "type": "invalid_request_error",
                        "code": "invalid_prompt"}, "status": 400}},
            ]})
        );
        assert_eq!(left_out, ["request 4: it has no answer"]);
    }

    #[test]
    fn what_is_asked_twice_is_answered_in_order() {
        let say = |words: &str| [ReplyContent::Item(Body::message(words, Phase::FinalAnswer))];
        let mut second = turn(1, json!("Hello"), &[&say("two")]);
        second.conversation = 2;
        let recording = Recording {
            conversations: Vec::new(),
            turns: vec![turn(1, json!("Hello"), &[&say("one")]), second],
        };
        let document = fixtures(&recording).document;
        let numbers = [0, 1].map(|at| document["fixtures"][at]["match"]["sequenceIndex"].clone());
        assert_eq!(numbers, [json!(0), json!(1)]);
    }
}
