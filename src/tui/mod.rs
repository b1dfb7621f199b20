//! The terminal: keys become actions, actions change state, state is drawn.

pub mod action;
pub mod key_chord;
pub mod keymap;
