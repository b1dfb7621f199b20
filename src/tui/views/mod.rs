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

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use self::keys::ViewCommand;
pub use self::text::TextView;

use crate::inbox::{Conversation, Inbox, ModelDraft};
use crate::rules::Decision;
use crate::tui::keys::action::Action;
use crate::tui::keys::keymap::Keymap;
use crate::tui::transcript::Transcript;

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

/// What views are made of.
pub(super) struct ViewSource<'a> {
    pub keymap: &'a Keymap,
    /// The time zone of all times that are shown.
    pub zone: &'a TimeZone,
    pub now: Timestamp,
    pub inbox: &'a Inbox,
    /// The open conversation, and its transcript.
    pub conversation: Option<&'a Conversation>,
    pub transcript: Option<&'a Transcript>,
    /// The drafts for the last answered request of the conversation, and what a rule decided about
    /// that request.
    pub answered_drafts: &'a [ModelDraft],
    pub answered_decision: Option<&'a Decision>,
}

/// A view that can be opened.
struct View {
    /// The action that opens and closes it.
    action: Action,
    /// Makes the view, or returns why there is nothing to show.
    open: fn(&ViewSource) -> Result<TextView, &'static str>,
}

/// The view that an action opens; `None` if it opens none.
///
/// # Errors
///
/// The message for the person, if there is nothing to show.
pub(super) fn open(action: Action, source: &ViewSource) -> Option<Result<TextView, &'static str>> {
    let view = VIEWS.iter().find(|view| view.action == action)?;
    Some((view.open)(source).map(|text| text.opened_by(action)))
}
