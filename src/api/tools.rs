//! The tools that a request offers.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::{NoShellTool, Schema, SchemaReading, Shape, ShellTool};
use crate::hash::Hash;

/// A tool that a request offers.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// The wire type: `function`, `custom`, `namespace`, `web_search`, `local_shell`, …
    pub kind: String,
    /// Name; empty if the tool has a type only.
    pub name: String,
    /// The namespace that holds it, for a function inside a `namespace` tool.
    pub namespace: Option<String>,
    /// What the client says it does.
    pub description: String,
    /// The JSON of the tool; of one nested in `function`, the inner object.
    pub raw: Value,
}

impl Tool {
    /// The JSON Schema of the arguments, for a function that has one.
    pub fn parameters(&self) -> Option<&Value> {
        self.raw.get("parameters")
    }

    /// The meaning of the schema of the arguments, if there is one.
    pub(crate) fn reading(&self) -> Option<SchemaReading<&Value>> {
        Some(Schema::new(self.parameters()?).read())
    }

    /// The name for a person to read: `namespace.name`, the name, or the type.
    pub fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}.{}", self.name),
            None if self.name.is_empty() => self.kind.clone(),
            None => self.name.clone(),
        }
    }
}

/// The tools of a request as raw JSON, parsed on first access. Requests with the same tools share
/// them.
#[derive(Debug)]
pub struct ToolList {
    raw: Arc<str>,
    hash: Hash,
    shape: Shape,
    tools: OnceLock<Vec<Tool>>,
    shell: OnceLock<Result<ShellTool, NoShellTool>>,
    echo: OnceLock<Box<str>>,
    tokens: OnceLock<u64>,
}

impl Default for ToolList {
    fn default() -> Self {
        let raw: Arc<str> = "[]".into();
        let hash = Hash::of(raw.as_bytes());
        Self::unread(Shape::Item, raw, hash)
    }
}

impl ToolList {
    pub(super) fn unread(shape: Shape, raw: Arc<str>, hash: Hash) -> Self {
        Self {
            raw,
            hash,
            shape,
            tools: OnceLock::new(),
            shell: OnceLock::new(),
            echo: OnceLock::new(),
            tokens: OnceLock::new(),
        }
    }

    /// The tools.
    pub fn tools(&self) -> &[Tool] {
        self.tools.get_or_init(|| match self.shape {
            Shape::Chat => super::chat::read_tools(&self.raw),
            Shape::Functions => super::chat::read_functions(&self.raw),
            Shape::Messages => super::messages::read_tools(&self.raw),
            _ => super::responses::read_tools(&self.raw),
        })
    }

    /// Whether the client sent a list at all.
    pub(crate) fn is_given(&self) -> bool {
        self.shape != Shape::Item || self.raw.len() > 2
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.raw.len() <= 2 || self.tools().is_empty()
    }

    /// The tool that runs a shell command.
    ///
    /// # Errors
    ///
    /// [`NoShellTool`] if none of the tools takes a command.
    pub fn shell(&self) -> Result<&ShellTool, &NoShellTool> {
        self.shell
            .get_or_init(|| ShellTool::find(self.tools()))
            .as_ref()
    }

    /// Whether the client sent the deprecated `functions` instead of `tools`.
    pub(super) fn are_functions(&self) -> bool {
        self.shape == Shape::Functions
    }

    /// The JSON that they came as.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The JSON of the tools, shared instead of copied.
    pub(crate) fn shared_raw(&self) -> &Arc<str> {
        &self.raw
    }

    /// The hash of that JSON.
    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }

    /// The JSON of the tools that a response object lists.
    pub(super) fn echo(&self) -> &str {
        self.echo
            .get_or_init(|| super::responses::echo_tools(&self.raw).into())
    }

    /// The number of their tokens, once counted.
    pub(crate) fn tokens(&self) -> &OnceLock<u64> {
        &self.tokens
    }
}
