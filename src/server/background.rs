//! Responses whose client comes back for them.

use super::State;
use super::error::ErrorResponse;
use super::exchange::Exchange;
use crate::store::blocking;

/// Goes on with all that nobody has finished in earlier runs.
pub(super) async fn resume_all(state: &State) {
    let store = state.store.clone();
    let open = blocking(move || store.open_background());
    for (request, opened, checkpoint) in open.await {
        match Exchange::resume(state, request, opened, &checkpoint).await {
            Ok(exchange) => {
                tokio::spawn(run(exchange, state.clone()));
            }
            Err(ErrorResponse(error)) => tracing::error!(%error, "not resumed"),
        }
    }
}

/// Goes on with a response until it has ended, or until nobody wants it any more.
pub(super) async fn run(mut exchange: Exchange, state: State) {
    let stored = state.store.responses();
    let mut changes = stored.changes();
    exchange.start();
    while exchange.is_kept() && !exchange.has_ended() {
        changes.mark_unchanged();
        if !stored.lock().is_open(exchange.id()) {
            break;
        }
        tokio::select! {
            biased;
            heard = exchange.heard() => {
                if heard.is_lost() && state.store.keeps() {
                    // It waits for the person again when the program is back.
                    return exchange.leave();
                }
                exchange.say(heard).await;
                // It is where the client will find it, unless it was cancelled in the meantime.
                if exchange.is_kept() {
                    exchange.delivered();
                }
            }
            _ = changes.changed() => {}
        }
    }
    if !exchange.has_ended() || !exchange.is_kept() {
        // Dropped before the end was delivered, it gives the person back what was typed.
        tracing::info!(response = exchange.id(), "cancelled");
    }
}
