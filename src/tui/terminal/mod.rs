//! The terminal of the person: the [`screen`] owns it and gives it back, the [`clipboard`] copies
//! through it, an [`editor`] or another [`program`] borrows it. What it sends is [`input`].

mod backend;
pub mod clipboard;
mod clusters;
pub mod editor;
pub mod input;
pub mod link;
pub mod notification;
pub mod program;
pub mod screen;
