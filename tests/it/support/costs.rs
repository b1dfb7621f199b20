//! What a reply costs in keys beyond its content: the numbers that the program is held to and the
//! README promises.

/// A reply, the keys that it takes besides its content, and how many they are. A key that is held
/// together with another is one with it.
pub const COSTS: &[(&str, &str, usize)] = &[
    ("Send", "Enter", 1),
    ("Progress", "Tab, Enter", 2),
    ("Progress, again", "Enter", 1),
    ("Run command", "!, Enter", 2),
    ("Run command in a directory", "!, Alt+O, Alt+O, Enter", 4),
    ("Two commands in one reply", "!, Alt+A, !, Enter", 4),
    ("Call tool, two arguments", "Ctrl+T, Enter, Enter, Enter", 4),
    ("Patch", "Ctrl+T, Enter, Enter", 3),
    ("Think", "Shift+Tab, Shift+Tab, Enter", 3),
    ("Reject", "Shift+Tab, Enter", 2),
];

/// What a reply costs.
pub fn cost(reply: &str) -> usize {
    let found = COSTS.iter().find(|(name, ..)| *name == reply);
    found.unwrap_or_else(|| panic!("no {reply:?}")).2
}
