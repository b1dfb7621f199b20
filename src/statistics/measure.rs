//! The measures that charts show, independent of how they are drawn.

use jiff::civil::Date;

use super::{JournalStatistics, TurnStatistics, duration_text};

/// A measure that is compared between agents and days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The number of requests.
    Requests,
    /// The median time to the first word, in milliseconds.
    FirstWord,
    /// The mean number of keys pressed for a turn.
    Keys,
    /// The percentage of model drafts that were sent unchanged.
    Accepted,
}

impl Measure {
    /// All measures, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Requests, Self::FirstWord, Self::Keys, Self::Accepted];

    /// The title of its charts.
    pub fn title(self) -> &'static str {
        match self {
            Self::Requests => "Requests",
            Self::FirstWord => "Time to first word",
            Self::Keys => "Keys per turn",
            Self::Accepted => "Drafts sent unchanged",
        }
    }

    /// The value for a set of turns; `None` if nothing was measured.
    pub fn value_of(self, numbers: &TurnStatistics) -> Option<f64> {
        match self {
            // Exact below 2^53 requests.
            Self::Requests => Some(numbers.turns as f64),
            Self::FirstWord => numbers.to_first_word_ms.map(|time| time as f64),
            Self::Keys => numbers.keys_per_turn,
            Self::Accepted => numbers.percent_accepted().map(|percent| percent as f64),
        }
    }

    /// A value with its unit; `-` if it is absent.
    pub fn format_value(self, value: Option<f64>) -> String {
        match (self, value) {
            (_, None) => "-".into(),
            (Self::FirstWord, Some(time)) => duration_text(Some(time as i64)),
            (Self::Accepted, Some(percent)) => format!("{percent:.0} %"),
            (Self::Requests | Self::Keys, Some(number)) => format!("{number:.0}"),
        }
    }

    /// The value at the end of the scale, for this greatest value: never 0, and always 100 for percentages.
    pub fn scale_maximum(self, greatest: f64) -> f64 {
        match self {
            Self::Accepted => 100.0,
            _ => greatest.max(1.0),
        }
    }
}

impl TurnStatistics {
    /// All values with their names; those that are a part of a whole also as a fraction from 0 to 1.
    pub(crate) fn labelled(&self) -> [(&'static str, String, Option<f64>); 7] {
        let share = |part: usize, all: usize| match all {
            0 => ("none".into(), None),
            _ => (format!("{part} of {all}"), Some(part as f64 / all as f64)),
        };
        let of_measure = |measure: Measure| measure.format_value(measure.value_of(self));
        let (answered, is_answered) = share(self.answered, self.turns);
        let (accepted, is_accepted) = share(self.drafts_accepted, self.drafts);
        let (edited, is_edited) = share(self.drafts_edited, self.drafts);
        [
            ("Requests", self.turns.to_string(), None),
            ("Answered", answered, is_answered),
            ("Time to first word", of_measure(Measure::FirstWord), None),
            ("Time to the answer", duration_text(self.to_end_ms), None),
            ("Keys per turn", of_measure(Measure::Keys), None),
            ("Drafts sent unchanged", accepted, is_accepted),
            ("Drafts sent changed", edited, is_edited),
        ]
    }
}

impl JournalStatistics {
    /// Up to `most` agents, those with the most requests first, and the number of the others.
    pub(crate) fn busiest(&self, most: usize) -> (Vec<(&str, &TurnStatistics)>, usize) {
        let agents = self.agents.iter();
        let mut agents: Vec<_> = agents
            .map(|(name, numbers)| (name.as_str(), numbers))
            .collect();
        agents.sort_by_key(|(_, numbers)| std::cmp::Reverse(numbers.turns));
        let others = agents.len().saturating_sub(most);
        agents.truncate(most);
        (agents, others)
    }

    /// All days from the first to the last; `None` for days without requests.
    pub(crate) fn calendar(&self) -> Vec<(Date, Option<&TurnStatistics>)> {
        let date = |day: &String| day.parse::<Date>().ok();
        let first = self.days.keys().next().and_then(date);
        let last = self.days.keys().next_back().and_then(date);
        let (Some(first), Some(last)) = (first, last) else {
            return Vec::new();
        };
        let days = first.series(jiff::Span::new().days(1));
        let days = days.take_while(|day| *day <= last);
        days.map(|day| (day, self.days.get(&day.to_string())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(turns: usize) -> TurnStatistics {
        TurnStatistics {
            turns,
            ..TurnStatistics::default()
        }
    }

    #[test]
    fn days_without_requests_are_in_the_calendar() {
        let days = [("2026-02-27", 3), ("2026-03-02", 1)];
        let statistics = JournalStatistics {
            days: days
                .map(|(day, turns)| (day.to_owned(), numbers(turns)))
                .into(),
            ..JournalStatistics::default()
        };
        let calendar = statistics.calendar();
        let counted: Vec<(String, Option<usize>)> = calendar
            .into_iter()
            .map(|(day, numbers)| (day.to_string(), numbers.map(|numbers| numbers.turns)))
            .collect();
        let expected = [
            ("2026-02-27", Some(3)),
            ("2026-02-28", None),
            ("2026-03-01", None),
            ("2026-03-02", Some(1)),
        ];
        assert_eq!(
            counted,
            expected.map(|(day, turns)| (day.to_owned(), turns))
        );
        assert_eq!(JournalStatistics::default().calendar(), []);
    }

    #[test]
    fn the_busiest_agents_are_first_and_the_others_counted() {
        let agents = [("aider", 1), ("codex", 9), ("goose", 2)];
        let statistics = JournalStatistics {
            agents: agents
                .map(|(name, turns)| (name.to_owned(), numbers(turns)))
                .into(),
            ..JournalStatistics::default()
        };
        let (busiest, others) = statistics.busiest(2);
        let names: Vec<&str> = busiest.iter().map(|(name, _)| *name).collect();
        assert_eq!((names, others), (vec!["codex", "goose"], 1));
    }

    #[test]
    fn what_is_not_known_is_told_from_nothing() {
        assert_eq!(Measure::Accepted.value_of(&numbers(5)), None);
        assert_eq!(Measure::Accepted.format_value(None), "-");
        assert_eq!(Measure::Accepted.format_value(Some(0.0)), "0 %");
        assert_eq!(Measure::FirstWord.format_value(Some(4_250.0)), "4.2 s");
    }
}
