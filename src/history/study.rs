//! `humanllm study csv`: the record of a study as CSV, one row for each turn.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::api::Format;
use crate::journal::{JournalReader, ReadError, TurnState};
use crate::statistics::turns::{self, SOURCES, TurnFacts};

/// Why the record could not be written.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// The names of the columns before the delays and the characters by source.
const COLUMNS: [&str; 20] = [
    "conversation",
    "turn",
    "participant",
    "condition",
    "phase",
    "agent",
    "format",
    "state",
    "arrived",
    "seen",
    "first_key",
    "first_word",
    "sent",
    "delivered",
    "ended",
    "paused_ms",
    "keys",
    "replies",
    "senders",
    "delay_first_ms",
];

/// Writes the record of all turns whose request arrived at or after `since`, in milliseconds since 1970.
///
/// # Errors
///
/// If the journal cannot be read, or the record cannot be written.
pub fn write(reader: &JournalReader, since: i64, to: &mut impl Write) -> Result<(), StudyError> {
    let sources = SOURCES.map(|source| format!("characters_{source}"));
    let names = COLUMNS.into_iter().map(str::to_owned);
    let names = names.chain(["delay_total_ms".into(), "delay_tokens".into()]);
    row(to, names.chain(sources))?;
    turns::for_each(reader, since, |turn| {
        row(to, cells(&turn)).map_err(StudyError::from)
    })?;
    Ok(to.flush()?)
}

fn cells(turn: &TurnFacts) -> impl Iterator<Item = String> {
    let assigned = turn.assigned.as_deref().cloned().unwrap_or_default();
    let times = &turn.times;
    let at = |time: Option<i64>| {
        let time = time.and_then(|time| Timestamp::from_millisecond(time).ok());
        time.map_or(String::new(), |time| format!("{time:.3}"))
    };
    let delayed = |sum: u64| {
        if turn.delays.is_empty() {
            String::new()
        } else {
            sum.to_string()
        }
    };
    let first = turn.delays.first().map_or(0, |plan| plan.first_ms);
    let total = turn.delays.iter().map(|plan| plan.total_ms).sum();
    let tokens: usize = turn.delays.iter().map(|plan| plan.tokens).sum();
    let format = match Format::of_number(turn.format) {
        Some(Format::Responses) => "responses",
        Some(Format::Compaction) => "compaction",
        Some(Format::Chat) => "chat",
        Some(Format::Messages) => "messages",
        None => "",
    };
    let state = match turn.state {
        TurnState::Waiting => "waiting",
        TurnState::Answered => "answered",
        TurnState::Gone => "client gone",
    };
    let cells = [
        turn.conversation.to_string(),
        times.turn.to_string(),
        assigned.participant.unwrap_or_default(),
        assigned.condition.unwrap_or_default(),
        times.phase.clone().unwrap_or_default(),
        turn.agent.clone(),
        format.into(),
        state.into(),
        at(Some(turn.arrived)),
        at(times.seen),
        at(times.first_key),
        at(times.first_said),
        at(times.sent),
        at(times.delivered),
        at(times.ended),
        times.paused.to_string(),
        times.keys.to_string(),
        turn.replies.to_string(),
        turn.senders.join(" "),
        delayed(first),
        delayed(total),
        delayed(u64::try_from(tokens).unwrap_or(u64::MAX)),
    ];
    let characters = SOURCES.map(|source| {
        let count = turn.characters.get(source).copied();
        count.unwrap_or(0).to_string()
    });
    cells.into_iter().chain(characters)
}

/// Writes a row as RFC 4180 has it. A cell that a spreadsheet would run as a formula gets a leading
/// apostrophe, because clients choose the names of participants.
fn row(to: &mut impl Write, cells: impl Iterator<Item = String>) -> io::Result<()> {
    let cells = cells.map(|cell| {
        let cell = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            format!("'{cell}")
        } else {
            cell
        };
        if cell.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell
        }
    });
    let cells: Vec<String> = cells.collect();
    write!(to, "{}\r\n", cells.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formulas() {
        let mut written = Vec::new();
        let cells = ["a", "b,c", "say \"x\"", "=1+1", "two\nlines"].map(str::to_owned);
        row(&mut written, cells.into_iter()).expect("written");
        let written = String::from_utf8(written).expect("UTF-8");
        assert_eq!(
            written,
            "a,\"b,c\",\"say \"\"x\"\"\",'=1+1,\"two\nlines\"\r\n"
        );
    }
}
