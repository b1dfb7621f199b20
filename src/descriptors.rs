//! The limit of file descriptors: how many files and connections the program may have open at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The highest limit that is asked for. Child processes inherit it, and some, an editor perhaps, close
/// every descriptor up to the limit one by one when they start.
const MAX_DESCRIPTORS: u64 = 65_536;

/// Raises the soft limit of descriptors towards the hard limit, to [`MAX_DESCRIPTORS`] at most, and
/// returns the limit that holds from now on.
pub(crate) fn raise_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` is no limit.
    let wanted = maximum.unwrap_or(MAX_DESCRIPTORS).min(MAX_DESCRIPTORS);
    let mut limit = current.unwrap_or(u64::MAX);
    if limit < wanted {
        let raised = Rlimit {
            current: Some(wanted),
            maximum,
        };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit = wanted,
            Err(error) => tracing::warn!(%error, holds = limit, "the limit of descriptors stays"),
        }
    }
    usize::try_from(limit).unwrap_or(usize::MAX)
}
