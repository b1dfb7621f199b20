//! A memory budget for requests that are being read, shared by all connections.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::ApiError;

/// Bytes per permit: a semaphore has fewer permits than a large memory has bytes.
const UNIT: usize = 1024;

/// The memory that all requests may hold together, from their first byte until they are stored or
/// processed.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Semaphore>);

impl Budget {
    /// A budget of this many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units)))
    }

    /// An empty reservation.
    pub(super) fn reserve(&self) -> Reservation {
        Reservation {
            budget: self.clone(),
            permit: None,
            bytes: 0,
        }
    }
}

/// Memory reserved from a budget, released when this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Reservation {
    /// Reserves this many more bytes.
    ///
    /// # Errors
    ///
    /// If not as many are left; the reservation is unchanged.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.grow_to(self.bytes.saturating_add(bytes))
    }

    /// Grows the reservation to this many bytes in total.
    ///
    /// # Errors
    ///
    /// If not as many are left; the reservation is unchanged.
    pub(super) fn grow_to(&mut self, total: usize) -> Result<(), ApiError> {
        let held = self.permit.as_ref().map_or(0, |held| held.num_permits());
        let missing = total.div_ceil(UNIT).saturating_sub(held);
        if missing > 0 {
            let missing = u32::try_from(missing).map_err(|_| exhausted())?;
            let more = Arc::clone(&self.budget.0).try_acquire_many_owned(missing);
            let more = more.map_err(|_| exhausted())?;
            match &mut self.permit {
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
