//! `humanllm`: an OpenAI-compatible server whose language model is a person at a terminal.

pub mod tui;
