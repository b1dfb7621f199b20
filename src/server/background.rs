//! Responses whose client comes back for them.

use super::AppState;
use super::active_response::ActiveResponse;
use super::error::ErrorResponse;
use crate::store::blocking;

/// Goes on with all that nobody has finished in earlier runs.
pub(super) async fn resume_all(state: &AppState) {
    let store = state.store.clone();
    let open = blocking(move || store.open_background());
    for (request, opened, checkpoint) in open.await {
        match ActiveResponse::resume(state, request, opened, &checkpoint).await {
            Ok(active) => {
                tokio::spawn(run(active, state.clone()));
            }
            Err(ErrorResponse(error)) => tracing::error!(%error, "not resumed"),
        }
    }
}

/// Goes on with a response until it has ended, or until nobody wants it any more.
pub(super) async fn run(mut active: ActiveResponse, state: AppState) {
    let stored = state.store.responses();
    let mut changes = stored.changes();
    active.start();
    while active.is_kept() && !active.has_ended() {
        changes.mark_unchanged();
        if !stored.lock().is_open(active.id()) {
            break;
        }
        tokio::select! {
            biased;
            next = active.next_reply() => {
                if next.is_closed() && state.store.keeps() {
                    // It waits for the person again when the program is back.
                    return active.leave();
                }
                active.write(next).await;
                // It is where the client will find it, unless it was cancelled in the meantime.
                if active.is_kept() {
                    active.delivered();
                }
            }
            _ = changes.changed() => {}
        }
    }
    if !active.has_ended() || !active.is_kept() {
        // Dropped before the end was delivered, it gives the person back what was typed.
        tracing::info!(response = active.id(), "cancelled");
    }
}
