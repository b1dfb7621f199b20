//! The delay of replies: splits a text into tokens and computes the pause before each.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::tokens;

/// The delay of replies under a condition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct Delay {
    /// The pause before the first token of a reply, in milliseconds.
    pub first_token_ms: u32,
    /// The tokens sent per second after that; 0 to send all at once.
    pub tokens_per_second: u32,
    /// The largest random change of each pause, in percent of it.
    pub jitter_percent: u32,
    /// The seed of the jitter: the same seed gives the same pauses for the same reply.
    pub seed: u64,
    /// The minimum duration of a reply, in milliseconds.
    pub minimum_ms: u32,
    /// The maximum duration of a reply, in milliseconds; 0 for no limit.
    pub maximum_ms: u32,
}

/// Text that is sent at once, after a pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayedText {
    /// The pause before it.
    pub pause: Duration,
    /// The text: usually one token, more if a token ends within a character.
    pub text: String,
}

/// The delay that was added to a reply, for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayPlan {
    /// The ticket of the reply, its number in the response.
    pub ticket: u64,
    /// The pause before the first token, in milliseconds.
    pub first_ms: u64,
    /// The number of tokens.
    pub tokens: usize,
    /// The sum of all pauses, in milliseconds.
    pub total_ms: u64,
}

impl Delay {
    /// Splits a text into delayed steps. `number`, the ids of request and reply, goes into the jitter.
    pub fn steps(&self, text: &str, number: (i64, u64)) -> Vec<DelayedText> {
        let parts = match self.tokens_per_second {
            0 => vec![text],
            _ => tokens::split(text),
        };
        let mut pauses: Vec<Duration> = (0..parts.len())
            .map(|at| self.jittered(self.pause(at), number, at))
            .collect();
        self.limit(&mut pauses);
        let steps = parts.into_iter().zip(pauses);
        let steps = steps.map(|(text, pause)| DelayedText {
            pause,
            text: text.to_owned(),
        });
        steps.collect()
    }

    /// The pause before an item without text, such as a call.
    pub fn pause_before_call(&self, number: (i64, u64)) -> Duration {
        let mut pauses = [self.jittered(self.pause(0), number, 0)];
        self.limit(&mut pauses);
        pauses[0]
    }

    fn pause(&self, at: usize) -> Duration {
        match (at, self.tokens_per_second) {
            (0, _) => Duration::from_millis(self.first_token_ms.into()),
            (_, 0) => Duration::ZERO,
            (_, speed) => Duration::from_secs(1) / speed,
        }
    }

    /// A pause with jitter.
    fn jittered(&self, pause: Duration, (request, ticket): (i64, u64), at: usize) -> Duration {
        if self.jitter_percent == 0 {
            return pause;
        }
        let drawn = Hash::of(format!("{}/{request}/{ticket}/{at}", self.seed).as_bytes());
        let drawn = drawn.as_bytes()[..4].iter();
        let drawn = drawn.fold(0, |drawn, byte| drawn << 8 | u32::from(*byte));
        // Scaled to the range from -1 to 1.
        let drawn = f64::from(drawn) / f64::from(u32::MAX) * 2.0 - 1.0;
        let share = f64::from(self.jitter_percent.min(100)) / 100.0;
        pause.mul_f64(1.0 + share * drawn)
    }

    /// Scales all pauses if their sum is below the minimum or above the maximum.
    fn limit(&self, pauses: &mut [Duration]) {
        let all: Duration = pauses.iter().sum();
        let least = Duration::from_millis(self.minimum_ms.into());
        let most = match self.maximum_ms {
            0 => Duration::MAX,
            most => Duration::from_millis(most.into()),
        };
        let wanted = all.min(most).max(least.min(most));
        if all.is_zero() {
            if let Some(first) = pauses.first_mut() {
                *first = wanted;
            }
        } else if wanted != all {
            let factor = wanted.as_secs_f64() / all.as_secs_f64();
            for pause in pauses {
                *pause = pause.mul_f64(factor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "The answer is forty-two, 👋🏽 and こんにちは to all.\n\nIndeed.";

    fn total(steps: &[DelayedText]) -> Duration {
        steps.iter().map(|step| step.pause).sum()
    }

    #[test]
    fn no_word_is_lost_or_changed() {
        let delay = Delay {
            tokens_per_second: 7,
            ..Delay::default()
        };
        for text in [TEXT, "", "x", "\n\n", "👋🏽"] {
            let steps = delay.steps(text, (1, 0));
            let joined: String = steps.iter().map(|step| step.text.as_str()).collect();
            assert_eq!(joined, text);
            assert!(steps.iter().all(|step| !step.text.is_empty()));
        }
        assert!(delay.steps(TEXT, (1, 0)).len() > 10);
    }

    #[test]
    fn the_first_token_waits_and_the_others_come_at_their_speed() {
        let delay = Delay {
            first_token_ms: 800,
            tokens_per_second: 20,
            ..Delay::default()
        };
        let steps = delay.steps("one two three", (1, 0));
        let pauses: Vec<u128> = steps.iter().map(|step| step.pause.as_millis()).collect();
        assert_eq!(pauses, [800, 50, 50]);
        let whole = Delay {
            tokens_per_second: 0,
            ..delay
        };
        assert_eq!(whole.steps("one two three", (1, 0)).len(), 1);
        assert_eq!(whole.pause_before_call((1, 0)).as_millis(), 800);
    }

    #[test]
    fn the_same_seed_gives_the_same_pauses_and_another_gives_others() {
        let delay = Delay {
            first_token_ms: 800,
            tokens_per_second: 20,
            jitter_percent: 50,
            seed: 7,
            ..Delay::default()
        };
        let steps = delay.steps(TEXT, (1, 0));
        assert_eq!(steps, delay.steps(TEXT, (1, 0)));
        assert_ne!(steps, delay.steps(TEXT, (1, 1)));
        let other = Delay { seed: 8, ..delay };
        assert_ne!(steps, other.steps(TEXT, (1, 0)));
        for step in &steps[1..] {
            let pause = step.pause.as_millis();
            assert!((25..=75).contains(&pause), "{pause}");
        }
    }

    #[test]
    fn a_reply_takes_no_less_and_no_more_than_it_may() {
        let delay = Delay {
            first_token_ms: 100,
            tokens_per_second: 10,
            minimum_ms: 1_000,
            maximum_ms: 3_000,
            ..Delay::default()
        };
        let near = |steps: &[DelayedText], expected: u64| {
            let difference = total(steps).abs_diff(Duration::from_millis(expected));
            assert!(difference < Duration::from_millis(1), "{:?}", total(steps));
        };
        near(&delay.steps("short", (1, 0)), 1_000);
        near(&delay.steps(&"long ".repeat(200), (1, 0)), 3_000);
        let nothing = Delay {
            minimum_ms: 500,
            ..Delay::default()
        };
        near(&nothing.steps("at once", (1, 0)), 500);
    }
}
