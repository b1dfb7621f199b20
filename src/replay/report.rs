//! Progress and summary of a replay, as text and as JSON.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::script::{Miss, Script};
use crate::plain;
use crate::recording::MatchKind;

/// The numbers of requests by how they were matched.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct ReplayCounts {
    /// Requests that matched byte for byte.
    pub strict: usize,
    /// Requests that matched by shape.
    pub shape: usize,
    /// Requests that came again and got the same answer again.
    pub repeated: usize,
    /// Housekeeping requests that the program answered itself.
    pub automatic: usize,
}

/// Why a replay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EndReason {
    /// All recorded requests were answered.
    Played,
    /// No request came for a while.
    Idle,
    /// The command has exited.
    Command,
    /// A signal arrived.
    Signal,
}

impl ReplayCounts {
    /// All requests but the automatic ones.
    fn requests(&self, missed: usize) -> usize {
        self.strict + self.shape + self.repeated + missed
    }
}

#[derive(Debug, Serialize)]
struct ReplaySummary<'a> {
    requests: usize,
    #[serde(flatten)]
    counts: &'a ReplayCounts,
    missed: usize,
    recorded: usize,
    played: usize,
    unplayed: Vec<UnplayedJson>,
    misses: Vec<MissedJson<'a>>,
    seconds: f64,
    ended: EndReason,
}

#[derive(Debug, Serialize)]
struct UnplayedJson {
    request: usize,
    title: String,
}

#[derive(Debug, Serialize)]
struct MissedJson<'a> {
    title: &'a str,
    nearest: Option<usize>,
    difference: &'a str,
}

/// The summary as a line of JSON.
pub(super) fn summary_json(
    counts: &ReplayCounts,
    script: &Script,
    took: Duration,
    ended: EndReason,
) -> String {
    let unplayed = script.unplayed().into_iter();
    let unplayed: Vec<UnplayedJson> = unplayed
        .map(|(request, title)| UnplayedJson { request, title })
        .collect();
    let misses = script.misses.iter();
    let summary = ReplaySummary {
        requests: counts.requests(script.misses.len()),
        counts,
        missed: script.misses.len(),
        recorded: script.len(),
        played: script.len() - unplayed.len(),
        unplayed,
        misses: misses
            .map(|miss| MissedJson {
                title: &miss.title,
                nearest: miss.nearest,
                difference: &miss.difference,
            })
            .collect(),
        seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
        ended,
    };
    // Strings and numbers always serialize.
    serde_json::to_string(&summary).unwrap_or_default()
}

/// The summary for people.
pub(super) fn summary_text(
    counts: &ReplayCounts,
    script: &Script,
    took: Duration,
    ended: EndReason,
) -> String {
    let unplayed = script.unplayed();
    let played = script.len() - unplayed.len();
    let ReplayCounts {
        strict,
        shape,
        repeated,
        automatic,
    } = counts;
    let why = match ended {
        EndReason::Played => "all was played",
        EndReason::Idle => "nobody asked anything for a while",
        EndReason::Command => "the command has ended",
        EndReason::Signal => "interrupted",
    };
    let mut text = format!(
        "{why}: {played} of {recorded} recorded requests were played in {seconds:.1} s\n\
         {requests} came: {strict} matched byte for byte, {shape} by shape, {repeated} came again, \
         {missed} missed; {automatic} more were answered by humanllm itself\n",
        requests = counts.requests(script.misses.len()),
        recorded = script.len(),
        seconds = took.as_secs_f64(),
        missed = script.misses.len(),
    );
    for (number, title) in unplayed {
        text.push_str(&format!(
            "not played: request {number}: {}\n",
            plain::line(&title)
        ));
    }
    text
}

/// The report of a request that matched no recorded one.
pub(super) fn missed_text(miss: &Miss) -> String {
    let title = plain::line(&miss.title);
    let nearest = match miss.nearest {
        Some(number) => format!("the nearest is request {number} of the recording (-), it (+):"),
        None => "nothing was recorded".into(),
    };
    let difference = match miss.difference.as_str() {
        "" => "(they differ in what is not compared by shape)".to_owned(),
        difference => plain::lines(difference),
    };
    format!("MISSED: {title}\n{nearest}\n{difference}\n")
}

/// The report of a request that matched a recorded one.
pub(super) fn matched_text(
    number: usize,
    title: &str,
    how: MatchKind,
    is_repeated: bool,
) -> String {
    let how = match how {
        MatchKind::Strict => "byte for byte".to_owned(),
        MatchKind::Shape(similarity) => format!("by shape, {:.0}% alike", similarity * 100.0),
    };
    let again = if is_repeated { ", again" } else { "" };
    format!("request {number}: {how}{again}: {}\n", plain::line(title))
}

/// Writes to standard error; a closed standard error is no error.
pub(super) fn print_stderr(text: &str) {
    // In one write, so that reports of several threads do not mix.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
