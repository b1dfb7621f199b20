//! Following the background of the terminal, where the theme does.

use std::io;

use crossterm::event::Event;
use tokio::time::Instant;

use crate::tui::terminal::background::{Background, QUESTION};
use crate::tui::terminal::screen::Screen;
use crate::tui::theme::{Choice, Ground, Theme};

/// What is known of the background, and what the terminal still has to answer.
pub(super) struct Following {
    ground: Option<Ground>,
    background: Background,
}

impl Following {
    /// With what is known without asking.
    pub(super) fn new(ground: Option<Ground>) -> Self {
        Self {
            ground,
            background: Background::unasked(),
        }
    }

    /// Asks the terminal, if that matters for the theme.
    pub(super) fn ask(&mut self, theme: &Choice, screen: &mut Screen) -> io::Result<()> {
        if theme.follows_terminal() {
            screen.write(QUESTION)?;
            self.background.ask(Instant::now().into_std());
        }
        Ok(())
    }

    /// The theme for what is known.
    pub(super) fn theme(&self, theme: &Choice) -> Theme {
        theme.theme(self.ground)
    }

    /// Takes the answer out of what came from the terminal; returns what was typed, and whether
    /// there was an answer.
    pub(super) fn filter(&mut self, events: Vec<Event>) -> (Vec<Event>, bool) {
        let (typed, colour) = self.background.filter(events, Instant::now().into_std());
        if let Some(colour) = colour {
            self.ground = Some(Ground::of(colour));
        }
        (typed, colour.is_some())
    }

    /// When what was held back for the answer is typed after all.
    pub(super) fn gives_up(&self) -> Option<Instant> {
        self.background.gives_up().map(Instant::from_std)
    }

    /// What was typed after all.
    pub(super) fn give_up(&mut self) -> Vec<Event> {
        self.background.give_up(Instant::now().into_std())
    }
}
