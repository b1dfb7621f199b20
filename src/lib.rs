//! `humanllm`: a server with the APIs of OpenAI and Anthropic, whose language model is a person at a
//! terminal.
//!
//! A request comes in through a route of the [`server`], is put into the [`inbox`] together with the sending
//! end of a channel, and is drawn by the [terminal interface](tui). What the person replies goes down that
//! channel, and is written to the client as the events of one response.
//!
//! Each layer knows only the layers below it, and those on one line do not know each other. A test,
//! `layers.rs`, holds the source against this table:
//!
//! | layer | what it does |
//! |---|---|
//! | [`cli`] | the command line: commands and their arguments |
//! | [`history`], [`replay`] | commands that look back at the journal; the server that answers from a recording |
//! | [`program`] | the program without a command: server and terminal interface, started and stopped in order |
//! | [`fork`] | sends a recorded request again, as any client would |
//! | [`setup`] | configures agents to use this server, and models to draft for it, and checks both |
//! | [`headless`] | the server without the terminal interface, for a caller that answers by itself |
//! | [`config`] | all settings with their defaults |
//! | [`tui`], [`server`], [`model`], [`control`] | the terminal interface; HTTP, WebSocket and server-sent events; models on other servers, which draft replies; the Unix socket through which scripts answer |
//! | [`export`] | files of the journal, for models, programs and people |
//! | [`recording`] | requests and replies as files that can be replayed, and which recorded request another one is like |
//! | [`inbox`] | the state that server and terminal share: conversations, the requests that wait, the replies, drafts of models |
//! | [`statistics`] | numbers over the journal: requests, response times, keys typed, drafts used |
//! | [`store`] | requests and replies, stored once: which requests belong together, what later ones go on from |
//! | [`agents`], [`rules`], [`study`], [`journal`], [`draft`] | what is known of particular agents; what is decided without the person; participants, conditions and delays of a study; the database on disk; an unsent reply as plain data |
//! | [`tokens`], [`logging`] | counts tokens; the log file |
//! | [`api`], [`o200k`], [`state_dir`] | the wire formats: request bytes → [`api::Request`], [`api::Reply`] → events; the vocabulary of tokens; the folder of journal, log and control socket |
//! | [`descriptors`], [`environment`], [`hash`], [`suggestion`], [`plain`], [`private_file`] | small things that know nothing else of this program |
//!
//! `tui`, `server`, `model` and `control` meet in the inbox. `api` knows neither sockets nor screens, and
//! neither a clock nor randomness, so all its bytes can be tested without any of these.
//!
//! What the binary, the tests, the benches and the fuzz targets use is public; all else is `pub(crate)` or
//! private, so that the compiler finds what nobody uses. This is no library for others.

#![forbid(unsafe_code)]
#![warn(unreachable_pub)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod agents;
pub mod api;
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
pub mod program;
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
