//! The flags of `study` and `statistics`.

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::scripts::JsonArgs;

/// The flags of `study`.
#[derive(Debug, Args)]
pub struct StudyArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: StudyCommand,
}

/// What can be done with a study.
#[derive(Debug, Subcommand)]
pub enum StudyCommand {
    /// Print a row for each turn, with all of its times
    Csv(SinceArgs),
    /// Have the study go on in the humanllm that runs
    Start(JsonArgs),
    /// Have it stand still: requests wait, and nothing is sent to them
    Pause(JsonArgs),
    /// Go to another of its phases, whose snippets are at hand from then on
    Phase(PhaseArgs),
    /// Tell whether it stands still, and which phase is on
    Status(JsonArgs),
}

/// The flags of `study phase`.
#[derive(Debug, Args)]
pub struct PhaseArgs {
    /// Its name, as [[study.phase]] in the configuration has it
    pub name: String,
    /// How it is told.
    #[command(flatten)]
    pub form: JsonArgs,
}

/// Which turns.
#[derive(Debug, Args)]
pub struct SinceArgs {
    /// Only those of the last so many days
    #[arg(long, value_name = "N")]
    days: Option<u32>,
}

impl SinceArgs {
    /// The earliest arrival time of the turns, in milliseconds since 1970.
    pub fn since(&self, now: Timestamp) -> i64 {
        let days = self
            .days
            .map(|days| SignedDuration::from_hours(24 * i64::from(days)));
        let since = days.and_then(|days| now.checked_sub(days).ok());
        since.map_or(i64::MIN, Timestamp::as_millisecond)
    }
}

/// The flags of `statistics`.
#[derive(Debug, Args)]
pub struct StatisticsArgs {
    /// Which turns.
    #[command(flatten)]
    pub since: SinceArgs,
    /// Print one JSON document, for programs
    #[arg(long)]
    pub json: bool,
}
