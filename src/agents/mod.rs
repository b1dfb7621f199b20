//! What is known of particular agents, and what the shape of a request tells about any.
//!
//! | module | what it decides |
//! |---|---|
//! | `caller` | who asks, by which name the person knows them, and which thread it is |
//! | `purpose` | why: a turn, or an errand such as a title, a summary, a permission check |
//! | `housekeeping` | which errands the program answers by itself, and with what |
//! | `draft` | what the person may begin the answer to an errand with |
//! | `boilerplate` | what an agent put into a conversation by itself |
//! | `title`, `directory` | what a conversation is called, and the folder that it is about |
//!
//! Each of these works for unknown agents. A file per agent adds what no shape can tell: to add an
//! agent, write that file and add its name to the list below. Nothing here does I/O or knows of
//! sockets and screens.

mod boilerplate;
mod caller;
mod directory;
mod draft;
mod housekeeping;
mod purpose;
mod title;

pub(crate) use boilerplate::{InventedTurns, prompt_title};
pub use caller::Caller;
pub(crate) use directory::directory_in;
pub use draft::{drafts, verdicts};
pub use housekeeping::{AutoAnswered, Housekeeping};
pub use purpose::purpose;

use crate::api::{Fields, Purpose};

/// What is known of an agent; everything else is told by the shape of its requests.
#[derive(Debug)]
pub struct KnownAgent {
    /// The name shown to the person.
    name: &'static str,
    /// Beginnings of its `User-Agent`.
    user_agents: &'static [&'static str],
    /// Beginnings of messages that only this agent sends, if its user agent is that of an SDK.
    openings: &'static [&'static str],
    /// Headers with the thread id.
    thread_headers: &'static [&'static str],
    /// Headers with the id of a sub-agent within the thread.
    part_headers: &'static [&'static str],
    /// Reads the thread id from the body of a request.
    thread: Option<fn(&Fields<'_>) -> Option<String>>,
    /// Reads the purpose from fields of the body other than its items.
    stated_purpose: Option<fn(&Fields<'_>) -> Option<Purpose>>,
    /// Texts by which its errands are recognized.
    errands: &'static [(Purpose, PromptMark)],
    /// The text right before the prompt in a request for a title.
    title_prompt_prefix: Option<&'static str>,
    /// Beginnings of user messages that the agent adds by itself, besides blocks in tags.
    context_openings: &'static [&'static str],
    /// Beginnings of user messages that an invented answer of the model confirms.
    confirmed_openings: &'static [&'static str],
    /// Beginning of the message that ends the example turns.
    examples_end: Option<&'static str>,
    /// The separator between what it adds to a message and the text of the user.
    prompt_separator: Option<&'static str>,
    /// The answers to its permission checks.
    verdicts: &'static [Verdict],
}

/// A text by which an errand is recognized.
#[derive(Debug, Clone, Copy)]
enum PromptMark {
    /// A part of the instructions begins with it.
    Instructions(&'static str),
    /// The last prompt contains it.
    Prompt(&'static str),
}

/// An answer to a permission check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What it decides: [`ALLOW`] or [`BLOCK`].
    pub words: &'static str,
    /// The text to send.
    pub answer: &'static str,
}

/// The verdict that permits the action.
pub(crate) const ALLOW: &str = "allow";
/// The verdict that forbids the action.
pub(crate) const BLOCK: &str = "block";

impl KnownAgent {
    /// An agent of which nothing is known.
    const OTHER: Self = Self {
        name: "",
        user_agents: &[],
        openings: &[],
        thread_headers: &[],
        part_headers: &[],
        thread: None,
        stated_purpose: None,
        errands: &[],
        title_prompt_prefix: None,
        context_openings: &[],
        confirmed_openings: &[],
        examples_end: None,
        prompt_separator: None,
        verdicts: &[],
    };
}

macro_rules! agents {
    ($($name:ident)+) => {
        $(mod $name;)+

        /// All known agents.
        static ALL: &[&KnownAgent] = &[$(&$name::AGENT,)+];
    };
}

agents! {
    aider
    claude_code
    cline
    codex
    mini_swe_agent
    opencode
    pi
    qwen_code
}
