//! The control socket: a Unix socket in the state folder through which scripts of the same user can read
//! the inbox and answer requests in place of the person.
//!
//! - `socket` finds, creates and removes it
//! - `protocol` has the messages, one JSON object a line
//! - `documents` has the JSON documents about the inbox in the answers
//! - `serve` is the server side, in the running program
//! - `command` is the client side, for `humanllm status`, `wait`, `reply` and the others
//!
//! Commands are executed by the inbox, which terminal interface and server use too. The HTTP port offers
//! none of them.

pub mod command;
mod documents;
mod protocol;
mod serve;
mod socket;

pub use protocol::{StudyAction, VERSION};
pub use serve::{ControlState, serve};
pub use socket::{ControlSocket, SocketError};
