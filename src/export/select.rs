//! Which conversations are meant.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::ExportError;
use crate::journal::{ConversationRow, JournalReader, MarkRow};

/// How many conversations are looked at in one go.
const PAGE: u32 = 500;

/// Which conversations are meant; without any of this, all that the person talked in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// These alone, also such as the program answered by itself.
    pub ids: Vec<i64>,
    /// In which something happened at this moment or later, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Which were begun before this moment.
    pub until: Option<i64>,
    /// Of this agent, whatever its version.
    pub agent: Option<String>,
    /// With one of these labels, or with turns that have one.
    pub labels: Vec<String>,
    /// With this rating or a better one, or with turns that have one.
    pub rating: Option<u8>,
}

/// A conversation that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selected {
    pub id: i64,
    /// How many turns it has.
    pub turns: u64,
}

impl Selection {
    /// These conversations.
    pub fn of(ids: Vec<i64>) -> Self {
        Self {
            ids,
            ..Self::default()
        }
    }

    /// Whether what has this mark is wanted.
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

/// The moment that is meant, in milliseconds since 1970: a day, a day with a time, either of them also
/// with the distance from UTC, or so many days, hours or minutes before now, such as `7d`.
///
/// # Errors
///
/// If it is none of these, in words.
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
        // A day alone is its beginning.
        let at: DateTime = text.parse().ok()?;
        Some(zone.to_ambiguous_zoned(at).compatible().ok()?.timestamp())
    };
    let found = ago().or_else(|| text.parse().ok()).or_else(local);
    found.map(Timestamp::as_millisecond).ok_or_else(|| {
        "write a day such as 2026-01-31, a time such as 2026-01-31T15:00, or how long ago, such as 7d"
            .into()
    })
}

/// Those that are meant, and how many of them are left out because the person wants it so.
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
        // What nobody marked may be wanted too.
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
