//! What is known of single agents, and what is told from the shape of a request by any.
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
//! Each of these works for agents that nobody here has heard of. A file per agent adds what no shape
//! can tell: a new one is that file and its name in the list below. Nothing here does I/O or knows of
//! sockets and screens.

mod boilerplate;
mod caller;
mod directory;
mod draft;
mod housekeeping;
mod purpose;
mod title;

pub(crate) use boilerplate::{Opening, prompt_title};
pub use caller::Caller;
pub(crate) use directory::directory_in;
pub use draft::{drafts, verdicts};
pub use housekeeping::{AutoAnswered, Housekeeping};
pub use purpose::purpose;

use crate::api::{Fields, Purpose};

/// An agent: everything that is left out is told by shape.
#[derive(Debug)]
pub struct KnownAgent {
    /// What the person calls it.
    name: &'static str,
    /// What its user agent begins with.
    user_agents: &'static [&'static str],
    /// What a message begins with that nobody else sends, for one whose user agent is that of an SDK.
    openings: &'static [&'static str],
    /// The headers in which it names the thread.
    thread_headers: &'static [&'static str],
    /// The headers in which it names a part of the thread that a sub-agent works on.
    part_headers: &'static [&'static str],
    /// The thread that the body of a request names.
    thread: Option<fn(&Fields<'_>) -> Option<String>>,
    /// What the body of a request says it is for, besides its items.
    says: Option<fn(&Fields<'_>) -> Option<Purpose>>,
    /// By which words its errands are known.
    errands: &'static [(Purpose, PromptMark)],
    /// What stands right before the prompt in a request for a title.
    title_of: Option<&'static str>,
    /// What a message in the user's name begins with that it puts in by itself, besides blocks in tags.
    context: &'static [&'static str],
    /// What it hands over files with, where it then has the model confirm it in words that it makes up.
    confirmed: &'static [&'static str],
    /// What the message begins with that ends the example turns at the beginning.
    examples_end: Option<&'static str>,
    /// What stands between what it adds to a message and the words of the person.
    words_begin: Option<&'static str>,
    /// The answers that its permission checks take.
    verdicts: &'static [Verdict],
}

/// Words by which an errand is known.
#[derive(Debug, Clone, Copy)]
enum PromptMark {
    /// A part of the instructions begins with them.
    Instructions(&'static str),
    /// They stand in the last prompt.
    Prompt(&'static str),
}

/// An answer to a permission check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What it does: [`ALLOW`] or [`BLOCK`].
    pub words: &'static str,
    /// What is sent.
    pub answer: &'static str,
}

/// The verdict that lets an agent do it.
pub(crate) const ALLOW: &str = "allow";
/// The verdict that does not.
pub(crate) const BLOCK: &str = "block";

impl KnownAgent {
    /// One of which nothing is known.
    const OTHER: Self = Self {
        name: "",
        user_agents: &[],
        openings: &[],
        thread_headers: &[],
        part_headers: &[],
        thread: None,
        says: None,
        errands: &[],
        title_of: None,
        context: &[],
        confirmed: &[],
        examples_end: None,
        words_begin: None,
        verdicts: &[],
    };
}

macro_rules! agents {
    ($($name:ident)+) => {
        $(mod $name;)+

        /// All that there is a file for.
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
