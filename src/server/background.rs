//! Background responses, for which the client polls.

use super::AppState;
use super::active_response::ActiveResponse;
use super::error::ErrorResponse;
use crate::store::blocking;

/// Resumes the unfinished responses of earlier runs.
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

/// Runs a response until it has ended, or was cancelled or deleted.
pub(super) async fn run(mut active: ActiveResponse, state: AppState) {
    let stored = state.store.responses();
    let mut changes = stored.subscribe();
    active.start();
    while active.is_stored() && !active.has_ended() {
        changes.mark_unchanged();
        if !stored.lock().is_open(active.id()) {
            break;
        }
        tokio::select! {
            biased;
            next = active.next_reply() => {
                if next.is_closed() && state.store.has_journal() {
                    // It is resumed in the next run.
                    return active.suspend();
                }
                active.write(next).await;
                // Stored for the client, unless it was cancelled in the meantime.
                if active.is_stored() {
                    active.delivered();
                }
            }
            _ = changes.changed() => {}
        }
    }
    if !active.has_ended() || !active.is_stored() {
        // Dropping it before the end was delivered gives the person back what was typed.
        tracing::info!(response = active.id(), "cancelled");
    }
}
