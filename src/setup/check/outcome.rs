//! What a check finds, told line by line.

use std::io::{self, Write};

use crate::plain;

/// What is checked, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// This program answers at its address.
    Server,
    /// The agent is on `PATH`.
    Program,
    /// Its files are there and name that address.
    SetUp,
    /// It asks what it was told to ask.
    Request,
    /// It shows what was answered.
    Answer,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Program => "program",
            Self::SetUp => "set-up",
            Self::Request => "request",
            Self::Answer => "answer",
        }
    }

    /// The exit code of a check in which this failed first.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Server => 3,
            Self::Program => 4,
            Self::SetUp => 5,
            Self::Request => 6,
            Self::Answer => 7,
        }
    }
}

/// What was found: how it is, or what is wrong and what to do about it.
pub(super) type Told = Result<String, String>;

/// What was found so far.
pub(super) struct Findings<'a> {
    out: &'a mut dyn Write,
    failures: Vec<Step>,
}

impl<'a> Findings<'a> {
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self {
            out,
            failures: Vec::new(),
        }
    }

    pub fn tell(&mut self, step: Step, told: Told) -> io::Result<()> {
        let (word, words) = match &told {
            Ok(words) => ("ok", words),
            Err(words) => ("FAILED", words),
        };
        if told.is_err() {
            self.failures.push(step);
        }
        self.line(step, word, words)
    }

    /// Tells that steps were not tried, because of what failed before.
    pub fn pass_over(&mut self, steps: &[Step]) -> io::Result<()> {
        steps
            .iter()
            .try_for_each(|step| self.line(*step, "-", "not tried"))
    }

    pub fn has_failed(&self, step: Step) -> bool {
        self.failures.contains(&step)
    }

    pub fn first_failure(&self) -> Option<Step> {
        self.failures.iter().min().copied()
    }

    /// Tells what all of it means, and what it does not.
    pub fn end(&mut self, title: &str) -> io::Result<()> {
        if self.first_failure().is_none() {
            writeln!(
                self.out,
                "\n{title} is set up. The question went to a server of this check's own, which answered by \
                 itself:\nhumanllm's inbox has nothing of it. Tools and the terminal interface of {title} \
                 were not tried."
            )?;
        }
        self.out.flush()
    }

    fn line(&mut self, step: Step, word: &str, words: &str) -> io::Result<()> {
        // What other programs say may hold anything.
        let words = plain::line(words);
        writeln!(self.out, "{:<9}{word:<8}{words}", step.name())?;
        self.out.flush()
    }
}
