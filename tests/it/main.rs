//! What the program does, seen from outside: as a library without a terminal, and as the real binary.
//!
//! One program of all tests, since linking one for each file takes longer than anything else. A module
//! is a topic, and its name chooses its tests: `cargo test composer::`. Tests run side by side in one
//! process, so none changes what belongs to the process, such as its environment or its limits; who
//! needs that starts a process of its own.

mod agents;
mod cli;
mod clients;
mod codex;
mod codex_tools;
mod composer;
mod docs;
mod drafts;
mod errands;
mod examples;
mod export;
mod forced_calls;
mod form_properties;
mod formats;
mod frameworks;
mod history;
mod images;
mod inbox;
mod journal;
mod kept;
mod keys;
mod kills;
mod limits;
mod model_drafts;
mod model_setup;
mod models;
mod past;
mod rejections;
mod replay;
mod replies;
mod request_properties;
mod restart;
mod rules;
mod schema;
mod screens;
mod scripts;
mod seeds;
mod seeing;
mod server;
mod setup;
mod shells;
mod sockets;
mod stored;
mod study;
mod support;
mod terminal;
mod terminal_bytes;
mod text_properties;
mod themes;
mod threads;
mod tokens;
mod upstreams;
mod views;
mod wire_formats;
mod words;
