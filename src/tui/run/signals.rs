//! The signals that end the program. They are caught so that it ends in order and restores the
//! terminal.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

/// The signals that end the program. Left out are those that nobody can or should catch, and `PIPE`,
/// which is ignored, so that writing to a closed connection is only an error.
const ENDING: [Signal; 12] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    // For one from another process; when this program aborts by itself it cannot be caught.
    Signal::ABORT,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::TERM,
    Signal::XCPU,
    Signal::VTALARM,
    Signal::PROF,
    Signal::SYS,
];

/// Waits for the signals that end the program.
pub(super) struct EndSignals {
    ending: Vec<(Signal, unix::Signal)>,
    /// Caught, so that reaching the limit of a file's size is an error of the write instead.
    _file_size: unix::Signal,
}

impl EndSignals {
    /// Begins to catch the signals.
    ///
    /// # Errors
    ///
    /// If a signal cannot be caught.
    pub(super) fn new() -> io::Result<Self> {
        let catch = |signal: Signal| unix::signal(SignalKind::from_raw(signal.as_raw()));
        let ending: io::Result<Vec<_>> = ENDING
            .into_iter()
            .map(|signal| Ok((signal, catch(signal)?)))
            .collect();
        Ok(Self {
            ending: ending?,
            _file_size: catch(Signal::XFSZ)?,
        })
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (signal, caught) in &mut self.ending {
                if caught.poll_recv(context).is_ready() {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }
}
