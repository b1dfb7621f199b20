//! Requests that leave nothing but one call: the form of it is there, and never in the way.

use crate::support::screen::*;
use humanllm::api::{Interner, chat, messages};
use serde_json::{Value, json};

/// A request that wants a call of one tool out of two.
fn forced(prompt: &str) -> Value {
    let choice = json!({"tool_choice": {"type": "function", "name": "get_weather"}});
    offering(prompt, &[exec_command(), weather()], choice)
}

fn fill_in(desk: &mut Desk, client: &mut Client) {
    desk.sees("[Call tool]");
    desk.sees("› city*");
    desk.write("Kyoto");
    desk.press("Enter");
    desk.write("3");
    desk.press("Enter");
    let call = one(r#"{"city":"Kyoto","days":3}"#, "call");
    assert_eq!(said(&desk.hear(client)), call);
}

#[test]
fn the_form_of_the_only_call_opens_with_the_request() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&forced("Will it rain?"));
    fill_in(&mut desk, &mut client);

    let required = json!({"tool_choice": "required"});
    let mut client = desk.ask(&offering("And there?", &[weather()], required));
    fill_in(&mut desk, &mut client);

    let tool = weather();
    let body = json!({"model": "human", "messages": [{"role": "user", "content": "Rain?"}],
        "tools": [{"type": "function", "function": tool}],
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}}});
    let request = chat::parse(body.to_string().as_bytes(), &Interner::default()).unwrap();
    let mut client = desk.open(request, None);
    fill_in(&mut desk, &mut client);

    let body = json!({"model": "human", "max_tokens": 1000,
        "messages": [{"role": "user", "content": "Rain?"}],
        "tools": [{"name": "get_weather", "input_schema": tool["parameters"]}],
        "tool_choice": {"type": "tool", "name": "get_weather"}});
    let request = messages::parse(body.to_string().as_bytes(), &Interner::default()).unwrap();
    let mut client = desk.open(request, None);
    fill_in(&mut desk, &mut client);
}

#[test]
fn words_that_are_typed_already_are_left_alone_and_one_key_opens_the_form() {
    let mut desk = Desk::new(NORMAL);
    desk.write("Hello");
    let mut client = desk.ask(&forced("Will it rain?"));
    desk.press("Alt+N");
    desk.sees("│ Will it rain?");
    desk.sees("[Send]");
    assert_eq!(desk.text(), "Hello");
    desk.press("Alt+I");
    fill_in(&mut desk, &mut client);
    assert_eq!(desk.text(), "Hello", "they are still there");
}

#[test]
fn esc_leaves_the_form_and_it_does_not_come_back_by_itself() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&forced("Will it rain?"));
    let _other = desk.ask(&plain("Hello"));
    desk.press("Esc");
    desk.sees("[Send]");
    desk.sees("Alt+I call form");
    desk.press("Alt+N");
    desk.sees("│ Hello");
    desk.press("F2");
    desk.misses("✎");
    desk.press("F2 Alt+N");
    desk.sees("│ Will it rain?");
    desk.sees("[Send]");
    desk.press("Alt+I");
    fill_in(&mut desk, &mut client);
}

#[test]
fn where_several_may_be_called_one_key_lists_them() {
    let mut desk = Desk::new(NORMAL);
    let tools = [exec_command(), weather()];
    let required = json!({"tool_choice": "required"});
    let mut client = desk.ask(&offering("Go.", &tools, required));
    desk.sees("[Send]");
    desk.press("Alt+I");
    desk.sees("call tool");
    desk.write("weat");
    desk.press("Enter");
    fill_in(&mut desk, &mut client);
}

#[test]
fn a_form_that_nobody_touched_goes_with_its_request() {
    let mut desk = Desk::new(NORMAL);
    let client = desk.ask(&forced("Will it rain?"));
    desk.sees("› city*");
    desk.hang_up(client);
    desk.sees("[Send]");
    // The person is idle, so what comes in opens, and its form with it.
    let client = desk.ask(&forced("Will it snow?"));
    desk.sees("│ Will it snow?");
    desk.sees("› city*");
    desk.write("Oslo");
    desk.hang_up(client);
    // What was typed is a draft, and is there when the client comes back.
    let mut client = desk.ask(&forced("Will it snow?"));
    desk.sees("city* Oslo");
    desk.press("Enter");
    desk.write("1");
    desk.press("Enter");
    let call = one(r#"{"city":"Oslo","days":1}"#, "call");
    assert_eq!(said(&desk.hear(&mut client)), call);
}

#[test]
fn the_form_of_a_request_that_stood_in_line_opens_after_the_first() {
    let mut desk = Desk::new(NORMAL);
    let in_thread = |mut body: Value| {
        body["prompt_cache_key"] = json!("thread");
        body
    };
    let mut first = desk.ask(&in_thread(plain("Hello")));
    let mut second = desk.ask(&in_thread(forced("Will it rain?")));
    desk.sees("[Send]");
    desk.write("Good morning");
    desk.press("Enter");
    assert_eq!(
        said(&desk.hear(&mut first)),
        one("Good morning", "final_answer")
    );
    fill_in(&mut desk, &mut second);
}
