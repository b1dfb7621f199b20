//! The terminal: keys become actions, actions change state, state is drawn.
//!
//! - [`run`] is the loop, and the only place that waits
//! - [`app`] is the state and what changes it; [`composer`], [`transcript`] and [`pager`] are the
//!   parts of it that have a pane
//! - [`form`] is a form made from a JSON Schema, [`picker`] chooses from a list, [`search`] finds
//!   in texts, [`clipboard`] copies
//! - [`view`] draws the state
//! - [`text`] and [`scroll`] lay out what is visible of texts of any size
//! - [`pictures`] shows pictures as well as the terminal can
//! - [`markup`] says what stretches of a text are, and [`theme`] how things look
//! - [`action`], [`keymap`] and [`key_chord`] say what the keys mean
//! - [`screen`] owns the terminal and gives it back

pub mod action;
pub mod app;
mod backend;
mod block;
pub mod clipboard;
pub mod composer;
pub mod editor;
pub mod form;
pub mod format;
pub mod key_chord;
pub mod keymap;
pub mod markup;
pub mod pager;
pub mod picker;
mod picker_query;
pub mod pictures;
pub mod run;
pub mod screen;
pub mod scroll;
pub mod search;
pub mod text;
pub mod theme;
pub mod transcript;
pub mod view;
