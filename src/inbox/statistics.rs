//! Statistics of the responses: how many, how many tokens, and how fast.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Numbers of all responses since the journal was begun. The names of the fields are part of the journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponseStatistics {
    /// Requests that came in for the person.
    pub requests: u64,
    /// Requests that the program answered.
    pub automatic: u64,
    /// Responses that the person ended.
    pub answered: u64,
    /// Requests whose client went away.
    pub gone: u64,
    /// Output tokens that were delivered.
    pub output_tokens: u64,
    /// The times from a request to the first reply to it.
    pub first: DurationTotals,
    /// The times from a request to the end of its response.
    pub whole: DurationTotals,
}

/// Number, sum and maximum of some durations. The names of the fields are part of the journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DurationTotals {
    /// How many.
    pub count: u64,
    /// Their sum, in seconds.
    pub total: f64,
    /// The longest, in seconds.
    pub longest: f64,
}

impl DurationTotals {
    /// Adds the duration from one moment to another.
    pub fn add(&mut self, from: Timestamp, to: Timestamp) {
        let seconds = (to - from)
            .total(jiff::Unit::Second)
            .unwrap_or(0.0)
            .max(0.0);
        self.count += 1;
        self.total += seconds;
        self.longest = self.longest.max(seconds);
    }

    /// Their mean, in seconds; `None` if there are none.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.total / self.count as f64)
    }
}

impl ResponseStatistics {
    /// The JSON that is written as a setting.
    pub(super) fn to_json(self) -> String {
        serde_json::to_string(&self).unwrap_or_default()
    }

    /// Output tokens per second, over the time in which a client waited for a response.
    pub fn tokens_per_second(&self) -> Option<f64> {
        (self.whole.total > 0.0).then(|| self.output_tokens as f64 / self.whole.total)
    }
}
