//! Memory for requests that are being read, shared by all connections.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::ApiError;

/// What is counted at once, in bytes: a semaphore counts to less than a large memory has.
const UNIT: usize = 1024;

/// What all requests may hold together, from their first byte until they are where they are kept,
/// or until what was to be done with them is done.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Semaphore>);

impl Budget {
    /// A budget of this many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units)))
    }

    /// A reservation of no memory yet.
    pub(super) fn reserve(&self) -> Reservation {
        Reservation {
            budget: self.clone(),
            held: None,
            bytes: 0,
        }
    }
}

/// Memory that is taken from a budget, and given back when this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Budget,
    held: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Reservation {
    /// Takes this many bytes more.
    ///
    /// # Errors
    ///
    /// If there are not as many left; the reservation stays as it was.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.grow_to(self.bytes.saturating_add(bytes))
    }

    /// Takes as many bytes as it takes to hold this many in all.
    ///
    /// # Errors
    ///
    /// If there are not as many left; the reservation stays as it was.
    pub(super) fn grow_to(&mut self, total: usize) -> Result<(), ApiError> {
        let held = self.held.as_ref().map_or(0, |held| held.num_permits());
        let missing = total.div_ceil(UNIT).saturating_sub(held);
        if missing > 0 {
            let missing = u32::try_from(missing).map_err(|_| exhausted())?;
            let more = Arc::clone(&self.budget.0).try_acquire_many_owned(missing);
            let more = more.map_err(|_| exhausted())?;
            match &mut self.held {
                Some(held) => held.merge(more),
                held => *held = Some(more),
            }
        }
        self.bytes = self.bytes.max(total);
        Ok(())
    }
}

fn exhausted() -> ApiError {
    ApiError::invalid(
        "The requests that are being read fill the memory that is there for them. Try again in a \
         moment.",
    )
    .status(503)
    .kind("server_error")
    .code("server_error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_holds_another_has_not_until_it_is_given_back() {
        let budget = Budget::new(4 * UNIT);
        let mut one = budget.reserve();
        one.grow(UNIT / 2).expect("room");
        one.grow(UNIT / 2).expect("in the unit that it holds");
        one.grow(2 * UNIT).expect("room");
        let mut other = budget.reserve();
        other.grow(UNIT).expect("the last unit");
        assert_eq!(other.grow(1).expect_err("nothing left").status, 503);
        drop(one);
        other.grow(3 * UNIT).expect("what was given back");
        drop(other);
        budget.reserve().grow(4 * UNIT).expect("all of it");
    }
}
