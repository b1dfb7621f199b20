//! Finds the tool that runs shell commands among those that a client offers, and makes and reads
//! its calls.

mod known;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use self::known::{
    COMMAND_KEYS, COMMAND_PARAMETERS, CommandForm, ParameterHint, SHELL_PROGRAMS, SHELL_TOOL_NAMES,
    STDIN_TOOL,
};
use super::{Body, Property, SchemaType, Tool, ToolList, is_too_large_for_tree};

pub(crate) use self::known::ArgumentRole;

/// The tool of a request that runs a shell command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShellTool {
    name: String,
    namespace: Option<String>,
    shape: CallShape,
    /// The schema of the other arguments. Not stored: it is not needed to make a call.
    #[serde(skip)]
    options: Option<Value>,
    /// Default values of required arguments.
    #[serde(skip)]
    required: Vec<(String, DefaultValue)>,
    /// Whether it is only guessed to be a shell.
    #[serde(skip)]
    is_guess: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CallShape {
    /// The command is a string in this parameter.
    Line(String),
    /// The command is an array of words in this parameter.
    Words(String),
    /// The command is the only element of an array in this parameter: several might run in parallel
    /// in shells of their own, which lines typed one after the other do not expect.
    Lines(String),
    /// The built-in tool of older Codex versions, called with an item type of its own.
    LocalShell,
    /// The built-in tool of OpenAI that the client runs, called with an item type of its own.
    Shell,
}

/// The default value of a required argument.
#[derive(Debug, Clone, PartialEq)]
enum DefaultValue {
    /// A constant.
    Value(Value),
    /// The first line of the command.
    FirstLine,
}

/// The request offers no tool that runs a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this request offers no shell")]
pub struct NoShellTool;

impl ShellTool {
    /// Finds the shell among the tools of a request: one of the known names, else a built-in one,
    /// else any function with a `cmd` or `command` parameter, else one that looks like a shell.
    ///
    /// # Errors
    ///
    /// [`NoShellTool`] if none of the tools takes a command.
    pub fn find(tools: &[Tool]) -> Result<Self, NoShellTool> {
        let functions = || tools.iter().filter(|tool| tool.kind == "function");
        let named = |name: &&str| {
            let mut plain = functions().filter(|tool| tool.namespace.is_none());
            plain.find(|tool| tool.name == *name)
        };
        let known = SHELL_TOOL_NAMES.iter().filter_map(named);
        let by =
            |says: ParameterHint| move |tool: &Tool| Self::from_function(tool, |own| own == says);
        known
            .filter_map(|tool| Self::from_function(tool, |_| true))
            .next()
            .or_else(|| tools.iter().find_map(Self::built_in))
            .or_else(|| functions().find_map(by(ParameterHint::Shell)))
            .or_else(|| {
                let described = functions().filter(|tool| known::describes_execution(tool));
                let mut guesses = functions()
                    .filter_map(by(ParameterHint::Perhaps))
                    .chain(described.filter_map(by(ParameterHint::IfDescribed)));
                let guess = guesses.next()?;
                Some(Self {
                    is_guess: true,
                    ..guess
                })
            })
            .ok_or(NoShellTool)
    }

    /// Recognizes a built-in tool that the client runs, whose calls have an item type of their own.
    fn built_in(tool: &Tool) -> Option<Self> {
        let environment = tool.raw.get("environment").filter(|it| !it.is_null());
        let is_local = environment.is_none_or(|it| it["type"] == "local");
        let (shape, properties) = match tool.kind.as_str() {
            "local_shell" => (
                CallShape::LocalShell,
                json!({"working_directory": {"type": "string"}}),
            ),
            "shell" if is_local => (
                CallShape::Shell,
                json!({"timeout_ms": {"type": "integer", "minimum": 1},
                    "max_output_length": {"type": "integer", "minimum": 1}}),
            ),
            _ => return None,
        };
        Some(Self {
            name: tool.kind.clone(),
            namespace: None,
            shape,
            options: Some(json!({"type": "object", "properties": properties})),
            required: Vec::new(),
            is_guess: false,
        })
    }

    /// Makes a shell of a function, by the first known command parameter whose hint is wanted.
    fn from_function(tool: &Tool, is_wanted: impl Fn(ParameterHint) -> bool) -> Option<Self> {
        let arguments = tool.reading()?;
        let parameters = COMMAND_PARAMETERS
            .iter()
            .filter(|(_, says)| is_wanted(*says));
        let (parameter, takes) = parameters
            .filter_map(|(name, _)| {
                Some((
                    *name,
                    known::command_form(name, &arguments.property(name)?)?,
                ))
            })
            .next()?;
        let others = arguments.properties().into_iter();
        let required: Vec<(String, DefaultValue)> = others
            .filter(|other| other.required && other.name != parameter)
            .filter_map(|other| Some((other.name.clone(), default_for(&other)?)))
            .collect();
        let name = parameter.to_owned();
        Some(Self {
            name: tool.name.clone(),
            namespace: tool.namespace.clone(),
            shape: match takes {
                CommandForm::Line => CallShape::Line(name),
                CommandForm::Words => CallShape::Words(name),
                CommandForm::Lines => CallShape::Lines(name),
            },
            options: options(tool, parameter, &required),
            required,
            is_guess: false,
        })
    }

    /// The name of the tool.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The command parameter, if it is only guessed that this is a shell.
    pub(crate) fn guessed_parameter(&self) -> Option<&str> {
        self.parameter().filter(|_| self.is_guess)
    }

    /// The command parameter of a function.
    fn parameter(&self) -> Option<&str> {
        match &self.shape {
            CallShape::Line(parameter)
            | CallShape::Words(parameter)
            | CallShape::Lines(parameter) => Some(parameter),
            CallShape::LocalShell | CallShape::Shell => None,
        }
    }

    /// The JSON Schema of the other arguments: working directory, escalation, timeouts; `None` if
    /// there are none.
    pub fn options(&self) -> Option<&Value> {
        self.options.as_ref()
    }

    /// The call that runs `command`, with `options` as [`Self::options`] describes them.
    pub fn call(&self, command: &str, options: &Map<String, Value>) -> Body {
        let words = || vec!["bash".to_owned(), "-lc".to_owned(), command.to_owned()];
        let number = |name: &str| options.get(name).and_then(Value::as_u64);
        let mut arguments = Map::new();
        match &self.shape {
            CallShape::LocalShell => {
                let workdir = options.get("working_directory").and_then(Value::as_str);
                return Body::LocalShellCall {
                    command: words(),
                    working_directory: workdir.map(str::to_owned),
                };
            }
            CallShape::Shell => {
                return Body::ShellCall {
                    commands: vec![command.to_owned()],
                    timeout_ms: number("timeout_ms"),
                    max_output_length: number("max_output_length"),
                };
            }
            CallShape::Line(parameter) => arguments.insert(parameter.clone(), command.into()),
            CallShape::Words(parameter) => arguments.insert(parameter.clone(), words().into()),
            CallShape::Lines(parameter) => {
                arguments.insert(parameter.clone(), vec![command].into())
            }
        };
        arguments.extend(options.clone());
        for (name, given) in &self.required {
            arguments.entry(name).or_insert_with(|| match given {
                DefaultValue::Value(value) => value.clone(),
                DefaultValue::FirstLine => command.lines().next().unwrap_or_default().into(),
            });
        }
        Body::FunctionCall {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            arguments: Value::Object(arguments).to_string(),
        }
    }
}

impl ShellTool {
    /// The commands that a call of this tool runs, each with its other arguments: the inverse of
    /// [`Self::call`]. `None` for any other call, and for one that [`Self::call`] could not make.
    pub(crate) fn commands_of(&self, call: &Body) -> Option<Vec<(String, Map<String, Value>)>> {
        let found = match (call, &self.shape) {
            (
                Body::LocalShellCall {
                    command,
                    working_directory,
                },
                CallShape::LocalShell,
            ) => {
                let workdir = working_directory.clone().map(Value::from);
                let workdir = workdir.map(|workdir| ("working_directory".to_owned(), workdir));
                vec![(script(command)?.to_owned(), workdir.into_iter().collect())]
            }
            (
                Body::ShellCall {
                    commands,
                    timeout_ms,
                    max_output_length,
                },
                CallShape::Shell,
            ) => {
                let limits = [
                    ("timeout_ms", timeout_ms),
                    ("max_output_length", max_output_length),
                ];
                let limits = limits.into_iter();
                let options: Map<String, Value> = limits
                    .filter_map(|(name, limit)| Some((name.to_owned(), (*limit)?.into())))
                    .collect();
                let commands = commands.iter();
                commands
                    .map(|command| (command.clone(), options.clone()))
                    .collect()
            }
            (
                Body::FunctionCall {
                    namespace,
                    name,
                    arguments,
                },
                CallShape::Line(parameter)
                | CallShape::Words(parameter)
                | CallShape::Lines(parameter),
            ) if *name == self.name && *namespace == self.namespace => {
                vec![self.command_in(parameter, arguments)?]
            }
            _ => return None,
        };
        // A line break at the end is dropped.
        let is_kept =
            |(command, _): &(String, _)| !command.trim().is_empty() && !command.ends_with('\n');
        (!found.is_empty() && found.iter().all(is_kept)).then_some(found)
    }

    /// The command in the incomplete arguments of a call that is being streamed; `None` if it has
    /// not begun, or cannot be recognized.
    pub fn partial_command(&self, arguments: &str) -> Option<String> {
        let (CallShape::Line(parameter)
        | CallShape::Words(parameter)
        | CallShape::Lines(parameter)) = &self.shape
        else {
            return None;
        };
        let (_, after) = arguments.split_once(&format!("\"{parameter}\""))?;
        let value = after.trim_start().strip_prefix(':')?.trim_start();
        let text = value.strip_prefix('"')?;
        let mut characters = text.char_indices();
        let mut end = text.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    end = at;
                    break;
                }
                // An incomplete escape is left out.
                '\\' => match characters.next() {
                    Some((_, 'u')) if text.len() < at + 6 => {
                        end = at;
                        break;
                    }
                    Some(_) => {}
                    None => {
                        end = at;
                        break;
                    }
                },
                _ => {}
            }
        }
        serde_json::from_str(&format!("\"{}\"", &text[..end])).ok()
    }

    fn command_in(&self, parameter: &str, arguments: &str) -> Option<(String, Map<String, Value>)> {
        let said: Map<String, Value> = serde_json::from_str(arguments).ok()?;
        let mut options = said.clone();
        let command = match options.shift_remove(parameter)? {
            Value::String(line) => line,
            Value::Array(words) => {
                let words: Option<Vec<String>> = words
                    .into_iter()
                    .map(|word| word.as_str().map(str::to_owned))
                    .collect();
                let words = words?;
                match &self.shape {
                    CallShape::Words(_) => script(&words)?.to_owned(),
                    _ => words.into_iter().next()?,
                }
            }
            _ => return None,
        };
        let Body::FunctionCall { arguments, .. } = self.call(&command, &options) else {
            return None;
        };
        let again: Map<String, Value> = serde_json::from_str(&arguments).ok()?;
        (again == said).then_some((command, options))
    }
}

/// The script in an argument vector of the form that [`ShellTool::call`] makes.
fn script(words: &[String]) -> Option<&str> {
    match words {
        [shell, flag, script] if shell == "bash" && flag == "-lc" => Some(script),
        _ => None,
    }
}

/// The default for a required parameter; `None` if only the person can give it.
fn default_for(parameter: &Property<&Value>) -> Option<DefaultValue> {
    let reading = parameter.schema.read();
    if let Some(default) = reading.default() {
        return Some(DefaultValue::Value(default.clone()));
    }
    match reading.kind {
        _ if reading.nullable => Some(DefaultValue::Value(Value::Null)),
        SchemaType::Boolean => Some(DefaultValue::Value(false.into())),
        SchemaType::Text if ArgumentRole::of(&parameter.name) == ArgumentRole::Reason => {
            Some(DefaultValue::FirstLine)
        }
        _ => None,
    }
}

/// The schema of a shell function without the command, in which arguments with a default are not
/// required.
fn options(tool: &Tool, command: &str, given: &[(String, DefaultValue)]) -> Option<Value> {
    let mut schema = tool.parameters()?.clone();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != command && !given.iter().any(|(given, _)| name == given));
    }
    let properties = schema.get_mut("properties")?.as_object_mut()?;
    properties.shift_remove(command);
    (!properties.is_empty()).then_some(schema)
}

/// The command lines in the arguments of a call of any known shell, for display, and its other
/// arguments in words.
pub(crate) fn commands_of(arguments: &str) -> Option<(Vec<String>, Vec<String>)> {
    if is_too_large_for_tree(arguments) {
        return None;
    }
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    let arguments = arguments.as_object()?;
    let mut keys = COMMAND_KEYS.into_iter();
    let key = keys.find(|key| arguments.contains_key(*key))?;
    let commands = lines_of(key, arguments.get(key)?)?;
    let others = arguments.iter().filter(|(name, _)| *name != key);
    let others = others.map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        value => format!("{name} {value}"),
    });
    Some((commands, others.collect()))
}

/// The command line of an argument vector; only the script if a shell is to run one.
pub(crate) fn command_line(words: &[&str]) -> String {
    match words {
        [shell, flag, script] if is_shell(shell) && matches!(*flag, "-c" | "-lc" | "-Command") => {
            (*script).into()
        }
        words => words.join(" "),
    }
}

/// Whether a program of this path is a shell: `sh`, `/bin/bash`, `powershell.exe`.
pub(crate) fn is_shell(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    SHELL_PROGRAMS.contains(&name.strip_suffix(".exe").unwrap_or(name))
}

/// The command that a call runs, as a person would type it; several commands are lines. `None` if
/// the tool runs no commands. Arguments that cannot be parsed are returned as they are.
pub(crate) fn command_in<'a>(call: &'a Body, tools: &ToolList) -> Option<Cow<'a, str>> {
    let (namespace, name, arguments) = match call {
        Body::FunctionCall {
            namespace,
            name,
            arguments,
        } => (namespace, name, arguments),
        Body::CustomToolCall { name, input } => {
            return SHELL_TOOL_NAMES
                .contains(&name.as_str())
                .then_some(input.into());
        }
        Body::LocalShellCall { command, .. } => {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            return Some(command_line(&words).into());
        }
        Body::ShellCall { commands, .. } => return Some(commands.join("\n").into()),
        Body::Message { .. } | Body::Reasoning { .. } => return None,
    };
    let value = Some(arguments).filter(|arguments| !is_too_large_for_tree(arguments));
    let value: Option<Value> = value.and_then(|arguments| serde_json::from_str(arguments).ok());
    let typed = |parameter: &str| {
        let value = value.as_ref().and_then(|value| value.get(parameter));
        value.and_then(|value| Some(lines_of(parameter, value)?.join("\n")))
    };
    if name == STDIN_TOOL.0 {
        return typed(STDIN_TOOL.1)
            .filter(|keys| !keys.is_empty())
            .map(Cow::Owned);
    }
    let is_known = SHELL_TOOL_NAMES.contains(&name.as_str());
    let is_called = |tool: &&Tool| tool.name == *name && tool.namespace == *namespace;
    let mut functions = tools.tools().iter().filter(|tool| tool.kind == "function");
    let offered = functions.find(is_called);
    let is_wanted = |says| is_known || says == ParameterHint::Shell;
    let shell = offered.and_then(|tool| ShellTool::from_function(tool, is_wanted));
    let guess = tools.shell().ok().filter(|_| shell.is_none());
    let guess = guess.filter(|shell| shell.name == *name && shell.namespace == *namespace);
    let own = shell.as_ref().or(guess).and_then(ShellTool::parameter);
    let found = own.and_then(typed).or_else(|| {
        // A tool that is not offered, or is called in another way, is recognized by its arguments.
        let is_asked = own.is_some() || is_known || offered.is_none();
        is_asked.then(|| COMMAND_KEYS.into_iter().find_map(typed))?
    });
    let is_shell = own.is_some() || is_known;
    let found = found.or_else(|| is_shell.then(|| unescaped(arguments)));
    found.map(Cow::Owned)
}

/// Roughly unescapes broken JSON.
fn unescaped(text: &str) -> String {
    let escapes = [("\\n", "\n"), ("\\t", "\t"), ("\\\"", "\"")];
    let fold = |text: String, (from, to): (&str, &str)| text.replace(from, to);
    escapes.into_iter().fold(text.to_owned(), fold)
}

/// The command lines in an argument.
fn lines_of(parameter: &str, value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(line) => Some(vec![line.clone()]),
        Value::Array(words) => {
            let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
            let words = words.filter(|words| !words.is_empty())?;
            Some(match parameter {
                "commands" => words.into_iter().map(str::to_owned).collect(),
                _ => vec![command_line(&words)],
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::responses::read_tools;
    use super::*;

    fn call(tools: Value, workdir: Option<&str>) -> Result<Body, NoShellTool> {
        let tools = read_tools(&tools.to_string());
        let shell = ShellTool::find(&tools)?;
        let names = shell
            .options()
            .and_then(|schema| schema.get("properties")?.as_object());
        let name = names.and_then(|names| names.keys().next()).cloned();
        let options = name
            .zip(workdir)
            .map(|(name, workdir)| (name, json!(workdir)));
        Ok(shell.call("ls 'a b'", &options.into_iter().collect()))
    }

    fn function(name: &str, properties: Value) -> Value {
        json!({"type": "function", "name": name,
            "parameters": {"type": "object", "properties": properties}})
    }

    #[test]
    fn a_command_is_read_while_it_is_written() {
        let tools = json!([function("exec_command", json!({"cmd": {"type": "string"}}))]);
        let shell = ShellTool::find(&read_tools(&tools.to_string())).unwrap();
        for (arguments, command) in [
            ("{\"workdir\": \"/srv\", \"cmd\"", None),
            (r#"{"cmd": "#, None),
            (r#"{"cmd": ["ls"#, None),
            (r#"{"cmd": "ls -l"#, Some("ls -l")),
            (r#"{"cmd": "a\"#, Some("a")),
            (r#"{"cmd": "a\u00"#, Some("a")),
            (r#"{"cmd": "a\u00e9\n\"b\""#, Some("aé\n\"b\"")),
            (r#"{"cmd": "ls", "workdir": "x"#, Some("ls")),
        ] {
            assert_eq!(
                shell.partial_command(arguments).as_deref(),
                command,
                "{arguments}"
            );
        }
    }

    #[test]
    fn every_shell_is_called_in_its_own_shape() {
        let line = json!({"type": "string"});
        let words = json!({"type": "array", "items": {"type": "string"}});
        let table = [
            (
                function("exec_command", json!({"cmd": line, "workdir": line})),
                json!({"cmd": "ls 'a b'", "workdir": "/tmp"}),
            ),
            (
                function("shell_command", json!({"command": line, "workdir": line})),
                json!({"command": "ls 'a b'", "workdir": "/tmp"}),
            ),
            (
                function("shell", json!({"command": words, "workdir": line})),
                json!({"command": ["bash", "-lc", "ls 'a b'"], "workdir": "/tmp"}),
            ),
            (
                function("container.exec", json!({"command": words})),
                json!({"command": ["bash", "-lc", "ls 'a b'"]}),
            ),
            (
                function(
                    "run_it",
                    json!({"command": {"type": ["string", "null"]}, "cwd": line}),
                ),
                json!({"command": "ls 'a b'", "cwd": "/tmp"}),
            ),
        ];
        for (tool, expected) in table {
            let name = tool["name"].as_str().unwrap().to_owned();
            let item = call(json!([{"type": "web_search"}, tool]), Some("/tmp")).unwrap();
            let Body::FunctionCall {
                name: called,
                arguments,
                ..
            } = item
            else {
                panic!("{name}: {item:?}");
            };
            assert_eq!(called, name);
            assert_eq!(
                serde_json::from_str::<Value>(&arguments).unwrap(),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn the_built_in_shell_has_an_item_of_its_own() {
        assert_eq!(
            call(json!([{"type": "local_shell"}]), Some("/tmp")),
            Ok(Body::LocalShellCall {
                command: vec!["bash".into(), "-lc".into(), "ls 'a b'".into()],
                working_directory: Some("/tmp".into()),
            })
        );
    }

    /// The shells of agents, as they offer them, and what runs `ls 'a b'` in `/tmp` there.
    #[test]
    fn the_shells_of_agents_are_called_as_they_want() {
        let line = json!({"type": "string"});
        let (number, flag) = (json!({"type": "number"}), json!({"type": "boolean"}));
        let lines = json!({"type": "array", "items": line});
        let needs = |mut tool: Value, required: &[&str]| {
            tool["parameters"]["required"] = json!(required);
            tool["parameters"]["additionalProperties"] = json!(false);
            tool
        };
        let table = [
            // Claude Code, which has no directory.
            (
                needs(
                    function(
                        "Bash",
                        json!({"command": line, "timeout": number, "description": line,
                            "run_in_background": flag, "dangerouslyDisableSandbox": flag}),
                    ),
                    &["command"],
                ),
                json!({"command": "ls 'a b'"}),
                None,
            ),
            (
                needs(
                    function(
                        "bash",
                        json!({"command": line, "timeout": number, "workdir": line,
                            "description": line}),
                    ),
                    &["command", "description"],
                ),
                json!({"command": "ls 'a b'", "workdir": "/tmp", "description": "ls 'a b'"}),
                Some("workdir"),
            ),
            (
                needs(
                    function(
                        "run_shell_command",
                        json!({"command": line, "is_background": flag, "timeout": number,
                            "description": line, "directory": line}),
                    ),
                    &["command", "is_background"],
                ),
                json!({"command": "ls 'a b'", "directory": "/tmp", "is_background": false}),
                Some("directory"),
            ),
            (
                needs(
                    function("run_commands", json!({"commands": lines})),
                    &["commands"],
                ),
                json!({"commands": ["ls 'a b'"]}),
                None,
            ),
        ];
        for (tool, expected, directory) in table {
            let other = function("Monitor", json!({"command": line, "until": line}));
            let tools = read_tools(&json!([other, tool]).to_string());
            let shell = ShellTool::find(&tools).unwrap();
            let options = directory.map(|name: &str| (name.to_owned(), json!("/tmp")));
            let call = shell.call("ls 'a b'", &options.into_iter().collect());
            let Body::FunctionCall {
                name, arguments, ..
            } = call
            else {
                panic!("{call:?}");
            };
            assert_eq!(json!(name), tool["name"]);
            let arguments: Value = serde_json::from_str(&arguments).unwrap();
            assert_eq!(arguments, expected);
            assert_eq!(shell.guessed_parameter(), None);
            let validator = jsonschema::validator_for(&tool["parameters"]).unwrap();
            assert!(validator.is_valid(&arguments), "{arguments}");
        }
    }

    #[test]
    fn lines_that_are_typed_together_run_together() {
        let lines = json!({"type": "array", "items": {"type": "string"}});
        let tools = json!([function("run_commands", json!({"commands": lines}))]);
        let shell = ShellTool::find(&read_tools(&tools.to_string())).unwrap();
        let called = |text: &str| match shell.call(text, &Map::new()) {
            Body::FunctionCall { arguments, .. } => arguments,
            other => panic!("{other:?}"),
        };
        assert_eq!(called("ls"), r#"{"commands":["ls"]}"#);
        assert_eq!(called("cd a\nls"), r#"{"commands":["cd a\nls"]}"#);
    }

    #[test]
    fn the_shell_of_openai_is_called_where_the_client_runs_it() {
        let find = |tool: Value| ShellTool::find(&read_tools(&json!([tool]).to_string()));
        for tool in [
            json!({"type": "shell"}),
            json!({"type": "shell", "environment": null}),
            json!({"type": "shell", "environment": {"type": "local"}}),
        ] {
            let shell = find(tool).unwrap();
            let options = json!({"timeout_ms": 500});
            let options = options.as_object().unwrap();
            assert_eq!(
                shell.call("ls\npwd", options),
                Body::ShellCall {
                    commands: vec!["ls\npwd".into()],
                    timeout_ms: Some(500),
                    max_output_length: None,
                }
            );
        }
        let hosted = json!({"type": "shell", "environment": {"type": "container_auto"}});
        assert_eq!(find(hosted), Err(NoShellTool));
    }

    #[test]
    fn what_looks_like_a_shell_is_a_guess_and_what_does_not_is_none() {
        let find = |name: &str, about: &str, properties: Value| {
            let mut tool = function(name, properties);
            tool["description"] = json!(about);
            ShellTool::find(&read_tools(&json!([tool]).to_string()))
        };
        let line = json!({"type": "string"});
        let lines = json!({"type": "array", "items": line});
        for (name, about, properties, by) in [
            ("do_it", "", json!({"bash": line}), "bash"),
            ("sandbox", "", json!({"commands": lines}), "commands"),
            (
                "execute",
                "Runs a script.",
                json!({"script": line}),
                "script",
            ),
            (
                "evaluate",
                "Runs code in the terminal.",
                json!({"code": line}),
                "code",
            ),
        ] {
            let shell = find(name, about, properties).unwrap();
            assert_eq!(shell.guessed_parameter(), Some(by), "{name}");
            let expected = match by {
                "commands" => json!({by: ["ls"]}),
                _ => json!({by: "ls"}),
            };
            let call = shell.call("ls", &Map::new());
            assert_eq!(
                serde_json::from_str::<Value>(&call.words()).unwrap(),
                expected
            );
        }
        for (name, about, properties) in [
            ("airport", "Finds an airport.", json!({"code": line})),
            ("python", "Runs Python code.", json!({"code": line})),
            ("write_scene", "Writes a scene.", json!({"script": line})),
            (
                "edit_file",
                "Edits a file.",
                json!({"command": {"type": "string", "enum": ["view", "create"]}}),
            ),
        ] {
            assert_eq!(find(name, about, properties), Err(NoShellTool), "{name}");
        }
    }

    #[test]
    fn a_known_name_wins_and_nothing_is_made_up() {
        let line = json!({"type": "string"});
        let tools = json!([
            function("other", json!({"cmd": line})),
            function("shell_command", json!({"command": line})),
            function("exec_command", json!({"cmd": line}))
        ]);
        let item = call(tools, None).unwrap();
        assert!(matches!(item, Body::FunctionCall { name, .. } if name == "exec_command"));
        assert_eq!(
            call(json!([function("add", json!({"a": line}))]), None),
            Err(NoShellTool)
        );
        assert_eq!(call(json!([]), None), Err(NoShellTool));
    }

    #[test]
    fn commands_are_read_back_as_they_were_typed() {
        let read = |arguments: Value| commands_of(&arguments.to_string());
        let one = |command: &str| vec![command.to_owned()];
        assert_eq!(read(json!({"cmd": "ls"})), Some((one("ls"), vec![])));
        assert_eq!(
            read(json!({"command": ["bash", "-lc", "a | b"], "workdir": "/x"})),
            Some((one("a | b"), vec!["workdir /x".into()]))
        );
        assert_eq!(
            read(json!({"command": ["ls", "-l"]})),
            Some((one("ls -l"), vec![]))
        );
        assert_eq!(
            read(json!({"commands": ["ls -l", "pwd"]})),
            Some((vec!["ls -l".into(), "pwd".into()], vec![]))
        );
        assert_eq!(read(json!({"x": 1})), None);
    }
}
