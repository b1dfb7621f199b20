//! Slows down replies as a study asks for: token by token. A later reply waits for the earlier
//! ones.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::api::{Body, ContentPart, Ending, Phase, Reply};
use crate::study::{Delay, DelayPlan};

/// A queue of paced replies.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    steps: VecDeque<Paced>,
    /// When the first step is sent.
    due: Option<Instant>,
    /// Whether a message is being streamed.
    is_message_open: bool,
}

/// A part of a reply.
#[derive(Debug, PartialEq)]
struct Paced {
    /// Pause before it is sent.
    pause: Duration,
    /// The ticket of the reply, on its last part.
    ticket: Option<u64>,
    reply: Reply,
}

impl Pacing {
    /// Whether the queue is empty.
    pub(crate) fn is_idle(&self) -> bool {
        self.steps.is_empty()
    }

    /// Queues a reply; returns how slowly it is sent, if it is slowed down.
    pub(super) fn begin(
        &mut self,
        (ticket, reply): (u64, Reply),
        delay: Option<&Delay>,
        request: i64,
    ) -> Option<DelayPlan> {
        let slow = delay.filter(|_| !is_failure(&reply));
        let opens = matches!(reply, Reply::Live { .. });
        let mut parts = match slow {
            Some(delay) => self.parts(reply, delay, (request, ticket)),
            None => vec![(Duration::ZERO, reply)],
        };
        self.is_message_open = opens;
        let plan = slow.map(|_| DelayPlan {
            ticket,
            first_ms: millis(parts.first().map(|(pause, _)| *pause).unwrap_or_default()),
            tokens: parts.iter().filter(|(_, part)| is_live(part)).count(),
            total_ms: millis(parts.iter().map(|(pause, _)| *pause).sum()),
        });
        let last = parts.pop();
        let paced = |(pause, reply), ticket| Paced {
            pause,
            ticket,
            reply,
        };
        self.steps
            .extend(parts.into_iter().map(|part| paced(part, None)));
        self.steps
            .extend(last.map(|part| paced(part, Some(ticket))));
        plan
    }

    /// Waits for the next part to be due; returns it with the ticket of its reply, if it is the
    /// last part. Cancel-safe; never returns if the queue is empty.
    pub(super) async fn next(&mut self) -> (Option<u64>, Reply) {
        if let Some(first) = self.steps.front().filter(|first| !first.pause.is_zero()) {
            let due = *self.due.get_or_insert_with(|| Instant::now() + first.pause);
            sleep_until(due).await;
        }
        self.due = None;
        match self.steps.pop_front() {
            Some(Paced { ticket, reply, .. }) => (ticket, reply),
            None => std::future::pending().await,
        }
    }

    /// Splits a reply into parts with pauses. Messages are sent as if typed; calls are sent
    /// together with the end, as clients expect.
    fn parts(&self, reply: Reply, delay: &Delay, number: (i64, u64)) -> Vec<(Duration, Reply)> {
        // Only the first part has the delay of the first token.
        let later = Delay {
            first_token_ms: 1_000_u32.checked_div(delay.tokens_per_second).unwrap_or(0),
            minimum_ms: 0,
            ..delay.clone()
        };
        let mut parts = Vec::new();
        let live = |parts: &mut Vec<(Duration, Reply)>, delay: &Delay, text: &str, phase| {
            let steps = delay.steps(text, number).into_iter();
            parts.extend(steps.map(|step| {
                let delta = step.text;
                (step.pause, Reply::Live { delta, phase })
            }));
        };
        let (items, ending) = match reply {
            Reply::Live { delta, phase } => {
                let delay = if self.is_message_open { &later } else { delay };
                live(&mut parts, delay, &delta, phase);
                return parts;
            }
            Reply::Items(items) => (items, None),
            Reply::End { items, ending } => (items, Some(ending)),
        };
        let mut items = items.into_iter().peekable();
        while let Some(item) = items.next_if(|item| !item.is_call()) {
            let delay = if parts.is_empty() && !self.is_message_open {
                delay
            } else {
                &later
            };
            match plain_text(&item) {
                Some((text, phase)) => {
                    live(&mut parts, delay, text, phase);
                    parts.push((Duration::ZERO, Reply::Items(Vec::new())));
                }
                None => {
                    let pause = delay.pause_before_call(number);
                    parts.push((pause, Reply::Items(vec![item])));
                }
            }
        }
        let rest: Vec<Body> = items.collect();
        let Some(ending) = ending else {
            return parts;
        };
        // The end closes the message itself.
        let is_closing = |part: &(Duration, Reply)| part.1 == Reply::Items(Vec::new());
        if parts.last().is_some_and(is_closing) {
            parts.pop();
        }
        let delay = if parts.is_empty() && !self.is_message_open {
            delay
        } else {
            &later
        };
        let pause = if rest.is_empty() {
            Duration::ZERO
        } else {
            delay.pause_before_call(number)
        };
        parts.push((
            pause,
            Reply::End {
                items: rest,
                ending,
            },
        ));
        parts
    }
}

/// The text of a message that is a single text part.
fn plain_text(item: &Body) -> Option<(&str, Phase)> {
    let Body::Message { content, phase } = item else {
        return None;
    };
    match content.as_slice() {
        [ContentPart::Text(text)] if !text.is_empty() => {
            Some((text, phase.unwrap_or(Phase::FinalAnswer)))
        }
        _ => None,
    }
}

fn is_failure(reply: &Reply) -> bool {
    matches!(
        reply,
        Reply::End {
            ending: Ending::Failed { .. },
            ..
        }
    )
}

fn is_live(reply: &Reply) -> bool {
    matches!(reply, Reply::Live { .. })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay() -> Delay {
        Delay {
            first_token_ms: 1_000,
            tokens_per_second: 10,
            ..Delay::default()
        }
    }

    fn end(items: Vec<Body>) -> Reply {
        let ending = Ending::Completed;
        Reply::End { items, ending }
    }

    fn note(text: &str) -> Reply {
        Reply::Items(vec![Body::message(text, Phase::Commentary)])
    }

    fn call() -> Body {
        Body::FunctionCall {
            namespace: None,
            name: "f".into(),
            arguments: "{}".into(),
        }
    }

    /// All that leaves, with its pauses in milliseconds.
    fn all(pacing: &Pacing) -> Vec<(u128, Option<u64>, &Reply)> {
        let steps = pacing.steps.iter();
        steps
            .map(|step| (step.pause.as_millis(), step.ticket, &step.reply))
            .collect()
    }

    fn live(text: &str, phase: Phase) -> Reply {
        let delta = text.to_owned();
        Reply::Live { delta, phase }
    }

    #[test]
    fn a_message_leaves_token_by_token_and_is_told_as_one() {
        let mut pacing = Pacing::default();
        let answer = end(vec![Body::message("one two", Phase::FinalAnswer)]);
        let plan = pacing.begin((4, answer), Some(&delay()), 1);
        let phase = Phase::FinalAnswer;
        assert_eq!(
            all(&pacing),
            [
                (1_000, None, &live("one", phase)),
                (100, None, &live(" two", phase)),
                (0, Some(4), &end(Vec::new())),
            ]
        );
        let plan = plan.expect("a plan");
        assert_eq!(
            (plan.first_ms, plan.tokens, plan.total_ms),
            (1_000, 2, 1_100)
        );
    }

    #[test]
    fn a_note_and_a_call_leave_in_their_order_and_what_follows_waits() {
        let mut pacing = Pacing::default();
        pacing.begin((0, note("look")), Some(&delay()), 1);
        let both = end(vec![Body::message("so", Phase::Commentary), call()]);
        pacing.begin((1, both), Some(&delay()), 1);
        let phase = Phase::Commentary;
        let closed = Reply::Items(Vec::new());
        assert_eq!(
            all(&pacing),
            [
                (1_000, None, &live("look", phase)),
                (0, Some(0), &closed),
                (1_000, None, &live("so", phase)),
                (100, Some(1), &end(vec![call()])),
            ]
        );
    }

    #[test]
    fn a_rejection_and_what_has_no_delay_leave_as_they_are() {
        let mut pacing = Pacing::default();
        assert_eq!(pacing.begin((0, note("now")), None, 1), None);
        let code = crate::api::FailureCode::InvalidPrompt;
        let rejection = Reply::End {
            items: Vec::new(),
            ending: Ending::Failed {
                code,
                message: "no".into(),
            },
        };
        assert_eq!(
            pacing.begin((1, rejection.clone()), Some(&delay()), 1),
            None
        );
        assert_eq!(
            all(&pacing),
            [(0, Some(0), &note("now")), (0, Some(1), &rejection)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_lost_where_waiting_is_given_up() {
        let mut pacing = Pacing::default();
        pacing.begin((0, note("one two")), Some(&delay()), 1);
        let begun = Instant::now();
        let mut heard = Vec::new();
        while !pacing.is_idle() {
            let given_up = tokio::time::timeout(Duration::from_millis(30), pacing.next());
            if let Ok((_, reply)) = given_up.await {
                heard.push((begun.elapsed().as_millis(), reply));
            }
        }
        let phase = Phase::Commentary;
        assert_eq!(
            heard,
            [
                (1_000, live("one", phase)),
                (1_100, live(" two", phase)),
                (1_100, Reply::Items(Vec::new())),
            ]
        );
    }
}
