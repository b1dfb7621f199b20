//! What takes the place of the transcript for a while. Each view is a file with its title and what
//! it says; [`TextView`] scrolls, searches and draws all of them. A view has the keys as long as it
//! is open: nothing can be typed or sent that is not on the screen.

mod charts;
mod help;
mod keys;
mod provenance;
mod raw;
mod statistics;
mod text;
mod tools;

pub use self::keys::ViewCommand;
pub use self::text::TextView;

use crate::tui::app::App;
use crate::tui::keys::action::Action;

/// The views.
const VIEWS: [View; 5] = [
    help::VIEW,
    tools::VIEW,
    raw::VIEW,
    statistics::VIEW,
    provenance::VIEW,
];

/// Why there is nothing to see of a conversation.
const NONE_YET: &str = "no request yet";

/// A view that can be opened.
struct View {
    /// What opens it, and closes it again.
    action: Action,
    /// Makes it of what the program knows now, or says why there is nothing to see.
    open: fn(&App) -> Result<TextView, &'static str>,
}

/// The view that an action opens; `None` if it opens none.
///
/// # Errors
///
/// Why there is nothing to see.
pub(super) fn open(action: Action, app: &App) -> Option<Result<TextView, &'static str>> {
    let view = VIEWS.iter().find(|view| view.action == action)?;
    Some((view.open)(app).map(|text| text.opened_by(action)))
}
