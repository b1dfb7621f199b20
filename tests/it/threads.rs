//! Which requests are one conversation: by the ids that agents send, and for agents that send none by
//! what was said to them. The shapes are those of Claude Code, opencode, aider, qwen-code and of programs
//! that evaluate many prompts.

use std::thread::JoinHandle;

use crate::support::server::{TestServer, answer, note, rejection};
use humanllm::api::{Body, Ending, Phase, Reply};
use humanllm::inbox::{Change, Conversation, ConversationId};
use serde_json::{Value, json};

type Headers = &'static [(&'static str, &'static str)];

const CLAUDE: Headers = &[
    ("user-agent", "claude-cli/2.1.197 (external, cli)"),
    ("x-claude-code-session-id", "5cf0ab97"),
];
const CLAUDE_AGENT: Headers = &[
    ("user-agent", "claude-cli/2.1.197 (external, cli)"),
    ("x-claude-code-session-id", "5cf0ab97"),
    ("x-claude-code-agent-id", "a3d6bf26"),
];
const CHAT: &str = "/v1/chat/completions";
const LITELLM: Headers = &[("user-agent", "litellm/1.75.0")];

/// A client of its own for each request, so that any number may be open.
fn ask(
    server: &TestServer,
    path: &'static str,
    headers: Headers,
    body: Value,
) -> JoinHandle<(u16, Value)> {
    let client = server.client.clone();
    std::thread::spawn(move || client.post_json(path, headers, &body))
}

/// Has a person answer a request, and tells where it came up.
fn exchange(
    server: &mut TestServer,
    (path, headers, body): (&'static str, Headers, Value),
    reply: Reply,
) -> (ConversationId, Value) {
    let asked = ask(server, path, headers, body);
    let id = server.next_request();
    server.reply(id, reply).expect("somebody waits");
    let (_, response) = asked.join().expect("a response");
    server.wait_delivery();
    (id, response)
}

fn call(name: &str, arguments: Value) -> Reply {
    Reply::End {
        items: vec![Body::FunctionCall {
            namespace: None,
            name: name.into(),
            arguments: arguments.to_string(),
        }],
        ending: Ending::Completed,
    }
}

fn conversation(server: &TestServer, id: ConversationId) -> &Conversation {
    server.inbox.get(id).expect("it is listed")
}

/// What the person has not seen yet of a conversation, in the words of its items.
fn new_of(server: &TestServer, id: ConversationId) -> Vec<String> {
    let conversation = conversation(server, id);
    let new = &conversation.items()[conversation.new_from()..];
    new.iter().map(|item| item.text()).collect()
}

/// A request of Claude Code with this conversation.
fn claude(told: &str, messages: Value, tools: bool) -> (&'static str, Headers, Value) {
    let tools = match tools {
        true => json!([{"name": "Bash", "input_schema": {"type": "object",
            "properties": {"command": {"type": "string"}}, "required": ["command"]}}]),
        false => json!([]),
    };
    let body = json!({"model": "claude", "max_tokens": 64_000, "messages": messages, "tools": tools,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.8a5; cc_entrypoint=cli;"},
            {"type": "text", "text": "You are Claude Code."},
            {"type": "text", "text": told}],
        "metadata": {"user_id": json!({"device_id": "d", "session_id": "5cf0ab97"}).to_string()}});
    ("/v1/messages?beta=true", CLAUDE, body)
}

const HELP: &str = "\nYou help with software.";

fn prompt(text: &str) -> Value {
    json!({"role": "user", "content": [
        {"type": "text", "text": "<system-reminder>\nIt is Tuesday.\n</system-reminder>\n\n"},
        {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]})
}

fn message(role: &str, text: &str) -> Value {
    json!({"role": role, "content": text})
}

#[test]
fn a_session_of_claude_code_is_one_conversation_whatever_becomes_of_its_history() {
    let mut server = TestServer::start();
    let agents = message("system", "Available agent types: none");
    let first = claude(HELP, json!([prompt("Fix the parser"), agents]), true);
    let (id, response) = exchange(&mut server, first, call("Bash", json!({"command": "ls"})));
    assert_eq!(conversation(&server, id).agent, "Claude Code/2.1.197");
    assert_eq!(conversation(&server, id).title(), "Fix the parser");
    let made = response["content"].clone();
    let result = json!({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": made[0]["id"], "content": "a.rs"}]});
    let history =
        json!([prompt("Fix the parser"), agents, {"role": "assistant", "content": made}, result]);
    let (same, _) = exchange(
        &mut server,
        claude(HELP, history, true),
        answer("Which one?"),
    );
    assert_eq!(same, id);

    // Esc, and another prompt in the place of the last one; the billing header differs too.
    let mut edited = claude(HELP, json!([prompt("Fix the lexer"), agents]), true);
    edited.2["system"][0]["text"] =
        json!("x-anthropic-billing-header: cc_version=2.1.197.9; cc_entrypoint=cli;");
    let (same, _) = exchange(&mut server, edited, rejection("Not today"));
    assert_eq!(same, id);
    assert_eq!(new_of(&server, id)[0], "Fix the lexer");

    // The wish for a summary is in the conversation, and so is what stands for it from then on.
    let wish = json!({"role": "user", "content": [{"type": "text",
        "text": "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\nWrite a <summary>."}]});
    let compact = json!([prompt("Fix the lexer"), agents, wish]);
    let (same, _) = exchange(
        &mut server,
        claude(HELP, compact, true),
        answer("<summary>x</summary>"),
    );
    assert_eq!(same, id);
    let after = json!([
        prompt("This session is being continued. Summary: x"),
        prompt("And now?")
    ]);
    let (same, _) = exchange(&mut server, claude(HELP, after, true), answer("Done"));
    assert_eq!(same, id);
    assert_eq!(server.inbox.conversations().len(), 1);
}

#[test]
fn errands_and_sub_agents_of_a_session_have_entries_of_their_own() {
    let mut server = TestServer::start();
    // The title is asked for before the prompt itself comes.
    let title = claude(
        "Generate a concise, sentence-case title (3-7 words) for it.",
        json!([{"role": "user", "content": [{"type": "text",
            "text": "<session>\nFix the parser\n</session>\n\nIn their language."}]}]),
        false,
    );
    let mut title_body = title.2;
    title_body["output_config"] = json!({"format": {"type": "json_schema", "schema": {"type": "object",
        "properties": {"title": {"type": "string"}}, "required": ["title"],
        "additionalProperties": false}}});
    let (status, titled) = server.client.post_json(title.0, title.1, &title_body);
    assert_eq!(
        (status, &titled["content"][0]["text"]),
        (200, &json!(r#"{"title":"Fix the parser"}"#))
    );
    assert!(matches!(
        server.next_change(),
        Change::Arrived {
            automatic: true,
            ..
        }
    ));
    server.wait_delivery();

    let first = claude(HELP, json!([prompt("Fix the parser")]), true);
    let (parent, _) = exchange(
        &mut server,
        first,
        call("Agent", json!({"prompt": "Count"})),
    );
    let mut sub = claude(
        "You search files.",
        json!([prompt("Count the files")]),
        true,
    );
    sub.1 = CLAUDE_AGENT;
    let (child, _) = exchange(&mut server, sub, answer("Three"));
    assert_ne!(parent, child);
    assert_eq!(conversation(&server, child).parent, Some(parent));
    assert_eq!(conversation(&server, child).title(), "Count the files");

    // What nobody knows, and has nothing to do with the conversation.
    let page = claude(
        "Say what a page is about.",
        json!([prompt("Web page content: …")]),
        false,
    );
    let (aside, _) = exchange(&mut server, page, answer("Rust"));
    assert!(aside != parent && aside != child);
    assert_eq!(conversation(&server, aside).parent, Some(parent));

    let mut check = claude(
        "You are a security monitor for autonomous AI coding agents.",
        json!([{"role": "user", "content": "Transcript\n\nBash: rm -rf target"}]),
        false,
    );
    check.2["max_tokens"] = json!(64);
    check.2["stop_sequences"] = json!(["</block>"]);
    let (check, _) = exchange(&mut server, check, answer("<block>no</block>"));
    assert_eq!(
        conversation(&server, check).title(),
        "permission check: Bash: rm -rf target"
    );
    // They are listed together, and the conversation goes on where it was.
    let listed: Vec<_> = server.inbox.conversations().map(|found| found.id).collect();
    let place = |id| {
        listed
            .iter()
            .position(|listed| *listed == id)
            .expect("listed")
    };
    let family = [place(parent), place(child), place(aside)];
    assert_eq!(
        family.iter().max().unwrap() - family.iter().min().unwrap(),
        2,
        "{listed:?}"
    );
    let again = claude(
        HELP,
        json!([
            prompt("Fix the parser"),
            message("assistant", "ok"),
            prompt("More")
        ]),
        true,
    );
    assert_eq!(exchange(&mut server, again, answer("Yes")).0, parent);
}

/// A request of aider, which puts its history together anew each time.
fn aider(history: &[(&str, &str)], prompt: &str) -> (&'static str, Headers, Value) {
    let mut messages = vec![
        message("system", "Act as an expert developer."),
        message("user", "Change the greeting"),
        message("assistant", "greeting.py …"),
        message(
            "user",
            "I switched to a new code base. Please forget the files above.",
        ),
        message("assistant", "Ok."),
    ];
    messages.extend(history.iter().map(|(role, text)| message(role, text)));
    messages.extend([
        message(
            "user",
            "I have *added these files to the chat* so you can edit them.\n\na.py",
        ),
        message(
            "assistant",
            "Ok, any changes I propose will be to those files.",
        ),
        message(
            "user",
            &format!("{prompt}\n\n# Every change must be a block."),
        ),
    ]);
    (
        "/v1/chat/completions",
        LITELLM,
        json!({"model": "m", "messages": messages}),
    )
}

#[test]
fn aider_is_one_conversation_by_what_was_said() {
    let mut server = TestServer::start();
    let (id, _) = exchange(
        &mut server,
        aider(&[], "Add a test"),
        answer("It is test_a.py."),
    );
    let found = conversation(&server, id);
    assert_eq!(
        (found.agent.as_str(), found.title()),
        ("aider", "Add a test")
    );
    let history = [("user", "Add a test"), ("assistant", "It is test_a.py.")];
    let (same, _) = exchange(&mut server, aider(&history, "Run it"), answer("It fails."));
    assert_eq!(same, id);
    assert_eq!(
        new_of(&server, id),
        ["Run it\n\n# Every change must be a block."]
    );
    // Whoever asks for the same and was answered otherwise is somebody else.
    let other = [("user", "Add a test"), ("assistant", "No.")];
    let (other, _) = exchange(&mut server, aider(&other, "Run it"), answer("Why?"));
    assert_ne!(other, id);
}

#[test]
fn what_everybody_says_does_not_join_what_is_not_one() {
    let mut server = TestServer::start();
    let mut sessions = Vec::new();
    for (prompt, said) in [("Add a test", "It is test_a.py."), ("Fix it", "Done.")] {
        let (id, _) = exchange(&mut server, aider(&[], prompt), answer(said));
        sessions.push((id, vec![("user", prompt), ("assistant", said)]));
    }
    for (id, history) in &mut sessions {
        let (same, _) = exchange(&mut server, aider(history, "continue"), answer("ok"));
        assert_eq!(same, *id);
        history.extend([("user", "continue"), ("assistant", "ok")]);
    }
    for (id, history) in &sessions {
        let (same, _) = exchange(&mut server, aider(history, "Run it"), answer("Yes"));
        assert_eq!(same, *id);
    }
    // Somebody else who shows what was answered here, while its own client waits.
    let (id, history) = &sessions[0];
    let own = ask(&server, CHAT, LITELLM, aider(history, "And now?").2);
    assert_eq!(server.next_request(), *id);
    let other = ask(&server, CHAT, LITELLM, aider(history, "Who wrote it?").2);
    let elsewhere = server.next_request();
    assert_ne!(elsewhere, *id);
    for (id, asked) in [(*id, own), (elsewhere, other)] {
        server.reply(id, answer("Ada")).expect("somebody waits");
        asked.join().expect("a response");
        server.wait_delivery();
    }
}

#[test]
fn an_answer_is_known_however_it_was_said() {
    let mut server = TestServer::start();
    let live = |delta: &str| Reply::Live {
        delta: delta.into(),
        phase: Phase::FinalAnswer,
    };
    let end = || Reply::End {
        items: Vec::new(),
        ending: Ending::Completed,
    };
    let typed = || vec![live("It is "), live("test_a.py."), end()];
    let noted = || vec![note("Let me see"), answer("It is test_b.py.")];
    // In one message, and in items that stay apart.
    for (prompt, replies) in [("Add a test", typed()), ("Add two", noted())] {
        let asked = ask(&server, CHAT, LITELLM, aider(&[], prompt).2);
        let id = server.next_request();
        for reply in replies {
            server.reply(id, reply).expect("somebody waits");
        }
        let (_, response) = asked.join().expect("a response");
        server.wait_delivery();
        let said = response["choices"][0]["message"]["content"].as_str();
        let history = [("user", prompt), ("assistant", said.expect("words"))];
        let (same, _) = exchange(&mut server, aider(&history, "Run it"), answer("No."));
        assert_eq!(same, id, "{response}");
    }
    let responses =
        |told: &str, input: Vec<Value>| json!({"model": "m", "instructions": told, "input": input});
    for (prompt, replies) in [("Add three", typed()), ("Add four", noted())] {
        let first = vec![message("user", prompt)];
        let asked = ask(
            &server,
            "/v1/responses",
            LITELLM,
            responses("v1", first.clone()),
        );
        let id = server.next_request();
        for reply in replies {
            server.reply(id, reply).expect("somebody waits");
        }
        let (_, response) = asked.join().expect("a response");
        server.wait_delivery();
        let mut history = first;
        history.extend(response["output"].as_array().expect("items").clone());
        history.push(message("user", "Run it"));
        let next = ("/v1/responses", LITELLM, responses("v2", history));
        assert_eq!(
            exchange(&mut server, next, answer("No.")).0,
            id,
            "{response}"
        );
    }
}

#[test]
fn calls_that_were_made_here_lead_to_their_conversation() {
    let mut server = TestServer::start();
    let tools = json!([{"type": "function", "function": {"name": "bash", "parameters": {
        "type": "object", "properties": {"command": {"type": "string"}}}}}]);
    let body = |messages: Value| json!({"model": "m", "messages": messages, "tools": tools});
    let ask = [message("system", "v1"), message("user", "Fix it")];
    let first = ("/v1/chat/completions", LITELLM, body(json!(ask)));
    let (id, response) = exchange(
        &mut server,
        first.clone(),
        call("bash", json!({"command": "ls"})),
    );
    let (twin, _) = exchange(&mut server, first, call("bash", json!({"command": "ls"})));
    assert_ne!(id, twin);
    let made = response["choices"][0]["message"].clone();
    let result =
        json!({"role": "tool", "tool_call_id": made["tool_calls"][0]["id"], "content": "a.rs"});
    // The instructions are no longer the same.
    let next = json!([
        message("system", "v2"),
        message("user", "Fix it"),
        made,
        result
    ]);
    let next = ("/v1/chat/completions", LITELLM, body(next));
    assert_eq!(exchange(&mut server, next, answer("Done")).0, id);
}

/// A request of qwen-code, which streams.
fn qwen(prompt: &str) -> Value {
    json!({"model": "m", "stream": true, "messages": [
        message("system", "You are Qwen Code."),
        message("user", "This is the Qwen Code. We are setting up the context for our chat.\n…"),
        message("assistant", "Got it. Thanks for the context!"),
        message("user", prompt)]})
}

#[test]
fn a_prompt_that_was_taken_back_or_rejected_gives_way_to_the_next_one() {
    let mut server = TestServer::start();
    let asked = server
        .client
        .post_sse("/v1/chat/completions", LITELLM, &qwen("Fix the parser"));
    let id = server.next_request();
    drop(asked);
    assert!(matches!(server.next_change(), Change::ClientGone { .. }));
    let asked = server
        .client
        .post_sse("/v1/chat/completions", LITELLM, &qwen("Fix the lexer"));
    assert_eq!(server.next_request(), id);
    assert_eq!(conversation(&server, id).title(), "Fix the lexer");
    server
        .reply(id, rejection("Not today"))
        .expect("somebody waits");
    server.wait_delivery();
    drop(asked);
    let asked = server
        .client
        .post_sse("/v1/chat/completions", LITELLM, &qwen("Then the tests"));
    assert_eq!(server.next_request(), id);
    assert_eq!(new_of(&server, id), ["Then the tests"]);
    server.reply(id, answer("Yes")).expect("somebody waits");
    server.wait_delivery();
    drop(asked);
    // Once it was answered, another one is another one.
    let asked = server
        .client
        .post_sse("/v1/chat/completions", LITELLM, &qwen("Something else"));
    assert_ne!(server.next_request(), id);
    drop(asked);
}

#[test]
fn single_requests_with_one_beginning_stay_apart() {
    let mut server = TestServer::start();
    let row = |question: &str| {
        let fields = format!("[[ ## question ## ]]\n{question}\n\nAnswer with the fields.");
        let body = json!({"model": "m", "messages": [
            message("system", "Your input fields are: question."), message("user", &fields)]});
        ("/v1/chat/completions", LITELLM, body)
    };
    let mut seen = Vec::new();
    for (question, reply) in [
        ("Who wrote it?", answer("Ada")),
        ("When was it?", rejection("I do not know")),
        ("Where was it?", answer("Ada")),
    ] {
        let (id, _) = exchange(&mut server, row(question), reply);
        assert_eq!(conversation(&server, id).title(), question);
        assert!(!seen.contains(&id));
        seen.push(id);
    }
}

#[test]
fn a_first_prompt_that_was_turned_away_gives_the_conversation_its_name_no_longer() {
    let mut server = TestServer::start();
    let ask = |text: &str| claude(HELP, json!([prompt(text)]), true);
    let (id, _) = exchange(&mut server, ask("Fix the parser"), rejection("Not today"));
    let (same, _) = exchange(&mut server, ask("Fix the lexer"), answer("Done"));
    assert_eq!(
        (same, conversation(&server, id).title()),
        (id, "Fix the lexer")
    );
    // What was answered keeps its name.
    let (same, _) = exchange(&mut server, ask("Then the tests"), answer("Done"));
    assert_eq!(
        (same, conversation(&server, id).title()),
        (id, "Fix the lexer")
    );
}
