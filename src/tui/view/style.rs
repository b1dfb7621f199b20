//! The few styles there are: the terminal's own 16 colours, and never colour alone.

use ratatui::style::{Color, Modifier, Style};

use crate::tui::app::Level;
use crate::tui::block::Kind;

/// What matters less.
pub fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// Lines between panes.
pub fn rule() -> Style {
    dim()
}

/// What matters more.
pub fn strong() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// The bar at the top of a pane.
pub fn bar() -> Style {
    Style::new().add_modifier(Modifier::REVERSED)
}

/// Somebody waits.
pub fn waiting() -> Style {
    Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD)
}

/// What came since the last reply.
pub fn new() -> Style {
    Style::new().fg(Color::Yellow)
}

/// What went wrong.
pub fn bad() -> Style {
    Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)
}

/// A notice.
pub fn notice(level: Level) -> Style {
    match level {
        Level::Good => Style::new().fg(Color::Green),
        Level::Info => Style::new().fg(Color::Cyan),
        Level::Bad => bad(),
    }
}

/// The header of a block.
pub fn label(kind: Kind) -> Style {
    match kind {
        Kind::Prompt => Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD),
        Kind::Assistant => Style::new().fg(Color::Green).add_modifier(Modifier::BOLD),
        Kind::Call => Style::new().fg(Color::Magenta).add_modifier(Modifier::BOLD),
        Kind::Output => Style::new().fg(Color::Blue).add_modifier(Modifier::BOLD),
        Kind::Boilerplate => dim(),
        Kind::Other => strong(),
    }
}

/// The text of a block.
pub fn text(kind: Kind) -> Style {
    match kind {
        Kind::Call => strong(),
        _ => Style::new(),
    }
}
