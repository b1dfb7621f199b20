//! The tools of an agent as functions that any model can call, and its calls as the agent's own.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::arguments::{free_text, mended, value_of};
use crate::api::{Body, ShellTool, Tool};
use crate::hash::Hash;

/// The most characters that a name may have.
const MAX_LENGTH: usize = 64;

/// The parameter that takes the text of a free-form tool.
const INPUT: &str = "input";

/// A tool as a function.
#[derive(Debug)]
pub(super) struct Function {
    /// A name that every server takes.
    pub name: String,
    pub description: String,
    /// The JSON Schema of its arguments.
    pub parameters: Value,
    /// Whether the server is to hold the model to the schema.
    pub strict: bool,
}

/// What the names of the functions stand for.
#[derive(Debug, Default)]
pub(super) struct Toolbox {
    offered: Vec<OfferedTool>,
    by_name: HashMap<String, usize>,
    by_title: HashMap<String, usize>,
}

/// A tool that the model knows.
#[derive(Debug)]
struct OfferedTool {
    /// What the model calls it.
    name: String,
    title: String,
    letters: String,
    kind: ToolKind,
    own_name: String,
    namespace: Option<String>,
}

/// How an agent wants a tool to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ToolKind {
    Function,
    FreeForm,
    LocalShell,
    Shell,
}

impl ToolKind {
    /// The kind of a tool; `None` if neither the agent nor this program could run it.
    fn of(tool: &Tool) -> Option<Self> {
        let is_run_by_agent = || ShellTool::find(std::slice::from_ref(tool)).is_ok();
        match tool.kind.as_str() {
            "function" => Some(Self::Function),
            "" if !tool.name.is_empty() => Some(Self::Function),
            "custom" => Some(Self::FreeForm),
            "local_shell" => Some(Self::LocalShell),
            "shell" if is_run_by_agent() => Some(Self::Shell),
            _ => None,
        }
    }
}

impl Toolbox {
    /// The tools that a model can be told of, as functions. It does not learn of those that neither the
    /// agent nor this program could run.
    pub fn of(tools: &[Tool]) -> (Self, Vec<Function>) {
        let known = |tool| ToolKind::of(tool).map(|kind| (kind, tool));
        let offered: Vec<(ToolKind, &Tool)> = tools.iter().filter_map(known).collect();
        let names = names(&offered);
        let mut toolbox = Self::default();
        let mut functions = Vec::with_capacity(offered.len());
        for ((kind, tool), name) in offered.into_iter().zip(names) {
            functions.push(function(kind, tool, name.clone()));
            let place = toolbox.offered.len();
            toolbox.by_name.insert(name.clone(), place);
            toolbox.by_title.entry(tool.title()).or_insert(place);
            toolbox.offered.push(OfferedTool {
                name,
                letters: letters(&tool.title()),
                title: tool.title(),
                kind,
                own_name: tool.name.clone(),
                namespace: tool.namespace.clone(),
            });
        }
        (toolbox, functions)
    }

    /// The name of a tool for a person, by what the model calls it.
    pub fn title(&self, written: &str) -> String {
        let known = self.find(written).map(|known| known.title.clone());
        known.unwrap_or_else(|| written.to_owned())
    }

    /// Whether the model means a tool that was offered.
    pub fn knows(&self, written: &str) -> bool {
        self.find(written).is_some()
    }

    /// Whether it takes free text.
    pub(crate) fn is_free_form(&self, written: &str) -> bool {
        let kind = self.find(written).map(|known| known.kind);
        kind == Some(ToolKind::FreeForm)
    }

    /// The function that a call of the agent's history was of, and its arguments as JSON.
    pub(crate) fn function_of(&self, call: &Body) -> Option<(String, String)> {
        let arguments = match call {
            Body::FunctionCall { arguments, .. } => arguments.clone(),
            Body::CustomToolCall { input, .. } => json!({INPUT: input}).to_string(),
            Body::LocalShellCall {
                command,
                working_directory,
            } => {
                let mut arguments = json!({"command": command});
                if let Some(directory) = working_directory {
                    arguments["working_directory"] = json!(directory);
                }
                arguments.to_string()
            }
            Body::ShellCall {
                commands,
                timeout_ms,
                max_output_length,
            } => {
                let mut arguments = json!({"commands": commands});
                let limits = [
                    ("timeout_ms", timeout_ms),
                    ("max_output_length", max_output_length),
                ];
                for (name, limit) in limits {
                    if let Some(limit) = limit {
                        arguments[name] = json!(limit);
                    }
                }
                arguments.to_string()
            }
            Body::Message { .. } | Body::Reasoning { .. } => return None,
        };
        let title = call.full_tool_name()?;
        let known = self.by_title.get(title.as_ref());
        let name = match known.and_then(|place| self.offered.get(*place)) {
            Some(known) => known.name.clone(),
            // It was offered once.
            None => fitting(&title.replace('.', "__")),
        };
        Some((name, arguments))
    }

    /// The names by which the model knows tools that the agent calls so.
    pub(crate) fn names_of(&self, own_name: &str) -> Vec<&str> {
        let is_meant = |known: &&OfferedTool| match known.own_name.as_str() {
            "" => known.title == own_name,
            name => name == own_name || known.title == own_name,
        };
        let meant = self.offered.iter().filter(is_meant);
        meant.map(|known| known.name.as_str()).collect()
    }

    /// The call that the model means, as the agent is to get it. A tool that was not offered stays
    /// as it is written.
    pub fn call(&self, written: &str, arguments: &str) -> Body {
        let Some(known) = self.find(written) else {
            return Body::FunctionCall {
                namespace: None,
                name: written.to_owned(),
                arguments: mended(arguments),
            };
        };
        // What cannot be read is shown as it is.
        let unread = || Body::FunctionCall {
            namespace: None,
            name: known.title.clone(),
            arguments: arguments.to_owned(),
        };
        match known.kind {
            ToolKind::Function => Body::FunctionCall {
                namespace: known.namespace.clone(),
                name: known.own_name.clone(),
                arguments: mended(arguments),
            },
            ToolKind::FreeForm => Body::CustomToolCall {
                name: known.own_name.clone(),
                input: free_text(arguments, INPUT),
            },
            ToolKind::LocalShell => local_shell_call(arguments).unwrap_or_else(unread),
            ToolKind::Shell => shell_call(arguments).unwrap_or_else(unread),
        }
    }

    /// The tool that is meant by a name as the model has written it: models leave namespaces out, or
    /// write them in ways of their own.
    fn find(&self, written: &str) -> Option<&OfferedTool> {
        let known = |name: &str| {
            let place = self.by_name.get(name).or_else(|| self.by_title.get(name));
            place.and_then(|place| self.offered.get(*place))
        };
        if let Some(known) = known(written) {
            return Some(known);
        }
        let bare = written.trim();
        let bare = bare.strip_prefix("functions.").unwrap_or(bare);
        let letters = letters(bare);
        known(bare)
            .or_else(|| self.only(|known| known.own_name == bare))
            .or_else(|| self.only(|known| !letters.is_empty() && known.letters == letters))
    }

    /// The tool of which something is true, if it is only one.
    fn only(&self, is_meant: impl Fn(&OfferedTool) -> bool) -> Option<&OfferedTool> {
        let mut meant = self.offered.iter().filter(|known| is_meant(known));
        meant.next().filter(|_| meant.next().is_none())
    }
}

/// The letters and digits of a name, by which it is known whatever stands between them.
fn letters(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

fn is_valid(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_LENGTH).contains(&name.len()) && name.bytes().all(is_letter)
}

/// Names for tools, each of them once: their own where they can have them.
fn names(tools: &[(ToolKind, &Tool)]) -> Vec<String> {
    let own = |tool: &Tool| {
        if tool.name.is_empty() {
            tool.kind.clone()
        } else {
            tool.name.clone()
        }
    };
    let mut taken = HashSet::new();
    let mut names: Vec<Option<String>> = tools
        .iter()
        .map(|(_, tool)| {
            let name = own(tool);
            let is_free = tool.namespace.is_none() && is_valid(&name) && taken.insert(name.clone());
            is_free.then_some(name)
        })
        .collect();
    for (name, (_, tool)) in names.iter_mut().zip(tools) {
        if name.is_none() {
            let whole = match &tool.namespace {
                Some(namespace) => format!("{namespace}__{}", own(tool)),
                None => own(tool),
            };
            let found = free(&fitting(&whole), &taken);
            taken.insert(found.clone());
            *name = Some(found);
        }
    }
    names.into_iter().flatten().collect()
}

/// A name in the letters that every server takes, and not too long.
fn fitting(name: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
            c
        } else {
            '_'
        }
    };
    let fitting: String = name.chars().map(letter).collect();
    match fitting.len() {
        0 => "tool".into(),
        1..=MAX_LENGTH => fitting,
        _ => {
            let hash = Hash::of(name.as_bytes()).to_string();
            format!("{}_{}", &fitting[..MAX_LENGTH - 9], &hash[..8])
        }
    }
}

/// The name, or the first with a number behind it that is free.
fn free(name: &str, taken: &HashSet<String>) -> String {
    if !taken.contains(name) {
        return name.to_owned();
    }
    let numbered = (2_usize..).map(|number| {
        let number = format!("_{number}");
        let kept = name.len().min(MAX_LENGTH - number.len());
        format!("{}{number}", &name[..kept])
    });
    let mut numbered = numbered.filter(|name| !taken.contains(name));
    numbered.next().unwrap_or_default()
}

/// What the model is told of a tool.
fn function(kind: ToolKind, tool: &Tool, name: String) -> Function {
    let (description, parameters) = match kind {
        ToolKind::Function => {
            let parameters = parameters(tool);
            // Tools that others defined come without a description of their own.
            let described = parameters["description"].as_str().unwrap_or_default();
            let description = if tool.description.is_empty() {
                described.to_owned()
            } else {
                tool.description.clone()
            };
            (description, parameters)
        }
        ToolKind::FreeForm => (free_form_description(tool), free_form_parameters()),
        ToolKind::LocalShell => (
            "Runs a program on the machine of the user.".to_owned(),
            json!({"type": "object", "properties": {
                "command": {"type": "array", "items": {"type": "string"},
                    "description": "The program and its arguments, such as \
                        [\"bash\", \"-lc\", \"ls -l\"]."},
                "working_directory": {"type": "string",
                    "description": "Where to run it, if not where the user is."}},
                "required": ["command"]}),
        ),
        ToolKind::Shell => (
            "Runs commands in a shell on the machine of the user.".to_owned(),
            json!({"type": "object", "properties": {
                "commands": {"type": "array", "items": {"type": "string"},
                    "description": "The commands, each a whole line. They may run beside each \
                        other."},
                "timeout_ms": {"type": "integer", "minimum": 1,
                    "description": "How long they may take, in milliseconds."},
                "max_output_length": {"type": "integer", "minimum": 1,
                    "description": "How many characters of their output are wanted."}},
                "required": ["commands"]}),
        ),
    };
    Function {
        name,
        description,
        parameters,
        strict: tool.raw.get("strict").and_then(Value::as_bool) == Some(true),
    }
}

/// The schema of the arguments as it came, with what servers refuse to do without.
fn parameters(tool: &Tool) -> Value {
    let given = tool.parameters().filter(|schema| schema.is_object());
    let mut schema = given.cloned().unwrap_or_else(|| json!({"type": "object"}));
    if let Some(fields) = schema.as_object_mut()
        && fields.get("type").and_then(Value::as_str) == Some("object")
    {
        fields.entry("properties").or_insert_with(|| json!({}));
    }
    schema
}

/// What a free-form tool is, for a model that can write JSON only.
fn free_form_description(tool: &Tool) -> String {
    let format = tool.raw.get("format");
    let format = format.or_else(|| tool.raw.get("custom")?.get("format"));
    // Chat Completions has the grammar one level down.
    let grammar = format.map(|format| format.get("grammar").unwrap_or(format));
    let text = |key: &str| grammar.and_then(|grammar| grammar.get(key)?.as_str());
    let mut description = tool.description.clone();
    if !description.is_empty() {
        description.push_str("\n\n");
    }
    description.push_str(
        "The tool takes one free text, which is no JSON. Hand it over as the string `input` of the \
         arguments, with nothing around it, whatever is said above about JSON.",
    );
    if let Some(definition) = text("definition") {
        let syntax = text("syntax").unwrap_or("given");
        description.push_str(&format!(
            "\n\nThe text has to follow this {syntax} grammar:\n{definition}"
        ));
    }
    description
}

fn free_form_parameters() -> Value {
    json!({"type": "object",
        "properties": {INPUT: {"type": "string", "description": "The whole text for the tool."}},
        "required": [INPUT], "additionalProperties": false})
}

/// The words of a command, or a line for a shell.
fn command(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(line) => Some(vec!["bash".into(), "-lc".into(), line.clone()]),
        Value::Array(_) => texts(value),
        _ => None,
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let texts = match value {
        Value::String(text) => return Some(vec![text.clone()]),
        Value::Array(texts) => texts.iter(),
        _ => return None,
    };
    let texts: Option<Vec<String>> = texts.map(|text| Some(text.as_str()?.to_owned())).collect();
    texts.filter(|texts| !texts.is_empty())
}

fn local_shell_call(arguments: &str) -> Option<Body> {
    let arguments = value_of(arguments)?;
    let field = |names: &[&str]| names.iter().find_map(|name| arguments.get(*name)).cloned();
    let directory = field(&["working_directory", "workdir", "cwd"]);
    Some(Body::LocalShellCall {
        command: command(&field(&["command", "cmd", "commands"])?)?,
        working_directory: directory.and_then(|directory| Some(directory.as_str()?.to_owned())),
    })
}

fn shell_call(arguments: &str) -> Option<Body> {
    let arguments = value_of(arguments)?;
    let mut names = ["commands", "command", "cmd"].into_iter();
    let commands = names.find_map(|name| arguments.get(name))?;
    let number = |name: &str| arguments.get(name).and_then(Value::as_u64);
    Some(Body::ShellCall {
        commands: texts(commands)?,
        timeout_ms: number("timeout_ms"),
        max_output_length: number("max_output_length"),
    })
}
