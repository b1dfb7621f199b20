//! The keys of dialogs: questions, lists and forms.

use crossterm::event::{KeyCode, KeyEvent};
use serde_json::Value;

use super::{App, Dialog, Effect, Level, PickerPurpose};
use crate::tui::keys::action::Action;
use crate::tui::{form, picker};

impl App {
    /// Handles a key while a dialog is open; returns whether it was handled.
    pub(super) fn on_dialog_key(&mut self, key: KeyEvent, action: Option<Action>) -> bool {
        if action == Some(Action::Help) {
            self.close_for_help();
        }
        match &mut self.dialog {
            Dialog::None => false,
            Dialog::Quit => {
                self.on_quit_key(key, action);
                true
            }
            Dialog::Delete(id) => {
                let id = *id;
                self.on_delete_key(id, key)
            }
            Dialog::Picker(PickerPurpose::Path, _) => self.on_path_picker_key(key),
            Dialog::Picker(purpose, picker) => {
                let purpose = *purpose;
                // Changing the kind of reply closes the list of tools.
                if purpose == PickerPurpose::Tool
                    && matches!(action, Some(Action::NextKind | Action::PreviousKind))
                {
                    self.dialog = Dialog::None;
                    return false;
                }
                match picker.on_key(key) {
                    picker::PickerOutcome::Consumed if purpose == PickerPurpose::Conversation => {
                        self.update_conversation_search();
                    }
                    picker::PickerOutcome::Consumed => {}
                    picker::PickerOutcome::Cancelled => self.dialog = Dialog::None,
                    picker::PickerOutcome::Picked(index) => {
                        self.dialog = Dialog::None;
                        match purpose {
                            PickerPurpose::Tool => self.begin_call(index),
                            PickerPurpose::Recall => self.choose_recalled(index),
                            PickerPurpose::Conversation => self.open_search_result(index),
                            PickerPurpose::Action => self.run_chosen_action(index),
                            PickerPurpose::Model => self.prompt_hint_for(index),
                            PickerPurpose::RuleAction => self.choose_rule_action(index),
                            PickerPurpose::Rule => self.save_rule(index),
                            PickerPurpose::Export => self.choose_format(index),
                            PickerPurpose::Turn => self.fork_turn(index),
                            PickerPurpose::Path => {}
                        }
                    }
                }
                true
            }
            Dialog::Options(form) => {
                if matches!(action, Some(Action::Cancel | Action::Interrupt)) {
                    self.dialog = Dialog::None;
                    self.draft_changed();
                    return true;
                }
                // The key that opened the form also closes it, and keeps the values.
                let done = action == Some(Action::Options)
                    || form.on_key(key) == form::FormOutcome::Submit;
                if done {
                    self.take_options();
                }
                self.draft_changed();
                true
            }
            Dialog::Parts(_) => {
                self.on_parts_key(key, action);
                true
            }
            Dialog::Find(_) => self.on_find_key(key, action),
            Dialog::Prompt(_) => {
                self.on_prompt_key(key, action);
                true
            }
            Dialog::Export(_) => {
                self.on_export_key(key, action);
                true
            }
            Dialog::Marks(_) => {
                self.on_marks_key(key, action);
                true
            }
        }
    }

    /// Closes a dialog that would cover the help; the values of a form are kept.
    fn close_for_help(&mut self) {
        match self.dialog {
            Dialog::Options(_) => {
                self.take_options();
                self.draft_changed();
            }
            Dialog::Picker(..)
            | Dialog::Parts(_)
            | Dialog::Prompt(_)
            | Dialog::Export(_)
            | Dialog::Marks(_) => {
                self.dialog = Dialog::None;
            }
            Dialog::None | Dialog::Quit | Dialog::Delete(_) | Dialog::Find(_) => {}
        }
    }

    fn on_quit_key(&mut self, key: KeyEvent, action: Option<Action>) {
        match (key.code, action) {
            (KeyCode::Char('y' | 'Y') | KeyCode::Enter, _)
            | (_, Some(Action::Quit | Action::Interrupt)) => self.effects.push(Effect::Quit),
            (KeyCode::Char('n' | 'N') | KeyCode::Esc, _) => {
                self.dialog = Dialog::None;
                self.notice = None;
            }
            _ => {}
        }
    }

    fn take_options(&mut self) {
        let Dialog::Options(form) = std::mem::take(&mut self.dialog) else {
            return;
        };
        let problem = form.validate().first().map(ToString::to_string);
        if let Value::Object(options) = form.value() {
            self.composer_mut().options = options;
        }
        match problem {
            Some(problem) => self.say(Level::Bad, problem),
            None => self.notice = None,
        }
    }

    /// Opens the list of parts.
    pub(super) fn change_parts(&mut self) {
        match self.composer().parts.len().checked_sub(1) {
            Some(last) => self.dialog = Dialog::Parts(last),
            None => {
                let key = self.key_of(Action::AddPart);
                self.say(
                    Level::Info,
                    format!("no parts yet: {key} adds what you typed"),
                );
            }
        }
    }

    fn on_parts_key(&mut self, key: KeyEvent, action: Option<Action>) {
        let Dialog::Parts(selected) = self.dialog else {
            return;
        };
        let composer = self.composer_mut();
        let last = composer.parts.len().saturating_sub(1);
        let mut next = Dialog::Parts(selected);
        match (key.code, action) {
            (_, Some(Action::Cancel | Action::Interrupt | Action::Parts)) => next = Dialog::None,
            (KeyCode::Up, None) => next = Dialog::Parts(selected.saturating_sub(1)),
            (KeyCode::Down, None) => next = Dialog::Parts((selected + 1).min(last)),
            (KeyCode::Char('K'), _) | (_, Some(Action::PreviousConversation)) if selected > 0 => {
                composer.parts.swap(selected, selected - 1);
                next = Dialog::Parts(selected - 1);
            }
            (KeyCode::Char('J'), _) | (_, Some(Action::NextConversation)) if selected < last => {
                composer.parts.swap(selected, selected + 1);
                next = Dialog::Parts(selected + 1);
            }
            (KeyCode::Delete | KeyCode::Backspace | KeyCode::Char('d'), _) => {
                let removed = composer.parts.remove(selected);
                next = match composer.parts.len().checked_sub(1) {
                    Some(last) => Dialog::Parts(selected.min(last)),
                    None => Dialog::None,
                };
                // Nothing typed is lost: it can be recalled.
                self.add_recall(removed.text());
            }
            (KeyCode::Enter, _) if !composer.is_empty() || composer.call.is_some() => {
                self.say(
                    Level::Bad,
                    "the composer is not empty: add or send it first",
                );
                return;
            }
            (KeyCode::Enter, _) => {
                composer.edit_part(selected);
                next = Dialog::None;
            }
            _ => {}
        }
        self.dialog = next;
        self.draft_changed();
    }

    pub(super) fn quit(&mut self) {
        if self.inbox.waiting() > 0 {
            self.dialog = Dialog::Quit;
        } else {
            self.effects.push(Effect::Quit);
        }
    }
}
