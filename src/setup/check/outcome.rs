//! The results of a check, written line by line.

use std::io::{self, Write};

use crate::plain;

/// The steps of a check, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckStep {
    /// The server (this program, or that of a model) answers at its address.
    Server,
    /// The agent's program is on `PATH`.
    Program,
    /// The agent's files exist and have that address; or the configuration has the model.
    SetUp,
    /// The agent sends the question; or the model's server accepts the request.
    Request,
    /// The agent shows the answer; or the model's answer is complete.
    Answer,
    /// The model calls a tool. It is no failure if it does not.
    Call,
}

impl CheckStep {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Program => "program",
            Self::SetUp => "set-up",
            Self::Request => "request",
            Self::Answer => "answer",
            Self::Call => "call",
        }
    }

    /// The exit code of a check in which this step failed first.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Server => 3,
            Self::Program => 4,
            Self::SetUp => 5,
            Self::Request => 6,
            Self::Answer => 7,
            Self::Call => 8,
        }
    }
}

/// The result of a step: a description, or what is wrong and what to do about it.
pub(in crate::setup) type CheckResult = Result<String, String>;

/// Writes the results of steps, and remembers those that failed.
pub(in crate::setup) struct CheckReport<'a> {
    out: &'a mut dyn Write,
    failures: Vec<CheckStep>,
}

impl<'a> CheckReport<'a> {
    pub(crate) fn new(out: &'a mut dyn Write) -> Self {
        Self {
            out,
            failures: Vec::new(),
        }
    }

    pub(crate) fn result(&mut self, step: CheckStep, told: CheckResult) -> io::Result<()> {
        let (word, words) = match &told {
            Ok(words) => ("ok", words),
            Err(words) => ("FAILED", words),
        };
        if told.is_err() {
            self.failures.push(step);
        }
        self.line(step, word, words)
    }

    /// Reports steps as not tried, because an earlier one failed.
    pub(crate) fn not_tried(&mut self, steps: &[CheckStep]) -> io::Result<()> {
        steps
            .iter()
            .try_for_each(|step| self.line(*step, "-", "not tried"))
    }

    pub(crate) fn has_failed(&self, step: CheckStep) -> bool {
        self.failures.contains(&step)
    }

    pub(crate) fn first_failure(&self) -> Option<CheckStep> {
        self.failures.iter().min().copied()
    }

    /// Reports a step that has neither succeeded nor failed.
    pub(crate) fn remark(&mut self, step: CheckStep, words: &str) -> io::Result<()> {
        self.line(step, "-", words)
    }

    /// Writes the conclusion of the check.
    pub(crate) fn conclude(&mut self, words: &str) -> io::Result<()> {
        writeln!(self.out, "\n{words}")?;
        self.out.flush()
    }

    fn line(&mut self, step: CheckStep, word: &str, words: &str) -> io::Result<()> {
        // Text from other programs may have control characters.
        let words = plain::line(words);
        writeln!(self.out, "{:<9}{word:<8}{words}", step.name())?;
        self.out.flush()
    }
}
