//! The terminal of the person: the [`screen`] owns it and gives it back, the [`clipboard`] copies
//! through it, and an [`editor`] borrows it. What it sends is [`input`].

mod backend;
pub mod clipboard;
pub mod editor;
pub mod input;
pub mod screen;
