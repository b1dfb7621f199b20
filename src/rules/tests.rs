//! Rules about requests and drafts of the shapes that agents really have.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::api::{ContentPart, Format, Interner, Phase};

/// The rules of a configuration.
fn rules(text: &str) -> Rules {
    try_rules(text).unwrap_or_else(|error| panic!("{error:?}"))
}

fn try_rules(text: &str) -> Result<Rules, (usize, &'static str, RuleError)> {
    #[derive(Deserialize)]
    struct File {
        rule: Vec<RuleTable>,
    }
    let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
    Rules::new(&file.rule)
}

fn request(format: Format, body: &Value) -> Request {
    let body = body.to_string();
    format
        .parse(body.as_bytes(), &Interner::default())
        .expect("a request")
}

fn function(name: &str, properties: Value) -> Value {
    json!({"type": "function", "name": name,
        "parameters": {"type": "object", "properties": properties}})
}

/// What Codex asks, with the tools of its versions.
fn codex() -> Request {
    let line = json!({"type": "string"});
    let words = json!({"type": "array", "items": line});
    let tools = json!([
        function("exec_command", json!({"cmd": line, "workdir": line, "justification": line})),
        function("write_stdin", json!({"session_id": {"type": "number"}, "chars": line})),
        function("shell", json!({"command": words, "workdir": line})),
        function("update_plan", json!({"plan": {"type": "array", "items": {"type": "object"}}})),
        {"type": "custom", "name": "apply_patch", "format": {"type": "grammar"}},
        {"type": "namespace", "name": "mcp__files", "tools": [
            function("read", json!({"path": line, "limit": {"type": "integer"}}))]},
        {"type": "local_shell"},
        {"type": "web_search"},
    ]);
    request(
        Format::Responses,
        &json!({"model": "gpt-5-codex", "tools": tools, "instructions": "You are Codex.", "input": [
            {"role": "user", "content": "<environment_context>\n<cwd>/src/site</cwd>\n</environment_context>"},
            {"role": "user", "content": "Fix the build"},
            {"type": "function_call", "call_id": "c1", "name": "exec_command",
                "arguments": "{\"cmd\":\"make\"}"},
            {"type": "function_call_output", "call_id": "c1", "output": "make: *** Error 2"},
        ]}),
    )
}

/// What Claude Code asks.
fn claude() -> Request {
    let line = json!({"type": "string"});
    let tool = |name: &str, properties: Value| json!({"name": name, "input_schema": {"type": "object", "properties": properties}});
    request(
        Format::Messages,
        &json!({"model": "claude-sonnet-4-5", "max_tokens": 9, "system": "You are Claude Code.",
        "tools": [
            tool("Bash", json!({"command": line, "description": line, "timeout": {"type": "number"}})),
            tool("BashOutput", json!({"bash_id": line})),
            tool("Edit", json!({"file_path": line, "old_string": line, "new_string": line})),
            tool("Write", json!({"file_path": line, "content": line})),
        ],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "<system-reminder>\nNo secrets.\n</system-reminder>"},
                {"type": "text", "text": "Tidy up"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "a.rs secret.key"}]},
        ]}),
    )
}

fn subject<'a>(agent: &'a str, request: &'a Request) -> Subject<'a> {
    Subject {
        agent,
        title: "Fix the build",
        directory: Some("/src/site"),
        request,
    }
}

fn call(name: &str, arguments: Value) -> Body {
    Body::FunctionCall {
        namespace: None,
        name: name.into(),
        arguments: arguments.to_string(),
    }
}

/// The rule that meets an item, and what it matched.
fn met(rules: &Rules, request: &Request, item: &Body) -> Option<(String, String)> {
    let decision = rules.of_item(&subject("Codex", request), item)?;
    Some((decision.rule, decision.matched))
}

#[test]
fn a_rule_that_holds_rm_holds_it_however_a_shell_is_called() {
    let rules = rules(
        r#"
        [[rule]]
        name = "no rm"
        tool = "shell"
        argument = '\brm\b'
        action = "hold"
        "#,
    );
    let (codex, claude) = (codex(), claude());
    let lines = [
        "rm -rf x",
        "cd a && rm b",
        "sudo rm x",
        "sh -c 'rm x'",
        "ls\nrm x",
        "/bin/rm x",
        "find . -exec rm {} +",
    ];
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        for (request, item) in [
            (
                &codex,
                call("exec_command", json!({"cmd": line, "workdir": "/src"})),
            ),
            (
                &codex,
                call("shell", json!({"command": ["bash", "-lc", line]})),
            ),
            (&codex, call("shell", json!({"command": words}))),
            (
                &codex,
                call(
                    "write_stdin",
                    json!({"session_id": 1, "chars": format!("{line}\n")}),
                ),
            ),
            (
                &claude,
                call("Bash", json!({"command": line, "description": "Tidies up"})),
            ),
            // Not offered, and told by what it is given.
            (&claude, call("run_shell_command", json!({"command": line}))),
            (&claude, call("mcp__box__run", json!({"command": line}))),
            (
                &codex,
                call("run_commands", json!({"commands": ["ls", line]})),
            ),
            // What cannot be read might still run.
            (
                &claude,
                Body::FunctionCall {
                    namespace: None,
                    name: "Bash".into(),
                    arguments: format!("{{\"command\": {}", json!(line)),
                },
            ),
            (
                &codex,
                Body::LocalShellCall {
                    command: vec!["bash".into(), "-lc".into(), line.into()],
                    working_directory: None,
                },
            ),
            (
                &codex,
                Body::ShellCall {
                    commands: vec!["ls".into(), line.into()],
                    timeout_ms: None,
                    max_output_length: None,
                },
            ),
        ] {
            let (rule, matched) = met(&rules, request, &item)
                .unwrap_or_else(|| panic!("{line}: {item:?} is let through"));
            assert_eq!(rule, "no rm");
            assert!(matched.starts_with("tool shell, argument \""), "{matched}");
            assert!(matched.contains("rm"), "{matched}");
        }
    }
    // opencode's `bash`, in Chat Completions.
    let opencode = request(
        Format::Chat,
        &json!({"model": "m", "messages": [{"role": "user", "content": "Go"}],
            "tools": [{"type": "function", "function": {"name": "bash",
                "parameters": {"type": "object", "properties": {
                    "command": {"type": "string"}, "workdir": {"type": "string"}}}}}]}),
    );
    let item = call("bash", json!({"command": "rm x", "workdir": "/"}));
    assert!(met(&rules, &opencode, &item).is_some());

    for (request, item) in [
        (
            &codex,
            call(
                "exec_command",
                json!({"cmd": "cargo fmt", "justification": "rm"}),
            ),
        ),
        (
            &codex,
            call("exec_command", json!({"cmd": "echo farm > form"})),
        ),
        (
            &claude,
            call(
                "Bash",
                json!({"command": "ls", "description": "No rm here"}),
            ),
        ),
        (
            &claude,
            call(
                "Edit",
                json!({"file_path": "/a", "old_string": "rm x", "new_string": ""}),
            ),
        ),
        (&claude, call("BashOutput", json!({"bash_id": "rm"}))),
        (
            &codex,
            call("write_stdin", json!({"session_id": 1, "chars": ""})),
        ),
        (
            &codex,
            Body::CustomToolCall {
                name: "apply_patch".into(),
                input: "*** Begin Patch\n*** Delete File: rm\n*** End Patch".into(),
            },
        ),
        (
            &codex,
            Body::message("I will not rm it", Phase::FinalAnswer),
        ),
        (&codex, Body::reasoning("rm?")),
    ] {
        assert_eq!(met(&rules, request, &item), None, "{item:?}");
    }
}

#[test]
fn only_a_shell_has_its_script_taken_for_the_command() {
    let rules = rules(
        r#"
        [[rule]]
        name = "status"
        tool = "shell"
        argument = '^git status$'
        action = "send"
        "#,
    );
    let codex = codex();
    let shell = |command: Value| met(&rules, &codex, &call("shell", json!({"command": command})));
    for words in [
        json!(["bash", "-lc", "git status"]),
        json!(["/usr/bin/zsh", "-c", "git status"]),
        json!(["git", "status"]),
    ] {
        assert!(shell(words.clone()).is_some(), "{words}");
    }
    for words in [
        json!(["rm", "-c", "git status"]),
        json!(["git", "status", "; rm x"]),
        json!(["bash", "-lc", "git status\nrm x"]),
        json!(["bash", "-lc", "git status; rm x"]),
        json!(["bash", "-lc", "git status", "x"]),
    ] {
        assert_eq!(shell(words.clone()), None, "{words}");
    }
    // Each command counts, and not one of several.
    let several = call("run_commands", json!({"commands": ["git status", "rm x"]}));
    assert_eq!(met(&rules, &codex, &several), None);
}

#[test]
fn the_first_rule_that_applies_is_the_only_one() {
    let rules = rules(
        r#"
        [[rule]]
        name = "read"
        tool = '^mcp__files\.read$'
        action = "send"

        [[rule]]
        name = "outside"
        tool = "^(Edit|Write)$"
        parameter = "file_path"
        argument = '^/etc/'
        action = { reject = "Not there." }

        [[rule]]
        name = "patch"
        tool = "apply_patch"
        argument = '\*\*\* Delete File: '
        action = "hold"
        timeout_seconds = 300
        timeout_action = { draft = "other" }

        [[rule]]
        name = "calls"
        kind = ["command", "tool"]
        agent = "codex"
        model = "gpt-5"
        action = { draft = "careful" }
        "#,
    );
    let (codex, claude) = (codex(), claude());
    let read = Body::FunctionCall {
        namespace: Some("mcp__files".into()),
        name: "read".into(),
        arguments: r#"{"path":"a"}"#.into(),
    };
    let matched = |request, item: &Body| met(&rules, request, item).map(|(rule, _)| rule);
    assert_eq!(matched(&codex, &read).as_deref(), Some("read"));
    let edit = |path: &str, text: &str| {
        call(
            "Edit",
            json!({"file_path": path, "old_string": text, "new_string": text}),
        )
    };
    assert_eq!(
        matched(&claude, &edit("/etc/passwd", "x")).as_deref(),
        Some("outside")
    );
    // Another argument says so, and another model is asked for.
    assert_eq!(matched(&claude, &edit("/src/a", "/etc/passwd")), None);
    let patch = |input: &str| Body::CustomToolCall {
        name: "apply_patch".into(),
        input: input.into(),
    };
    let deletes = patch("*** Begin Patch\n*** Delete File: a.rs\n*** End Patch");
    let decision = rules.of_item(&subject("Codex", &codex), &deletes).unwrap();
    assert_eq!(
        (decision.rule.as_str(), decision.matched.as_str()),
        (
            "patch",
            "tool apply_patch, argument \"*** Delete File: a.rs\""
        )
    );
    let timeout = decision.timeout.unwrap();
    assert_eq!(
        timeout,
        (Duration::from_secs(300), RuleAction::Draft("other".into()))
    );
    let (rule, why) = met(&rules, &codex, &patch("*** Begin Patch\n*** End Patch")).unwrap();
    assert_eq!(
        (rule.as_str(), why.as_str()),
        ("calls", "kind tool, agent Codex, model gpt-5-codex")
    );
    let (_, why) = met(&rules, &codex, &call("exec_command", json!({"cmd": "ls"}))).unwrap();
    assert!(why.starts_with("kind command"), "{why}");
    assert_eq!(
        matched(&codex, &Body::message("Hi", Phase::Commentary)),
        None
    );
    let models: Vec<_> = rules.models().collect();
    assert_eq!(
        models,
        [(2, "timeout_action", "other"), (3, "action", "careful")]
    );
    // They are about drafts, all of them.
    assert_eq!(rules.of_request(&subject("Codex", &codex)), None);
}

#[test]
fn a_rule_about_a_request_looks_at_what_is_new_in_it() {
    let rules = rules(
        r#"
        [[rule]]
        name = "secrets"
        prompt = 'secret\.key'
        action = "hold"

        [[rule]]
        name = "titles"
        prompt = "(?i)generate a title"
        action = { answer = "A title" }

        [[rule]]
        name = "site"
        conversation = "^/SRC/site$"
        prompt = '\*\*\* Error \d'
        action = { reject = "Fix it yourself." }

        [[rule]]
        name = "not asked again"
        prompt = "Fix the build|Tidy up|No secrets|You are"
        action = "hold"
        "#,
    );
    let decided = |request: &Request| rules.of_request(&subject("Codex", request));
    let secrets = decided(&claude()).unwrap();
    assert_eq!(
        (
            secrets.rule.as_str(),
            secrets.matched.as_str(),
            secrets.timeout
        ),
        ("secrets", "prompt \"a.rs secret.key\"", None)
    );
    let site = decided(&codex()).unwrap();
    assert_eq!(
        site.matched,
        "conversation \"/src/site\", prompt \"make: *** Error 2\""
    );
    assert_eq!(site.action, RuleAction::Reject("Fix it yourself.".into()));
    // opencode's title, the prompt of which stands in a message of its own.
    let title = request(
        Format::Chat,
        &json!({"model": "m", "messages": [
            {"role": "system", "content": "You are a title generator. You output ONLY a thread title."},
            {"role": "user", "content": "Generate a title for this conversation:"},
            {"role": "user", "content": "Rename the parser"}]}),
    );
    let title = decided(&title).unwrap();
    assert_eq!(
        (title.rule.as_str(), title.action),
        ("titles", RuleAction::Answer("A title".into()))
    );
    // A model that has answered was asked something else.
    let talk = request(
        Format::Chat,
        &json!({"model": "m", "messages": [
            {"role": "system", "content": "You are a helper."},
            {"role": "user", "content": "Fix the build"},
            {"role": "assistant", "content": "Done."},
            {"role": "user", "content": "Thanks"}]}),
    );
    assert_eq!(decided(&talk), None);
    // None of them is about what a model drafts.
    let (subject, item) = (claude(), Body::message("secret.key", Phase::FinalAnswer));
    assert_eq!(met(&rules, &subject, &item), None);
    assert!(!rules.watch_text());
    let all = self::rules("[[rule]]\nname = \"all\"\naction = \"hold\"");
    assert_eq!(
        all.of_request(&self::subject("x", &subject))
            .unwrap()
            .matched,
        "every request"
    );
}

#[test]
fn names_are_found_in_any_case_and_words_are_not() {
    let held = |condition: &str, item: &Body| {
        let rules = rules(&format!(
            "[[rule]]\nname = \"a\"\naction = \"hold\"\n{condition}"
        ));
        rules
            .of_item(&subject("Claude Code", &claude()), item)
            .is_some()
    };
    let bash = call("Bash", json!({"command": "RM x"}));
    assert!(held("tool = 'bash'", &bash) && !held("tool = '(?-i)bash'", &bash));
    assert!(held("agent = 'claude code'\nkind = 'command'", &bash));
    assert!(!held("argument = 'rm'", &bash) && held("argument = '(?i)rm'", &bash));
    let words = Body::message("Secret", Phase::FinalAnswer);
    assert!(!held("text = 'secret'", &words) && held("text = '^Secret$'", &words));
}

#[test]
fn any_argument_of_any_depth_is_looked_at_and_no_more_than_one_is_sent_for() {
    let claude = claude();
    let ask = call(
        "AskUserQuestion",
        json!({"questions": [{"question": "Which\none?", "options": ["red", "deep blue"]}], "n": 7}),
    );
    let held = |condition: &str, item: &Body| {
        let rules = rules(&format!("[[rule]]\nname = \"a\"\ntool = '.'\n{condition}"));
        let decision = rules.of_item(&subject("Claude Code", &claude), item);
        decision.map(|decision| decision.matched)
    };
    for expression in [
        "^one\\?$",
        "(?m)^one\\?$",
        "^deep blue$",
        "^red deep blue$",
        "^7$",
    ] {
        let found = held(&format!("argument = '{expression}'\naction = 'hold'"), &ask);
        assert_eq!(found.is_some(), expression != "^one\\?$", "{expression}");
    }
    let named = held("parameter = 'n'\nargument = '7'\naction = 'hold'", &ask);
    assert_eq!(named.as_deref(), Some("tool AskUserQuestion, n \"7\""));
    // A file that is written to one place may say another.
    let write = call("Write", json!({"file_path": "/etc/x", "content": "/src/y"}));
    assert!(held("argument = '^/src/'\naction = 'hold'", &write).is_some());
    assert_eq!(held("argument = '^/src/'\naction = 'send'", &write), None);
    let own = "parameter = 'file_path'\nargument = '^/src/'\naction = 'send'";
    assert_eq!(held(own, &write), None);
    let write = call("Write", json!({"file_path": "/src/x", "content": "/etc/y"}));
    assert!(held(own, &write).is_some());
}

#[test]
fn what_can_never_be_or_makes_no_sense_is_said() {
    use RuleError::*;
    let hold = "action = 'hold'";
    for (text, key, error) in [
        (hold, "name", NoName),
        ("name = ' '\naction = 'hold'", "name", NoName),
        (
            "name = \"a\\nb\"\naction = 'hold'",
            "name",
            Name("a\nb".into()),
        ),
        ("name = 'a'", "action", NoAction),
        ("name = 'a'\naction = 'send'", "action", NothingToSend),
        (
            "name = 'a'\nagent = 'codex'\naction = 'send'",
            "action",
            NothingToSend,
        ),
        ("name = 'a'\naction = { reject = ' ' }", "action", NoWords),
        (
            "name = 'a'\nparameter = 'x'\naction = 'hold'",
            "parameter",
            NoArgument,
        ),
        (
            "name = 'a'\ntext = 'x'\ntool = 'y'\naction = 'hold'",
            "text",
            Contradiction("tool"),
        ),
        (
            "name = 'a'\ntext = 'x'\nargument = 'y'\naction = 'hold'",
            "text",
            Contradiction("argument"),
        ),
        (
            "name = 'a'\ntext = 'x'\nkind = 'command'\naction = 'hold'",
            "kind",
            Contradiction("text"),
        ),
        (
            "name = 'a'\ntool = 'x'\nkind = 'think'\naction = 'hold'",
            "kind",
            Contradiction("tool"),
        ),
        (
            "name = 'a'\ntimeout_seconds = 3\naction = 'hold'",
            "timeout_seconds",
            HalfTimeout("timeout_action"),
        ),
        (
            "name = 'a'\ntimeout_action = 'hold'\naction = 'hold'",
            "timeout_action",
            HalfTimeout("timeout_seconds"),
        ),
        (
            "name = 'a'\nkind = 'tool'\ntimeout_seconds = 3\ntimeout_action = 'send'\n\
             action = { reject = 'x' }",
            "timeout_seconds",
            TimeoutWithoutHold,
        ),
        (
            "name = 'a'\ntimeout_seconds = 0\ntimeout_action = { reject = 'x' }\naction = 'hold'",
            "timeout_seconds",
            ZeroTimeout,
        ),
        (
            "name = 'a'\ntimeout_seconds = 3\ntimeout_action = 'hold'\naction = 'hold'",
            "timeout_action",
            TimeoutHolds,
        ),
        (
            "name = 'a'\ntimeout_seconds = 3\ntimeout_action = 'send'\naction = 'hold'",
            "timeout_action",
            NothingToSend,
        ),
        (
            "name = 'a'\nagent = '('\naction = 'hold'",
            "agent",
            Expression("this is no regular expression: unclosed group".into()),
        ),
        ("name = 'b'\naction = 'hold'", "name", NameTwice("b".into())),
    ] {
        let first = "[[rule]]\nname = 'b'\naction = 'hold'\n[[rule]]\n";
        let found = try_rules(&format!("{first}{text}")).expect_err(text);
        assert_eq!(found, (1, key, error), "{text}");
    }
}

#[test]
fn what_is_held_is_held_while_it_is_written() {
    let rules = rules(
        r#"
        [[rule]]
        name = "fine"
        text = "^OK$"
        action = "send"

        [[rule]]
        name = "names"
        text = '\bproject \w+\b'
        action = "hold"

        [[rule]]
        name = "not to claude"
        agent = "claude"
        kind = "message"
        action = { reject = "No." }
        "#,
    );
    let request = codex();
    let of = |agent, text: &str, new| {
        let decision = rules.of_text(&subject(agent, &request), text, new);
        decision.map(|decision| (decision.rule, decision.matched))
    };
    assert!(rules.watch_text());
    assert_eq!(of("Codex", "OK", 2), None, "it may become anything");
    let long = format!("{}project ", "words\n".repeat(10_000));
    assert_eq!(of("Codex", &long, 8), None);
    let more = format!("{long}X");
    let held = ("names".into(), "text \"project X\"".into());
    assert_eq!(of("Codex", &more, 1), Some(held));
    assert_eq!(of("Claude Code", "H", 1).unwrap().0, "not to claude");
    assert_eq!(of("Claude Code", "", 0), None);
    let whole = |text: &str| met(&rules, &request, &Body::message(text, Phase::FinalAnswer));
    assert_eq!(whole("OK").unwrap().0, "fine");
    assert_eq!(whole("for project X").unwrap().0, "names");
    let parts = Body::Message {
        content: vec![
            ContentPart::Text("a".into()),
            ContentPart::Text("project X".into()),
        ],
        phase: None,
    };
    assert!(met(&rules, &request, &parts).is_some());
    assert_eq!(met(&rules, &request, &Body::reasoning("project X")), None);
    let thoughts =
        self::rules("[[rule]]\nname = 'a'\nkind = 'think'\ntext = 'project'\naction = 'hold'");
    assert!(met(&thoughts, &request, &Body::reasoning("project X")).is_some());
    assert!(!thoughts.watch_text());
}

/// Expressions with all that matters at the edges of what is new.
const EXPRESSIONS: [&str; 12] = [
    "secret",
    r"\bkey\b",
    r"^a",
    r"(?m)^k",
    r"b$",
    r"é+x",
    r"a[^b]{0,5}b",
    r"(?i)SECRET key",
    r"\Ba\B",
    r"key\s+secret",
    r"(?s)x.{0,40}k",
    r"a|é",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// However a message comes in, what a rule would hold of it as a whole is held before all of what
    /// the rule looks for has left.
    #[test]
    fn nothing_that_is_held_leaves_however_it_is_cut(
        chosen in prop::collection::vec(0..EXPRESSIONS.len(), 1..4),
        words in prop::collection::vec(
            prop::sample::select(vec!["a", "b", "é", "x", "k", "key", "secret", "Secret", " ", "\n"]),
            0..40,
        ),
        cuts in prop::collection::vec(1..6usize, 0..40),
        before in prop::sample::select(vec![0, 0, 0, 0, 0, 1]),
    ) {
        let tables: Vec<String> = chosen.iter().enumerate().map(|(number, expression)| format!(
            "[[rule]]\nname = '{number}'\ntext = '{}'\naction = 'hold'\n", EXPRESSIONS[*expression]
        )).collect();
        let rules = rules(&tables.concat());
        let request = codex();
        let subject = subject("Codex", &request);
        // Much more than is looked at again, or nothing.
        let text = ". ".repeat(before * LOOKBACK_BYTES) + &words.concat();
        let mut sizes = cuts.into_iter();
        let (mut sent, mut decided) = (0, None);
        while sent < text.len() && decided.is_none() {
            let more = match sent {
                0 if before > 0 => LOOKBACK_BYTES,
                _ => sizes.next().unwrap_or(1),
            };
            let end = text.ceil_char_boundary(sent + more);
            decided = rules.of_text(&subject, &text[..end], end - sent);
            // What is written so far, at once, is decided alike.
            prop_assert_eq!(&decided, &rules.of_text(&subject, &text[..end], end));
            if decided.is_none() {
                sent = end;
            }
        }
        let item = Body::message(text.as_str(), Phase::FinalAnswer);
        let whole = rules.of_item(&subject, &item);
        if whole.is_some() {
            prop_assert!(decided.is_some(), "{whole:?} is let through");
        }
        // And nothing of what was let through would be held.
        prop_assert_eq!(rules.of_text(&subject, &text[..sent], sent), None);
    }

    #[test]
    fn a_proposal_is_a_rule_that_decides_what_it_was_made_of(
        text in "[ -~\\n\\té'\"\\\\]{0,60}",
        kind in 0..5usize,
        sends in any::<bool>(),
    ) {
        let (codex, claude) = (codex(), claude());
        let (request, item) = match kind {
            0 => (&codex, call("exec_command", json!({"cmd": text}))),
            1 => (&claude, call("Edit", json!({"file_path": text, "old_string": "a\nb"}))),
            2 => (&codex, Body::CustomToolCall { name: "apply_patch".into(), input: text.clone() }),
            3 => (&codex, Body::message(text.as_str(), Phase::FinalAnswer)),
            _ => (&codex, Body::reasoning(text.as_str())),
        };
        let action = if sends { RuleAction::Send } else { RuleAction::Hold };
        let known = rules("[[rule]]\nname = 'hold any message'\naction = 'hold'");
        let subject = subject("Codex", request);
        for proposal in proposals(&subject, &item, &action, &known) {
            let toml = proposal.rule.to_toml();
            let rules = try_rules(&toml);
            let rules = rules.map_err(|error| TestCaseError::fail(format!("{error:?}: {toml}")))?;
            let decision = rules.of_item(&subject, &item);
            let is_program = proposal.about.starts_with("a line that runs");
            prop_assert!(decision.is_some() || is_program, "{toml} for {item:?}");
            prop_assert_ne!(&proposal.rule.name, "hold any message");
            prop_assert!(!proposal.about.contains('\n'));
        }
    }
}

#[test]
fn proposals_are_what_a_person_would_write() {
    let codex = codex();
    let made = |item: &Body, action: RuleAction| {
        let made = proposals(&subject("Codex", &codex), item, &action, &Rules::default());
        let made = made.into_iter();
        made.map(|made| (made.about, made.rule.to_toml()))
            .collect::<Vec<_>>()
    };
    let toml = |name: &str, rest: &str| format!("[[rule]]\nname = \"{name}\"\n{rest}");
    let rm = call("exec_command", json!({"cmd": "rm -rf ./x.y"}));
    assert_eq!(
        made(&rm, RuleAction::Hold),
        [
            (
                "the command \"rm -rf ./x.y\"".to_owned(),
                toml(
                    "hold exactly rm -rf ./x.y",
                    "tool = \"shell\"\nargument = '^rm -rf \\./x\\.y$'\naction = \"hold\"\n"
                )
            ),
            (
                "any command with rm".to_owned(),
                toml(
                    "hold rm",
                    "tool = \"shell\"\nargument = '\\brm\\b'\naction = \"hold\"\n"
                )
            ),
        ]
    );
    let cargo = call("exec_command", json!({"cmd": "RUST_LOG=x cargo test"}));
    let (about, rule) = made(&cargo, RuleAction::Send).pop().unwrap();
    assert_eq!(about, "a line that runs cargo and nothing else");
    let rules = rules(&rule);
    for (line, sends) in [
        ("cargo", true),
        ("cargo test --lib 'a b'", true),
        ("cargo test; rm x", false),
        ("cargo test && rm x", false),
        ("cargo test | sh", false),
        ("cargo test $(rm x)", false),
        ("cargo test `rm x`", false),
        ("cargo test > /etc/passwd", false),
        ("cargo test\nrm x", false),
        ("cargoes", false),
        ("rm x; cargo test", false),
    ] {
        let item = call("exec_command", json!({"cmd": line}));
        assert_eq!(met(&rules, &codex, &item).is_some(), sends, "{line}");
    }
    // Whoever lets one of these run lets everything run.
    for runner in ["sudo rm x", "bash -c 'rm x'", "/bin/sh a", "env rm x"] {
        let made = made(
            &call("exec_command", json!({"cmd": runner})),
            RuleAction::Send,
        );
        assert_eq!(made.len(), 1, "{runner}: {made:?}");
    }
    let edit = call(
        "Edit",
        json!({"file_path": "/src/a.rs", "old_string": "x\ny"}),
    );
    let edits = made(&edit, RuleAction::Reject("No.".into()));
    assert_eq!(edits[0].0, "Edit with file_path \"/src/a.rs\"");
    assert_eq!(
        edits[0].1,
        toml(
            "reject Edit /src/a.rs",
            "tool = \"^Edit$\"\nparameter = \"file_path\"\nargument = '^/src/a\\.rs$'\n\
             action = { reject = \"No.\" }\n"
        )
    );
    assert_eq!(edits[1].0, "any call of Edit");
    let long = Body::message("x".repeat(5000), Phase::FinalAnswer);
    assert_eq!(made(&long, RuleAction::Hold).len(), 1);
}
