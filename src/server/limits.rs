//! Limits on the resources of clients.

use std::time::Duration;

/// Descriptors reserved for the program itself: terminal, log, drafts, an editor with its pipes,
/// the runtime, and the few connections that are being refused.
const OWN_DESCRIPTORS: usize = 96;
/// Most connections, however many descriptors there are, unless more requests may wait. An idle one
/// takes about 10 KB.
const MAX_CONNECTIONS: usize = 16_384;
/// Memory for bodies, as a multiple of the largest body.
const BODIES_AT_ONCE: usize = 4;
/// Least memory for all bodies, in bytes.
const MIN_MEMORY: usize = 64 << 20;

/// Limits on connections, times and memory.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most connections served at once. Of those beyond, a few at a time are refused, and the
    /// others wait in the accept queue.
    pub connections: usize,
    /// Time limit for a request head, from the start of the connection or the end of the response
    /// before.
    pub head_timeout: Duration,
    /// How long no data of a body or WebSocket message may arrive.
    pub body_timeout: Duration,
    /// Time limit for a whole body or message.
    pub body_deadline: Duration,
    /// How long a client may not read what is sent to it. Long enough for one that was suspended;
    /// what it missed comes back as a draft.
    pub write_timeout: Duration,
    /// Bytes that all requests may hold together while they are read and processed.
    pub memory: usize,
}

impl Limits {
    /// Limits for a process with this many file descriptors, requests of at most `max_body` bytes,
    /// and `max_waiting` waiting requests.
    pub fn new(descriptors: usize, max_body: usize, max_waiting: usize) -> Self {
        // If there are few, the program and its clients share them.
        let free = descriptors.saturating_sub(OWN_DESCRIPTORS);
        let free = free.max(descriptors / 4).max(1);
        // Beside waiting requests there are others, such as those for the list of models.
        let wanted = MAX_CONNECTIONS.max(max_waiting.saturating_add(max_waiting / 8));
        Self {
            connections: free.min(wanted),
            head_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            body_deadline: Duration::from_secs(10 * 60),
            write_timeout: Duration::from_secs(10 * 60),
            memory: max_body.saturating_mul(BODIES_AT_ONCE).max(MIN_MEMORY),
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
