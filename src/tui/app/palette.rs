//! Every action by its name: for keys that the terminal, or something around it, takes away.

use super::{App, Dialog, Purpose};
use crate::tui::keys::action::Action;
use crate::tui::picker::{Choice, Picker};

impl App {
    /// Lets the person choose an action by what it does, by its name or by its key.
    pub(super) fn open_palette(&mut self) {
        let choices = listed().map(|action| Choice {
            label: action.description().into(),
            detail: action.name().into(),
            side: self.key_of(action),
            ..Choice::default()
        });
        let picker = Picker::new("actions", choices.collect());
        self.notice = None;
        self.dialog = Dialog::Picker(Purpose::Action, Box::new(picker));
    }

    /// Does what was chosen.
    pub(super) fn act_on_chosen(&mut self, index: usize) {
        if let Some(action) = listed().nth(index) {
            self.act(action, false);
        }
    }
}

/// The actions that can be chosen: all but to choose one.
fn listed() -> impl Iterator<Item = Action> {
    Action::ALL
        .iter()
        .copied()
        .filter(|action| *action != Action::Palette)
}
