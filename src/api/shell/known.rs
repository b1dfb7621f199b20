//! What is known of the shell tools of agents: their names, the parameter that takes the command,
//! and the meaning of other parameters. Nothing elsewhere depends on these names.

use crate::api::{SchemaReading, SchemaType, Tool};

/// Names of shell tools, in order of preference.
pub(super) const SHELL_TOOL_NAMES: [&str; 8] = [
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

/// Arguments that hold the command in a call of an unknown tool.
pub(super) const COMMAND_KEYS: [&str; 3] = ["cmd", "command", "commands"];

/// Shell programs, which run the script after `-c`.
pub(super) const SHELL_PROGRAMS: [&str; 11] = [
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

/// The tool that writes to the standard input of a running process, and the parameter with the
/// text.
pub(super) const STDIN_TOOL: (&str, &str) = ("write_stdin", "chars");

/// Names of parameters that take a command, in order of preference, and what they reveal about a
/// tool of an unknown name.
pub(super) const COMMAND_PARAMETERS: [(&str, ParameterHint); 10] = [
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

/// What the name of a parameter reveals about its tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterHint {
    /// The tool is a shell.
    Shell,
    /// The tool is probably a shell.
    Perhaps,
    /// The tool is probably a shell if its description is about running commands.
    IfDescribed,
}

/// The form in which a parameter takes a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandForm {
    /// A string.
    Line,
    /// An argument vector.
    Words,
    /// A list of command lines.
    Lines,
}

/// The form in which this parameter takes a command; `None` if it takes none.
pub(super) fn command_form(
    name: &str,
    parameter: &SchemaReading<&serde_json::Value>,
) -> Option<CommandForm> {
    match (name, &parameter.kind) {
        (_, SchemaType::Text | SchemaType::Anything) => Some(CommandForm::Line),
        ("commands", SchemaType::List) => Some(CommandForm::Lines),
        ("cmd" | "command", SchemaType::List | SchemaType::Tuple) => Some(CommandForm::Words),
        // An enumeration selects what a tool does; it is no command line.
        _ => None,
    }
}

/// Whether a description is about running shell commands, rather than code in some language.
pub(super) fn describes_execution(tool: &Tool) -> bool {
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

/// What an argument beside the command is for, ordered by how likely a person is to need it. Some
/// agents list them alphabetically, which does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ArgumentRole {
    /// Working directory.
    Directory,
    /// Time limit.
    Timeout,
    /// Sandbox permissions.
    Permission,
    /// A justification or description.
    Reason,
    /// A rule for later approvals.
    Rule,
    /// Anything else.
    Other,
}

impl ArgumentRole {
    /// What an argument of this name is for.
    pub(crate) fn of(name: &str) -> Self {
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        match name {
            "workdir" | "cwd" | "working_directory" | "working_dir" | "workingDirectory"
            | "directory" | "dir" => Self::Directory,
            "justification" | "reason" | "description" | "explanation" | "purpose" => Self::Reason,
            "prefix_rule" => Self::Rule,
            _ if has(&["timeout", "yield_time"]) => Self::Timeout,
            _ if has(&["sandbox", "permission", "escalated"]) => Self::Permission,
            _ => Self::Other,
        }
    }
}
