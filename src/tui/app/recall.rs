//! Recalling earlier replies and snippets: from a list, or with the arrow keys from an empty composer,
//! like the history of a shell.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::{App, Dialog, Level, PickerPurpose};
use crate::draft::Source;
use crate::inbox::ConversationId;
use crate::store::Saving;
use crate::tui::keys::action::Action;
use crate::tui::picker::{Choice, Picker};

/// How many earlier replies can be recalled.
const MAX_RECALLED: usize = 200;

/// What a choice of the recall list stands for.
#[derive(Debug)]
pub(super) enum Recallable {
    /// A text to insert, and its source for the provenance.
    Text(String, Source),
    /// A phase of the study to switch to.
    Phase(String),
}

impl App {
    /// Opens the list of snippets, phases and earlier replies.
    pub(super) fn recall(&mut self) {
        // Keep what the list shows: a script may switch to another phase meanwhile.
        let (choices, recall_choices): (Vec<_>, Vec<_>) = self.recallable().into_iter().unzip();
        if choices.is_empty() {
            return self.say(Level::Info, "nothing to recall: no replies or snippets yet");
        }
        self.recall_choices = recall_choices;
        let picker = Picker::new("recall", choices);
        self.dialog = Dialog::Picker(PickerPurpose::Recall, Box::new(picker));
    }

    /// Inserts the text at an index of the list, or switches to the phase at it.
    pub(super) fn choose_recalled(&mut self, index: usize) {
        let mut recall_choices = std::mem::take(&mut self.recall_choices);
        if index >= recall_choices.len() {
            return;
        }
        match recall_choices.swap_remove(index) {
            Recallable::Text(text, source) => {
                match self.composer_mut().open_call() {
                    Some(call) => call.paste(&text),
                    None => self.composer_mut().insert(&text, source),
                }
                self.draft_changed();
            }
            Recallable::Phase(name) => {
                if self.inbox.go_to_phase(&name) {
                    self.say(Level::Good, format!("phase {name}"));
                }
            }
        }
    }

    /// Handles an arrow key that goes through earlier replies: from an empty composer, and for as long
    /// as the recalled text is not edited. Returns whether it was handled.
    pub(super) fn walk_recalls(&mut self, key: KeyEvent, recall_position: Option<usize>) -> bool {
        let older = match (key.code, key.modifiers) {
            (KeyCode::Up, KeyModifiers::NONE) => true,
            (KeyCode::Down, KeyModifiers::NONE) => false,
            _ => return false,
        };
        let said = |back: usize| self.recalls.iter().nth_back(back).map(|(text, _)| text);
        let text = self.composer().text();
        let next = match recall_position.filter(|at| said(*at) == Some(&text)) {
            // Stop at the oldest.
            Some(at) if older => Some((at + 1).min(self.recalls.len().saturating_sub(1))),
            Some(at) => at.checked_sub(1),
            None if older && text.is_empty() && !self.recalls.is_empty() => Some(0),
            None => return false,
        };
        let text = next.and_then(said).cloned().unwrap_or_default();
        self.recall_position = next;
        if self.composer().text() != text {
            self.composer_mut().replace(&text, Source::Recalled);
            self.draft_changed();
        }
        true
    }

    /// The rows that the mouse wheel was turned, negative for up, if `events` come from it: with mouse
    /// reporting off, a terminal sends several arrow keys at once, which nobody can type.
    pub(super) fn wheel_from_arrows(&self, events: &[Event]) -> Option<i64> {
        let arrow = |event: &Event| match event.as_key_press_event() {
            Some(key) if key.modifiers == KeyModifiers::NONE => Some(key.code),
            _ => None,
        };
        let first = arrow(events.first()?)?;
        let is_wheel = events.len() > 1 && events.iter().all(|event| arrow(event) == Some(first));
        let is_free = matches!(self.dialog, Dialog::None)
            && self.composer_has_keys()
            && self.composer().is_empty();
        let rows = i64::try_from(events.len()).ok()?;
        match first {
            KeyCode::Up if is_wheel && is_free => Some(-rows),
            KeyCode::Down if is_wheel && is_free => Some(rows),
            _ => None,
        }
    }

    /// Clears the draft, if there is one on the screen; undo and recall bring it back. Returns whether
    /// it did.
    pub(super) fn clear_draft(&mut self) -> bool {
        if !self.is_composing() || self.composer().to_draft().is_empty() {
            return false;
        }
        let typed = self.composer().all_typed();
        self.add_recall(typed);
        self.composer_mut().clear_all();
        self.draft_changed();
        let (undo, recall) = (self.key_of(Action::Undo), self.key_of(Action::Recall));
        self.say(
            Level::Info,
            format!("cleared; {undo} brings it back, {recall} finds it"),
        );
        true
    }

    /// The snippets of the current phase, then the other snippets, then the other phases, then earlier
    /// replies, newest first.
    fn recallable(&self) -> Vec<(Choice, Recallable)> {
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let snippet = |name: &str, text: &str, detail: String, source: String| {
            let choice = Choice::new(format!("{name}: {}", one_line(text)), detail);
            let source = Source::Snippet(source);
            (choice, Recallable::Text(text.to_owned(), source))
        };
        let phase = self.inbox.phase();
        let of_phase = phase.into_iter().flat_map(|phase| {
            phase.snippets.iter().map(|(name, text)| {
                let source = format!("{}/{name}", phase.name);
                snippet(name, text, format!("snippet of {}", phase.name), source)
            })
        });
        let snippets = self.settings.snippets.iter();
        let snippets =
            snippets.map(|(name, text)| snippet(name, text, "snippet".into(), name.clone()));
        let others = self.inbox.phases().iter();
        let others = others.filter(|other| phase != Some(other)).map(|other| {
            let choice = Choice::new(format!("phase {}", other.name), "go to it");
            (choice, Recallable::Phase(other.name.clone()))
        });
        let said = self.recalls.iter().rev().map(|(text, _)| {
            let choice = Choice::new(one_line(text), "earlier reply");
            (choice, Recallable::Text(text.clone(), Source::Recalled))
        });
        of_phase.chain(snippets).chain(others).chain(said).collect()
    }

    /// Adds a text of the open conversation to what can be recalled. Returns its write to the store.
    pub(super) fn add_recall(&mut self, text: String) -> Saving {
        self.add_recall_of(self.open, text)
    }

    /// Adds a text to what can be recalled. Returns its write to the store.
    pub(super) fn add_recall_of(&mut self, id: Option<ConversationId>, text: String) -> Saving {
        if text.trim().is_empty() {
            return Saving::default();
        }
        self.recalls.retain(|(before, _)| *before != text);
        let saving = self.inbox.store().save_recall(&text, id);
        self.recalls.push((text, id));
        if self.recalls.len() > MAX_RECALLED {
            self.recalls.remove(0);
        }
        saving
    }
}
