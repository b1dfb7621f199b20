//! aider, measured with 0.86.2. Its user agent is that of litellm, it names no thread, and it puts its
//! history together anew with every turn.

use super::{KnownAgent, PromptMark};
use crate::api::Purpose;

/// Ends the example turns.
const EXAMPLES_END: &str = "I switched to a new code base.";
/// How it hands over the files that may be edited.
const FILES: &str = "I have *added these files to the chat*";
/// What it says where there are none.
const NO_FILES: &str = "I am not sharing any files that you can edit yet.";
/// How it hands over its map of a repository.
const MAP: &str = "Here are summaries of some files present in my git repository.";
/// What its commit messages are asked for with.
const COMMIT: &str = "You are an expert software engineer that generates concise, one-line Git \
                      commit messages";
/// What its summaries are asked for with.
const SUMMARY: &str = "*Briefly* summarize this partial conversation about programming.";

pub(super) static AGENT: KnownAgent = KnownAgent {
    name: "aider",
    openings: &[EXAMPLES_END, FILES, NO_FILES, MAP, COMMIT, SUMMARY],
    errands: &[
        (Purpose::CommitMessage, PromptMark::Instructions(COMMIT)),
        (Purpose::Summary, PromptMark::Instructions(SUMMARY)),
    ],
    confirmed: &[
        EXAMPLES_END,
        FILES,
        NO_FILES,
        MAP,
        "Here are some READ ONLY files, provided for your reference.",
    ],
    examples_end: Some(EXAMPLES_END),
    ..KnownAgent::OTHER
};
