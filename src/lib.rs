//! `humanllm`: an OpenAI-compatible server whose language model is a person at a terminal.

pub mod app;
pub mod cli;
pub mod config;
pub mod environment;
pub mod logging;
mod nearest;
pub mod setup;
pub mod tui;
