//! Paths of the folder that the agent works in, which `@` offers where that folder is on this machine.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{App, Dialog, Effect, PickerPurpose};
use crate::inbox::{Conversation, ConversationId};
use crate::tui::composer::ReplyKind;
use crate::tui::picker::{Choice, Picker, PickerOutcome};

/// The paths that are offered.
#[derive(Debug, Default)]
pub(super) struct Paths {
    found: Vec<String>,
    /// For whom they are being looked for.
    asked: Option<ConversationId>,
}

impl App {
    /// Has paths looked for, if somebody has just begun a word with `@`. Nobody waits for them.
    pub(super) fn ask_for_paths(&mut self, key: &KeyEvent) {
        let begins = key.code == KeyCode::Char('@') && self.composer().current_word() == "@";
        if !begins || self.paths.asked.is_some() {
            return;
        }
        let directory = self
            .conversation()
            .and_then(Conversation::directory)
            .map(str::to_owned);
        if let Some(directory) = directory.filter(|path| path.starts_with('/')) {
            self.paths.asked = self.open;
            self.effects.push(Effect::ListPaths(directory.into()));
        }
    }

    /// Takes in the paths that were found for [`Effect::ListPaths`], none if there is no such
    /// folder, and offers them if the word that they were looked for is still being typed.
    pub fn on_paths(&mut self, found: Vec<String>) {
        let asked = self.paths.asked.take();
        let is_free = matches!(self.dialog, Dialog::None) && self.has_composer();
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

    /// Takes a key while paths are offered; says whether it was for them. What is typed stands in
    /// the composer too, so that it stays whatever becomes of the list.
    pub(super) fn key_in_paths(&mut self, key: KeyEvent) -> bool {
        let Dialog::Picker(PickerPurpose::Path, picker) = &mut self.dialog else {
            return false;
        };
        let is_plain = !key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        let ends = match key.code {
            // The word is over, or the mark goes.
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
                self.set_word(&word);
            }
            PickerOutcome::Cancelled => self.dialog = Dialog::None,
            PickerOutcome::Picked(index) => {
                self.dialog = Dialog::None;
                if let Some(path) = self.paths.found.get(index) {
                    let word = match self.composer().kind {
                        ReplyKind::Command => quoted(path),
                        _ => path.clone(),
                    };
                    self.set_word(&word);
                }
                self.paths.found.clear();
            }
        }
        true
    }

    fn set_word(&mut self, word: &str) {
        if self.composer().current_word() != word {
            self.composer_mut().replace_current_word(word);
            self.keep_draft();
        }
    }
}

/// A path as one word of a shell.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_./-+@%,:".contains(c);
    match path.chars().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}
