//! A tool call that is being composed: which tool, and its arguments.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tui_textarea::{CursorMove, TextArea};

use super::{area, cursor_of, put_cursor};
use crate::api::{Body, ShellTool, Tool, patch};
use crate::draft::{self, CallTarget, DraftedCall};
use crate::tui::form::{self, Form};

/// A tool call that the person is composing.
#[derive(Debug)]
pub struct ComposedCall {
    target: CallTarget,
    /// Where its arguments are typed.
    pub editor: ArgumentsEditor,
    /// What a model drafted, if the call began as its draft.
    drafted: Option<DraftedCall>,
}

/// Where the arguments of a call are typed.
#[derive(Debug)]
pub enum ArgumentsEditor {
    /// A field for each argument.
    Form(Box<Form>),
    /// A text: raw JSON, or what a free-form tool takes.
    Text(Box<TextArea<'static>>),
}

/// The name of the tool that takes patches.
pub(super) const APPLY_PATCH: &str = "apply_patch";

impl ComposedCall {
    /// A call of a tool, with nothing filled in.
    pub fn new(tool: &Tool) -> Self {
        if tool.kind == "custom" {
            let editor = match tool.name.as_str() {
                APPLY_PATCH => ArgumentsEditor::patch(),
                _ => ArgumentsEditor::text(""),
            };
            return Self {
                target: CallTarget::Custom {
                    name: tool.name.clone(),
                },
                editor,
                drafted: None,
            };
        }
        let schema = tool.parameters().cloned().unwrap_or(Value::Bool(true));
        Self {
            editor: ArgumentsEditor::Form(Box::new(Form::new(&schema))),
            target: CallTarget::Function {
                namespace: tool.namespace.clone(),
                name: tool.name.clone(),
                schema,
            },
            drafted: None,
        }
    }

    /// A call of a function with some arguments filled in.
    pub fn with_arguments(tool: &Tool, arguments: &Value) -> Self {
        let mut call = Self::new(tool);
        if let CallTarget::Function { schema, .. } = &call.target {
            call.editor = ArgumentsEditor::Form(Box::new(Form::with_value(schema, arguments)));
        }
        call
    }

    /// A patch that is applied by a shell command, for agents without a tool for patches.
    pub fn patch_by_shell(shell: ShellTool) -> Self {
        Self {
            target: CallTarget::PatchByShell(shell),
            editor: ArgumentsEditor::patch(),
            drafted: None,
        }
    }

    /// The call as plain data.
    pub fn to_draft(&self) -> draft::Call {
        let editor = match &self.editor {
            ArgumentsEditor::Form(form) => draft::Editor::Form(form.save()),
            ArgumentsEditor::Text(area) => draft::Editor::Text {
                text: area.lines().join("\n"),
                cursor: Some(cursor_of(area)),
            },
        };
        draft::Call {
            target: self.target.clone(),
            editor,
            drafted: self.drafted.clone().map(|drafted| DraftedCall {
                is_edited: !self.is_as_drafted(&drafted),
                ..drafted
            }),
        }
    }

    /// Whether the arguments are still those that the model wrote.
    fn is_as_drafted(&self, drafted: &DraftedCall) -> bool {
        let text = self.text();
        let same = || -> Option<bool> {
            let [own, theirs]: [Value; 2] = [
                serde_json::from_str(&text).ok()?,
                serde_json::from_str(&drafted.arguments).ok()?,
            ];
            Some(own == theirs)
        };
        text == drafted.arguments || same() == Some(true)
    }

    /// The call that a model drafted: as a form, where that keeps all that the model wrote.
    pub fn from_model_draft(draft: draft::Call) -> Self {
        let mut call = Self::from_draft(draft);
        if let (CallTarget::Function { schema, .. }, ArgumentsEditor::Text(_)) =
            (&call.target, &call.editor)
        {
            let text = call.text();
            let mut form = Form::new(schema);
            let fits = form.set_json(&text).is_ok()
                && serde_json::from_str::<Value>(&form.to_json()).ok()
                    == serde_json::from_str(&text).ok();
            if fits {
                call.editor = ArgumentsEditor::Form(Box::new(form));
            }
        }
        call
    }

    /// The call of a saved draft. A form whose schema is not known becomes raw JSON.
    pub fn from_draft(draft: draft::Call) -> Self {
        let editor = match (draft.editor, &draft.target) {
            (draft::Editor::Form(answers), CallTarget::Function { schema, .. }) => {
                ArgumentsEditor::Form(Box::new(Form::from_saved(schema, &answers)))
            }
            (draft::Editor::Form(answers), _) => {
                let form = Form::from_saved(&Value::Bool(true), &answers);
                ArgumentsEditor::text(&form.to_pretty_json())
            }
            (draft::Editor::Text { text, cursor }, _) => {
                let mut area = area(&text);
                put_cursor(&mut area, cursor);
                ArgumentsEditor::Text(Box::new(area))
            }
        };
        Self {
            target: draft.target,
            editor,
            drafted: draft.drafted,
        }
    }

    /// What is called, for a person to read.
    pub fn title(&self) -> String {
        match &self.target {
            CallTarget::Function {
                namespace: Some(namespace),
                name,
                ..
            } => {
                format!("{namespace}.{name}")
            }
            CallTarget::Function { name, .. } | CallTarget::Custom { name } => name.clone(),
            CallTarget::PatchByShell(shell) => format!("{APPLY_PATCH} through {}", shell.name()),
        }
    }

    /// The tool's name, by which the client allows or forbids it.
    pub fn tool_name(&self) -> &str {
        match &self.target {
            CallTarget::Function { name, .. } | CallTarget::Custom { name } => name,
            CallTarget::PatchByShell(shell) => shell.name(),
        }
    }

    /// Whether it takes a patch.
    pub fn is_patch(&self) -> bool {
        match &self.target {
            CallTarget::Custom { name } => name == APPLY_PATCH,
            CallTarget::PatchByShell(_) => true,
            CallTarget::Function { .. } => false,
        }
    }

    /// The suffix of a file with the editor's text, such as `.json`.
    pub fn suffix(&self) -> &'static str {
        match &self.target {
            CallTarget::Function { .. } => ".json",
            _ if self.is_patch() => ".patch",
            _ => ".txt",
        }
    }

    /// What the editor holds, as text.
    pub fn text(&self) -> String {
        match &self.editor {
            ArgumentsEditor::Form(form) => form.to_pretty_json(),
            ArgumentsEditor::Text(area) => area.lines().join("\n"),
        }
    }

    /// Replaces what the editor holds; arguments that are not JSON are shown as the text they are.
    pub fn set_text(&mut self, text: &str) {
        if let ArgumentsEditor::Form(form) = &mut self.editor
            && form.set_json(text).is_ok()
        {
            return;
        }
        self.editor = ArgumentsEditor::text(text);
    }

    /// Inserts pasted text.
    pub fn paste(&mut self, text: &str) {
        match &mut self.editor {
            ArgumentsEditor::Form(form) => {
                form.paste(text);
            }
            ArgumentsEditor::Text(area) => {
                area.insert_str(text.replace("\r\n", "\n").replace('\r', "\n"));
            }
        }
    }

    /// Undoes the last change, or redoes it; returns whether there was one.
    pub fn undo(&mut self, redo: bool) -> bool {
        match (&mut self.editor, redo) {
            (ArgumentsEditor::Form(form), false) => form.undo(),
            (ArgumentsEditor::Form(form), true) => form.redo(),
            (ArgumentsEditor::Text(area), false) => area.undo(),
            (ArgumentsEditor::Text(area), true) => area.redo(),
        }
    }

    /// Switches between the form and raw JSON, losing nothing.
    ///
    /// # Errors
    ///
    /// For a tool that takes plain text, and for text that is not JSON.
    pub fn toggle_raw_json(&mut self) -> Result<(), String> {
        let CallTarget::Function { schema, .. } = &self.target else {
            return Err(format!("{} takes plain text", self.title()));
        };
        self.editor = match &self.editor {
            ArgumentsEditor::Form(form) => ArgumentsEditor::text(&form.to_pretty_json()),
            ArgumentsEditor::Text(_) => {
                let mut form = Form::new(schema);
                form.set_json(&self.text())
                    .map_err(|error| error.to_string())?;
                ArgumentsEditor::Form(Box::new(form))
            }
        };
        Ok(())
    }

    /// The first thing that is wrong with it. The person can send it all the same.
    pub fn problem(&mut self) -> Option<String> {
        if self.is_patch() {
            return patch::check(&self.text())
                .err()
                .map(|error| error.to_string());
        }
        match (&mut self.editor, &self.target) {
            (ArgumentsEditor::Form(form), _) => {
                if form.check() {
                    return None;
                }
                form.validate().first().map(ToString::to_string)
            }
            (ArgumentsEditor::Text(area), CallTarget::Function { schema, .. }) => {
                let text = area.lines().join("\n");
                if let Err(error) = serde_json::from_str::<IgnoredAny>(&text) {
                    return Some(format!("not valid JSON ({error})"));
                }
                // A form also copes with values that are not schemas.
                let mut form = Form::new(schema);
                form.set_json(&text).err().map_or_else(
                    || form.validate().first().map(ToString::to_string),
                    |error| Some(error.to_string()),
                )
            }
            (ArgumentsEditor::Text(_), _) => None,
        }
    }

    /// What Enter does in its form; `None` if the arguments are not in a form.
    pub fn enter_hint(&self) -> Option<&'static str> {
        match &self.editor {
            ArgumentsEditor::Form(form) => Some(form.enter_hint()),
            ArgumentsEditor::Text(_) => None,
        }
    }

    /// Its title; for a patch also what the patch changes, or what is wrong with it.
    pub fn summary(&self) -> String {
        if !self.is_patch() {
            return self.title();
        }
        match patch::check(&self.text()) {
            Ok(summary) => format!("{} · {summary}", self.title()),
            Err(error) => format!("{} · {error}", self.title()),
        }
    }

    /// The call as it is sent.
    pub fn item(&self) -> Body {
        match &self.target {
            CallTarget::Function {
                namespace, name, ..
            } => Body::FunctionCall {
                namespace: namespace.clone(),
                name: name.clone(),
                arguments: match &self.editor {
                    ArgumentsEditor::Form(form) => form.to_json(),
                    ArgumentsEditor::Text(_) => form::compact(&self.text()),
                },
            },
            CallTarget::Custom { name } => Body::CustomToolCall {
                name: name.clone(),
                input: self.text(),
            },
            CallTarget::PatchByShell(shell) => {
                shell.call(&patch::shell_command(&self.text()), &Map::new())
            }
        }
    }
}

impl ArgumentsEditor {
    /// The template of a patch, with the cursor where the path goes.
    fn patch() -> Self {
        let mut area = area(&patch::template());
        area.move_cursor(CursorMove::Down);
        area.move_cursor(CursorMove::End);
        Self::Text(Box::new(area))
    }

    fn text(text: &str) -> Self {
        Self::Text(Box::new(area(text)))
    }
}
