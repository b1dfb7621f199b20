//! Starting and pausing the clock of a study.

use super::{App, Level};
use crate::tui::keys::action::Action;
use crate::tui::text::format::{elapsed, time_of_day};

impl App {
    /// Pauses the study, or resumes it.
    pub(super) fn toggle_study(&mut self) {
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
            // The alert says so for as long as it is paused.
            (Ok(_), None) => self.notice = None,
        }
        // Pausing stops models that write, and resuming may start some.
        if let Some(id) = self.open {
            self.sync(id);
        }
    }

    /// The alert while the study is paused; empty otherwise.
    pub(in crate::tui) fn study_pause_notice(&self) -> String {
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
