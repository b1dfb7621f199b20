//! How slowly a client may send.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::Limits;
use crate::api::ApiError;

/// How slowly a request may come in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How long it may stand still.
    timeout: Duration,
    /// How long all of it may take.
    deadline: Duration,
}

/// A request that is coming in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    pace: Pace,
    /// When all of it has to be there.
    end: Instant,
    /// When more of it has to be there.
    next: Instant,
}

impl Pace {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            timeout: limits.body_timeout,
            deadline: limits.body_deadline,
        }
    }

    /// A request begins to come in.
    pub(super) fn begin(self) -> Progress {
        let now = Instant::now();
        Progress {
            pace: self,
            end: now + self.deadline,
            next: now + self.timeout,
        }
    }
}

impl Progress {
    /// Until when something has to come.
    pub(super) fn until(&self) -> Instant {
        self.next.min(self.end)
    }

    /// Some more has come.
    pub(super) fn moved(&mut self) {
        self.next = Instant::now() + self.pace.timeout;
    }

    /// What the client is told when that moment is over.
    pub(super) fn late(&self) -> ApiError {
        let message = match self.end <= self.next {
            true => format!(
                "The request was not whole after {} seconds. Send it faster, or make it shorter.",
                self.pace.deadline.as_secs_f32()
            ),
            false => format!(
                "Nothing more of the request came for {} seconds. Send it again.",
                self.pace.timeout.as_secs_f32()
            ),
        };
        ApiError::invalid(message).status(408)
    }
}
