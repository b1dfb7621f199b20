//! What a client may cost.

use std::time::Duration;

/// Descriptors that stay free for the program itself: terminal, log, drafts, an editor with its
/// pipes, what the runtime needs, and the few connections that are told that there is no place.
const OWN_DESCRIPTORS: usize = 96;
/// Connections that are served at once, however many descriptors there are, unless more requests
/// than that may wait. One that does nothing costs some 10 KB.
const MAX_CONNECTIONS: usize = 16_384;
/// Bodies that may be read at once, as a multiple of the largest that is allowed.
const BODIES: usize = 4;
/// The least that all bodies may hold together, in bytes.
const LEAST_MEMORY: usize = 64 << 20;

/// How many connections there may be, how long they may take, and what they may hold.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many connections are served at once. More are told to come back later, a few at a time,
    /// and the others wait until the system hands them over.
    pub connections: usize,
    /// How long a connection may take to send the head of a request, counted from its beginning or
    /// from the end of the response before.
    pub head_timeout: Duration,
    /// How long a body, or a message of a WebSocket, may stand still.
    pub body_timeout: Duration,
    /// How long all of it may take, however well it moves.
    pub body_deadline: Duration,
    /// How long a client may take nothing of what is sent to it. Long enough for one that was
    /// suspended: what it missed comes back as a draft.
    pub write_timeout: Duration,
    /// How many bytes the requests may hold together while they are read and worked on.
    pub memory: usize,
}

impl Limits {
    /// The limits of a program that may have this many descriptors open, for requests of at most
    /// `max_body` bytes, `max_waiting` of which may wait at once.
    pub fn new(descriptors: usize, max_body: usize, max_waiting: usize) -> Self {
        // Where there are hardly any, the program and its clients share them.
        let free = descriptors.saturating_sub(OWN_DESCRIPTORS);
        let free = free.max(descriptors / 4).max(1);
        // Those who wait are not all: others ask what models there are.
        let wanted = MAX_CONNECTIONS.max(max_waiting.saturating_add(max_waiting / 8));
        Self {
            connections: free.min(wanted),
            head_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            body_deadline: Duration::from_secs(10 * 60),
            write_timeout: Duration::from_secs(10 * 60),
            memory: max_body.saturating_mul(BODIES).max(LEAST_MEMORY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_keeps_descriptors_for_itself() {
        let connections = |descriptors, waiting| Limits::new(descriptors, 1, waiting).connections;
        assert_eq!(connections(1_024, 1_000), 1_024 - OWN_DESCRIPTORS);
        assert_eq!(connections(64, 1_000), 16);
        assert_eq!(connections(0, 1_000), 1);
        assert_eq!(connections(usize::MAX, 1_000), MAX_CONNECTIONS);
        assert_eq!(connections(65_536, 40_000), 45_000);
    }
}
