//! The keys of views and of the inbox, as commands.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::keys::action::Action;

/// The keys in words, for the help.
pub(super) const KEYS: [(&str, &str); 11] = [
    ("Up, Down, k, j", "A line up or down"),
    ("PageUp, PageDown", "A page up or down"),
    ("g, G", "To the top, to the end"),
    ("/", "Search; in the inbox, filter"),
    ("Enter", "Open the conversation; elsewhere, a line down"),
    ("q, Esc", "Back to the conversation"),
    ("Left, Right", "In the statistics: other days"),
    (
        "d, D",
        "In the inbox: dismiss one, dismiss all that are done",
    ),
    ("r", "In the inbox: sort in what has arrived since"),
    ("<, >", "In the inbox: narrower, wider"),
    ("h", "In the inbox: hide its column"),
];

/// A command to the view or the inbox that has the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewCommand {
    /// Go down by lines, or up if negative.
    Lines(i64),
    /// Go down by pages, or up if negative.
    Pages(i64),
    /// Go to the next tab of a view, or to the previous one if negative.
    Sideways(i64),
    /// Open the selected conversation, or scroll a view down by a line.
    Enter,
    /// Open the search, or the filter of the inbox.
    Search,
    /// Give the focus back to the composer.
    Close,
    /// An action that is not about scrolling, as elsewhere in the program.
    Other(Action),
    /// Nothing: the key would be typed into the composer, which has no focus.
    Nothing,
}

impl ViewCommand {
    /// The command for an action that was chosen without a key.
    pub fn of_action(action: Action) -> Self {
        Self::of(KeyCode::Null.into(), Some(action))
    }

    /// The command for a key that is bound to this action elsewhere.
    pub fn of(key: KeyEvent, action: Option<Action>) -> Self {
        let chords = KeyModifiers::CONTROL | KeyModifiers::ALT;
        match (key.code, action) {
            (_, Some(Action::Cancel | Action::Interrupt)) => Self::Close,
            (_, Some(Action::Search)) => Self::Search,
            (_, Some(Action::ScrollUp)) => Self::Pages(-1),
            (_, Some(Action::ScrollDown)) => Self::Pages(1),
            (_, Some(Action::ScrollLineUp)) => Self::Lines(-1),
            (_, Some(Action::ScrollLineDown)) => Self::Lines(1),
            (_, Some(Action::ScrollTop)) => Self::Lines(i64::MIN),
            (_, Some(Action::ScrollBottom)) => Self::Lines(i64::MAX),
            _ if key.modifiers.intersects(chords) => action.map_or(Self::Nothing, Self::Other),
            (KeyCode::Enter, _) => Self::Enter,
            (_, Some(action)) => Self::Other(action),
            (KeyCode::Esc | KeyCode::Char('q'), _) => Self::Close,
            (KeyCode::Char('/'), _) => Self::Search,
            (KeyCode::Up | KeyCode::Char('k'), _) => Self::Lines(-1),
            (KeyCode::Down | KeyCode::Char('j'), _) => Self::Lines(1),
            (KeyCode::Left, _) => Self::Sideways(-1),
            (KeyCode::Right, _) => Self::Sideways(1),
            (KeyCode::PageUp, _) => Self::Pages(-1),
            (KeyCode::PageDown | KeyCode::Char(' '), _) => Self::Pages(1),
            (KeyCode::Home | KeyCode::Char('g'), _) => Self::Lines(i64::MIN),
            (KeyCode::End | KeyCode::Char('G'), _) => Self::Lines(i64::MAX),
            _ => Self::Nothing,
        }
    }
}
