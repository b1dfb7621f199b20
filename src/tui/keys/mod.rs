//! Key bindings: an [`action`] is something that a key can be bound to, a [`chord`] is a key with its
//! modifiers, and the [`keymap`] maps chords to actions.

pub mod action;
pub mod chord;
pub mod keymap;
