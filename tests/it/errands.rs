//! What agents ask beside the person's own turns, and what they put around it, as the person sees it. The
//! requests have the shapes of Claude Code, aider and qwen-code.

use crate::support::tui::{Client, MIDDLE, NORMAL, TestTui};
use humanllm::agents::{AutoAnswered, Caller, Housekeeping};
use humanllm::api::{Body, Format, Interner, Reply};
use serde_json::{Value, json};

/// An agent asks, as the server hands it on.
fn ask(tui: &mut TestTui, format: Format, body: &Value, answered: AutoAnswered) -> Client {
    let mut request = format
        .parse(body.to_string().as_bytes(), &Interner::default())
        .expect("a request");
    let session = |name: &str| (name == "x-session-id").then_some("s");
    Caller::of(session).identify(&mut request);
    let housekeeping = Housekeeping::of(&request, &answered);
    tui.open(request, housekeeping)
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// A request of Claude Code.
fn claude(told: &str, messages: Value, more: Value) -> Value {
    let mut body = json!({"model": "claude", "max_tokens": 64_000, "messages": messages, "tools": [],
        "system": [
            text("x-anthropic-billing-header: cc_version=2.1.197.8a5; cc_entrypoint=cli;"),
            text("You are Claude Code."),
            text(told)]});
    let fields = more.as_object().expect("fields").clone();
    body.as_object_mut().expect("fields").extend(fields);
    body
}

fn said(replies: Vec<Reply>) -> String {
    let [reply] = replies.as_slice() else {
        panic!("{replies:?}");
    };
    let words = reply.items().iter().map(Body::words);
    words.collect()
}

/// Whether words are on the screen, and not only in the line of something folded.
fn is_open(tui: &TestTui, words: &str) -> bool {
    let screen = tui.screen();
    let mut shown = screen.lines().filter(|line| line.contains(words));
    shown.any(|line| !line.contains('▸'))
}

#[test]
fn a_title_never_stands_before_the_prompt_that_comes_after_it() {
    let title = claude(
        "You are naming a coding session so that it is found in a list.",
        json!([{"role": "user", "content": [text("<session>\nFix the parser\n</session>")]}]),
        json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object",
            "properties": {"title": {"type": "string"}}, "required": ["title"],
            "additionalProperties": false}}}}),
    );
    let prompt = claude(
        "\nYou help.",
        json!([{"role": "user", "content": [text("Fix the parser")]}]),
        json!({"stream": true}),
    );
    for answered in [AutoAnswered::default(), AutoAnswered::NONE] {
        let mut tui = TestTui::new(MIDDLE);
        let mut named = ask(&mut tui, Format::Messages, &title, answered);
        assert_eq!((tui.title(), tui.bells()), ("", 0));
        tui.sees("thread title");
        let mut asked = ask(&mut tui, Format::Messages, &prompt, answered);
        assert_eq!((tui.title(), tui.bells()), ("Fix the parser", 1));
        tui.type_text("Done");
        tui.press("Enter");
        assert_eq!(said(tui.receive(&mut asked)), "Done");
        let named = tui.receive(&mut named);
        match answered == AutoAnswered::NONE {
            true => assert!(named.is_empty()),
            false => assert_eq!(said(named), r#"{"title":"Fix the parser"}"#),
        }
    }
}

#[test]
fn a_permission_check_is_answered_with_one_key_and_by_nobody_else() {
    let check = claude(
        "You are a security monitor for autonomous AI coding agents. Judge the last action.",
        json!([{"role": "user", "content": [text("<transcript>\n"), text("{\"user\":\"clean up\"}\n"),
            text("{\"Bash\":\"rm -rf target\"}\n"), text("</transcript>\n"),
            text("\nBlock it if any rule could apply. Begin with <block>.")]}]),
        json!({"max_tokens": 64, "stop_sequences": ["</block>"]}),
    );
    for (key, answer) in [
        ("Alt+1", "<block>no</block>"),
        ("Alt+2", "<block>yes</block>"),
    ] {
        let mut tui = TestTui::new(MIDDLE);
        let all = AutoAnswered {
            commit_messages: true,
            ..AutoAnswered::default()
        };
        let mut client = ask(&mut tui, Format::Messages, &check, all);
        assert!(
            tui.receive(&mut client).is_empty(),
            "it was decided by itself"
        );
        tui.sees(r#"permission check: {"Bash":"rm -rf target"}"#);
        tui.sees("Alt+1 allows it · Alt+2 blocks it");
        tui.type_text("Hm");
        tui.press(key);
        tui.sees("send or clear what is typed first");
        tui.press("Backspace Backspace");
        tui.press(key);
        assert_eq!(said(tui.receive(&mut client)), answer);
    }
    let mut tui = TestTui::new(MIDDLE);
    let other = claude(
        "\nYou help.",
        json!([{"role": "user", "content": "Hi"}]),
        json!({}),
    );
    let mut client = ask(&mut tui, Format::Messages, &other, AutoAnswered::NONE);
    tui.press("Alt+1");
    tui.sees("nothing asks for leave here");
    assert!(tui.receive(&mut client).is_empty());
    // The two are also what a draft begins with.
    let _check = ask(&mut tui, Format::Messages, &check, AutoAnswered::NONE);
    tui.press("Alt+N Alt+I");
    assert_eq!(tui.text(), "<block>no</block>");
    tui.press("Alt+I");
    assert_eq!(tui.text(), "<block>yes</block>");
}

#[test]
fn summaries_and_commit_messages_have_drafts() {
    let mut tui = TestTui::new(NORMAL);
    let wish =
        "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\n<analysis>, then <summary>.";
    let compact = claude(
        "\nYou help.",
        json!([{"role": "user", "content": [text("Fix the parser")]},
            {"role": "assistant", "content": "It is fixed."},
            {"role": "user", "content": [text(wish)]}]),
        json!({"stream": true}),
    );
    let mut client = ask(
        &mut tui,
        Format::Messages,
        &compact,
        AutoAnswered::default(),
    );
    assert_eq!(tui.title(), "Fix the parser");
    tui.sees("Alt+I drafts it");
    tui.press("Alt+I");
    let draft = tui.text();
    assert!(
        draft.starts_with("<summary>\nThe user asked:\n- Fix the parser"),
        "{draft}"
    );
    assert!(draft.ends_with("It is fixed.\n</summary>"), "{draft}");
    tui.press("Enter");
    assert_eq!(said(tui.receive(&mut client)), draft);

    let commit = json!({"model": "m", "messages": [
        {"role": "system", "content": "You are an expert software engineer that generates concise, \
            one-line Git commit messages based on the provided diffs."},
        {"role": "user", "content": "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n"}]});
    let mut client = ask(&mut tui, Format::Chat, &commit, AutoAnswered::default());
    tui.sees("Expected: a commit message · Alt+I drafts it");
    tui.press("Alt+I Enter");
    assert_eq!(said(tui.receive(&mut client)), "chore: update a.py");
}

#[test]
fn what_agents_add_is_one_line_each_and_what_is_new_is_open() {
    let mut tui = TestTui::new(MIDDLE);
    let reminder = "<system-reminder>\nIt is Tuesday.\nThis may matter.\n</system-reminder>\n";
    let command = "<local-command-stdout>\nSet model\n</local-command-stdout>";
    let first = json!([
        {"role": "user", "content": [text(reminder), text(command), text("Fix the parser\nand test it")]},
        {"role": "system", "content": "Available agent types:\n- none of them"}]);
    let mut client = ask(
        &mut tui,
        Format::Messages,
        &claude(
            "\nYou help.\nA lot.",
            first.clone(),
            json!({"stream": true}),
        ),
        AutoAnswered::default(),
    );
    tui.sees("and test it");
    for folded in ["This may matter.", "Set model", "none of them", "A lot."] {
        assert!(!is_open(&tui, folded), "{folded}: {}", tui.screen());
    }
    let headers = tui
        .screen()
        .lines()
        .filter(|line| line.contains("▸ "))
        .count();
    assert!(headers >= 5, "{}", tui.screen());
    tui.type_text("One moment");
    tui.press("Enter");
    tui.receive(&mut client);

    // The result of a tool in the name of the system.
    let mut next = first.as_array().expect("messages").clone();
    next.extend([
        json!({"role": "assistant", "content": "One moment"}),
        json!({"role": "system", "content": "Tool result:\n2 passed"}),
        json!({"role": "user", "content": [text(reminder)]}),
    ]);
    let asked = claude("\nYou help.\nA lot.", json!(next), json!({"stream": true}));
    let mut client = ask(&mut tui, Format::Messages, &asked, AutoAnswered::default());
    tui.sees("2 passed");
    assert!(!is_open(&tui, "This may matter."), "{}", tui.screen());
    tui.type_text("Two passed");
    tui.press("Enter");
    tui.receive(&mut client);

    // What a sub-agent found, which is all that there is to answer.
    let found = "<system-reminder>\nA task has ended:\nthree words\n</system-reminder>";
    next.extend([
        json!({"role": "assistant", "content": "Two passed"}),
        json!({"role": "user", "content": [text(found)]}),
    ]);
    let asked = claude("\nYou help.\nA lot.", json!(next), json!({"stream": true}));
    let _client = ask(&mut tui, Format::Messages, &asked, AutoAnswered::default());
    assert!(is_open(&tui, "three words"), "{}", tui.screen());

    // Example turns are folded, whoever speaks in them.
    let mut tui = TestTui::new(MIDDLE);
    let message = |role: &str, text: &str| json!({"role": role, "content": text});
    let aider = json!({"model": "m", "messages": [
        message("system", "Act as an expert developer."),
        message("user", "Change the greeting\nof the program"),
        message("assistant", "greeting.py\nis changed"),
        message("user", "I switched to a new code base. Forget it.\nAll of it."),
        message("assistant", "Ok.\nGone."),
        message("user", "I have *added these files to the chat*.\na.py"),
        message("assistant", "Ok, any changes I propose\nwill be to those files."),
        message("user", "Add a test\nnow"),
    ]});
    let _client = ask(&mut tui, Format::Chat, &aider, AutoAnswered::default());
    assert_eq!(tui.title(), "Add a test");
    assert!(is_open(&tui, "now"), "{}", tui.screen());
    for folded in [
        "is changed",
        "Gone.",
        "will be to those files.",
        "of the program",
    ] {
        assert!(!is_open(&tui, folded), "{folded}: {}", tui.screen());
    }
}
