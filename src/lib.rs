//! `humanllm`: an OpenAI-compatible server whose language model is a person at a terminal.

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod drafts;
pub mod environment;
pub mod inbox;
pub mod logging;
mod nearest;
pub mod server;
pub mod setup;
pub mod tokens;
pub mod tui;
