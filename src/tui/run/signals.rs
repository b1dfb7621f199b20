//! The signals that end the program in order: they would end it anyway, and leave the terminal as
//! it is.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

/// What ends the program. Not among them: what nobody can or should catch, and `PIPE`, which is
/// ignored already, so that a connection that is gone is an error and no more.
const ENDING: [Signal; 12] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    // Somebody else's; where the program aborts by itself there is no way back.
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

/// The signals that end the program.
pub(super) struct EndSignals {
    ending: Vec<(Signal, unix::Signal)>,
    /// A file that may not grow any more is a fault of writing, which is told where it is written.
    _file_size: unix::Signal,
}

impl EndSignals {
    /// Catches them from now on.
    ///
    /// # Errors
    ///
    /// If the system does not let it.
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

    /// The next signal.
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
