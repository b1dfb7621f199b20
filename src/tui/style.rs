//! The theme that was chosen, by the names that the panes use.

use std::sync::OnceLock;

use ratatui::style::Style;

use crate::tui::app::Level;
use crate::tui::markup::Tone;
use crate::tui::theme::Theme;
use crate::tui::transcript::block::Kind;

static CHOSEN: OnceLock<Theme> = OnceLock::new();

/// Chooses the theme, once, before anything is drawn.
pub fn choose(theme: Theme) {
    // The first choice stands.
    let _ = CHOSEN.set(theme);
}

fn theme() -> Theme {
    CHOSEN.get().copied().unwrap_or_else(Theme::dark)
}

/// What matters less.
pub fn dim() -> Style {
    theme().dim()
}

/// Lines between panes.
pub fn rule() -> Style {
    theme().rule()
}

/// What matters more.
pub fn strong() -> Style {
    theme().strong()
}

/// The bar at the top of a pane, what is chosen, and what was found.
pub fn bar() -> Style {
    theme().bar()
}

/// Somebody waits.
pub fn waiting() -> Style {
    theme().waiting()
}

/// What came since the last reply.
pub fn new() -> Style {
    theme().fresh()
}

/// What went wrong.
pub fn bad() -> Style {
    theme().bad()
}

/// A notice.
pub fn notice(level: Level) -> Style {
    theme().notice(level)
}

/// The header of a block.
pub fn label(kind: Kind) -> Style {
    theme().label(kind)
}

/// The text of a block, where no tone says more.
pub fn text(kind: Kind) -> Style {
    theme().text(kind)
}

/// A stretch of text.
pub fn tone(tone: Tone) -> Style {
    theme().tone(tone)
}
