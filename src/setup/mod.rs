//! `humanllm setup` and `humanllm split`: configures agents to use this server, and models to draft for it.
//!
//! - `agents` has a module for each agent; `own_file` writes their files and keeps backups
//! - `model` finds a model server and adds it to the configuration; `rule` saves a rule there
//! - `guide` prints what to set for other clients
//! - `check` runs a configured agent and reports whether it reaches the server; `running` probes the server
//! - `split` opens an agent in a tmux pane

pub mod agents;
mod base_urls;
pub mod check;
pub mod guide;
pub mod model;
mod own_file;
mod programs;
mod report;
pub mod rule;
mod running;
mod shell;
pub mod split;

pub use agents::codex;
pub use base_urls::BaseUrls;
pub use own_file::{FileOutcome, SetupError};
pub use report::{PrintedFile, SetupReport};
