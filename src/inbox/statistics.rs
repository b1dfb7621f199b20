//! How the person does as a model.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Numbers of one response, or of many added up. Times are in seconds.
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
    /// Tokens said.
    pub output_tokens: u64,
    /// From a request to the first thing said to it.
    pub first: Spread,
    /// From a request to the end of its response.
    pub whole: Spread,
}

/// Some times, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// All of them together, in seconds.
    pub total: f64,
    /// The longest, in seconds.
    pub longest: f64,
}

impl Spread {
    /// Adds the time from one moment to another.
    pub fn add(&mut self, from: Timestamp, to: Timestamp) {
        let seconds = (to - from)
            .total(jiff::Unit::Second)
            .unwrap_or(0.0)
            .max(0.0);
        self.count += 1;
        self.total += seconds;
        self.longest = self.longest.max(seconds);
    }

    /// The mean, in seconds; `None` without any.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.total / self.count as f64)
    }
}

impl ResponseStatistics {
    /// As they are kept.
    pub(super) fn to_json(self) -> String {
        serde_json::to_string(&self).unwrap_or_default()
    }

    /// Tokens a second, of the time in which somebody waited.
    pub fn tokens_per_second(&self) -> Option<f64> {
        (self.whole.total > 0.0).then(|| self.output_tokens as f64 / self.whole.total)
    }
}
