//! Statistics of the journal: numbers of requests, response times, keys pressed, and the fate of model
//! drafts; for all turns, by agent and by day.
//!
//! - `turns` reads the turns one by one, with the facts that are counted
//! - `measure` has the values that charts show
//!
//! Drawing is left to the terminal interface and the HTML export.

mod measure;
pub mod turns;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

pub use self::measure::Measure;
pub use self::turns::TurnFacts;
use crate::journal::{DraftFate, JournalReader, ReadError, TurnState};

/// The statistics of the journal.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct JournalStatistics {
    /// All turns.
    pub all: TurnStatistics,
    /// The turns of each agent, by its name without a version.
    pub agents: BTreeMap<String, TurnStatistics>,
    /// The turns of each day, such as `2026-11-29`.
    pub days: BTreeMap<String, TurnStatistics>,
}

/// Statistics of a set of turns.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TurnStatistics {
    /// The number of requests.
    pub turns: usize,
    /// The number of answered requests.
    pub answered: usize,
    /// The median time to the first word, in milliseconds.
    pub to_first_word_ms: Option<i64>,
    /// The median time to the end of the answer, in milliseconds.
    pub to_end_ms: Option<i64>,
    /// The mean number of keys pressed for an answered turn, of those for which keys were counted.
    pub(crate) keys_per_turn: Option<f64>,
    /// The number of characters in replies.
    pub characters: usize,
    /// The number of model drafts whose fate is decided.
    pub drafts: usize,
    /// How many of them were sent unchanged, by the person or automatically.
    pub(crate) drafts_accepted: usize,
    /// How many of them were sent with changes.
    pub(crate) drafts_edited: usize,
    #[serde(skip)]
    samples: Samples,
}

/// The samples that medians and means are made of.
#[derive(Debug, Clone, PartialEq, Default)]
struct Samples {
    to_first_word: Vec<i64>,
    to_end: Vec<i64>,
    keys: i64,
    turns_with_keys: usize,
}

/// The statistics of all turns whose request arrived at or after `since`, in milliseconds since 1970. Reads
/// the whole journal.
///
/// # Errors
///
/// If the journal cannot be read.
pub fn gather(
    reader: &JournalReader,
    since: i64,
    zone: &TimeZone,
) -> Result<JournalStatistics, ReadError> {
    let mut gathering = StatisticsJob::new(reader.clone(), since, zone.clone());
    while gathering.read_more(usize::MAX)? {}
    Ok(gathering.finish())
}

/// Gathers statistics in steps, so that the caller can do something else in between, or give up.
#[derive(Debug)]
pub struct StatisticsJob {
    reader: JournalReader,
    since: i64,
    conversations: turns::Conversations,
    builder: StatisticsBuilder,
}

impl StatisticsJob {
    /// Starts with the turns whose request arrived at or after `since`, in milliseconds since 1970.
    pub fn new(reader: JournalReader, since: i64, zone: TimeZone) -> Self {
        Self {
            reader,
            since,
            conversations: turns::Conversations::since(since),
            builder: StatisticsBuilder::new(zone),
        }
    }

    /// Reads whole conversations until at least `turns` more turns are read; returns whether there is more
    /// to read.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read.
    pub(crate) fn read_more(&mut self, turns: usize) -> Result<bool, ReadError> {
        let enough = self.turns().saturating_add(turns);
        while self.turns() < enough {
            let Some(row) = self.conversations.next(&self.reader)? else {
                return Ok(false);
            };
            for turn in turns::of_conversation(&self.reader, &row, self.since)? {
                self.builder.add(&turn);
            }
        }
        Ok(true)
    }

    /// The number of turns read so far.
    pub fn turns(&self) -> usize {
        self.builder.statistics.all.turns
    }

    /// The statistics of the turns read so far.
    pub fn finish(self) -> JournalStatistics {
        self.builder.finish()
    }
}

/// Statistics to which turns are added.
#[derive(Debug)]
pub struct StatisticsBuilder {
    zone: TimeZone,
    statistics: JournalStatistics,
}

impl StatisticsBuilder {
    /// Empty statistics; days are those of this time zone.
    pub fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            statistics: JournalStatistics::default(),
        }
    }

    /// Adds a turn.
    pub fn add(&mut self, turn: &TurnFacts) {
        let agent = turn.agent.split('/').next().unwrap_or_default();
        let day = Timestamp::from_millisecond(turn.arrived).unwrap_or_default();
        let day = self.zone.to_datetime(day).date().to_string();
        let JournalStatistics { all, agents, days } = &mut self.statistics;
        let agent = agents.entry(agent.to_owned()).or_default();
        let day = days.entry(day).or_default();
        for numbers in [all, agent, day] {
            numbers.add(turn);
        }
    }

    /// The statistics of all turns added.
    pub fn finish(self) -> JournalStatistics {
        let mut statistics = self.statistics;
        let JournalStatistics { all, agents, days } = &mut statistics;
        let each = agents.values_mut().chain(days.values_mut()).chain([all]);
        each.for_each(TurnStatistics::finish);
        statistics
    }
}

impl TurnStatistics {
    /// The percentage of drafts that were sent unchanged; `None` without drafts.
    pub(crate) fn percent_accepted(&self) -> Option<usize> {
        (100 * self.drafts_accepted).checked_div(self.drafts)
    }

    fn add(&mut self, turn: &TurnFacts) {
        self.turns += 1;
        self.characters += turn.characters.values().sum::<usize>();
        self.samples.to_first_word.extend(turn.to_first_word());
        turn.drafts.iter().for_each(|fate| self.add_draft(*fate));
        if turn.state != TurnState::Answered {
            return;
        }
        self.answered += 1;
        self.samples.to_end.extend(turn.to_end());
        if turn.times.seen.is_some() {
            self.samples.keys += turn.times.keys;
            self.samples.turns_with_keys += 1;
        }
    }

    fn add_draft(&mut self, fate: DraftFate) {
        match fate {
            DraftFate::Open => return,
            DraftFate::Sent | DraftFate::Automatic => self.drafts_accepted += 1,
            DraftFate::Edited => self.drafts_edited += 1,
            DraftFate::Unused => {}
        }
        self.drafts += 1;
    }

    fn finish(&mut self) {
        let gathered = std::mem::take(&mut self.samples);
        self.to_first_word_ms = median(gathered.to_first_word);
        self.to_end_ms = median(gathered.to_end);
        if gathered.turns_with_keys > 0 {
            // Exact below 2^53 keys.
            self.keys_per_turn = Some(gathered.keys as f64 / gathered.turns_with_keys as f64);
        }
    }
}

/// The median, the upper one of an even count; `None` without numbers.
fn median(mut numbers: Vec<i64>) -> Option<i64> {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied()
}

/// The statistics as a table for people.
pub fn text(statistics: &JournalStatistics) -> String {
    if statistics.all.turns == 0 {
        return "No requests in this time.\n".into();
    }
    let head = format!(
        "{:<22}{:>9}{:>10}{:>12}{:>10}{:>8}{:>10}\n",
        "", "requests", "answered", "first word", "answer", "keys", "accepted"
    );
    let line = |name: &str, numbers: &TurnStatistics| {
        let name: String = crate::plain::line(name).chars().take(21).collect();
        let keys = numbers.keys_per_turn.map(|keys| format!("{keys:.0}"));
        let accepted = numbers.percent_accepted().map(|share| format!("{share} %"));
        format!(
            "{name:<22}{:>9}{:>10}{:>12}{:>10}{:>8}{:>10}\n",
            numbers.turns,
            numbers.answered,
            duration_text(numbers.to_first_word_ms),
            duration_text(numbers.to_end_ms),
            keys.unwrap_or_else(|| "-".into()),
            accepted.unwrap_or_else(|| "-".into()),
        )
    };
    let mut out = head + &line("all", &statistics.all);
    for group in [&statistics.agents, &statistics.days] {
        out.push('\n');
        out.extend(group.iter().map(|(name, numbers)| line(name, numbers)));
    }
    out
}

/// A duration in words, such as `1.5 s`; `-` if it is absent.
fn duration_text(milliseconds: Option<i64>) -> String {
    match milliseconds {
        None => "-".into(),
        Some(time) if time < 60_000 => format!("{}.{} s", time / 1_000, time % 1_000 / 100),
        Some(time) => format!("{} m {:02} s", time / 60_000, time % 60_000 / 1_000),
    }
}
