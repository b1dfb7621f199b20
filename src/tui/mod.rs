//! The terminal: keys become actions, actions change state, state is drawn.
//!
//! - [`run`] is the loop, and the only place that waits
//! - [`app`] is the state and what changes it
//! - [`layout`] says which pane is where; each has a place of its own: the [`inbox`], the
//!   [`transcript`] with its blocks, the [`views`] in its place, the [`composer`] and the [`status`]
//!   line under all of it
//! - [`search`] finds and counts what is looked for in the transcript and the views
//! - `line` edits a line of text: what is looked for, and the fields of forms
//! - [`form`] is a form made from a JSON Schema, [`picker`] chooses from a list
//! - [`export`] makes a file of a conversation, [`marks`] is what the person makes of one
//! - [`text`] lays out what is visible of texts of any size, and scrolls in it
//! - [`markup`] says what stretches of a text are, [`theme`] how things look
//! - [`worker`] does what takes longer than a frame
//! - [`ui`] holds what all that is drawn shares
//! - [`pictures`] shows pictures as well as the terminal can
//! - [`keys`] says what the keys mean
//! - [`terminal`] owns the terminal and gives it back: screen, clipboard, editor

pub mod app;
pub mod composer;
mod composer_pane;
pub mod export;
pub mod form;
pub mod inbox;
pub mod keys;
pub mod layout;
mod line;
pub mod marks;
pub mod markup;
mod paths;
pub mod picker;
pub mod pictures;
pub mod run;
pub mod search;
pub mod status;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod transcript;
pub mod ui;
pub mod views;
pub mod worker;
