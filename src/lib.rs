//! `humanllm`: an OpenAI-compatible server whose language model is a person at a terminal.
pub mod api;
pub mod inbox;
pub mod server;
