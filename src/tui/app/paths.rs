//! Completion of paths after `@`, where the agent's working directory is on this machine.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{App, Dialog, Effect, PickerPurpose};
use crate::inbox::{Conversation, ConversationId};
use crate::tui::composer::ReplyKind;
use crate::tui::picker::{Choice, Picker, PickerOutcome};

/// The state of the completion.
#[derive(Debug, Default)]
pub(super) struct Paths {
    found: Vec<String>,
    /// The conversation that they are being listed for.
    requested_for: Option<ConversationId>,
}

impl App {
    /// Has the paths listed in the background, if a word has just begun with `@`.
    pub(super) fn request_paths(&mut self, key: &KeyEvent) {
        let begins = key.code == KeyCode::Char('@') && self.composer().current_word() == "@";
        if !begins || self.paths.requested_for.is_some() {
            return;
        }
        let directory = self
            .conversation()
            .and_then(Conversation::directory)
            .map(str::to_owned);
        if let Some(directory) = directory.filter(|path| path.starts_with('/')) {
            self.paths.requested_for = self.open;
            self.effects.push(Effect::ListPaths(directory.into()));
        }
    }

    /// Handles the result of [`Effect::ListPaths`], empty if there is no such folder. Opens the list
    /// if the word that begins with `@` is still being typed.
    pub fn on_paths(&mut self, found: Vec<String>) {
        let asked = self.paths.requested_for.take();
        let is_free = matches!(self.dialog, Dialog::None) && self.composer_has_keys();
        let word = self.composer().current_word();
        let Some(query) = word.strip_prefix('@').filter(|_| is_free) else {
            return;
        };
        if found.is_empty() || asked.is_none() || asked != self.open {
            return;
        }
        let choices = found.iter().map(|path| Choice::new(path, ""));
        let mut picker = Picker::new("path", choices.collect());
        picker.paste(query);
        self.paths.found = found;
        self.dialog = Dialog::Picker(PickerPurpose::Path, Box::new(picker));
    }

    /// Handles a key while the list of paths is open; returns whether it was handled. What is typed is
    /// also in the composer, so that it stays when the list is closed.
    pub(super) fn on_path_picker_key(&mut self, key: KeyEvent) -> bool {
        let Dialog::Picker(PickerPurpose::Path, picker) = &mut self.dialog else {
            return false;
        };
        let is_plain = !key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        let ends = match key.code {
            // The word has ended, or the `@` is being deleted.
            KeyCode::Char(' ') => is_plain,
            KeyCode::Backspace => picker.query().is_empty(),
            _ => false,
        };
        let finds_nothing = key.code == KeyCode::Enter && picker.selected().is_none();
        if ends || finds_nothing {
            self.dialog = Dialog::None;
            return finds_nothing;
        }
        match picker.on_key(key) {
            PickerOutcome::Consumed => {
                let word = format!("@{}", picker.query());
                self.replace_current_word(&word);
            }
            PickerOutcome::Cancelled => self.dialog = Dialog::None,
            PickerOutcome::Picked(index) => {
                self.dialog = Dialog::None;
                if let Some(path) = self.paths.found.get(index) {
                    let word = match self.composer().kind {
                        ReplyKind::Command => shell_quoted(path),
                        _ => path.clone(),
                    };
                    self.replace_current_word(&word);
                }
                self.paths.found.clear();
            }
        }
        true
    }

    fn replace_current_word(&mut self, word: &str) {
        if self.composer().current_word() != word {
            self.composer_mut().replace_current_word(word);
            self.draft_changed();
        }
    }
}

/// A path, quoted for a shell where it has to be.
fn shell_quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_./-+@%,:".contains(c);
    if path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
