//! Choosing a turn of a conversation: to mark it, or to ask it again.

use std::sync::Arc;

use jiff::Timestamp;

use super::{App, Dialog, Effect, Level, PickerPurpose};
use crate::inbox::ConversationId;
use crate::store::Outline;
use crate::tui::picker::{Choice, Picker};
use crate::tui::text::format::time_of_day;

/// What to do with a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnPurpose {
    /// Mark it.
    Mark,
    /// Ask it again, as a conversation of its own.
    Fork,
}

impl App {
    /// Has the turns of the open or selected conversation read.
    pub(super) fn ask_for_turns(&mut self, purpose: TurnPurpose) {
        match self.target_conversation() {
            None => self.say(Level::Info, "no conversation yet"),
            Some(_) if !self.store().has_journal() => {
                self.say(
                    Level::Info,
                    "nothing is kept of conversations: the journal is off",
                );
            }
            Some(id) => self.effects.push(Effect::ReadTurns(id, purpose)),
        }
    }

    /// Handles the result of [`Effect::ReadTurns`], unless the person has gone elsewhere meanwhile.
    pub fn on_turns(&mut self, id: ConversationId, purpose: TurnPurpose, outline: &Outline) {
        if self.target_conversation() != Some(id) || !matches!(self.dialog, Dialog::None) {
            return;
        }
        match purpose {
            TurnPurpose::Mark => self.mark(id, outline),
            TurnPurpose::Fork => self.pick_turn(id, outline),
        }
    }

    /// The index of the turn that the selected block belongs to; `None` if no block is selected.
    pub(super) fn target_turn(&self, id: ConversationId, outline: &Outline) -> Option<usize> {
        let conversation = self.inbox.get(id).filter(|_| self.open == Some(id))?;
        let block = self.transcript()?.selected_block()?;
        if let Some(said) = block.sent() {
            return outline.turn_of(said.request());
        }
        let last = outline.turns.len().checked_sub(1);
        let Some(item) = block.item() else {
            // A message of this program at the end of the transcript.
            return last;
        };
        let mut items = conversation.items().iter();
        let index = items.position(|other| Arc::ptr_eq(other, item));
        index.map_or(last, |index| outline.turn_of_item(index, item))
    }

    /// Lets the person choose the turn to ask again.
    fn pick_turn(&mut self, id: ConversationId, outline: &Outline) {
        let at = self.target_turn(id, outline);
        let Some(at) = at.or(outline.turns.len().checked_sub(1)) else {
            return self.say(Level::Info, "there is no turn to ask again");
        };
        let turns = (1..).zip(&outline.turns);
        let choices = turns.map(|(number, turn): (usize, _)| {
            let at = Timestamp::from_millisecond(turn.arrived).unwrap_or_default();
            let at = time_of_day(at, &self.settings.zone);
            Choice::new(format!("turn {number} · {}", turn.prompt), at)
        });
        let mut picker = Picker::new("fork: ask which turn again", choices.collect());
        picker.select_at(at);
        self.fork_conversation = Some(id);
        self.notice = None;
        self.dialog = Dialog::Picker(PickerPurpose::Turn, Box::new(picker));
    }

    /// Asks the turn at an index of the list again.
    pub(super) fn fork_turn(&mut self, index: usize) {
        let number = index + 1;
        if let Some(id) = self.fork_conversation.take() {
            self.effects.push(Effect::Fork(id, number));
            self.say(
                Level::Info,
                format!("asking turn {number} again, as a conversation of its own"),
            );
        }
    }
}
