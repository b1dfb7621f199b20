//! Which of the offered tools runs a shell command, and how it wants to be called.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Body, Kind, Tool, is_bushy};

/// The tool of a request that runs a shell command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShellTool {
    name: String,
    namespace: Option<String>,
    shape: Shape,
    /// The schema of what else a call can say; not written down, because a call is made without it.
    #[serde(skip)]
    options: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    /// The command is a string in this parameter.
    Line(String),
    /// The command is an array of words in this parameter.
    Words(String),
    /// The built-in tool, called with an item type of its own.
    LocalShell,
}

/// The request offers no tool that runs a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this request offers no shell")]
pub struct NoShellTool;

/// Names that agents give to their shell, best first: `exec_command` is what Codex 0.169 offers,
/// the others are those of its older versions.
const KNOWN: [&str; 4] = ["exec_command", "shell_command", "shell", "container.exec"];

impl ShellTool {
    /// Finds the shell among the tools of a request: one of the known names, else the built-in
    /// `local_shell`, else any function with a `cmd` or `command` parameter.
    ///
    /// # Errors
    ///
    /// [`NoShellTool`] if none of the tools takes a command.
    pub fn find(tools: &[Tool]) -> Result<Self, NoShellTool> {
        let functions = || tools.iter().filter(|tool| tool.kind == "function");
        KNOWN
            .iter()
            .find_map(|name| {
                let mut plain = functions().filter(|tool| tool.namespace.is_none());
                plain.find(|tool| tool.name == *name)
            })
            .and_then(Self::from_function)
            .or_else(|| {
                let local = tools.iter().find(|tool| tool.kind == "local_shell")?;
                Some(Self {
                    name: local.kind.clone(),
                    namespace: None,
                    shape: Shape::LocalShell,
                    options: Some(json!({"type": "object", "properties": {
                        "working_directory": {"type": "string"}}})),
                })
            })
            .or_else(|| functions().find_map(Self::from_function))
            .ok_or(NoShellTool)
    }

    fn from_function(tool: &Tool) -> Option<Self> {
        let arguments = tool.reading()?;
        let mut names = ["cmd", "command"].into_iter();
        let (parameter, kind) =
            names.find_map(|name| Some((name, arguments.property(name)?.kind)))?;
        Some(Self {
            name: tool.name.clone(),
            namespace: tool.namespace.clone(),
            shape: if matches!(kind, Kind::List | Kind::Tuple) {
                Shape::Words(parameter.into())
            } else {
                Shape::Line(parameter.into())
            },
            options: options(tool, parameter),
        })
    }

    /// The name of the tool.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The JSON Schema of what a call can say besides the command: working directory, escalation,
    /// timeouts; `None` if there is nothing.
    pub fn options(&self) -> Option<&Value> {
        self.options.as_ref()
    }

    /// The call that runs `command`, with `options` as [`Self::options`] describes them.
    pub fn call(&self, command: &str, options: &Map<String, Value>) -> Body {
        let words = || vec!["bash".to_owned(), "-lc".to_owned(), command.to_owned()];
        let mut arguments = Map::new();
        match &self.shape {
            Shape::LocalShell => {
                let workdir = options.get("working_directory").and_then(Value::as_str);
                return Body::LocalShellCall {
                    command: words(),
                    working_directory: workdir.map(str::to_owned),
                };
            }
            Shape::Line(parameter) => arguments.insert(parameter.clone(), command.into()),
            Shape::Words(parameter) => arguments.insert(parameter.clone(), words().into()),
        };
        arguments.extend(options.clone());
        Body::FunctionCall {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            arguments: Value::Object(arguments).to_string(),
        }
    }
}

/// The schema of a shell function without the command itself.
fn options(tool: &Tool, command: &str) -> Option<Value> {
    let mut schema = tool.parameters()?.clone();
    let properties = schema.get_mut("properties")?.as_object_mut()?;
    properties.shift_remove(command);
    if properties.is_empty() {
        return None;
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != command);
    }
    Some(schema)
}

/// The command line that a call of any known shell would run, for showing it as a command, and
/// what else it is given. `arguments` is the text of the call.
pub(crate) fn command_of(arguments: &str) -> Option<(String, Vec<String>)> {
    if is_bushy(arguments) {
        return None;
    }
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    let arguments = arguments.as_object()?;
    let key = ["cmd", "command"]
        .into_iter()
        .find(|key| arguments.contains_key(*key))?;
    let command = match arguments.get(key)? {
        Value::String(line) => line.clone(),
        Value::Array(words) => {
            let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
            command_line(&words?)
        }
        _ => return None,
    };
    let others = arguments.iter().filter(|(name, _)| *name != key);
    let others = others.map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        value => format!("{name} {value}"),
    });
    Some((command, others.collect()))
}

/// One line for an argument vector: the script itself where a shell is asked to run one.
pub(crate) fn command_line(words: &[&str]) -> String {
    match words {
        [_shell, flag, script] if matches!(*flag, "-c" | "-lc" | "-Command") => (*script).into(),
        words => words.join(" "),
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
        let read = |arguments: Value| command_of(&arguments.to_string());
        assert_eq!(read(json!({"cmd": "ls"})), Some(("ls".into(), vec![])));
        assert_eq!(
            read(json!({"command": ["bash", "-lc", "a | b"], "workdir": "/x"})),
            Some(("a | b".into(), vec!["workdir /x".into()]))
        );
        assert_eq!(
            read(json!({"command": ["ls", "-l"]})),
            Some(("ls -l".into(), vec![]))
        );
        assert_eq!(read(json!({"x": 1})), None);
    }
}
