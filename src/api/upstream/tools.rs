//! Converts the tools of an agent to functions that any model can call, and calls of those back to
//! calls of the agent's tools.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::arguments::{free_text, repaired, value_of};
use crate::api::{Body, ShellTool, Tool};
use crate::hash::Hash;

/// Most characters of a function name.
const MAX_LENGTH: usize = 64;

/// The parameter for the input of a free-form tool.
const INPUT: &str = "input";

/// A tool as a function.
#[derive(Debug)]
pub(super) struct Function {
    /// A name that every server accepts.
    pub name: String,
    pub description: String,
    /// The JSON Schema of its arguments.
    pub parameters: Value,
    /// Whether the server is to enforce the schema.
    pub strict: bool,
}

/// The offered tools, by the names of their functions.
#[derive(Debug, Default)]
pub(super) struct Toolbox {
    offered: Vec<OfferedTool>,
    by_name: HashMap<String, usize>,
    by_title: HashMap<String, usize>,
}

/// A tool that is offered to the model.
#[derive(Debug)]
struct OfferedTool {
    /// Name of its function.
    name: String,
    title: String,
    normalized_title: String,
    kind: ToolKind,
    own_name: String,
    namespace: Option<String>,
}

/// The kind of call that a tool takes.
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
    /// The functions for a list of tools, without those that neither the agent nor this program
    /// could run.
    pub(super) fn of(tools: &[Tool]) -> (Self, Vec<Function>) {
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
                normalized_title: normalized(&tool.title()),
                title: tool.title(),
                kind,
                own_name: tool.name.clone(),
                namespace: tool.namespace.clone(),
            });
        }
        (toolbox, functions)
    }

    /// The title of a tool for display, by the function name that the model wrote.
    pub(super) fn title(&self, written: &str) -> String {
        let known = self.find(written).map(|known| known.title.clone());
        known.unwrap_or_else(|| written.to_owned())
    }

    /// Whether this function name means an offered tool.
    pub(super) fn knows(&self, written: &str) -> bool {
        self.find(written).is_some()
    }

    /// Whether this function name means a free-form tool.
    pub(crate) fn is_free_form(&self, written: &str) -> bool {
        let kind = self.find(written).map(|known| known.kind);
        kind == Some(ToolKind::FreeForm)
    }

    /// The function name and JSON arguments for a call in the agent's history.
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
            // Offered by an earlier request.
            None => sanitized_name(&title.replace('.', "__")),
        };
        Some((name, arguments))
    }

    /// The function names of the agent's tools with this name.
    pub(crate) fn names_of(&self, own_name: &str) -> Vec<&str> {
        let is_meant = |known: &&OfferedTool| match known.own_name.as_str() {
            "" => known.title == own_name,
            name => name == own_name || known.title == own_name,
        };
        let meant = self.offered.iter().filter(is_meant);
        meant.map(|known| known.name.as_str()).collect()
    }

    /// The call of the agent's tool for a call that the model wrote. The name of an unknown tool is
    /// kept.
    pub(super) fn call(&self, written: &str, arguments: &str) -> Body {
        let Some(known) = self.find(written) else {
            return Body::FunctionCall {
                namespace: None,
                name: written.to_owned(),
                arguments: repaired(arguments),
            };
        };
        // Arguments that cannot be parsed are kept as they are.
        let unread = || Body::FunctionCall {
            namespace: None,
            name: known.title.clone(),
            arguments: arguments.to_owned(),
        };
        match known.kind {
            ToolKind::Function => Body::FunctionCall {
                namespace: known.namespace.clone(),
                name: known.own_name.clone(),
                arguments: repaired(arguments),
            },
            ToolKind::FreeForm => Body::CustomToolCall {
                name: known.own_name.clone(),
                input: free_text(arguments, INPUT),
            },
            ToolKind::LocalShell => local_shell_call(arguments).unwrap_or_else(unread),
            ToolKind::Shell => shell_call(arguments).unwrap_or_else(unread),
        }
    }

    /// Finds the tool for a name that the model wrote: models leave namespaces out, or join them in
    /// ways of their own.
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
        let letters = normalized(bare);
        known(bare)
            .or_else(|| self.find_unique(|known| known.own_name == bare))
            .or_else(|| {
                self.find_unique(|known| !letters.is_empty() && known.normalized_title == letters)
            })
    }

    /// The only tool that matches; `None` if several do.
    fn find_unique(&self, is_meant: impl Fn(&OfferedTool) -> bool) -> Option<&OfferedTool> {
        let mut meant = self.offered.iter().filter(|known| is_meant(known));
        meant.next().filter(|_| meant.next().is_none())
    }
}

/// A name reduced to letters and digits, for comparison whatever separators are used.
fn normalized(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

fn is_valid(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_LENGTH).contains(&name.len()) && name.bytes().all(is_letter)
}

/// Unique function names for tools: their own if possible.
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
            let found = unique_name(&sanitized_name(&whole), &taken);
            taken.insert(found.clone());
            *name = Some(found);
        }
    }
    names.into_iter().flatten().collect()
}

/// A name with only characters that every server accepts, and not too long.
fn sanitized_name(name: &str) -> String {
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

/// The name, or the name with the first free number appended.
fn unique_name(name: &str, taken: &HashSet<String>) -> String {
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

/// The function for a tool.
fn function(kind: ToolKind, tool: &Tool, name: String) -> Function {
    let (description, parameters) = match kind {
        ToolKind::Function => {
            let parameters = parameters(tool);
            // Built-in tools come without a description.
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

/// The schema of the arguments, with keywords added that servers require.
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

/// The description of a free-form tool, for a model that can only write JSON.
fn free_form_description(tool: &Tool) -> String {
    let format = tool.raw.get("format");
    let format = format.or_else(|| tool.raw.get("custom")?.get("format"));
    // Chat Completions nests the grammar one level deeper.
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

/// An argument vector: the words given, or a shell that runs the line given.
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
