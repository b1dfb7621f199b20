//! `humanllm`: an OpenAI-compatible server whose language model is a person at a terminal.
//!
//! Data flows one way in and one way out. Each layer knows only the layers below it, and those on one
//! line never know of each other; a test holds this table against the source:
//!
//! | layer | what it does |
//! |---|---|
//! | [`cli`] | what the command line takes |
//! | [`history`], [`replay`] | the commands that look back, or play a recording |
//! | [`app`] | the whole program: wired up, and shut down in order |
//! | [`fork`] | what was asked once is asked again, as from any client |
//! | [`setup`] | agents and models made to work with this program, and checked |
//! | [`headless`] | the server with somebody else than the person behind it |
//! | [`config`] | what can be set, and what holds when nothing is |
//! | [`tui`], [`server`], [`model`], [`control`] | terminal: events → actions → state → view; HTTP and WebSocket: routes, who may use them, server-sent events; models on other servers, which draft; the Unix socket through which scripts answer |
//! | [`export`] | the journal → files for models, programs and people |
//! | [`recording`] | what was asked and said as files, and which request of them another one is |
//! | [`inbox`] | what waits for the person and what was said: state and channels |
//! | [`statistics`] | how much was asked, how fast it was answered, and what was typed for it: numbers over the journal |
//! | [`store`] | everything asked and said, once: which requests belong together, stored responses |
//! | [`agents`], [`rules`], [`study`], [`journal`], [`draft`] | what is known of single agents; what is decided without the person; who takes part under which condition; the store on disk; what a person has composed as plain data |
//! | [`tokens`], [`logging`] | how many tokens a text has; the log |
//! | [`api`], [`o200k`], [`state_dir`] | the wire formats: request bytes → [`api::Request`], [`api::Reply`] → events; a vocabulary; the folder that journal and log lie in |
//! | [`descriptors`], [`environment`], [`hash`], [`suggestion`], [`plain`], [`private_file`] | small things that know nothing of this program |
//!
//! `tui`, `server`, `model` and `control` meet in the inbox. `api` knows neither sockets nor screens, a
//! clock or randomness.
//!
//! Public is what the program and its tests, benches and fuzz targets use; all else is `pub(crate)`, so
//! that the compiler tells what nobody uses.
//!
//! A request comes in through a route of the server, is put into the inbox with the sending end of
//! a channel, and is drawn by the terminal interface. What the person says goes down that channel
//! and is written as the events of one response.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod agents;
pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod control;
mod descriptors;
pub mod draft;
pub mod environment;
pub mod export;
pub mod fork;
mod hash;
mod headless;
pub mod history;
pub mod inbox;
pub mod journal;
#[cfg(test)]
mod layers;
pub mod logging;
pub mod model;
mod o200k;
pub mod plain;
mod private_file;
mod recording;
pub mod replay;
pub mod rules;
pub mod server;
pub mod setup;
pub mod state_dir;
pub mod statistics;
pub mod store;
pub mod study;
mod suggestion;
pub mod tokens;
pub mod tui;
