//! A prompt for one line of text.

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::text::Line as Row;

use super::{App, Dialog};
use crate::tui::keys::action::Action;
use crate::tui::line::LineEditor;
use crate::tui::text::paint::draw_line;
use crate::tui::text::{columns, one_line};
use crate::tui::ui::Ui;

/// The line, and what it is for.
#[derive(Debug)]
pub struct Prompt {
    field: LineEditor,
    purpose: PromptPurpose,
}

/// What the line is for.
#[derive(Debug, Clone)]
pub(in crate::tui) enum PromptPurpose {
    /// A hint to a model besides the request. It may be empty.
    Hint {
        /// The model.
        model: String,
    },
    /// The error message of a rule that rejects.
    Rejection,
}

impl Prompt {
    /// A prompt for a hint to a model.
    pub(super) fn hint(model: String) -> Self {
        Self {
            field: LineEditor::query(),
            purpose: PromptPurpose::Hint { model },
        }
    }

    /// A prompt for the error message of a rule that rejects.
    pub(super) fn rejection() -> Self {
        Self {
            field: LineEditor::query(),
            purpose: PromptPurpose::Rejection,
        }
    }

    fn label(&self) -> String {
        match &self.purpose {
            PromptPurpose::Hint { model } => format!(" hint to {model}:"),
            PromptPurpose::Rejection => " reject with:".into(),
        }
    }

    /// The hint for the Tab key, if it does anything.
    pub(in crate::tui) fn tab_words(&self) -> Option<&'static str> {
        match &self.purpose {
            PromptPurpose::Hint { .. } => Some("model"),
            PromptPurpose::Rejection => None,
        }
    }

    /// The hint for the Enter key.
    pub(in crate::tui) fn enter_hint(&self) -> &'static str {
        match &self.purpose {
            PromptPurpose::Hint { .. } => "ask",
            PromptPurpose::Rejection => "go on",
        }
    }

    /// Adds pasted text.
    pub(super) fn paste(&mut self, text: &str) {
        self.field.insert(text);
    }

    /// Draws it; returns where the cursor is.
    pub(in crate::tui) fn draw(&self, frame: &mut Frame, ui: &Ui, area: Rect) -> Option<Position> {
        let label = one_line(&self.label(), area.width / 2);
        let width = u16::try_from(columns(&label) + 1).unwrap_or(0);
        let [before, field] = Layout::horizontal([Constraint::Length(width), Constraint::Min(0)])
            .areas(area.rows().next()?);
        let (text, at) = self.field.window(field.width, true);
        let buffer = frame.buffer_mut();
        draw_line(buffer, before, &Row::styled(label, ui.theme.strong()));
        draw_line(buffer, field, &Row::raw(text));
        let x = field
            .x
            .saturating_add(u16::try_from(at).unwrap_or(u16::MAX));
        (!field.is_empty()).then(|| Position {
            x: x.min(field.right().saturating_sub(1)),
            y: field.y,
        })
    }
}

impl App {
    /// Handles a key in the prompt.
    pub(super) fn on_prompt_key(&mut self, key: KeyEvent, action: Option<Action>) {
        let Dialog::Prompt(prompt) = &mut self.dialog else {
            return;
        };
        match action {
            Some(Action::Cancel | Action::Interrupt) => self.dialog = Dialog::None,
            Some(Action::Submit) => {
                let (purpose, text) = (prompt.purpose.clone(), prompt.field.text().to_owned());
                self.dialog = Dialog::None;
                self.on_prompt_submitted(purpose, text);
            }
            Some(Action::NextKind | Action::PreviousKind) => match &prompt.purpose {
                PromptPurpose::Hint { .. } => {
                    let hint = prompt.field.text().to_owned();
                    self.pick_model(hint);
                }
                PromptPurpose::Rejection => {}
            },
            _ => {
                prompt.field.on_key(key);
            }
        }
    }
}
