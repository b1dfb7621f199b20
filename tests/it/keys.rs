//! What a reply costs: the keys that a person presses beyond those for what it says. The book has the
//! same numbers.

use crate::support::costs::{COSTS, cost};
use crate::support::tui::*;
use serde_json::{Value, json};

/// A person whose keys are counted.
struct Counter {
    tui: TestTui,
    client: Client,
    keys: usize,
}

impl Counter {
    fn new() -> Self {
        Self::with(json!([exec_command(), weather(), apply_patch()]))
    }

    /// One whose agent offers these tools.
    fn with(tools: Value) -> Self {
        let mut body = codex_request("a", "What is the weather in the files?", &[]);
        body["tools"] = tools;
        let mut tui = TestTui::new(NORMAL);
        let client = tui.ask(&body);
        Self {
            tui,
            client,
            keys: 0,
        }
    }

    /// Presses keys that count.
    fn press(&mut self, keys: &str) {
        self.keys += keys.split(' ').count();
        self.tui.press(keys);
    }

    /// Types what the reply says.
    fn write(&mut self, content: &str) {
        self.tui.type_text(content);
    }

    /// What arrived, and what it cost.
    fn sent(&mut self) -> (Vec<(String, &'static str)>, usize) {
        let heard = items_of(&self.tui.receive(&mut self.client));
        (heard, std::mem::take(&mut self.keys))
    }

    #[track_caller]
    fn costs(&mut self, reply: &str, says: &[(&str, &'static str)]) {
        let (heard, keys) = self.sent();
        let says = says.iter().map(|(text, how)| ((*text).to_owned(), *how));
        assert_eq!(heard, says.collect::<Vec<_>>());
        assert_eq!(keys, cost(reply), "{reply}");
    }
}

#[test]
fn an_answer() {
    let mut operator = Counter::new();
    operator.write("It rains.");
    operator.press("Enter");
    operator.costs("Send", &[("It rains.", "final_answer")]);
}

#[test]
fn notes() {
    let mut operator = Counter::new();
    operator.press("Tab");
    operator.write("One moment");
    operator.press("Enter");
    operator.costs("Progress", &[("One moment", "commentary")]);
    operator.write("Still looking");
    operator.press("Enter");
    operator.costs("Progress, again", &[("Still looking", "commentary")]);
}

#[test]
fn commands() {
    let mut operator = Counter::new();
    operator.press("!");
    operator.write("ls");
    operator.press("Enter");
    operator.costs("Run command", &[(r#"{"cmd":"ls"}"#, "call")]);

    let mut operator = Counter::new();
    operator.press("!");
    operator.write("ls");
    operator.press("Alt+A !");
    operator.write("pwd");
    operator.press("Enter");
    let both = [(r#"{"cmd":"ls"}"#, "call"), (r#"{"cmd":"pwd"}"#, "call")];
    operator.costs("Two commands in one reply", &both);

    let mut operator = Counter::new();
    operator.press("!");
    operator.write("ls");
    operator.press("Alt+O");
    operator.write("/srv");
    operator.press("Alt+O Enter");
    let call = [(r#"{"cmd":"ls","workdir":"/srv"}"#, "call")];
    operator.costs("Run command in a directory", &call);
}

/// Shells as agents offer them, with the name of what takes the command and of the directory.
fn shells() -> [(Value, &'static str, &'static str); 6] {
    let line = json!({"type": "string"});
    let number = json!({"type": "number"});
    let of = |name: &str, required: &[&str], properties: Value| {
        let parameters = json!({"type": "object", "properties": properties,
            "required": required, "additionalProperties": false});
        function(name, "Runs a command.", parameters)
    };
    [
        (exec_command(), "cmd", "workdir"),
        (
            of(
                "shell_command",
                &["command"],
                json!({"command": line, "justification": line, "login": {"type": "boolean"},
                    "sandbox_permissions": line, "timeout_ms": number, "workdir": line}),
            ),
            "command",
            "workdir",
        ),
        (
            of(
                "bash",
                &["command"],
                json!({"command": line, "description": line, "timeout": number, "cwd": line}),
            ),
            "command",
            "cwd",
        ),
        // opencode.
        (
            of(
                "bash",
                &["command"],
                json!({"command": line, "timeout": number, "workdir": line, "description": line}),
            ),
            "command",
            "workdir",
        ),
        // qwen-code.
        (
            of(
                "run_shell_command",
                &["command"],
                json!({"command": line, "is_background": {"type": "boolean"},
                    "timeout": number, "description": line, "directory": line}),
            ),
            "command",
            "directory",
        ),
        // Strict: everything is required, and null is how something is left out.
        (
            of(
                "run_terminal_cmd",
                &[
                    "command",
                    "explanation",
                    "is_background",
                    "working_directory",
                ],
                json!({"command": line, "explanation": {"type": ["string", "null"]},
                    "is_background": {"type": ["boolean", "null"]},
                    "working_directory": {"type": ["string", "null"]}}),
            ),
            "command",
            "working_directory",
        ),
    ]
}

#[test]
fn a_command_in_a_directory_costs_the_same_with_every_shell() {
    for (shell, command, directory) in shells() {
        let mut operator = Counter::with(json!([shell]));
        operator.press("!");
        operator.write("ls");
        operator.press("Alt+O");
        operator.write("/srv");
        operator.press("Alt+O Enter");
        let (heard, keys) = operator.sent();
        let call: Value = serde_json::from_str(&heard[0].0).unwrap();
        assert_eq!(
            (&call[command], &call[directory]),
            (&json!("ls"), &json!("/srv"))
        );
        let given = call
            .as_object()
            .unwrap()
            .values()
            .filter(|value| !value.is_null());
        assert_eq!(given.count(), 2, "{call}");
        assert_eq!(keys, cost("Run command in a directory"));
    }
}

#[test]
fn a_tool_with_two_arguments() {
    let mut operator = Counter::new();
    operator.press("Ctrl+T");
    operator.write("wea");
    operator.press("Enter");
    operator.write("Kyoto");
    operator.press("Enter");
    operator.write("3");
    operator.press("Enter");
    let call = [(r#"{"city":"Kyoto","days":3}"#, "call")];
    operator.costs("Call tool, two arguments", &call);
}

#[test]
fn a_patch() {
    let patch = "*** Begin Patch\n*** Delete File: a.txt\n*** End Patch";
    let mut operator = Counter::new();
    operator.press("Ctrl+T");
    operator.write("patch");
    operator.press("Enter");
    // Comes from the editor or the clipboard, as patches do; the template is what costs nothing.
    operator.tui.app.on_edited(patch);
    operator.press("Enter");
    operator.costs("Patch", &[(patch, "custom call")]);
}

#[test]
fn a_thought_and_a_rejection() {
    let mut operator = Counter::new();
    operator.press("Shift+Tab Shift+Tab");
    operator.write("It is cold.");
    operator.press("Enter");
    operator.costs("Think", &[("It is cold.", "thought")]);

    let mut operator = Counter::new();
    operator.press("Shift+Tab");
    operator.write("I will not.");
    operator.press("Enter");
    operator.costs("Reject", &[("I will not.", "invalid_prompt")]);
}

#[test]
fn every_cost_is_within_its_aim() {
    let aims = [
        ("Send", 1),
        ("Progress", 2),
        ("Progress, again", 1),
        ("Run command", 2),
        ("Call tool, two arguments", 5),
    ];
    for (reply, aim) in aims {
        assert!(cost(reply) <= aim, "{reply}");
    }
    assert_eq!(COSTS.len(), 10);
}
