//! Setting up other programs to talk to this one.

pub mod codex;
mod own_file;

pub use own_file::{Outcome, SetupError};
