//! One line that the person is asked for.

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

/// A line that is asked for.
#[derive(Debug)]
pub struct Prompt {
    field: LineEditor,
    asked: PromptPurpose,
}

/// What it is asked for.
#[derive(Debug, Clone)]
pub(in crate::tui) enum PromptPurpose {
    /// What a model is told besides the request. It may be nothing.
    Hint {
        /// The model.
        model: String,
    },
    /// The words that a rule rejects with.
    Rejection,
}

impl Prompt {
    /// A hint for a model.
    pub(super) fn hint(model: String) -> Self {
        Self {
            field: LineEditor::query(),
            asked: PromptPurpose::Hint { model },
        }
    }

    /// The words that a rule rejects with.
    pub(super) fn rejection() -> Self {
        Self {
            field: LineEditor::query(),
            asked: PromptPurpose::Rejection,
        }
    }

    fn label(&self) -> String {
        match &self.asked {
            PromptPurpose::Hint { model } => format!(" hint to {model}:"),
            PromptPurpose::Rejection => " reject with:".into(),
        }
    }

    /// What the Tab key does here, if anything.
    pub(in crate::tui) fn tab_words(&self) -> Option<&'static str> {
        match &self.asked {
            PromptPurpose::Hint { .. } => Some("model"),
            PromptPurpose::Rejection => None,
        }
    }

    /// What Enter does here.
    pub(in crate::tui) fn enter_hint(&self) -> &'static str {
        match &self.asked {
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
    /// Takes a key while a line is asked for.
    pub(super) fn key_in_prompt(&mut self, key: KeyEvent, action: Option<Action>) {
        let Dialog::Prompt(prompt) = &mut self.dialog else {
            return;
        };
        match action {
            Some(Action::Cancel | Action::Interrupt) => self.dialog = Dialog::None,
            Some(Action::Submit) => {
                let (asked, text) = (prompt.asked.clone(), prompt.field.text().to_owned());
                self.dialog = Dialog::None;
                self.take_prompted(asked, text);
            }
            Some(Action::NextKind | Action::PreviousKind) => match &prompt.asked {
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
