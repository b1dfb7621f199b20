//! The terminal: keys become actions, actions change state, state is drawn.

pub mod action;
pub mod app;
pub mod block;
pub mod composer;
pub mod format;
pub mod key_chord;
pub mod keymap;
pub mod pager;
pub mod scroll;
pub mod text;
pub mod transcript;
