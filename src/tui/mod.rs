//! The terminal: keys become actions, actions change state, state is drawn.
//!
//! As in the whole program, each layer knows only the layers below it, and those on one line never know
//! of each other:
//!
//! | layer | what it does |
//! |---|---|
//! | [`run`] | the loop, and the only place that waits |
//! | [`layout`] | which pane is where |
//! | [`status`] | the status line under all panes, and the title above the transcript |
//! | [`composer_pane`] | the composer and the dialogs in its place, drawn |
//! | [`app`] | the state of the program, and all that changes it |
//! | [`inbox`], [`views`] | the list of conversations; what is shown in the place of the transcript |
//! | [`transcript`] | a conversation in blocks |
//! | [`composer`], [`export`], [`marks`], [`search`] | the reply that is written; the form of a file to make of a conversation; the form of what the person notes about one; what is looked for in the transcript and the views |
//! | [`form`], [`picker`], [`ui`] | a form made from a JSON Schema; a list to choose from; what everything that is drawn shares |
//! | [`theme`] | how things look |
//! | [`line`], [`markup`], [`pictures`] | an editor for one line of text; what stretches of a text are; pictures as well as the terminal can show them |
//! | [`keys`], [`paths`], [`terminal`], [`text`], [`worker`] | what the keys mean; what is in a folder; the terminal, taken and given back: screen, clipboard, editor; what is visible of texts of any size, and scrolling in it; what takes longer than a frame |

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
