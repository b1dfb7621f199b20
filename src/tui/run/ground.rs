//! Following the background of the terminal, where the theme does.

use std::io;

use ratatui::style::Color;

use crate::tui::terminal::screen::Screen;
use crate::tui::theme::{Background, Theme, ThemeChoice};

/// What is known of the background.
pub(super) struct Following {
    ground: Option<Background>,
}

impl Following {
    /// With what is known without asking.
    pub(super) fn new(ground: Option<Background>) -> Self {
        Self { ground }
    }

    /// Asks the terminal, if that matters for the theme.
    pub(super) fn ask(&self, theme: &ThemeChoice, screen: &mut Screen) -> io::Result<()> {
        match theme.follows_terminal() {
            true => screen.query_background(),
            false => Ok(()),
        }
    }

    /// Takes the colour that the terminal has answered.
    pub(super) fn answered(&mut self, colour: Color) {
        self.ground = Some(Background::of(colour));
    }

    /// The theme for what is known.
    pub(super) fn theme(&self, theme: &ThemeChoice) -> Theme {
        theme.theme(self.ground)
    }
}
