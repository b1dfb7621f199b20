//! Setting up other programs to talk to this one.

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
