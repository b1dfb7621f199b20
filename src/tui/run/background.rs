//! Following the background of the terminal, where the theme does.

use std::io;

use ratatui::style::Color;

use crate::tui::terminal::screen::Screen;
use crate::tui::theme::{Ground, Theme, ThemeChoice};

/// What is known of the background.
pub(super) struct BackgroundTracker {
    background: Option<Ground>,
}

impl BackgroundTracker {
    /// With what is known without asking.
    pub(super) fn new(background: Option<Ground>) -> Self {
        Self { background }
    }

    /// Asks the terminal, if that matters for the theme.
    pub(super) fn ask(&self, theme: &ThemeChoice, screen: &mut Screen) -> io::Result<()> {
        if theme.follows_terminal() {
            screen.ask_for_background()
        } else {
            Ok(())
        }
    }

    /// Takes the colour that the terminal has answered.
    pub(super) fn answered(&mut self, colour: Color) {
        self.background = Some(Ground::of(colour));
    }

    /// The theme for what is known.
    pub(super) fn theme(&self, theme: &ThemeChoice) -> Theme {
        theme.theme(self.background)
    }
}
