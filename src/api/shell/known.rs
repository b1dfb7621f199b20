//! What is known of the shells that agents offer: their names, what takes the command, and what the
//! other parameters are for. This is the only place that says so.

use crate::api::{SchemaReading, SchemaType, Tool};

/// Names that agents give to their shell, best first.
pub(super) const NAMES: [&str; 8] = [
    // Codex 0.169, and its older versions.
    "exec_command",
    "shell_command",
    "shell",
    "container.exec",
    // Claude Code and Continue.
    "Bash",
    // opencode, mini-swe-agent, and what Anthropic defined.
    "bash",
    // qwen-code.
    "run_shell_command",
    // Cline.
    "run_commands",
];

/// What takes the command in a call of a tool of which nothing else is known.
pub(super) const KEYS: [&str; 3] = ["cmd", "command", "commands"];

/// Programs that run a script which stands behind `-c`.
pub(super) const SHELLS: [&str; 11] = [
    "sh",
    "bash",
    "zsh",
    "dash",
    "ash",
    "ksh",
    "mksh",
    "fish",
    "csh",
    "pwsh",
    "powershell",
];

/// What types into a process that a command has left running, and the parameter with the keys.
pub(super) const TYPES: (&str, &str) = ("write_stdin", "chars");

/// Names of parameters that take a command, best first, and what they say of a tool whose own name
/// is not known.
pub(super) const PARAMETERS: [(&str, ParameterHint); 10] = [
    ("cmd", ParameterHint::Shell),
    ("command", ParameterHint::Shell),
    ("commands", ParameterHint::Perhaps),
    ("bash", ParameterHint::Perhaps),
    ("shell", ParameterHint::Perhaps),
    ("bash_command", ParameterHint::Perhaps),
    ("shell_command", ParameterHint::Perhaps),
    ("command_line", ParameterHint::Perhaps),
    ("script", ParameterHint::IfDescribed),
    ("code", ParameterHint::IfDescribed),
];

/// What a parameter says of the tool that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterHint {
    /// The tool is a shell.
    Shell,
    /// The tool may be a shell.
    Perhaps,
    /// It may be one if its description is about running something.
    IfDescribed,
}

/// How a parameter takes a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// As a text.
    Line,
    /// As the words of an argument vector.
    Words,
    /// As a list of commands, each of them whole.
    Lines,
}

/// How a parameter of this name takes a command; `None` if it does not.
pub(super) fn takes(name: &str, parameter: &SchemaReading<&serde_json::Value>) -> Option<Takes> {
    match (name, &parameter.kind) {
        (_, SchemaType::Text | SchemaType::Anything) => Some(Takes::Line),
        ("commands", SchemaType::List) => Some(Takes::Lines),
        ("cmd" | "command", SchemaType::List | SchemaType::Tuple) => Some(Takes::Words),
        // One of a few words is what a tool does, and not what a shell runs.
        _ => None,
    }
}

/// Whether a description is about running something in a shell, and not in a language.
pub(super) fn runs_something(tool: &Tool) -> bool {
    let text = format!("{} {}", tool.name, tool.description).to_lowercase();
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    let shells = ["shell", "bash", "terminal", "command"];
    let runs = ["run", "exec"];
    let languages = ["python", "javascript", "typescript", "node", "sql", "ruby"];
    let begins = |word: &str, with: &[&str]| with.iter().any(|start| word.starts_with(start));
    if words.clone().any(|word| begins(word, &shells)) {
        true
    } else {
        words.clone().any(|word| begins(word, &runs)) && !words.any(|word| begins(word, &languages))
    }
}

/// What an argument of a command is for, in the order in which a person reaches for it. Some agents
/// list them by the alphabet, which is no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// The folder in which the command runs.
    Directory,
    /// How long the command may take.
    Patience,
    /// What the command may do outside its sandbox.
    Permission,
    /// Why the command runs, in words.
    Reason,
    /// What need not be asked again.
    Rule,
    /// Anything else.
    Other,
}

impl Use {
    /// What an argument of this name is for.
    pub(crate) fn of(name: &str) -> Self {
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        match name {
            "workdir" | "cwd" | "working_directory" | "working_dir" | "workingDirectory"
            | "directory" | "dir" => Self::Directory,
            "justification" | "reason" | "description" | "explanation" | "purpose" => Self::Reason,
            "prefix_rule" => Self::Rule,
            _ if has(&["timeout", "yield_time"]) => Self::Patience,
            _ if has(&["sandbox", "permission", "escalated"]) => Self::Permission,
            _ => Self::Other,
        }
    }
}
