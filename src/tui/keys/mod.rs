//! What the keys mean: every intent of the person is an [`action`], a [`chord`] is a key with its
//! modifiers, and the [`keymap`] leads from the one to the other.

pub mod action;
pub mod chord;
pub mod keymap;
