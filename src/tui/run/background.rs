//! The terminal's background, which decides between a light and a dark theme.

use std::io;

use ratatui::style::Color;

use crate::tui::terminal::screen::Screen;
use crate::tui::theme::{Background, Theme, ThemeChoice};

/// What is known about the background.
pub(super) struct BackgroundTracker {
    background: Option<Background>,
}

impl BackgroundTracker {
    /// Begins with what is known from the environment.
    pub(super) fn new(background: Option<Background>) -> Self {
        Self { background }
    }

    /// Asks the terminal for its background colour, if the theme depends on it.
    pub(super) fn ask(&self, theme: &ThemeChoice, screen: &mut Screen) -> io::Result<()> {
        if theme.follows_terminal() {
            screen.query_background()
        } else {
            Ok(())
        }
    }

    /// Handles the colour that the terminal has answered with.
    pub(super) fn on_answer(&mut self, colour: Color) {
        self.background = Some(Background::of(colour));
    }

    /// The theme for this background.
    pub(super) fn theme(&self, theme: &ThemeChoice) -> Theme {
        theme.theme(self.background)
    }
}
