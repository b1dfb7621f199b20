//! The turns of a conversation, where the person means one of them: to mark it, or to ask it again.

use std::sync::Arc;

use jiff::Timestamp;

use super::{App, Dialog, Effect, Level, PickerPurpose};
use crate::inbox::ConversationId;
use crate::store::Outline;
use crate::tui::picker::{Choice, Picker};
use crate::tui::text::format::time_of_day;

/// What a turn is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnPurpose {
    /// To say something of it.
    Mark,
    /// To ask it again.
    Fork,
}

impl App {
    /// Has the turns of the conversation at hand read, to do something with one of them.
    pub(super) fn ask_for_turns(&mut self, wanted: TurnPurpose) {
        match self.at_hand() {
            None => self.say(Level::Info, "no conversation yet"),
            Some(_) if !self.store().keeps() => {
                self.say(
                    Level::Info,
                    "nothing is kept of conversations: the journal is off",
                );
            }
            Some(id) => self.effects.push(Effect::ReadTurns(id, wanted)),
        }
    }

    /// Takes in the turns that were read for [`Effect::ReadTurns`], unless the person does something else
    /// by now.
    pub fn on_turns(&mut self, id: ConversationId, wanted: TurnPurpose, outline: &Outline) {
        if self.at_hand() != Some(id) || !matches!(self.dialog, Dialog::None) {
            return;
        }
        match wanted {
            TurnPurpose::Mark => self.mark(id, outline),
            TurnPurpose::Fork => self.pick_turn(id, outline),
        }
    }

    /// The turn of the selected block, by its place; `None` if none is selected.
    pub(super) fn turn_at_hand(&self, id: ConversationId, outline: &Outline) -> Option<usize> {
        let conversation = self.inbox.get(id).filter(|_| self.open == Some(id))?;
        let block = self.transcript()?.selected_block()?;
        if let Some(said) = block.sent() {
            return outline.turn_of(said.request());
        }
        let last = outline.turns.len().checked_sub(1);
        let Some(item) = block.item() else {
            // Words of the program about what has come last.
            return last;
        };
        let mut items = conversation.items().iter();
        let index = items.position(|other| Arc::ptr_eq(other, item));
        index.map_or(last, |index| outline.turn_of_item(index, item))
    }

    /// Lets the person choose a turn to be asked again.
    fn pick_turn(&mut self, id: ConversationId, outline: &Outline) {
        let at = self.turn_at_hand(id, outline);
        let Some(at) = at.or(outline.turns.len().checked_sub(1)) else {
            return self.say(Level::Info, "there is no turn to ask again");
        };
        let turns = (1..).zip(&outline.turns);
        let choices = turns.map(|(number, turn): (usize, _)| {
            let at = Timestamp::from_millisecond(turn.arrived).unwrap_or_default();
            let at = time_of_day(at, &self.settings.zone);
            Choice::new(format!("turn {number} · {}", turn.asked), at)
        });
        let mut picker = Picker::new("fork: ask which turn again", choices.collect());
        picker.select_at(at);
        self.forking = Some(id);
        self.notice = None;
        self.dialog = Dialog::Picker(PickerPurpose::Turn, Box::new(picker));
    }

    /// Has the turn at an index of the list asked again.
    pub(super) fn fork(&mut self, index: usize) {
        let number = index + 1;
        if let Some(id) = self.forking.take() {
            self.effects.push(Effect::Fork(id, number));
            self.say(
                Level::Info,
                format!("asking turn {number} again, as a conversation of its own"),
            );
        }
    }
}
