//! The door for scripts: a Unix socket in the state folder, through which a program of the same user
//! can be the person for one turn.
//!
//! - `socket` finds, makes and removes it
//! - `protocol` is what goes through it, line by line
//! - `documents` is what scripts are shown of the inbox
//! - `serve` answers, on the side of the program that runs
//! - `command` asks, on the side of `humanllm status`, `wait`, `reply` and the others
//!
//! It meets the terminal and the server in the inbox, which decides. The HTTP port offers none of it.

pub mod command;
mod documents;
mod protocol;
mod serve;
mod socket;

pub use protocol::{StudyAction, VERSION};
pub use serve::{ControlState, serve};
pub use socket::{ControlSocket, SocketError};
