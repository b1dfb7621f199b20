//! The terminal of the person: the [`screen`] sets it up and restores it, the [`clipboard`] copies
//! through it, an [`editor`] or another [`program`] borrows it, and [`input`] parses what it sends.

mod backend;
pub mod clipboard;
mod clusters;
pub mod editor;
pub mod input;
pub mod link;
pub mod notification;
pub mod program;
pub mod screen;
