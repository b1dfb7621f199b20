//! The selection of the conversations to export.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::ExportError;
use crate::journal::{ConversationRow, JournalReader, MarkRow};

/// The number of conversations read with one query.
const PAGE: u32 = 500;

/// Conditions that a conversation has to meet, all of them. The default matches all conversations that a
/// person answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only conversations with these ids, which may have been answered by the program itself; any if this
    /// is empty.
    pub ids: Vec<i64>,
    /// Only conversations with activity at or after this time, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Only conversations begun before this time, in milliseconds since 1970.
    pub until: Option<i64>,
    /// Only conversations with this agent, such as `codex` or `codex/1.2`, ignoring case.
    pub agent: Option<String>,
    /// Only conversations that have one of these labels, or a turn that has one; any if this is empty.
    pub labels: Vec<String>,
    /// Only conversations that have at least this rating, from 1 to 5, or a turn that has it.
    pub rating: Option<u8>,
}

/// A selected conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selected {
    pub id: i64,
    /// The number of its turns.
    pub turns: u64,
}

impl Selection {
    /// Selects conversations by id.
    pub fn of(ids: Vec<i64>) -> Self {
        Self {
            ids,
            ..Self::default()
        }
    }

    /// Whether a mark has the wanted labels and rating.
    pub(super) fn wants(&self, mark: &MarkRow) -> bool {
        let has_label =
            self.labels.is_empty() || self.labels.iter().any(|label| mark.labels.contains(label));
        let is_good = self.rating.is_none_or(|least| mark.rating >= Some(least));
        has_label && is_good
    }

    fn wants_row(&self, row: &ConversationRow) -> bool {
        let is_of = |agent: &str| {
            let name = row.agent.split('/').next().unwrap_or_default();
            name.eq_ignore_ascii_case(agent) || row.agent.eq_ignore_ascii_case(agent)
        };
        self.agent.as_deref().is_none_or(is_of)
            && self.since.is_none_or(|since| row.active >= since)
            && self.until.is_none_or(|until| row.begun < until)
    }
}

/// Parses a time to milliseconds since 1970: a day, a day with a time, either with or without a UTC offset,
/// or a number of days, hours or minutes before `now`, such as `7d`.
///
/// # Errors
///
/// A message for the person, if the text is none of these.
pub fn parse_moment(text: &str, now: Timestamp, zone: &TimeZone) -> Result<i64, String> {
    let ago = |unit: char, seconds: i64| {
        let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
        let ago = SignedDuration::from_secs(number.checked_mul(seconds)?);
        now.checked_sub(ago).ok()
    };
    let ago = || {
        let units = [('d', 24 * 3600), ('h', 3600), ('m', 60)];
        units
            .into_iter()
            .find_map(|(unit, seconds)| ago(unit, seconds))
    };
    let local = || {
        // A day without a time is its midnight.
        let at: DateTime = text.parse().ok()?;
        Some(zone.to_ambiguous_zoned(at).compatible().ok()?.timestamp())
    };
    let found = ago().or_else(|| text.parse().ok()).or_else(local);
    found.map(Timestamp::as_millisecond).ok_or_else(|| {
        "write a day such as 2026-01-31, a time such as 2026-01-31T15:00, or how long ago, such as 7d"
            .into()
    })
}

/// The selected conversations, and the number of those left out because they are marked as excluded.
pub(super) fn select(
    reader: &JournalReader,
    which: &Selection,
) -> Result<(Vec<Selected>, u64), ExportError> {
    let (mut selected, mut left_out) = (Vec::new(), 0);
    let mut look = |row: &ConversationRow| {
        if !which.wants_row(row) {
            return Ok(());
        }
        let marks = reader.marks(row.id)?;
        // Without conditions on marks, an unmarked conversation is wanted too.
        let is_wanted =
            which.wants(&MarkRow::default()) || marks.iter().any(|mark| which.wants(mark));
        if !is_wanted {
            return Ok(());
        }
        if marks
            .iter()
            .any(|mark| mark.turn.is_none() && mark.excluded)
        {
            left_out += 1;
            return Ok(());
        }
        selected.push(Selected {
            id: row.id,
            turns: reader.turn_count(row.id)?,
        });
        Ok::<_, ExportError>(())
    };
    match which.ids.as_slice() {
        [] => {
            let mut after = 0;
            loop {
                let page = reader.conversations(after, PAGE)?;
                let Some(last) = page.last() else { break };
                after = last.id;
                for row in page.iter().filter(|row| row.automatic.is_none()) {
                    look(row)?;
                }
            }
        }
        ids => {
            let mut seen = Vec::new();
            for id in ids {
                let row = reader.conversation(*id)?;
                let row = row.ok_or(ExportError::Unknown(*id))?;
                if !seen.contains(id) {
                    seen.push(*id);
                    look(&row)?;
                }
            }
        }
    }
    match (selected.is_empty(), left_out) {
        (true, 0) => Err(ExportError::NoMatch),
        (true, _) => Err(ExportError::Empty(
            "all of these are excluded; `humanllm history label ID --include` takes that back",
        )),
        (false, _) => Ok((selected, left_out)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_days_times_or_how_long_ago() {
        let now: Timestamp = "2026-01-10T12:00:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let is = |text: &str, expected: &str| {
            let expected: Timestamp = expected.parse().unwrap();
            let found = parse_moment(text, now, &zone);
            assert_eq!(found, Ok(expected.as_millisecond()), "{text}");
        };
        is("2026-01-02", "2026-01-01T22:00:00Z");
        is("2026-01-02T03:04", "2026-01-02T01:04:00Z");
        is("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z");
        is("7d", "2026-01-03T12:00:00Z");
        is("90m", "2026-01-10T10:30:00Z");
        for text in ["", "d", "yesterday", "2026-13-01", "99999999999999999d"] {
            assert!(parse_moment(text, now, &zone).is_err(), "{text}");
        }
    }
}
