//! One connection: hyper reads requests and writes responses, except detached ones.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;

use super::detached::{self, Handover, Service};
use super::stream::Stream;

/// Serves a connection until one side closes it, or until `ending` tells it to end with the current
/// response.
pub(super) async fn serve(
    http: http1::Builder,
    routes: TowerToHyperService<Router>,
    mut stream: Stream,
    mut ending: watch::Receiver<()>,
) {
    let mut is_ending = false;
    loop {
        let turn = serve_until_detached(&http, &routes, stream, &mut ending, &mut is_ending).await;
        let Some((rest, response)) = turn else {
            return;
        };
        stream = rest;
        if let Err(error) = detached::send(&mut stream, response).await {
            tracing::debug!(%error, "connection");
            return;
        }
        // An error means that the sender is gone.
        if is_ending || ending.has_changed().unwrap_or(true) {
            return;
        }
    }
}

/// Serves the stream with hyper, until hyper is done or a response is detached, which is returned
/// with the stream.
async fn serve_until_detached(
    http: &http1::Builder,
    routes: &TowerToHyperService<Router>,
    stream: Stream,
    ending: &mut watch::Receiver<()>,
    is_ending: &mut bool,
) -> Option<(Stream, Response)> {
    let handover = Handover::new(&stream);
    let service = Service {
        routes: routes.clone(),
        handover: Arc::clone(&handover),
    };
    let connection = http.serve_connection(TokioIo::new(stream), service);
    // Boxed, to keep this future small: it lasts as long as the connection.
    let mut connection = Box::new(connection.with_upgrades());
    let response = loop {
        let next = poll_fn(|context| match Pin::new(&mut *connection).poll(context) {
            Poll::Ready(done) => Poll::Ready(Err(done)),
            Poll::Pending => handover
                .take()
                .map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
        });
        tokio::select! {
            next = next => match next {
                Ok(response) => break response,
                Err(done) => {
                    if let Err(error) = done {
                        tracing::debug!(%error, "connection");
                    }
                    return None;
                }
            },
            _ = ending.changed(), if !*is_ending => {
                *is_ending = true;
                Pin::new(&mut *connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts()?;
    let mut stream = parts.io.into_inner();
    stream.put_back(&parts.read_buf);
    Some((stream, response))
}
