//! How many files and connections the system lets the program have open at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than this is not asked for: some programs, and an editor may be one, go through all the
/// descriptors that they might have inherited.
const ENOUGH: u64 = 65_536;

/// Raises the number of descriptors that the program may use as far as it may do that by itself,
/// and returns what holds from now on.
pub fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` is no limit.
    let wanted = maximum.unwrap_or(ENOUGH).min(ENOUGH);
    let mut holds = current.unwrap_or(u64::MAX);
    if holds < wanted {
        let limit = Rlimit {
            current: Some(wanted),
            maximum,
        };
        match setrlimit(Resource::Nofile, limit) {
            Ok(()) => holds = wanted,
            Err(error) => tracing::warn!(%error, holds, "the limit of descriptors stays"),
        }
    }
    usize::try_from(holds).unwrap_or(usize::MAX)
}
