//! Proposes rules for a decision that the person made, so that it need not be made again.

use serde_json::Value;

use super::pattern::excerpt;
use super::rule::SHELL;
use super::table::Kinds;
use super::{DraftKind, RuleAction, RuleTable, Rules, Subject};
use crate::api::{Body, command_in, is_shell};

/// Most bytes of a text that a proposed rule matches literally.
const MAX_LENGTH: usize = 1000;
/// Most characters in the name of a rule.
const MAX_NAME_LENGTH: usize = 40;
/// Programs that run other programs in their arguments.
const RUNNERS: [&str; 13] = [
    "sudo", "doas", "env", "xargs", "eval", "exec", "command", "nohup", "time", "timeout", "nice",
    "ssh", "find",
];
/// Arguments in a command line that runs no other program.
const PLAIN_ARGUMENTS: &str = r"(?:\s[^;&|<>$`(){}\\\n]*)?";

/// A rule that could be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// What it applies to, in words for the person.
    pub about: String,
    /// The rule.
    pub rule: RuleTable,
}

/// Rules that would have made this decision about an item, the most specific first. Each has a name
/// that is not in `rules`.
pub fn proposals(
    subject: &Subject<'_>,
    item: &Body,
    action: &RuleAction,
    rules: &Rules,
) -> Vec<Proposal> {
    let command = command_in(item, &subject.request.tools);
    let mut found = match (item, command) {
        (_, Some(command)) => of_command(&command, action),
        (Body::Message { .. }, _) => of_message(&item.words()),
        (Body::Reasoning { .. }, _) => vec![of_kind(DraftKind::Think, "any thoughts")],
        (call, None) => of_call(call),
    };
    for proposal in &mut found {
        let name = format!("{} {}", verb(action), proposal.rule.name.trim());
        proposal.rule.name = free_name(&name, rules);
        proposal.rule.action = Some(action.clone());
    }
    found
}

fn of_command(command: &str, action: &RuleAction) -> Vec<Proposal> {
    let rule = |argument: String| RuleTable {
        tool: Some(SHELL.into()),
        argument: Some(argument),
        ..RuleTable::default()
    };
    let exact = exact_pattern(command).map(|argument| Proposal {
        about: format!("the command {}", excerpt(command, 0..0)),
        rule: RuleTable {
            name: format!("exactly {}", short(command)),
            ..rule(argument)
        },
    });
    let by_program = program_of(command).and_then(|program| {
        let name = escape(program);
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let edge = |is_so| if is_so { r"\b" } else { "" };
        let (argument, about) = match action {
            // The program name alone says little about a line that also runs other programs.
            RuleAction::Send if is_shell(program) || RUNNERS.contains(&program) => return None,
            RuleAction::Send => (
                format!("^{name}{PLAIN_ARGUMENTS}$"),
                format!("a line that runs {program} and nothing else"),
            ),
            _ => {
                let before = edge(program.starts_with(is_word));
                let after = edge(program.ends_with(is_word));
                (
                    format!("{before}{name}{after}"),
                    format!("any command with {program}"),
                )
            }
        };
        Some(Proposal {
            about,
            rule: RuleTable {
                name: program.into(),
                ..rule(argument)
            },
        })
    });
    exact.into_iter().chain(by_program).collect()
}

fn of_message(text: &str) -> Vec<Proposal> {
    let exact = exact_pattern(text).map(|expression| Proposal {
        about: format!("the message {}", excerpt(text, 0..0)),
        rule: RuleTable {
            name: format!("exactly {}", short(text)),
            text: Some(expression),
            ..RuleTable::default()
        },
    });
    let all = of_kind(DraftKind::Message, "any message");
    exact.into_iter().chain([all]).collect()
}

fn of_kind(kind: DraftKind, about: &str) -> Proposal {
    Proposal {
        about: about.into(),
        rule: RuleTable {
            name: about.into(),
            kind: Kinds(vec![kind]),
            ..RuleTable::default()
        },
    }
}

fn of_call(call: &Body) -> Vec<Proposal> {
    let Some(name) = call.full_tool_name() else {
        return Vec::new();
    };
    let rule = || RuleTable {
        name: name.clone().into_owned(),
        tool: Some(format!("^{}$", escape(&name))),
        ..RuleTable::default()
    };
    let telling = identifying_argument(call);
    let exact = telling.and_then(|(parameter, text)| {
        let what = parameter.as_deref().unwrap_or("argument");
        Some(Proposal {
            about: format!("{name} with {what} {}", excerpt(&text, 0..0)),
            rule: RuleTable {
                name: format!("{name} {}", short(&text)),
                argument: Some(exact_pattern(&text)?),
                parameter,
                ..rule()
            },
        })
    });
    let all = Proposal {
        about: format!("any call of {name}"),
        rule: rule(),
    };
    exact.into_iter().chain([all]).collect()
}

/// The argument that distinguishes a call from others of the same tool: the first single-line text,
/// which is a path in most tools; else all arguments.
fn identifying_argument(call: &Body) -> Option<(Option<String>, String)> {
    let arguments = match call {
        Body::FunctionCall { arguments, .. } => arguments,
        call => return Some((None, call.words().into_owned())),
    };
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    let mut texts = arguments.as_object()?.iter();
    let (name, text) = texts.find_map(|(name, value)| {
        let text = value.as_str()?;
        let is_line = !text.is_empty() && !text.contains('\n');
        is_line.then(|| (name.clone(), text.to_owned()))
    })?;
    Some((Some(name), text))
}

/// The expression that matches exactly this text; `None` if it is too long to be readable.
fn exact_pattern(text: &str) -> Option<String> {
    let is_told = !text.is_empty() && text.len() <= MAX_LENGTH;
    is_told.then(|| format!("^{}$", escape(text)))
}

/// Escapes a text for an expression, with no more backslashes than needed.
fn escape(text: &str) -> String {
    let mut escaped = regex::escape(text);
    for plain in ["-", "#", "&", "~"] {
        escaped = escaped.replace(&format!("\\{plain}"), plain);
    }
    escaped
}

/// The program of a command, after variables that are set for it.
fn program_of(command: &str) -> Option<&str> {
    let is_variable = |word: &&str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let mut words = command.split_whitespace().skip_while(is_variable);
    words.next().filter(|word| word.len() <= MAX_LENGTH)
}

/// The beginning of the first line of a text.
fn short(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let line = line.chars().filter(|c| !c.is_control());
    line.take(MAX_NAME_LENGTH).collect()
}

fn verb(action: &RuleAction) -> &'static str {
    match action {
        RuleAction::Hold => "hold",
        RuleAction::Send => "send",
        RuleAction::Reject(_) => "reject",
        RuleAction::Answer(_) => "answer",
        RuleAction::Draft(_) => "draft",
    }
}

/// This name, with a number appended if another rule has it.
pub(crate) fn free_name(name: &str, rules: &Rules) -> String {
    let name = name.trim();
    let is_free = |name: &String| !rules.names().any(|known| known == name);
    let numbered = (2..).map(|number| format!("{name} {number}"));
    let mut names = [name.to_owned()].into_iter().chain(numbered);
    names.find(is_free).unwrap_or_default()
}
