//! Marks on conversations and turns: labels, a rating, a note, and exclusion from exports.

use crossterm::event::KeyEvent;

use super::{App, Dialog, Level};
use crate::inbox::ConversationId;
use crate::store::Outline;
use crate::tui::form::FormOutcome;
use crate::tui::keys::action::Action;
use crate::tui::marks::{MarksForm, summary};

impl App {
    /// Opens the form of marks for the turn of the selected block, or for the conversation.
    pub(super) fn mark(&mut self, id: ConversationId, outline: &Outline) {
        let turn = self.target_turn(id, outline);
        if let Some(conversation) = self.inbox.get(id) {
            let marking = MarksForm::new(id, outline, turn, conversation.marks());
            self.notice = None;
            self.dialog = Dialog::Marks(Box::new(marking));
        }
    }

    /// Handles a key in the form of marks.
    pub(super) fn on_marks_key(&mut self, key: KeyEvent, action: Option<Action>) {
        let Dialog::Marks(marking) = &mut self.dialog else {
            return;
        };
        match action {
            Some(Action::Cancel | Action::Interrupt) => self.dialog = Dialog::None,
            Some(Action::Mark) => self.save_marks(),
            Some(action) if action.scrolls() => self.act(action, false),
            _ if marking.on_key(key) == FormOutcome::Submit => self.save_marks(),
            _ => {}
        }
    }

    fn save_marks(&mut self) {
        let Dialog::Marks(marking) = &mut self.dialog else {
            return;
        };
        match marking.changed() {
            Err(error) => self.say(Level::Bad, error.to_string()),
            Ok(changed) => {
                self.dialog = Dialog::None;
                self.say(Level::Good, summary(&changed));
                changed
                    .into_iter()
                    .for_each(|marked| self.inbox.mark(marked));
            }
        }
    }
}
