//! Requests that leave nothing but one call: the form of it is there, and never in the way.

use crate::support::tui::*;
use humanllm::api::{Interner, chat, messages};
use serde_json::{Value, json};

/// A request that wants a call of one tool out of two.
fn forced(prompt: &str) -> Value {
    let choice = json!({"tool_choice": {"type": "function", "name": "get_weather"}});
    request_with_tools(prompt, &[exec_command(), weather()], choice)
}

fn fill_in(tui: &mut TestTui, client: &mut Client) {
    tui.sees("[Call tool]");
    tui.sees("› city*");
    tui.type_text("Kyoto");
    tui.press("Enter");
    tui.type_text("3");
    tui.press("Enter");
    let call = one_item(r#"{"city":"Kyoto","days":3}"#, "call");
    assert_eq!(items_of(&tui.receive(client)), call);
}

#[test]
fn the_form_of_the_only_call_opens_with_the_request() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&forced("Will it rain?"));
    fill_in(&mut tui, &mut client);

    let required = json!({"tool_choice": "required"});
    let mut client = tui.ask(&request_with_tools("And there?", &[weather()], required));
    fill_in(&mut tui, &mut client);

    let tool = weather();
    let body = json!({"model": "human", "messages": [{"role": "user", "content": "Rain?"}],
        "tools": [{"type": "function", "function": tool}],
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}}});
    let request = chat::parse(body.to_string().as_bytes(), &Interner::default()).unwrap();
    let mut client = tui.open(request, None);
    fill_in(&mut tui, &mut client);

    let body = json!({"model": "human", "max_tokens": 1000,
        "messages": [{"role": "user", "content": "Rain?"}],
        "tools": [{"name": "get_weather", "input_schema": tool["parameters"]}],
        "tool_choice": {"type": "tool", "name": "get_weather"}});
    let request = messages::parse(body.to_string().as_bytes(), &Interner::default()).unwrap();
    let mut client = tui.open(request, None);
    fill_in(&mut tui, &mut client);
}

#[test]
fn words_that_are_typed_already_are_left_alone_and_one_key_opens_the_form() {
    let mut tui = TestTui::new(NORMAL);
    tui.type_text("Hello");
    let mut client = tui.ask(&forced("Will it rain?"));
    tui.press("Alt+N");
    tui.sees("│ Will it rain?");
    tui.sees("[Send]");
    assert_eq!(tui.text(), "Hello");
    tui.press("Alt+I");
    fill_in(&mut tui, &mut client);
    assert_eq!(tui.text(), "Hello", "they are still there");
}

#[test]
fn esc_leaves_the_form_and_it_does_not_come_back_by_itself() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&forced("Will it rain?"));
    let _other = tui.ask(&plain_request("Hello"));
    tui.press("Esc");
    tui.sees("[Send]");
    tui.sees("Alt+I call form");
    tui.press("Alt+N");
    tui.sees("│ Hello");
    tui.press("F2");
    tui.misses("✎");
    tui.press("F2 Alt+N");
    tui.sees("│ Will it rain?");
    tui.sees("[Send]");
    tui.press("Alt+I");
    fill_in(&mut tui, &mut client);
}

#[test]
fn where_several_may_be_called_one_key_lists_them() {
    let mut tui = TestTui::new(NORMAL);
    let tools = [exec_command(), weather()];
    let required = json!({"tool_choice": "required"});
    let mut client = tui.ask(&request_with_tools("Go.", &tools, required));
    tui.sees("[Send]");
    tui.press("Alt+I");
    tui.sees("call tool");
    tui.type_text("weat");
    tui.press("Enter");
    fill_in(&mut tui, &mut client);
}

#[test]
fn a_form_that_nobody_touched_goes_with_its_request() {
    let mut tui = TestTui::new(NORMAL);
    let client = tui.ask(&forced("Will it rain?"));
    tui.sees("› city*");
    tui.hang_up(client);
    tui.sees("[Send]");
    // The person is idle, so what comes in opens, and its form with it.
    let client = tui.ask(&forced("Will it snow?"));
    tui.sees("│ Will it snow?");
    tui.sees("› city*");
    tui.type_text("Oslo");
    tui.hang_up(client);
    // What was typed is a draft, and is there when the client comes back.
    let mut client = tui.ask(&forced("Will it snow?"));
    tui.sees("city* Oslo");
    tui.press("Enter");
    tui.type_text("1");
    tui.press("Enter");
    let call = one_item(r#"{"city":"Oslo","days":1}"#, "call");
    assert_eq!(items_of(&tui.receive(&mut client)), call);
}

#[test]
fn the_form_of_a_request_that_stood_in_line_opens_after_the_first() {
    let mut tui = TestTui::new(NORMAL);
    let in_thread = |mut body: Value| {
        body["prompt_cache_key"] = json!("thread");
        body
    };
    let mut first = tui.ask(&in_thread(plain_request("Hello")));
    let mut second = tui.ask(&in_thread(forced("Will it rain?")));
    tui.sees("[Send]");
    tui.type_text("Good morning");
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut first)),
        one_item("Good morning", "final_answer")
    );
    fill_in(&mut tui, &mut second);
}
