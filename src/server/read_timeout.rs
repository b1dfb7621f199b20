//! Time limits for receiving a request.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::Limits;
use crate::api::ApiError;

/// Time limits for receiving a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadTimeouts {
    /// How long no data may arrive.
    timeout: Duration,
    /// Time limit for the whole request.
    deadline: Duration,
}

/// The deadline for more data of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadDeadline {
    timeouts: ReadTimeouts,
    /// Deadline of the whole request.
    end: Instant,
    /// Deadline for more data.
    next: Instant,
}

impl ReadTimeouts {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            timeout: limits.body_timeout,
            deadline: limits.body_deadline,
        }
    }

    /// Starts the deadline of a request.
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
    /// The earlier of both deadlines.
    pub(super) fn until(&self) -> Instant {
        self.next.min(self.end)
    }

    /// Extends the deadline after data has arrived.
    pub(super) fn extend(&mut self) {
        self.next = Instant::now() + self.timeouts.timeout;
    }

    /// The error after the deadline.
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
