//! aider, measured with 0.86.2. Its user agent is that of litellm, it names no thread, and it
//! rebuilds its history with every turn.

use super::{KnownAgent, PromptMark};
use crate::api::Purpose;

/// Begins the message that ends the example turns.
const EXAMPLES_END: &str = "I switched to a new code base.";
/// Begins the message with the files that may be edited.
const FILES: &str = "I have *added these files to the chat*";
/// Begins that message if there are no such files.
const NO_FILES: &str = "I am not sharing any files that you can edit yet.";
/// Begins the message with the map of the repository.
const MAP: &str = "Here are summaries of some files present in my git repository.";
/// Begins the system prompt of a request for a commit message.
const COMMIT: &str = "You are an expert software engineer that generates concise, one-line Git \
                      commit messages";
/// Begins the system prompt of a request for a summary.
const SUMMARY: &str = "*Briefly* summarize this partial conversation about programming.";

pub(super) static AGENT: KnownAgent = KnownAgent {
    name: "aider",
    openings: &[EXAMPLES_END, FILES, NO_FILES, MAP, COMMIT, SUMMARY],
    errands: &[
        (Purpose::CommitMessage, PromptMark::Instructions(COMMIT)),
        (Purpose::Summary, PromptMark::Instructions(SUMMARY)),
    ],
    confirmed_openings: &[
        EXAMPLES_END,
        FILES,
        NO_FILES,
        MAP,
        "Here are some READ ONLY files, provided for your reference.",
    ],
    examples_end: Some(EXAMPLES_END),
    ..KnownAgent::OTHER
};
