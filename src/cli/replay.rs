//! The flags of `replay` and of `fork`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::recording::{MatchMode, Tolerance};
use crate::replay::{FileFormat, ReplayOptions};

const EXAMPLES: &str = "\
EXAMPLES:
    humanllm replay --save session.jsonl 12           Save conversation 12 of the journal to a file
    humanllm replay session.jsonl --once --instant    Answer as it was answered, until all was asked
    humanllm replay session.jsonl --instant -- codex exec --profile humanllm 'Fix it'
                                                      The same for as long as a command runs

The first line of standard output is the address, unless a command is given.

EXIT CODE:
    0 all was played and nothing else was asked; 3 something else was asked; 4 not all was asked; 5 the
    address cannot be used; 2 anything else. That of the command where all was played and it failed.";

/// The flags of `replay`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    /// Files, and conversations of the journal by their numbers
    #[arg(required = true, value_name = "FILE|CONVERSATION")]
    pub sources: Vec<String>,
    /// Only write what is to be played to a file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// In which form to write it
    #[arg(
        long,
        value_name = "FORM",
        default_value = "recording",
        requires = "save"
    )]
    pub format: SaveFormatArg,
    /// How fast: 1 as it was recorded, 10 ten times as fast, 0 at once
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// At once, as --speed 0
    #[arg(long, conflicts_with = "speed")]
    instant: bool,
    /// What makes a request a recorded one: shape, or strict for byte for byte but ids, times, ports and
    /// temporary folders
    #[arg(long = "match", value_name = "HOW", default_value = "shape")]
    matches: MatchArg,
    /// How alike the newest prompt or output must be by shape, from 0 to 1, in words that both have
    #[arg(long, value_name = "S", default_value_t = Tolerance::default().similarity, value_parser = share)]
    similarity: f64,
    /// End when all was played
    #[arg(long, conflicts_with = "command")]
    once: bool,
    /// End when nothing was asked for so long
    #[arg(long, value_name = "SECONDS", conflicts_with = "command")]
    idle: Option<u32>,
    /// Print the address and the summary as lines of JSON
    #[arg(long)]
    json: bool,
    /// What to run meanwhile, with OPENAI_BASE_URL, ANTHROPIC_BASE_URL and keys set; ends with it
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// In which form a recording is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SaveFormatArg {
    /// For `humanllm replay`
    Recording,
    /// Fixtures for aimock
    Aimock,
}

/// What makes a request a recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MatchArg {
    /// Byte for byte, but for what differs each time
    Strict,
    /// Its place in the thread, and what is newest
    Shape,
}

impl From<SaveFormatArg> for FileFormat {
    fn from(form: SaveFormatArg) -> Self {
        match form {
            SaveFormatArg::Recording => Self::Recording,
            SaveFormatArg::Aimock => Self::Aimock,
        }
    }
}

impl From<ReplayArgs> for ReplayOptions {
    fn from(args: ReplayArgs) -> Self {
        Self {
            speed: if args.instant { 0.0 } else { args.speed },
            tolerance: Tolerance {
                mode: match args.matches {
                    MatchArg::Strict => MatchMode::Strict,
                    MatchArg::Shape => MatchMode::Shape,
                },
                similarity: args.similarity,
            },
            once: args.once,
            idle: args.idle.map(|seconds| Duration::from_secs(seconds.into())),
            json: args.json,
            command: args.command,
        }
    }
}

/// The flags of `fork`.
#[derive(Debug, Args)]
pub struct ForkArgs {
    /// The number of a conversation of the journal, or a file of `replay --save`
    #[arg(value_name = "CONVERSATION|FILE")]
    pub source: String,
    /// Which of its requests, from 1 [default: the newest]
    #[arg(long, value_name = "N")]
    pub turn: Option<usize>,
    /// Print the answer as it came
    #[arg(long)]
    pub json: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse::<f64>().map_err(|error| error.to_string())?;
    if speed.is_finite() && speed >= 0.0 {
        Ok(speed)
    } else {
        Err("it must be 0 or more".into())
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().map_err(|error| error.to_string())?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("it must be from 0 to 1".into())
    }
}
