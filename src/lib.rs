//! `humanllm`: an OpenAI-compatible server whose language model is a person at a terminal.

pub mod config;
pub mod environment;
mod nearest;
pub mod tui;
