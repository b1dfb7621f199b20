//! `humanllm`: an OpenAI-compatible server whose language model is a person at a terminal.
//!
//! Data flows one way in and one way out, and each layer knows only the layers below it:
//!
//! | layer | what it does |
//! |---|---|
//! | [`cli`], [`config`], [`environment`], [`logging`], [`setup`], [`history`], [`replay`], [`fork`], [`app`] | parse, load, wire up, shut down in order |
//! | [`export`] | the journal → files for models, programs and people |
//! | [`tui`] | terminal, events → actions → state → view |
//! | [`server`] | routes, who may use them, server-sent events |
//! | [`model`] | models on other servers, which draft: connections, timeouts, what went wrong in words |
//! | [`control`] | the Unix socket through which scripts answer, and the commands that use it |
//! | [`inbox`] | what waits for the person and what was said: state and channels |
//! | [`statistics`] | how much was asked, how fast it was answered, and what was typed for it: numbers over the journal |
//! | [`store`] | everything asked and said, once: which requests belong together, stored responses |
//! | [`journal`] | the same on disk; [`history`] reads it for the command line |
//! | [`agents`] | what is known of single agents: names, threads, errands, what they add by themselves |
//! | [`rules`] | what is decided without the person |
//! | [`recording`] | what was asked and said as files, and which request of them another one is |
//! | [`study`] | who takes part under which condition, and how slowly words reach them |
//! | [`api`] | the wire formats: request bytes → [`api::Request`], [`api::Reply`] → events |
//!
//! `tui`, `server`, `model` and `control` never know of each other: they meet in the inbox. `api` knows
//! neither sockets nor screens, a clock or randomness. Beside the layers stand [`draft`], what a person has
//! composed as plain data, [`state_dir`], the folder that journal and log lie in, [`descriptors`], how
//! many files may be open, [`tokens`], which counts, and [`plain`], text that cannot steer a terminal.
//!
//! A request comes in through a route of the server, is put into the inbox with the sending end of
//! a channel, and is drawn by the terminal interface. What the person says goes down that channel
//! and is written as the events of one response.

pub mod agents;
pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod descriptors;
pub mod draft;
pub mod environment;
pub mod export;
pub mod fork;
mod hash;
pub mod history;
pub mod inbox;
pub mod journal;
pub mod logging;
pub mod model;
mod nearest;
mod o200k;
pub mod plain;
mod private_file;
pub mod recording;
pub mod replay;
pub mod rules;
pub mod server;
pub mod setup;
mod standin;
pub mod state_dir;
pub mod statistics;
pub mod store;
pub mod study;
pub mod tokens;
pub mod tui;
