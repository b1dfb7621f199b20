//! The help: kinds of reply, and all keys by groups of actions.

use super::keys::KEYS;
use super::{TextView, View};
use crate::tui::keys::action::{Action, Group};
use crate::tui::keys::keymap::Keymap;

pub(super) const VIEW: View = View {
    action: Action::Help,
    open: |source| Ok(TextView::new("help", text(source.keymap))),
};

/// Columns for the names of keys and of kinds of reply.
const NAMES: usize = 20;

/// What the kinds of reply mean.
const KINDS: [(&str, &str); 6] = [
    ("Send", "The final answer; ends the response"),
    (
        "Progress",
        "A note that shows at once; the response stays open",
    ),
    (
        "Run command",
        "A shell command for the agent to run (type ! first)",
    ),
    ("Call tool", "Any tool that the request offers"),
    (
        "Think",
        "A summary of your thoughts; the response stays open",
    ),
    ("Reject", "Ends the turn with an error in your words"),
];

fn text(keymap: &Keymap) -> String {
    let mut text =
        "You are the model. A request opens here by itself; read it, type, press Enter.\n"
            .to_owned();
    let mut section = |title: &str, lines: Vec<String>| {
        text.push_str(&format!("\n{title}\n"));
        for line in lines {
            text.push_str(&format!("  {line}\n"));
        }
    };
    let kinds = KINDS.map(|(name, what)| entry(name, what));
    section("KINDS OF REPLY", kinds.into());
    for group in Group::ALL {
        let actions = keymap
            .bindings()
            .filter(|(action, _)| action.group() == *group);
        let lines = actions.map(|(action, chords)| {
            let keys: Vec<String> = chords.iter().map(ToString::to_string).collect();
            if keys.is_empty() {
                entry("(no key)", action.description())
            } else {
                entry(&keys.join(", "), action.description())
            }
        });
        section(group.title(), lines.collect());
    }
    let keys = KEYS.map(|(keys, what)| entry(keys, what));
    section(
        "IN THE INBOX, HELP, TOOLS, RAW JSON AND STATISTICS",
        keys.into(),
    );
    text.push_str("\nThe composer also takes the usual keys of readline: Ctrl+A, Ctrl+E, ");
    text.push_str("Ctrl+K, Ctrl+U, Ctrl+W, Ctrl+Y, Alt+B, Alt+F.");
    text
}

fn entry(name: &str, what: &str) -> String {
    if name.len() > NAMES {
        // If there are many keys, the description goes into a row of its own, in its column.
        format!("{name}\n  {:NAMES$} {what}", "")
    } else {
        format!("{name:<NAMES$} {what}")
    }
}
