//! What a check finds, told line by line.

use std::io::{self, Write};

use crate::plain;

/// What is checked, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckStep {
    /// This program, or the model's server, answers at its address.
    Server,
    /// The agent is on `PATH`.
    Program,
    /// Its files are there and name that address; the configuration has the model.
    SetUp,
    /// It asks what it was told to ask; the model's server takes that.
    Request,
    /// It shows what was answered; the model's answer is whole.
    Answer,
    /// The model calls a tool. Nothing fails if it does not.
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

    /// The exit code of a check in which this failed first.
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

/// What was found: how it is, or what is wrong and what to do about it.
pub(in crate::setup) type CheckResult = Result<String, String>;

/// What was found so far.
pub(in crate::setup) struct CheckReport<'a> {
    out: &'a mut dyn Write,
    failures: Vec<CheckStep>,
}

impl<'a> CheckReport<'a> {
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self {
            out,
            failures: Vec::new(),
        }
    }

    pub fn result(&mut self, step: CheckStep, told: CheckResult) -> io::Result<()> {
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

    /// Tells what is neither good nor wrong.
    pub fn remark(&mut self, step: CheckStep, words: &str) -> io::Result<()> {
        self.line(step, "-", words)
    }

    /// Tells what all of it means, and what it does not.
    pub fn conclude(&mut self, words: &str) -> io::Result<()> {
        writeln!(self.out, "\n{words}")?;
        self.out.flush()
    }

    fn line(&mut self, step: CheckStep, word: &str, words: &str) -> io::Result<()> {
        // What other programs say may hold anything.
        let words = plain::line(words);
        writeln!(self.out, "{:<9}{word:<8}{words}", step.name())?;
        self.out.flush()
    }
}
