//! The whole program: server and terminal together.

use crate::config::Config;

/// Runs server and terminal until the person quits.
///
/// # Errors
/// Whatever keeps the program from starting, in one line.
pub fn run(_config: Config) -> color_eyre::Result<()> {
    Ok(())
}
