//! The recorded requests with their state, and the matching of incoming requests with them.

use std::sync::Arc;

use crate::recording::{Fingerprint, MatchKind, RecordedReply, Recording, Tolerance, difference};

/// The number of lines of a difference that are shown.
const MAX_DIFFERENCE_LINES: usize = 40;

/// The recorded requests with their state.
#[derive(Debug)]
pub(super) struct Script {
    turns: Vec<ScriptedTurn>,
    tolerance: Tolerance,
    /// The requests that matched none of them.
    pub misses: Vec<Miss>,
}

#[derive(Debug)]
struct ScriptedTurn {
    answer: Arc<ScriptedAnswer>,
    fingerprint: Fingerprint,
    state: PlayState,
}

/// The recorded answer to a request.
#[derive(Debug)]
pub(super) struct ScriptedAnswer {
    /// When the request arrived, in milliseconds since 1970.
    pub arrived: i64,
    /// The replies; if the request was answered, the last one ends the response.
    pub replies: Vec<RecordedReply>,
    /// Whether it was answered; if not, its client disconnected.
    pub is_answered: bool,
}

/// The state of a recorded request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlayState {
    /// It has not come yet.
    Unplayed,
    /// It is being answered.
    Begun,
    /// Its answer was delivered.
    Played,
}

/// The recorded request that an incoming one matches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ScriptMatch {
    /// Its index.
    pub index: usize,
    /// How it matches.
    pub kind: MatchKind,
    /// Whether it has come before, and gets the same answer again.
    pub(crate) is_repeated: bool,
}

/// A request that matches no recorded one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss {
    /// The first words of the request.
    pub title: String,
    /// The number, from 1, of the most similar recorded request.
    pub(crate) nearest: Option<usize>,
    /// The difference between the two, as `diff -u` shows it.
    pub difference: String,
}

impl Script {
    pub(super) fn new(recording: Recording, tolerance: Tolerance) -> Self {
        let turns = recording.without_retries().turns.into_iter();
        let turns = turns.map(|turn| ScriptedTurn {
            fingerprint: Fingerprint::of(&turn.request),
            answer: Arc::new(ScriptedAnswer {
                arrived: turn.arrived,
                replies: turn.replies(),
                is_answered: turn.is_answered(),
            }),
            state: PlayState::Unplayed,
        });
        Self {
            turns: turns.collect(),
            tolerance,
            misses: Vec::new(),
        }
    }

    /// The number of recorded requests.
    pub(super) fn len(&self) -> usize {
        self.turns.len()
    }

    /// The answer to the recorded request at an index.
    pub(super) fn answer(&self, place: usize) -> Option<&Arc<ScriptedAnswer>> {
        self.turns.get(place).map(|scripted| &scripted.answer)
    }

    /// Finds the recorded request that a request matches best: the first of several equal ones, and one that
    /// has not come yet before one that has.
    pub(super) fn find(&self, fingerprint: &Fingerprint) -> Option<ScriptMatch> {
        let mut best: Option<(bool, f64, ScriptMatch)> = None;
        for (place, scripted) in self.turns.iter().enumerate() {
            let Some(how) = fingerprint.matches(&scripted.fingerprint, self.tolerance) else {
                continue;
            };
            let score = match how {
                MatchKind::Strict => 2.0,
                MatchKind::Shape(similarity) => similarity,
            };
            let is_new = scripted.state == PlayState::Unplayed;
            let is_better = best.is_none_or(|(new, known, _)| (is_new, score) > (new, known));
            if is_better {
                let found = ScriptMatch {
                    index: place,
                    kind: how,
                    is_repeated: !is_new,
                };
                best = Some((is_new, score, found));
            }
        }
        best.map(|(_, _, found)| found)
    }

    /// Marks a recorded request as being answered.
    pub(super) fn begin(&mut self, place: usize) {
        self.set(place, PlayState::Unplayed, PlayState::Begun);
    }

    /// Marks a recorded request as not played again, because its client disconnected before the end of the
    /// answer and may retry.
    pub(crate) fn reopen(&mut self, place: usize) {
        self.set(place, PlayState::Begun, PlayState::Unplayed);
    }

    /// Marks a recorded request as played: its answer was delivered.
    pub(super) fn finish(&mut self, place: usize) {
        if let Some(scripted) = self.turns.get_mut(place) {
            scripted.state = PlayState::Played;
        }
    }

    fn set(&mut self, place: usize, from: PlayState, to: PlayState) {
        let scripted = self.turns.get_mut(place);
        if let Some(scripted) = scripted.filter(|scripted| scripted.state == from) {
            scripted.state = to;
        }
    }

    /// Whether another recorded request that has not come yet matches this one.
    pub(crate) fn is_expected_again(&self, place: usize) -> bool {
        let Some(this) = self.turns.get(place) else {
            return false;
        };
        let mut others = self.turns.iter().enumerate();
        others.any(|(other, scripted)| {
            other != place
                && scripted.state == PlayState::Unplayed
                && this
                    .fingerprint
                    .matches(&scripted.fingerprint, self.tolerance)
                    .is_some()
        })
    }

    /// The recorded requests that were not played, by number and title.
    pub(super) fn unplayed(&self) -> Vec<(usize, String)> {
        let unplayed = self.turns.iter().enumerate();
        let unplayed = unplayed.filter(|(_, scripted)| scripted.state != PlayState::Played);
        unplayed
            .map(|(place, scripted)| (place + 1, scripted.fingerprint.title()))
            .collect()
    }

    /// Whether all were played.
    pub(super) fn is_finished(&self) -> bool {
        self.turns
            .iter()
            .all(|scripted| scripted.state == PlayState::Played)
    }

    /// Compares an unmatched request with the most similar recorded one.
    pub(crate) fn miss(&self, fingerprint: &Fingerprint) -> Miss {
        let turns = self.turns.iter().enumerate();
        let nearness = turns.map(|(place, scripted)| {
            let near = fingerprint.nearness(&scripted.fingerprint);
            // Of two equally similar ones, prefer the one that has not come yet.
            let waits = if scripted.state == PlayState::Unplayed {
                0.01
            } else {
                0.0
            };
            (near + waits, place)
        });
        let nearest = nearness.max_by(|one, other| {
            let nearer = one.0.total_cmp(&other.0);
            nearer.then(other.1.cmp(&one.1))
        });
        let nearest = nearest.map(|(_, place)| place);
        let recorded = nearest.and_then(|place| self.turns.get(place));
        let recorded = recorded.map(|scripted| scripted.fingerprint.to_text());
        Miss {
            title: fingerprint.title(),
            nearest: nearest.map(|place| place + 1),
            difference: difference(
                &recorded.unwrap_or_default(),
                &fingerprint.to_text(),
                MAX_DIFFERENCE_LINES,
            ),
        }
    }
}

impl Miss {
    /// The error message for the client.
    pub(super) fn message(&self) -> String {
        let Self { title, nearest, .. } = self;
        let nearest = match nearest {
            Some(number) => format!(" The nearest is request {number} of the recording."),
            None => String::new(),
        };
        format!("No recorded request is like this one: \"{title}\".{nearest}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{Body, Format, Interner, Phase};
    use crate::inbox::ReplyContent;
    use crate::journal::{SaidState, TurnState};
    use crate::recording::{JournalReply, RecordedTurn};

    fn turn(number: usize, prompts: &[&str], state: TurnState) -> RecordedTurn {
        let mut messages = Vec::new();
        for prompt in prompts {
            messages.push(json!({"role": "user", "content": prompt}));
            messages.push(json!({"role": "assistant", "content": format!("So: {prompt}")}));
        }
        messages.pop();
        let body = json!({"model": "m", "messages": messages}).to_string();
        let words = ReplyContent::Item(Body::message("Yes", Phase::FinalAnswer));
        let row = JournalReply {
            at: 0,
            ticket: 0,
            state: SaidState::Delivered,
            content: words,
            typed: String::new(),
        };
        RecordedTurn {
            number,
            conversation: 1,
            request: Format::Chat
                .parse(body.as_bytes(), &Interner::default())
                .unwrap(),
            arrived: i64::try_from(number).unwrap(),
            state,
            rows: match state {
                TurnState::Answered => vec![row],
                _ => Vec::new(),
            },
        }
    }

    fn script(turns: Vec<RecordedTurn>) -> Script {
        let recording = Recording {
            conversations: Vec::new(),
            turns,
        };
        Script::new(recording, Tolerance::default())
    }

    fn place(script: &Script, turn: &RecordedTurn) -> Option<(usize, bool)> {
        let found = script.find(&Fingerprint::of(&turn.request))?;
        Some((found.index, found.is_repeated))
    }

    #[test]
    fn what_is_asked_twice_has_two_answers_and_then_the_first_again() {
        let one = || turn(1, &["Go on"], TurnState::Answered);
        let mut script = script(vec![one(), one()]);
        assert_eq!(place(&script, &one()), Some((0, false)));
        assert!(script.is_expected_again(0));
        script.begin(0);
        assert_eq!(place(&script, &one()), Some((1, false)));
        script.begin(1);
        assert!(!script.is_expected_again(1));
        assert_eq!(place(&script, &one()), Some((0, true)));
        assert!(!script.is_finished());
        script.finish(0);
        // Its client went away, and may come again.
        script.reopen(1);
        assert_eq!(place(&script, &one()), Some((1, false)));
        assert_eq!(script.unplayed(), [(2, "Go on".to_owned())]);
        script.begin(1);
        script.finish(1);
        assert!(script.is_finished());
        // What was played stays played.
        script.reopen(1);
        assert!(script.is_finished());
    }

    #[test]
    fn a_retry_that_was_recorded_is_one_request() {
        let gone = turn(1, &["Go on"], TurnState::Gone);
        let again = turn(2, &["Go on"], TurnState::Answered);
        let other = turn(3, &["Go on", "Stop"], TurnState::Gone);
        let script = script(vec![gone, again, other]);
        assert_eq!(script.len(), 2);
        let answers = [0, 1].map(|place| script.answer(place).unwrap().is_answered);
        assert_eq!(answers, [true, false]);
    }

    #[test]
    fn a_miss_names_the_nearest_and_how_it_differs() {
        let turns = vec![
            turn(1, &["Fix the parser"], TurnState::Answered),
            turn(2, &["Fix the parser", "Now test it"], TurnState::Answered),
        ];
        let script = script(turns);
        let other = turn(
            1,
            &["Fix the parser", "Now publish it all"],
            TurnState::Answered,
        );
        assert_eq!(place(&script, &other), None);
        let miss = script.miss(&Fingerprint::of(&other.request));
        assert_eq!(
            (miss.nearest, &*miss.title),
            (Some(2), "Now publish it all")
        );
        let changed: Vec<&str> = miss
            .difference
            .lines()
            .filter(|line| line.starts_with(['-', '+']))
            .collect();
        assert_eq!(changed, ["-Now test it", "+Now publish it all"]);
        assert!(miss.message().contains("request 2 of the recording"));
    }
}
