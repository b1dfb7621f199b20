//! The clock of a study, which the person starts and stops.

use super::{App, Level};
use crate::tui::keys::action::Action;
use crate::tui::text::format::{elapsed, time_of_day};

impl App {
    /// Has the study go on if it stands still, and stand still if it does not.
    pub(super) fn turn_study(&mut self) {
        let since = self.inbox.paused();
        match (
            self.inbox.set_paused(Some(since.is_none()), self.now),
            since,
        ) {
            (Err(refused), _) => self.say(Level::Info, refused.to_string()),
            (Ok(_), Some(since)) => {
                let stood = elapsed(since, self.now);
                self.say(
                    Level::Good,
                    format!("the study goes on; it was paused for {stood}"),
                );
            }
            // What holds for as long as it is paused says so itself.
            (Ok(_), None) => self.notice = None,
        }
        // Models that wrote have stopped, and others may begin.
        if let Some(id) = self.open {
            self.sync(id);
        }
    }

    /// That the study stands still, in words; nothing if it does not.
    pub(in crate::tui) fn paused(&self) -> String {
        let Some(since) = self.inbox.paused() else {
            return String::new();
        };
        let since = time_of_day(since, &self.settings.zone);
        let start = match self.key_of(Action::Study) {
            key if key.is_empty() => "humanllm study start".into(),
            key => key,
        };
        format!("study paused since {since}: nothing is sent; {start} has it go on")
    }
}
