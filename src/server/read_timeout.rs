//! How slowly a client may send.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::Limits;
use crate::api::ApiError;

/// How slowly a request may come in.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadTimeouts {
    /// How long it may stand still.
    timeout: Duration,
    /// How long all of it may take.
    deadline: Duration,
}

/// By when more of a request has to come in.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadDeadline {
    timeouts: ReadTimeouts,
    /// When all of it has to be there.
    end: Instant,
    /// When more of it has to be there.
    next: Instant,
}

impl ReadTimeouts {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            timeout: limits.body_timeout,
            deadline: limits.body_deadline,
        }
    }

    /// The deadline of a request that begins to come in.
    pub(super) fn begin(self) -> ReadDeadline {
        let now = Instant::now();
        ReadDeadline {
            timeouts: self,
            end: now + self.deadline,
            next: now + self.timeout,
        }
    }
}

impl ReadDeadline {
    /// The moment itself.
    pub(super) fn until(&self) -> Instant {
        self.next.min(self.end)
    }

    /// More has come: the client has its time again.
    pub(super) fn extend(&mut self) {
        self.next = Instant::now() + self.timeouts.timeout;
    }

    /// What the client is told after the deadline.
    pub(super) fn error(&self) -> ApiError {
        let message = if self.end <= self.next {
            format!(
                "The request was not whole after {} seconds. Send it faster, or make it shorter.",
                self.timeouts.deadline.as_secs_f32()
            )
        } else {
            format!(
                "Nothing more of the request came for {} seconds. Send it again.",
                self.timeouts.timeout.as_secs_f32()
            )
        };
        ApiError::invalid(message).status(408)
    }
}
