//! Views that take the place of the transcript: help, tools, raw JSON, statistics, provenance. Each
//! module makes the text of one view; [`TextView`] scrolls, searches and draws all of them. A view has
//! the focus as long as it is open, so that nothing is typed or sent that is not on the screen.

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

/// All views that an action opens.
const VIEWS: [View; 5] = [
    help::VIEW,
    tools::VIEW,
    raw::VIEW,
    statistics::VIEW,
    provenance::VIEW,
];

/// The message if there is no conversation yet.
const NO_REQUEST: &str = "no request yet";

/// A view that can be opened.
struct View {
    /// The action that opens and closes it.
    action: Action,
    /// Makes the view from the current state, or returns why there is nothing to show.
    open: fn(&App) -> Result<TextView, &'static str>,
}

/// The view that an action opens; `None` if it opens none.
///
/// # Errors
///
/// The message for the person, if there is nothing to show.
pub(super) fn open(action: Action, app: &App) -> Option<Result<TextView, &'static str>> {
    let view = VIEWS.iter().find(|view| view.action == action)?;
    Some((view.open)(app).map(|text| text.opened_by(action)))
}
