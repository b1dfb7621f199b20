//! The palette: a list of all actions by name, for those whose keys the terminal or the desktop takes.

use super::{App, Dialog, PickerPurpose};
use crate::tui::keys::action::Action;
use crate::tui::picker::{Choice, Picker};
use crate::tui::views::ViewCommand;

impl App {
    /// Lets the person choose an action by what it does, by its name or by its key.
    pub(super) fn open_palette(&mut self) {
        let choices = self.listed().map(|action| Choice {
            label: action.description().into(),
            detail: action.name().into(),
            side: self.key_of(action),
            ..Choice::default()
        });
        let picker = Picker::new("actions", choices.collect());
        self.notice = None;
        self.dialog = Dialog::Picker(PickerPurpose::Action, Box::new(picker));
    }

    /// Runs the chosen action as its key would.
    pub(super) fn run_chosen_action(&mut self, index: usize) {
        let Some(action) = self.listed().nth(index) else {
            return;
        };
        if self.key_while_delayed(Some(action)) {
            return;
        }
        if self.is_composing() {
            self.act(action, false)
        } else {
            self.run_view_command(ViewCommand::of_action(action))
        }
    }

    /// The actions in the palette: all that are available now, without the palette itself.
    fn listed(&self) -> impl Iterator<Item = Action> {
        let all = Action::ALL.iter().copied();
        all.filter(|action| *action != Action::Palette && self.is_available(*action))
    }

    /// Whether an action does something while the current pane has the focus.
    fn is_available(&self, action: Action) -> bool {
        match ViewCommand::of_action(action) {
            ViewCommand::Other(action) => {
                self.is_composing() || self.works_outside_composer(action)
            }
            _ => true,
        }
    }
}
